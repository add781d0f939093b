package register_test

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard/onboardtest"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
	"github.com/usherd/usher/internal/web/register"
)

var update = flag.Bool("update", false, "write the golden pages anew")

// volatile is what differs from build to build: hashes of static files.
var volatile = regexp.MustCompile(`\.[0-9a-f]{16}\.`)

// office is the Registration port: it answers as told and keeps what came.
type office struct {
	answer error
	kind   registry.Kind
	typed  map[string]string
	proof  auth.Proof
}

func (o *office) Challenge() (string, int) { return "challenge.1", 17 }

func (o *office) Register(_ context.Context, kind registry.Kind, typed map[string]string, p auth.Proof, _ auth.Client) error {
	o.kind, o.typed, o.proof = kind, typed, p
	return o.answer
}

// site serves the pages to one visitor.
type site struct {
	t      *testing.T
	url    string
	lang   string
	office *office
	client *http.Client
}

func newSite(t *testing.T, lang string, users, staff bool) *site {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	s := &site{t: t, lang: lang, office: &office{}, client: &http.Client{
		Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	var handler http.Handler
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	public, err := url.Parse(srv.URL)
	must(t, err)
	shell, err := web.New(web.Config{
		PublicURL: public, Sessions: onboardtest.NewMemory(), People: auth.DefaultPeopleLife(), Admins: auth.DefaultAdminLife(),
		ClientIP: func(*http.Request) netip.Addr { return netip.Addr{} }, Now: time.Now,
		NewRequestID: func() string { return "req-1" }, Log: slog.New(slog.DiscardHandler),
	}, register.Files())
	must(t, err)
	mux := http.NewServeMux()
	(&register.Handlers{Shell: shell, Registration: s.office, Users: users, Staff: staff}).Mount(mux)
	handler = shell.Handler(mux)
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *site) ask(method, path string, form url.Values) (*http.Response, string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(form.Encode()))
	must(s.t, err)
	req.Header.Set("Accept-Language", s.lang)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := s.client.Do(req)
	must(s.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(s.t, err)
	return res, string(body)
}

func filled() url.Values {
	return url.Values{
		"login": {"ada"}, "given": {`A"><script>`}, "family": {"Lovelace"}, "mail": {"ada@example.com"}, "locale": {"ru"}, "contract": {"C-1"},
		"challenge": {"challenge.1"}, "nonce": {"42"}, "company": {"Acme"},
	}
}

// TestGolden keeps the pages as they are, in the three languages.
func TestGolden(t *testing.T) {
	for _, lang := range []string{"en", "it", "ru"} {
		s := newSite(t, lang, true, true)
		pages := map[string]string{}
		for name, path := range map[string]string{
			"choose": "/register", "user": "/register/user", "staff": "/register/staff", "sent": "/register/sent",
		} {
			_, pages[name] = s.ask("GET", path, nil)
		}
		s.office.answer = &registry.FormError{Fields: map[string]registry.FormFault{
			"login": registry.FaultLogin, "mail": registry.FaultMail, "given": registry.FaultText, "family": registry.FaultLong, "contract": registry.FaultMissing,
			"phone": registry.FaultPhone,
		}}
		_, pages["faults"] = s.ask("POST", "/register/user", filled())
		s.office.answer = auth.ErrProof
		_, pages["again"] = s.ask("POST", "/register/staff", filled())
		s.office.answer = &auth.ThrottledError{RetryAfter: time.Minute}
		_, pages["slow"] = s.ask("POST", "/register/staff", filled())
		for name, body := range pages {
			golden(t, name+"."+lang+".html", body)
		}
	}
}

func golden(t *testing.T, name, body string) {
	t.Helper()
	if !strings.Contains(body, "</html>") {
		t.Errorf("%s is no page: %q", name, body)
	}
	got, file := volatile.ReplaceAllString(body, ".HASH."), filepath.Join("testdata", "golden", name)
	if *update {
		must(t, os.MkdirAll(filepath.Dir(file), 0o755))
		must(t, os.WriteFile(file, []byte(got), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	must(t, err)
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (go test -update writes it anew):\n%s", name, d)
	}
}

func TestForms(t *testing.T) {
	s := newSite(t, "en", true, true)
	for path, kind := range map[string]registry.Kind{"/register/user": registry.EndUser, "/register/staff": registry.SupportStaff} {
		res, _ := s.ask("POST", path, filled())
		if res.StatusCode != http.StatusSeeOther || res.Header.Get("Location") != "/register/sent" || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %v", path, res.StatusCode, res.Header)
		}
		if s.office.kind != kind || s.office.typed["given"] != `A"><script>` || s.office.proof != (auth.Proof{Challenge: "challenge.1", Nonce: "42"}) {
			t.Errorf("%s: %+v", path, s.office)
		}
	}
	for _, c := range []struct {
		answer error
		status int
	}{
		{&registry.FormError{Fields: map[string]registry.FormFault{"mail": registry.FaultMail}}, 422}, {auth.ErrProof, 422},
		{&auth.ThrottledError{RetryAfter: 90 * time.Second}, 429}, {errors.New("the database said hunter2"), 500},
	} {
		s.office.answer = c.answer
		res, body := s.ask("POST", "/register/user", filled())
		if res.StatusCode != c.status || strings.Contains(body, "hunter2") || strings.Contains(body, "<script>\"") || strings.Contains(body, `"><script>`) {
			t.Errorf("%v: %d\n%s", c.answer, res.StatusCode, body)
		}
		if c.status < 500 && (!strings.Contains(body, `value="ada@example.com"`) || !strings.Contains(body, `role="alert"`)) {
			t.Errorf("%v: what was typed is lost:\n%s", c.answer, body)
		}
		if c.status == 429 && res.Header.Get("Retry-After") != "91" {
			t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
		}
	}
}

// TestLanguageKeepsWhatWasTyped also keeps the choice for the next page, and sends
// nothing.
func TestLanguageKeepsWhatWasTyped(t *testing.T) {
	s := newSite(t, "en", true, true)
	form := filled()
	form.Set("lang", "it")
	res, body := s.ask("POST", "/register/user", form)
	if res.StatusCode != 200 || s.office.typed != nil {
		t.Fatalf("%d, sent %v", res.StatusCode, s.office.typed)
	}
	for _, want := range []string{`<html lang="it"`, `value="ada"`, `value="C-1"`, `<option value="it" lang="it" selected>`, `name="lang" value="ru"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	if _, body := s.ask("GET", "/register/user", nil); !strings.Contains(body, `<html lang="it"`) {
		t.Error("the language is forgotten")
	}
	form.Set("lang", "xx")
	if res, _ := s.ask("POST", "/register/user", form); res.StatusCode != http.StatusSeeOther {
		t.Errorf("a language we do not speak: %d", res.StatusCode)
	}
	form = filled()
	form.Set("theme", "dark")
	if _, body := s.ask("POST", "/register/user", form); !strings.Contains(body, `data-theme="dark"`) || !strings.Contains(body, `value="ada"`) {
		t.Error("the theme lost something")
	}
}

// TestScriptsOnlyWhereTheyAreNeeded: the form may run ours, no other page any.
func TestScriptsOnlyWhereTheyAreNeeded(t *testing.T) {
	s := newSite(t, "en", true, false)
	for path, want := range map[string]bool{"/register": false, "/register/user": true, "/register/sent": false} {
		res, body := s.ask("GET", path, nil)
		policy := res.Header.Get("Content-Security-Policy")
		if strings.Contains(policy, "script-src 'self'") != want || !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", path, policy)
		}
		if strings.Contains(body, "/register/staff") {
			t.Errorf("%s leads to a form that is shut", path)
		}
	}
	for _, path := range []string{"/register/staff", "/register/nobody"} {
		if res, _ := s.ask("GET", path, nil); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
	shut := newSite(t, "en", false, false)
	if res, _ := shut.ask("GET", "/register", nil); res.StatusCode != http.StatusNotFound {
		t.Errorf("a shut door: %d", res.StatusCode)
	}
}

// TestWordsAgree: every language says everything.
func TestWordsAgree(t *testing.T) {
	keys := map[string][]string{}
	for _, lang := range []string{"en", "it", "ru"} {
		raw, err := os.ReadFile("locales/" + lang + ".json")
		must(t, err)
		var all map[string]any
		must(t, json.Unmarshal(raw, &all))
		for k := range all {
			keys[k] = append(keys[k], lang)
		}
	}
	for k, langs := range keys {
		if len(langs) != 3 {
			t.Errorf("%s is said in %v only", k, langs)
		}
	}
}
