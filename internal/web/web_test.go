package web

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/usherd/usher/internal/auth"
)

func testConfig() Config {
	return Config{
		PublicURL: &url.URL{Scheme: "https", Host: "people.example.com"},
		People:    auth.DefaultPeopleLife(), Admins: auth.DefaultAdminLife(),
		ClientIP: func(*http.Request) netip.Addr { return netip.Addr{} }, Now: time.Now,
		NewRequestID: func() string { return "id" }, Log: slog.New(slog.DiscardHandler),
	}
}

// onePage is a folder with one page.
func onePage(template string) Pages {
	locales := fstest.MapFS{}
	for _, l := range languages {
		locales[l.Code+".json"] = &fstest.MapFile{Data: []byte(`{"hello": "hello in ` + l.Code + `"}`)}
	}
	return Pages{Templates: fstest.MapFS{"one.html": {Data: []byte(template)}}, Locales: locales}
}

func TestBrokenPagesStopTheStart(t *testing.T) {
	if _, err := New(testConfig(), onePage(`{{define "content"}}{{t "hello"}}{{end}}`)); err != nil {
		t.Fatal(err)
	}
	lacking := onePage(`{{define "content"}}{{end}}`)
	delete(lacking.Locales.(fstest.MapFS), "ru.json")
	for name, c := range map[string]struct {
		pages Pages
		want  string
	}{
		"unclosed":         {onePage(`{{define "content"}}{{if .View}}`), "one.html"},
		"unknown function": {onePage(`{{define "content"}}{{nope}}{{end}}`), "nope"},
		"missing language": {lacking, "ru.json"},
		"a name twice":     {Pages{Templates: fstest.MapFS{"failure.html": {Data: []byte(`x`)}}, Locales: onePage("").Locales}, "two pages"},
	} {
		if _, err := New(testConfig(), c.pages); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cfg := testConfig()
	cfg.PublicURL = nil
	if _, err := New(cfg); err == nil {
		t.Error("started without a public URL")
	}
}

func TestHalfAPageIsNeverSent(t *testing.T) {
	s, err := New(testConfig(), onePage(`{{define "content"}}before {{t "no such words"}}{{end}}`))
	if err != nil {
		t.Fatal(err)
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	s.Show(w, r, Page{Template: "one", Title: Say("hello")})
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "before") || strings.Count(w.Body.String(), "<html") != 1 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestFailureOfTheFailurePage(t *testing.T) {
	s, err := New(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range s.templates {
		delete(set, "failure")
	}
	w := httptest.NewRecorder()
	s.Refuse(w, httptest.NewRequest("GET", "/", nil), http.StatusNotFound)
	if w.Code != http.StatusInternalServerError || w.Body.String() != "Internal Server Error\n" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestPanicAfterTheAnswerBegan(t *testing.T) {
	s, err := New(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half an ans")
		panic("boom")
	})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // a panic value
			t.Errorf("recovered %v, want the connection aborted", p)
		}
	}()
	s.Handler(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/half", nil))
}

func TestMatch(t *testing.T) {
	s, err := New(testConfig())
	if err != nil {
		t.Fatal(err)
	}
	for wanted, want := range map[string]string{
		"": "", "it": "it", "it-CH": "it", "it_IT": "it", "ru-RU": "ru", "en-GB": "en", "de": "", "de, ru;q=0.3": "ru",
		"*": "", "!!": "", "ja,de;q=0.5": "", strings.Repeat("x", 5000): "",
	} {
		if got := s.words.match(wanted); got != want {
			t.Errorf("%.40q: %q, want %q", wanted, got, want)
		}
	}
}

func TestPlurals(t *testing.T) {
	locales := fstest.MapFS{}
	for code, text := range map[string]string{
		"en": `{"n": {"one": "{{.Count}} day", "other": "{{.Count}} days"}}`,
		"it": `{"n": {"one": "{{.Count}} giorno", "many": "{{.Count}} giorni", "other": "{{.Count}} giorni"}}`,
		"ru": `{"n": {"one": "{{.Count}} день", "few": "{{.Count}} дня", "many": "{{.Count}} дней", "other": "{{.Count}} дня"}}`,
	} {
		locales[code+".json"] = &fstest.MapFile{Data: []byte(text)}
	}
	c, err := loadCatalogue([]Pages{{Locales: locales}})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		lang string
		n    int
		want string
	}{{"en", 1, "1 day"}, {"en", 2, "2 days"}, {"it", 1, "1 giorno"}, {"it", 0, "0 giorni"}, {"ru", 1, "1 день"}, {"ru", 3, "3 дня"}, {"ru", 11, "11 дней"}, {"ru", 21, "21 день"}} {
		got, err := c.speakers[x.lang].say(Say("n", "Count", x.n))
		if err != nil || got != x.want {
			t.Errorf("%s %d: %q, %v; want %q", x.lang, x.n, got, err, x.want)
		}
	}
	if _, err := c.speakers["it"].say(Say("absent")); err == nil {
		t.Error("a missing message was said")
	}
}

func FuzzLocalPath(f *testing.F) {
	for _, s := range []string{"/me", "//evil", `/\evil`, "https://evil", "/a?b=c#d", "/%2f/evil", "/\x00"} {
		f.Add(s)
	}
	base := &url.URL{Scheme: "https", Host: "people.example.com", Path: "/login"}
	f.Fuzz(func(t *testing.T, address string) {
		u, err := base.Parse(LocalPath(address, "/"))
		if err != nil || u.Host != base.Host || u.Scheme != base.Scheme {
			t.Errorf("%q leads to %v, %v", address, u, err)
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("en-GB,it;q=0.5")
	s, err := New(testConfig())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, wanted string) {
		if code := s.words.match(wanted); code != "" && s.templates[code] == nil {
			t.Errorf("%q matches %q", wanted, code)
		}
	})
}
