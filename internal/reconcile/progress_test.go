package reconcile_test

import (
	"context"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// TestOthersSeeHowFarARunIs: a run at work writes what it has counted, so that
// another process can show it.
func TestOthersSeeHowFarARunIs(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		other, company := w.another("second"), w.source("corp").State.Company
		f := staff(300)
		f.before = func(ctx context.Context, n int) {
			switch n {
			case 150:
				w.clock.forward(2 * time.Second)
			case 250:
				runs, err := other.s.For(company).Runs(ctx, 0, 1)
				if err != nil || len(runs) != 1 {
					t.Errorf("runs: %v %v", runs, err)
					return
				}
				want(t, "state", runs[0].State, registry.RunReading)
				want(t, "people read", runs[0].Counts.Users, int64(200))
			}
		}
		w.from(f)
		w.run(registry.RunDone)
		w.idle()
	})
}
