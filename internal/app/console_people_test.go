package app_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// deed posts a form of acme's console and fails unless it was done.
func (g *guestOf) deed(path string, form url.Values) page {
	g.e.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	p := g.do(http.MethodPost, "/admin/acme/"+path, form)
	if p.status != http.StatusSeeOther {
		_, alert, _ := strings.Cut(p.body, `role="alert">`)
		alert, _, _ = strings.Cut(alert, "<")
		g.e.t.Fatalf("POST %s: %d %q", path, p.status, alert)
	}
	return p
}

// TestConsolePeople: an admin makes an account of a contact, chooses the default
// support group, lets an applicant in by the address in the mail, and shares the
// work; each deed is in the audit once.
func TestConsolePeople(t *testing.T) {
	t.Parallel()
	e := newEntry(t, "", app.Options{})
	ctx, acme := t.Context(), e.company("acme")
	tenant := e.s.Store.For(acme.ID)
	e.rights(e.person("acme", "claire", true), true, false, false)
	admin := e.guest()
	admin.given(e.look("acme", "claire"), e.s.Now())

	met, err := e.s.Recognise(ctx, acme.ID, registry.OriginAdmin, app.Encounter{Email: "sally@example.com", GivenName: "Sally", Actor: "test"})
	must(t, err)
	admin.deed("contacts/"+met.User.PublicID+"/promote", url.Values{"username": {"sally"}, "given": {"Sally"}, "kind": {"support_staff"}})
	sally := e.look("acme", "sally")
	if sally.ID != met.User.ID || sally.State() != registry.StateInvited || sally.Kind != registry.SupportStaff || sally.DisplayName() != met.User.DisplayName() {
		t.Errorf("the account is %+v, the contact was %+v", sally, met.User)
	}

	for _, name := range []string{"First", "Second"} {
		admin.deed("groups", url.Values{"name": {name}, "default": {"1"}})
	}
	groups, err := tenant.ListGroups(ctx)
	must(t, err)
	first := groups[slices.IndexFunc(groups, func(g registry.GroupInfo) bool { return g.DisplayName == "First" })]
	admin.deed("groups/"+first.PublicID+"/default", nil)
	if g, err := tenant.SupportDefault(ctx); err != nil || g.ID != first.ID {
		t.Errorf("the default is %+v, %v", g, err)
	}
	admin.deed("groups/"+first.PublicID+"/add", url.Values{"who": {"sally"}})
	if p := admin.get("/admin/acme/people/" + sally.PublicID); !p.has(">First</a>") || !p.has("by hand") {
		t.Errorf("sally's page has no group: %d", p.status)
	}

	e.applicant(admin, "lena")
	admin.deed("team", url.Values{"who": {"sally"}, "auditor": {"1"}})
	if sally = e.look("acme", "sally"); sally.Rights != registry.RightsAuditor {
		t.Errorf("sally has %s", sally.Rights)
	}
	if p := admin.do(http.MethodPost, "/admin/acme/team", url.Values{"who": {"claire"}, "sure": {"1"}}); p.status != http.StatusOK || !e.look("acme", "claire").CompanyAdmin {
		t.Errorf("the last admin took their own right: %d", p.status)
	}
	for action, want := range map[string]int{"contact.promote": 1, "group.create": 2, "group.default": 1, "group.add": 1, "applicant.activate": 1, "person.rights": 2} {
		if got := e.deeds("acme", action); len(got) != want {
			t.Errorf("%s is in the audit %d times: %+v", action, len(got), got)
		}
	}
	if d := e.deeds("acme", "person.rights"); d[0].Outcome != string(registry.CodeLastAdmin) || d[1].Outcome != "" || d[1].Subject != "people/"+sally.PublicID {
		t.Errorf("rights in the audit: %+v", d)
	}
}

// applicant registers somebody without a proof of work, and has the admin let them
// in from the address in the mail.
func (e *entry) applicant(admin *guestOf, name string) {
	t, ctx := e.t, e.t.Context()
	t.Helper()
	must(t, e.s.Store.For(e.company("acme").ID).CreateContract(ctx, "C-1", "", "test"))
	id := "application-of-" + name
	must(t, e.s.Store.Registrations(e.s.Registry).Receive(ctx, onboard.Intake{Challenge: auth.Spent{Hash: []byte(id), Expires: e.s.Now().Add(time.Hour)}, Application: registry.Application{
		PublicID: id, Kind: registry.EndUser, State: registry.ApplicationReceived, CreatedAt: e.s.Now(), Address: "192.0.2.1",
		Typed: map[string]string{
			registry.FieldLogin: name, registry.FieldGiven: "Lena", registry.FieldFamily: "Ivanova", registry.FieldMail: name + "@example.com", registry.FieldContract: "C-1",
		},
	}}))
	until(t, "an applicant who waits", func() bool {
		list, err := e.s.Applicants(ctx, e.company("acme").ID, registry.ApplicationAwaiting, 1)
		return err == nil && len(list) == 1
	})
	if p := e.guest().do(http.MethodGet, "/admin/applicants/"+id, nil); !strings.HasPrefix(p.location, "/login?next=") {
		t.Errorf("a stranger is led to %q", p.location)
	}
	other := e.guest()
	e.rights(e.person("beta", "bob", true), true, false, false)
	other.given(e.look("beta", "bob"), e.s.Now())
	if p := other.get("/admin/applicants/" + id); p.status != http.StatusNotFound {
		t.Errorf("another company's admin: %d", p.status)
	}
	if p := admin.get("/admin/applicants/" + id); p.status != http.StatusOK || p.url.Path != "/admin/acme/applicants/"+id || !p.has("Lena Ivanova") {
		t.Fatalf("the admin is at %s: %d", p.url, p.status)
	}
	admin.deed("applicants/"+id+"/activate", nil)
	if u := e.look("acme", name); u.State() != registry.StateInvited {
		t.Errorf("%s is %s", name, u.State())
	}
}
