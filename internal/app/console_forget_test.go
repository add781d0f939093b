package app_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// oldSource is a second source of the directory, which has everybody first.
const oldSource = `  old:
    company: acme
    kind: ldap
    url: %s
    bind_dn: cn=reader,dc=example,dc=com
    bind_password: reader-secret
    users:
      base: ou=people,dc=example,dc=com
      filter: (objectClass=inetOrgPerson)
      attributes: {userName: uid, emails: mail, givenName: givenName, familyName: sn, displayName: cn}
`

// TestConsoleForget takes a source out of the file and parts from it in the console:
// an admin sees it and may not, an approver looks at a preview, plans the handing
// over, approves it, and its people are the other source's; a program sees the same,
// and another company nothing.
func TestConsoleForget(t *testing.T) {
	t.Parallel()
	dir := directory(t, 0, 0)
	for i := range 3 {
		must(t, dir.AddPerson(uid(i), nil))
	}
	set := defaults(t, settings{Listen: free(t), LDAP: dir.URL, Source: fmt.Sprintf(oldSource, dir.URL), Companies: "  beta: {name: Beta}\n"})
	set.PublicURL = "http://" + set.Listen
	before, stop := start(t, configure(t, set), app.Options{})
	if run, err := before.RunSource(t.Context(), "old", app.RunRequest{Mode: registry.ModeRun, Trigger: "manual", Actor: "test"}); err != nil || run.Counts.Created != 3 {
		t.Fatalf("the first run: %+v, %v", run, err)
	}
	stop()
	set.Source = ""
	e := &entry{t: t, url: set.PublicURL, people: map[string]*registry.User{}}
	hasher, err := auth.NewHasher(auth.Params{Memory: 64, Time: 1, Threads: 1}, rand.Reader)
	must(t, err)
	e.hash, err = hasher.Hash(t.Context(), phrase)
	must(t, err)
	e.s, _ = start(t, configure(t, set), app.Options{})
	sit := func(company, name string, admin, approver bool) *guestOf {
		e.rights(e.person(company, name, true), admin, false, approver)
		g := e.guest()
		g.given(e.look(company, name), e.s.Now())
		return g
	}
	claire, paul, bob := sit("acme", "claire", true, false), sit("acme", "paul", false, true), sit("beta", "bob", true, true)
	const home, old = "/admin/acme/", "/admin/acme/sources/old"
	ended := func(number string) *registry.Run {
		t.Helper()
		var run *registry.Run
		until(t, "run "+number+" ends", func() bool {
			all, err := e.s.Store.For(e.company("acme").ID).Runs(t.Context(), 0, 10)
			must(t, err)
			for _, run = range all {
				if fmt.Sprint(run.Number) == number {
					return !run.State.Active()
				}
			}
			return false
		})
		return run
	}
	post := func(g *guestOf, path string, form url.Values) *registry.Run {
		t.Helper()
		p := g.do(http.MethodPost, path, form)
		number, ok := strings.CutPrefix(p.location, home+"runs/")
		if p.status != http.StatusSeeOther || !ok {
			t.Fatalf("POST %s %v: %d to %q\n%s", path, form, p.status, p.location, p.body)
		}
		number, _, _ = strings.Cut(number, "?")
		return ended(number)
	}
	owner := func() string {
		doors, err := e.s.Store.For(e.company("acme").ID).Origins(t.Context())
		must(t, err)
		return doors[e.look("acme", uid(1)).Owner].Key
	}

	if p := claire.get(home + "sources"); !p.has(old) || !p.has("3 people") {
		t.Errorf("the list: %d\n%s", p.status, p.body)
	}
	if p := claire.get(old); p.status != http.StatusOK || p.has(`action="`+old+`/forget"`) {
		t.Errorf("an admin is shown %d\n%s", p.status, p.body)
	}
	if p := claire.do(http.MethodPost, old+"/forget", url.Values{"how": {"release"}}); p.status != http.StatusForbidden {
		t.Errorf("an admin may: %d", p.status)
	}
	if p := bob.do(http.MethodPost, old+"/forget", url.Values{"how": {"release"}}); p.status == http.StatusSeeOther {
		t.Errorf("another company's may: %q", p.location)
	}
	if p := bob.do(http.MethodPost, "/admin/beta/sources/old/forget", url.Values{"how": {"release"}}); p.status != http.StatusNotFound {
		t.Errorf("another company's own page: %d", p.status)
	}
	if p := paul.get(home + "people?owner=ldap:old"); p.status != http.StatusOK || !p.has(uid(2)) {
		t.Errorf("its people: %d", p.status)
	}

	preview := post(paul, old+"/forget", url.Values{"how": {"deactivate"}, "preview": {"1"}})
	if preview.Mode != registry.ModePreview || preview.State != registry.RunDone || preview.Counts.Deactivated != 3 || owner() != "old" {
		t.Errorf("the preview: %+v", preview)
	}
	if p := paul.do(http.MethodPost, old+"/forget", url.Values{"how": {"to"}, "heir": {"none"}}); p.status != http.StatusOK || !p.has("could take over") {
		t.Errorf("to nobody: %d", p.status)
	}
	held := post(paul, old+"/forget", url.Values{"how": {"to"}, "heir": {"corp"}})
	if held.State != registry.RunHeld || owner() != "old" {
		t.Fatalf("planned: %+v", held)
	}
	if p := paul.get(home); !p.has(fmt.Sprintf("/runs/%d", held.Number)) {
		t.Errorf("the overview does not tell of it")
	}
	page := fmt.Sprint(home, "runs/", held.Number)
	if p := paul.get(page); !p.has("handed over to corp") || p.has("gave nobody") {
		t.Errorf("the held run: %s", p.body)
	}
	done := post(paul, page+"/approve", url.Values{"note": {"moved"}, "count": {fmt.Sprint(held.Counts.Changes())}, "plan": {held.PlanHash}})
	if done.State != registry.RunDone || owner() != "corp" {
		t.Errorf("carried out: %+v, %s", done, owner())
	}
	if p := paul.get(home + "sources"); p.has(old) {
		t.Errorf("it still has somebody:\n%s", p.body)
	}
	if got := e.deeds("acme", "source.forget"); len(got) < 3 {
		t.Errorf("written down: %+v", got)
	}
}

// TestForgetByProgram: what a program may ask about a source that it has no reason to
// part from, and what nothing runs any more.
func TestForgetByProgram(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t)
	ask := func(want int, token, body, part string) {
		t.Helper()
		res, got := w.send(token, "POST", "/sources/corp/forget", body, nil)
		if res.StatusCode != want || !strings.Contains(string(got), part) {
			t.Errorf("%s: %d %s", body, res.StatusCode, got)
		}
	}
	ask(http.StatusForbidden, w.token("acme", "read", "operate"), `{"how": "release"}`, "forbidden")
	ask(http.StatusNotFound, w.token("beta", "read", "approve"), `{"how": "release"}`, "not_found")
	ask(http.StatusUnprocessableEntity, w.token("acme", "read", "approve"), `{"how": "burn"}`, "invalid_value")
	ask(http.StatusUnprocessableEntity, w.token("acme", "read", "approve"), `{"how": "release"}`, "in the configuration file")
}

// parting takes a source out of the file, and looks at what parting from it comes to.
func (s *story) parting() {
	for _, keys := range [][]string{{"corp", "old"}, {"corp"}} {
		want := store.Settled{Companies: []registry.Company{{Key: "acme", Name: "Acme", Locale: "en"}, {Key: "beta", Name: "Beta", Locale: "en"}}}
		for _, key := range keys {
			want.Sources = append(want.Sources, store.SettledSource{Key: key, CompanyKey: "acme", Kind: registry.OriginLDAP})
		}
		must(s.t, s.server.Store.Settle(s.t.Context(), want))
	}
	s.values["source"] = "old"
	if got := s.run("forgetSource", bodies["forgetSource"]); got["state"] != "done" || got["mode"] != "preview" || got["trigger"] != "forget-release" {
		s.t.Errorf("parting: %v", got)
	}
	s.values["source"] = "corp"
}
