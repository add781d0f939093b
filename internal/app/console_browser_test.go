package app_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/mailcatcher"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/browser"
	"github.com/usherd/usher/internal/testkit/slapd"
	"github.com/usherd/usher/internal/web/admin"
)

// desk is a company with a real directory, at whose console people sit.
type desk struct {
	*entry
	b   *browser.Browser
	dir *slapd.Server
	box *mailcatcher.Catcher
}

// newDesk has so many people in the directory, and runs nothing.
func newDesk(t *testing.T, people int) *desk { return newDeskWith(t, people, "") }

// newDeskWith has more said of its source.
func newDeskWith(t *testing.T, people int, source string) *desk {
	t.Helper()
	d := quietDesk(t, people, source, "", mailbox(t, "127.0.0.1:0"))
	d.b = browser.Start(t)
	return d
}

// quietDesk is a desk without a browser, with more said of its source and in its
// settings.
func quietDesk(t *testing.T, people int, source, more string, box *mailcatcher.Catcher) *desk {
	t.Helper()
	d := &desk{entry: &entry{t: t, people: map[string]*registry.User{}}, dir: directory(t, 0, 0), box: box}
	for i := range people {
		must(t, d.dir.AddPerson(uid(i), nil))
	}
	listen := free(t)
	d.url = "http://" + listen
	hasher, err := auth.NewHasher(auth.Params{Memory: 64, Time: 1, Threads: 1}, rand.Reader)
	must(t, err)
	d.hash, err = hasher.Hash(t.Context(), phrase)
	must(t, err)
	d.s, _ = start(t, configure(t, settings{
		Listen: listen, PublicURL: d.url, LDAP: d.dir.URL, SMTP: d.box.Addr(), Source: source, Companies: "  beta: {name: Beta}\n", More: more,
	}), app.Options{Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	return d
}

// sit brings somebody to the console, signed in with every proof.
func (d *desk) sit(t *testing.T, u *registry.User, look browser.Look) *visitor {
	t.Helper()
	if look.Language == "" {
		look.Language = "en"
	}
	g := d.guest()
	g.given(u, d.s.Now())
	v := visit(t, d.b, look)
	at, err := url.Parse(d.url)
	must(t, err)
	value := g.client.Jar.Cookies(at)[0].Value
	v.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.SetCookie, network.SetCookieParams{Name: "usher", Value: value, URL: d.url})
		return err
	}))
	return v
}

// official makes somebody of a company with rights.
func (d *desk) official(company, name string, admin, auditor, approver bool) *registry.User {
	u := d.person(company, name, true)
	d.rights(u, admin, auditor, approver)
	return d.look(company, name)
}

// open goes to a page of acme's console.
func (d *desk) open(path string) chromedp.Action[chromedp.Void] {
	return visiting(d.url + "/admin/acme" + path)
}

// visiting goes to an address, once more where a page that had followed its run
// loads itself anew at the very same moment: a browser keeps one of the two.
func visiting(address string) chromedp.Action[chromedp.Void] {
	navigate := chromedp.Navigate(address)
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		for tries := 1; ; tries++ {
			out, err := navigate(ctx, target)
			if err == nil || tries == 5 || !strings.Contains(err.Error(), "net::ERR_ABORTED") {
				return out, err
			}
		}
	}
}

// submit presses the button of the form that posts to an address ending so.
func submit(action string) chromedp.Action[chromedp.Void] {
	return chromedp.Click(fmt.Sprintf(`form[action$="%s"] button[type=submit]`, action))
}

// fill types into a field of the form that posts to an address ending so.
func fill(action, field, text string) chromedp.Action[chromedp.Void] {
	return chromedp.SendKeys(fmt.Sprintf(`form[action$="%s"] [name=%s]`, action, field), text)
}

// number is the run whose page is open.
func (v *visitor) number() string {
	v.t.Helper()
	at, _ := v.where()
	m := regexp.MustCompile(`/runs/(\d+)`).FindStringSubmatch(at)
	if m == nil {
		v.t.Fatalf("no run's page is open but %s", at)
	}
	return m[1]
}

// ended waits until the newest run is in a state, and gives it.
func (d *desk) ended(t *testing.T, state registry.RunState) *registry.Run {
	t.Helper()
	var run *registry.Run
	until(t, "the run is "+string(state), func() bool {
		src, err := d.s.Store.SourceByKey(t.Context(), "corp")
		must(t, err)
		run, err = d.s.Store.For(src.Company).LastRun(t.Context(), src.ID)
		must(t, err)
		return run != nil && run.State == state
	})
	return run
}

// TestConsoleNight schedules a source, previews it, runs it, reads the report and
// exports it.
func TestConsoleNight(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 12)
	v := d.sit(t, d.official("acme", "ann", true, false, false), browser.Look{})
	d.schedules(t, v)
	v.do(d.open("/sources/corp"), submit("/sources/corp/preview"), v.read("admin.mode.preview"))
	v.shot("console-preview")
	if n := count(t, d.s.Core, `SELECT count(*) FROM links WHERE origin_id IN (SELECT id FROM origins WHERE kind = 'ldap')`); n != 0 {
		t.Errorf("a preview made %d people", n)
	}
	until(t, "the preview has ended", func() bool {
		return count(t, d.s.Core, `SELECT count(*) FROM runs WHERE state = 'done' AND mode = 'preview'`) == 1
	})
	v.do(d.open("/sources/corp"), submit("/sources/corp/run"))
	run := d.ended(t, registry.RunDone)
	if fmt.Sprint(run.Number) != v.number() || run.Counts.Created != 12 || run.Actor == "" || run.Trigger != "console" {
		t.Errorf("page %s; run %d by %q of %s: %+v", v.number(), run.Number, run.Actor, run.Trigger, run.Counts)
	}
	v.do(d.open(fmt.Sprintf("/runs/%d", run.Number)), see("12"), chromedp.WaitReady(`[href*="format=csv"]`))
	v.shot("console-run")
	csv := d.fetch(v, fmt.Sprintf("/runs/%d/report?format=csv&outcome=changed&action=create", run.Number))
	if n := strings.Count(csv, "\n"); n != 13 {
		t.Errorf("the report has %d lines, want 13:\n%s", n, csv)
	}
	var rows []map[string]any
	if err := json.Unmarshal([]byte(d.fetch(v, fmt.Sprintf("/runs/%d/report?format=json&outcome=changed&action=create", run.Number))), &rows); err != nil || len(rows) != 12 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
	if got := d.deeds("acme", "run.start"); len(got) != 2 {
		t.Errorf("the audit has %d runs begun, want 2: %+v", len(got), got)
	}
}

// fetch loads an address with the visitor's cookies, as a click on a download.
func (d *desk) fetch(v *visitor, path string) string { return d.load(v, http.MethodGet, path) }

// load asks for an address with the visitor's cookies.
func (d *desk) load(v *visitor, method, path string) string {
	v.t.Helper()
	var cookie string
	v.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		r, err := cdp.Call(ctx, target, network.GetCookies, network.GetCookiesParams{URLs: []string{d.url}})
		for _, c := range r.Cookies {
			cookie += c.Name + "=" + c.Value + "; "
		}
		return err
	}))
	req, err := http.NewRequestWithContext(v.t.Context(), method, d.url+"/admin/acme"+path, nil)
	must(v.t, err)
	req.Header.Set("Cookie", strings.TrimSuffix(cookie, "; "))
	res, err := http.DefaultTransport.RoundTrip(req)
	must(v.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(v.t, err)
	if res.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %s\n%s", path, res.Status, body)
	}
	return string(body)
}

// TestConsoleBadDay holds a bad day: it is judged and rejected by one, approved a
// second time, and who decides on what was decided is told so.
func TestConsoleBadDay(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 30)
	ann := d.official("acme", "ann", true, false, false)
	bea, cyd := d.official("acme", "bea", false, false, true), d.official("acme", "cyd", false, false, true)
	syncNow(t, d.s.Core, registry.RunDone)
	for i := range 20 {
		must(t, d.dir.Delete(fmt.Sprintf("uid=%s,%s", uid(i), slapd.PeopleDN)))
	}
	held := syncNow(t, d.s.Core, registry.RunHeld)
	page := fmt.Sprintf("/runs/%d", held.Number)
	admin := d.sit(t, ann, browser.Look{})
	admin.do(d.open("/"), see(fmt.Sprint(held.Number)), d.open(page), admin.read("admin.decide.other"))
	if n, err := chromedp.Run(admin.tab, chromedp.Evaluate[int](`document.querySelectorAll('form[action$="/approve"]').length`)); err != nil || n != 0 {
		t.Errorf("an admin without the right is offered %d forms: %v", n, err)
	}

	first, second := d.sit(t, bea, browser.Look{}), d.sit(t, cyd, browser.Look{})
	first.do(d.open(page), first.read("admin.held.title"), first.read("admin.held.unusual"),
		chromedp.WaitReady(`section[aria-labelledby="sample"] a[href*="/people/"]`), chromedp.WaitReady(`select[name=outcome] option[value=held]:checked`))
	first.shot("console-held")
	second.do(d.open(page), second.read("admin.held.title"))
	first.do(fill("/approve", "count", "7"), fill("/approve", "note", "looks right"), submit("/approve"), chromedp.WaitReady(`[role=alert]`))
	if d.ended(t, registry.RunHeld).Number != held.Number {
		t.Fatal("a wrong count was taken for an approval")
	}
	first.do(d.open(page), fill("/reject", "note", "the export is broken"), submit("/reject"))
	d.ended(t, registry.RunRejected)
	// The second had the page open, and approves what is no longer held.
	second.do(fill("/approve", "count", fmt.Sprint(held.Counts.Changes())), fill("/approve", "note", "all left"), submit("/approve"), chromedp.WaitReady(`[role=alert]`))
	second.shot("console-toolate")
	if run := d.ended(t, registry.RunRejected); run.DecidedBy == "" || run.DecisionNote != "the export is broken" {
		t.Errorf("decided by %q: %q", run.DecidedBy, run.DecisionNote)
	}
	if n := count(t, d.s.Core, `SELECT count(*) FROM users WHERE enabled = true`); n != 33 {
		t.Errorf("%d people are enabled after a rejection, want 33", n)
	}
	src, err := d.s.Store.SourceByKey(t.Context(), "corp")
	must(t, err)
	must(t, d.s.ResumeSource(t.Context(), src.Key))
	again := syncNow(t, d.s.Core, registry.RunHeld)
	first.do(d.open(fmt.Sprintf("/runs/%d", again.Number)), fill("/approve", "count", fmt.Sprint(again.Counts.Changes())),
		fill("/approve", "note", "they did leave"), submit("/approve"))
	done := d.ended(t, registry.RunDone)
	if done.Counts.Deactivated != 20 {
		t.Errorf("approved: %+v", done.Counts)
	}
	first.do(d.open(fmt.Sprintf("/runs/%d", done.Number)), see("20"))
	first.shot("console-approved")
}

// uid names the i-th person of the directory.
func uid(i int) string { return fmt.Sprintf("p%02d", i) }

// TestConsoleNextDoor asks for another company's pages.
func TestConsoleNextDoor(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 3)
	syncNow(t, d.s.Core, registry.RunDone)
	stranger := d.official("beta", "boris", true, false, false)
	v := d.sit(t, stranger, browser.Look{})
	v.do(chromedp.Navigate(d.url+"/admin"), chromedp.WaitReady(`main`))
	if at, _ := v.where(); !strings.Contains(at, "/admin/beta/") {
		t.Errorf("led to %s, want their own company", at)
	}
	for _, path := range []string{"/", "/runs/1", "/people", "/sources/corp", "/runs/1/report?format=csv"} {
		v.do(d.open(path), v.read("failure.404.title"))
	}
}

// TestConsolePages judges every page by axe-core's rules, in every language, light
// and dark, and that nothing is wider than a phone.
func TestConsolePages(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 30)
	names := d.lived()
	for _, look := range []browser.Look{
		{Language: "en"}, {Language: "it", Dark: true}, {Language: "ru", Width: 390, Height: 844},
	} {
		t.Run(look.Language, func(t *testing.T) {
			t.Parallel()
			v := d.sit(t, d.look("acme", "ann"), look)
			v.do(d.open("/?lang="+look.Language), chromedp.WaitReady(`html[lang="`+look.Language+`"]`))
			for _, route := range (&admin.Handlers{}).Routes() {
				path, ok := strings.CutPrefix(route.Pattern, "GET /admin/{company}")
				if path = names.Replace(path); !ok || strings.Contains(path, "{") || downloads.MatchString(path) {
					continue
				}
				v.do(d.open(path), chromedp.WaitReady(`main h1`))
				if _, text := v.where(); strings.Contains(text, v.words["failure.500.title"]) || strings.Contains(text, v.words["failure.404.title"]) {
					t.Errorf("%s cannot be shown", path)
					continue
				}
				for _, found := range browser.Axe(t, v.tab) {
					t.Errorf("%s in %s: %s", path, look.Language, found)
				}
				if look.Language == "en" {
					d.download(v, path)
				}
				wide, err := chromedp.Run(v.tab, chromedp.Evaluate[int](`document.documentElement.scrollWidth - document.documentElement.clientWidth`))
				must(t, err)
				if wide > 0 {
					t.Errorf("%s in %s is %d pixels wider than the window", path, look.Language, wide)
				}
				v.shot("page" + strings.NewReplacer("/", "-", "?", "-").Replace(path) + "-" + look.Language)
			}
		})
	}
}

// download follows every link to a file on the page that is open.
func (d *desk) download(v *visitor, path string) {
	v.t.Helper()
	links, err := chromedp.Run(v.tab, chromedp.Evaluate[[]string](`[...document.querySelectorAll('a[href*="format="]')].map(a => a.getAttribute('href'))`))
	must(v.t, err)
	for _, link := range links {
		at, ok := strings.CutPrefix(link, "/admin/acme/")
		if !ok {
			v.t.Errorf("%s leads to %s for a file", path, link)
			continue
		}
		if d.fetch(v, "/"+at) == "" {
			v.t.Errorf("%s gives an empty file at %s", path, link)
		}
	}
}

// downloads are pages that are no pages.
var downloads = regexp.MustCompile(`/(report|export|events|list|template|failed)($|\?)|\.(csv|json)$`)

// lived gives the desk a past, so that every page has something to show, and
// returns what stands for the wildcards of addresses.
func (d *desk) lived() *strings.Replacer {
	t := d.t
	t.Helper()
	d.official("acme", "ann", true, false, true)
	must(t, d.dir.AddGroup("staff", "uid="+uid(1)+","+slapd.PeopleDN))
	syncNow(t, d.s.Core, registry.RunDone)
	must(t, d.dir.Modify("uid="+uid(2)+","+slapd.PeopleDN, map[string][]string{"title": {"Chief"}}))
	must(t, d.dir.Delete("uid="+uid(3)+","+slapd.PeopleDN))
	syncNow(t, d.s.Core, registry.RunDone)
	for i := 10; i < 20; i++ {
		must(t, d.dir.Delete("uid="+uid(i)+","+slapd.PeopleDN))
	}
	held := syncNow(t, d.s.Core, registry.RunHeld)
	c := d.company("acme")
	token, err := d.s.CreateConnection(t.Context(), c.ID, "okta", registry.ConnectionSettings{Profile: "okta"})
	must(t, err)
	d.scim(token)
	tenant := d.s.Store.For(c.ID)
	items, err := tenant.ItemPage(t.Context(), registry.RowQuery{Run: held.ID, Limit: 1})
	must(t, err)
	mails, err := tenant.MailPage(t.Context(), registry.MailQuery{Limit: 1})
	must(t, err)
	hooks, err := d.s.Webhooks()
	must(t, err)
	hook, _, err := hooks.Create(t.Context(), c.ID, registry.Deed{Actor: "test"}, "hr", "https://hooks.invalid/in", []string{"*"})
	must(t, err)
	met, err := d.s.Recognise(t.Context(), c.ID, registry.OriginAdmin, registry.Encounter{Email: "claire.johnson@myorg.org"})
	must(t, err)
	groups, err := tenant.GroupPage(t.Context(), registry.GroupQuery{Limit: 1})
	must(t, err)
	return strings.NewReplacer("{$}", "", "{number}", fmt.Sprint(held.Number), "/sources/{key}", "/sources/corp", "/scim/{key}", "/scim/okta",
		"{row}", fmt.Sprint("i", items[0].ID), "{mail}", mails[0].MessageID, "{hook}", hook.PublicID, "/contacts/{id}", "/contacts/"+met.User.PublicID,
		"/people/{id}", "/people/"+d.look("acme", uid(2)).PublicID, "/groups/{id}", "/groups/"+groups[0].PublicID)
}

// TestConsoleOnePerson mends one person now: looked at first, then done.
func TestConsoleOnePerson(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 4)
	ann := d.official("acme", "ann", true, false, false)
	syncNow(t, d.s.Core, registry.RunDone)
	must(t, d.dir.Modify("uid="+uid(2)+","+slapd.PeopleDN, map[string][]string{"title": {"Chief Mender"}}))
	page := "/people/" + d.look("acme", uid(2)).PublicID
	v := d.sit(t, ann, browser.Look{})
	v.do(d.open(page), chromedp.Click(`form[action*="/sync"] button:not([name=apply])`), see("Chief Mender"))
	v.shot("console-person-preview")
	if got := d.look("acme", uid(2)).Attributes[registry.AttrTitle]; len(got) != 0 {
		t.Fatalf("a look made the title %q", got)
	}
	v.do(d.open(page), chromedp.Click(`form[action*="/sync"] button[name=apply]`), see("Chief Mender"))
	until(t, "the person is mended", func() bool {
		got := d.look("acme", uid(2)).Attributes[registry.AttrTitle]
		return len(got) == 1 && got[0] == "Chief Mender"
	})
	if d.look("acme", uid(1)).Version != 1 {
		t.Error("somebody else was changed, too")
	}
	v.do(d.open(page), see("corp"), see("admin ann"))
	v.shot("console-person")
}

// TestConsoleToken rotates a token: the old one works until the overlap ends.
func TestConsoleToken(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 0)
	ann := d.official("acme", "ann", true, false, false)
	old, err := d.s.CreateConnection(t.Context(), d.company("acme").ID, "okta", registry.ConnectionSettings{Profile: "okta"})
	must(t, err)
	if got := d.scim(old); got != http.StatusOK {
		t.Fatalf("the first token: %d", got)
	}
	v := d.sit(t, ann, browser.Look{})
	v.do(d.open("/scim/okta"), submit("/scim/okta/rotate"), v.read("admin.token.once"))
	v.shot("console-token")
	secret, err := chromedp.Run(v.tab, chromedp.Text(`code.copy`))
	must(t, err)
	if secret == old || d.scim(secret) != http.StatusOK || d.scim(old) != http.StatusOK {
		t.Errorf("the new token gives %d, the old one %d within the overlap", d.scim(secret), d.scim(old))
	}
	v.do(d.open("/scim/okta"), chromedp.WaitReady(`main`))
	if _, text := v.where(); strings.Contains(text, secret) {
		t.Error("the secret is shown a second time")
	}
	v.do(chromedp.Click(`details.sure:has(form[action$="/revoke"]) summary`), v.read("admin.sure.token"), submit("/revoke"))
	until(t, "one token is left", func() bool { return (d.scim(secret) == http.StatusOK) != (d.scim(old) == http.StatusOK) })
}

// scim asks for a person by a token.
func (d *desk) scim(token string) int {
	d.t.Helper()
	return d.ask(token, "/Users?count=1")
}

// ask gets an address of SCIM, and gives the status of the answer.
func (d *desk) ask(token, path string) int {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), http.MethodGet, d.url+"/scim/v2"+path, nil)
	must(d.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultTransport.RoundTrip(req)
	must(d.t, err)
	must(d.t, res.Body.Close())
	return res.StatusCode
}

// TestConsoleGuide connects an identity provider by its guide, which ticks what
// arrives: the first request, person, group and deactivation.
func TestConsoleGuide(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 0)
	v := d.sit(t, d.official("acme", "ann", true, false, false), browser.Look{})
	v.do(d.open("/scim"), chromedp.Click(`main details summary`), fill("/scim", "name", "okta-prod"), chromedp.SetValue(`select[name=profile]`, "okta"), submit("/scim"), chromedp.WaitReady(`code.copy`))
	var token string
	until(t, "the token is shown", func() bool {
		_, text := v.where()
		token = regexp.MustCompile(`ush_\S+`).FindString(text)
		return token != ""
	})
	v.do(d.open("/scim/okta-prod/guide"), chromedp.WaitReady(`.ticks`))
	ticked := func(want int) {
		t.Helper()
		v.do(d.open("/scim/okta-prod/guide"), chromedp.WaitReady(`.ticks`))
		if n, err := chromedp.Run(v.tab, chromedp.Evaluate[int](`document.querySelectorAll(".ticks .ok").length`)); err != nil || n != want {
			_, text := v.where()
			t.Fatalf("%d ticks, %v, want %d:\n%s", n, err, want, text)
		}
	}
	ticked(0)
	user := d.push(token, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"zoe@example.com","externalId":"00u1",
		"name":{"givenName":"Zo\u00eb","familyName":"Wei\u00df"},"emails":[{"value":"zoe@example.com","primary":true}],"active":true}`)
	d.push(token, "GET", `/Users?filter=userName%20eq%20%22zoe@example.com%22`, "")
	until(t, "the log has been written", func() bool { return count(t, d.s.Core, `SELECT count(*) FROM scim_requests`) == 2 })
	ticked(3)
	v.shot("console-guide")
	d.push(token, "POST", "/Groups", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":"Desk","members":[{"value":"`+user+`"}]}`)
	d.push(token, "PATCH", "/Users/"+user, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"],"Operations":[{"op":"replace","value":{"active":false}}]}`)
	until(t, "the log has been written", func() bool { return count(t, d.s.Core, `SELECT count(*) FROM scim_requests`) == 4 })
	ticked(5)
	d.ask(token, "/Userz") // somebody typed the address
	until(t, "the log has been written", func() bool { return count(t, d.s.Core, `SELECT count(*) FROM scim_requests`) == 5 })
	for _, page := range []string{"/scim/okta-prod/guide", "/scim/okta-prod/log?failed=1"} {
		v.do(d.open(page), v.read("admin.fix.address"))
	}
	v.do(d.open("/people?q=zoe@example.com"), see("Zoë Weiß"))
}

// push asks as an identity provider, and gives the id of what it made.
func (d *desk) push(token, method, path, body string) string {
	d.t.Helper()
	req, err := http.NewRequestWithContext(d.t.Context(), method, d.url+"/scim/v2"+path, strings.NewReader(body))
	must(d.t, err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/scim+json")
	res, err := http.DefaultTransport.RoundTrip(req)
	must(d.t, err)
	defer res.Body.Close()
	var answer struct{ ID string }
	raw, err := io.ReadAll(res.Body)
	must(d.t, err)
	if res.StatusCode >= http.StatusMultipleChoices {
		d.t.Fatalf("%s %s: %s\n%s", method, path, res.Status, raw)
	}
	if len(raw) > 0 {
		must(d.t, json.Unmarshal(raw, &answer))
	}
	return answer.ID
}
