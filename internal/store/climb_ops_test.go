package store_test

import (
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// opsClimbed are the methods that TestAuditFence tries.
var opsClimbed = []string{"Audit", "Deeds"}

// TestAuditFence: what company A's people did is nothing to B.
func TestAuditFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := store.OnlyCompany(t.Context(), int64(c.src.Company))
		if err := c.a.Audit(ctx, registry.Deed{Actor: "ann", Action: "token.create"}); err != nil {
			t.Fatal(err)
		}
		ctx = store.OnlyCompany(t.Context(), int64(c.beta.Company))
		if deeds, err := c.b.Deeds(ctx, registry.DeedQuery{Limit: 10}); err != nil || len(deeds) != 0 {
			t.Errorf("B sees %+v, %v", deeds, err)
		}
		if err := c.b.Audit(ctx, registry.Deed{Actor: "bea", Action: "token.create"}); err != nil {
			t.Fatal(err)
		}
		deeds, err := c.a.Deeds(t.Context(), registry.DeedQuery{Limit: 10})
		if err != nil || len(deeds) != 1 || deeds[0].Actor != "ann" {
			t.Errorf("A sees %+v, %v", deeds, err)
		}
	})
}
