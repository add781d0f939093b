package app

import (
	"context"
	"slices"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
)

// RetiredSources implements admin.Desk.
func (c *console) RetiredSources(ctx context.Context) ([]admin.Retired, error) {
	all, err := c.server.Store.RetiredSources(ctx)
	all = slices.DeleteFunc(all, func(s registry.Source) bool { return s.Company != c.company.ID })
	if err != nil || len(all) == 0 {
		return nil, err
	}
	owned, err := c.Owned(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]admin.Retired, len(all))
	for i, src := range all {
		last, err := c.tenant.LastRun(ctx, src.ID)
		if err != nil {
			return nil, err
		}
		out[i] = admin.Retired{Source: src, People: owned[src.Origin.ID], Last: last}
	}
	return out, nil
}

// ForgetSource implements admin.Desk.
func (c *console) ForgetSource(ctx context.Context, key, how, heir, mode, actor string) (int64, error) {
	run, err := c.server.part(ctx, c.company.ID, key, Parting(how), heir, reconcile.Request{Mode: mode, Actor: actor})
	return run.Run, refused(err)
}

// part begins a parting that somebody of a company asks for. What is another
// company's is not there, and is not named.
func (d *apiDesk) part(ctx context.Context, company registry.CompanyID, key string, how Parting, heir string, req reconcile.Request) (api.Run, error) {
	src, err := d.Store.SourceByKey(ctx, key)
	if err == nil && (src.Company != company || src.Origin.Kind == registry.OriginUpload) {
		err = registry.ErrNotFound
	}
	if err == nil && src.RetiredAt.IsZero() {
		err = registry.Refuse(registry.CodeInvalidValue, "source %q is in the configuration file; take it out there first, and restart", key)
	}
	if err != nil {
		return api.Run{}, err
	}
	switch how {
	case PartRelease, PartDeactivate:
		heir = ""
	case PartTo:
		if to, err := d.Store.SourceByKey(ctx, heir); err != nil || to.Company != company || d.sources[heir] == nil {
			return api.Run{}, registry.Refuse(registry.CodeInvalidValue, "there is no source %q in the configuration file that could take over", heir)
		}
	default:
		return api.Run{}, registry.Refuse(registry.CodeInvalidValue, "say what becomes of the people: release, deactivate or to")
	}
	return d.begun(req, func(ctx context.Context, req reconcile.Request) (*registry.Run, error) {
		return d.Core.ForgetSource(ctx, src.Key, how, heir, req)
	})
}

// inFile refuses what needs a source that was taken out of the configuration file.
func (d *apiDesk) inFile(key string) error {
	if registry.UploadCompany(key) != "" || d.sources[key] != nil {
		return nil
	}
	return registry.Refuse(registry.CodeInvalidValue, "source %q is in the configuration file no more; nothing runs it", key)
}

// approvable refuses a held run that nothing can carry out: a source that was taken
// out of the file is only parted from.
func (d *apiDesk) approvable(held *registry.Run) error {
	if how, _ := reconcile.PartingOf(held); how != "" {
		return nil
	}
	return d.inFile(held.SourceKey)
}
