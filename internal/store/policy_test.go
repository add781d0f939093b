package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// policyClimbed are the methods that seeNoGroups tries.
var policyClimbed = []string{"FindGroup", "GroupMembers", "KeptMembers", "ListGroups", "NameUsers", "PrimaryMails"}

func (c *climber) seeNoGroups(ctx context.Context) {
	t := c.t
	mails, err := c.b.PrimaryMails(ctx, []registry.UserID{c.user})
	if len(mails) != 0 || err != nil {
		t.Errorf("addresses of A: %v, %v", mails, err)
	}
	names, err := c.b.NameUsers(ctx, []registry.UserID{c.user})
	if len(names) != 0 || err != nil {
		t.Errorf("names of A: %v, %v", names, err)
	}
	groups, err := c.b.ListGroups(ctx)
	if len(groups) != 0 || err != nil {
		t.Errorf("groups of A: %v, %v", groups, err)
	}
	members, err := c.b.GroupMembers(ctx, c.group)
	if len(members) != 0 || err != nil {
		t.Errorf("members of A: %v, %v", members, err)
	}
	if n, err := c.b.KeptMembers(ctx, c.group, 0, []registry.UserID{c.user}, []registry.GroupID{c.group}); n != 0 || err != nil {
		t.Errorf("members of A by others: %v, %v", n, err)
	}
	if g, err := c.b.FindGroup(ctx, "G"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("group of A: %+v, %v", g, err)
	}
}

// TestProtected: no origin ends a protected person, by absence or by word.
func TestProtected(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		protect := func(w *world, id registry.UserID, on bool) []registry.Action {
			return actions(w.putAs(w.door(registry.OriginAdmin, "admin"), registry.SetProtected{User: id, On: on}))
		}
		rule(t, s, "by an admin", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			want(t, "protect", protect(w, id, true), []registry.Action{"protect"})
			want(t, "again", protect(w, id, true), []registry.Action{""})
			before := w.person(id)
			want(t, "absence", codes(w.put(miss("1"))), []registry.Code{"protected"})
			want(t, "absence noted", codes(w.put(registry.MissUser{Anchor: "1"})), []registry.Code{""})
			want(t, "deletion", codes(w.put(registry.DeleteUser{Anchor: "1"})), []registry.Code{"protected"})
			want(t, "the directory's word", codes(w.put(disabled(person("1", "ann")))), []registry.Code{"protected"})
			want(t, "person", w.person(id), before)
			want(t, "other values", codes(w.put(address(person("1", "ann"), "new@example.com"))), []registry.Code{""})
			want(t, "lift", protect(w, id, false), []registry.Action{"unprotect"})
			want(t, "absence then", actions(w.put(miss("1"))), []registry.Action{"deactivate"})
		})
		rule(t, s, "disabled before", func(t *testing.T, w *world) {
			id := w.create1(disabled(person("1", "ann")))
			protect(w, id, true)
			want(t, "the same word", codes(w.put(disabled(person("1", "ann")))), []registry.Code{""})
			want(t, "absence", codes(w.put(miss("1"))), []registry.Code{""})
			want(t, "deletion", codes(w.put(registry.DeleteUser{Anchor: "1"})), []registry.Code{"protected"})
		})
		guarded := func(p *registry.PutUser) { p.Protect = true }
		rule(t, s, "by the directory", func(t *testing.T, w *world) {
			id := w.create1(with(person("1", "ann"), guarded))
			want(t, "protected", w.person(id).Protected, true)
			want(t, "absence", codes(w.put(miss("1"))), []registry.Code{"protected"})
			want(t, "disabled", codes(w.put(with(disabled(person("1", "ann")), guarded))), []registry.Code{"protected"})
			want(t, "lifted and disabled", actions(w.put(disabled(person("1", "ann")))), []registry.Action{"deactivate"})
			want(t, "protected then", w.person(id).Protected, false)
		})
		rule(t, s, "an admin's word outlives the directory's silence", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			protect(w, id, true)
			w.put(address(person("1", "ann"), "new@example.com"))
			want(t, "protected", w.person(id).Protected, true)
		})
	})
}

// TestWriteModes: what an origin's word on an attribute is worth.
func TestWriteModes(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		title := func(mode registry.WriteMode, values ...string) registry.PutUser {
			return with(person("1", "ann"), func(p *registry.PutUser) {
				p.Attributes.Set(registry.AttrTitle, values...)
				p.Write = map[string]registry.WriteMode{registry.AttrTitle: mode}
			})
		}
		has := func(t *testing.T, w *world, id registry.UserID, what, title string) {
			t.Helper()
			want(t, what, w.person(id).Attributes.First(registry.AttrTitle), title)
		}
		rule(t, s, "never", func(t *testing.T, w *world) {
			id := w.create1(title(registry.WriteNever, "Boss"))
			has(t, w, id, "at creation", "")
			want(t, "asserted", w.number(`SELECT count(*) FROM links WHERE CAST(asserted AS TEXT) LIKE '%%Boss%%'`), 1)
			w.put(title(registry.WriteAlways, "Boss"))
			has(t, w, id, "always", "Boss")
			w.put(title(registry.WriteNever))
			has(t, w, id, "no longer asserted", "Boss")
		})
		rule(t, s, "if empty", func(t *testing.T, w *world) {
			id := w.create1(title(registry.WriteIfEmpty, "Boss"))
			has(t, w, id, "at creation", "Boss")
			w.put(title(registry.WriteIfEmpty, "Chief"))
			has(t, w, id, "its own value", "Chief")
			w.sql(`UPDATE users SET attributes = '{"title": ["Mine"]}' WHERE id = %d`, id)
			w.put(title(registry.WriteIfEmpty, "King"))
			has(t, w, id, "another's value", "Mine")
			w.put(title(registry.WriteIfEmpty))
			has(t, w, id, "another's value, no longer asserted", "Mine")
			w.sql(`UPDATE users SET attributes = '{}' WHERE id = %d`, id)
			w.put(title(registry.WriteIfEmpty, "King"))
			has(t, w, id, "emptied", "King")
			w.put(title(registry.WriteIfEmpty))
			has(t, w, id, "no longer asserted", "")
		})
	})
}

// TestLinkByHand: what an admin may decide that no rule may.
func TestLinkByHand(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		boss := func(w *world) registry.UserID {
			id := w.putAs(w.door(registry.OriginAdmin, "admin"), registry.CreateUser{
				Attributes: registry.Attributes{registry.AttrUserName: {"boss"}, registry.AttrEmails: {"boss@example.com"}}, CompanyAdmin: true, Verified: true,
			})[0].User
			w.sql(`UPDATE users SET credential = 'set', password_hash = 'x' WHERE id = %d`, id)
			return id
		}
		rule(t, s, "an admin with a password", func(t *testing.T, w *world) {
			id := boss(w)
			w.signIn(id)
			res := w.put(registry.LinkUser{User: id, Anchor: "7", Name: "uid=boss"})
			want(t, "actions", actions(res), []registry.Action{"join"})
			is := w.person(id)
			want(t, "owner", is.Owner, w.src.Origin.ID)
			want(t, "credential", is.Credential, registry.CredentialSet)
			want(t, "sessions", w.number(`SELECT count(*) FROM sessions`), 1)
			was := w.footprint()
			want(t, "again", actions(w.put(registry.LinkUser{User: id, Anchor: "7"})), []registry.Action{""})
			want(t, "footprint", w.footprint(), was)
			want(t, "the object then", actions(w.put(person("7", "boss2"))), []registry.Action{"rename"})
			want(t, "who", w.person(id).UserName(), "boss2")
			want(t, "another object", codes(w.put(registry.LinkUser{User: id, Anchor: "8"})), []registry.Code{"already_linked"})
			want(t, "another person", codes(w.put(registry.LinkUser{User: w.create1(person("9", "cid")), Anchor: "7"})), []registry.Code{"anchor_taken"})
		})
		rule(t, s, "the password ends when asked", func(t *testing.T, w *world) {
			id := boss(w)
			w.signIn(id)
			w.put(registry.LinkUser{User: id, Anchor: "7", EndPassword: true})
			want(t, "credential", w.person(id).Credential, registry.CredentialNone)
			want(t, "passwords and sessions", w.number(`SELECT (SELECT count(*) FROM users WHERE password_hash <> '') + (SELECT count(*) FROM sessions)`), 0)
		})
		rule(t, s, "somebody gone gets the new object", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			want(t, "while there", codes(w.put(registry.LinkUser{User: id, Anchor: "2"})), []registry.Code{"already_linked"})
			w.put(miss("1"))
			w.put(registry.DeleteUser{Anchor: "1"})
			want(t, "codes", codes(w.put(registry.LinkUser{User: id, Anchor: "2"})), []registry.Code{""})
			want(t, "return", actions(w.put(person("2", "ann"))), []registry.Action{"restore"})
			want(t, "links", w.number(`SELECT count(*) FROM links WHERE user_id = %d`, id), 1)
		})
		rule(t, s, "another directory's person stays there", func(t *testing.T, w *world) {
			id := boss(w)
			w.sql(`UPDATE users SET owner_id = %d WHERE id = %d`, w.door(registry.OriginLDAP, "other").ID, id)
			was := w.footprint()
			want(t, "codes", codes(w.put(registry.LinkUser{User: id, Anchor: "7"}, registry.LinkUser{User: 999, Anchor: "8"})),
				[]registry.Code{"foreign_owner", "not_found"})
			want(t, "footprint", w.footprint(), was)
		})
	})
}

// TestAdopt: a recreated object takes its person over, with nothing that an
// impostor could use.
func TestAdopt(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		adopt := with(person("2", "ann"), func(p *registry.PutUser) { p.WasAnchor, p.Adopt = "1", true })
		rule(t, s, "the person is the same, the password gone", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			w.sql(`UPDATE users SET credential = 'set', password_hash = 'x' WHERE id = %d`, id)
			w.put(miss("1"))
			res := w.put(adopt)
			want(t, "actions", actions(res), []registry.Action{"join"})
			want(t, "user", res[0].User, id)
			want(t, "passwords", w.number(`SELECT count(*) FROM users WHERE password_hash <> ''`), 0)
			want(t, "state", w.person(id).State(), registry.StateInvited)
			want(t, "anchors", w.texts(`SELECT anchor FROM links`), []string{"2"})
		})
		rule(t, s, "never an admin", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			w.sql(`UPDATE users SET company_admin = true WHERE id = %d`, id)
			want(t, "codes", codes(w.put(adopt)), []registry.Code{"protected_admin"})
			want(t, "anchors", w.texts(`SELECT anchor FROM links`), []string{"1"})
		})
	})
}

func TestManagersAndRoles(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		rule(t, s, "managers, each other's too", func(t *testing.T, w *world) {
			ids := w.create(person("1", "ann"), person("2", "bob"))
			res := w.put(registry.SetManager{User: ids[0], Manager: ids[1]}, registry.SetManager{User: ids[1], Manager: ids[0]})
			want(t, "actions", actions(res), []registry.Action{"update", "update"})
			want(t, "managers", []registry.UserID{w.person(ids[0]).Manager, w.person(ids[1]).Manager}, []registry.UserID{ids[1], ids[0]})
			want(t, "again", actions(w.put(registry.SetManager{User: ids[0], Manager: ids[1]})), []registry.Action{""})
			want(t, "nobody's", codes(w.put(registry.SetManager{User: ids[0], Manager: 999})), []registry.Code{"unknown_manager"})
			want(t, "cleared", actions(w.put(registry.SetManager{User: ids[0]})), []registry.Action{"update"})
			w.sql(`UPDATE users SET owner_id = %d WHERE id = %d`, w.door(registry.OriginLDAP, "other").ID, ids[0])
			want(t, "another's", codes(w.put(registry.SetManager{User: ids[0], Manager: ids[1]})), []registry.Code{"foreign_owner"})
		})
		rule(t, s, "a group with a role leaves the scope", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			g := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G", Role: registry.RoleSupport})[0].Group
			w.put(registry.PatchMembers{Group: g, AddUsers: []registry.UserID{id}})
			w.putAs(w.door(registry.OriginAdmin, "admin"), registry.PatchMembers{Group: g, AddUsers: []registry.UserID{id}})
			res := w.put(registry.MissGroup{Anchor: "g", OutOfScope: true})
			want(t, "actions", actions(res), []registry.Action{"members"})
			want(t, "reason", res[0].Change.Reason, "out_of_scope")
			groups, err := w.s.For(w.src.Company).ListGroups(t.Context())
			if err != nil || len(groups) != 1 {
				t.Fatalf("%v, %v", groups, err)
			}
			want(t, "group", []any{groups[0].DisplayName, groups[0].Role, groups[0].Members, groups[0].Origin.Key}, []any{"G", registry.RoleSupport, int64(1), "corp"})
			members, err := w.s.For(w.src.Company).GroupMembers(t.Context(), g)
			if err != nil || len(members) != 1 || len(members[0].Origins) != 1 {
				t.Fatalf("%v, %v", members, err)
			}
			want(t, "who stays", []string{members[0].Name, members[0].Origins[0].Key}, []string{"ann", "admin"})
			for _, who := range []string{"g", groups[0].PublicID} {
				if found, err := w.s.For(w.src.Company).FindGroup(t.Context(), who); err != nil || found.ID != g {
					t.Errorf("%s: %v, %v", who, found, err)
				}
			}
			w.put(registry.PutGroup{Anchor: "h", DisplayName: "G"})
			if _, err := w.s.For(w.src.Company).FindGroup(t.Context(), "g"); !errors.Is(err, store.ErrSeveral) {
				t.Errorf("a name twice: %v", err)
			}
			mails, err := w.s.For(w.src.Company).PrimaryMails(t.Context(), []registry.UserID{id, 999})
			if err != nil {
				t.Fatal(err)
			}
			want(t, "mails", mails, map[registry.UserID]string{id: "ann@example.com"})
		})
	})
}

// TestSymmetricRestore: who returns within the grace is as before.
func TestSymmetricRestore(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		for name, end := range map[string]func(w *world){
			"after a deactivation": func(*world) {},
			"after the deletion":   func(w *world) { w.put(registry.DeleteUser{Anchor: "1"}) },
		} {
			rule(t, s, name, func(t *testing.T, w *world) {
				ann := with(person("1", "ann"), func(p *registry.PutUser) { p.Department = "Sales"; p.Attributes.Set(registry.AttrTitle, "Boss") })
				id := w.create1(ann)
				g := w.put(registry.PutGroup{Anchor: "g", DisplayName: "G"})[0].Group
				w.put(registry.PatchMembers{Group: g, AddUsers: []registry.UserID{id}})
				w.putAs(w.door(registry.OriginAdmin, "admin"), registry.PatchMembers{Group: g, AddUsers: []registry.UserID{id}})
				w.sql(`UPDATE users SET credential = 'set', password_hash = 'x' WHERE id = %d`, id)
				before := w.person(id)
				w.put(miss("1"))
				end(w)
				w.now = w.now.Add(time.Hour)
				w.put(ann, registry.PatchMembers{Group: g, AddUsers: []registry.UserID{id}})
				after := w.person(id)
				after.Version, after.UpdatedAt = before.Version, before.UpdatedAt
				want(t, "person", after, before)
				want(t, "memberships", fmt.Sprint(w.number(`SELECT count(*) FROM memberships WHERE user_id = %d`, id)), "2")
			})
		}
	})
}
