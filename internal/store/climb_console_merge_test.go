package store_test

import (
	"errors"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// mergeClimbed are the methods of Tenant that TestMergeFence tries.
var mergeClimbed = []string{"Erasure", "Held", "Merges"}

// TestMergeFence: company B, with A's keys, merges, separates, erases and reads
// nobody of A.
func TestMergeFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		c.r.Blind = blind
		second := c.byHand("second")
		third := c.byHand("third")
		made := c.merge(c.user, second)
		if made.Refused != nil {
			t.Fatal(made.Refused)
		}
		was := c.state()
		ctx := store.OnlyCompany(t.Context(), int64(c.beta.Company))
		own, err := s.For(c.beta.Company).EnsureOrigin(ctx, registry.OriginAdmin, "admin")
		must(t, err)
		for _, op := range []registry.Op{
			registry.MergeUsers{Survivor: c.user, Loser: third}, registry.UndoMerge{Merge: made.Merge.PublicID}, registry.EraseUser{User: c.user},
			registry.LiftErasure{User: c.user},
		} {
			res, err := c.r.Apply(ctx, registry.Batch{Company: c.beta.Company, Origin: own, Ops: []registry.Op{op}})
			must(t, err)
			want(t, "code", codes(res), []registry.Code{registry.CodeNotFound})
		}
		if list, err := c.b.Merges(ctx, c.user, 0, 10); len(list) != 0 || err != nil {
			t.Errorf("Merges: %v, %v", list, err)
		}
		if e, err := c.b.Erasure(ctx, c.user); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("Erasure: %+v, %v", e, err)
		}
		must(t, c.b.Held(ctx, c.person(c.user), func(table string, _ map[string]any) error {
			t.Errorf("Held: a row of %s", table)
			return nil
		}))
		want(t, "company A", c.state(), was)
	})
}
