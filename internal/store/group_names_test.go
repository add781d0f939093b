package store_test

import (
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestGroupsByName: the names of an origin's own living groups are found, and those
// of nobody else; the registry refuses a twin by them, and lets directories be.
func TestGroupsByName(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		okta, other := w.door(registry.OriginSCIM, "okta"), w.door(registry.OriginSCIM, "other")
		group := func(anchor, name string) registry.PutGroup {
			return registry.PutGroup{Anchor: anchor, Name: name, DisplayName: name}
		}
		made := w.putAs(okta, group("~1", "Sales"), group("x", "Devs"), group("y", "DEVS"), group("z", "Gone"), group("~2", "sales"))
		want(t, "in one batch", codes(made), []registry.Code{"", "", "", "", registry.CodeGroupNameTaken})
		want(t, "delete", codes(w.putAs(okta, registry.MissGroup{Anchor: "z"})), []registry.Code{""})
		want(t, "of others", codes(w.putAs(other, group("~1", "Sales"))), []registry.Code{""})
		want(t, "of a directory", codes(w.put(group("1", "Sales"), group("~2", "Sales"))), []registry.Code{"", ""})
		want(t, "later", codes(w.putAs(okta, group("~3", "Sales"))), []registry.Code{registry.CodeGroupNameTaken})

		find := func(names ...string) []registry.GroupNameHolder {
			var out []registry.GroupNameHolder
			err := s.Read(t.Context(), w.src.Company, func(tx registry.Tx) (err error) {
				out, err = tx.GroupsByName(t.Context(), okta.ID, names)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		sales := registry.GroupNameHolder{Key: "sales", Group: made[0].Group, PublicID: made[0].PublicID, Anchor: "~1"}
		want(t, "one name", find("sales"), []registry.GroupNameHolder{sales})
		want(t, "several names", len(find("devs", "gone", "nobody", "sales")), 3)
		want(t, "no name that is text", len(find("a\x00", "\xff")), 0)
	})
}
