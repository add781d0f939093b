package app_test

import (
	"encoding/base32"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/signin"
)

// addTOTP gives somebody an authenticator app whose codes nobody knows, and
// returns the factor's id.
func addTOTP(e *entry, u *registry.User) string {
	e.t.Helper()
	_, err := e.s.Store.Signing().AddFactor(e.t.Context(), signin.Factor{
		Company: u.Company, User: u.ID, Kind: auth.FactorTOTP, Secret: []byte("sealed elsewhere"), CreatedAt: e.s.Now(),
	}, nil)
	must(e.t, err)
	all, err := e.s.Store.Signing().Factors(e.t.Context(), u.Company, u.ID)
	must(e.t, err)
	return fmt.Sprint(all[0].ID)
}

var (
	secretText = regexp.MustCompile(`id="secret">([A-Z2-7 ]+)<`)
	codeText   = regexp.MustCompile(`<li><code>([0-9a-z-]+)</code></li>`)
)

// codeAt is what an app shows that was told the secret on a page.
func codeAt(t *testing.T, p page, at time.Time) string {
	t.Helper()
	m := secretText.FindStringSubmatch(p.body)
	if m == nil {
		t.Fatalf("no secret at %s: %d\n%s", p.url, p.status, p.body)
	}
	secret := strings.ReplaceAll(m[1], " ", "")
	if _, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret); err != nil {
		t.Fatal(err)
	}
	code, err := totp.GenerateCode(secret, at)
	must(t, err)
	return code
}

// TestSecondFactor follows an admin who must have a second factor.
func TestSecondFactor(t *testing.T) {
	t.Parallel()
	clock := newClock()
	e := newEntry(t, "", app.Options{Now: clock.now})
	e.rights(e.person("acme", "claire", true), true, false, false)
	g := e.guest()
	if p := g.signIn("acme", "claire", phrase); p.url.Path != "/me/factors" || !p.has("needs a second step") {
		t.Fatalf("an admin without a factor is at %s", p.url)
	}
	setup := g.get("/me/factors/totp")
	if again := g.get("/me/factors/totp"); codeAt(t, again, clock.now()) != codeAt(t, setup, clock.now()) {
		t.Error("looking again shows another secret")
	}
	if p := g.do("POST", "/me/factors/totp", url.Values{"code": {"000000"}}); p.status != http.StatusUnprocessableEntity || g.in() != "" {
		t.Errorf("a wrong code: %d", p.status)
	}
	added := g.do("POST", "/me/factors/totp", url.Values{"code": {codeAt(t, setup, clock.now())}, "name": {"phone <b>"}})
	codes := codeText.FindAllStringSubmatch(added.body, -1)
	if added.status != http.StatusOK || len(codes) != 10 || g.in() == "" {
		t.Fatalf("a right code: %d, %d recovery codes\n%s", added.status, len(codes), added.body)
	}
	if p := g.get("/me/factors"); !p.has("phone &lt;b&gt;") || p.has("/remove") {
		t.Error("the only factor of an admin can be removed, or its name is not shown")
	}
	// Elsewhere the password is half of it.
	there := e.guest()
	if p := there.signIn("acme", "claire", phrase); p.url.Path != "/factor" || there.in() != "" {
		t.Fatalf("the password alone leads to %s", p.url)
	}
	prove := func(code string) page { return there.do("POST", "/factor", url.Values{"code": {code}}) }
	if p := prove(codeAt(t, setup, clock.now())); p.status != http.StatusUnprocessableEntity {
		t.Errorf("a code taken before is taken again: %d", p.status)
	}
	clock.add(30 * time.Second)
	fresh := codeAt(t, setup, clock.now())
	if p := prove(fresh); p.location != "/me" || there.in() == "" {
		t.Errorf("the next code: %d to %q", p.status, p.location)
	}
	// A recovery code lets in once, however it is typed.
	lost := e.guest()
	lost.signIn("acme", "claire", phrase)
	typed := strings.ToUpper(strings.ReplaceAll(codes[0][1], "-", " "))
	if p := lost.do("POST", "/factor", url.Values{"code": {typed}}); p.location != "/me" {
		t.Errorf("a recovery code: %d", p.status)
	}
	clock.add(10 * time.Minute)
	again := e.guest()
	again.signIn("acme", "claire", phrase)
	if p := again.do("POST", "/factor", url.Values{"code": {typed}}); p.status != http.StatusUnprocessableEntity {
		t.Errorf("a recovery code twice: %d", p.status)
	}
	tryTooOften(t, again)
	e.endings(g, there)
	e.reset(g)
}

// tryTooOften guesses until it is slowed down.
func tryTooOften(t *testing.T, g *guestOf) {
	t.Helper()
	for i := range 6 {
		p := g.do("POST", "/factor", url.Values{"code": {fmt.Sprintf("%06d", i)}})
		if p.status == http.StatusTooManyRequests {
			if p.header.Get("Retry-After") == "" {
				t.Error("nobody says how long to wait")
			}
			return
		}
	}
	t.Error("six wrong codes in a row are heard")
}

// endings signs browsers out from another one, and looks at the audit.
func (e *entry) endings(here, there *guestOf) {
	t := e.t
	t.Helper()
	other := regexp.MustCompile(`/me/sessions/[\w-]+/end`)
	all := other.FindAllString(here.do("GET", "/me", nil).body, -1)
	for _, path := range all {
		here.do("POST", path, url.Values{})
	}
	if there.in() != "" || here.in() == "" {
		t.Error("the wrong browser was signed out")
	}
	here.do("POST", "/c/acme/logout", url.Values{})
	for action, least := range map[string]int{
		registry.DeedSignIn: 4, registry.DeedFactorAdd: 1, registry.DeedSecondFactor: 3, registry.DeedSessionEnd: 1, registry.DeedSignOut: 1,
	} {
		if got := e.deeds("acme", action); len(got) < least {
			t.Errorf("the audit has %d of %s, want %d at least", len(got), action, least)
		}
	}
	if d := e.deeds("acme", registry.DeedFactorAdd)[0]; d.Actor != "admin claire" || d.Address == "" || d.RequestID == "" || d.Detail["kind"] != "totp" {
		t.Errorf("the audit of a factor: %+v", d)
	}
}

// reset takes the factors away, which ends every session.
func (e *entry) reset(g *guestOf) {
	t := e.t
	t.Helper()
	u := e.look("acme", "claire")
	g.given(u, e.s.Now())
	n, err := e.s.ResetFactors(t.Context(), u, "test")
	must(t, err)
	if n != 1 || g.in() != "" {
		t.Errorf("reset %d factors, and the session lives on: %q", n, g.in())
	}
	left, err := e.s.Store.Signing().Factors(t.Context(), u.Company, u.ID)
	must(t, err)
	if len(left) != 0 {
		t.Errorf("%d factors are left", len(left))
	}
}

// TestOneCodeOneBrowser: of many who send the same code at once, one is let in.
func TestOneCodeOneBrowser(t *testing.T) {
	t.Parallel()
	clock := newClock()
	e := newEntry(t, "trusted_proxies: [127.0.0.0/8, '::1/128']\n", app.Options{Now: clock.now})
	u := e.person("acme", "ada", true)
	g := e.guest()
	g.given(u, time.Time{})
	setup := g.get("/me/factors/totp")
	if p := g.do("POST", "/me/factors/totp", url.Values{"code": {codeAt(t, setup, clock.now())}}); p.status != http.StatusOK {
		t.Fatalf("added: %d", p.status)
	}
	clock.add(5 * time.Minute)
	code := codeAt(t, setup, clock.now())
	var wg sync.WaitGroup
	in := make([]bool, 4) // fewer than the limit on tries
	for i := range in {
		b := e.guest()
		b.given(u, time.Time{})
		wg.Go(func() { in[i] = b.do("POST", "/factor", url.Values{"code": {code}}).location == "/me" })
	}
	wg.Wait()
	n := 0
	for _, ok := range in {
		if ok {
			n++
		}
	}
	if n != 1 {
		t.Errorf("one code let %d browsers in", n)
	}
}

// TestFiftyWrongPasswords: while fifty strangers guess at once, everybody else is
// served.
func TestFiftyWrongPasswords(t *testing.T) {
	t.Parallel()
	e := newEntry(t, "trusted_proxies: [127.0.0.0/8, '::1/128']\n", app.Options{})
	e.person("acme", "ada", true)
	done := make(chan int, 50)
	for i := range 50 {
		g := e.guest()
		g.header.Set("X-Forwarded-For", fmt.Sprintf("192.0.%d.1", i)) // each from a network of their own
		go func() {
			done <- g.do("POST", "/c/acme/login", url.Values{"name": {fmt.Sprint("nobody", i)}, "password": {"wrong wrong wrong"}}).status
		}()
	}
	var slowest time.Duration
	asked := 0
	for left := 50; left > 0; {
		select {
		case status := <-done:
			left--
			if status != http.StatusUnprocessableEntity {
				t.Errorf("a wrong password: %d", status)
			}
		default:
			begin := time.Now()
			if status, _ := get(t, e.url+"/c/acme/login"); status != http.StatusOK {
				t.Errorf("meanwhile: %d", status)
			}
			slowest, asked = max(slowest, time.Since(begin)), asked+1
		}
	}
	t.Logf("meanwhile %d pages, the slowest after %s", asked, slowest.Round(time.Millisecond))
	if asked < 5 {
		t.Errorf("meanwhile only %d pages", asked)
	}
}
