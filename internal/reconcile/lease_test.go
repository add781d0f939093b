package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// fake is a source that gives what a test says, for what no server does.
type fake struct {
	entries []source.Entry
	sum     source.Summary
	err     error
	before  func(ctx context.Context, n int) // called before each entry
}

func (f *fake) Probe(context.Context) (source.Info, error)          { return source.Info{}, nil }
func (f *fake) Sample(context.Context, int) ([]source.Entry, error) { return nil, nil }
func (f *fake) Read(ctx context.Context, _ source.Request, emit func(source.Entry) error) (source.Summary, error) {
	for i, e := range f.entries {
		if f.before != nil {
			f.before(ctx, i)
		}
		if ctx.Err() != nil {
			return source.Summary{}, context.Cause(ctx)
		}
		if err := emit(e); err != nil {
			return source.Summary{}, err
		}
	}
	return f.sum, f.err
}

// staff is a source of n people by name, all in one group.
func staff(n int) *fake {
	f := &fake{sum: source.Summary{Complete: true}}
	var keys []string
	for _, uid := range uids(n) {
		f.entries = append(f.entries, source.Entry{Kind: source.User, Anchor: "id-" + uid, Name: "uid=" + uid, Keys: []string{uid},
			Values: attrs{"uid": {uid}, "mail": {uid + "@example.com"}}})
		keys = append(keys, uid)
	}
	f.entries = append(f.entries, source.Entry{Kind: source.Group, Anchor: "id-all", Name: "cn=all", Keys: []string{"all"}, Values: attrs{"cn": {"all"}}, Members: keys})
	return f
}

// from has the world read a fake.
func (w *world) from(f *fake) {
	w.adjust = func(s *reconcile.Source) { s.Reader = f }
}

// eventually polls a condition until it holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(5 * time.Minute)
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestOneAtATime has two processes run one source as often as they can.
func TestOneAtATime(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		var inside, most, done, refused atomic.Int64
		f := staff(30)
		f.before = func(_ context.Context, n int) {
			if n == 0 {
				for now := inside.Add(1); ; {
					if old := most.Load(); old >= now || most.CompareAndSwap(old, now) {
						break
					}
				}
			}
			if n == len(f.entries)-1 {
				inside.Add(-1)
			}
		}
		w.from(f)
		other := w.another("second")
		var wait sync.WaitGroup
		for _, p := range []*world{w, other, w, other} {
			src := p.source("corp")
			wait.Go(func() {
				for done.Load() < 12 {
					_, err := p.engine.Run(t.Context(), src, reconcile.Request{Mode: registry.ModeRun})
					switch {
					case errors.Is(err, registry.ErrLeased):
						refused.Add(1)
					case err != nil:
						t.Error(err)
						return
					default:
						done.Add(1)
					}
				}
			})
		}
		wait.Wait()
		want(t, "runs inside at once", most.Load(), int64(1))
		if refused.Load() == 0 {
			t.Error("nobody was ever refused: the test proved nothing")
		}
		want(t, "people created", w.rows(`SELECT count(*) FROM changes WHERE action = 'create' AND user_id IS NOT NULL`), []string{"30"})
		want(t, "mails", len(w.mails()), 30)
	})
}

// frozen starts a run that stops at a point of its progress until thaw is called,
// which gives how it ended.
func (w *world) frozen(phase reconcile.Phase, after int64) (thaw func() *registry.Run) {
	w.t.Helper()
	w.engine.Heartbeat = time.Hour // a frozen process does not beat
	at, ice := make(chan struct{}), make(chan struct{})
	var once sync.Once
	type end struct {
		run *registry.Run
		err error
	}
	ended := make(chan end, 1)
	src := w.source("corp")
	go func() {
		run, err := w.engine.Run(w.t.Context(), src, reconcile.Request{Mode: registry.ModeRun, Progress: func(p reconcile.Progress) {
			if p.Phase == phase && p.Done >= after {
				once.Do(func() { close(at); <-ice })
			}
		}})
		ended <- end{run, err}
	}()
	select {
	case <-at:
	case e := <-ended:
		w.t.Fatalf("the run ended before it could freeze: %+v, %v", e.run, e.err)
	}
	return func() *registry.Run {
		close(ice)
		e := <-ended
		if e.err != nil {
			w.t.Fatal(e.err)
		}
		return e.run
	}
}

func (w *world) expireLease() {
	w.t.Helper()
	w.exec(`UPDATE sources SET lease_until = 1`)
}

// TestFrozen freezes a process in each phase of a run, has another take over,
// and thaws the first.
func TestFrozen(t *testing.T) {
	for _, at := range []struct {
		phase reconcile.Phase
		done  int64
	}{{reconcile.PhaseRead, 500}, {reconcile.PhasePlan, 0}, {reconcile.PhaseApply, 250}, {reconcile.PhaseApply, 601}} {
		t.Run(fmt.Sprintf("%s %d", at.phase, at.done), func(t *testing.T) {
			onBoth(t, func(t *testing.T, w *world) {
				w.from(staff(600))
				other := w.another("second")
				thaw := w.frozen(at.phase, at.done)
				if _, err := other.engine.Run(t.Context(), other.source("corp"), reconcile.Request{Mode: registry.ModeRun}); !errors.Is(err, registry.ErrLeased) {
					t.Fatalf("beside a living one: %v", err)
				}
				other.expireLease()
				second := other.run(registry.RunDone)
				before := w.footprint()
				first := thaw()
				want(t, "the frozen one", first.State, registry.RunInterrupted)
				want(t, "what it wrote when it woke", w.footprint(), before)
				stored := w.stored(first)
				want(t, "its row", []string{string(stored.State), stored.Code}, []string{"interrupted", "interrupted"})
				want(t, "what the second resumes", w.stored(second).Resumes, first.ID)
				want(t, "people created", w.rows(`SELECT count(*) FROM changes WHERE action = 'create' AND user_id IS NOT NULL`), []string{"600"})
				want(t, "mails", len(w.mails()), 600)
				want(t, "members", len(w.members()), 600)
				want(t, "lease", w.rows(`SELECT lease_until FROM sources WHERE key = 'corp'`), []string{"0"})
				other.idle()
			})
		})
	}
}

// TestHeartbeat: a living run keeps its lease however long the source takes, and
// one that lost it stops waiting for the source.
func TestHeartbeat(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		f := staff(3)
		reading, goOn := make(chan struct{}), make(chan struct{})
		f.before = func(ctx context.Context, n int) {
			if n == 1 {
				close(reading)
				select {
				case <-goOn:
				case <-ctx.Done():
				}
			}
		}
		w.from(f)
		w.engine.Heartbeat = 10 * time.Millisecond
		src := w.source("corp")
		ended := make(chan *registry.Run)
		run := func() {
			run, err := w.engine.Run(t.Context(), src, reconcile.Request{Mode: registry.ModeRun})
			if err != nil {
				t.Error(err)
			}
			ended <- run
		}
		go run()
		<-reading
		w.expireLease()
		eventually(t, "a heartbeat", func() bool { return w.rows(`SELECT lease_until FROM sources WHERE key = 'corp'`)[0] != "1" })
		close(goOn)
		want(t, "the living one", (<-ended).State, registry.RunDone)

		reading, goOn = make(chan struct{}), make(chan struct{})
		go run()
		<-reading
		w.exec(`UPDATE sources SET fence = fence + 1 WHERE key = 'corp'`) // somebody took it over
		want(t, "the one that lost its lease", (<-ended).State, registry.RunInterrupted)
	})
}

// TestLocked has another process hold the SQLite file longer than a run waits,
// and let go when the run has failed.
func TestLocked(t *testing.T) {
	w := sqlite(t)
	w.from(staff(600))
	impatient := w.another("impatient", 100*time.Millisecond)
	unlock := func() {}
	impatient.engine.Log = slog.New(onRecord(func() { unlock() }))
	locked := false
	run, err := impatient.engine.Run(t.Context(), impatient.source("corp"), reconcile.Request{Mode: registry.ModeRun, Progress: func(p reconcile.Progress) {
		if p.Phase == reconcile.PhaseApply && !locked {
			locked, unlock = true, sync.OnceFunc(w.lock())
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "end", []string{string(run.State), run.Code}, []string{"failed", "store_failed"})
	if strings.Contains(run.Message.String(), "SQLITE") {
		t.Errorf("the message shows internals: %s", run.Message)
	}
	want(t, "row", w.stored(run).State, registry.RunFailed)
	want(t, "people so far", len(w.people()), 250)
	w.run(registry.RunDone)
	want(t, "people", len(w.people()), 600)
	want(t, "mails", len(w.mails()), 600)
	w.idle()
}

// onRecord is a log that tells when something is written to it.
type onRecord func()

func (f onRecord) Enabled(context.Context, slog.Level) bool  { return true }
func (f onRecord) Handle(context.Context, slog.Record) error { f(); return nil }
func (f onRecord) WithAttrs([]slog.Attr) slog.Handler        { return f }
func (f onRecord) WithGroup(string) slog.Handler             { return f }

// lock holds the database's write lock until the function is called.
func (w *world) lock() func() {
	conn, err := w.s.WriteDB().Conn(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := conn.ExecContext(context.Background(), `BEGIN IMMEDIATE`); err != nil {
		w.t.Fatal(err)
	}
	return func() {
		_, _ = conn.ExecContext(context.Background(), `ROLLBACK`)
		_ = conn.Close()
	}
}

// TestConnectionsLost ends every connection to PostgreSQL in the middle.
func TestConnectionsLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, databases["postgres"](t), newDirectory(t))
	w.from(staff(600))
	other := w.another("admin")
	cut := 0
	run, err := w.engine.Run(t.Context(), w.source("corp"), reconcile.Request{Mode: registry.ModeRun, Progress: func(p reconcile.Progress) {
		if p.Phase == reconcile.PhaseApply && cut < 2 {
			cut++
			other.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if run.State != registry.RunDone && run.Code != "store_failed" {
		t.Errorf("the run ended %s %s %s", run.State, run.Code, run.Message)
	}
	w.run(registry.RunDone)
	want(t, "people", len(w.people()), 600)
	w.idle()
}

func TestCancelled(t *testing.T) {
	for _, at := range []reconcile.Phase{reconcile.PhaseRead, reconcile.PhasePlan, reconcile.PhaseApply} {
		t.Run(string(at), func(t *testing.T) {
			onBoth(t, func(t *testing.T, w *world) {
				w.from(staff(600))
				ctx, cancel := context.WithCancel(t.Context())
				run, err := w.engine.Run(ctx, w.source("corp"), reconcile.Request{Mode: registry.ModeRun, Progress: func(p reconcile.Progress) {
					if p.Phase == at {
						cancel()
					}
				}})
				if err != nil {
					t.Fatal(err)
				}
				want(t, "end", []string{string(run.State), run.Code}, []string{"failed", "cancelled"})
				want(t, "row", w.stored(run).State, registry.RunFailed)
				want(t, "settled settings", w.source("corp").State.SettingsHash, "")
				w.run(registry.RunDone)
				want(t, "people", len(w.people()), 600)
				want(t, "mails", len(w.mails()), 600)
				want(t, "members", len(w.members()), 600)
				w.idle()
			})
		})
	}
}

// TestNoTemporaryFolder: not the database's fault.
func TestNoTemporaryFolder(t *testing.T) {
	w := sqlite(t)
	w.dir.addPeople("ann")
	w.engine.TempDir = t.TempDir() + "/gone"
	w.unharmed(registry.RunFailed, "temporary_file")
}
