package store_test

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// blind stands for the server's key.
func blind(value string) []byte {
	h := sha256.Sum256([]byte("key" + value))
	return h[:]
}

// newMergeWorld is newWorld with names and objects kept from others.
func newMergeWorld(t *testing.T, s *store.Store) *world {
	w := newWorld(t, s)
	w.r.Blind = blind
	return w
}

func (w *world) admin(op registry.Op) registry.Result {
	w.t.Helper()
	return w.putAs(w.door(registry.OriginAdmin, "admin"), op)[0]
}

// byHand makes an account by an admin's hand.
func (w *world) byHand(name string, change ...func(*registry.CreateUser)) registry.UserID {
	w.t.Helper()
	op := registry.CreateUser{Verified: true, Attributes: registry.Attributes{
		registry.AttrUserName: {name}, registry.AttrEmails: {name + "@home.example"}, registry.AttrPhone: {"+39 " + name},
	}}
	for _, fn := range change {
		fn(&op)
	}
	res := w.admin(op)
	if res.Refused != nil {
		w.t.Fatal(res.Refused)
	}
	return res.User
}

func (w *world) merge(survivor, loser registry.UserID) registry.Result {
	w.t.Helper()
	return w.admin(registry.MergeUsers{Survivor: survivor, Loser: loser, Evidence: "same badge", UndoFor: 30 * 24 * time.Hour})
}

// rowsOf is every row of people and what ties them, without what a merge destroys
// for good: passwords, factors, sessions, links that were mailed; and without
// versions and the time of the last change.
func (w *world) rowsOf() []string {
	w.t.Helper()
	var out []string
	for _, q := range []string{
		`SELECT 'user ' || id || ' ' || public_id || ' ' || kind || ' ' || association || ' ' || user_name || ' ' || user_name_key || ' ' || display_name || ' ' || given_name || ' '
			|| family_name || ' ' || locale || ' ' || coalesce(employee_number, '-') || ' ' || CAST(attributes AS text) || ' ' || coalesce(CAST(document AS text), '-') || ' ' || enabled || ' ' || blocks || ' '
			|| owner_id || ' ' || coalesce(department_id, 0) || ' ' || coalesce(contract_id, 0) || ' ' || coalesce(manager_id, 0) || ' ' || protected || ' ' || rights || ' '
			|| deactivated_at || ' ' || deleted_at || ' ' || coalesce(merged_into, 0) || ' ' || erased_at FROM users ORDER BY id`,
		`SELECT 'email ' || user_id || ' ' || position || ' ' || address || ' ' || address_key || ' ' || (verified_at <> 0) FROM emails ORDER BY user_id, position`,
		`SELECT 'link ' || origin_id || ' ' || coalesce(user_id, 0) || ' ' || anchor || ' ' || name || ' ' || coalesce(CAST(asserted AS text), '') || ' ' || enabled || ' ' || marker || ' ' || missing_since FROM links ORDER BY origin_id, anchor, id`,
		`SELECT 'member ' || group_id || ' ' || coalesce(user_id, 0) || ' ' || origin_id || ' ' || created_at FROM memberships ORDER BY group_id, user_id, origin_id`,
		`SELECT 'kept ' || user_id FROM erased_keys ORDER BY id`,
	} {
		out = append(out, w.texts("%s", q)...)
	}
	return out
}

// TestMergeTakesOver: who registered stays, and becomes the directory's.
func TestMergeTakesOver(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newMergeWorld(t, s)
		sales := w.put(registry.PutGroup{Anchor: "g", DisplayName: "Sales"})[0].Group
		hand := w.byHand("claire")
		w.sql(`UPDATE users SET credential = 'set', password_hash = 'x' WHERE id = %d`, hand)
		w.signIn(hand)
		pulled := w.create1(person("1", "cjohnson"))
		w.put(registry.PatchMembers{Group: sales, AddUsers: []registry.UserID{pulled}})
		res := w.merge(hand, pulled)
		if res.Refused != nil || res.Merge == nil {
			t.Fatalf("merge: %+v", res)
		}
		u := w.person(hand)
		want(t, "name", u.UserName(), "cjohnson")
		want(t, "owner", u.Owner, w.src.Origin.ID)
		want(t, "addresses", u.Attributes[registry.AttrEmails], []string{"cjohnson@example.com", "claire@home.example"})
		want(t, "phone", u.Attributes.First(registry.AttrPhone), "+39 claire")
		want(t, "credential", u.Credential, registry.CredentialNone)
		want(t, "password", w.texts(`SELECT password_hash FROM users WHERE id = %d`, hand), []string{""})
		want(t, "sessions", w.number(`SELECT count(*) FROM sessions`), 0)
		want(t, "links", w.texts(`SELECT user_id || ' ' || anchor FROM links WHERE user_id IS NOT NULL`), []string{fmt.Sprintf("%d 1", hand)})
		want(t, "members", w.texts(`SELECT CAST(user_id AS text) FROM memberships`), []string{fmt.Sprint(hand)})
		want(t, "who the directory means", w.put(person("1", "cjohnson"))[0].User, hand)
		for _, name := range []string{"claire", "CJohnson"} {
			got := w.put(person("9"+name, name))[0]
			if got.Refused == nil || got.Refused.Code != registry.CodeUserNameTaken {
				t.Errorf("somebody else got the name %s: %+v", name, got)
			}
		}
		if renamed := w.put(person("1", "claire"))[0]; renamed.Refused != nil || renamed.User != hand {
			t.Errorf("the person may have their old name: %+v", renamed)
		}
	})
}

// TestMergeRefuses: what nobody may merge, and why.
func TestMergeRefuses(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		for name, c := range map[string]struct {
			prepare func(w *world) (survivor, loser registry.UserID)
			code    registry.Code
		}{
			"themselves": {func(w *world) (registry.UserID, registry.UserID) { id := w.byHand("ann"); return id, id }, registry.CodeInvalidValue},
			"nobody":     {func(w *world) (registry.UserID, registry.UserID) { return w.byHand("ann"), 99999 }, registry.CodeNotFound},
			"an admin": {func(w *world) (registry.UserID, registry.UserID) {
				return w.byHand("ann"), w.byHand("bob", func(c *registry.CreateUser) { c.CompanyAdmin = true })
			}, registry.CodeProtectedAdmin},
			"somebody protected": {func(w *world) (registry.UserID, registry.UserID) {
				id := w.byHand("ann")
				w.admin(registry.SetProtected{User: id, On: true})
				return id, w.byHand("bob")
			}, registry.CodeProtected},
			"two of one directory": {func(w *world) (registry.UserID, registry.UserID) {
				ids := w.create(person("1", "ann"), person("2", "bob"))
				return ids[0], ids[1]
			}, registry.CodeTwoDirectories},
			"of two directories": {func(w *world) (registry.UserID, registry.UserID) {
				return w.create1(person("1", "ann")), w.putAs(w.door(registry.OriginSCIM, "okta"), person("2", "bob"))[0].User
			}, registry.CodeTwoDirectories},
			"away from an identity provider": {func(w *world) (registry.UserID, registry.UserID) {
				return w.byHand("ann"), w.putAs(w.door(registry.OriginSCIM, "okta"), person("2", "bob"))[0].User
			}, registry.CodeMergeDirection},
			"two kinds": {func(w *world) (registry.UserID, registry.UserID) {
				return w.byHand("ann"), w.byHand("bob", func(c *registry.CreateUser) { c.Kind = registry.SupportStaff })
			}, registry.CodeKindsDiffer},
		} {
			rule(t, s, name, func(t *testing.T, w *world) {
				w.r.Blind = blind
				a, b := c.prepare(w)
				was := w.footprint()
				res := w.merge(a, b)
				if res.Refused == nil || res.Refused.Code != c.code {
					t.Errorf("refused is %v, want %s", res.Refused, c.code)
				}
				want(t, "what is left", w.footprint(), was)
			})
		}
	})
}

// pairs are people who may be merged, each pair made anew.
var pairs = map[string]func(w *world) (survivor, loser registry.UserID){
	"two by hand": func(w *world) (registry.UserID, registry.UserID) { return w.byHand("ann"), w.byHand("bob") },
	"a contact into an account": func(w *world) (registry.UserID, registry.UserID) {
		return w.byHand("ann"), w.byMail(w.meet("claire@example.com", verified)).User
	},
	"an account into a contact": func(w *world) (registry.UserID, registry.UserID) {
		return w.byMail(w.meet("claire@example.com", verified)).User, w.byHand("ann")
	},
	"two contacts": func(w *world) (registry.UserID, registry.UserID) {
		return w.byMail(w.meet("claire@example.com", verified)).User, w.byMail(w.meet("claire@home.example")).User
	},
	"a directory's into one by hand": func(w *world) (registry.UserID, registry.UserID) {
		return w.byHand("ann"), w.create1(person("1", "bob"))
	},
	"one by hand into a directory's": func(w *world) (registry.UserID, registry.UserID) {
		return w.create1(person("1", "bob")), w.byHand("ann")
	},
	"into a connection's": func(w *world) (registry.UserID, registry.UserID) {
		return w.putAs(w.door(registry.OriginSCIM, "okta"), person("2", "bob"))[0].User, w.byHand("ann")
	},
	"one who signs in elsewhere": func(w *world) (registry.UserID, registry.UserID) {
		a, b := w.byHand("ann"), w.byHand("bob")
		w.putAs(w.door(registry.OriginOIDC, "sso"), registry.TieUser{User: b, Anchor: "subject", Proved: true})
		return a, b
	},
	"a disabled one": func(w *world) (registry.UserID, registry.UserID) {
		return w.byHand("ann"), w.create1(disabled(person("1", "bob")))
	},
	"a blocked one": func(w *world) (registry.UserID, registry.UserID) {
		b := w.byHand("bob")
		w.admin(registry.SetBlocks{User: b, Set: registry.BlockAdmin})
		return w.byHand("ann"), b
	},
}

// TestUndoLeavesEveryRowAsItWas: whoever is merged, in whatever groups and under
// whatever managers, undoing it restores every row.
func TestUndoLeavesEveryRowAsItWas(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		for name, make := range pairs {
			rule(t, s, name, func(t *testing.T, w *world) {
				w.r.Blind = blind
				a, b := make(w)
				w.entangle(a, b)
				was := w.rowsOf()
				w.now = w.now.Add(time.Hour)
				res := w.merge(a, b)
				if res.Refused != nil {
					t.Fatal(res.Refused)
				}
				w.soundAfterMerge(a, b)
				merges, err := s.For(w.src.Company).Merges(t.Context(), a, 0, 10)
				if err != nil || len(merges) != 1 || !merges[0].Undoable(w.now) || merges[0].Evidence != "same badge" {
					t.Fatalf("merges: %+v, %v", merges, err)
				}
				if slices.Equal(w.rowsOf(), was) {
					t.Error("the merge did nothing")
				}
				undone := w.admin(registry.UndoMerge{Merge: res.Merge.PublicID})
				if undone.Refused != nil {
					t.Fatal(undone.Refused)
				}
				want(t, "rows", w.rowsOf(), was)
				again := w.admin(registry.UndoMerge{Merge: res.Merge.PublicID})
				if again.Refused == nil || again.Refused.Code != registry.CodeMergeOver {
					t.Errorf("undone twice: %+v", again)
				}
			})
		}
	})
}

// entangle puts both people into groups, one together, and under them others.
func (w *world) entangle(a, b registry.UserID) {
	w.t.Helper()
	admin := w.door(registry.OriginAdmin, "admin")
	both := w.put(registry.PutGroup{Anchor: "both", DisplayName: "Both"})[0].Group
	one := w.put(registry.PutGroup{Anchor: "one", DisplayName: "One"})[0].Group
	w.putAs(admin, registry.PatchMembers{Group: both, AddUsers: []registry.UserID{a, b}}, registry.PatchMembers{Group: one, AddUsers: []registry.UserID{b}})
	w.put(registry.PatchMembers{Group: one, AddUsers: []registry.UserID{b}})
	report := w.create1(person("r", "report"))
	w.put(registry.SetManager{User: report, Manager: b})
	w.signIn(b)
}

// soundAfterMerge: no link has two people, nobody living has the loser's name, the
// loser has nothing left, and each record has one row of history.
func (w *world) soundAfterMerge(a, b registry.UserID) {
	w.t.Helper()
	t := w.t
	want(t, "links of the loser", w.number(`SELECT count(*) FROM links WHERE user_id = %d`, b), 0)
	want(t, "members left", w.number(`SELECT count(*) FROM memberships WHERE user_id = %d`, b), 0)
	want(t, "reports left", w.number(`SELECT count(*) FROM users WHERE manager_id = %d`, b), 0)
	want(t, "sessions", w.number(`SELECT count(*) FROM sessions WHERE user_id = %d`, b), 0)
	want(t, "whose place", w.number(`SELECT merged_into FROM users WHERE id = %d`, b), int64(a))
	want(t, "anchors twice", w.number(`SELECT count(*) FROM (SELECT origin_id FROM links WHERE user_id IS NOT NULL GROUP BY origin_id, anchor HAVING count(*) > 1) AS x`), 0)
	for _, name := range w.texts(`SELECT user_name FROM users WHERE id IN (%d, %d)`, a, b) {
		got := w.put(person("new "+name, strings.ToUpper(name)))[0]
		if got.Refused == nil || got.Refused.Code != registry.CodeUserNameTaken {
			t.Errorf("the name %s was given away: %+v", name, got)
		}
	}
	at := w.now.UnixMicro()
	want(t, "rows of history twice", w.number(`SELECT count(*) FROM (SELECT user_id FROM changes WHERE at = %d GROUP BY user_id, group_id HAVING count(*) > 1) AS x`, at), 0)
	want(t, "rows of history of the two", w.number(`SELECT count(*) FROM changes WHERE at = %d AND user_id IN (%d, %d) AND reason = 'merged'`, at, a, b), 2)
}

// TestUndoRefuses: what changed since, or came too late, is not undone.
func TestUndoRefuses(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		for name, c := range map[string]struct {
			meanwhile func(w *world, a, b registry.UserID)
			code      registry.Code
		}{
			"in time, with what the merge left alone changed": {func(w *world, a, _ registry.UserID) {
				w.admin(registry.SetProtected{User: a, On: true})
			}, ""},
			"too late": {func(w *world, _, _ registry.UserID) { w.now = w.now.Add(31 * 24 * time.Hour) }, registry.CodeMergeOver},
			"what it gave was changed": {func(w *world, _, _ registry.UserID) {
				w.put(address(person("1", "bob"), "other@example.com"))
			}, ""},
			"merged on": {func(w *world, a, _ registry.UserID) { w.merge(w.byHand("carl"), a) }, registry.CodeMergeChanged},
			"erased":    {func(w *world, a, _ registry.UserID) { w.admin(registry.EraseUser{User: a}) }, registry.CodeMergeOver},
		} {
			rule(t, s, name, func(t *testing.T, w *world) {
				w.r.Blind = blind
				a, b := w.byHand("ann"), w.create1(person("1", "bob"))
				res := w.merge(a, b)
				c.meanwhile(w, a, b)
				got := w.admin(registry.UndoMerge{Merge: res.Merge.PublicID})
				if code := codes([]registry.Result{got})[0]; code != c.code {
					t.Errorf("refused is %v, want %q", got.Refused, c.code)
				}
			})
		}
	})
}
