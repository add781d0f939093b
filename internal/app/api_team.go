package app

import (
	"context"
	"strconv"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/registry"
)

// ListTeam implements api.Teams.
func (d *apiDesk) ListTeam(ctx context.Context, who *api.Who, in api.Paging) (p api.Page[api.Colleague], err error) {
	all, err := d.Store.For(who.Company).Team(ctx)
	if err != nil {
		return p, err
	}
	return fewPage(all, in, func(u *registry.User) api.Colleague {
		return api.Colleague{
			ID: u.PublicID, UserName: u.UserName(), DisplayName: u.Attributes.First(registry.AttrDisplayName), Email: u.Email(), State: string(u.State()),
			Admin: u.CompanyAdmin, Auditor: u.Rights&registry.RightsAuditor != 0, Approver: u.Rights&registry.RightsApprover != 0,
		}
	})
}

// ListDomains implements api.Teams.
func (d *apiDesk) ListDomains(ctx context.Context, who *api.Who, in api.Paging) (p api.Page[api.Domain], err error) {
	all, err := d.Store.For(who.Company).Domains(ctx)
	if err != nil {
		return p, err
	}
	return fewPage(all, in, func(x registry.Domain) api.Domain {
		out := api.Domain{Domain: x.Name, Proven: !x.VerifiedAt.IsZero(), CreatedAt: x.CreatedAt, CheckedAt: set(x.CheckedAt), VerifiedAt: set(x.VerifiedAt)}
		out.Record, out.Value = DomainRecord(x)
		return out
	})
}

// fewPage is a page of a list that is always read whole, because it is short: its
// place is how many came before.
func fewPage[S, T any](all []S, in api.Paging, convert func(S) T) (p api.Page[T], err error) {
	from, err := api.Key(in.After)
	if err != nil || from < 0 || from > int64(len(all)) {
		return p, err
	}
	rest := all[from:]
	return api.CutPage(rest[:min(len(rest), in.Limit+1)], in.Limit, func(S) string { return strconv.FormatInt(from+int64(in.Limit), 10) }, convert), nil
}
