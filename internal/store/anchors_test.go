package store_test

import (
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestExternalIDsOfPeopleAndGroups: a connection may give a person and a group
// the same externalId, and each goes its own way.
func TestExternalIDsOfPeopleAndGroups(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		okta := w.door(registry.OriginSCIM, "okta")
		res := w.putAs(okta, person("same", "ann"), registry.PutGroup{Anchor: "same", DisplayName: "Sales", Fresh: true})
		want(t, "made", codes(res), []registry.Code{"", ""})
		user, group := res[0].User, res[1].Group
		res = w.putAs(okta, person("same", "anna"), registry.PutGroup{Anchor: "same", DisplayName: "Sellers"})
		want(t, "renamed", actions(res), []registry.Action{registry.ActionRename, registry.ActionRename})
		if res[0].User != user || res[1].Group != group {
			t.Errorf("other records: %+v", res)
		}
		move := person("other", "anna")
		move.WasAnchor = "same"
		res = w.putAs(okta, move)
		want(t, "moved", codes(res), []registry.Code{""})
		want(t, "anchor of the group", w.texts(`SELECT anchor FROM links WHERE group_id = %d`, group), []string{"same"})
		res = w.putAs(okta, registry.DeleteUser{Anchor: "same"}, registry.MissGroup{Anchor: "other"})
		want(t, "the other kind's", codes(res), []registry.Code{registry.CodeNotFound, registry.CodeNotFound})
		res = w.putAs(okta, registry.DeleteUser{Anchor: "other"}, registry.MissGroup{Anchor: "same"})
		want(t, "ended", codes(res), []registry.Code{"", ""})
		res = w.putAs(okta, person("x", "eve"), person("x", "eva"))
		want(t, "one person twice", codes(res), []registry.Code{"", registry.CodeAnchorTaken})
	})
}

// TestObjectsOfDirectories: what has an id in a directory is one object, which
// does not turn from a person into a group.
func TestObjectsOfDirectories(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		res := w.put(person("1", "ann"), registry.PutGroup{Anchor: "1", DisplayName: "Sales"}, registry.PutGroup{Anchor: "2", DisplayName: "Sales"})
		want(t, "in one batch", codes(res), []registry.Code{"", registry.CodeAnchorTaken, ""})
		res = w.put(registry.PutGroup{Anchor: "1", DisplayName: "Sales"}, person("2", "bob"))
		want(t, "later", codes(res), []registry.Code{registry.CodeAnchorTaken, registry.CodeAnchorTaken})
	})
}
