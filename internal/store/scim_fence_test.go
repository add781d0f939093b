package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/filter"
)

// scimClimbed are the methods of Tenant that TestScimFence and
// TestScimResourceFence try.
var scimClimbed = []string{
	"ScimGroupByID", "ScimGroupRecords", "ScimGroups", "ScimKeys", "ScimMembers", "ScimResourceByID",
	"ScimResourceRecords", "ScimResources", "ScimSorted", "ScimUserByID", "ScimUserRecords", "ScimUsers",
}

// TestScimFence: whatever company B asks with the keys, ids, names and origin of
// A, it finds nothing of A; nor does A through a member of a group of B.
func TestScimFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := store.OnlyCompany(t.Context(), int64(c.beta.Company))
		user := c.person(c.user).PublicID
		group := c.texts(`SELECT public_id FROM "groups" WHERE id = %d`, c.group)[0]
		users, groups := scim.UserType().Attributes(), scim.GroupType().Attributes()
		for _, visible := range []registry.Visibility{registry.VisibleOwn, registry.VisibleCompany} {
			v := registry.ScimView{Origin: c.src.Origin.ID, Visible: visible}
			for _, text := range []string{
				``, `userName eq "ann"`, `id eq "` + user + `"`, `externalId eq "1"`, `emails eq "ann@example.com"`, `groups eq "` + group + `"`, `groups pr`, `schemas pr`,
			} {
				if ids, total, err := c.b.ScimUsers(ctx, v, selection(t, users, text, ""), everything100); len(ids) != 0 || total != 0 || err != nil {
					t.Errorf("%s: %v of %d, %v", text, ids, total, err)
				}
			}
			for _, text := range []string{``, `displayName eq "G"`, `id eq "` + group + `"`, `externalId eq "g"`, `members eq "` + user + `"`, `members.display pr`} {
				if ids, total, err := c.b.ScimGroups(ctx, v, selection(t, groups, text, ""), everything100); len(ids) != 0 || total != 0 || err != nil {
					t.Errorf("%s: %v of %d, %v", text, ids, total, err)
				}
			}
			sorted, err := c.b.ScimSorted(ctx, v, []registry.ScimType{{Name: "User"}, {Name: "Group"}}, []filter.Selection{
				{Type: "User", Set: users, SortBy: &filter.Attr{Name: "userName"}}, {Type: "Group", Set: groups},
			}, everything100)
			if len(sorted) != 0 || err != nil {
				t.Errorf("sorted: %v, %v", sorted, err)
			}
			_, errUser := c.b.ScimUserByID(ctx, v, user, true)
			_, errGroup := c.b.ScimGroupByID(ctx, v, group)
			if !errors.Is(errUser, registry.ErrNotFound) || !errors.Is(errGroup, registry.ErrNotFound) {
				t.Errorf("by id: %v, %v", errUser, errGroup)
			}
			seen := []any{}
			us, err := c.b.ScimUserRecords(ctx, v, []registry.UserID{c.user}, true)
			must(t, err)
			gs, err := c.b.ScimGroupRecords(ctx, v, []registry.GroupID{c.group})
			must(t, err)
			ks, err := c.b.ScimKeys(ctx, v, []string{user, group}, false)
			must(t, err)
			must(t, c.b.ScimMembers(ctx, v, c.group, func(m registry.ScimMember) error { seen = append(seen, m); return nil }))
			if len(us)+len(gs)+len(ks.Users)+len(ks.Groups)+len(seen) != 0 {
				t.Errorf("%s: records %v %v %v %v", visible, us, gs, ks, seen)
			}
		}
	})
}

// A member row that names a record of another company shows nothing of it,
// however it came to be.
func TestScimMemberOfAnotherCompany(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		res, err := c.r.Apply(t.Context(), registry.Batch{Company: c.beta.Company, Origin: c.beta.Origin, Actor: "b", Ops: []registry.Op{
			registry.PutGroup{Anchor: "h", DisplayName: "H"}, person("mine", "bob"),
		}})
		must(t, err)
		group, bob := res[0].Group, res[1].User
		for _, m := range []string{"user_id", "member_group_id"} {
			id := int64(c.user)
			if m == "member_group_id" {
				id = int64(c.group)
			}
			c.sql(`INSERT INTO memberships (company_id, group_id, %s, origin_id, created_at) VALUES (%d, %d, %d, %d, 0)`, m, c.beta.Company, group, id, c.beta.Origin.ID)
		}
		c.sql(`INSERT INTO memberships (company_id, group_id, user_id, origin_id, created_at) VALUES (%d, %d, %d, %d, 0)`, c.beta.Company, c.group, bob, c.beta.Origin.ID)
		ctx := store.OnlyCompany(t.Context(), int64(c.beta.Company))
		v := registry.ScimView{Origin: c.beta.Origin.ID, Visible: registry.VisibleCompany}
		var seen []string
		must(t, c.b.ScimMembers(ctx, v, group, func(m registry.ScimMember) error { seen = append(seen, fmt.Sprint(m)); return nil }))
		us, err := c.b.ScimUserRecords(ctx, v, []registry.UserID{bob}, true)
		must(t, err)
		if len(seen) != 0 || len(us) != 1 || len(us[0].Groups) != 0 {
			t.Errorf("members %s, groups %v", strings.Join(seen, " "), us)
		}
		ids, _, err := c.b.ScimGroups(ctx, v, selection(t, scim.GroupType().Attributes(), `members pr or members eq "`+c.person(c.user).PublicID+`"`, ""), everything100)
		if len(ids) != 0 || err != nil {
			t.Errorf("by members: %v, %v", ids, err)
		}
	})
}
