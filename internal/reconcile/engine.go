package reconcile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// Engine runs sources. All fields but Log must be set, where nothing else is said.
type Engine struct {
	Registry *registry.Registry
	// Ledger opens a company's ledger.
	Ledger func(registry.CompanyID) Ledger
	Now    func() time.Time
	NewID  func() string
	// Holder names this process in leases.
	Holder string
	// TempDir is where whole records wait during a run, "" for the system's.
	TempDir string
	// Sealer, when set, has reads that are cut off go on where they stopped: it seals
	// the pages that wait in the ledger for that.
	Sealer Sealer
	// Heartbeat is how often a lease is renewed while nothing is written; it
	// must be well below the lease's length.
	Heartbeat time.Duration
	Log       *slog.Logger
	// Phase, when set, is told of each part of a run as it begins; what it returns
	// is called at its end. Ended is told how each run ended.
	Phase func(ctx context.Context, r *registry.Run, name string) (context.Context, func(error))
	Ended func(r *registry.Run)
}

// phase is a part of a run, for whoever watches.
func (r *run) phase(ctx context.Context, name string, fn func(context.Context) error) error {
	if r.Phase == nil {
		return fn(ctx)
	}
	ctx, end := r.Phase(ctx, r.row, name)
	err := fn(ctx)
	end(err)
	return err
}

// Run does one run and returns how it ended. The error is for a run that could
// not be entered at all (the lease is another's, the ledger does not answer);
// whatever goes wrong after that is in the run itself.
func (e *Engine) Run(ctx context.Context, src *Source, req Request) (*registry.Run, error) {
	return e.do(ctx, &run{Engine: e, src: src, req: req})
}

// do takes the lease and does the run.
func (e *Engine) do(ctx context.Context, r *run) (*registry.Run, error) {
	src, req, ledger := r.src, r.req, e.Ledger(r.src.State.Company)
	fence, left, err := ledger.AcquireLease(ctx, src.State.ID, e.Holder)
	if err != nil {
		return nil, err
	}
	// The end of a run gives its lease back. One that was not written does so here,
	// even when the caller was told to stop.
	ended := false
	defer func() {
		if ended {
			return
		}
		if err := ledger.ReleaseLease(context.WithoutCancel(ctx), fence); err != nil {
			e.Log.WarnContext(ctx, "release lease", "source", src.State.Key, "error", err)
		}
	}()
	if req.Approved != nil {
		d := registry.Decision{State: registry.RunApproved, By: req.Actor, Note: req.Note, PlanHash: req.PlanHash}
		if err := e.Decide(ctx, req.Approved, d); err != nil {
			return nil, err
		}
	}
	r.ledger, r.fence = ledger, fence
	if r.left == 0 {
		r.left = left
	}
	if err := r.enter(ctx); err != nil {
		return nil, err
	}
	r.report = &report{ledger: ledger, fence: fence, run: r.row, now: e.Now}
	ctx, stop := r.keepLease(registry.WithRun(ctx, r.row.PublicID))
	_ = r.phase(ctx, "run", func(ctx context.Context) error { // what went wrong in it is in the run
		wrong := r.steps(ctx)
		stop()
		err = r.end(ctx, wrong)
		ended = err == nil
		return errors.Join(wrong, err)
	})
	if e.Ended != nil {
		e.Ended(r.row)
	}
	return r.row, err
}

// run is one run at work.
type run struct {
	*Engine
	src    *Source
	req    Request
	ledger Ledger
	fence  registry.Fence
	row    *registry.Run
	report *report
	// forget is set for a run that parts from its source.
	forget *forgetting
	// left is the run that this one takes up.
	left registry.RunID
	// only, when set, gives the people the run is about, instead of a read. Of
	// them state and results are kept, for whoever wants to tell.
	only    func(context.Context, func(source.Entry) error) error
	loaded  *plan.State
	results []registry.Result

	sum  source.Summary
	snap *snapshot
	plan *plan.Plan
	// known is what the read may leave unread, nil for nothing.
	known *known
	state
	// kept is true when pages of the read may wait in the ledger.
	kept bool
	// shown is when the row was written last to show how the run stands.
	shown time.Time
	// unmailed is how many set-up mails wait because nobody has vouched for the
	// company.
	unmailed int
	// lastGroup is the group whose members were changed last.
	lastGroup registry.GroupID
}

// enter writes the run's row.
func (r *run) enter(ctx context.Context) error {
	now := r.Now()
	r.row = &registry.Run{
		PublicID: r.NewID(), Company: r.src.State.Company, Source: r.src.State.ID, Origin: r.src.State.Origin.ID,
		SourceKey: r.src.State.Key, Mode: r.req.Mode, Trigger: r.req.Trigger, Actor: r.req.Actor,
		State: registry.RunReading, Fence: r.fence.Number, Resumes: r.left, CreatedAt: now, StartedAt: now,
	}
	if r.req.Approved != nil {
		r.row.Resumes = r.req.Approved.ID
	}
	r.shown = now
	err := r.ledger.CreateRun(ctx, r.row)
	if err == nil && r.req.Entered != nil {
		r.req.Entered(*r.row)
	}
	return err
}

// keepLease renews the lease until stop is called; losing it cancels the run.
func (r *run) keepLease(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(r.Heartbeat)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := r.ledger.RenewLease(ctx, r.fence); errors.Is(err, registry.ErrFenced) {
					cancel(err)
					return
				}
			}
		}
	}()
	return ctx, func() {
		cancel(nil)
		<-done
	}
}

// steps are the run.
func (r *run) steps(ctx context.Context) error {
	sp, err := newSpool(r.TempDir)
	if err != nil {
		return err
	}
	defer func() { _ = sp.close() }()
	r.snap = newSnapshot(r.src, sp, r.report, &r.row.Counts)
	if err := r.phase(ctx, "read", r.read); err != nil {
		return err
	}
	if r.report.flush(ctx); r.report.err != nil {
		return r.report.err
	}
	r.row.Complete, r.row.Full = r.snap.Complete, r.sum.Full
	r.row.Notes = append(r.row.Notes, r.sum.Notes...)
	if err := r.blank(); err != nil {
		return err
	}
	if !r.snap.Complete && r.only == nil && !r.src.List {
		r.row.Notes = append(r.row.Notes, registry.Say("The read was not complete: %s. Nobody was judged missing.", r.sum.Incomplete))
	}
	if err := r.stage(ctx, registry.RunPlanning); err != nil {
		return err
	}
	if err := r.phase(ctx, "plan", r.makePlan); err != nil {
		return err
	}
	if err := r.phase(ctx, "guard", r.judge); err != nil {
		return err
	}
	if r.req.Mode == registry.ModePreview || r.row.State == registry.RunHeld || r.src.Policy == plan.ModeReportOnly {
		return r.describe(ctx)
	}
	if err := r.stage(ctx, registry.RunApplying); err != nil {
		return err
	}
	if err := r.distrust(ctx); err != nil {
		return err
	}
	if err := r.phase(ctx, "apply", r.apply); err != nil {
		return err
	}
	return r.phase(ctx, "remember", r.remember)
}

// blank refuses a read that gave nobody and does not know that it gave all: there is
// nothing to do, and so nothing to hold and to decide on.
func (r *run) blank() error {
	if r.snap.Complete || len(r.snap.Users) > 0 || r.only != nil || r.src.List {
		return nil
	}
	return readError{registry.Errorf("%s: the source gave nobody, and not all it has: %s", source.ErrProtocol, r.sum.Incomplete)}
}

// byMarkers reports whether the read may go by what the last one left: the
// settings are those of then, and it is not time to look at everything again. It
// is when everything was read in the future: the clock was wrong then or is now,
// and what hangs on it (accounts that expire) has to be looked at.
func (r *run) byMarkers() bool {
	s := &r.src.State
	age := r.Now().Sub(s.FullReadAt)
	return !r.req.Full && s.Cursor != "" && s.SettingsHash == r.src.SettingsHash && age >= 0 && age < r.src.FullEvery
}

// read takes the snapshot: what changed where the last run left markers to go
// by, or everything.
func (r *run) read(ctx context.Context) (err error) {
	progress := func(n int64) { r.progress(ctx, PhaseRead, n, 0) }
	if r.before, err = r.ledger.LastChange(ctx); err != nil {
		return fmt.Errorf("find the last change: %w", err)
	}
	if r.only != nil {
		r.sum, err = r.snap.read(ctx, nil, func(ctx context.Context, _ source.Request, emit func(source.Entry) error) (source.Summary, error) {
			return source.Summary{}, r.only(ctx, emit)
		}, "", progress)
		return err
	}
	if r.byMarkers() {
		if r.known, err = r.loadKnown(ctx); err != nil {
			return err
		}
		err = r.fromSource(ctx, r.known, r.src.State.Cursor, progress)
		if err == nil && !r.sum.Full {
			r.row.Notes = append(r.row.Notes, registry.Say("Read by markers: %d of %d fetched.", r.snap.fetched, r.row.Counts.Users+r.row.Counts.Groups))
		}
		if !errors.Is(err, source.ErrCursor) {
			return err
		}
		r.known = nil
		r.row.Notes = append(r.row.Notes, registry.Say("Everything was read whole: %s.", registry.SaidOf(err)))
	}
	return r.fromSource(ctx, nil, "", progress)
}

// stage moves the run on.
func (r *run) stage(ctx context.Context, s registry.RunState) error {
	r.row.State = s
	r.report.flush(ctx)
	if r.report.err != nil {
		return r.report.err
	}
	return r.ledger.UpdateRun(ctx, r.fence, r.row)
}

// makePlan loads the present state, matches and plans.
func (r *run) makePlan(ctx context.Context) error {
	r.progress(ctx, PhasePlan, 0, 0)
	state, err := r.loadState(ctx)
	if err != nil {
		return err
	}
	if err := r.match(ctx, state); err != nil {
		return err
	}
	if r.only != nil {
		r.loaded = state
	}
	r.plan = plan.Make(r.snap.Snapshot, *state, plan.Policy{
		Mode: r.src.Policy, Recreate: r.src.Recreate,
		Deactivate: r.src.OnMissing, DeleteAfter: r.src.DeleteAfter, Nested: r.src.Nested, Now: r.Now(),
	})
	if r.forget != nil {
		if err := r.part(ctx, state); err != nil {
			return err
		}
	}
	if err := r.markMails(ctx); err != nil {
		return err
	}
	if err := r.troubles(ctx); err != nil {
		return err
	}
	r.unmanaged(ctx)
	r.withheld()
	c := &r.row.Counts
	c.Unchanged, c.OutOfScope, c.Missing, c.InScope = r.plan.Unchanged, r.plan.OutOfScope, r.plan.Missing, r.plan.InScope()
	r.row.PlanHash = r.plan.Hash(r.snap.Snapshot)
	return nil
}

// judge asks the guard.
func (r *run) judge(ctx context.Context) error {
	switch {
	case r.only != nil:
		return r.judgeFew(ctx)
	case r.forget != nil:
		r.judgeParting()
		return nil
	}
	allowed, err := r.allowance(ctx)
	if err != nil {
		return err
	}
	history, err := r.history(ctx)
	if err != nil {
		return err
	}
	if r.row.Limits, err = r.guard(ctx, r.src.Limits, history, allowed); err != nil {
		return err
	}
	if r.src.List { // one without groups, say, takes nobody out of any
		r.row.Limits = slices.DeleteFunc(r.row.Limits, func(l registry.Limit) bool { return l.Name == plan.LimitEmpty })
	}
	if err := r.withhold(ctx, history, allowed); err != nil {
		return err
	}
	if len(r.row.Limits) == 0 {
		return nil
	}
	r.row.Code = "guard"
	r.row.Message = limitWords(r.row.Limits)
	if r.req.Mode == registry.ModeRun && r.src.Policy != plan.ModeReportOnly {
		r.row.State = registry.RunHeld
	}
	return nil
}

// judgeFew judges a run about single people, who are no measure for a
// percentage: what it may do at most is the counts of the limits. It is not held
// for an approval, because the next complete run is.
func (r *run) judgeFew(ctx context.Context) error {
	if r.req.Mode == registry.ModeRetry && r.src.State.Health.NoRemovals {
		r.plan.WithholdRemovals()
	}
	limits, err := r.guard(ctx, r.src.Limits.CountsOnly(), plan.History{}, nil)
	if err != nil {
		return err
	}
	limits = slices.DeleteFunc(limits, func(l registry.Limit) bool { return l.Name == plan.LimitEmpty })
	if len(limits) > 0 && len(r.plan.Users) > 1 {
		return guardError{limits}
	}
	return nil
}

// guardError: a run about single people that is not for single people.
type guardError struct{ limits []registry.Limit }

func (e guardError) Error() string { return e.Said().String() }

// Said is what the admin is told.
func (e guardError) Said() registry.Said {
	return registry.Say("%s: that is for a run of the whole source, which the guard holds and somebody approves", limitWords(e.limits))
}

// end writes how the run ended. It uses a context of its own: the run may have
// ended because its context did.
func (r *run) end(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, registry.ErrFenced) {
		err = cause
	}
	ctx = context.WithoutCancel(ctx)
	if errors.Is(err, registry.ErrFenced) {
		r.row.State, r.row.Code = registry.RunInterrupted, "lease_lost"
		r.row.Message = registry.Say("another process took the source over")
		return nil // the other one has marked the row already
	}
	r.report.flush(ctx)
	if err == nil {
		err = r.report.err
	}
	r.row.FinishedAt = r.Now()
	switch {
	case err != nil:
		r.row.State = registry.RunFailed
		code, message := explain(err)
		r.row.Code, r.row.Message = string(code), message
		r.Log.ErrorContext(ctx, "run failed", "source", r.src.State.Key, "run", r.row.Number, "code", r.row.Code, "error", err)
	case r.row.State == registry.RunHeld:
	case r.row.Counts.Failed+r.row.Counts.Conflicts > 0 || !r.row.Complete && r.only == nil && !r.src.List:
		r.row.State = registry.RunPartial
	default:
		r.row.State = registry.RunDone
	}
	if err == nil {
		r.forgetPages(ctx)
	}
	if err := r.ledger.EndRun(ctx, r.fence, r.row, r.leave()); err != nil {
		return fmt.Errorf("write end of run %d: %w", r.row.Number, err)
	}
	return nil
}

// showEvery is how often, at most, a run at work writes how it stands.
const showEvery = time.Second

// progress tells the caller how far the run is, and the run's row what it has
// counted, for those who watch it from wherever. That the row could not be
// written is no reason to end the run: what counts is written with each stage.
func (r *run) progress(ctx context.Context, phase Phase, done, total int64) {
	if r.req.Progress != nil {
		r.req.Progress(Progress{Phase: phase, Done: done, Total: total})
	}
	now := r.Now()
	if now.Sub(r.shown) < showEvery {
		return
	}
	r.shown = now
	if err := r.ledger.UpdateRun(ctx, r.fence, r.row); err != nil {
		r.Log.DebugContext(ctx, "show progress", "run", r.row.Number, "error", err)
	}
}
