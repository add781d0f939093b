package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

// Parting is what becomes of the people of a source that is given up.
type Parting = reconcile.Parting

// The partings.
const (
	PartDeactivate = reconcile.PartDeactivate
	PartRelease    = reconcile.PartRelease
	PartTo         = reconcile.PartTo
)

// ForgetSource parts from a source that is in the configuration no more: its people
// and groups are deactivated, become the company's own, or those of another source
// (heir). It previews, or makes a run that is held until somebody approves it.
func (c *Core) ForgetSource(ctx context.Context, key string, how Parting, heir string, req reconcile.Request) (*registry.Run, error) {
	if _, ok := c.sources[key]; ok {
		return nil, mistake("source %q is in the configuration file; take it out there first (and restart `usher serve`)", key)
	}
	src, err := c.retired(ctx, key)
	if err != nil {
		return nil, err
	}
	f := reconcile.Forgetting{How: how}
	switch how {
	case PartRelease:
		f.To, err = c.Store.For(src.Company).EnsureOrigin(ctx, registry.OriginAdmin, "admin")
	case PartTo:
		if f.Heir, err = c.openSource(ctx, heir); err == nil {
			f.To = f.Heir.State.Origin
			if f.Heir.State.Company != src.Company {
				err = mistake("source %q belongs to another company", heir)
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return c.Engine.Forget(ctx, &reconcile.Source{State: src}, f, req)
}

// retired finds a source that is in the configuration no more.
func (c *Core) retired(ctx context.Context, key string) (registry.Source, error) {
	src, err := c.Store.SourceByKey(ctx, key)
	if err == nil && !src.RetiredAt.IsZero() {
		return src, nil
	}
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return src, fmt.Errorf("find source %s: %w", key, err)
	}
	if err == nil { // not in the file, and no server has read the file since
		return src, mistake("source %q is still in the configuration of the running server; restart `usher serve` with the new file first", key)
	}
	list, err := c.Store.RetiredSources(ctx)
	if err != nil {
		return src, err
	}
	if len(list) == 0 {
		return src, mistake("there is no source %q, and none that was taken out of the configuration file has people", key)
	}
	names := make([]string, len(list))
	for i, s := range list {
		names[i] = s.Key
	}
	slices.Sort(names)
	return src, mistake("there is no source %q; taken out of the configuration file were %s", key, strings.Join(names, ", "))
}

// approveForgetting carries a held parting out.
func (c *Core) approveForgetting(ctx context.Context, key string, req reconcile.Request) (*registry.Run, error) {
	how, heir := reconcile.PartingOf(req.Approved)
	return c.ForgetSource(ctx, key, how, heir, req)
}

// endGraces deletes whom sources that were given up left deactivated, when their
// grace is over. Nothing else runs such a source.
func (s *Server) endGraces(ctx context.Context) error {
	over, err := s.Store.GraceOver(ctx, reconcile.EndedByParting, s.Now().Add(-reconcile.PartingGrace))
	if err != nil {
		return fmt.Errorf("find sources given up: %w", err)
	}
	var errs []error
	for _, src := range over {
		_, err := s.Engine.EndGrace(ctx, &reconcile.Source{State: src}, reconcile.PartingGrace)
		if err != nil && !errors.Is(err, registry.ErrLeased) { // another process is at it
			errs = append(errs, fmt.Errorf("delete people of source %s: %w", src.Key, err))
		}
	}
	return errors.Join(errs...)
}
