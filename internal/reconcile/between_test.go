package reconcile_test

import (
	"context"
	"testing"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

// TestEndedBetweenPeopleAndGroups: somebody whom a rename takes out of a group whose
// own marker stands is out of it, though a run ended when it had written the person
// and not yet the group.
func TestEndedBetweenPeopleAndGroups(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.dir.addPeople("ann", "bob")
		w.dir.addGroup("team", "ann", "bob")
		w.run(registry.RunDone)
		w.idle()
		w.must(w.dir.s.Rename(w.dir.dn("ann"), "uid=anna", "")) // the group goes on naming ann
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		run, err := w.engine.Run(ctx, w.source("corp"), reconcile.Request{Mode: registry.ModeRun, Progress: func(p reconcile.Progress) {
			if p.Phase == reconcile.PhaseApply && p.Done > 0 {
				stop()
			}
		}})
		w.must(err)
		want(t, "changes of the run that was stopped", w.changes(run), []string{"rename anna"})
		want(t, "members then", w.members(), []string{"team corp anna", "team corp bob"})
		w.run(registry.RunDone)
		want(t, "members", w.members(), []string{"team corp bob"})
		w.idle()
	})
}
