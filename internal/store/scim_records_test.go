package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

func TestScimRecords(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.settle()
		ctx, all, own := t.Context(), w.view(registry.VisibleCompany), w.view(registry.VisibleOwn)
		order := []registry.UserID{w.ids["hans"], w.ids["Alice"], 999999, w.ids["carol_100%"]}
		users, err := w.tenant().ScimUserRecords(ctx, all, order, true)
		if err != nil || len(users) != 3 {
			t.Fatalf("%d users, %v", len(users), err)
		}
		hans, alice, carol := users[0], users[1], users[2]
		want(t, "hans", []string{hans.UserName(), hans.Anchor, string(hans.Document), strings.Join(hans.Attributes[registry.AttrEmails], " "), groupsOf(hans)},
			[]string{"hans", "", "", "hans@example.com second@example.com", "Directory Sales"})
		want(t, "Alice", []string{alice.UserName(), alice.Anchor, groupsOf(alice)}, []string{"Alice", "ext-A", "Directory Sales Ärzte"})
		want(t, "carol", []string{carol.Anchor, groupsOf(carol)}, []string{"~carol", ""})
		if !strings.Contains(string(alice.Document), "Ångström") || alice.Version == 0 || alice.CreatedAt.IsZero() || alice.Owner != w.okta.ID {
			t.Errorf("Alice: %+v", alice.User)
		}
		one, err := w.tenant().ScimUserByID(ctx, own, alice.PublicID, true)
		if err != nil || one.ID != alice.ID || groupsOf(one) != "Sales Ärzte" {
			t.Errorf("Alice by id: %+v, %v", one, err)
		}
		if one, err = w.tenant().ScimUserByID(ctx, own, alice.PublicID, false); err != nil || one.Groups != nil {
			t.Errorf("Alice without groups: %+v, %v", one, err)
		}
		leo := w.texts(`SELECT public_id FROM users WHERE user_name = 'leo'`)[0]
		for _, id := range []string{hans.PublicID, "", "nobody", leo, "a\x00b", "\xff", alice.PublicID + " "} {
			if _, err := w.tenant().ScimUserByID(ctx, own, id, true); !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("%q: %v", id, err)
			}
		}
		if _, err := s.For(w.src.Company+1).ScimUserByID(ctx, all, alice.PublicID, true); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("another company: %v", err)
		}
		groups, err := w.tenant().ScimGroupRecords(ctx, own, []registry.GroupID{w.groupIDs["Ärzte"], w.groupIDs["Sales"]})
		if err != nil || len(groups) != 2 || groups[0].Anchor != "~none" || groups[1].Anchor != "g-1" || groups[1].DisplayName != "Sales" {
			t.Errorf("groups: %+v, %v", groups, err)
		}
		directory := w.texts(`SELECT public_id FROM "groups" WHERE id = %d`, w.groupIDs["Directory"])[0]
		if g, err := w.tenant().ScimGroupByID(ctx, all, directory); err != nil || g.Anchor != "" {
			t.Errorf("directory's group: %+v, %v", g, err)
		}
		if _, err := w.tenant().ScimGroupByID(ctx, own, directory); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("hidden group: %v", err)
		}
		keys, err := w.tenant().ScimKeys(ctx, own, []string{alice.PublicID, hans.PublicID, leo, groups[0].PublicID, directory, "a\x00"}, false)
		if err != nil || len(keys.Users) != 1 || keys.Users[alice.PublicID] != alice.ID || len(keys.Groups) != 1 {
			t.Errorf("keys: %+v, %v", keys, err)
		}
	})
}

func groupsOf(u registry.ScimUser) string {
	out := make([]string, len(u.Groups))
	for i, g := range u.Groups {
		out[i] = g.Display
		if g.ID == "" {
			out[i] = "without id"
		}
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func TestScimMembers(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.settle()
		members := func(v registry.Visibility, group registry.GroupID) []string {
			t.Helper()
			var out []string
			err := w.tenant().ScimMembers(t.Context(), w.view(v), group, func(m registry.ScimMember) error {
				out = append(out, fmt.Sprint(m.Display, " ", m.IsGroup, " ", m.ID != ""))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		want(t, "Sales", members(registry.VisibleCompany, w.groupIDs["Sales"]),
			[]string{"Alice false true", "bob false true", "Hans Meier false true", "Ärzte true true"})
		want(t, "Sales, own", members(registry.VisibleOwn, w.groupIDs["Sales"]),
			[]string{"Alice false true", "bob false true", "Ärzte true true"})
		want(t, "empty", members(registry.VisibleCompany, w.groupIDs["empty"]), nil)

		enough := errors.New("enough")
		n := 0
		err := w.tenant().ScimMembers(t.Context(), w.view(registry.VisibleCompany), w.groupIDs["Sales"], func(registry.ScimMember) error { n++; return enough })
		if !errors.Is(err, enough) || n != 1 {
			t.Errorf("ended after %d, %v", n, err)
		}
	})
}

// Members come whole over the ends of pages, those of two origins once.
func TestScimMembersOfALargeGroup(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newScimWorld(t, s)
		w.crowd(2500)
		w.sql(`DELETE FROM memberships`)
		for _, o := range []registry.OriginID{w.okta.ID, w.src.Origin.ID} {
			w.sql(`INSERT INTO memberships (company_id, group_id, user_id, origin_id, created_at) SELECT company_id, 1, id, %d, 0 FROM users WHERE id <= 2000`, o)
		}
		w.sql(`UPDATE users SET deleted_at = 1 WHERE id = 1500`)
		seen := map[string]bool{}
		err := w.tenant().ScimMembers(t.Context(), w.view(registry.VisibleOwn), 1, func(m registry.ScimMember) error {
			if seen[m.ID] {
				t.Errorf("%s comes twice", m.ID)
			}
			seen[m.ID] = true
			return nil
		})
		if err != nil || len(seen) != 1999 {
			t.Errorf("%d members, %v", len(seen), err)
		}
	})
}
