package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

func acquire(t *testing.T, w *world, holder string) (registry.Fence, registry.RunID) {
	t.Helper()
	f, left, err := w.s.For(w.src.Company).AcquireLease(t.Context(), w.src.ID, holder)
	if err != nil {
		t.Fatal(err)
	}
	return f, left
}

func newRun(t *testing.T, w *world, f registry.Fence, mode string) *registry.Run {
	t.Helper()
	r := &registry.Run{
		PublicID: w.r.NewID(), Source: w.src.ID, Mode: mode, Trigger: "manual", State: registry.RunReading, Fence: f.Number, CreatedAt: w.now,
	}
	if err := w.s.For(w.src.Company).CreateRun(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestLeaseExcludes: one holder at a time, in whatever process.
func TestLeaseExcludes(t *testing.T) {
	onBothEmpty(t, func(t *testing.T, open func() *store.Store) {
		processes := []*store.Store{open(), open()}
		if err := processes[0].Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t, processes[0])
		var won, lost atomic.Int32
		err := atOnce(8, func(i int) error {
			_, _, err := processes[i%2].For(w.src.Company).AcquireLease(t.Context(), w.src.ID, fmt.Sprint(i))
			switch {
			case err == nil:
				won.Add(1)
			case errors.Is(err, registry.ErrLeased):
				lost.Add(1)
			default:
				return err
			}
			return nil
		})
		if err != nil || won.Load() != 1 || lost.Load() != 7 {
			t.Errorf("%d won, %d lost, %v", won.Load(), lost.Load(), err)
		}
		f := registry.Fence{Source: w.src.ID, Number: 1}
		company := w.s.For(w.src.Company)
		if err := company.ReleaseLease(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if next, _ := acquire(t, w, "next"); next.Number != 2 {
			t.Errorf("the fence stands at %d", next.Number)
		}
		if err := company.ReleaseLease(t.Context(), f); err != nil { // an older holder's
			t.Fatal(err)
		}
		if _, _, err := company.AcquireLease(t.Context(), w.src.ID, "third"); !errors.Is(err, registry.ErrLeased) {
			t.Errorf("an older holder gave another's lease away: %v", err)
		}
	})
}

// TestFrozenHolder: whoever lost the lease while frozen writes nothing more, and
// the run is marked.
func TestFrozenHolder(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w, ctx := newWorld(t, s), t.Context()
		company := s.For(w.src.Company)
		frozen, left := acquire(t, w, "frozen")
		want(t, "nothing left behind yet", left, 0)
		preview, run := newRun(t, w, frozen, registry.ModePreview), newRun(t, w, frozen, registry.ModeRun)
		apply := func(f registry.Fence, ops ...registry.Op) error {
			_, err := w.r.Apply(ctx, registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Run: run.ID, Fence: &f, Ops: ops})
			return err
		}
		if err := apply(frozen, person("1", "ann")); err != nil {
			t.Fatal(err)
		}
		if abandoned, err := s.AbandonedSources(ctx); err != nil || len(abandoned) != 0 {
			t.Errorf("abandoned while leased: %v, %v", abandoned, err)
		}
		w.sql(`UPDATE sources SET lease_until = 1`)
		if abandoned, err := s.AbandonedSources(ctx); err != nil || len(abandoned) != 1 {
			t.Errorf("abandoned: %v, %v", abandoned, err)
		}
		next, left := acquire(t, w, "next")
		want(t, "left behind", left, run.ID)
		for _, r := range []*registry.Run{preview, run} {
			got, err := company.Run(ctx, r.ID)
			if err != nil {
				t.Fatal(err)
			}
			want(t, "state", got.State, registry.RunInterrupted)
		}
		was := w.footprint()
		run.State = registry.RunDone
		for what, err := range map[string]error{
			"apply":  apply(frozen, person("2", "bob"), person("1", "anna"), miss("1")),
			"update": company.UpdateRun(ctx, frozen, run),
			"items":  company.AddItems(ctx, frozen, run.ID, []registry.RunItem{{Outcome: registry.OutcomeFailed, At: w.now}}),
			"end":    company.EndRun(ctx, frozen, run, registry.RunEnd{Cursor: &registry.Cursor{SettingsHash: "hash", Text: "cursor"}}),
			"renew":  company.RenewLease(ctx, frozen),
		} {
			if !errors.Is(err, registry.ErrFenced) {
				t.Errorf("%s by the frozen holder: %v", what, err)
			}
		}
		want(t, "footprint", w.footprint(), was)
		want(t, "items", w.number(`SELECT count(*) FROM run_items`), 0)
		want(t, "cursor", w.texts(`SELECT settings_hash || cursor FROM sources`), []string{""})
		if err := apply(next, person("2", "bob")); err != nil {
			t.Errorf("apply by the new holder: %v", err)
		}
		if err := company.UpdateRun(ctx, next, run); err != nil {
			t.Errorf("update by the new holder: %v", err)
		}
		if err := apply(registry.Fence{Source: w.src.ID + 1, Number: next.Number}, person("3", "cid")); !errors.Is(err, registry.ErrFenced) {
			t.Errorf("apply under another source's lease: %v", err)
		}
	})
}

// TestEndedMeansFree: whoever sees that a run has ended can start the next at
// once, and finds what the run left to its source.
func TestEndedMeansFree(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w, ctx := newWorld(t, s), t.Context()
		company := s.For(w.src.Company)
		for i := range 20 {
			f, _ := acquire(t, w, "me")
			run := newRun(t, w, f, registry.ModeRun)
			run.State = registry.RunPartial
			end := registry.RunEnd{
				Health: &registry.Health{Failures: i + 1, FailingSince: w.now},
				Cursor: &registry.Cursor{SettingsHash: "hash", Text: fmt.Sprint("page", i), FullReadAt: w.now},
			}
			done := make(chan error, 1)
			go func() { done <- company.EndRun(ctx, f, run, end) }()
			for seen := run; seen.State != registry.RunPartial || seen == run; {
				var err error
				if seen, err = company.Run(ctx, run.ID); err != nil {
					t.Fatal(err)
				}
			}
			next, left := acquire(t, w, "next")
			must(t, <-done)
			want(t, "left behind", left, 0)
			want(t, "the source", w.texts(`SELECT settings_hash || ' ' || cursor || ' ' || failures FROM sources`), []string{fmt.Sprint("hash page", i, " ", i+1)})
			want(t, "read whole", w.number(`SELECT full_read_at FROM sources`), w.now.UnixMicro())
			must(t, company.ReleaseLease(ctx, next))
		}
	})
}

// TestEveryWriteProlongsTheLease: a long run needs no heart beside its work.
func TestEveryWriteProlongsTheLease(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		f, _ := acquire(t, w, "me")
		w.sql(`UPDATE sources SET lease_until = 1`)
		if _, err := w.r.Apply(t.Context(), registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Fence: &f, Ops: []registry.Op{person("1", "ann")}}); err != nil {
			t.Fatal(err)
		}
		if _, _, err := s.For(w.src.Company).AcquireLease(t.Context(), w.src.ID, "other"); !errors.Is(err, registry.ErrLeased) {
			t.Errorf("taken from a holder at work: %v", err)
		}
	})
}

// TestDueOnce: of many processes that see a source due, one takes it.
func TestDueOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		due := w.now.Add(-time.Minute)
		w.sql(`UPDATE sources SET schedule = '* * * * *', next_due = %d`, due.UnixMicro())
		must(t, s.For(w.src.Company).PauseSource(t.Context(), w.src.ID, "claire", "no"))
		if list, err := s.DueSources(t.Context(), w.now); err != nil || len(list) != 0 {
			t.Fatalf("due while paused: %v, %v", list, err)
		}
		must(t, s.For(w.src.Company).ResumeSource(t.Context(), w.src.ID))
		list, err := s.DueSources(t.Context(), w.now)
		if err != nil || len(list) != 1 || !list[0].NextDue.Equal(due) {
			t.Fatalf("due: %v, %v", list, err)
		}
		var won atomic.Int32
		err = atOnce(8, func(int) error {
			ok, err := s.For(w.src.Company).TakeDue(t.Context(), w.src.ID, list[0].NextDue, w.now.Add(time.Hour))
			if ok {
				won.Add(1)
			}
			return err
		})
		if err != nil || won.Load() != 1 {
			t.Errorf("%d took it, %v", won.Load(), err)
		}
		if list, err := s.DueSources(t.Context(), w.now); err != nil || len(list) != 0 {
			t.Errorf("due still: %v, %v", list, err)
		}
	})
}

// TestRuns: numbers count within the company without gaps or doubles, a
// decision is made once, and a report takes any text.
func TestRuns(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w, ctx := newWorld(t, s), t.Context()
		company := s.For(w.src.Company)
		if err := atOnce(6, func(int) error {
			return company.CreateRun(ctx, &registry.Run{PublicID: w.r.NewID(), Source: w.src.ID, Mode: registry.ModeRun, State: registry.RunHeld, CreatedAt: w.now})
		}); err != nil {
			t.Fatal(err)
		}
		runs, err := company.Runs(ctx, w.src.ID, 10)
		if err != nil || len(runs) != 6 || runs[0].Number != 6 || runs[5].Number != 1 {
			t.Fatalf("runs: %v, %v", runs, err)
		}
		for q, want := range map[registry.RunQuery][]int64{
			{OldestFirst: true, From: 2, Limit: 2}: {3, 4}, {From: 4, Limit: 2}: {3, 2}, {OldestFirst: true, Limit: 1}: {1},
			{Since: w.now, Limit: 9}: nil, {Until: w.now, Limit: 1}: {6},
		} {
			page, err := company.RunPage(ctx, q)
			var got []int64
			for _, r := range page {
				got = append(got, r.Number)
			}
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%+v: %v, %v", q, got, err)
			}
		}
		var won atomic.Int32
		err = atOnce(4, func(i int) error {
			state := []registry.RunState{registry.RunApproved, registry.RunRejected}[i%2]
			ok, err := company.DecideRun(ctx, runs[0], registry.Decision{State: state, By: fmt.Sprint(i), Note: "note"})
			if ok {
				won.Add(1)
			}
			return err
		})
		if err != nil || won.Load() != 1 {
			t.Errorf("%d decided, %v", won.Load(), err)
		}
		f, _ := acquire(t, w, "me")
		bad := registry.RunItem{
			Outcome: registry.OutcomeFailed, Anchor: "\xff", Name: "a\x00b", Message: "\x00", At: w.now,
			Detail: &registry.Payload{Before: registry.Attributes{"t\x00": {"\x00", "\\u0000", "\xfe"}}, Added: 3},
		}
		if err := company.AddItems(ctx, f, runs[0].ID, []registry.RunItem{bad, {Outcome: registry.OutcomeSkipped, At: w.now}}); err != nil {
			t.Fatal(err)
		}
		run := runs[0]
		run.State, run.Message, run.Counts = registry.RunPartial, "\x00\xff", registry.Counts{Users: 7}
		run.Limits, run.Notes = []registry.Limit{{Name: "empty", Of: 1}}, []registry.Said{"a\x00"}
		if err := company.UpdateRun(ctx, f, run); err != nil {
			t.Fatal(err)
		}
		var items []registry.RunItem
		if err := company.Items(ctx, runs[0].ID, func(it registry.RunItem) error { items = append(items, it); return nil }, registry.OutcomeFailed); err != nil {
			t.Fatal(err)
		}
		if len(items) != 1 || items[0].Name != "a\uFFFDb" || items[0].Detail.Added != 3 || items[0].Detail.Before["t\uFFFD"][1] != "\\u0000" {
			t.Errorf("items: %+v", items)
		}
		got, err := company.RunByNumber(ctx, 6)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "run", []any{got.State, got.Counts.Users, got.Message, got.SourceKey, got.Origin}, []any{registry.RunPartial, int64(7), registry.Said("\uFFFD\uFFFD"), "corp", w.src.Origin.ID})
	})
}
