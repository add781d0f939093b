package mail_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/language"

	"github.com/usherd/usher/internal/mail"
)

var update = flag.Bool("update", false, "rewrite the golden mails")

func newRenderer(t testing.TB) *mail.Renderer {
	t.Helper()
	r, err := mail.NewRenderer(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func sample(kind mail.Kind, locale string) mail.Message {
	m := mail.Message{
		Kind: kind, Locale: locale, CompanyLocale: "it", CompanyName: "Acme & Söhne",
		DisplayName: "Анна-Мария D’Angelo", UserName: "a.dangelo",
		At: time.Date(2026, 3, 1, 8, 5, 0, 0, time.UTC),
	}
	switch kind {
	case mail.KindSyncHeld:
		m.Data = map[string]string{"Source": "corp", "Run": "12", "limit.deactivate": "412 / 2000", "limit.unheard_of": "3 / 4"}
	case mail.KindSyncQuarantined:
		m.Data = map[string]string{
			"Source": "corp", "Run": "12", "Code": "source_auth", "Reason": "bind as cn=reader: invalid\u202e credentials", "NextTry": "2026-03-01T09:05:00Z",
		}
	case mail.KindContactIdle:
		m.Data = map[string]string{"Until": "2026-04-01T09:00:00Z"}
	case mail.KindContactsArrive:
		m.Data = map[string]string{"People": "7", "Colleagues": "3"}
	case mail.KindSyncRecovered:
		m.Data = map[string]string{"Source": "corp", "Run": "13"}
	case mail.KindApplicant:
		m.Data = map[string]string{"Applicant": "Zoë Weiß", "Mail": "zoe@example.com", "Application": "0197-1", "Page": "/admin/applicants/0197-1"}
		m.URL = "https://people.example.com/admin/applicants/0197-1"
	case mail.KindRegistrationWaits, mail.KindRegistrationRefused:
		m.DisplayName = ""
	case mail.KindRegistration:
		m.DisplayName, m.UserName, m.CompanyName = "", "", "people.example.com"
		m.URL = "https://people.example.com/setup/3q2-7wAA?x=1&y=2"
		m.Expires = time.Date(2026, 3, 8, 17, 30, 0, 0, time.UTC)
	case mail.KindWebhookDisabled:
		m.Data = map[string]string{"Webhook": "helpdesk", "URL": "https://hooks.example.com/usher?x=1&y=2", "Code": "webhook_failing", "Reason": "503: try <later>"}
	case mail.KindTokenExpiring:
		m.Data = map[string]string{"Connection": "okta", "Token": "ush_abcdef", "Expires": "2026-03-15T08:05:00Z"}
	case mail.KindDigest:
		m.Data = map[string]string{
			"Since": "2026-02-27T07:00:00Z", "did.corp": "runs=3 created=12 updated=4 deactivated=1 conflicts=2", "held.12": "corp",
			"fails.branch": "2026-02-28T02:30:00Z", "paused.plant": "2026-02-28T10:30:00Z", "scim.okta": "writes=40 refused=3", "quiet.entra": "2026-02-20T11:00:00Z",
			"hook.helpdesk": "disabled", "hook.lake": "failing", "mails.": "held=3 failed=1", "token.okta ush_abcdef…": "2026-03-15T08:05:00Z",
		}
	case mail.KindSetup, mail.KindReset:
		m.URL = "https://people.example.com/setup/3q2-7wAA?x=1&y=2"
		m.Expires = time.Date(2026, 3, 8, 17, 30, 0, 0, time.UTC)
	}
	return m
}

func TestGoldenMails(t *testing.T) {
	r := newRenderer(t)
	for _, kind := range []mail.Kind{
		mail.KindSetup, mail.KindReset, mail.KindPasswordChanged, mail.KindSyncHeld, mail.KindSyncQuarantined, mail.KindSyncRecovered,
		mail.KindRegistration, mail.KindRegistrationWaits, mail.KindRegistrationRefused, mail.KindApplicant,
		mail.KindWebhookDisabled, mail.KindTokenExpiring, mail.KindDigest,
		mail.KindContactIdle, mail.KindContactsArrive,
	} {
		for _, locale := range []string{"en", "it", "ru"} {
			t.Run(string(kind)+"-"+locale, func(t *testing.T) {
				c, err := r.Render(sample(kind, locale))
				if err != nil {
					t.Fatal(err)
				}
				if c.Language != locale {
					t.Errorf("language %s, want %s", c.Language, locale)
				}
				name := string(kind) + "." + locale
				golden(t, name+".txt", "Subject: "+c.Subject+"\n\n"+c.Text)
				golden(t, name+".html", c.HTML)
			})
		}
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), run with -update if this is meant:\n%s", path, diff)
	}
}

func TestLanguageChoice(t *testing.T) {
	r := newRenderer(t)
	for _, tc := range []struct {
		person, company string
		want            language.Tag
	}{
		{"it-IT", "", language.Italian},
		{"it_CH", "ru", language.Italian},
		{"ru-Cyrl-RU", "it", language.Russian},
		{"en-GB", "it", language.English},
		{"de-DE", "it", language.Italian},
		{"uk", "it", language.Italian},
		{"ja", "", language.English},
		{"", "ru", language.Russian},
		{"not a tag!", "ru", language.Russian},
		{"de, ru;q=0.8, en;q=0.7", "it", language.Russian},
		{"", "", language.English},
	} {
		if got := r.Language(tc.person, tc.company); got != tc.want {
			t.Errorf("person %q, company %q: %s, want %s", tc.person, tc.company, got, tc.want)
		}
	}
}

// Every language must say everything the English catalogue says, with the same
// placeholders.
func TestCataloguesAgree(t *testing.T) {
	load := func(lang string) map[string]string {
		raw, err := os.ReadFile(filepath.Join("locales", lang+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]string
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatal(err)
		}
		return m
	}
	en := load("en")
	for _, lang := range []string{"it", "ru"} {
		other := load(lang)
		for id, text := range en {
			for _, hole := range []string{"{{.Name}}", "{{.Company}}", "{{.When}}", "{{.Time}}", "{{.Zone}}"} {
				if strings.Contains(text, hole) != strings.Contains(other[id], hole) {
					t.Errorf("%s: %s differs from English in %s: %q", lang, id, hole, other[id])
				}
			}
			if other[id] == "" {
				t.Errorf("%s lacks %s", lang, id)
			}
		}
		if len(other) != len(en) {
			t.Errorf("%s has %d texts, English %d", lang, len(other), len(en))
		}
	}
}

func TestNamesCannotSpeak(t *testing.T) {
	r := newRenderer(t)
	for _, tc := range []struct{ name, greeting string }{
		{"Anna", "Hello Anna,"},
		{"Anna\r\nBcc: all@example.com", "Hello,"},
		{"Anna\u202egnp.exe", "Hello Annagnp.exe,"},
		{"  Anna \t\n Maria\x00 ", "Hello Anna Maria,"},
		{"You won! https://evil.example", "Hello,"},
		{"WWW.evil.example", "Hello,"},
		{"", "Hello,"},
		{"\u200b\u2066", "Hello,"},
		{"نیم\u200cفاصله", "Hello نیم\u200cفاصله,"},
		{strings.Repeat("ж", 500), "Hello " + strings.Repeat("ж", 79) + "…,"},
		{"O\xffBrien", "Hello O\uFFFDBrien,"},
	} {
		m := sample(mail.KindSetup, "en")
		m.DisplayName = tc.name
		c, err := r.Render(m)
		if err != nil {
			t.Fatal(err)
		}
		if got, _, _ := strings.Cut(c.Text, "\n"); got != tc.greeting {
			t.Errorf("name %q greets %q, want %q", tc.name, got, tc.greeting)
		}
	}
}

func TestMarkupIsEscaped(t *testing.T) {
	m := sample(mail.KindSetup, "en")
	m.CompanyName, m.UserName = `<b onclick="x">Acme</b>`, `"><script>alert(1)</script>`
	c, err := newRenderer(t).Render(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script>", `<b onclick`} {
		if strings.Contains(c.HTML, bad) {
			t.Errorf("the HTML holds %s", bad)
		}
	}
}

func TestRefusesToRender(t *testing.T) {
	r := newRenderer(t)
	for name, change := range map[string]func(*mail.Message){
		"unknown kind":    func(m *mail.Message) { m.Kind = "lottery" },
		"no link":         func(m *mail.Message) { m.URL = "" },
		"script link":     func(m *mail.Message) { m.URL = "javascript:alert(1)" },
		"link to nowhere": func(m *mail.Message) { m.URL = "https:///x" },
	} {
		m := sample(mail.KindSetup, "en")
		change(&m)
		if _, err := r.Render(m); err == nil {
			t.Errorf("%s: rendered", name)
		} else if strings.Contains(err.Error(), "alert") {
			t.Errorf("%s: the error repeats the link: %v", name, err)
		}
	}
}

func FuzzDisplayName(f *testing.F) {
	for _, s := range []string{"Anna", "\u202e", "a\r\n\r\nb", "x@y", strings.Repeat("é", 300), "\xff\xfe"} {
		f.Add(s)
	}
	r := newRenderer(f)
	f.Fuzz(func(t *testing.T, name string) {
		m := sample(mail.KindSetup, "en")
		m.DisplayName, m.CompanyName, m.UserName = name, name, name
		c, err := r.Render(m)
		if err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(c.Subject, "\r\n\u202e\u2066") || !utf8.ValidString(c.Subject+c.Text+c.HTML) {
			t.Errorf("subject %q", c.Subject)
		}
		if greeting, _, _ := strings.Cut(c.Text, "\n"); utf8.RuneCountInString(greeting) > 100 {
			t.Errorf("greeting of %d characters", utf8.RuneCountInString(greeting))
		}
	})
}
