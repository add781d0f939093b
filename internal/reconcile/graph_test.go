package reconcile_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/graphfake"
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
		src.Reader = &meanwhile{src.Reader, func() { w.put(w.door(registry.OriginAdmin, "admin"), registry.SetBlocks{User: id, Set: registry.BlockAdmin}) }}
	}
	want(t, "changes", w.changes(w.run(registry.RunDone)), nil)
	w.adjust = nil
	run := w.run(registry.RunDone)
	want(t, "read by the delta link", run.Full, false)
	want(t, "changes", w.changes(run), []string{"deactivate u001 missing", "members all +0 -1"})
	w.idle()
}
