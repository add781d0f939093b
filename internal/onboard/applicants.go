package onboard

import (
	"context"
	"fmt"

	"github.com/usherd/usher/internal/registry"
)

// Decider is who decides about an applicant.
type Decider struct {
	// Actor is in the words of a change: "admin claire".
	Actor   string
	User    registry.UserID // 0 for a command
	Address string
	Request string
}

// Activate lets an applicant of the company in, whose link is mailed now. An
// operator lets the founder of a company (company 0) go on. registry.ErrNotFound
// where nobody of that id waits in the company.
func (g *Registrar) Activate(ctx context.Context, company registry.CompanyID, publicID string, by Decider) error {
	return g.judge(ctx, company, publicID, by, "applicant.activate", func(d Desk, a *registry.Application) error {
		switch {
		case a.Company == 0:
			// Received again, and now somebody has looked at it.
			a.State, a.DecidedBy = registry.ApplicationReceived, by.Actor
			a.Resolve(registry.FactProven, "yes")
			return nil
		case a.Resolved[registry.FactContact] != "":
			a.DecidedAt, a.DecidedBy = g.Now(), by.Actor
			return g.inviteContact(ctx, d, a)
		}
		door, err := d.Door(ctx, a.Company)
		if err != nil {
			return err
		}
		// Two batches: a link is for who is not blocked.
		for _, op := range []registry.Op{
			registry.SetBlocks{User: a.User, Clear: registry.BlockActivation}, registry.MailSetup{User: a.User},
		} {
			if _, err := d.Apply(ctx, registry.Batch{Company: a.Company, Origin: door, Actor: by.Actor, Ops: []registry.Op{op}}); err != nil {
				return err
			}
		}
		g.over(a, registry.ApplicationDone, by.Actor)
		return nil
	})
}

// Refuse keeps an applicant out: the account, if there is one, is blocked by an
// admin from now on. The applicant is told, without a reason; note is for those
// who look it up.
func (g *Registrar) Refuse(ctx context.Context, company registry.CompanyID, publicID, note string, by Decider) error {
	return g.judge(ctx, company, publicID, by, "applicant.refuse", func(d Desk, a *registry.Application) error {
		a.Note = note
		if a.User != 0 {
			if err := d.TellPerson(ctx, a.Company, a.User, g.notice(NoticeRefused, a)); err != nil {
				return err
			}
		}
		if a.User != 0 && a.Resolved[registry.FactContact] == "" {
			door, err := d.Door(ctx, a.Company)
			if err != nil {
				return err
			}
			op := registry.SetBlocks{User: a.User, Set: registry.BlockAdmin, Clear: registry.BlockActivation}
			if _, err := d.Apply(ctx, registry.Batch{Company: a.Company, Origin: door, Actor: by.Actor, Ops: []registry.Op{op}}); err != nil {
				return err
			}
		}
		g.over(a, registry.ApplicationRefused, by.Actor)
		return nil
	})
}

// judge carries out a decision about somebody who waits, and writes it down.
func (g *Registrar) judge(ctx context.Context, company registry.CompanyID, publicID string, by Decider, action string,
	fn func(Desk, *registry.Application) error,
) error {
	return g.Store.Decide(ctx, publicID, func(d Desk, a *registry.Application) error {
		if a.State != registry.ApplicationAwaiting || a.Company != company {
			return registry.ErrNotFound
		}
		if err := fn(d, a); err != nil {
			return fmt.Errorf("decide about applicant: %w", err)
		}
		return d.Audit(ctx, company, registry.Deed{
			At: g.Now(), Actor: by.Actor, User: by.User, Action: action, Subject: "applicant " + a.PublicID, Address: by.Address, RequestID: by.Request,
		})
	})
}
