package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/usherd/usher/internal/registry"
)

// Sources is what the minute tick needs to know. internal/store implements it.
type Sources interface {
	// DueSources lists the sources whose time has come.
	DueSources(ctx context.Context, now time.Time) ([]registry.Source, error)
	// WaitingSources lists the sources whose schedule comes up later.
	WaitingSources(ctx context.Context, now time.Time) ([]registry.Source, error)
	// AbandonedSources lists the sources with a run that nobody is at work on.
	AbandonedSources(ctx context.Context) ([]registry.Source, error)
	// TakeDue moves a source's next time on; for the one caller that wins, then
	// runs in the same transaction.
	TakeDue(ctx context.Context, src registry.Source, next time.Time, then func(*sql.Tx) error) (bool, error)
}

// Work is what the queue does. Every function must be set and must end soon
// after its context.
type Work struct {
	// RunSource runs a source; registry.ErrLeased when another process does.
	RunSource func(ctx context.Context, key, trigger string) error
	// Regular is what comes round. No process does two turns of one kind at once;
	// two processes may, and what they do has to bear that.
	Regular []Regular
}

// Regular is work that comes round.
type Regular struct {
	// Name is two letters or more, and stays: it is what the queue knows it by.
	Name  string
	Every time.Duration
	// Timeout bounds one turn; 0 is a minute.
	Timeout time.Duration
	Do      func(ctx context.Context) error
}

// Config is what a Queue needs.
type Config struct {
	DB       *sql.DB
	Postgres bool
	Sources  Sources
	Work     Work
	Now      func() time.Time
	Log      *slog.Logger
}

// Queue does queued work and watches the schedules until it is stopped.
type Queue struct {
	cfg    Config
	client *river.Client[*sql.Tx]
}

// The intervals of the regular work.
const (
	// tickEvery is how late a schedule may be, and how long after its lease ran
	// out a dead process's run is taken up.
	tickEvery = 10 * time.Second
	// leasedAgain is when a scheduled run looks again at a source that another
	// run still holds.
	leasedAgain = 30 * time.Second
	// patience is how long a stop waits for present work before it cuts it off.
	// Whoever stops containers gives them ten seconds, and all work here can be
	// taken up where it was left.
	patience = 5 * time.Second
)

func driver(db *sql.DB, postgres bool) riverdriver.Driver[*sql.Tx] {
	if postgres {
		return riverdatabasesql.New(db)
	}
	return riversqlite.New(db)
}

// Migrate brings the queue's own tables up to date.
func Migrate(ctx context.Context, db *sql.DB, postgres bool, log *slog.Logger) error {
	m, err := rivermigrate.New(driver(db, postgres), &rivermigrate.Config{Logger: quiet(log)})
	if err != nil {
		return fmt.Errorf("prepare queue tables: %w", err)
	}
	if _, err := m.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate queue tables: %w", err)
	}
	return nil
}

// quiet is a logger for a library that tells its own life at info.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(atLeast{log.Handler(), slog.LevelWarn})
}

type atLeast struct {
	slog.Handler
	level slog.Level
}

// Enabled implements slog.Handler.
func (h atLeast) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= h.level && h.Handler.Enabled(ctx, l)
}

// New makes a queue; it does nothing before Start.
func New(cfg Config) (*Queue, error) {
	q := &Queue{cfg: cfg}
	works := map[string]Regular{}
	turns := []*river.PeriodicJob{periodic(tickEvery, tickArgs{})}
	for _, r := range cfg.Work.Regular {
		works[r.Name] = r
		turns = append(turns, regular(r))
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &tickWorker{q: q})
	river.AddWorker(workers, &runWorker{q: q})
	river.AddWorker(workers, &regularWorker{work: works})
	client, err := river.NewClient(driver(cfg.DB, cfg.Postgres), &river.Config{
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: 4},
			queueRuns:          {MaxWorkers: 2},
		},
		Workers: workers,
		Logger:  quiet(cfg.Log),
		// Ticks and drains come every few seconds; their traces would outgrow
		// everything else.
		CompletedJobRetentionPeriod: 10 * time.Minute,
		PeriodicJobs:                turns,
	})
	if err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	q.client = client
	return q, nil
}

// queueRuns keeps long runs from holding up ticks and mails.
const queueRuns = "runs"

func periodic(every time.Duration, args river.JobArgs) *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(every),
		func() (river.JobArgs, *river.InsertOpts) { return args, nil },
		&river.PeriodicJobOpts{RunOnStart: true})
}

// Start begins working. The context is the work's: ending it stops hard.
func (q *Queue) Start(ctx context.Context) error {
	if err := q.client.Start(ctx); err != nil {
		return fmt.Errorf("start queue: %w", err)
	}
	return nil
}

// Stop takes no new work and gives the present five seconds, or until ctx ends;
// then it is cancelled. A run that is cancelled goes on from where it was, in
// another process or at the next start.
func (q *Queue) Stop(ctx context.Context) error {
	soft, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := q.client.Stop(soft); err == nil {
		return nil
	}
	if err := q.client.StopAndCancel(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("stop queue: %w", err)
	}
	return nil
}

// tickArgs look for sources that are due.
type tickArgs struct{}

// Kind implements river.JobArgs.
func (tickArgs) Kind() string { return "tick" }

// InsertOpts implements river.JobArgsWithInsertOpts: one tick at a time.
func (tickArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 1, UniqueOpts: river.UniqueOpts{ByPeriod: tickEvery / 2}}
}

type tickWorker struct {
	river.WorkerDefaults[tickArgs]
	q *Queue
}

// Work implements river.Worker.
func (w *tickWorker) Work(ctx context.Context, _ *river.Job[tickArgs]) error { return w.q.tick(ctx) }

// tick queues the runs that are due and those that a dead process left behind.
func (q *Queue) tick(ctx context.Context) error {
	now := q.cfg.Now()
	due, err := q.cfg.Sources.DueSources(ctx, now)
	if err != nil {
		return fmt.Errorf("look for due sources: %w", err)
	}
	for _, src := range due {
		next, err := Next(src.Schedule, now)
		if err != nil {
			q.cfg.Log.ErrorContext(ctx, "schedule", "source", src.Key, "error", err)
			continue
		}
		_, err = q.cfg.Sources.TakeDue(ctx, src, next, func(tx *sql.Tx) error {
			_, err := q.client.InsertTx(ctx, tx, runArgs{Source: src.Key, Trigger: "schedule"}, nil)
			return err
		})
		if err != nil {
			return fmt.Errorf("queue run of %s: %w", src.Key, err)
		}
	}
	if err := q.callBack(ctx, now); err != nil {
		return err
	}
	left, err := q.cfg.Sources.AbandonedSources(ctx)
	if err != nil {
		return fmt.Errorf("look for abandoned runs: %w", err)
	}
	for _, src := range left {
		if _, err := q.client.Insert(ctx, runArgs{Source: src.Key, Trigger: "resume"}, nil); err != nil {
			return fmt.Errorf("queue run of %s: %w", src.Key, err)
		}
	}
	return nil
}

// Times that a schedule cannot have come to by itself: skew is by how much the
// clocks of two processes may differ, longestBreak how far ahead the next try of a
// source in quarantine may lie (and a day is what package reconcile waits at most).
const (
	skew         = time.Hour
	longestBreak = 24*time.Hour + skew
)

// callBack gives the sources whose next time lies further ahead than their
// schedule knows their times back: a clock that was ahead when they were last
// taken would otherwise leave them alone until it is as late as it was.
func (q *Queue) callBack(ctx context.Context, now time.Time) error {
	waiting, err := q.cfg.Sources.WaitingSources(ctx, now)
	if err != nil {
		return fmt.Errorf("look for waiting sources: %w", err)
	}
	for _, src := range waiting {
		latest, err := Next(src.Schedule, now.Add(skew))
		if err != nil {
			q.cfg.Log.ErrorContext(ctx, "schedule", "source", src.Key, "error", err)
			continue
		}
		if !src.Health.QuarantinedAt.IsZero() && latest.Before(now.Add(longestBreak)) {
			latest = now.Add(longestBreak)
		}
		if !src.NextDue.After(latest) {
			continue
		}
		next, err := Next(src.Schedule, now)
		if err != nil {
			return err
		}
		if _, err := q.cfg.Sources.TakeDue(ctx, src, next, func(*sql.Tx) error { return nil }); err != nil {
			return fmt.Errorf("reschedule %s: %w", src.Key, err)
		}
		q.cfg.Log.WarnContext(ctx, "schedule was ahead of the clock", "source", src.Key, "was", src.NextDue, "next", next)
	}
	return nil
}

// Run queues a run of a source.
func (q *Queue) Run(ctx context.Context, source, trigger string) error {
	if _, err := q.client.Insert(ctx, runArgs{Source: source, Trigger: trigger}, nil); err != nil {
		return fmt.Errorf("queue run of %s: %w", source, err)
	}
	return nil
}

// runArgs run a source once.
type runArgs struct {
	Source  string `json:"source"`
	Trigger string `json:"trigger"`
}

// Kind implements river.JobArgs.
func (runArgs) Kind() string { return "source_run" }

// InsertOpts implements river.JobArgsWithInsertOpts. A run is tried once: it
// keeps its own account of what was done, and the tick takes up what was left.
func (runArgs) InsertOpts() river.InsertOpts {
	return river.InsertOpts{MaxAttempts: 1, Queue: queueRuns}
}

type runWorker struct {
	river.WorkerDefaults[runArgs]
	q *Queue
}

// Timeout implements river.Worker: a run takes as long as the directory does.
func (*runWorker) Timeout(*river.Job[runArgs]) time.Duration { return -1 }

// Work implements river.Worker.
func (w *runWorker) Work(ctx context.Context, job *river.Job[runArgs]) error {
	err := w.q.cfg.Work.RunSource(ctx, job.Args.Source, job.Args.Trigger)
	if err != nil && ctx.Err() != nil {
		return river.JobSnooze(0) // cut off by Stop: for the next process to go on with
	}
	if !errors.Is(err, registry.ErrLeased) {
		return err
	}
	if job.Args.Trigger == "resume" {
		return nil // whoever holds the lease has taken it up
	}
	return river.JobSnooze(leasedAgain)
}

// regularArgs are one turn of regular work.
type regularArgs struct {
	Name string `json:"name" river:"unique"`
}

// Kind implements river.JobArgs.
func (regularArgs) Kind() string { return "regular" }

type regularWorker struct {
	river.WorkerDefaults[regularArgs]
	work map[string]Regular
	// busy are the names whose turn is at work in this process.
	busy sync.Map
}

// Timeout implements river.Worker.
func (w *regularWorker) Timeout(job *river.Job[regularArgs]) time.Duration {
	return w.work[job.Args.Name].Timeout // 0 is the queue's own: a minute
}

// Work implements river.Worker. Work that this process does not know was queued
// by a newer or older one, and comes round again there. A turn that begins while
// another is at work here has nothing to do.
func (w *regularWorker) Work(ctx context.Context, job *river.Job[regularArgs]) error {
	r, ok := w.work[job.Args.Name]
	if !ok {
		return nil
	}
	if _, busy := w.busy.LoadOrStore(r.Name, true); busy {
		return nil
	}
	defer w.busy.Delete(r.Name)
	return r.Do(ctx)
}

// regular is one kind of work that comes round. A turn is tried once: the next one
// comes anyway. What makes a turn the only one is the time it is for and not its
// state: one whose process was killed counts as at work for an hour, and must not
// hold up those after it.
func regular(r Regular) *river.PeriodicJob {
	opts := &river.InsertOpts{MaxAttempts: 1}
	if r.Every >= 2*time.Second {
		opts.UniqueOpts = river.UniqueOpts{ByArgs: true, ByPeriod: r.Every / 2}
	}
	return river.NewPeriodicJob(river.PeriodicInterval(r.Every),
		func() (river.JobArgs, *river.InsertOpts) { return regularArgs{Name: r.Name}, opts },
		&river.PeriodicJobOpts{RunOnStart: true})
}
