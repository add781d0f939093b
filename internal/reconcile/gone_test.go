package reconcile_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/need"
	"github.com/usherd/usher/internal/testkit/postgres"
)

// TestDatabaseGone crashes PostgreSQL at a point of a run, and starts it again at
// once or when the run has ended.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	server, err := postgres.Start(t.Context())
	if errors.Is(err, postgres.ErrNotInstalled) {
		need.Missing(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Stop() })
	for _, at := range []struct {
		phase reconcile.Phase
		done  int64
	}{{reconcile.PhaseRead, 300}, {reconcile.PhasePlan, 0}, {reconcile.PhaseApply, 250}, {reconcile.PhaseApply, 601}} {
		for _, back := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s %d, back at once: %v", at.phase, at.done, back), func(t *testing.T) {
				dsn, _, err := server.CreateDatabase(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				must := func(err error) {
					t.Helper()
					if err != nil {
						t.Fatal(err)
					}
				}
				// What is committed survives, as on a server that is set up as servers are.
				w := newWorld(t, dsn+"&synchronous_commit=on", newDirectory(t))
				w.from(staff(600))
				crashed := false
				run, err := w.engine.Run(t.Context(), w.source("corp"), reconcile.Request{Mode: registry.ModeRun, Progress: func(p reconcile.Progress) {
					if p.Phase == at.phase && p.Done >= at.done && !crashed {
						crashed = true
						must(server.Crash(t.Context()))
						if back {
							must(server.Resume(t.Context()))
						}
					}
				}})
				if !crashed {
					t.Fatal("the run never came there")
				}
				if !back {
					must(server.Resume(t.Context()))
					if err == nil {
						t.Errorf("the end of a run was written to nowhere: %+v", run)
					}
				}
				if err == nil && run.State != registry.RunDone && run.Code != "store_failed" {
					t.Errorf("the run ended %s %s %s %v", run.State, run.Code, run.Message, w.items(run))
				}
				w.takeUp(600)
			})
		}
	}
}

// takeUp has the next run go on after one that our own side let down, and looks at
// what there is then.
func (w *world) takeUp(people int) {
	w.t.Helper()
	w.sound()
	w.expireLease()
	w.run(registry.RunDone)
	w.sound()
	n := fmt.Sprint(people)
	want(w.t, "people", w.rows(`SELECT count(*) FROM users WHERE enabled`), []string{n})
	want(w.t, "mails", w.rows(`SELECT count(*) FROM mails WHERE state = 'queued'`), []string{n})
	want(w.t, "members", len(w.members()), people)
	want(w.t, "runs at work", w.rows(`SELECT count(*) FROM runs WHERE state IN ('reading', 'planning', 'applying')`), []string{"0"})
	want(w.t, "health", *w.health("corp"), registry.Health{})
	w.idle()
}
