package self_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

func TestSetupFlow(t *testing.T) {
	s := newSite(t, "")
	u := s.ada(registry.CredentialInvited)
	link := s.link(u, auth.PurposeSetup)
	v := s.visitor("en")
	first := v.do("GET", link, nil)
	first.wantRedirect(t, "/setup")
	c := first.Cookies()[0]
	if c.Path != "/setup" || !c.HttpOnly || c.MaxAge != 1800 || c.SameSite != http.SameSiteLaxMode {
		t.Errorf("link cookie = %+v", c)
	}
	page := v.get("/setup")
	page.want(t, 200, "Set your password", "This is for Ada Lovelace at Acme Helpdesk.", `value="alovelace"`, `autocomplete="new-password"`, "21 November 2035, 19:00 UTC")
	if strings.Contains(page.body, strings.TrimPrefix(link, "/setup/")) {
		t.Error("the token is in the page")
	}
	tag := page.tag(t)
	v.do("POST", "/setup", setupForm(tag, "short", "short")).want(t, 422, "Too short: at least 15 characters", `aria-invalid="true"`, `aria-describedby="password-error password-hint"`, "<title>Problem: ")
	v.do("POST", "/setup", setupForm(tag, phrase, phrase+"x")).want(t, 422, "This is not the same as above.")
	v.do("POST", "/setup", setupForm(tag, "Ada-Lovelace-2025!", "Ada-Lovelace-2025!")).want(t, 422, "Mostly made of your name")
	v.do("POST", "/setup", setupForm(tag, phrase, phrase)).wantRedirect(t, "/me?done=setup")
	v.get("/me?done=setup").want(t, 200, "Your password is set, and you are signed in.", "Ada Lovelace", "Firefox on Linux", "this browser")

	again := s.visitor("en")
	again.get(link).want(t, 410, "This link has been used", "Mail me a new link")
	again.do("POST", "/setup", setupForm(tag, renewed, renewed)).want(t, 410, "This link has been used")
	again.do("POST", "/c/acme/login", url.Values{"name": {"ALOVELACE"}, "password": {phrase}}).wantRedirect(t, "/me")
}

func TestScannerChangesNothing(t *testing.T) {
	s := newSite(t, "")
	u := s.ada(registry.CredentialInvited)
	link := s.link(u, auth.PurposeSetup)
	for i := range 50 {
		v := s.visitor("en")
		v.do([]string{"GET", "HEAD"}[i%2], link, nil).wantRedirect(t, "/setup")
		v.get("/setup").want(t, 200)
		v.do("HEAD", "/setup", nil).want(t, 200)
	}
	if a := s.store.Actions(t, u.Company, u.ID); len(a) != 0 || len(s.work()) != 0 {
		t.Errorf("fetching changed something: %v", a)
	}
	v := s.visitor("en")
	tag := v.get(link).tag(t)
	v.do("POST", "/setup", setupForm(tag, phrase, phrase)).wantRedirect(t, "/me?done=setup")
}

func TestTwoBrowsersSubmitAtOnce(t *testing.T) {
	s := newSite(t, "")
	link := s.link(s.ada(registry.CredentialInvited), auth.PurposeSetup)
	passwords := []string{phrase, renewed, "nine wooden bridges", "eleven paper kites"}
	answers := make([]answer, len(passwords))
	var ready, done sync.WaitGroup
	ready.Add(len(passwords))
	for i, p := range passwords {
		done.Go(func() {
			v := s.visitor("en")
			tag := v.get(link).tag(t)
			ready.Done()
			ready.Wait()
			answers[i] = v.do("POST", "/setup", setupForm(tag, p, p))
		})
	}
	done.Wait()
	winners := 0
	for i, a := range answers {
		in := s.visitor("en").do("POST", "/c/acme/login", url.Values{"name": {"alovelace"}, "password": {passwords[i]}}).StatusCode == http.StatusSeeOther
		if won := a.StatusCode == http.StatusSeeOther; won != in {
			t.Errorf("browser %d won %v, its password signs in %v", i, won, in)
		} else if won {
			winners++
		} else {
			a.want(t, 410, "This link has been used")
		}
	}
	if winners != 1 {
		t.Errorf("%d winners", winners)
	}
}

func TestLinkPages(t *testing.T) {
	s := newSite(t, "")
	u := s.ada(registry.CredentialInvited)
	link := s.link(u, auth.PurposeSetup)
	v := s.visitor("en")
	v.get("/setup").want(t, 404, "Please open the link in your e-mail again")
	v.get("/setup/"+strings.Repeat("A", 43)).want(t, 404, "This link is not valid")
	v.get("/setup/nonsense").want(t, 404, "This link is not valid")
	s.visitor("en").get("/setup/"+strings.Repeat("A", 65)).want(t, 404, "Please open the link in your e-mail again")
	blocked := u
	blocked.Blocks = registry.BlockAdmin
	s.store.SetUser(t, blocked)
	closed := v.get(link)
	closed.want(t, 403, "This account is not open")
	if strings.Contains(closed.body, "Mail me a new link") {
		t.Error("a closed account is offered a link")
	}
	s.store.SetUser(t, u)
	s.sleep(time.Hour)
	v.get(link).want(t, 410, "This link has expired", "Mail me a new link")
	v.do("POST", "/setup/new", url.Values{}).wantRedirect(t, "/setup/sent")
	v.get("/setup/sent").want(t, 200, "Look in your mailbox", "Acme Helpdesk")
	links := s.work()
	if len(links) != 1 {
		t.Fatalf("links mailed: %v", links)
	}
	v.get(link).want(t, 410, "A newer link has replaced this one")
	v.get(links[0]).want(t, 200, "Set your password")
	// Whatever happens, the answer is the same.
	s.visitor("en").do("POST", "/setup/new", url.Values{}).wantRedirect(t, "/setup/sent")
	for range 10 {
		v.do("POST", "/setup/new", url.Values{}).wantRedirect(t, "/setup/sent")
	}
}

func TestTwoLinksInOneBrowser(t *testing.T) {
	s := newSite(t, "")
	v := s.visitor("en")
	ada := s.ada(registry.CredentialInvited)
	tag := v.get(s.link(ada, auth.PurposeSetup)).tag(t)
	bob := s.store.AddUser(t, func() registry.User {
		u := s.ada(registry.CredentialInvited)
		u.Attributes = registry.Attributes{registry.AttrUserName: {"bob"}, registry.AttrEmails: {"bob@example.com"}}
		return u
	}(), "", true)
	v.get(s.link(bob, auth.PurposeSetup)).want(t, 200, `value="bob"`)
	v.do("POST", "/setup", setupForm(tag, phrase, phrase)).want(t, 422, "Another link was opened in this browser", `value="bob"`)
	if len(s.store.Actions(t, bob.Company, bob.ID)) != 0 {
		t.Error("Ada's form set Bob's password")
	}
}

func TestSignInAndOut(t *testing.T) {
	s := newSite(t, "")
	s.ada(registry.CredentialSet)
	v := s.visitor("en")
	v.get("/").want(t, 200, "Your helpdesk account")
	v.do("GET", "/login?company=ACME&next=/me/password", nil).wantRedirect(t, "/c/acme/login?next=%2Fme%2Fpassword")
	v.get("/login?company=nope").want(t, 404, "No company has this short name", `value="nope"`)
	v.do("GET", "/me", nil).wantRedirect(t, "/login?next=/me")
	wrong := url.Values{"name": {"alovelace"}, "password": {"wrong"}}
	v.do("POST", "/c/acme/login", wrong).want(t, 422, "Name and password do not fit together", `value="alovelace"`)
	a := v.do("POST", "/c/acme/login", url.Values{"name": {"nobody"}, "password": {"wrong"}})
	a.want(t, 422, "Name and password do not fit together")
	v.do("POST", "/c/acme/login", url.Values{"name": {"ada@example.com"}, "password": {phrase}, "next": {"/me/password"}}).wantRedirect(t, "/me/password")
	v.get("/me").want(t, 200, "Sign out")
	v.do("POST", "/c/acme/logout", url.Values{}).wantRedirect(t, "/c/acme/login?done=signedout")
	v.get("/c/acme/login?done=signedout").want(t, 200, "You are signed out.")
	v.do("GET", "/me", nil).wantRedirect(t, "/login?next=/me")
	for range 10 {
		a = v.do("POST", "/c/acme/login", wrong)
	}
	a.want(t, 429, "Too many tries. Please wait")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestNextLeadsNowhereElse(t *testing.T) {
	s := newSite(t, "")
	s.ada(registry.CredentialSet)
	for _, next := range []string{"https://evil.example", "//evil.example", `/\evil.example`, "javascript:alert(1)", "me", "/\t/evil.example"} {
		v := s.visitor("en")
		v.do("POST", "/c/acme/login", url.Values{"name": {"alovelace"}, "password": {phrase}, "next": {next}}).wantRedirect(t, "/me")
	}
	v := s.visitor("en")
	v.do("GET", "//evil.example/?lang=it", nil).wantRedirect(t, "/")
}

func TestForgotFlow(t *testing.T) {
	s := newSite(t, "")
	s.ada(registry.CredentialSet)
	v := s.visitor("en")
	v.get("/c/acme/forgot").want(t, 200, "Forgotten password")
	for _, name := range []string{"nobody", "alovelace"} {
		v.do("POST", "/c/acme/forgot", url.Values{"name": {name}}).wantRedirect(t, "/c/acme/forgot?done=sent")
	}
	v.get("/c/acme/forgot?done=sent").want(t, 200, "If this name belongs to an account")
	links := s.work()
	if len(links) != 1 {
		t.Fatalf("links mailed: %v", links)
	}
	tag := v.get(links[0]).tag(t)
	v.do("POST", "/setup", setupForm(tag, renewed, renewed)).wantRedirect(t, "/me?done=setup")
	s.visitor("en").do("POST", "/c/acme/login", url.Values{"name": {"alovelace"}, "password": {phrase}}).want(t, 422)
}

func TestChangePassword(t *testing.T) {
	s := newSite(t, "")
	s.ada(registry.CredentialSet)
	login := url.Values{"name": {"alovelace"}, "password": {phrase}}
	here, there := s.visitor("en"), s.visitor("en")
	for _, v := range []*visitor{here, there} {
		v.do("POST", "/c/acme/login", login).wantRedirect(t, "/me")
	}
	here.get("/me").want(t, 200, "Sign out everywhere else")
	form := func(present, wanted, repeat string) url.Values {
		return url.Values{"present": {present}, "password": {wanted}, "repeat": {repeat}}
	}
	here.get("/me/password").want(t, 200, "Present password", `autocomplete="current-password"`)
	here.do("POST", "/me/password", form("wrong", renewed, renewed)).want(t, 422, "This is not your present password.")
	here.do("POST", "/me/password", form(phrase, renewed, "x")).want(t, 422, "This is not the same as above.")
	here.do("POST", "/me/password", form(phrase, phrase, phrase)).want(t, 422, "This is your present password.")
	here.do("POST", "/me/password", form(phrase, renewed, renewed)).wantRedirect(t, "/me?done=password")
	here.get("/me?done=password").want(t, 200, "Your password is changed.")
	there.do("GET", "/me", nil).wantRedirect(t, "/login?next=/me")
	there.do("POST", "/me/password", form(renewed, phrase, phrase)).wantRedirect(t, "/login?next=/me")
}

func TestEndOtherSessions(t *testing.T) {
	s := newSite(t, "")
	u := s.ada(registry.CredentialSet)
	login := url.Values{"name": {"alovelace"}, "password": {phrase}}
	here, there := s.visitor("en"), s.visitor("en")
	for _, v := range []*visitor{here, there} {
		v.do("POST", "/c/acme/login", login).wantRedirect(t, "/me")
	}
	here.do("POST", "/me/sessions/end", url.Values{}).wantRedirect(t, "/me?done=sessions")
	here.get("/me?done=sessions").want(t, 200, "You are signed out everywhere else.")
	there.do("GET", "/me", nil).wantRedirect(t, "/login?next=/me")
	// Deactivation ends the last one at once.
	u.Enabled = false
	s.store.SetUser(t, u)
	here.do("GET", "/me", nil).wantRedirect(t, "/login?next=/me")
}

func TestMeIsEscapedAndTold(t *testing.T) {
	s := newSite(t, "")
	s.ada(registry.CredentialSet)
	v := s.visitor("en")
	v.do("POST", "/c/acme/login", url.Values{"name": {"alovelace"}, "password": {phrase}}).wantRedirect(t, "/me")
	v.get("/me").want(t, 200, "Analyst &amp; poet", "Field service &lt;north&gt;", "directory “corp”", "an administrator",
		"<li>countess@example.org</li>", "not recorded",
		`<time datetime="2025-03-02T01:30:00Z" title="2025-03-02 01:30 UTC">2 March 2025</time>`,
		"21 November 2035, 19:00 CET")
}

func TestLanguages(t *testing.T) {
	s := newSite(t, "")
	u := s.ada(registry.CredentialInvited)
	link := s.link(u, auth.PurposeSetup)
	v := s.visitor("de, it;q=0.8, en;q=0.5")
	v.get("/c/acme/login").want(t, 200, `<html lang="it"`, "Accedi")
	s.visitor("de").get("/c/acme/login").want(t, 200, `<html lang="en"`) // the company's
	u.Attributes.Set(registry.AttrLocale, "ru_RU")
	s.store.SetUser(t, u)
	v.get(link).want(t, 200, `<html lang="ru"`, "Установите пароль") // the person's
	v.do("GET", "/setup?lang=en&done=x", nil).wantRedirect(t, "/setup?done=x")
	v.get("/setup").want(t, 200, `<html lang="en"`) // the one chosen
	v.get("/c/acme/login").want(t, 200, `<html lang="en"`)
	v.get("/?lang=xx").want(t, 200, `<html lang="en"`)
	v.do("GET", "/?theme=dark", nil).wantRedirect(t, "/")
	v.get("/").want(t, 200, `data-theme="dark"`)
	v.get("/?theme=pink").want(t, 200, `data-theme="dark"`)
}

func TestLogHoldsNoSecrets(t *testing.T) {
	s := newSite(t, "")
	link := s.link(s.ada(registry.CredentialInvited), auth.PurposeSetup)
	v := s.visitor("en")
	tag := v.get(link).tag(t)
	v.do("POST", "/setup", setupForm(tag, phrase, phrase))
	v.do("POST", "/c/acme/login", url.Values{"name": {"alovelace"}, "password": {phrase}})
	for _, secret := range []string{strings.TrimPrefix(link, "/setup/"), phrase, "alovelace"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if !strings.Contains(s.log.String(), `route="GET /setup/{token}"`) {
		t.Errorf("the log lacks the route:\n%s", s.log)
	}
}

func TestSecureCookies(t *testing.T) {
	s := newSite(t, "https://people.example.com")
	link := s.link(s.ada(registry.CredentialInvited), auth.PurposeSetup)
	a := s.visitor("en").do("GET", link, nil)
	if c := a.Cookies()[0]; c.Name != "__Secure-usher-link" || !c.Secure {
		t.Errorf("link cookie = %+v", c)
	}
	if a.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS over TLS")
	}
}

func TestOurFault(t *testing.T) {
	s := newSite(t, "")
	s.mux.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("database password hunter2") })
	for _, path := range []string{"/panic", "/c/broken/login"} {
		a := s.visitor("en").get(path)
		a.want(t, 500, "Something went wrong on our side", "req-1")
		if strings.Contains(a.body, "hunter2") || a.Header.Get("X-Request-Id") != "req-1" {
			t.Errorf("%s: %v\n%s", path, a.Header, a.body)
		}
	}
	if !strings.Contains(s.log.String(), "hunter2") {
		t.Error("the cause is not in the log")
	}
}

func TestForeignForms(t *testing.T) {
	s := newSite(t, "")
	s.ada(registry.CredentialSet)
	v := s.visitor("en")
	v.do("POST", "/c/acme/login", url.Values{"name": {"alovelace"}, "password": {phrase}}).wantRedirect(t, "/me")
	for _, path := range []string{"/c/acme/login", "/c/acme/logout", "/c/acme/forgot", "/setup", "/setup/new", "/me/password", "/me/sessions/end"} {
		req, err := http.NewRequest("POST", s.url+path, strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		res, err := v.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	v.get("/me").want(t, 200)
}

func TestOddRequests(t *testing.T) {
	s := newSite(t, "")
	v := s.visitor("en")
	for _, path := range []string{"/nope", "/c/nope/login", "/c/nope/forgot", "/c/acme", "/static/nope.css", "/me/../nope", "/login/"} {
		v.get(path).want(t, 404, "There is no such page", "<html")
	}
	a := v.do("DELETE", "/login", nil)
	a.want(t, 405, "This page cannot be opened this way")
	if a.Header.Get("Allow") != "GET, HEAD, POST" {
		t.Errorf("Allow: %q", a.Header.Get("Allow"))
	}
	v.do("GET", "/c/acme/logout", nil).want(t, 405)
	v.do("POST", "/c/acme/login", url.Values{"name": {strings.Repeat("x", 70_000)}}).want(t, 413, "That is too much text")
	v.do("POST", "/c/acme/login", url.Values{"name": {strings.Repeat("x", 60_000)}, "password": {"\x00\xff"}}).want(t, 422)
	v.header.Set("Accept-Language", strings.Repeat("en,", 2000))
	v.get("/").want(t, 200)
	v.do("GET", "/?lang=%zz&theme=dark;", nil).want(t, 200)
}

func TestEveryAnswerHasItsHeaders(t *testing.T) {
	s := newSite(t, "")
	v := s.visitor("en")
	for _, path := range []string{"/", "/login", "/c/acme/login", "/nope", "/setup", "/setup/x", "/me", "/?lang=it"} {
		h := v.do("GET", path, nil).Header
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"Referrer-Policy":         "no-referrer", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store",
		} {
			if got := strings.Join(h.Values(name), "|"); got != want {
				t.Errorf("%s: %s = %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestStaticFiles(t *testing.T) {
	s := newSite(t, "")
	v := s.visitor("en")
	body := v.get("/").body
	for _, ext := range []string{"css", "svg"} {
		_, rest, _ := strings.Cut(body, `href="/static/`)
		for !strings.HasPrefix(rest[strings.IndexByte(rest, '"')-3:], ext) {
			_, rest, _ = strings.Cut(rest, `href="/static/`)
		}
		a := v.get("/static/" + rest[:strings.IndexByte(rest, '"')])
		a.want(t, 200)
		if a.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || !strings.Contains(a.Header.Get("Content-Type"), ext) {
			t.Errorf("%s: %v", ext, a.Header)
		}
	}
}

func BenchmarkLoginPage(b *testing.B) {
	s := newSite(b, "")
	v := s.visitor("en")
	for b.Loop() {
		if a := v.get("/c/acme/login"); a.StatusCode != 200 {
			b.Fatal(fmt.Sprint(a.StatusCode))
		}
	}
}
