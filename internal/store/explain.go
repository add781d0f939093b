package store

import (
	"context"
	"fmt"
	"slices"

	"github.com/usherd/usher/internal/registry"
)

// Tie is a person's link to an origin with the origin itself.
type Tie struct {
	Link   *registry.Link
	Origin registry.Origin
}

// Standpoints are what is known of one person, and from whom.
type Standpoints struct {
	// Ties are the person's links, the owner's first, then the oldest first.
	Ties []Tie
	// Last is, for each of the person's attributes, the last change that touched
	// it; for what never changed there is none.
	Last map[string]registry.Change
	// Origins are the doors of the company, for the changes' origins.
	Origins map[registry.OriginID]registry.Origin
}

// Standpoints reads what is known of one person, and from whom.
func (t *Tenant) Standpoints(ctx context.Context, u *registry.User) (out Standpoints, err error) {
	err = t.s.view(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		if out.Origins, err = tx.origins(ctx); err != nil {
			return err
		}
		if out.Last, err = tx.lastChanges(ctx, u); err != nil {
			return err
		}
		rows, err := tx.query(ctx, `SELECT id, `+columns(linkCols)+` FROM links WHERE company_id = ? AND user_id = ? ORDER BY id`, t.id, u.ID)
		links, err := collect(rows, err, scanLink(t.id))
		if err != nil {
			return fmt.Errorf("read links: %w", err)
		}
		slices.SortStableFunc(links, func(a, b *registry.Link) int { return ownersFirst(a, u) - ownersFirst(b, u) })
		for _, l := range links {
			out.Ties = append(out.Ties, Tie{Link: l, Origin: out.Origins[l.Origin]})
		}
		return nil
	})
	return out, err
}
