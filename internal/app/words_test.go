package app_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/mailcatcher"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
)

// TestNoWordsOfAnotherLanguage reads every page of the console, as an admin and as
// an operator of the installation, and the pages that everybody has, in Russian and
// in Italian: nothing there may be English but what is a name, a code, an address or
// what somebody outside said. The company has lived: runs that failed and were held,
// conflicts, refused pushes, mails and deliveries in every state, a bad upload.
func TestNoWordsOfAnotherLanguage(t *testing.T) {
	t.Parallel()
	d, past := storiedDesk(t)
	for _, lang := range []string{"ru", "it"} {
		t.Run(lang, func(t *testing.T) {
			r := &reader{t: t, lang: lang, data: past.data, seen: map[string]bool{}, fine: map[saidText]bool{}}
			g := d.guest()
			g.given(d.look("acme", "ann"), d.s.Now())
			g.get("/admin/acme/?lang=" + lang)
			hits := r.crawl(g, "/admin/acme/")
			for _, route := range (&admin.Handlers{}).Routes() {
				if strings.HasPrefix(route.Pattern, "GET /admin/{company}/") && hits[route.Pattern] == 0 && !downloads.MatchString(route.Pattern) && !unled[route.Pattern] {
					t.Errorf("nothing leads to %s", route.Pattern)
				}
			}
			for _, at := range past.pages {
				r.read(at, g.get("/admin/acme"+at).body)
			}
			for _, f := range past.forms {
				r.form(g, "/admin/acme"+f.path, f.fields)
			}
			boss := d.guest()
			boss.given(d.look("operators", "olga"), d.s.Now())
			boss.get("/admin/acme/?lang=" + lang)
			for _, at := range []string{"/admin", "/admin/operators", "/admin/acme/settings", "/admin/acme/diagnostics", "/admin/acme/places"} {
				r.read(at, boss.get(at).body)
			}
			r.form(boss, "/admin/acme/diagnostics", nil)
			r.everybody(d, g)
			r.mails(d)
		})
	}
}

// unled are pages that nothing leads to here: one leads elsewhere, one needs
// somebody who applied and is read by itself, the others are files.
var unled = map[string]bool{
	"GET /admin/{company}/{id}": true, "GET /admin/{company}/applicants/{id}": true, "GET /admin/{company}/uploads/{id}/rows": true,
	"GET /admin/{company}/webhooks/{hook}/deliveries": true, "GET /admin/{company}/lists/{list}": true,
}

// form sends a form and reads what is answered.
func (r *reader) form(g *guestOf, at string, fields url.Values) {
	r.t.Helper()
	if fields == nil {
		fields = url.Values{}
	}
	p := g.follow(g.do(http.MethodPost, at, fields))
	if p.status >= http.StatusInternalServerError {
		r.t.Errorf("POST %s: %d", at, p.status)
	}
	r.read("POST "+at+" "+fields.Encode(), p.body)
}

// everybody reads the pages that need no rights, as a stranger and signed in.
func (r *reader) everybody(d *desk, in *guestOf) {
	r.t.Helper()
	out := d.guest()
	out.get("/?lang=" + r.lang)
	for _, at := range []string{"/", "/login", "/forgot", "/c/acme/login", "/c/acme/forgot", "/setup/none", "/setup", "/setup/sent", "/register", "/register/user", "/register/staff", "/register/sent", "/nowhere"} {
		r.read(at, out.get(at).body)
	}
	for at, fields := range map[string]url.Values{
		"/login": {"company": {"none"}}, "/c/acme/login": {"name": {"ann"}, "password": {"wrong"}}, "/forgot": {}, "/c/acme/forgot": {"name": {"ann"}},
		"/setup": {"password": {"x"}, "repeat": {"y"}}, "/register/user": {"email": {"bad"}}, "/register/staff": {"email": {"bad"}, "phone": {"x"}},
	} {
		r.form(out, at, fields)
	}
	for _, at := range []string{"/me", "/me/password", "/me/factors", "/me/factors/totp", "/me/factors/passkey"} {
		r.read(at, in.get(at).body)
	}
	r.form(in, "/me/password", url.Values{"present": {"wrong"}, "password": {"short"}, "repeat": {"other"}})
	r.form(in, "/me/factors/totp", url.Values{"code": {"000000"}, "name": {"phone"}})
}

// sentForm is a form that changes nothing, or whose change is the page's to tell.
type sentForm struct {
	path   string
	fields url.Values
}

// past is what has happened at a desk.
type past struct {
	forms []sentForm
	// pages are places that no link leads to from what is read.
	pages []string
	// data are the words of this world that are names and not language.
	data *regexp.Regexp
}

// neutral is what no language owns, each kind with its reason. What is left of a
// text without it has to be of the page's language.
var neutral = []string{
	// What other programs said.
	`dial tcp.*?refused`, `2\.0\.0 OK: queued`, `quoted answer`, `410 Gone`,
	// Addresses of every sort, ids, prefixes of tokens and the form of a DN.
	`\w+://\S*`, `[\w.+*-]+@[\w.-]+`, `\b\w+=[^;]*?,[\w=, -]+`, `(?:contact-|erased-)?[0-9a-f]{8}-[0-9a-f-]{27}`, `/[\w{}<>./-]+`, `\bush_\w*…?`, `\b[\w-]+(?:[./:][\w*-]+)+`, `\buser\.`, `\btoken\.`,
	// What is typed: commands, options, settings, attributes, codes, values as the API has them.
	`\busher(?: [\w/:.<>-]+)+`, `--?[a-z][a-z-]+`, `\b\w+_\w+`, `\b[a-z]+[A-Z]\w*`, `@(?:hourly|daily|weekly)`,
	`\b(?:emails|title|locale|phone|mobile|manager|members|active|enabled|kind|protected|blocks|rights|document|association|path|url|id|intake|eq|cron)\b`,
	`\b(?:strict|interop|iss|sub|aud|read|operate|approve|contacts|privacy)\b`,
	// Protocols, formats, units and headers.
	`\b[A-Z][A-Z0-9]{1,7}\b`, `\b(?:OAuth|StartTLS|bearer|Bearer|client credentials|Standard Webhooks|little endian|big endian|ftp|ssh|https|Windows-125\d|[Ee]-mail|ETag|Message-ID|Authorization|Allow|Retry-After|Idempotency-Key|Auto-Submitted|Precedence|From|no-reply)\b`,
	// Products.
	`\b(?:usher|Microsoft|Entra|Teams|Okta|Google|Workspace|OneLogin|PingOne|PingFederate|JumpCloud|Keycloak|SailPoint|authentik|Azure|Graph|Active Directory|OpenLDAP|Samba|PostgreSQL|SQLite|sqlite|Go|Excel|linux|dev)\b`,
	// The people and things of this world.
	`\b(?:Acme|Beta|Operators|ann|olga|[Cc]laire|[Jj]ohnson|people|corp|okta|entra|staff|late|bare|refused|waits|twin|gone|hr|test|ru|it|vera|piero|hopes|turned|Una|application-of-hopes|application-of-turned|deaf|moody|lost|p\d\d|una|pushed|Chief|Bee|Taken|Bad|bad|Nobody|nobody|Handle|Nachname|email|nonsense|one badge|they left|no address|address|no|en)\b`,
}

// quotation is a place where somebody else is quoted, and why that is well.
type quotation struct {
	page, where *regexp.Regexp
	why         string
}

var quoted = []quotation{
	{regexp.MustCompile(`/guide`), regexp.MustCompile(`^(p|dt|dd|span|li|td|code)$`), "names of buttons and fields of consoles that are English"},
	{regexp.MustCompile(`/scim/\w+(/log|\?)`), regexp.MustCompile(`^(td|dd|pre|p)$`), "what a program was answered, in the words it got"},
	{regexp.MustCompile(`/audit`), regexp.MustCompile(`^(a@title|option)$`), "codes, which the filters take"},
	{regexp.MustCompile(`/webhooks/`), regexp.MustCompile(`^pre$`), "the message as it was sent"},
	{regexp.MustCompile(`/diagnostics`), regexp.MustCompile(`^pre$`), "the text for strangers is English on purpose"},
}

// storiedDesk is a company in which everything has happened.
func storiedDesk(t *testing.T) (*desk, past) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	box := mailcatcher.Start(l, mailcatcher.Options{Script: func(s mailcatcher.Step) mailcatcher.Action {
		if s.Stage == mailcatcher.StageRcpt && strings.HasPrefix(s.To, "refused") {
			return mailcatcher.Action{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "quoted answer"}
		}
		return mailcatcher.Action{}
	}})
	t.Cleanup(func() { must(t, box.Close()) })
	d := quietDesk(t, 24, "", "registration: {users: true, staff: true}\n"+allowHere+"\n", box)
	d.company("operators")
	d.person("operators", "olga", true)
	must(t, d.dir.AddPerson("refused", nil))
	hook := d.hooked(t)
	d.listeners()
	d.lived()
	must(t, d.dir.AddPerson("bare", map[string][]string{"mail": {"no address"}}))
	d.person("acme", "late", true)
	must(t, d.dir.AddPerson("late", nil)) // whom the registry has from elsewhere
	held := syncNow(t, d.s.Core, registry.RunHeld)
	run, err := d.s.Approve(t.Context(), held, app.Decision{By: "admin ann", Note: "they left", PlanHash: held.PlanHash}, nil)
	must(t, err)
	if run.State != registry.RunPartial {
		t.Errorf("the approved run is %s", run.State)
	}
	d.pushed(t)
	d.uploaded(t)
	d.parted(t)
	d.cancelled(t)
	d.deserted(t)
	waits := d.applied(t)
	p := past{data: regexp.MustCompile(strings.Join(neutral, "|"))}
	p.pages = []string{"/applicants/" + waits, "/applicants/application-of-turned"}
	p.forms = []sentForm{
		{"/sources/corp/test", nil}, {"/people/look", url.Values{"who": {"p02"}, "source": {"corp"}}}, {"/people/look", url.Values{"who": {"bare"}, "source": {"corp"}}},
		{"/people/look", url.Values{"who": {"nobody"}, "source": {"corp"}}}, {"/people/look", url.Values{"who": {"late"}, "source": {"corp"}}},
		{"/webhooks/" + hook.PublicID + "/test", nil}, {"/diagnostics", nil}, {"/webhooks", url.Values{"url": {"ssh://x"}, "events": {"nonsense"}}},
		{"/webhooks", url.Values{"url": {"https://10.0.0.1/in"}, "events": {"*"}}},
		{"/scim", url.Values{"name": {"bad name"}}}, {"/scim/okta/settings", url.Values{"rate": {"-1"}, "allow_from": {"x"}}}, {"/tokens", nil},
		{"/people/new", url.Values{"username": {"ann"}, "email": {"bad"}}}, {"/team", url.Values{"who": {"nobody"}}}, {"/groups", url.Values{"name": {""}}},
		{"/places/departments", url.Values{"name": {""}}}, {"/places/domains", url.Values{"domain": {"bad"}}}, {"/places/contracts", url.Values{"number": {""}}},
		{"/contacts", url.Values{"email": {"bad"}}}, {"/sources/corp/schedule", url.Values{"cron": {"bad"}}}, {"/sources/corp/schedule", url.Values{"cron": {"0 0 31 2 *"}}},
	}
	// The directory ends, and what asks it fails.
	d.dir.Stop()
	for range 3 {
		syncNow(t, d.s.Core, registry.RunFailed)
	}
	return d, p
}

// hooked makes webhooks that are answered, refused and never heard.
func (d *desk) hooked(t *testing.T) registry.Webhook {
	t.Helper()
	hooks, err := d.s.Webhooks()
	must(t, err)
	moody := newInbox(t, nil)
	moody.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	})
	var last registry.Webhook
	for name, address := range map[string]string{"deaf": "http://127.0.0.1:9/in", "moody": moody.URL, "lost": "https://hooks.invalid/in"} {
		h, _, err := hooks.Create(t.Context(), d.company("acme").ID, registry.Deed{Actor: "test"}, name, address, []string{"*"})
		must(t, err)
		_, err = hooks.Test(t.Context(), h, registry.Deed{Actor: "test"})
		must(t, err)
		last = h
	}
	return last
}

// pushed has an identity provider push, well and badly.
func (d *desk) pushed(t *testing.T) {
	t.Helper()
	token, err := d.s.CreateConnection(t.Context(), d.company("acme").ID, "entra", registry.ConnectionSettings{Profile: "entra"})
	must(t, err)
	for _, r := range []struct{ method, path, body string }{
		{"POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"pushed@example.com","externalId":"1","active":true}`},
		{"POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"p02","externalId":"2"}`},
		{"POST", "/Users", `{"schemas":[]}`}, {"POST", "/Users", `{`}, {"GET", "/Users?filter=nonsense", ""}, {"GET", "/Users/none", ""}, {"PUT", "/Groups/none", `{}`},
	} {
		req, err := http.NewRequestWithContext(t.Context(), r.method, d.url+"/scim/v2"+r.path, strings.NewReader(r.body))
		must(t, err)
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/scim+json")
		res, err := http.DefaultTransport.RoundTrip(req)
		must(t, err)
		must(t, res.Body.Close())
	}
	until(t, "the log has been written", func() bool { return count(t, d.s.Core, `SELECT count(*) FROM scim_requests`) >= 7 })
}

// uploaded has a file with bad rows previewed, and another left as it came.
func (d *desk) uploaded(t *testing.T) {
	t.Helper()
	g := d.guest()
	g.given(d.look("acme", "ann"), d.s.Now())
	for name, content := range map[string]string{
		"people.csv": "userName;familyName;email\nuna;Bee;una@example.com\n;Nobody;nobody@example.com\np02;Taken;p02@example.com\nbad;Bad;no address\n",
		"left.csv":   "Handle;Nachname\nx;y\n", "empty.csv": "",
	} {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		part, err := form.CreateFormFile("file", name)
		must(t, err)
		_, err = io.WriteString(part, content)
		must(t, err)
		must(t, form.Close())
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/admin/acme/uploads", &body)
		must(t, err)
		req.Header.Set("Content-Type", form.FormDataContentType())
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		res, err := g.client.Do(req)
		must(t, err)
		must(t, res.Body.Close())
		if to := res.Header.Get("Location"); name == "people.csv" && to != "" {
			to, _, _ = strings.Cut(to, "?")
			g.do(http.MethodPost, to+"/preview", url.Values{})
			until(t, "the file was looked at", func() bool {
				return count(t, d.s.Core, `SELECT count(*) FROM runs WHERE mode = 'preview' AND finished_at > 0`) > 0
			})
		}
	}
}

// parted merges two, erases one, blocks one, and leaves mails in every state.
func (d *desk) parted(t *testing.T) {
	t.Helper()
	g := d.guest()
	g.given(d.look("acme", "ann"), d.s.Now())
	acme := d.company("acme").ID
	for _, name := range []string{"twin", "gone", "waits"} {
		_, err := d.s.CreateUser(t.Context(), acme, "admin ann", app.NewUser{UserName: name, Email: name + "@home.example", Hold: true})
		must(t, err)
	}
	_, err := d.s.MergeUsers(t.Context(), "admin ann", d.look("acme", "p04"), d.look("acme", "twin"), "one badge")
	must(t, err)
	must(t, d.s.EraseUser(t.Context(), "admin ann", d.look("acme", "gone")))
	for _, deed := range []string{"block", "protect", "signout"} {
		if p := g.do(http.MethodPost, fmt.Sprintf("/admin/acme/people/%s/%s", d.look("acme", "p05").PublicID, deed), url.Values{}); p.status != http.StatusSeeOther {
			t.Fatalf("%s: %d", deed, p.status)
		}
	}
	until(t, "a mail was refused", func() bool { return count(t, d.s.Core, `SELECT count(*) FROM mails WHERE state = 'failed'`) > 0 })
}
