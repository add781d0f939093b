package reconcile_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/testkit/graphfake"
	"github.com/usherd/usher/internal/testkit/graphfake/graphfaketest"
)

// tenant is a world with n people in a tenant, u000 and so on, and a group of all.
func tenant(t *testing.T, n int) (*world, *graphSite, []*human, *team) {
	t.Helper()
	t.Parallel()
	w, s := newGraphWorld(t, databases["sqlite"](t), graphfake.Options{DeltaPage: 7, MemberPage: 5})
	people := make([]*human, n)
	for i, uid := range uids(n) {
		people[i] = &human{uid: uid, mail: uid + "@example.com", there: true}
		if err := s.hire(people[i]); err != nil {
			t.Fatal(err)
		}
	}
	g := &team{cn: "all"}
	if err := s.found(g); err != nil {
		t.Fatal(err)
	}
	if err := s.write([]roster{{team: g, people: people}}); err != nil {
		t.Fatal(err)
	}
	return w, s, people, g
}

// TestDeltaAfterWithheldRemovals: a tenant tells once that somebody left. When an
// admin's rejection has the removals left out, they are made when they are allowed
// again, though the tenant says nothing more of it.
func TestDeltaAfterWithheldRemovals(t *testing.T) {
	w, s, people, g := tenant(t, 20)
	other := &team{cn: "other"}
	if err := errors.Join(s.found(other), s.write([]roster{{team: other, people: people[:10]}})); err != nil {
		t.Fatal(err)
	}
	w.adjust = func(src *reconcile.Source) { src.Limits.Deactivate = plan.Threshold{Count: 2, Percent: 1e9} }
	w.run(registry.RunDone)
	for _, h := range people[:4] {
		if err := s.leave(h); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.dissolve(other), s.write([]roster{{team: g, people: people[6:]}})); err != nil {
		t.Fatal(err)
	}
	held := w.run(registry.RunHeld)
	if err := w.engine.Decide(t.Context(), held, word(registry.RunRejected, "claire")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		want(t, "changes without removals", w.changes(w.run(registry.RunDone)), nil)
	}
	w.adjust = nil
	run := w.run(registry.RunDone)
	want(t, "read by the delta link", run.Full, false)
	want(t, "changes", w.changes(run), []string{"deactivate u000 missing", "deactivate u001 missing", "deactivate u002 missing",
		"deactivate u003 missing", "delete other missing +0 -10", "members all +0 -6"})
	w.idle()
}

// TestLeavesWhileEdited: somebody who left and was changed by an admin while the
// tenant was read is looked at again by the next run, though it is told once.
func TestLeavesWhileEdited(t *testing.T) {
	w, s, people, _ := tenant(t, 5)
	w.run(registry.RunDone)
	var id registry.UserID
	if _, err := fmt.Sscan(w.id("u001"), &id); err != nil {
		t.Fatal(err)
	}
	if err := s.leave(people[1]); err != nil {
		t.Fatal(err)
	}
	w.adjust = func(src *reconcile.Source) {
		src.Reader = &meanwhile{src.Reader, func() {
			w.put(w.door(registry.OriginAdmin, "admin"), registry.SetBlocks{User: id, Set: registry.BlockAdmin})
		}}
	}
	want(t, "changes", w.changes(w.run(registry.RunDone)), nil)
	w.adjust = nil
	run := w.run(registry.RunDone)
	want(t, "read by the delta link", run.Full, false)
	want(t, "changes", w.changes(run), []string{"deactivate u001 missing", "members all +0 -1"})
	w.idle()
}

// TestCancelledRead: a run that is stopped while the tenant keeps it waiting ends
// at once, has done nothing, and the next one goes on.
func TestCancelledRead(t *testing.T) {
	w, s, _, _ := tenant(t, 20)
	s.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 2}, graphfake.Delay(time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	req := reconcile.Request{Mode: registry.ModeRun, Progress: func(p reconcile.Progress) {
		if p.Phase == reconcile.PhaseRead && p.Done > 0 {
			time.AfterFunc(20*time.Millisecond, cancel) // in the middle of the wait
		}
	}}
	before, begin := w.footprint(), time.Now()
	run, err := w.engine.Run(ctx, w.source("corp"), req)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "the run", []string{string(run.State), run.Code}, []string{"failed", "cancelled"})
	want(t, "what it left behind", w.footprint(), before)
	if took := time.Since(begin); took > 5*time.Minute {
		t.Errorf("it took %v to stop", took)
	}
	s.Heal()
	want(t, "people", w.run(registry.RunDone).Counts.Created, 20)
	w.idle()
}

// TestBeginsAnewInARun: a person who left while a whole read had to begin anew is
// nobody's leaver in that run and gone in the next.
func TestBeginsAnewInARun(t *testing.T) {
	for name, known := range map[string]bool{"new": false, "known": true} {
		t.Run(name, func(t *testing.T) {
			w, s, people, _ := tenant(t, 20)
			if known {
				w.run(registry.RunDone)
			}
			s.Fault(graphfake.Match{Path: "/v1.0/users/delta", Nth: 3}, graphfake.Gone())
			left := false
			w.adjust = func(src *reconcile.Source) {
				src.FullEvery = 0
				src.Reader = &midway{src.Reader, 10, func() error {
					if left {
						return nil
					}
					left = true
					return s.leave(people[0])
				}}
			}
			run := w.run(registry.RunPartial)
			want(t, "report", w.items(run), []string{"failed bad_entry " + s.ids[people[0]]})
			s.Heal()
			w.adjust = nil
			next := w.run(registry.RunDone)
			want(t, "read by the delta link", next.Full, false)
			changes := []string{"deactivate u000 missing"} // the group was told without them already
			if !known {
				changes = nil
			}
			want(t, "the next run", w.changes(next), changes)
			w.idle()
		})
	}
}

// midway does something after some entries.
type midway struct {
	source.Source
	after int
	do    func() error
}

func (m *midway) Read(ctx context.Context, r source.Request, emit func(source.Entry) error) (source.Summary, error) {
	n := 0
	return m.Source.Read(ctx, r, func(e source.Entry) error {
		if n++; n == m.after {
			if err := m.do(); err != nil {
				return err
			}
		}
		return emit(e)
	})
}

// TestSyncedFromActiveDirectory: people whom Entra Connect brought from Active
// Directory are there once, owned by the directory that came first; both may put
// them into groups.
func TestSyncedFromActiveDirectory(t *testing.T) {
	for name, order := range map[string][2]string{"directory first": {"corp", "cloud"}, "tenant first": {"cloud", "corp"}} {
		for _, database := range []string{"sqlite", "postgres"} {
			t.Run(name+" "+database, func(t *testing.T) { syncedTwice(t, database, order) })
		}
	}
}

func syncedTwice(t *testing.T, database string, order [2]string) {
	t.Parallel()
	run := graphfaketest.Start(t, graphfake.NewTenant(graphfake.Population{}, nil), graphfake.Options{
		Apps: []graphfake.App{{ClientID: "app", Secrets: []string{"secret"}, Roles: []string{"User.Read.All", "GroupMember.Read.All"}}}})
	dir := newDirectory(t)
	w := newWorld(t, databases[database](t), dir)
	dir.addPeople("ann", "bob", "dan")
	dir.addGroup("ldap", "ann", "bob", "dan")
	tenant, cloud := run.Tenant(), map[string]string{}
	for _, uid := range []string{"ann", "bob", "cid"} {
		u := graphfake.User{UserPrincipalName: uid + "@contoso.example", MailNickname: uid + ".cloud", UserType: "Member", AccountEnabled: true}
		if uid != "cid" {
			u.OnPremisesImmutableID = immutableID(t, w, dir, uid)
		}
		id, err := tenant.CreateUser(u)
		if err != nil {
			t.Fatal(err)
		}
		cloud[uid] = id
	}
	team, err := tenant.CreateGroup(graphfake.Group{DisplayName: "team", SecurityEnabled: true}, cloud["ann"], cloud["bob"], cloud["cid"])
	if err != nil {
		t.Fatal(err)
	}
	sync := func(key string) *registry.Run {
		t.Helper()
		w := *w
		if key == "cloud" {
			w.readTenant(tenantAddress{run.URL, run.CAFile, tenant.ID()})
		}
		return w.runSource(key, reconcile.Request{Mode: registry.ModeRun, Trigger: "manual"}, registry.RunDone)
	}
	skipped := map[string]int{}
	for _, key := range order {
		skipped[key] = len(w.items(sync(key), registry.OutcomeSkipped))
	}
	want(t, "recognised", skipped, map[string]int{order[0]: 0, order[1]: 2})
	names := []string{"ann on", "bob on", "cid.cloud on", "dan on"}
	members := []string{"ldap corp ann", "ldap corp bob", "ldap corp dan", "team cloud ann", "team cloud bob", "team cloud cid.cloud"}
	if order[0] == "cloud" {
		names = []string{"ann.cloud on", "bob.cloud on", "cid.cloud on", "dan on"}
		members = []string{"ldap corp ann.cloud", "ldap corp bob.cloud", "ldap corp dan", "team cloud ann.cloud", "team cloud bob.cloud", "team cloud cid.cloud"}
	}
	want(t, "people", w.people(), names)
	want(t, "members", w.members(), members)
	before := w.footprint()
	for range 2 {
		for _, key := range order {
			if r := sync(key); r.Counts.Changes() != 0 || len(w.items(r)) != 0 || key == "cloud" && !strings.HasPrefix(r.Notes[0].String(), "Read by markers: 0 of 4") {
				t.Errorf("%s again: %+v %q", key, r.Counts, r.Notes)
			}
		}
	}
	want(t, "what the nights after it left behind", w.footprint(), before)

	// What the other directory says of them is not heard, but for groups.
	if err := errors.Join(tenant.UpdateUser(cloud["ann"], func(u *graphfake.User) { u.JobTitle, u.AccountEnabled = "Cloud", false }), tenant.RemoveMember(team, cloud["bob"])); err != nil {
		t.Fatal(err)
	}
	dir.set("bob", attrs{"title": {"Ground"}})
	dir.remove("ann")
	sync("cloud")
	sync("corp")
	heard := "1"
	if order[0] == "cloud" {
		heard = "0"
	}
	want(t, "ann", w.rows(`SELECT CASE WHEN enabled THEN 'on' ELSE 'off' END FROM users WHERE user_name LIKE 'ann%'`), []string{"off"})
	want(t, "bob", w.rows(`SELECT count(*) FROM users WHERE user_name LIKE 'bob%' AND CAST(attributes AS TEXT) LIKE '%Ground%'`), []string{heard})
	if slices.ContainsFunc(w.members(), func(m string) bool { return strings.HasPrefix(m, "team cloud bob") }) {
		t.Error("bob is still in the tenant's group")
	}
}

// immutableID is what Entra Connect makes of an entry's id.
func immutableID(t *testing.T, w *world, dir *directory, uid string) string {
	t.Helper()
	s := ldapSite{tree: slapdTree{dir}, w: w}
	anchor, err := s.id(&human{uid: uid})
	if err != nil {
		t.Fatal(err)
	}
	b := uuid.MustParse(anchor)
	slices.Reverse(b[0:4])
	slices.Reverse(b[4:6])
	slices.Reverse(b[6:8])
	return base64.StdEncoding.EncodeToString(b[:])
}
