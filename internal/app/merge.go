package app

import (
	"context"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// undoFor is for how long a merge can be undone.
const undoFor = 30 * 24 * time.Hour

// MergePreview is what merging two people would do.
type MergePreview struct {
	Survivor, Loser *registry.User
	// Refused is why they cannot be merged, nil when they can.
	Refused *registry.Error
	// Owner is who owns the person afterwards, WasOwner who owns the survivor now.
	Owner, WasOwner registry.Origin
	// Values are all that the person would have.
	Values []MergedValue
	// Ties and Groups move from the loser; SignIns are the providers that the loser
	// signed in with, which end.
	Ties, SignIns []store.Tie
	Groups        []string
	// Names are the userNames that nobody else gets.
	Names []string
	// Sessions end, Mails are not sent any more; EndsPassword says that the
	// survivor's own password ends too.
	Sessions, Mails int
	EndsPassword    bool
	// UndoUntil is how long it can be undone.
	UndoUntil time.Time
}

// MergedValue is one value of somebody merged.
type MergedValue struct {
	Attribute string
	// Values are those afterwards, Was the survivor's now, Theirs the loser's.
	Values, Was, Theirs []string
}

// PreviewMerge says what merging the loser into the survivor would do.
func (c *Core) PreviewMerge(ctx context.Context, survivor, loser *registry.User) (*MergePreview, error) {
	t := c.Store.For(survivor.Company)
	door, err := t.EnsureOrigin(ctx, registry.OriginAdmin, "admin")
	if err != nil {
		return nil, err
	}
	res, err := c.Registry.Preview(ctx, registry.Batch{Company: survivor.Company, Origin: door, Ops: []registry.Op{
		registry.MergeUsers{Survivor: survivor.ID, Loser: loser.ID, UndoFor: undoFor},
	}})
	if err != nil {
		return nil, err
	}
	p := &MergePreview{Survivor: survivor, Loser: loser, Refused: res[0].Refused}
	if res[0].Merge == nil {
		return p, nil
	}
	kept := res[0].Merge.Kept
	p.Names, p.UndoUntil = kept.Names, res[0].Merge.UndoUntil
	p.EndsPassword = kept.Before.Owner != kept.After.Owner && survivor.Credential == registry.CredentialSet
	for _, def := range registry.AttributeDefs() {
		v := MergedValue{def.Name, kept.After.Attributes[def.Name], survivor.Attributes[def.Name], loser.Attributes[def.Name]}
		if len(v.Values)+len(v.Was)+len(v.Theirs) > 0 {
			p.Values = append(p.Values, v)
		}
	}
	return p, c.previewMoves(ctx, p, kept)
}

// previewMoves fills in what would move and end.
func (c *Core) previewMoves(ctx context.Context, p *MergePreview, kept *registry.MergeKept) error {
	t := c.Store.For(p.Survivor.Company)
	points, err := t.Standpoints(ctx, p.Loser)
	if err != nil {
		return err
	}
	p.Owner, p.WasOwner = points.Origins[kept.After.Owner], points.Origins[kept.Before.Owner]
	for _, tie := range points.Ties {
		if tie.Origin.Kind == registry.OriginOIDC {
			p.SignIns = append(p.SignIns, tie)
		} else {
			p.Ties = append(p.Ties, tie)
		}
	}
	profile, err := c.Store.Profile(ctx, p.Loser.Company, p.Loser.ID)
	if err != nil {
		return err
	}
	for _, g := range profile.Groups {
		p.Groups = append(p.Groups, g.Name)
	}
	ends := []*registry.User{p.Loser}
	if p.EndsPassword {
		ends = append(ends, p.Survivor)
	}
	for _, u := range ends {
		live, err := c.Store.ListSessions(ctx, u.Company, u.ID, c.Now())
		if err != nil {
			return err
		}
		p.Sessions += len(live)
		for _, state := range []string{"queued", "held"} {
			mails, err := t.MailPage(ctx, registry.MailQuery{State: state, User: u.ID, Limit: 100})
			if err != nil {
				return err
			}
			p.Mails += len(mails)
		}
	}
	return nil
}

// MergeUsers has the survivor take the loser's place. What stands against it is a
// *registry.Error.
func (c *Core) MergeUsers(ctx context.Context, actor string, survivor, loser *registry.User, evidence string) (*registry.Merge, error) {
	res, err := c.byHand(ctx, survivor.Company, actor, registry.MergeUsers{Survivor: survivor.ID, Loser: loser.ID, Evidence: evidence, UndoFor: undoFor})
	return res.Merge, err
}

// UndoMerge separates two merged people again.
func (c *Core) UndoMerge(ctx context.Context, company registry.CompanyID, actor, merge string) (*registry.Merge, error) {
	res, err := c.byHand(ctx, company, actor, registry.UndoMerge{Merge: merge})
	return res.Merge, err
}

// EraseUser empties whatever is personal of somebody. Uploaded files that name them
// go first: if anything fails then, it is whole to be done again.
func (c *Core) EraseUser(ctx context.Context, actor string, u *registry.User) error {
	door, err := c.Store.For(u.Company).EnsureOrigin(ctx, registry.OriginAdmin, "admin")
	if err != nil {
		return err
	}
	would, err := c.Registry.Preview(ctx, registry.Batch{Company: u.Company, Origin: door, Actor: actor, Ops: []registry.Op{registry.EraseUser{User: u.ID}}})
	if err != nil {
		return err
	}
	if would[0].Refused != nil {
		return would[0].Refused
	}
	if err := c.forgetUploads(ctx, u.Company, actor, would[0].Words); err != nil {
		return err
	}
	_, err = c.byHand(ctx, u.Company, actor, registry.EraseUser{User: u.ID})
	return err
}

// LiftErasure lets somebody who was erased be created anew.
func (c *Core) LiftErasure(ctx context.Context, actor string, u *registry.User) error {
	_, err := c.byHand(ctx, u.Company, actor, registry.LiftErasure{User: u.ID})
	return err
}
