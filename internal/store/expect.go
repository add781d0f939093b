package store

import (
	"context"
	"fmt"

	"github.com/usherd/usher/internal/registry"
)

// Expect implements registry.Tx: on PostgreSQL, what a decision needs is asked for at
// once, in the order in which it is asked for afterwards.
func (t *tenantTx) Expect(ctx context.Context, e registry.Expected) error {
	if !t.s.Postgres() {
		return nil
	}
	var lookups []lookup
	if len(e.Names) > 0 {
		lookups = append(lookups, t.nameLookup(e.Names))
	}
	if len(e.Anchors) > 0 {
		lookups = append(lookups, t.linkLookup("user_id", e.Origin, e.Anchors))
	}
	if len(e.GroupAnchors) > 0 {
		lookups = append(lookups, t.linkLookup("group_id", e.Origin, e.GroupAnchors))
	}
	for _, l := range lookups {
		q, args := t.s.lookUp(l)
		if err := t.ahead(ctx, q, args...); err != nil {
			return fmt.Errorf("read ahead: %w", err)
		}
	}
	if !e.Kept {
		return nil
	}
	return t.ahead(ctx, hasKeptKeys, t.company)
}
