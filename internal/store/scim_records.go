package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/usherd/usher/internal/registry"
)

// ScimUserRecords loads people, in the order of ids; those who are gone are left
// out. groups asks for their groups as well.
func (t *Tenant) ScimUserRecords(ctx context.Context, v registry.ScimView, ids []registry.UserID, groups bool) ([]registry.ScimUser, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return t.scimUsersWhere(ctx, v, ids, groups, splice("+u.company_id = ? AND ?", int64(t.id), t.among("u.id", ids)))
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
	c := t.scimCompiler(scimUsers, v, nil)
	q := splice(`SELECT u.id, `+columns(userCols)+`, ? FROM users u WHERE u.deleted_at = 0 AND ?`, c.anchor(), where)
	rows, err := t.s.read.QueryContext(t.s.brief(ctx), t.s.rebind(q.sql), q.args...)
	found := map[registry.UserID]*registry.ScimUser{}
	keep := []registry.UserID{}
	err = each(rows, err, func(rows *sql.Rows) error {
		var anchor string
		u, err := scanUser(t.id, &anchor)(rows)
		if err != nil {
			return err
		}
		found[u.ID] = &registry.ScimUser{User: u, Anchor: anchor}
		keep = append(keep, u.ID)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load users: %w", err)
	}
	if ids == nil {
		ids = keep
	}
	if err := t.scimUserParts(ctx, v, found, keep, groups); err != nil {
		return nil, fmt.Errorf("load parts of users: %w", err)
	}
	return inOrder(ids, found), nil
}

// anchor is the anchor of the connection's own link to the resource, "" without
// one.
func (c *scimCompiler) anchor() fragment {
	a, column := c.kind.alias, c.kind.link
	return splice("COALESCE((SELECT min(l.anchor) FROM links l WHERE +l.company_id = ? AND l."+column+" = "+a+".id AND "+c.plus()+"l.origin_id = ? AND l.missing_since = 0), '')",
		c.company, int64(c.view.Origin))
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

// scimUserParts fills in groups, and the addresses of those whose document does
// not hold them, in one statement: what costs is the way to the database. They
// are sorted here, where it takes no tables.
func (t *Tenant) scimUserParts(ctx context.Context, v registry.ScimView, users map[registry.UserID]*registry.ScimUser, ids []registry.UserID, groups bool) error {
	c := t.scimCompiler(scimUsers, v, nil)
	var q fragment
	if bare := slices.DeleteFunc(slices.Clone(ids), func(id registry.UserID) bool { return len(users[id].Document) > 0 }); len(bare) > 0 {
		q = splice(`SELECT TRUE AS email, user_id, address AS id, '' AS display, position FROM emails WHERE +company_id = ? AND ?`, c.company, t.among("user_id", bare))
	}
	if groups && len(ids) > 0 {
		of := splice(`SELECT DISTINCT FALSE, m.user_id, x.public_id, x.display_name, 0
			FROM memberships m JOIN "groups" x ON +x.company_id = m.company_id AND x.id = m.group_id
			WHERE +m.company_id = ? AND ? AND m.user_id IS NOT NULL AND x.deleted_at = 0 AND ?`, c.company, t.among("m.user_id", ids), c.visible(scimGroups.link, "x"))
		if q.none() {
			q = of
		} else {
			q = splice(`? UNION ALL ?`, q, of)
		}
	}
	if q.none() {
		return nil
	}
	type row struct {
		email    bool
		user     registry.UserID
		ref      registry.ScimRef
		position int64
	}
	rows, err := t.s.read.QueryContext(t.s.brief(ctx), t.s.rebind(q.sql), q.args...)
	parts, err := collect(rows, err, func(rows *sql.Rows) (r row, err error) {
		return r, rows.Scan(&r.email, &r.user, &r.ref.ID, &r.ref.Display, &r.position)
	})
	if err != nil {
		return err
	}
	slices.SortFunc(parts, func(a, b row) int {
		return cmp.Or(cmp.Compare(a.position, b.position), cmp.Compare(a.ref.Display, b.ref.Display), cmp.Compare(a.ref.ID, b.ref.ID))
	})
	for _, r := range parts {
		if u := users[r.user]; r.email {
			u.Attributes[registry.AttrEmails] = append(u.Attributes[registry.AttrEmails], r.ref.ID)
		} else {
			u.Groups = append(u.Groups, r.ref)
		}
	}
	return nil
}

// among is the condition that a column is one of these keys.
func (t *Tenant) among(column string, ids []registry.UserID) fragment {
	if len(ids) == 1 {
		return splice(column+" = ?", int64(ids[0])) // SQLite makes a table of a list
	}
	return splice(t.s.anyOf(column), keys(t.s, ids))
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
	c := t.scimCompiler(scimGroups, v, nil)
	q := splice(`SELECT g.id, `+columns(groupCols)+`, ? FROM "groups" g WHERE g.deleted_at = 0 AND ?`, c.anchor(), where)
	rows, err := t.s.read.QueryContext(t.s.brief(ctx), t.s.rebind(q.sql), q.args...)
	found := map[registry.GroupID]*registry.ScimGroup{}
	keep := []registry.GroupID{}
	err = each(rows, err, func(rows *sql.Rows) error {
		var anchor string
		g, err := scanGroup(t.id, &anchor)(rows)
		if err != nil {
			return err
		}
		found[g.ID] = &registry.ScimGroup{Group: g, Anchor: anchor}
		keep = append(keep, g.ID)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load groups: %w", err)
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
		if len(out.Users) == len(publicIDs) {
			break // nobody is left to be a group
		}
		c := t.scimCompiler(k, v, nil)
		a := k.alias
		q := splice("SELECT "+a+".public_id, "+a+".id FROM "+k.table+" "+a+" WHERE +"+a+".company_id = ? AND "+a+".deleted_at = 0 AND "+
			t.s.anyOf(a+".public_id")+" AND ?", c.company, list(t.s, publicIDs), c.visible(k.link, a))
		rows, err := t.s.read.QueryContext(t.s.brief(ctx), t.s.rebind(q.sql), q.args...)
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
					WHERE +company_id = ? AND group_id = ? AND `+of.column+` > ? ORDER BY `+of.column+limit+`) page
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
