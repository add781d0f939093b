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
// more are further lines of the source.
func tenantFile(t *testing.T, g *graphfake.Running, more ...string) *config.Config {
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
%s`, filepath.Join(dir, "usher.db"), g.URL, g.URL, g.CAFile, g.Tenant().ID(), strings.Join(more, ""))
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

// TestEntraScope: who and which groups are taken can be said in every way there
// is, and a day of changes moves people in and out of it.
func TestEntraScope(t *testing.T) {
	tenant := graphfake.NewTenant(graphfake.Population{}, nil)
	ids, group := map[string]string{}, map[string]string{}
	add := func(name string, set func(*graphfake.User)) {
		u := graphfake.User{UserPrincipalName: name + "@contoso.example", DisplayName: name, UserType: "Member", AccountEnabled: true}
		set(&u)
		id, err := tenant.CreateUser(u)
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = id
	}
	add("plain", func(*graphfake.User) {})
	add("off", func(u *graphfake.User) { u.AccountEnabled = false })
	add("guest", func(u *graphfake.User) { u.UserType = "Guest" })
	add("other", func(u *graphfake.User) { u.UserPrincipalName = "other@branch.example" })
	add("sales", func(u *graphfake.User) { u.Department, u.OnPremisesExtensionAttributes[6] = "Sales", "north" })
	add("synced", func(u *graphfake.User) { u.OnPremisesSyncEnabled = new(true) })
	add("badge", func(u *graphfake.User) {
		u.Extensions = map[string]any{"extension_00112233445566778899aabbccddeeff_costCenter": "4711"}
	})
	for _, g := range []struct {
		name    string
		members []string
	}{{"inner", []string{ids["sales"]}}, {"outer", []string{ids["plain"]}}} {
		id, err := tenant.CreateGroup(graphfake.Group{DisplayName: g.name, SecurityEnabled: true}, g.members...)
		if err != nil {
			t.Fatal(err)
		}
		group[g.name] = id
	}
	if err := tenant.AddMember(group["outer"], group["inner"]); err != nil {
		t.Fatal(err)
	}
	g := graphfaketest.Start(t, tenant, graphfake.Options{
		Apps: []graphfake.App{{ClientID: "app", Secrets: []string{"hunter2"}, Roles: []string{"User.Read.All", "GroupMember.Read.All"}}}})
	for _, c := range []struct {
		name, settings string
		people, groups int64
	}{
		{"members", "", 6, 2},
		{"guests too", "    user_types: [member, guest]\n", 7, 2},
		{"enabled", `    users: {scope: 'accountEnabled == "true"'}`, 5, 2},
		{"a domain", `    users: {scope: 'lower(userPrincipalName) endsWith "@contoso.example"'}`, 5, 2},
		{"a property", `    users: {scope: 'department == "Sales"'}`, 1, 2},
		{"cloud only", `    users: {scope: 'onPremisesSyncEnabled != "true"'}`, 5, 2},
		{"an attribute of Exchange", `    users: {scope: 'extensionAttribute7 == "north"'}`, 1, 2},
		{"a directory extension", `    users: {scope: 'extension_00112233445566778899aabbccddeeff_costCenter == "4711"'}`, 1, 2},
		{"nested groups", "    groups: {ids: [" + group["outer"] + "]}", 2, 2},
		{"a group alone", "    groups: {ids: [" + group["outer"] + "], nested: ignore}", 1, 1},
		{"groups by name", `    groups: {scope: 'displayName startsWith "in"'}`, 6, 1},
		{"mapped groups", "    groups: {map: {" + strings.ToUpper(group["inner"]) + ": {name: Agents, role: support}}}", 6, 1},
		{"mapped groups and others", "    groups: {map: {outer: {name: All}}, only_mapped: false}", 6, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			core, err := app.Open(t.Context(), tenantFile(t, g, c.settings, "\n"), app.Options{Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := core.Close(); err != nil {
					t.Error(err)
				}
			}()
			for _, want := range []registry.Counts{{Created: c.people, GroupsCreated: c.groups}, {}} {
				run, err := core.RunSource(t.Context(), "cloud", reconcile.Request{Mode: registry.ModeRun, Trigger: "manual", Actor: "test"})
				if err != nil || run.State != registry.RunDone {
					t.Fatalf("run: %v, %+v", err, run)
				}
				if got := (registry.Counts{Created: run.Counts.Created, GroupsCreated: run.Counts.GroupsCreated}); got != want {
					t.Errorf("counts %+v, want %+v", got, want)
				}
			}
		})
	}
}
