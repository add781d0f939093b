package app_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/graphfake"
	"github.com/usherd/usher/internal/testkit/graphfake/graphfaketest"
)

// tenantFile is a configuration with a source of kind entra.
func tenantFile(t *testing.T, g *graphfake.Running) *config.Config {
	t.Helper()
	dir := t.TempDir()
	name := filepath.Join(dir, "usher.yaml")
	text := fmt.Sprintf(`public_url: https://people.example.com
database: sqlite:%s
secret_key: 0123456789abcdef0123456789abcdef
mail: {smtp: "smtp://127.0.0.1:1", from: helpdesk@example.com}
companies: {acme: {name: Acme}}
sources:
  cloud:
    company: acme
    kind: entra
    cloud: {authority: %q, graph: %q, ca_file: %q}
    tenant_id: %s
    client_id: app
    client_secret: hunter2
    setup_mail: false
`, filepath.Join(dir, "usher.db"), g.URL, g.URL, g.CAFile, g.Tenant().ID())
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(name, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// TestEntraSource: a tenant is tested, previewed and run like any directory; the
// second run plans nothing, and who leaves the tenant or its user types is
// deactivated.
func TestEntraSource(t *testing.T) {
	leakFree(t)
	rounds := 0
	tenant := graphfake.NewTenant(graphfake.Population{People: 60, Groups: 4, Members: 10, Nested: 2}, nil)
	guest, err := tenant.CreateUser(graphfake.User{UserPrincipalName: "guest@contoso.example", DisplayName: "Guest", UserType: "Guest", AccountEnabled: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := tenant.AddMember(tenant.GroupID(3), guest); err != nil {
		t.Fatal(err)
	}
	g := graphfaketest.Start(t, tenant, graphfake.Options{RemovedAtFirst: true, DeltaPage: 25,
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
	info, rows, err := core.TestSource(t.Context(), "cloud", 5)
	if err != nil || len(rows) != 5 || rows[0].Person.Attributes.First(registry.AttrUserName) == "" || len(info.Facts) == 0 {
		t.Fatalf("test: %v, %+v, %+v", err, info, rows)
	}
	var joined int64
	run := func(mode string, want registry.Counts) {
		t.Helper()
		r, err := core.RunSource(t.Context(), "cloud", reconcile.Request{Mode: mode, Trigger: "manual", Actor: "test"})
		if err != nil || r.State != registry.RunDone {
			t.Fatalf("run: %v, %+v", err, r)
		}
		joined = r.Counts.MembersAdded
		got := registry.Counts{Created: r.Counts.Created, Updated: r.Counts.Updated, Restored: r.Counts.Restored, Deactivated: r.Counts.Deactivated,
			GroupsCreated: r.Counts.GroupsCreated, Failed: r.Counts.Failed}
		if got != want {
			t.Errorf("counts %+v, want %+v", got, want)
		}
	}
	run(registry.ModePreview, registry.Counts{Created: 60, GroupsCreated: 4})
	run(registry.ModeRun, registry.Counts{Created: 60, GroupsCreated: 4})
	run(registry.ModeRun, registry.Counts{})
	if err := tenant.DeleteUser(tenant.UserID(51)); err != nil {
		t.Fatal(err)
	}
	if err := tenant.UpdateUser(tenant.UserID(52), func(u *graphfake.User) { u.UserType = "Guest" }); err != nil {
		t.Fatal(err)
	}
	if err := tenant.UpdateUser(tenant.UserID(53), func(u *graphfake.User) { u.JobTitle = "Owl" }); err != nil {
		t.Fatal(err)
	}
	run(registry.ModeRun, registry.Counts{Deactivated: 2, Updated: 1})
	if err := tenant.RestoreUser(tenant.UserID(51)); err != nil {
		t.Fatal(err)
	}
	run(registry.ModeRun, registry.Counts{Restored: 1})
	if err := tenant.UpdateUser(guest, func(u *graphfake.User) { u.UserType = "Member" }); err != nil {
		t.Fatal(err)
	}
	run(registry.ModeRun, registry.Counts{Created: 1})
	if joined != 1 {
		t.Errorf("%d memberships added with who was in a group before", joined)
	}
	for _, q := range g.Requests() {
		rounds += strings.Count(q.Query, "deltatoken")
	}
	if rounds == 0 {
		t.Error("every run read everything")
	}
	run(registry.ModeRun, registry.Counts{})
}

// TestEntraFaults: what is wrong with a source of kind entra is told with its
// place in the file.
func TestEntraFaults(t *testing.T) {
	tenant := graphfake.NewTenant(graphfake.Population{People: 1}, nil)
	g := graphfaketest.Start(t, tenant, graphfake.Options{})
	cfg := tenantFile(t, g)
	s := cfg.Sources["cloud"]
	s.Entra.Users.Attributes = map[string]config.Attribute{"userName": {Value: "sn"}}
	s.Entra.Groups.IDs = []string{"Staff"}
	cfg.Sources["cloud"] = s
	err := app.Check(cfg)
	var b bytes.Buffer
	fmt.Fprint(&b, err)
	for _, want := range []string{"sources.cloud.groups.ids[0]: ", "sources.cloud.users.attributes: users of Entra ID have no property sn"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in %s", want, b.String())
		}
	}
}
