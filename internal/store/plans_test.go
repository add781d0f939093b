package store_test

import (
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// companyOnly is a search that goes through everything a company has.
var companyOnly = regexp.MustCompile(`\(company_id=\?\)$`)

// TestNoStatementReadsTheWholeCompany asks SQLite how it would carry out every
// statement of a run's writes. One that reads a table, or all that a company has
// in it, is fast in every test and ruins the first large installation. (What
// reads all of an origin, or pages through all mails, is meant to.)
func TestNoStatementReadsTheWholeCompany(t *testing.T) {
	address := "sqlite:" + filepath.Join(t.TempDir(), "usher.db")
	s := openStore(t, address, store.Options{Driver: store.FencedDriver("sqlite")})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, s)
	seen := map[string]bool{}
	ctx := store.Recording(t.Context(), func(q string) { seen[q] = true })
	everything(ctx, t, w)
	small := regexp.MustCompile(`\b(sources|origins|runs|processes|departments|companies|webhook_company_id)\b`)
	for q := range seen {
		if !regexp.MustCompile(`(?i)^\s*(select|update|delete|insert.*select)`).MatchString(q) {
			continue
		}
		for _, step := range explain(t, s, q) {
			bad := strings.HasPrefix(step, "SCAN ") && !strings.Contains(step, "json_each") || companyOnly.MatchString(step)
			if bad && !small.MatchString(step) {
				t.Errorf("%s:\n\t%s", step, q)
			}
		}
	}
	if len(seen) < 20 {
		t.Errorf("only %d statements were seen", len(seen))
	}
}

// explain is SQLite's plan for a statement, a line a step.
func explain(t *testing.T, s *store.Store, q string) []string {
	t.Helper()
	rows, err := s.WriteDB().QueryContext(store.Crossing(t.Context()), `EXPLAIN QUERY PLAN `+q, make([]any, strings.Count(q, "?"))...)
	if err != nil {
		t.Fatalf("%s: %v", q, err)
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		out = append(out, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// everything does each kind of operation once.
func everything(ctx context.Context, t *testing.T, w *world) {
	t.Helper()
	f, _ := acquire(t, w, "me")
	company := w.s.For(w.src.Company)
	put := func(ops ...registry.Op) []registry.Result {
		t.Helper()
		res, err := w.r.Apply(ctx, registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Actor: "test", Fence: &f, Ops: ops})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	in := with(person("1", "ann"), func(p *registry.PutUser) { p.Department, p.Contract = "Sales", "C" })
	id := put(in, person("2", "bob"))[0].User
	g := put(registry.PutGroup{Anchor: "g", DisplayName: "G"})[0].Group
	put(registry.PatchMembers{Group: g, AddUsers: []registry.UserID{id}}, address(person("1", "bob"), "new@example.com"), person("2", "ann"))
	put(registry.PatchMembers{Group: g, RemoveUsers: []registry.UserID{id}}, registry.SetBlocks{User: id, Set: registry.BlockAdmin}, miss("2"))
	put(registry.MissGroup{Anchor: "g"}, registry.DeleteUser{Anchor: "2"}, registry.SetBlocks{User: id, Clear: registry.BlockAdmin}, registry.MailSetup{User: id})
	contact := put(registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {"guest"}}, Association: registry.Weak})[0].User
	put(with(person("3", "guest"), func(p *registry.PutUser) { p.Join = contact }))
	for _, rule := range []string{"userName", "email", "employeeNumber"} {
		if _, err := company.Candidates(ctx, rule, []string{"ann"}); err != nil {
			t.Fatal(err)
		}
	}
	run := newRun(t, w, f, registry.ModeRun)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(company.AddItems(ctx, f, run.ID, []registry.RunItem{{Outcome: registry.OutcomeFailed}}))
	must(company.Items(ctx, run.ID, func(registry.RunItem) error { return nil }))
	must(company.ChangesOf(ctx, run.ID, func(registry.Change, string) error { return nil }))
	must(company.LinkedUsers(ctx, w.src.Origin.ID, func(registry.LinkedUser) error { return nil }))
	_, err := w.s.Profile(ctx, w.src.Company, id)
	must(err)
	_, err = w.s.ListSessions(ctx, w.src.Company, id, w.now)
	must(err)
	_, err = w.s.EndSessions(ctx, w.src.Company, id, "")
	must(err)
	people := w.s.Onboarding("example.com", w.r.NewID)
	for _, who := range []string{"bob", "new@example.com", "nobody"} {
		_, err := people.FindPeople(ctx, w.src.Company, who)
		must(err)
	}
	_, err = people.GetPerson(ctx, w.src.Company, id)
	must(err)
	for _, who := range []string{"bob", "new@example.com", w.person(id).PublicID} {
		_, err := company.FindUser(ctx, who)
		must(err)
	}
}
