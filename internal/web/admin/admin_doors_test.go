package admin_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
	"github.com/usherd/usher/internal/web/admin"
	"github.com/usherd/usher/scim/dialect"
)

// signedIn is a store of sessions in which everybody is the same person.
type signedIn struct {
	auth.SessionStore
	session auth.Session
}

func (s signedIn) FindSession(context.Context, string, time.Time) (auth.Session, error) {
	return s.session, nil
}
func (signedIn) TouchSession(context.Context, string, time.Time) error { return nil }
func (signedIn) SaveSession(context.Context, auth.Session) error       { return nil }

// doors serves the pages of doors to one person.
type doors struct {
	t       *testing.T
	desk    *doorsDesk
	handler http.Handler
	lang    string
}

// now is the time in these tests.
var now = time.Date(2035, 11, 21, 18, 0, 0, 0, time.UTC)

func newDoors(t *testing.T, lang string, who auth.Account) *doors {
	t.Helper()
	d := &doors{t: t, desk: &doorsDesk{now: now, profile: "okta"}, lang: lang}
	who.UserName, who.Timezone = "ann", "Europe/Rome"
	shell, err := web.New(web.Config{
		PublicURL: &url.URL{Scheme: "https", Host: "people.example.com"},
		Sessions:  signedIn{session: auth.Session{Company: 1, User: 2, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour), Account: who}},
		People:    auth.DefaultPeopleLife(), Admins: auth.DefaultAdminLife(), ClientIP: func(*http.Request) netip.Addr { return netip.Addr{} },
		Now: func() time.Time { return now }, NewRequestID: func() string { return "id" }, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}, admin.Files())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	(&admin.Handlers{Shell: shell, Desks: doorsDesks{desk: d.desk}, Log: slog.New(slog.DiscardHandler)}).Mount(mux)
	d.handler = shell.Handler(mux)
	return d
}

func (d *doors) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	d.t.Helper()
	r := httptest.NewRequest(method, "https://people.example.com/admin/acme/"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Accept-Language", d.lang)
	r.AddCookie(&http.Cookie{Name: "__Host-usher", Value: strings.Repeat("x", 43)})
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", "https://people.example.com")
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	return w
}

// page asks for a page and fails the test unless it is shown whole.
func (d *doors) page(path string) string {
	d.t.Helper()
	w := d.do("GET", path, nil)
	body := w.Body.String()
	if w.Code != http.StatusOK || !strings.Contains(body, "</html>") || !strings.Contains(body, `lang="`+d.lang+`"`) {
		d.t.Errorf("%s %s: %d", d.lang, path, w.Code)
	}
	if i := strings.Index(body, "no value"); i >= 0 {
		d.t.Errorf("%s %s shows %s", d.lang, path, body[max(0, i-80):i+20])
	}
	return body
}

// roles are the people who may look at pages.
var roles = map[string]auth.Account{
	"auditor": {Rights: registry.RightsAuditor}, "admin": {Admin: true}, "operator": {CompanyKey: registry.OperatorsKey},
}

// TestDoorsSpeakEveryLanguage shows each page with everything there is, and with
// nothing, to each role in each language: a missing word fails the page.
func TestDoorsSpeakEveryLanguage(t *testing.T) {
	pages := []string{"sources", "sources/old", "sources/older", "sources/corp", "scim", "scim/okta", "scim/okta/log?failed=1&method=POST&status=409", "tokens", "webhooks", "mails", "mails?state=held&person=p1", "audit", "settings"}
	for _, h := range []string{"h", "a", "b", "c", "f"} {
		pages = append(pages, "webhooks/"+h)
	}
	for _, kind := range mailKinds {
		pages = append(pages, "mails/"+kind+".1@house")
	}
	for i := range (&doorsDesk{}).requests() {
		pages = append(pages, fmt.Sprintf("scim/okta/log/%d", i+1))
	}
	for _, lang := range []string{"en", "it", "ru"} {
		for role, who := range roles {
			d := newDoors(t, lang, who)
			for _, d.desk.empty = range []bool{false, true} {
				for _, path := range pages {
					if !d.desk.empty || !strings.Contains(path, "mails/") {
						d.page(path)
					}
				}
				for _, d.desk.profile = range append(dialect.Names(), "") {
					d.page("scim/okta/guide")
				}
				if role != "auditor" {
					d.page("diagnostics")
					d.page("scim?done=deleted")
				}
			}
		}
	}
}

// TestDoorsDo sends each form of an admin: what is done, and where it leads.
func TestDoorsDo(t *testing.T) {
	form := func(pairs ...string) url.Values {
		out := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			out.Add(pairs[i], pairs[i+1])
		}
		return out
	}
	settings := form("name", "jc", "visible", "company", "on_foreign", "link", "profile", "ping", "rate", "50", "token_hours", "2", "allow_from", "10.0.0.0/8\n192.0.2.1")
	for _, c := range []struct {
		path   string
		form   url.Values
		asked  string // what the desk was asked for
		answer string // where it leads, or what the page shows
	}{
		{"scim", settings, "create jc ping company 50", "ush_secret"},
		{"scim/okta/settings", settings, "change okta [10.0.0.0/8 192.0.2.1] 7200", "/admin/acme/scim/okta?done=changed"},
		{"scim/okta/pause", nil, "pause okta true", "/admin/acme/scim/okta?done=closed"},
		{"scim/okta/resume", nil, "pause okta false", "/admin/acme/scim/okta?done=opened"},
		{"scim/okta/delete", form("name", "okta"), "delete okta", "/admin/acme/scim?done=deleted"},
		{"scim/okta/delete", form("name", "Okta"), "", "admin.confirm.wrong"},
		{"scim/okta/token", form("life", "30"), "token okta 720h0m0s", "ush_secret"},
		{"scim/okta/rotate", form("overlap", "1"), "rotate okta 1h0m0s", "ush_secret"},
		{"scim/okta/revoke", form("prefix", "ush_live"), "revoke ush_live", "/admin/acme/scim/okta?done=revoked"},
		{"scim/okta/clients", form("life", "0"), "client okta", "cls_secret"},
		{"scim/okta/clients", form("jwks_uri", "https://keys"), "client okta", "cl_new"},
		{"scim/okta/clients/rotate", form("client", "cl_a", "overlap", "0"), "rotate client cl_a 0s", "cls_secret"},
		{"scim/okta/clients/revoke", form("client", "cl_a"), "revoke client cl_a", "/admin/acme/scim/okta?done=client_revoked"},
		{"tokens", form("name", "CI", "scope", "read", "scope", "operate"), "api token CI [read operate]", "ush_secret"},
		{"tokens/rotate", form("prefix", "ush_live"), "rotate api ush_live 24h0m0s", "ush_secret"},
		{"tokens/revoke", form("prefix", "ush_live"), "revoke ush_live", "/admin/acme/tokens?done=revoked"},
		{"webhooks", form("url", "https://x", "events", "user.*, sync.run.held"), "hook admin ann  https://x [user.* sync.run.held]", "whsec_secret"},
		{"webhooks/h/change", form("url", "https://y", "events", "*"), "change hook h https://y [*]", "/admin/acme/webhooks/h?done=changed"},
		{"webhooks/h/enable", nil, "enable hook h true", "/admin/acme/webhooks/h?done=hook_enabled"},
		{"webhooks/h/disable", nil, "enable hook h false", "/admin/acme/webhooks/h?done=hook_disabled"},
		{"webhooks/h/rotate", form("overlap", "24"), "rotate hook h 24h0m0s", "whsec_secret"},
		{"webhooks/h/test", nil, "test hook h", "204"},
		{"webhooks/f/test", nil, "test hook f", "refused"},
		{"webhooks/h/replay", form("delivery", "d_1"), `replay h "d_1" 24h0m0s`, "/admin/acme/webhooks/h?done=replayed"},
		{"webhooks/h/replay", form("hours", "72"), `replay h "" 72h0m0s`, "/admin/acme/webhooks/h?done=replayed"},
		{"webhooks/h/delete", form("name", "hook h"), "delete hook h", "/admin/acme/webhooks?done=deleted"},
		{"webhooks/h/delete", form("name", "h"), "", "admin.confirm.wrong"},
		{"mails/release", nil, "release all", "/admin/acme/mails?done=released"},
		{"mails/reset.1@house/release", nil, "release reset.1@house", "/admin/acme/mails/reset.1@house?done=released"},
		{"mails/setup.1@house/cancel", nil, "cancel setup.1@house", "/admin/acme/mails/setup.1@house?done=mail_cancelled"},
		{"mails/syncHeld.1@house/resend", nil, "resend syncHeld.1@house", "/admin/acme/mails/syncHeld.1@house?done=resent"},
		{"diagnostics", nil, "examine false", "mend it"},
		{"sources/corp/test", nil, "", "not an address"},
	} {
		d := newDoors(t, "en", roles["admin"])
		w := d.do("POST", c.path, c.form)
		got := w.Header().Get("Location")
		if c.answer == "admin.confirm.wrong" {
			c.answer = "so that it is clear what ends"
		}
		if w.Code == http.StatusOK && strings.Contains(w.Body.String(), c.answer) {
			got = c.answer
		}
		if got != c.answer || c.asked != "" && !slices.Contains(d.desk.asked, c.asked) {
			t.Errorf("POST %s: %d, leads to %q, asked %q", c.path, w.Code, got, d.desk.asked)
		}
		if c.asked == "" && slices.ContainsFunc(d.desk.asked, func(s string) bool { return strings.HasPrefix(s, "delete") }) {
			t.Errorf("POST %s did %q", c.path, d.desk.asked)
		}
	}
}

// TestRefusedFormsLoseNothing: what cannot be is said on the page, which still has
// what was typed; and the audit knows.
func TestRefusedFormsLoseNothing(t *testing.T) {
	for path, form := range map[string]url.Values{
		"scim":               {"name": {"typed-name"}, "visible": {"own"}, "on_foreign": {"conflict"}, "allow_from": {"typed-net"}},
		"scim/okta/settings": {"visible": {"own"}, "on_foreign": {"conflict"}, "allow_from": {"typed-net"}, "rate": {"7"}},
		"tokens":             {"name": {"typed-name"}, "scope": {"approve"}},
		"webhooks":           {"name": {"typed-name"}, "url": {"https://typed"}, "events": {"typed.event"}},
		"webhooks/h/change":  {"url": {"https://typed"}, "events": {"typed.event"}},
	} {
		d := newDoors(t, "en", roles["admin"])
		d.desk.refuse = &admin.Refusal{Code: registry.CodeInvalidValue, Reason: "that is how it is"}
		w := d.do("POST", path, form)
		body := w.Body.String()
		if w.Code != http.StatusOK || !strings.Contains(body, "that is how it is") {
			t.Errorf("POST %s: %d does not say why", path, w.Code)
		}
		for name, values := range form {
			if strings.HasPrefix(values[0], "typed") && !strings.Contains(body, values[0]) {
				t.Errorf("POST %s loses %s", path, name)
			}
		}
		if n := len(d.desk.deeds); n != 1 || d.desk.deeds[0].Outcome != string(registry.CodeInvalidValue) {
			t.Errorf("POST %s is audited as %+v", path, d.desk.deeds)
		}
	}
}

// TestAuditedOnce: what writes its own deed is not written down again, and what
// failed is never written down as done.
func TestAuditedOnce(t *testing.T) {
	d := newDoors(t, "en", roles["admin"])
	d.do("POST", "webhooks/h/enable", nil)
	if len(d.desk.deeds) != 0 {
		t.Errorf("written down twice: %+v", d.desk.deeds)
	}
	d.do("POST", "scim/okta/pause", nil)
	d.do("POST", "scim/nope/pause", nil)
	d.desk.refuse = errors.New("the disk is full")
	d.do("POST", "scim/okta/pause", nil)
	d.do("POST", "scim/okta/token", url.Values{"life": {"31"}})
	var got []string
	for _, x := range d.desk.deeds {
		got = append(got, x.Action+" "+x.Subject+" "+x.Outcome)
	}
	want := []string{
		"connection.pause scim/okta/pause ", "connection.pause scim/nope/pause not_found", "connection.pause scim/okta/pause internal",
		"token.create scim/okta/token invalid_value",
	}
	if !slices.Equal(got, want) {
		t.Errorf("audited %q", got)
	}
}

// TestDoorsExport: a whole list has exactly the filters of its page; days are the
// viewer's.
func TestDoorsExport(t *testing.T) {
	for path, want := range map[string]string{
		"scim/okta/log/export?format=csv&failed=1&method=POST&status=409&at=5":               "export listRequests csv map[connection:okta] failed=true&method=POST&status=409",
		"scim/okta/log/export?format=csv&text=a%20b&since=2035-01-01T08:30&until=2035-01-01": "export listRequests csv map[connection:okta] since=2035-01-01T07%3A30%3A00Z&text=a+b&until=2035-01-01T23%3A00%3A00Z",
		"lists/sources?format=csv":                      "export listSources csv map[] ",
		"lists/scim?format=json":                        "export listConnections json map[] ",
		"lists/tokens?format=csv":                       "export listTokens csv map[] ",
		"lists/webhooks?format=json":                    "export listWebhooks json map[] ",
		"mails/export?format=json&state=held&person=p1": "export listMails json map[] person=p1&state=held",
		"audit/export?format=csv&action=token.&actor=a&from=2035-01-01&to=2035-01-31": "export listDeeds csv map[] action=token.&actor=a&since=2034-12-31T23%3A00%3A00Z&until=2035-01-31T23%3A00%3A00Z",
	} {
		d := newDoors(t, "en", roles["auditor"])
		if d.do("GET", path, nil); !slices.Contains(d.desk.asked, want) {
			t.Errorf("%s asked %q", path, d.desk.asked)
		}
	}
	for path, want := range map[string]string{
		"scim/okta/log?text=ada&since=2035-01-01T08:30&until=2035-01-01T08:30&id=9&at=1": `requests false  0 9 "ada" 2035-01-01T07:30:00Z 2035-01-01T07:31:00Z`,
		"scim/okta/log?text=ada&until=2020-01-08":                                        `requests false  0 0 "ada" 2020-01-01T23:00:00Z 2020-01-08T23:00:00Z`,
		"scim/okta/log?since=yesterday":                                                  `requests false  0 0 "" - -`,
	} {
		d := newDoors(t, "en", roles["auditor"])
		body := d.page(path)
		if !slices.Contains(d.desk.asked, want) || strings.Contains(body, "Looked through since") != strings.Contains(path, "2020") {
			t.Errorf("%s asked %q", path, d.desk.asked)
		}
		if strings.Contains(path, "08:30") && !strings.Contains(body, "since=2035-01-01T08%3A30&amp;text=ada&amp;until=2035-01-01T08%3A30") {
			t.Error("the page before does not keep what the log is narrowed by")
		}
	}
	d := newDoors(t, "en", roles["auditor"])
	body := d.page("audit?action=token.&from=2035-01-01&before=9")
	if !strings.Contains(body, "audit/export?action=token.&amp;format=csv&amp;from=2035-01-01") || !slices.Contains(d.desk.asked, "deeds token.  2034-12-31T23:00:00Z -") {
		t.Errorf("the page does not lead to its own export: %q", d.desk.asked)
	}
}

// TestDoorsOffer: who may not do a thing is not offered it, and is refused.
func TestDoorsOffer(t *testing.T) {
	d := newDoors(t, "en", roles["auditor"])
	for _, path := range []string{"scim", "scim/okta", "tokens", "webhooks", "webhooks/h", "mails", "mails/reset.1@house", "sources/corp"} {
		if body := d.page(path); strings.Contains(body, `method="post" action="/admin`) {
			t.Errorf("%s offers an auditor a form", path)
		}
	}
	for _, path := range []string{"scim", "scim/okta/token", "tokens", "webhooks/h/replay", "mails/release", "diagnostics"} {
		if w := d.do("POST", path, nil); w.Code != http.StatusForbidden {
			t.Errorf("POST %s by an auditor: %d", path, w.Code)
		}
	}
	if w := d.do("GET", "scim/okta?failed=1", nil); w.Header().Get("Location") != "/admin/acme/scim/okta/log?failed=1" {
		t.Errorf("the log's former address leads to %q", w.Header().Get("Location"))
	}
}
