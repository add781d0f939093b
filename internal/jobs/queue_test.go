package jobs

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/postgres"
)

// agenda is a Sources of one source.
type agenda struct {
	db        *sql.DB
	mu        sync.Mutex
	src       registry.Source
	abandoned bool
}

func (a *agenda) DueSources(_ context.Context, now time.Time) ([]registry.Source, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.src.NextDue.IsZero() || a.src.NextDue.After(now) {
		return nil, nil
	}
	return []registry.Source{a.src}, nil
}

func (a *agenda) WaitingSources(_ context.Context, now time.Time) ([]registry.Source, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.src.NextDue.After(now) {
		return nil, nil
	}
	return []registry.Source{a.src}, nil
}

func (a *agenda) AbandonedSources(context.Context) ([]registry.Source, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.abandoned {
		return nil, nil
	}
	a.abandoned = false
	return []registry.Source{a.src}, nil
}

func (a *agenda) TakeDue(ctx context.Context, src registry.Source, next time.Time, then func(*sql.Tx) error) (bool, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.src.NextDue.Equal(src.NextDue) {
		return false, nil
	}
	a.src.NextDue = next
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	if err := then(tx); err != nil {
		return false, err
	}
	return true, tx.Commit()
}

// onBoth runs a test on an empty, migrated queue of each kind.
func onBoth(t *testing.T, fn func(t *testing.T, cfg Config, a *agenda)) {
	t.Helper()
	for name, address := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "jobs.db") },
		"postgres": func(t testing.TB) string { return postgres.New(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), address(t), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			log := slog.New(slog.DiscardHandler)
			if err := Migrate(t.Context(), s.WriteDB(), s.Postgres(), log); err != nil {
				t.Fatal(err)
			}
			a := &agenda{db: s.WriteDB(), src: registry.Source{Key: "corp", Schedule: "30 2 * * *"}}
			fn(t, Config{
				DB: s.WriteDB(), Postgres: s.Postgres(), Sources: a, Now: time.Now, Log: log,
			}, a)
		})
	}
}

// start works until the test ends, or until the returned function is called.
func start(t *testing.T, cfg Config) (*Queue, func()) {
	t.Helper()
	q, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := q.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	stop := sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		if err := q.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return q, stop
}

// next waits for a run to be called for.
func next(t *testing.T, calls <-chan string) string {
	t.Helper()
	select {
	case c := <-calls:
		return c
	case <-time.After(5 * time.Minute):
		t.Fatal("nobody was called")
		return ""
	}
}

// A run missed while every process was down is made up once, however many
// times its schedule came up.
func TestMissedRunIsMadeUpOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config, a *agenda) {
		now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
		a.src.NextDue = now.Add(-5 * 24 * time.Hour)
		calls := make(chan string, 10)
		cfg.Now = func() time.Time { return now }
		cfg.Work.RunSource = func(_ context.Context, key, trigger string) error {
			calls <- key + " " + trigger
			return nil
		}
		q, _ := start(t, cfg)
		if got := next(t, calls); got != "corp schedule" {
			t.Fatalf("called for %s", got)
		}
		for range 3 {
			if err := q.tick(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := q.Run(t.Context(), "corp", "manual"); err != nil {
			t.Fatal(err)
		}
		if got := next(t, calls); got != "corp manual" {
			t.Errorf("called again for %s", got)
		}
		if want := time.Date(2026, 3, 11, 2, 30, 0, 0, time.UTC); !a.src.NextDue.Equal(want) {
			t.Errorf("next due %s, want %s", a.src.NextDue, want)
		}
	})
}

// A time that was set under a clock that was ahead is called back, and no other:
// neither the next one, nor the one after it that a process with a clock a little
// ahead has set, nor the next try of a source in quarantine.
func TestTimesUnderAWrongClockAreCalledBack(t *testing.T) {
	now := time.Date(2026, 3, 10, 2, 29, 0, 0, time.UTC)
	at := func(day int) time.Time { return time.Date(2026, 3, day, 2, 30, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		due, want   time.Time
		quarantined bool
	}{
		"the next":                     {due: at(10), want: at(10)},
		"taken by a clock a bit ahead": {due: at(11), want: at(11)},
		"a day ahead":                  {due: at(12), want: at(10)},
		"a month ahead":                {due: at(10).AddDate(0, 1, 0), want: at(10)},
		"next try of a quarantine":     {due: now.Add(24 * time.Hour), want: now.Add(24 * time.Hour), quarantined: true},
		"quarantined a month ahead":    {due: now.AddDate(0, 1, 0), want: at(10), quarantined: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "jobs.db"), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			a := &agenda{db: s.WriteDB(), src: registry.Source{Key: "corp", Schedule: "30 2 * * *", NextDue: c.due}}
			if c.quarantined {
				a.src.Health.QuarantinedAt = now.AddDate(0, 0, -1)
			}
			q := &Queue{cfg: Config{Sources: a, Log: slog.New(slog.DiscardHandler)}}
			if err := q.callBack(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			if !a.src.NextDue.Equal(c.want) {
				t.Errorf("next due %s, want %s", a.src.NextDue, c.want)
			}
		})
	}
}

// What a stop cuts off is handed to the next process.
func TestCutOffRunGoesOnElsewhere(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config, _ *agenda) {
		calls := make(chan string, 10)
		cfg.Work.RunSource = func(ctx context.Context, key, trigger string) error {
			calls <- key + " " + trigger
			<-ctx.Done()
			return ctx.Err()
		}
		q, stop := start(t, cfg)
		if err := q.Run(t.Context(), "corp", "schedule"); err != nil {
			t.Fatal(err)
		}
		next(t, calls)
		stop()
		cfg.Work.RunSource = func(_ context.Context, key, trigger string) error {
			calls <- "again " + key + " " + trigger
			return nil
		}
		start(t, cfg)
		if got := next(t, calls); got != "again corp schedule" {
			t.Errorf("called for %s", got)
		}
	})
}

// A source that another run holds is looked at again later, unless that run is
// the very one to take up.
func TestLeasedSource(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config, a *agenda) {
		calls := make(chan string, 10)
		cfg.Work.RunSource = func(_ context.Context, _, trigger string) error {
			calls <- trigger
			return registry.ErrLeased
		}
		a.abandoned = true
		q, _ := start(t, cfg)
		if got := next(t, calls); got != "resume" {
			t.Fatalf("called for %s", got)
		}
		if err := q.Run(t.Context(), "corp", "schedule"); err != nil {
			t.Fatal(err)
		}
		if got := next(t, calls); got != "schedule" {
			t.Fatalf("called for %s", got)
		}
		states := func(state string) (n int) {
			if err := cfg.DB.QueryRow(`SELECT count(*) FROM river_job WHERE kind = 'source_run' AND state = '` + state + `'`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		for end := time.Now().Add(5 * time.Minute); states("scheduled") != 1 || states("completed") != 1; <-time.After(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d runs wait and %d are over, want one of each", states("scheduled"), states("completed"))
			}
		}
	})
}

func TestWrongScheduleIsLeftAlone(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config, a *agenda) {
		a.src.Schedule, a.src.NextDue = "whenever", time.Unix(1, 0)
		cfg.Work.RunSource = func(context.Context, string, string) error { return nil }
		q, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := q.tick(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Regular work comes round for as long as the queue works, and no turn begins
// while the one before it is at work.
func TestRegularWork(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config, _ *agenda) {
		turns, let := make(chan string, 10), make(chan struct{})
		var at, most atomic.Int32
		cfg.Work.Regular = []Regular{
			{Name: "slow", Every: 50 * time.Millisecond, Do: func(context.Context) error {
				most.Store(max(most.Load(), at.Add(1)))
				defer at.Add(-1)
				turns <- "slow"
				<-let
				return nil
			}},
			{Name: "failing", Every: 50 * time.Millisecond, Do: func(context.Context) error {
				select {
				case turns <- "failing":
				default:
				}
				return errors.New("not this time")
			}},
		}
		start(t, cfg)
		seen := map[string]int{}
		for seen["slow"] < 1 || seen["failing"] < 3 {
			seen[next(t, turns)]++
		}
		close(let)
		for seen["slow"] < 3 {
			seen[next(t, turns)]++
		}
		if most.Load() > 1 {
			t.Error("two turns of one kind were at work together")
		}
	})
}

// A process that was killed in the middle of a turn holds up no other: its turn
// counts as at work long after it, and more are queued all the same.
func TestRegularWorkOutlivesAKilledTurn(t *testing.T) {
	onBoth(t, func(t *testing.T, cfg Config, _ *agenda) {
		hung, let := make(chan string, 1), make(chan struct{})
		defer close(let)
		cfg.Work.Regular = []Regular{{Name: "mails", Every: 2 * time.Second, Timeout: -1, Do: func(context.Context) error {
			hung <- "hung"
			<-let
			return nil
		}}}
		start(t, cfg)
		next(t, hung)
		for deadline := time.After(5 * time.Minute); ; {
			var n int
			if err := cfg.DB.QueryRowContext(t.Context(), `SELECT count(*) FROM river_job WHERE kind = 'regular'`).Scan(&n); err != nil {
				t.Fatal(err)
			}
			if n >= 3 {
				return
			}
			select {
			case <-deadline:
				t.Fatalf("%d turns were queued", n)
			case <-time.After(50 * time.Millisecond):
			}
		}
	})
}
