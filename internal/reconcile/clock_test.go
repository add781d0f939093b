package reconcile_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

const (
	day   = 24 * time.Hour
	month = 30 * day
)

// TestClockJumpsDuringARun: a run whose clock jumps keeps its lease, which the
// database's clock measures, and changes what it would have changed.
func TestClockJumpsDuringARun(t *testing.T) {
	for what, jump := range map[string]time.Duration{"back": -day, "forward": month} {
		for _, at := range []reconcile.Phase{reconcile.PhaseRead, reconcile.PhasePlan, reconcile.PhaseApply} {
			t.Run(what+" "+string(at), func(t *testing.T) {
				onBoth(t, func(t *testing.T, w *world) {
					w.from(staff(300))
					other := w.another("second")
					thaw := w.frozen(at, 0)
					w.clock.forward(jump)
					if _, err := other.engine.Run(t.Context(), other.source("corp"), reconcile.Request{Mode: registry.ModeRun}); !errors.Is(err, registry.ErrLeased) {
						t.Errorf("a lease ended by the clock of a process: %v", err)
					}
					want(t, "end", thaw().State, registry.RunDone)
					want(t, "people", w.rows(`SELECT count(*) FROM users WHERE enabled`), []string{"300"})
					w.sound()
					w.idle()
					w.clock.forward(-jump)
					w.idle()
				})
			})
		}
	}
}

// TestClockJumpsAndTheGrace: a grace is told by the clock, so a clock that is a
// month ahead ends it early. What stands between is the limit on deletions, and
// that whom it lets through comes back whole when the directory shows them again.
// A clock that is behind ends nothing.
func TestClockJumpsAndTheGrace(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f := staff(10)
		w.adjust = func(s *reconcile.Source) {
			s.Reader, s.Limits.Delete = f, plan.Threshold{Count: 2, Percent: 100}
		}
		all := f.entries
		w.run(registry.RunDone)
		before := w.people()
		f.entries = all[3:]
		w.run(registry.RunDone)

		w.clock.forward(-day)
		want(t, "a day behind", w.changes(w.run(registry.RunDone)), []string(nil))
		w.clock.forward(day + month + time.Hour)
		held := w.run(registry.RunHeld)
		want(t, "a month ahead", registry.InEnglish(held.Limits), []registry.Limit{{Name: "delete", Count: 3, Of: 10, Rule: "more than 2", Reasons: []registry.Said{"3 past their grace"}}})
		w.clock.forward(-month)
		want(t, "and right again", w.changes(w.run(registry.RunDone)), []string(nil))

		// Two are within the limit, and back when they are back.
		f.entries = all[2:]
		w.run(registry.RunDone)
		w.clock.forward(month)
		want(t, "two", w.changes(w.run(registry.RunDone)), []string{"delete u000 grace_over", "delete u001 grace_over"})
		w.clock.forward(-month)
		f.entries = all
		w.run(registry.RunDone)
		want(t, "everybody is back", w.people(), before)
		w.idle()
	})
}

// TestClockJumpsAndMarkers: what was read when the clock was ahead is no reason
// not to read everything for as long.
func TestClockJumpsAndMarkers(t *testing.T) {
	w := sqlite(t)
	w.adjust = func(s *reconcile.Source) { s.FullEvery = 7 * day }
	w.dir.addPeople(uids(5)...)
	full := func(what string, is bool) {
		t.Helper()
		want(t, what, w.run(registry.RunDone).Full, is)
	}
	full("first", true)
	full("second", false)
	w.clock.forward(month)
	full("ahead", true)
	full("still ahead", false)
	w.clock.forward(-month)
	full("set right", true)
	full("and cheap again", false)
	w.clock.forward(-day)
	full("behind", true)
	w.clock.forward(day)
	full("right", false)
}

// TestClockJumpsAndApprovals: a run that was held under a clock that was ahead
// cannot be approved for that much longer.
func TestClockJumpsAndApprovals(t *testing.T) {
	w := sqlite(t)
	names := guarded(t, w)
	w.dir.remove(names[:4]...)
	w.clock.forward(month)
	held := w.run(registry.RunHeld)
	w.clock.forward(-month)
	if err := w.engine.Decide(t.Context(), w.stored(held), word(registry.RunApproved, "claire")); !errors.Is(err, reconcile.ErrExpired) {
		t.Errorf("an approval of what a wrong clock held: %v", err)
	}
	held = w.run(registry.RunHeld)
	w.clock.forward(-day)
	w.approve(held, registry.RunDone)
}

// TestClockJumpsAndQuarantine: the next try is a day away at most, by the clock
// of then; behind or ahead, a run by hand ends the quarantine.
func TestClockJumpsAndQuarantine(t *testing.T) {
	for what, jump := range map[string]time.Duration{"back": -day, "forward": month} {
		t.Run(what, func(t *testing.T) {
			w := sqlite(t)
			f := staff(3)
			w.from(f)
			w.exec(`UPDATE sources SET schedule = '@daily' WHERE key = 'corp'`)
			w.run(registry.RunDone)
			f.err = source.ErrUnreachable
			for range 4 {
				w.run(registry.RunFailed)
			}
			w.clock.forward(jump)
			for range 3 {
				w.run(registry.RunFailed)
				if wait := w.health("corp").NextTry.Sub(w.clock.now()); wait < time.Hour-time.Second || wait > day {
					t.Errorf("the next try is %s away", wait)
				}
			}
			f.err = nil
			w.clock.forward(-jump)
			w.run(registry.RunDone)
			want(t, "health", *w.health("corp"), registry.Health{})
			want(t, "enabled", len(w.rows(`SELECT id FROM users WHERE enabled`)), 3)
			w.idle()
		})
	}
}
