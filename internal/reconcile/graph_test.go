package reconcile_test

import (
	"fmt"
	"testing"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/graphfake"
)

// tenant is a world with n people in a tenant, u000 and so on, and a group of all.
func tenant(t *testing.T, n int) (*world, *graphSite, []*human) {
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
	return w, s, people
}

// TestDeltaAfterWithheldRemovals: a tenant tells once that somebody left. When an
// admin's rejection has the removal left out, it is made when removals are allowed
// again, though the tenant says nothing more of it.
func TestDeltaAfterWithheldRemovals(t *testing.T) {
	w, s, people := tenant(t, 20)
	w.adjust = func(src *reconcile.Source) { src.Limits.Deactivate = plan.Threshold{Count: 2, Percent: 1e9} }
	w.run(registry.RunDone)
	for _, h := range people[:4] {
		if err := s.leave(h); err != nil {
			t.Fatal(err)
		}
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
	var gone []string
	for i := range 4 {
		gone = append(gone, fmt.Sprintf("deactivate u%03d missing", i))
	}
	want(t, "changes", w.changes(run), append(gone, "members all +0 -4"))
	w.idle()
}
