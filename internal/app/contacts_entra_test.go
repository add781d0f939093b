package app_test

import (
	"log/slog"
	"testing"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/graphfake"
	"github.com/usherd/usher/internal/testkit/graphfake/graphfaketest"
)

// TestTeamsAndEntra: whoever wrote in Teams is the person whom Entra brings later
// under the same object id, and whom Entra brought is found when they write.
func TestTeamsAndEntra(t *testing.T) {
	tenant := graphfake.NewTenant(graphfake.Population{People: 5}, nil)
	guest, err := tenant.CreateUser(graphfake.User{UserPrincipalName: "guest@contoso.example", DisplayName: "Guest", UserType: "Guest", AccountEnabled: true})
	if err != nil {
		t.Fatal(err)
	}
	g := graphfaketest.Start(t, tenant, graphfake.Options{
		Apps: []graphfake.App{{ClientID: "app", Secrets: []string{"hunter2"}, Roles: []string{"User.Read.All", "GroupMember.Read.All"}}}})
	core, err := app.Open(t.Context(), tenantFile(t, g), app.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := core.Close(); err != nil {
			t.Error(err)
		}
	}()
	company, err := core.Company(t.Context(), "acme")
	if err != nil {
		t.Fatal(err)
	}
	writes := func(object string, strength registry.Association, fresh bool) *registry.User {
		t.Helper()
		met, err := core.Contacts.Recognise(t.Context(), company.ID, registry.OriginTeams, app.Encounter{
			TeamsTenant: tenant.ID(), TeamsObject: object, Claim: "Somebody", Verified: true, Actor: "teams",
		})
		if err != nil || met.User.Association != strength || met.New != fresh {
			t.Fatalf("%s is %+v, %v", object, met, err)
		}
		return met.User
	}
	run := func() registry.Counts {
		t.Helper()
		r, err := core.RunSource(t.Context(), "cloud", reconcile.Request{Mode: registry.ModeRun, Trigger: "manual", Actor: "test"})
		if err != nil || r.State != registry.RunDone {
			t.Fatalf("run: %v, %+v", err, r)
		}
		return r.Counts
	}
	early := writes(tenant.UserID(1), registry.Weak, true)
	visitor := writes(guest, registry.Weak, true)
	if c := run(); c.Created != 4 || c.Failed+c.Conflicts != 0 {
		t.Errorf("the first run: %+v", c)
	}
	later := writes(tenant.UserID(1), registry.Strong, false)
	if later.PublicID != early.PublicID || later.DisplayName() == "Somebody" {
		t.Errorf("who wrote early is %+v", later)
	}
	writes(tenant.UserID(2), registry.Strong, false)
	if again := writes(guest, registry.Weak, false); again.ID != visitor.ID {
		t.Errorf("the guest is %+v", again)
	}
	if c := run(); c.Changes() != 0 {
		t.Errorf("the second run: %+v", c)
	}
}
