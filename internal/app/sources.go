package app

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/jobs"
	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	port "github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/source/ldap"
	"github.com/usherd/usher/internal/store"
)

// source is a source of the file, compiled.
type source struct {
	cfg    config.Source
	reader port.Source
	mapper *mapping.Mapper
	hash   string
}

func compare(a, b string) int { return cmp.Compare(a, b) }

// Check looks at a configuration as a start would, and returns all that is wrong
// with expressions, filters and certificates.
func Check(cfg *config.Config) error {
	_, sourceErr := compileSources(cfg)
	_, mailErr := newTransport(cfg)
	return errors.Join(sourceErr, mailErr)
}

func compileSources(cfg *config.Config) (map[string]*source, error) {
	out := map[string]*source{}
	var all config.Faults
	for _, key := range slices.Sorted(maps.Keys(cfg.Sources)) {
		s, err := compileSource(cfg, key)
		var faults config.Faults
		switch {
		case errors.As(err, &faults):
			all = append(all, faults...)
		case err != nil:
			return nil, err
		}
		out[key] = s
	}
	if len(all) == 0 {
		return out, nil
	}
	slices.SortStableFunc(all, func(a, b config.Fault) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return nil, all
}

func compileSource(all *config.Config, key string) (*source, error) {
	cfg := all.Sources[key]
	compile := compileLDAP
	if cfg.Entra != nil {
		compile = compileEntra
	}
	reader, mapper, mapErr, err := compile(key, cfg)
	if faults := append(placed(all, mapErr), placed(all, err)...); len(faults) > 0 {
		return nil, faults
	}
	hash, err := settingsHash(cfg)
	if err != nil {
		return nil, err
	}
	return &source{cfg: cfg, reader: reader, mapper: mapper, hash: hash}, nil
}

// compileLDAP makes the reader and the mapper of a source of kind ldap. The
// faults of the mapping and of the reader come apart, each as a joined error.
func compileLDAP(key string, cfg config.Source) (port.Source, *mapping.Mapper, error, error) {
	l := cfg.LDAP
	mapper, mapErr := mapping.Compile(mapping.Spec{
		Source: key, Attributes: expressions(l.Users.Attributes), Scope: l.Users.Scope,
		KindOfUser: cfg.KindOfUser, Department: cfg.Department, Contract: cfg.Contract,
		Protect: cfg.Protect, Join: joinRules(cfg.Join), GroupScope: l.Groups.Scope, GroupMap: groupMap(l.Groups.Map), OnlyMapped: l.Groups.OnlyMapped,
	})
	c := ldap.Config{
		Name: key, URLs: l.URLs, StartTLS: l.StartTLS, CAFile: l.CAFile, BindDN: l.BindDN,
		Users:  ldap.Search{Base: l.Users.Base, Filter: l.Users.Filter, Anchor: l.Users.Anchor, Manager: l.Users.Manager},
		Groups: ldap.Search{Base: l.Groups.Base, Filter: l.Groups.Filter},
	}
	if l.BindPassword.IsSet() {
		c.BindPassword = ldap.Password(l.BindPassword.Reveal())
	}
	if mapper != nil {
		c.Users.Attributes, c.Groups.Attributes = mapper.Wants(), mapper.GroupWants()
	}
	reader, err := ldap.New(c)
	if err != nil {
		return nil, nil, mapErr, err
	}
	return reader, mapper, mapErr, nil
}

// placed tells where in the file each fault stands. Both rooms word theirs as
// "sources.corp.setting: what is wrong".
func placed(cfg *config.Config, err error) config.Faults {
	joined, ok := err.(interface{ Unwrap() []error }) // the list itself is wanted
	if !ok {
		return nil
	}
	var out config.Faults
	for _, err := range joined.Unwrap() {
		path, problem, _ := strings.Cut(err.Error(), ": ")
		out = append(out, cfg.Fault(path, problem, ""))
	}
	return out
}

// settingsHash identifies what a source's settings say of who is read and what
// becomes of them: without its secrets, and without what says only when a run is
// made, when it is held and who is mailed.
func settingsHash(cfg config.Source) (string, error) {
	cfg.Schedule, cfg.Guard, cfg.SetupMail, cfg.Was = "", config.Guard{}, "", ""
	doc, err := json.Marshal(cfg)
	if err != nil {
		return "", fmt.Errorf("encode settings: %w", err)
	}
	sum := sha256.Sum256(doc)
	return hex.EncodeToString(sum[:16]), nil
}

// MistakeError says that the caller named something there is not, or did not
// name what there are several of.
type MistakeError struct{ said registry.Said }

func (e *MistakeError) Error() string { return e.said.String() }

// Said is what the caller is told.
func (e *MistakeError) Said() registry.Said { return e.said }

func mistake(format registry.Format, args ...any) error {
	return &MistakeError{registry.Say(format, args...)}
}

func (c *Core) source(key string) (*source, error) {
	s, ok := c.sources[key]
	switch {
	case !ok && len(c.sources) == 0:
		return nil, mistake("there is no source %q: the configuration file has no sources", key)
	case !ok:
		return nil, mistake("there is no source %q; the configuration file has %s", key, strings.Join(slices.Sorted(maps.Keys(c.sources)), ", "))
	}
	return s, nil
}

// RunSource runs or previews a source now.
func (c *Core) RunSource(ctx context.Context, key string, req reconcile.Request) (run *registry.Run, err error) {
	if registry.UploadCompany(key) != "" {
		return c.approveUpload(ctx, req)
	}
	if req.Approved != nil {
		if how, _ := reconcile.PartingOf(req.Approved); how != "" {
			return c.approveForgetting(ctx, key, req)
		}
	}
	progress, end := c.sparing.watch(req.Progress)
	defer end()
	req.Progress = progress
	err = c.withSource(ctx, key, func(src *reconcile.Source) error {
		run, err = c.Engine.Run(ctx, src, req)
		return err
	})
	return run, err
}

// Single is what a look at one person of a source showed, and did.
type Single = reconcile.Single

// SyncOne looks at one person and, unless the request is a preview, does what a
// run would do about them.
func (c *Core) SyncOne(ctx context.Context, key, who string, req reconcile.Request) (single *Single, err error) {
	err = c.withSource(ctx, key, func(src *reconcile.Source) error {
		single, err = c.Engine.One(ctx, src, who, req)
		return err
	})
	return single, err
}

// Retry does again what failed or conflicted in a run.
func (c *Core) Retry(ctx context.Context, failed *registry.Run, req reconcile.Request) (run *registry.Run, err error) {
	if registry.UploadCompany(failed.SourceKey) != "" {
		return c.retryUpload(ctx, failed, req)
	}
	err = c.withSource(ctx, failed.SourceKey, func(src *reconcile.Source) error {
		run, err = c.Engine.Retry(ctx, src, failed, req)
		return err
	})
	return run, err
}

// withSource opens a source for a run, and gives one that came out of quarantine
// its own times back.
func (c *Core) withSource(ctx context.Context, key string, fn func(*reconcile.Source) error) error {
	src, err := c.openSource(ctx, key)
	if err != nil {
		return err
	}
	state := src.State
	if err := fn(src); err != nil || state.Health.QuarantinedAt.IsZero() || !src.State.Health.QuarantinedAt.IsZero() {
		return err
	}
	return c.reschedule(context.WithoutCancel(ctx), key)
}

// openSource opens a source of the configuration file.
func (c *Core) openSource(ctx context.Context, key string) (*reconcile.Source, error) {
	s, err := c.source(key)
	if err != nil {
		return nil, err
	}
	state, err := c.Store.SourceByKey(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("find source %s: %w", key, err)
	}
	return &reconcile.Source{
		State: state, Reader: s.reader, Mapper: s.mapper, Join: joinRules(s.cfg.Join), TeamsTenant: s.teamsTenant(), Write: writeModes(s.mapped().Attributes),
		Policy: plan.Mode(s.cfg.Policy), Recreate: plan.Recreate(s.cfg.OnRecreate), Managers: s.managers(), Scope: s.scope(),
		Nested: plan.Nested(s.nested()), OnMissing: s.cfg.OnMissing == config.MissingDeactivate,
		DeleteAfter: time.Duration(s.cfg.DeleteAfter), Setup: reconcile.SetupMode(s.cfg.SetupMail),
		Limits: limits(s.cfg.Guard), SettingsHash: s.hash, SettingsFree: s.cfg.Guard.SettingsChange == config.SettingsAllow,
		FullEvery: time.Duration(s.cfg.FullReadEvery),
	}, nil
}

// reschedule gives a source that is out of quarantine its own times back, by the
// schedule that holds now: somebody may have set another while it ran.
func (c *Core) reschedule(ctx context.Context, key string) error {
	src, err := c.Store.SourceByKey(ctx, key)
	if err != nil {
		return fmt.Errorf("find source %s: %w", key, err)
	}
	next, err := jobs.Next(src.Schedule, c.Now())
	if err != nil {
		return fmt.Errorf("source %s: %w", key, err)
	}
	return c.Store.For(src.Company).Reschedule(ctx, src.ID, next)
}

// scope is the condition of who is taken, as it was written.
func (s *source) scope() string { return s.mapped().Scope }

// mapped are the expressions over a person's entry, of either kind of source.
func (s *source) mapped() config.Mapped {
	if s.cfg.Entra != nil {
		return config.Mapped{Scope: s.cfg.Entra.Users.Scope, Attributes: entraMapping(s.cfg.Entra)}
	}
	return s.cfg.LDAP.Users.Mapped
}

// managerFrom is what the source reads managers from.
func (s *source) managerFrom() string {
	if s.cfg.LDAP != nil {
		return s.cfg.LDAP.Users.Manager
	}
	return "manager" // Entra's relation
}

// managers reports whether the source tells people's managers.
func (s *source) managers() bool { return s.cfg.Entra != nil || s.cfg.LDAP.Users.Manager != "" }

// expression is how a user attribute is made, as it was written.
func (s *source) expression(attribute string) string {
	return s.mapped().Attributes[attribute].Value
}

func (s *source) nested() config.Nested {
	nested := config.NestedFlatten
	switch {
	case s.cfg.Entra != nil:
		nested = s.cfg.Entra.Groups.Nested
	case s.cfg.LDAP != nil:
		nested = s.cfg.LDAP.Groups.Nested
	}
	return cmp.Or(nested, config.NestedFlatten)
}

func threshold(l config.Limit) plan.Threshold {
	return plan.Threshold{Count: int64(l.Count), Percent: float64(l.Percent), Floor: int64(l.Floor)}
}

// SampleRow is one person of a source as the mapping would have them.
type SampleRow struct {
	Name   string // at the directory
	Anchor string
	Person mapping.Person
	// Problem is set when the entry itself could not be used.
	Problem registry.Said
}

// TestSource connects to a source and maps a few of its people. The facts come
// back even when the sample does not.
func (c *Core) TestSource(ctx context.Context, key string, n int) (port.Info, []SampleRow, error) {
	s, err := c.source(key)
	if err != nil {
		return port.Info{}, nil, err
	}
	info, err := s.reader.Probe(ctx)
	if err != nil {
		return info, nil, err
	}
	entries, err := s.reader.Sample(ctx, n)
	if err != nil {
		return info, nil, err
	}
	rows := make([]SampleRow, len(entries))
	for i, e := range entries {
		rows[i] = SampleRow{Name: e.Name, Anchor: e.Anchor, Problem: e.Problem}
		if e.Problem == "" {
			rows[i].Person = s.mapper.Map(e.Values, e.Disabled)
		}
	}
	return info, rows, nil
}

// FindRun finds a run of a source by the number people type.
func (c *Core) FindRun(ctx context.Context, company registry.CompanyID, number int64) (*registry.Run, error) {
	run, err := c.Store.For(company).RunByNumber(ctx, number)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, fmt.Errorf("there is no run %d", number)
	}
	return run, err
}

// Decision is the word of an admin on a held run.
type Decision = registry.Decision

// Approve lets a held run through and carries it out.
func (c *Core) Approve(ctx context.Context, held *registry.Run, d Decision, progress func(reconcile.Progress)) (*registry.Run, error) {
	return c.RunSource(ctx, held.SourceKey, reconcile.Request{
		Mode: registry.ModeRun, Trigger: "approval", Actor: d.By, Note: d.Note, PlanHash: d.PlanHash, Approved: held, Progress: progress,
	})
}

// Reject discards a held run.
func (c *Core) Reject(ctx context.Context, held *registry.Run, d Decision) error {
	d.State = registry.RunRejected
	return c.Engine.Decide(ctx, held, d)
}

// SourceStanding is a source with how it fares.
type SourceStanding struct {
	registry.Source
	// Last is the last run, nil for a source that never ran.
	Last  *registry.Run
	State registry.HealthState
}

// Sources lists the sources of the configuration file with how they fare.
func (c *Core) Sources(ctx context.Context) ([]SourceStanding, error) {
	var out []SourceStanding
	for _, key := range slices.Sorted(maps.Keys(c.sources)) {
		src, err := c.Store.SourceByKey(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("find source %s: %w", key, err)
		}
		last, err := c.Store.For(src.Company).LastRun(ctx, src.ID)
		if err != nil {
			return nil, err
		}
		out = append(out, SourceStanding{Source: src, Last: last, State: src.Health.State(last)})
	}
	return out, nil
}

// PauseSource stops a source's schedule; it can still be run by hand.
func (c *Core) PauseSource(ctx context.Context, key, by, why string) error {
	return c.onSource(ctx, key, func(t *store.Tenant, id registry.SourceID) error { return t.PauseSource(ctx, id, by, why) })
}

// ResumeSource ends a pause, and lets a source remove again after a rejection.
func (c *Core) ResumeSource(ctx context.Context, key string) error {
	return c.onSource(ctx, key, func(t *store.Tenant, id registry.SourceID) error { return t.ResumeSource(ctx, id) })
}

func (c *Core) onSource(ctx context.Context, key string, fn func(*store.Tenant, registry.SourceID) error) error {
	if _, err := c.source(key); err != nil {
		return err
	}
	src, err := c.Store.SourceByKey(ctx, key)
	if err != nil {
		return fmt.Errorf("find source %s: %w", key, err)
	}
	return fn(c.Store.For(src.Company), src.ID)
}
