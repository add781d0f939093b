package app

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/web/admin"
)

// consoles implements admin.Desks.
type consoles struct{ *apiDesk }

// Companies implements admin.Desks.
func (d consoles) Companies(ctx context.Context) ([]registry.Company, error) {
	return d.Store.Companies(ctx)
}

// Open implements admin.Desks.
func (d consoles) Open(ctx context.Context, key string) (registry.Company, admin.Desk, error) {
	c, err := d.Store.CompanyByKey(ctx, key)
	if err != nil {
		return c, nil, err
	}
	return c, &console{server: d.apiDesk, tenant: d.Store.For(c.ID), company: c}, nil
}

// console implements admin.Desk: what the command line and the API use, for the
// pages of one company.
type console struct {
	server  *apiDesk
	tenant  *store.Tenant
	company registry.Company
}

// refused puts what cannot be done now into the pages' words.
func refused(err error) error {
	var mistake *MistakeError
	var rule *registry.Error
	switch {
	case err == nil, errors.Is(err, registry.ErrNotFound):
		return err
	case errors.As(err, &mistake):
		return &admin.Refusal{Code: registry.CodeInvalidValue, Reason: mistake.Said()}
	case errors.Is(err, registry.ErrLeased):
		return &admin.Refusal{Code: registry.CodeAlreadyRunning, Reason: registry.Say("another run of this source is at work; wait until it ends")}
	case errors.As(coded(err), &rule):
		return &admin.Refusal{Code: rule.Code, Reason: rule.Message}
	}
	return err
}

// source finds a source of the company.
func (c *console) source(ctx context.Context, key string) (registry.Source, error) {
	if _, ok := c.server.sources[key]; !ok {
		return registry.Source{}, registry.ErrNotFound
	}
	src, err := c.server.Store.SourceByKey(ctx, key)
	if err == nil && src.Company != c.company.ID {
		err = registry.ErrNotFound
	}
	return src, err
}

// picture is how many of the last runs a source is shown with.
const picture = 30

// Sources implements admin.Desk.
func (c *console) Sources(ctx context.Context) ([]admin.Source, error) {
	var out []admin.Source
	for _, key := range slices.Sorted(maps.Keys(c.server.sources)) {
		s, err := c.Source(ctx, key)
		if errors.Is(err, registry.ErrNotFound) {
			continue // another company's
		}
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// Source implements admin.Desk.
func (c *console) Source(ctx context.Context, key string) (admin.Source, error) {
	src, err := c.source(ctx, key)
	if err != nil {
		return admin.Source{}, err
	}
	out := admin.Source{Source: src}
	if out.Recent, err = c.tenant.RunPage(ctx, registry.RunQuery{Source: src.ID, Mode: registry.ModeRun, Limit: picture}); err != nil {
		return admin.Source{}, err
	}
	if out.Last, err = c.tenant.LastRun(ctx, src.ID); err != nil {
		return admin.Source{}, err
	}
	out.Health = src.Health.State(out.Last)
	x := c.server.sources[key]
	out.Settings, out.Mapping = x.inWords(key), x.inExpressions()
	return out, nil
}

// TestSource implements admin.Desk.
func (c *console) TestSource(ctx context.Context, key string) (admin.Test, error) {
	src, err := c.source(ctx, key)
	if err != nil {
		return admin.Test{}, err
	}
	const people = 5
	info, rows, err := c.server.Core.TestSource(ctx, src.Key, people)
	var out admin.Test
	if err != nil {
		out.Failure = registry.SaidOf(err)
	}
	for _, f := range info.Facts {
		out.Facts = append(out.Facts, admin.Evidence(f))
	}
	for _, r := range rows {
		s := admin.Sample{Name: r.Name, Anchor: r.Anchor, InScope: r.Person.InScope}
		for _, def := range registry.AttributeDefs() {
			if v := r.Person.Attributes[def.Name]; len(v) > 0 {
				s.Values = append(s.Values, admin.Evidence{Name: registry.Verbatim(def.Name), Value: registry.Verbatim(strings.Join(v, ", "))})
			}
		}
		if r.Problem != "" {
			s.Problems = append(s.Problems, admin.Evidence{Value: r.Problem})
		}
		for _, p := range slices.Concat(r.Person.Problems, r.Person.Warnings) {
			s.Problems = append(s.Problems, admin.Evidence{Name: registry.Verbatim(p.Attribute), Value: p.Message})
		}
		out.Sample = append(out.Sample, s)
	}
	return out, nil
}

// Start implements admin.Desk.
func (c *console) Start(ctx context.Context, key, mode, actor string) (int64, error) {
	src, err := c.source(ctx, key)
	if err != nil {
		return 0, err
	}
	return c.begun(reconcile.Request{Mode: mode, Trigger: "console", Actor: actor}, func(ctx context.Context, req reconcile.Request) (*registry.Run, error) {
		return c.server.RunSource(ctx, src.Key, req)
	})
}

// begun does a run that goes on by itself and returns its number as soon as it
// has one.
func (c *console) begun(req reconcile.Request, do func(context.Context, reconcile.Request) (*registry.Run, error)) (int64, error) {
	run, err := c.server.begun(req, do)
	return run.Run, refused(err)
}

// PauseSource implements admin.Desk.
func (c *console) PauseSource(ctx context.Context, key, actor, why string) error {
	src, err := c.source(ctx, key)
	if err != nil {
		return err
	}
	return refused(c.server.Core.PauseSource(ctx, src.Key, actor, why))
}

// ResumeSource implements admin.Desk.
func (c *console) ResumeSource(ctx context.Context, key, _ string) error {
	src, err := c.source(ctx, key)
	if err != nil {
		return err
	}
	return refused(c.server.Core.ResumeSource(ctx, src.Key))
}

// ScheduleTimes implements admin.Desk.
func (c *console) ScheduleTimes(schedule string) ([]time.Time, *time.Location, error) {
	times, zone, err := c.server.Core.ScheduleTimes(schedule)
	return times, zone, refused(err)
}

// SetSchedule implements admin.Desk.
func (c *console) SetSchedule(ctx context.Context, key, schedule string, d registry.Deed) error {
	src, err := c.source(ctx, key)
	if err != nil {
		return err
	}
	return refused(c.server.Core.SetSchedule(ctx, src.Key, schedule, d))
}

// ReturnSchedule implements admin.Desk.
func (c *console) ReturnSchedule(ctx context.Context, key string, d registry.Deed) error {
	src, err := c.source(ctx, key)
	if err != nil {
		return err
	}
	return refused(c.server.Core.ReturnSchedule(ctx, src.Key, d))
}

// Runs implements admin.Desk.
func (c *console) Runs(ctx context.Context, q registry.RunQuery) ([]*registry.Run, error) {
	return c.tenant.RunPage(ctx, q)
}

// Run implements admin.Desk.
func (c *console) Run(ctx context.Context, number int64) (*registry.Run, error) {
	return c.tenant.RunByNumber(ctx, number)
}

// Causes implements admin.Desk.
func (c *console) Causes(ctx context.Context, run registry.RunID) ([]admin.Cause, error) {
	counts, err := c.tenant.CountItems(ctx, run)
	out := make([]admin.Cause, len(counts))
	for i, n := range counts {
		out[i] = admin.Cause(n)
	}
	return out, err
}

// Rows implements admin.Desk.
func (c *console) Rows(ctx context.Context, q registry.RowQuery) ([]registry.RunItem, error) {
	return c.tenant.ItemPage(ctx, q)
}

// Changes implements admin.Desk.
func (c *console) Changes(ctx context.Context, q registry.ChangeQuery) ([]registry.ChangeRow, error) {
	return c.tenant.ChangePage(ctx, q)
}

// Approve implements admin.Desk.
func (c *console) Approve(ctx context.Context, number int64, d registry.Decision) (int64, error) {
	held, err := c.held(ctx, number)
	if err == nil {
		err = refused(c.server.approvable(held))
	}
	if err != nil {
		return 0, err
	}
	req := reconcile.Request{Mode: registry.ModeRun, Trigger: "approval", Actor: d.By, Note: d.Note, PlanHash: d.PlanHash, Approved: held}
	return c.begun(req, func(ctx context.Context, req reconcile.Request) (*registry.Run, error) {
		return c.server.RunSource(ctx, held.SourceKey, req)
	})
}

// held finds a run that waits for a decision.
func (c *console) held(ctx context.Context, number int64) (*registry.Run, error) {
	run, err := c.tenant.RunByNumber(ctx, number)
	if err == nil && run.State != registry.RunHeld {
		err = &admin.Refusal{Code: registry.CodeNotHeld, Reason: registry.Say("the run is %s", registry.Word(run.State))}
	}
	return run, err
}

// Reject implements admin.Desk.
func (c *console) Reject(ctx context.Context, number int64, d registry.Decision) error {
	held, err := c.held(ctx, number)
	if err != nil {
		return err
	}
	return refused(c.server.Reject(ctx, held, d))
}

// Retry implements admin.Desk.
func (c *console) Retry(ctx context.Context, number int64, actor string) (int64, error) {
	failed, err := c.tenant.RunByNumber(ctx, number)
	if err == nil {
		err = refused(c.server.inFile(failed.SourceKey))
	}
	if err != nil {
		return 0, err
	}
	return c.begun(reconcile.Request{Trigger: "console", Actor: actor}, func(ctx context.Context, req reconcile.Request) (*registry.Run, error) {
		return c.server.Retry(ctx, failed, req)
	})
}

// Cancel implements admin.Desk.
func (c *console) Cancel(ctx context.Context, number int64, actor string) error {
	run, err := c.tenant.RunByNumber(ctx, number)
	if err != nil {
		return err
	}
	done, err := c.tenant.CancelRun(ctx, run.ID, actor)
	if err == nil && !done {
		err = &admin.Refusal{Code: registry.CodeNotRunning, Reason: registry.Say("the run is %s", registry.Word(run.State))}
	}
	return err
}

// Export implements admin.Desk.
func (c *console) Export(w http.ResponseWriter, r *http.Request, who *auth.Principal, e admin.Export) error {
	here := *who
	here.Company = c.company.ID // an operator's own is not the one looked at
	return c.server.door.Export(w, r, here, e.Operation, e.As, e.Path, e.Query)
}

// Audit implements admin.Desk.
func (c *console) Audit(ctx context.Context, d registry.Deed) error { return c.tenant.Audit(ctx, d) }

// Deeds implements admin.Desk.
func (c *console) Deeds(ctx context.Context, q registry.DeedQuery) ([]registry.Deed, error) {
	return c.tenant.Deeds(ctx, q)
}
