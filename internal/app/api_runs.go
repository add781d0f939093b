package app

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

// ofCompany finds a source of the asker's company; another company's is not there.
func (d *apiDesk) ofCompany(ctx context.Context, who *api.Who, key string) (registry.Source, error) {
	if _, ok := d.sources[key]; !ok {
		return registry.Source{}, registry.ErrNotFound
	}
	src, err := d.Store.SourceByKey(ctx, key)
	if err == nil && src.Company != who.Company {
		err = registry.ErrNotFound
	}
	return src, err
}

// ListSources implements api.Sources.
func (d *apiDesk) ListSources(ctx context.Context, who *api.Who, in api.Paging) (p api.Page[api.Source], err error) {
	all, err := d.Sources(ctx)
	if err != nil {
		return p, err
	}
	return fewPage(slices.DeleteFunc(all, func(s SourceStanding) bool { return s.Company != who.Company }), in, d.toSource)
}

// ShowSource implements api.Sources.
func (d *apiDesk) ShowSource(ctx context.Context, who *api.Who, in api.SourceInput) (api.Source, error) {
	src, err := d.ofCompany(ctx, who, in.Source)
	if err != nil {
		return api.Source{}, err
	}
	last, err := d.Store.For(src.Company).LastRun(ctx, src.ID)
	return d.toSource(SourceStanding{Source: src, Last: last, State: src.Health.State(last)}), err
}

// toSource is a source with its next times.
func (d *apiDesk) toSource(s SourceStanding) api.Source {
	out := toAPISource(s)
	times, zone, err := d.ScheduleTimes(s.Schedule)
	if err != nil || s.State == registry.Paused {
		return out
	}
	for _, at := range times {
		out.NextRuns = append(out.NextRuns, at.In(zone).Format(time.RFC3339))
	}
	return out
}

func toAPISource(s SourceStanding) api.Source {
	h := s.Health
	out := api.Source{
		Source: s.Key, Kind: string(s.Origin.Kind), State: string(s.State), Failures: h.Failures, NoRemovals: h.NoRemovals,
		Schedule: s.Schedule, Configured: s.Configured,
	}
	if b := s.ByHand; !b.At.IsZero() {
		out.ByHand = &api.ByHand{At: b.At, By: b.By, Note: b.Why}
	}
	switch s.State {
	case registry.Paused:
		out.Reason, out.By, out.Since = h.PausedReason, h.PausedBy, set(h.PausedAt)
	case registry.Quarantined:
		out.Code, out.Reason, out.Since = string(h.Code), h.Reason.String(), set(h.QuarantinedAt)
	case registry.Failing:
		out.Since = set(h.FailingSince)
	}
	if s.State != registry.Paused {
		out.NextRun = set(s.NextDue)
	}
	if r := s.Last; r != nil {
		out.LastRun, out.LastState, out.LastFinished = r.Number, string(r.State), set(r.FinishedAt)
		if out.Reason == "" && (s.State == registry.Failing || s.State == registry.Held) {
			out.Code, out.Reason = r.Code, r.Message.String()
		}
	}
	return out
}

// TestSource implements api.Sources.
func (d *apiDesk) TestSource(ctx context.Context, who *api.Who, in api.TestInput) (api.SourceTest, error) {
	src, err := d.ofCompany(ctx, who, in.Source)
	if err != nil {
		return api.SourceTest{}, err
	}
	n := in.Body.Number
	if n == 0 {
		n = 5
	}
	info, rows, err := d.Core.TestSource(ctx, src.Key, n)
	if err != nil {
		return api.SourceTest{}, coded(err)
	}
	out := api.SourceTest{Facts: map[string]string{}, People: []api.Sample{}}
	for _, f := range info.Facts {
		out.Facts[f.Name.String()] = f.Value.String()
	}
	for _, r := range rows {
		out.People = append(out.People, toAPISample(r))
	}
	return out, nil
}

func toAPISample(r SampleRow) api.Sample {
	p := r.Person
	out := api.Sample{
		Entry: r.Name, Anchor: r.Anchor, InScope: p.InScope, Enabled: p.Enabled, Kind: string(p.Kind),
		Department: p.Department, Contract: p.Contract, Attributes: p.Attributes,
	}
	if r.Problem != "" {
		out.Problems = append(out.Problems, r.Problem.String())
	}
	for _, x := range p.Problems {
		out.Problems = append(out.Problems, x.Said().String())
	}
	for _, x := range p.Warnings {
		out.Warnings = append(out.Warnings, x.Said().String())
	}
	return out
}

// PauseSource implements api.Sources.
func (d *apiDesk) PauseSource(ctx context.Context, who *api.Who, in api.PauseInput) (api.Source, error) {
	src, err := d.ofCompany(ctx, who, in.Source)
	if err == nil {
		err = d.Core.PauseSource(ctx, src.Key, who.Actor, in.Body.Note)
	}
	if err != nil {
		return api.Source{}, err
	}
	return d.ShowSource(ctx, who, in.SourceInput)
}

// ResumeSource implements api.Sources.
func (d *apiDesk) ResumeSource(ctx context.Context, who *api.Who, in api.SourceInput) (api.Source, error) {
	src, err := d.ofCompany(ctx, who, in.Source)
	if err == nil {
		err = d.Core.ResumeSource(ctx, src.Key)
	}
	if err != nil {
		return api.Source{}, err
	}
	return d.ShowSource(ctx, who, in)
}

// SetSchedule implements api.Sources.
func (d *apiDesk) SetSchedule(ctx context.Context, who *api.Who, in api.ScheduleInput) (api.Source, error) {
	src, err := d.ofCompany(ctx, who, in.Source)
	if err == nil && in.Body.Off == (in.Body.Schedule != "") {
		err = registry.Refuse(registry.CodeInvalidValue, "give a schedule, or off")
	}
	if err == nil {
		err = d.Core.SetSchedule(ctx, src.Key, in.Body.Schedule, byProgramOf(who, in.Body.Note))
	}
	if err != nil {
		return api.Source{}, err
	}
	return d.ShowSource(ctx, who, in.SourceInput)
}

// ReturnSchedule implements api.Sources.
func (d *apiDesk) ReturnSchedule(ctx context.Context, who *api.Who, in api.SourceInput) (api.Source, error) {
	src, err := d.ofCompany(ctx, who, in.Source)
	if err == nil {
		err = d.Core.ReturnSchedule(ctx, src.Key, byProgramOf(who, ""))
	}
	if err != nil {
		return api.Source{}, err
	}
	return d.ShowSource(ctx, who, in)
}

// byProgramOf is what is written down of a program's deed.
func byProgramOf(who *api.Who, why string) registry.Deed {
	return registry.Deed{Actor: who.Actor, Address: who.Client.Address.String(), RequestID: who.Request, Detail: map[string]string{"why": why}}
}

// begun does a run that goes on by itself, and returns it as soon as it has a
// number.
func (d *apiDesk) begun(req reconcile.Request, do func(context.Context, reconcile.Request) (*registry.Run, error)) (api.Run, error) {
	type news struct {
		run registry.Run
		err error
	}
	first := make(chan news, 2) // the beginning and the end: nobody waits to tell the second
	req.Entered = func(r registry.Run) { first <- news{run: r} }
	d.begin(func(ctx context.Context) {
		run, err := do(ctx, req)
		if run != nil {
			d.Log.InfoContext(ctx, "run ended", "source", run.SourceKey, "run", run.Number, "state", run.State, "changes", run.Counts.Changes(),
				"failed", run.Counts.Failed, "conflicts", run.Counts.Conflicts)
		} else if err == nil {
			err = fmt.Errorf("no run was made")
		}
		first <- news{err: err}
	})
	n := <-first
	if n.err != nil {
		return api.Run{}, coded(n.err)
	}
	return toAPIRun(&n.run), nil
}

// StartRun implements api.Sources.
func (d *apiDesk) StartRun(ctx context.Context, who *api.Who, in api.StartInput) (api.Run, error) {
	src, err := d.ofCompany(ctx, who, in.Source)
	if err != nil {
		return api.Run{}, err
	}
	mode := registry.ModeRun
	if in.Body.Mode == registry.ModePreview {
		mode = registry.ModePreview
	}
	return d.begun(reconcile.Request{Mode: mode, Trigger: "api", Actor: who.Actor, Full: in.Body.Full}, func(ctx context.Context, req reconcile.Request) (*registry.Run, error) {
		return d.RunSource(ctx, src.Key, req)
	})
}

// ForgetSource implements api.Sources.
func (d *apiDesk) ForgetSource(ctx context.Context, who *api.Who, in api.ForgetInput) (api.Run, error) {
	mode := registry.ModeRun
	if in.Body.Preview {
		mode = registry.ModePreview
	}
	return d.part(ctx, who.Company, in.Source, Parting(in.Body.How), in.Body.To, reconcile.Request{Mode: mode, Actor: who.Actor})
}

// SyncOne implements api.Sources. It goes on when the asker leaves: half a look is
// no answer for the next who asks with the same key.
func (d *apiDesk) SyncOne(ctx context.Context, who *api.Who, in api.OneInput) (api.Single, error) {
	src, err := d.ofCompany(ctx, who, in.Source)
	if err != nil {
		return api.Single{}, err
	}
	mode := registry.ModeRun
	if in.Body.Preview {
		mode = registry.ModePreview
	}
	single, err := d.Core.SyncOne(context.WithoutCancel(ctx), src.Key, in.Body.Who, reconcile.Request{Mode: mode, Trigger: "api", Actor: who.Actor})
	if err != nil {
		return api.Single{}, coded(err)
	}
	out := api.Single{Steps: []api.Step{}}
	for _, x := range single.Steps {
		step := api.Step{Step: x.Name, OK: x.OK, Text: x.Text.String()}
		for _, e := range x.Evidence {
			step.Evidence = append(step.Evidence, api.Evidence{Name: e.Name.String(), Value: e.Value.String()})
		}
		out.Steps = append(out.Steps, step)
	}
	if single.Run != nil {
		run := toAPIRun(single.Run)
		out.Run = &run
	}
	return out, nil
}

func toAPIRun(r *registry.Run) api.Run {
	return api.Run{
		Run: r.Number, ID: r.PublicID, Source: r.SourceKey, Mode: r.Mode, Trigger: r.Trigger, Actor: r.Actor, State: string(r.State),
		Complete: r.Complete, Full: r.Full, Counts: r.Counts, Limits: registry.InEnglish(r.Limits), PlanHash: r.PlanHash, Code: r.Code, Message: r.Message.String(), Notes: registry.English(r.Notes),
		DecidedBy: r.DecidedBy, DecisionNote: r.DecisionNote, StartedAt: r.StartedAt, FinishedAt: set(r.FinishedAt),
	}
}

// run finds a run by its id or its number.
func (d *apiDesk) run(ctx context.Context, who *api.Who, name string) (*registry.Run, error) {
	if number, err := strconv.ParseInt(name, 10, 64); err == nil {
		return d.Store.For(who.Company).RunByNumber(ctx, number)
	}
	return d.Store.For(who.Company).RunByPublicID(ctx, name)
}

// ListRuns implements api.Runs.
func (d *apiDesk) ListRuns(ctx context.Context, who *api.Who, in api.ListRunsInput) (p api.Page[api.Run], err error) {
	q := registry.RunQuery{State: registry.RunState(in.State), Mode: in.Mode, Since: in.Since, Until: in.Until, OldestFirst: in.Sort == "number", Limit: in.Limit + 1}
	if in.Source != "" {
		src, err := d.ofCompany(ctx, who, in.Source)
		if err != nil {
			return p, err
		}
		q.Source = src.ID
	}
	if q.From, err = api.Key(in.After); err != nil {
		return p, err
	}
	runs, err := d.Store.For(who.Company).RunPage(ctx, q)
	return api.CutPage(runs, in.Limit, func(r *registry.Run) string { return strconv.FormatInt(r.Number, 10) }, toAPIRun), err
}

// ShowRun implements api.Runs.
func (d *apiDesk) ShowRun(ctx context.Context, who *api.Who, in api.RunInput) (api.Run, error) {
	run, err := d.run(ctx, who, in.Run)
	if err != nil {
		return api.Run{}, err
	}
	return toAPIRun(run), nil
}

// ApproveRun implements api.Runs.
func (d *apiDesk) ApproveRun(ctx context.Context, who *api.Who, in api.DecisionInput) (api.Run, error) {
	held, err := d.run(ctx, who, in.Run)
	if err != nil {
		return api.Run{}, err
	}
	if held.State != registry.RunHeld {
		return api.Run{}, registry.Refuse(registry.CodeNotHeld, "the run is %s", registry.Word(held.State))
	}
	if err := d.approvable(held); err != nil {
		return api.Run{}, err
	}
	req := reconcile.Request{
		Mode: registry.ModeRun, Trigger: "approval", Actor: who.Actor, Note: in.Body.Note, PlanHash: in.Body.PlanHash, Approved: held,
	}
	return d.begun(req, func(ctx context.Context, req reconcile.Request) (*registry.Run, error) {
		return d.RunSource(ctx, held.SourceKey, req)
	})
}

// RejectRun implements api.Runs.
func (d *apiDesk) RejectRun(ctx context.Context, who *api.Who, in api.RejectInput) (api.Run, error) {
	held, err := d.run(ctx, who, in.Run)
	if err != nil {
		return api.Run{}, err
	}
	b := in.Body
	if err := d.Reject(ctx, held, Decision{By: who.Actor, Note: b.Note, PlanHash: b.PlanHash, Pause: b.Pause}); err != nil {
		return api.Run{}, coded(err)
	}
	return d.ShowRun(ctx, who, in.RunInput)
}

// RetryRun implements api.Runs.
func (d *apiDesk) RetryRun(ctx context.Context, who *api.Who, in api.RunInput) (api.Run, error) {
	failed, err := d.run(ctx, who, in.Run)
	if err == nil {
		err = d.inFile(failed.SourceKey)
	}
	if err != nil {
		return api.Run{}, err
	}
	return d.begun(reconcile.Request{Trigger: "api", Actor: who.Actor}, func(ctx context.Context, req reconcile.Request) (*registry.Run, error) {
		return d.Retry(ctx, failed, req)
	})
}

// CancelRun implements api.Runs.
func (d *apiDesk) CancelRun(ctx context.Context, who *api.Who, in api.RunInput) (api.Run, error) {
	run, err := d.run(ctx, who, in.Run)
	if err != nil {
		return api.Run{}, err
	}
	done, err := d.Store.For(who.Company).CancelRun(ctx, run.ID, who.Actor)
	if err == nil && !done {
		err = registry.Refuse(registry.CodeNotRunning, "the run is %s", registry.Word(run.State))
	}
	if err != nil {
		return api.Run{}, err
	}
	return d.ShowRun(ctx, who, in)
}
