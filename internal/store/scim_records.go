package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/usherd/usher/internal/registry"
)

// ScimUserRecords loads people, in the order of ids; those who are gone are left
// out. groups asks for their groups as well.
func (t *Tenant) ScimUserRecords(ctx context.Context, v registry.ScimView, ids []registry.UserID, groups bool) ([]registry.ScimUser, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return t.scimUsersWhere(ctx, v, ids, groups, splice("+u.company_id = ? AND "+t.s.anyOf("u.id"), int64(t.id), keys(t.s, ids)))
}

// ScimUserByID loads one person by public id; registry.ErrNotFound when the
// connection may not see such a person.
func (t *Tenant) ScimUserByID(ctx context.Context, v registry.ScimView, publicID string, groups bool) (registry.ScimUser, error) {
	c := t.scimCompiler(scimUsers, v, nil)
	where := splice("+u.company_id = ? AND u.public_id = ? AND ?", c.company, asText(publicID), c.visible(scimUsers.link, "u"))
	users, err := t.scimUsersWhere(ctx, v, nil, groups, where)
	if err == nil && len(users) == 0 {
		err = registry.ErrNotFound
	}
	if err != nil {
		return registry.ScimUser{}, err
	}
	return users[0], nil
}

// scimUsersWhere loads the living people of a condition in the order of ids, if
// there are any.
func (t *Tenant) scimUsersWhere(ctx context.Context, v registry.ScimView, ids []registry.UserID, groups bool, where fragment) ([]registry.ScimUser, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT u.id, `+columns(userCols)+` FROM users u WHERE u.deleted_at = 0 AND `+where.sql), where.args...)
	users, err := collect(rows, err, scanUser(t.id))
	if err != nil {
		return nil, fmt.Errorf("load users: %w", err)
	}
	found := make(map[registry.UserID]*registry.ScimUser, len(users))
	keep := make([]registry.UserID, 0, len(users))
	for _, u := range users {
		found[u.ID] = &registry.ScimUser{User: u}
		keep = append(keep, u.ID)
	}
	if ids == nil {
		ids = keep
	}
	if err := t.scimUserParts(ctx, v, found, keep, groups); err != nil {
		return nil, fmt.Errorf("load parts of users: %w", err)
	}
	return inOrder(ids, found), nil
}

// inOrder are the records found, in the order of ids.
func inOrder[ID comparable, T any](ids []ID, found map[ID]*T) []T {
	out := make([]T, 0, len(found))
	for _, id := range ids {
		if r := found[id]; r != nil {
			out = append(out, *r)
		}
	}
	return out
}

// The parts of a resource that are rows elsewhere.
const (
	partEmail = iota
	partAnchor
	partGroup
)

// scimUserParts fills in addresses, anchors and groups, in one statement:
// what costs is the way to the database.
func (t *Tenant) scimUserParts(ctx context.Context, v registry.ScimView, users map[registry.UserID]*registry.ScimUser, ids []registry.UserID, groups bool) error {
	if len(users) == 0 {
		return nil
	}
	company, list := int64(t.id), keys(t.s, ids)
	q := splice(`SELECT `+fmt.Sprint(partEmail)+` AS part, user_id, address AS id, '' AS display, position FROM emails WHERE `+t.s.byKey("user_id")+`
		UNION ALL SELECT `+fmt.Sprint(partAnchor)+`, user_id, anchor, '', 0 FROM links
			WHERE +origin_id = ? AND missing_since = 0 AND `+t.s.byKey("user_id"),
		company, list, int64(v.Origin), company, list)
	if groups {
		c := t.scimCompiler(scimUsers, v, nil)
		q = splice(`? UNION ALL SELECT DISTINCT `+fmt.Sprint(partGroup)+`, m.user_id, x.public_id, x.display_name, 0
			FROM memberships m JOIN "groups" x ON +x.company_id = m.company_id AND x.id = m.group_id
			WHERE +m.company_id = ? AND `+t.s.anyOf("m.user_id")+` AND m.user_id IS NOT NULL AND x.deleted_at = 0 AND ?`, q, company, list, c.visible(scimGroups.link, "x"))
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(q.sql+` ORDER BY 1, 5, 4, 3`), q.args...)
	return each(rows, err, func(rows *sql.Rows) error {
		var part int
		var user registry.UserID
		var ref registry.ScimRef
		var position int64
		if err := rows.Scan(&part, &user, &ref.ID, &ref.Display, &position); err != nil {
			return err
		}
		switch u := users[user]; part {
		case partEmail:
			u.Attributes[registry.AttrEmails] = append(u.Attributes[registry.AttrEmails], ref.ID)
		case partAnchor:
			if u.Anchor == "" {
				u.Anchor = ref.ID
			}
		default:
			u.Groups = append(u.Groups, ref)
		}
		return nil
	})
}

// ScimGroupRecords is ScimUserRecords for groups, which come without members.
func (t *Tenant) ScimGroupRecords(ctx context.Context, v registry.ScimView, ids []registry.GroupID) ([]registry.ScimGroup, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return t.scimGroupsWhere(ctx, v, ids, splice("+g.company_id = ? AND "+t.s.anyOf("g.id"), int64(t.id), keys(t.s, ids)))
}

// ScimGroupByID is ScimUserByID for groups.
func (t *Tenant) ScimGroupByID(ctx context.Context, v registry.ScimView, publicID string) (registry.ScimGroup, error) {
	c := t.scimCompiler(scimGroups, v, nil)
	groups, err := t.scimGroupsWhere(ctx, v, nil, splice("+g.company_id = ? AND g.public_id = ? AND ?", c.company, asText(publicID), c.visible(scimGroups.link, "g")))
	if err == nil && len(groups) == 0 {
		err = registry.ErrNotFound
	}
	if err != nil {
		return registry.ScimGroup{}, err
	}
	return groups[0], nil
}

func (t *Tenant) scimGroupsWhere(ctx context.Context, v registry.ScimView, ids []registry.GroupID, where fragment) ([]registry.ScimGroup, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT g.id, `+columns(groupCols)+` FROM "groups" g WHERE g.deleted_at = 0 AND `+where.sql), where.args...)
	groups, err := collect(rows, err, scanGroup(t.id))
	if err != nil {
		return nil, fmt.Errorf("load groups: %w", err)
	}
	found := make(map[registry.GroupID]*registry.ScimGroup, len(groups))
	keep := make([]registry.GroupID, 0, len(groups))
	for _, g := range groups {
		found[g.ID] = &registry.ScimGroup{Group: g}
		keep = append(keep, g.ID)
	}
	if len(groups) > 0 {
		rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT group_id, min(anchor) FROM links
			WHERE +origin_id = ? AND missing_since = 0 AND `+t.s.byKey("group_id")+` GROUP BY group_id`),
			int64(v.Origin), int64(t.id), keys(t.s, keep))
		err = each(rows, err, func(rows *sql.Rows) error {
			var id registry.GroupID
			var anchor string
			err := rows.Scan(&id, &anchor)
			if g := found[id]; g != nil {
				g.Anchor = anchor
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("load anchors: %w", err)
		}
	}
	if ids == nil {
		ids = keep
	}
	return inOrder(ids, found), nil
}

// ScimKeys finds users and groups by public id; those that the connection may
// not see are left out.
func (t *Tenant) ScimKeys(ctx context.Context, v registry.ScimView, publicIDs []string) (registry.ScimKeys, error) {
	out := registry.ScimKeys{Users: map[string]registry.UserID{}, Groups: map[string]registry.GroupID{}}
	for _, k := range []*scimKind{scimUsers, scimGroups} {
		c := t.scimCompiler(k, v, nil)
		a := k.alias
		q := splice("SELECT "+a+".public_id, "+a+".id FROM "+k.table+" "+a+" WHERE +"+a+".company_id = ? AND "+a+".deleted_at = 0 AND "+
			t.s.anyOf(a+".public_id")+" AND ?", c.company, list(t.s, publicIDs), c.visible(k.link, a))
		rows, err := t.s.read.QueryContext(ctx, t.s.rebind(q.sql), q.args...)
		err = each(rows, err, func(rows *sql.Rows) error {
			var public string
			var id int64
			err := rows.Scan(&public, &id)
			if k == scimUsers {
				out.Users[public] = registry.UserID(id)
			} else {
				out.Groups[public] = registry.GroupID(id)
			}
			return err
		})
		if err != nil {
			return out, fmt.Errorf("look for keys of %s: %w", k.table, err)
		}
	}
	return out, nil
}

// memberPage is how many members are read at once.
const memberPage = 1000

// ScimMembers streams the members of a group that the connection may see, the
// people first, page by page: nothing is held in between, neither members nor
// the database.
func (t *Tenant) ScimMembers(ctx context.Context, v registry.ScimView, group registry.GroupID, fn func(registry.ScimMember) error) error {
	for _, of := range []struct {
		kind            *scimKind
		column, display string
	}{
		{scimUsers, "user_id", displayOfUser},
		{scimGroups, "member_group_id", "x.display_name"},
	} {
		c := t.scimCompiler(of.kind, v, nil)
		for after, more := int64(0), true; more; {
			// A member whom several origins assert is there once. One without a
			// record counts too, so that a page is known to be full.
			page := splice(`SELECT page.member, COALESCE(x.public_id, ''), COALESCE(`+of.display+`, ''), COALESCE(x.deleted_at = 0, FALSE) AND ? FROM (
					SELECT DISTINCT `+of.column+` AS member FROM memberships
					WHERE +company_id = ? AND group_id = ? AND `+of.column+` > ? ORDER BY `+of.column+` LIMIT ?) page
				LEFT JOIN `+of.kind.table+` x ON x.id = page.member AND +x.company_id = ? ORDER BY page.member`,
				c.visible(of.kind.link, "x"), c.company, int64(group), after, memberPage, c.company)
			n := 0
			members, err := t.membersOf(ctx, page, func(id int64) { after, n = id, n+1 })
			if err != nil {
				return fmt.Errorf("read members: %w", err)
			}
			for _, m := range members {
				m.IsGroup = of.kind == scimGroups
				if err := fn(m); err != nil {
					return err
				}
			}
			more = n == memberPage
		}
	}
	return nil
}

// membersOf reads one page; seen is told of every row, those not to be shown
// too.
func (t *Tenant) membersOf(ctx context.Context, page fragment, seen func(id int64)) ([]registry.ScimMember, error) {
	var out []registry.ScimMember
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(page.sql), page.args...)
	err = each(rows, err, func(rows *sql.Rows) error {
		var m registry.ScimMember
		var id int64
		var shown bool
		err := rows.Scan(&id, &m.ID, &m.Display, &shown)
		seen(id)
		if shown {
			out = append(out, m)
		}
		return err
	})
	return out, err
}
