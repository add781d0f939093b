package store_test

import (
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestOwnersWord: a door that knows somebody and does not own them says what it
// likes: nothing of the person changes, and an absence there ends nobody.
func TestOwnersWord(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		rule(t, s, "another directory", func(t *testing.T, w *world) {
			id := w.create1(person("1", "ann"))
			branch := w.door(registry.OriginLDAP, "branch")
			theirs := with(person("b1", "ann"), func(p *registry.PutUser) { p.Join, p.LinkOnly = id, true })
			want(t, "tied", codes(w.putAs(branch, theirs)), []registry.Code{""})
			was, changes := w.person(id), w.changes()
			other := disabled(with(person("b1", "mallory"), func(p *registry.PutUser) { p.Attributes[registry.AttrTitle] = []string{"Boss"} }))
			want(t, "says something else", actions(w.putAs(branch, other, miss("b1"))), []registry.Action{"", ""})
			want(t, "delete", codes(w.putAs(branch, registry.DeleteUser{Anchor: "b1"})), []registry.Code{registry.CodeForeignOwner})
			want(t, "the person", w.person(id), was)
			want(t, "changes", w.changes(), changes)
			want(t, "what they say is kept", w.number(`SELECT count(*) FROM links WHERE CAST(asserted AS text) LIKE '%%mallory%%'`), 1)
		})
	})
}

// TestWhoVerifies: an address is proven where a directory says it, and not where a
// file does.
func TestWhoVerifies(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		rule(t, s, "doors", func(t *testing.T, w *world) {
			for kind, proven := range map[registry.OriginKind]int64{registry.OriginLDAP: 1, registry.OriginSCIM: 1, registry.OriginUpload: 0} {
				res := w.putAs(w.door(kind, "door"), address(person("x", "of "+string(kind)), string(kind)+"@example.com"))
				want(t, string(kind), w.number(`SELECT count(*) FROM emails WHERE user_id = %d AND verified_at <> 0`, res[0].User), proven)
			}
		})
	})
}

// TestNamesChangeHands: two people swap userNames by a directory's word; by a file's
// only while neither signs in with theirs.
func TestNamesChangeHands(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		taken := []registry.Code{registry.CodeUserNameTaken, registry.CodeUserNameTaken}
		for _, c := range []struct {
			kind     registry.OriginKind
			password string
			want     []registry.Code
		}{
			{registry.OriginLDAP, "hash", []registry.Code{"", ""}},
			{registry.OriginUpload, "", []registry.Code{"", ""}},
			{registry.OriginUpload, "hash", taken},
		} {
			rule(t, s, string(c.kind)+" "+c.password, func(t *testing.T, w *world) {
				door := w.door(c.kind, "door")
				named := func(first, second string) []registry.Op {
					return []registry.Op{
						with(person("1", first), func(p *registry.PutUser) { p.PasswordHash = c.password }),
						with(person("2", second), func(p *registry.PutUser) { p.PasswordHash = c.password }),
					}
				}
				want(t, "made", codes(w.putAs(door, named("v1", "v2")...)), []registry.Code{"", ""})
				want(t, "swapped", codes(w.putAs(door, named("v2", "v1")...)), c.want)
			})
		}
	})
}
