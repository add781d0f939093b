package app

import (
	"context"
	"io"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
)

// lastMerges is how many merges of a person are shown.
const lastMerges = 20

// PreviewMerge implements admin.Desk.
func (c *console) PreviewMerge(ctx context.Context, survivor, loser *registry.User) (*admin.MergePreview, error) {
	p, err := c.server.Core.PreviewMerge(ctx, survivor, loser)
	if err != nil {
		return nil, err
	}
	out := &admin.MergePreview{
		Survivor: survivor, Loser: loser, Owner: p.Owner, WasOwner: p.WasOwner, Groups: p.Groups, Names: p.Names,
		Sessions: p.Sessions, Mails: p.Mails, EndsPassword: p.EndsPassword, UndoUntil: p.UndoUntil,
	}
	if p.Refused != nil {
		out.Refused = &admin.Refusal{Code: p.Refused.Code, Reason: p.Refused.Message}
	}
	for _, v := range p.Values {
		out.Values = append(out.Values, admin.MergedValue(v))
	}
	for _, t := range p.Ties {
		out.Ties = append(out.Ties, admin.Tie(t))
	}
	for _, t := range p.SignIns {
		out.SignIns = append(out.SignIns, admin.Tie(t))
	}
	return out, nil
}

// Merge implements admin.Desk.
func (c *console) Merge(ctx context.Context, actor string, survivor, loser *registry.User, evidence string) error {
	_, err := c.server.MergeUsers(ctx, actor, survivor, loser, evidence)
	return refused(err)
}

// Merges implements admin.Desk.
func (c *console) Merges(ctx context.Context, user registry.UserID) ([]admin.Merge, error) {
	rows, err := c.tenant.Merges(ctx, user, 0, lastMerges)
	out := make([]admin.Merge, len(rows))
	for i, r := range rows {
		out[i] = admin.Merge{
			ID: r.PublicID, Actor: r.Actor, Evidence: r.Evidence, SurvivorName: r.SurvivorName, SurvivorID: r.SurvivorID,
			LoserName: r.LoserName, LoserID: r.LoserID, At: r.At, UndoUntil: r.UndoUntil, UndoneAt: r.UndoneAt, UndoneBy: r.UndoneBy,
			Undoable: r.Undoable(c.server.Now()), Stayed: r.Stayed(),
		}
	}
	return out, err
}

// UndoMerge implements admin.Desk.
func (c *console) UndoMerge(ctx context.Context, actor, merge string) error {
	_, err := c.server.Core.UndoMerge(ctx, c.company.ID, actor, merge)
	return refused(err)
}

// ExportPerson implements admin.Desk.
func (c *console) ExportPerson(ctx context.Context, u *registry.User, to io.Writer) error {
	return c.server.Core.ExportPerson(ctx, u, to)
}

// Erase implements admin.Desk.
func (c *console) Erase(ctx context.Context, actor string, u *registry.User) error {
	return refused(c.server.EraseUser(ctx, actor, u))
}

// LiftErasure implements admin.Desk.
func (c *console) LiftErasure(ctx context.Context, actor string, u *registry.User) error {
	return refused(c.server.Core.LiftErasure(ctx, actor, u))
}

// Kept implements admin.Desk.
func (c *console) Kept(ctx context.Context, user registry.UserID) (int64, error) {
	e, err := c.tenant.Erasure(ctx, user)
	return e.Kept, err
}
