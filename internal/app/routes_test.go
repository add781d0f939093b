package app_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
	"github.com/usherd/usher/internal/web/register"
	"github.com/usherd/usher/internal/web/self"
)

// Who may open a page.
const (
	forAll    = "everybody"          // signed in or not
	forIn     = "signed in"          // whoever has given every proof
	forProof  = "second proof due"   // and those who have one to show
	forEnrol  = "second proof lacks" // and those who have one to set up
	allOthers = "/login"
)

// routesOf says of every page who may open it. A page that is not here fails the
// test, and so does one that is gone.
var routesOf = map[string]string{
	"GET /{$}": forAll, "GET /login": forAll, "POST /login": forAll, "GET /forgot": forAll, "POST /forgot": forAll, "GET /c/{company}/login": forAll, "POST /c/{company}/login": forAll,
	"POST /c/{company}/logout": forAll, "GET /c/{company}/forgot": forAll, "POST /c/{company}/forgot": forAll,
	"GET /c/{company}/passkey": forAll, "POST /c/{company}/passkey": forAll,
	"GET /c/{company}/sso/{provider}": forAll, "GET /c/{company}/sso/{provider}/callback": forAll,
	"GET /setup/{token}": forAll, "GET /setup/sent": forAll, "POST /setup/new": forAll, "GET /setup": forAll, "POST /setup": forAll,
	"GET /factor": forProof, "POST /factor": forProof, "POST /factor/passkey": forProof,
	"GET /me/factors": forEnrol, "GET /me/factors/totp": forEnrol, "POST /me/factors/totp": forEnrol,
	"GET /me/factors/passkey": forEnrol, "POST /me/factors/passkey": forEnrol,
	"POST /me/factors/recovery": forIn, "POST /me/factors/{id}/remove": forIn,
	"GET /me": forIn, "GET /me/password": forIn, "POST /me/password": forIn,
	"POST /me/sessions/end": forIn, "POST /me/sessions/{id}/end": forIn, "POST /me/tie/{provider}": forIn,
	"GET /register": forAll, "GET /register/sent": forAll, "GET /register/user": forAll, "POST /register/user": forAll,
	"GET /register/staff": forAll, "POST /register/staff": forAll,
}

// role is one kind of visitor.
type role struct {
	name string
	who  *registry.User // nil for a stranger
	// shown says that the second factor was.
	shown bool
	// foreign is of another company, to whom acme's pages look like none.
	foreign bool
	// led is where the visitor is led from pages that are not for them: the first
	// proof, the second, or setting one up.
	led string
}

// TestEveryRouteAsEveryRole asks for every page as everybody, with another
// company's admin's session and factor in the address where there is one.
func TestEveryRouteAsEveryRole(t *testing.T) {
	t.Parallel()
	e := newEntry(t, "registration: {users: true, staff: true}", app.Options{})
	e.company("operators")
	roles := e.roles()
	victim := e.person("acme", "victim", true)
	session := e.guest().given(victim, e.s.Now())
	factor := addTOTP(e, victim)
	routes := slices.Concat((&self.Handlers{}).Routes(), (&register.Handlers{Users: true, Staff: true}).Routes(), (&admin.Handlers{}).Routes())
	rules := maps.Clone(routesOf)
	maps.Copy(rules, consoleRoutes())
	if len(routes) != len(rules) {
		t.Errorf("%d routes, %d of them judged", len(routes), len(rules))
	}
	for _, route := range routes {
		rule, known := rules[route.Pattern]
		if !known {
			t.Errorf("nobody said who may open %s", route.Pattern)
			continue
		}
		method, path, _ := strings.Cut(route.Pattern, " ")
		path = strings.NewReplacer("{$}", "", "{company}", "acme", "{provider}", "none", "{token}", "x", "{number}", "999999", "{key}", "none", "{row}", "c1", "{hook}", "none", "{mail}", "none").Replace(path)
		id := session
		if strings.Contains(path, "factors") {
			id = factor
		}
		path = strings.ReplaceAll(path, "{id}", id)
		for _, r := range roles {
			g := e.guest()
			if r.who != nil {
				var at time.Time
				if r.shown {
					at = e.s.Now()
				}
				g.given(r.who, at)
			}
			var form url.Values
			if method == http.MethodPost {
				form = url.Values{}
			}
			answer := g.do(method, path, form)
			if rule == "anywhere" { // leads to a company, if one's own: 404 here
				rule = "right read"
			}
			if right, fenced := strings.CutPrefix(rule, "right "); fenced {
				judgeRight(t, route.Pattern, auth.Right(right), r, answer)
				continue
			}
			judge(t, route.Pattern, rule, r, answer)
		}
	}
	live, err := e.s.Access.SessionsOf(t.Context(), victim.Company, victim.ID)
	must(t, err)
	have, err := e.s.Store.Signing().Factors(t.Context(), victim.Company, victim.ID)
	must(t, err)
	if len(live) != 1 || len(have) != 1 {
		t.Errorf("the bystander has %d sessions and %d factors left", len(live), len(have))
	}
}

// judge compares an answer with who may open the page.
func judge(t *testing.T, pattern, rule string, r role, p page) {
	t.Helper()
	may := rule == forAll || r.led == "" || rule == forProof && r.led == "/factor" || rule == forEnrol && r.led == "/me/factors"
	led := p.status == http.StatusSeeOther && r.led != "" && strings.HasPrefix(p.location, r.led+"?next=")
	switch {
	case may && led:
		t.Errorf("%s as %s: led to %s", pattern, r.name, p.location)
	case may && p.status >= http.StatusInternalServerError:
		t.Errorf("%s as %s: %d", pattern, r.name, p.status)
	case !may && !led:
		t.Errorf("%s as %s: %d to %q, want to be led to %s", pattern, r.name, p.status, p.location, r.led)
	}
	if csp := p.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("%s as %s: policy %q", pattern, r.name, csp)
	}
}

// judgeRight compares an answer with the rights of who asked for a page of acme.
// There is nothing with the names in the address: who is let in may be told so.
func judgeRight(t *testing.T, pattern string, right auth.Right, r role, p page) {
	t.Helper()
	led := p.status == http.StatusSeeOther && r.led != "" && strings.HasPrefix(p.location, r.led+"?next=")
	inside := strings.Contains(pattern, "{company}")
	switch {
	case r.led != "" && !led:
		t.Errorf("%s as %s: %d to %q, want to be led to %s", pattern, r.name, p.status, p.location, r.led)
	case r.led != "":
	case r.foreign && inside && p.status != http.StatusNotFound && p.status != http.StatusForbidden:
		t.Errorf("%s as %s: %d, want 404", pattern, r.name, p.status)
	case r.foreign && inside:
	case !slices.Contains(rightsOf[r.name], right) && p.status != http.StatusForbidden:
		t.Errorf("%s as %s: %d, want 403", pattern, r.name, p.status)
	case slices.Contains(rightsOf[r.name], right) && (p.status == http.StatusForbidden || p.status >= http.StatusInternalServerError || led):
		t.Errorf("%s as %s: %d to %q, want to be let in", pattern, r.name, p.status, p.location)
	}
	if csp := p.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
		t.Errorf("%s as %s: policy %q", pattern, r.name, csp)
	}
}

// roles are everybody there is.
func (e *entry) roles() []role {
	e.t.Helper()
	with := func(company, name string, admin, auditor, approver bool) *registry.User {
		u := e.person(company, name, true)
		if admin || auditor || approver {
			e.rights(u, admin, auditor, approver)
		}
		return e.look(company, name)
	}
	staff := e.person("acme", "staff", true)
	origin, err := e.s.Store.For(staff.Company).EnsureOrigin(e.t.Context(), registry.OriginSCIM, "people")
	must(e.t, err)
	e.apply(origin, registry.PutUser{Anchor: "staff", Enabled: true, Kind: registry.SupportStaff, Attributes: staff.Attributes})
	half := with("acme", "half", true, false, false)
	addTOTP(e, half)
	return []role{
		{name: "stranger", led: allOthers},
		{name: "end user", who: with("acme", "user", false, false, false)},
		{name: "support staff", who: e.look("acme", "staff")},
		{name: "auditor", who: with("acme", "auditor", false, true, false), shown: true},
		{name: "approver", who: with("acme", "approver", false, false, true), shown: true},
		{name: "admin", who: with("acme", "admin", true, false, false), shown: true},
		{name: "admin of another company", who: with("beta", "admin", true, false, false), shown: true, foreign: true},
		{name: "operator", who: with("operators", "olga", false, false, false), shown: true},
		{name: "admin with a factor to show", who: half, led: "/factor"},
		{name: "admin with a factor to set up", who: with("acme", "new", true, false, false), led: "/me/factors"},
		{name: "approver with a factor to set up", who: with("acme", "newapprover", false, false, true), led: "/me/factors"},
		{name: "auditor with a factor to set up", who: with("acme", "newauditor", false, true, false), led: "/me/factors"},
		{name: "operator with a factor to set up", who: with("operators", "oleg", false, false, false), led: "/me/factors"},
	}
}
