package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// says makes an entry of the directory have one more value.
func says(op registry.PutUser, name string, values ...string) registry.PutUser {
	op.Attributes = op.Attributes.Clone()
	op.Attributes.Set(name, values...)
	return op
}

// TestUndoAfterChanges: what changed since a merge is with whoever said it, nothing
// is lost, and the directory has nothing to add afterwards.
func TestUndoAfterChanges(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		type two struct{ survivor, loser map[string]string }
		for name, c := range map[string]struct {
			// own says that the survivor is the directory's, and not the loser.
			own       bool
			meanwhile func(w *world, a, b registry.UserID)
			says      registry.PutUser // what the directory said last
			want      two
			stayed    []string
		}{
			"an address by the directory": {
				says: address(person("1", "bob"), "new@example.com"),
				want: two{map[string]string{registry.AttrEmails: "[ann@home.example]"}, map[string]string{registry.AttrEmails: "[new@example.com]"}},
			},
			"a name by the directory": {
				says: person("1", "robert"),
				want: two{map[string]string{registry.AttrUserName: "[ann]"}, map[string]string{registry.AttrUserName: "[robert]"}},
			},
			"the survivor's old name by the directory": {
				says:   person("1", "ann"),
				want:   two{map[string]string{registry.AttrUserName: "[ann]"}, map[string]string{registry.AttrUserName: "[bob]"}},
				stayed: []string{registry.AttrUserName},
			},
			"a value that came since": {
				says: says(person("1", "bob"), "title", "Chief"),
				want: two{map[string]string{"title": "[]"}, map[string]string{"title": "[Chief]"}},
			},
			"disabled by the directory": {
				says: disabled(person("1", "bob")),
				want: two{map[string]string{"enabled": "[true]", "deactivated": "[false]"}, map[string]string{"enabled": "[false]", "deactivated": "[true]"}},
			},
			"blocked by hand": {
				says:      person("1", "bob"),
				meanwhile: func(w *world, a, _ registry.UserID) { w.admin(registry.SetBlocks{User: a, Set: registry.BlockAdmin}) },
				want:      two{map[string]string{"blocks": "[blocked by an admin]"}, map[string]string{"blocks": "[blocked by an admin]"}},
			},
			"the survivor's address by their own directory": {
				own: true, says: address(person("1", "bob"), "new@example.com"),
				want:   two{map[string]string{registry.AttrEmails: "[new@example.com]"}, map[string]string{registry.AttrEmails: "[ann@home.example]"}},
				stayed: []string{registry.AttrEmails},
			},
			"a value that was filled in, by their own directory": {
				own: true, says: says(person("1", "bob"), registry.AttrPhone, "+39 1"),
				want:   two{map[string]string{registry.AttrPhone: "[+39 1]"}, map[string]string{registry.AttrPhone: "[+39 ann]"}},
				stayed: []string{registry.AttrEmails, registry.AttrPhone},
			},
		} {
			rule(t, s, name, func(t *testing.T, w *world) {
				w.r.Blind = blind
				a, b := w.byHand("ann"), w.create1(person("1", "bob"))
				w.sql(`UPDATE emails SET verified_at = 1 WHERE user_id = %d`, a)
				if c.own {
					a, b = b, a
				}
				merged := w.merge(a, b)
				if merged.Refused != nil {
					t.Fatal(merged.Refused)
				}
				w.sql(`UPDATE users SET credential = 'set', password_hash = 'since' WHERE id = %d`, a)
				if c.meanwhile != nil {
					c.meanwhile(w, a, b)
				}
				if res := w.put(c.says)[0]; res.Refused != nil || res.User != a {
					t.Fatalf("the directory, to the merged person: %+v", res)
				}
				w.now = w.now.Add(time.Hour)
				undone := w.admin(registry.UndoMerge{Merge: merged.Merge.PublicID})
				if undone.Refused != nil {
					t.Fatal(undone.Refused)
				}
				for id, values := range map[registry.UserID]map[string]string{a: c.want.survivor, b: c.want.loser} {
					u := w.person(id)
					have := u.Attributes.Clone()
					have["enabled"], have["deactivated"] = []string{fmt.Sprint(u.Enabled)}, []string{fmt.Sprint(!u.DeactivatedAt.IsZero())}
					have.Set("blocks", u.Blocks.String())
					for value, should := range values {
						want(t, fmt.Sprintf("%s of %d", value, id), fmt.Sprint(have[value]), should)
					}
					want(t, "addresses in their table", w.texts(`SELECT address FROM emails WHERE user_id = %d ORDER BY position`, id), u.Attributes[registry.AttrEmails])
				}
				rows, err := s.For(w.src.Company).Merges(t.Context(), a, 0, 1)
				must(t, err)
				want(t, "what stayed", fmt.Sprint(rows[0].Stayed()), fmt.Sprint(c.stayed))
				want(t, "undoable again", rows[0].Undoable(w.now), false)
				password := ""
				if c.own {
					password = "since"
				}
				want(t, "the password that was chosen since", w.texts(`SELECT password_hash FROM users WHERE id = %d`, a), []string{password})
				whose := b
				if c.own {
					whose = a
				}
				changes := w.changes()
				res := w.put(c.says)[0]
				if c.stayed != nil && c.stayed[0] == registry.AttrUserName {
					if res.Refused == nil || res.Refused.Code != registry.CodeUserNameTaken {
						t.Errorf("one name for two: %+v", res)
					}
					return
				}
				if res.Refused != nil || res.User != whose {
					t.Fatalf("the directory, afterwards: %+v", res)
				}
				want(t, "rows that the directory adds", w.changes(), changes)
			})
		}
	})
}

// TestUndoBesideANewSignIn: who signs in with the id again keeps it, and the rest
// is undone.
func TestUndoBesideANewSignIn(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newMergeWorld(t, s)
		a, b := w.byHand("ann"), w.byHand("bob")
		sso := w.door(registry.OriginOIDC, "sso")
		w.putAs(sso, registry.TieUser{User: b, Anchor: "subject", Proved: true})
		merged := w.merge(a, b)
		w.putAs(sso, registry.TieUser{User: a, Anchor: "subject", Proved: true})
		undone := w.admin(registry.UndoMerge{Merge: merged.Merge.PublicID})
		if undone.Refused != nil {
			t.Fatal(undone.Refused)
		}
		want(t, "who has the id", w.texts(`SELECT CAST(user_id AS text) FROM links WHERE anchor = 'subject'`), []string{fmt.Sprint(a)})
		want(t, "the other's way in", w.person(b).Credential, registry.CredentialNone)
		want(t, "what stayed", undone.Merge.Stayed(), []string{"sign_in"})
		want(t, "the other", w.person(b).DeletedAt.IsZero(), true)
	})
}

// TestUndoAfterPromotion: a contact who was made an account after a merge of two
// contacts stays one.
func TestUndoAfterPromotion(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newMergeWorld(t, s)
		a, b := w.byMail(w.meet("claire@example.com", verified)).User, w.byMail(w.meet("claire@home.example")).User
		merged := w.merge(a, b)
		if res := w.admin(registry.Enrol{User: a, Attributes: registry.Attributes{registry.AttrUserName: {"claire"}}, Kind: registry.EndUser, ByHand: true}); res.Refused != nil {
			t.Fatal(res.Refused)
		}
		if res := w.admin(registry.UndoMerge{Merge: merged.Merge.PublicID}); res.Refused != nil {
			t.Fatal(res.Refused)
		}
		u := w.person(a)
		want(t, "association", u.Association, registry.Strong)
		want(t, "owner", u.Owner, w.door(registry.OriginAdmin, "admin").ID)
		want(t, "name", u.UserName(), "claire")
		want(t, "the other", w.person(b).Association, registry.Weak)
	})
}
