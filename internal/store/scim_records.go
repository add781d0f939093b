package store

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/usherd/usher/internal/registry"
)

// ScimUserRecords loads people, in the order of ids; those who are gone are left
// out. others asks for what their records show of others, too: their groups and the
// name of their manager.
func (t *Tenant) ScimUserRecords(ctx context.Context, v registry.ScimView, ids []registry.UserID, others bool) ([]registry.ScimUser, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return t.scimUsersWhere(ctx, v, ids, others, splice("+u.company_id = ? AND ?", int64(t.id), t.among("u.id", ids)))
}

// ScimUserByID loads one person by public id; registry.ErrNotFound when the
// connection may not see such a person.
func (t *Tenant) ScimUserByID(ctx context.Context, v registry.ScimView, publicID string, others bool) (registry.ScimUser, error) {
	c := t.scimCompiler(scimUsers, v, nil)
	where := splice("+u.company_id = ? AND u.public_id = ? AND ?", c.company, asText(publicID), c.visible(scimUsers.link, "u"))
	users, err := t.scimUsersWhere(ctx, v, nil, others, where)
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
func (t *Tenant) scimUsersWhere(ctx context.Context, v registry.ScimView, ids []registry.UserID, others bool, where fragment) ([]registry.ScimUser, error) {
	c := t.scimCompiler(scimUsers, v, nil)
	of := raw("NULL")
	if others {
		of = c.groupsOf()
	}
	q := splice(`SELECT `+scimUserColumns+`, ?, ?, ? FROM users u WHERE u.deleted_at = 0 AND ?`, c.manager(), c.anchor(), of, where)
	rows, err := t.s.ask(t.s.brief(ctx), q)
	found := map[registry.UserID]*registry.ScimUser{}
	keep := []registry.UserID{}
	err = each(rows, err, func(rows *sql.Rows) error {
		u, err := scanScimUser(t.id, rows)
		if err == nil {
			found[u.ID] = u
			keep = append(keep, u.ID)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load users: %w", err)
	}
	if ids == nil {
		ids = keep
	}
	if err := t.scimAddresses(ctx, found, keep); err != nil {
		return nil, fmt.Errorf("load addresses of users: %w", err)
	}
	if others {
		if err := t.nameManagers(ctx, c, found); err != nil {
			return nil, fmt.Errorf("load managers of users: %w", err)
		}
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

// manager is the public id of whom a directory names as the manager of somebody
// who has no document, if the connection may see them; null for nobody.
func (c *scimCompiler) manager() fragment {
	return splice(`CASE WHEN u.document IS NULL AND u.manager_id IS NOT NULL THEN
		(SELECT x.public_id FROM users x WHERE +x.company_id = ? AND x.id = u.manager_id AND x.deleted_at = 0 AND ?) END`,
		c.company, c.visible("user_id", "x"))
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

// scimUserColumns are those that a resource is made of; who has a document needs
// no more of the attributes than the userName.
const scimUserColumns = `u.id, u.public_id, u.user_name, u.display_name, u.given_name, u.family_name, u.locale, u.employee_number,
	CASE WHEN u.document IS NULL THEN u.attributes END, u.document, u.enabled, u.owner_id, u.version, u.created_at, u.updated_at`

// scanScimUser reads a row of scimUserColumns, the manager, the anchor and the groups.
func scanScimUser(company registry.CompanyID, rows *sql.Rows) (*registry.ScimUser, error) {
	u := &registry.User{Company: company}
	rec := &registry.ScimUser{User: u}
	var own [5]string
	var employee, manager sql.NullString
	var extra, groups []byte
	var created, updated int64
	if err := rows.Scan(&u.ID, &u.PublicID, &own[0], &own[1], &own[2], &own[3], &own[4], &employee, &extra, &u.Document,
		&u.Enabled, &u.Owner, &u.Version, &created, &updated, &manager, &rec.Anchor, &groups); err != nil {
		return nil, fmt.Errorf("scan user: %w", err)
	}
	rec.Manager = manager.String
	u.CreatedAt, u.UpdatedAt = fromMicros(created), fromMicros(updated)
	if len(u.Document) > 0 {
		u.Attributes = registry.Attributes{registry.AttrUserName: {own[0]}}
	} else if err := fillAttributes(u, own, employee.String, extra); err != nil {
		return nil, err
	}
	var err error
	rec.Groups, err = groupRefs(groups)
	return rec, err
}

// groupsOf are the groups of a person that the connection may see, as JSON: they
// come with the person, because what costs is the way to the database.
func (c *scimCompiler) groupsOf() fragment {
	list := "json_group_array(json_array(x.public_id, x.display_name))"
	if c.postgres {
		list = "json_agg(json_build_array(x.public_id, x.display_name))"
	}
	return splice(`(SELECT `+list+` FROM memberships m JOIN "groups" x ON +x.company_id = m.company_id AND x.id = m.group_id
		WHERE +m.company_id = ? AND m.user_id = u.id AND x.deleted_at = 0 AND ?)`, c.company, c.visible(scimGroups.link, "x"))
}

// groupRefs reads what groupsOf gives, in the order of names. A group in which
// several origins have the person is there once.
func groupRefs(doc []byte) ([]registry.ScimRef, error) {
	if len(doc) <= len("[]") {
		return nil, nil
	}
	var pairs [][2]string
	if err := json.Unmarshal(doc, &pairs); err != nil {
		return nil, fmt.Errorf("decode groups of user: %w", err)
	}
	out := make([]registry.ScimRef, len(pairs))
	for i, p := range pairs {
		out[i] = registry.ScimRef{ID: p[0], Display: p[1]}
	}
	slices.SortFunc(out, func(a, b registry.ScimRef) int {
		return cmp.Or(cmp.Compare(a.Display, b.Display), cmp.Compare(a.ID, b.ID))
	})
	return slices.Compact(out), nil
}

// scimAddresses fills in the addresses, primary first, of those whose document
// does not hold them.
func (t *Tenant) scimAddresses(ctx context.Context, users map[registry.UserID]*registry.ScimUser, ids []registry.UserID) error {
	bare := slices.DeleteFunc(slices.Clone(ids), func(id registry.UserID) bool { return len(users[id].Document) > 0 })
	if len(bare) == 0 {
		return nil
	}
	rows, err := t.s.ask(t.s.brief(ctx), splice(`SELECT user_id, address FROM emails WHERE +company_id = ? AND ? ORDER BY user_id, position`,
		int64(t.id), t.among("user_id", bare)))
	return each(rows, err, func(rows *sql.Rows) error {
		var id registry.UserID
		var address string
		err := rows.Scan(&id, &address)
		if u := users[id]; u != nil {
			u.Attributes[registry.AttrEmails] = append(u.Attributes[registry.AttrEmails], address)
		}
		return err
	})
}

// nameManagers fills in what the managers are called, of those who have one and whom
// the connection may see. Few records name one, so that it costs the others nothing.
func (t *Tenant) nameManagers(ctx context.Context, c *scimCompiler, users map[registry.UserID]*registry.ScimUser) error {
	reports := map[string][]*registry.ScimUser{}
	for _, u := range users {
		if id := managerOf(u); id != "" {
			reports[id] = append(reports[id], u)
		}
	}
	if len(reports) == 0 {
		return nil
	}
	rows, err := t.s.ask(t.s.brief(ctx), splice(`SELECT x.public_id, `+displayOfUser+` FROM users x WHERE +x.company_id = ? AND ? AND x.deleted_at = 0 AND ?`,
		c.company, splice(t.s.anyOf("x.public_id"), list(t.s, slices.Collect(maps.Keys(reports)))), c.visible("user_id", "x")))
	return each(rows, err, func(rows *sql.Rows) error {
		var id, name string
		err := rows.Scan(&id, &name)
		for _, u := range reports[id] {
			u.ManagerName = name
		}
		return err
	})
}

// managerOf is the id of somebody's manager: a directory's word, or the document's; ""
// for nobody.
func managerOf(u *registry.ScimUser) string {
	if len(u.Document) == 0 || !bytes.Contains(u.Document, []byte(`"manager"`)) {
		return u.Manager
	}
	var doc struct {
		Enterprise struct {
			Manager struct {
				Value string `json:"value"`
			} `json:"manager"`
		} `json:"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
	}
	if json.Unmarshal(u.Document, &doc) != nil {
		return "" // whoever reads the document says so
	}
	return doc.Enterprise.Manager.Value
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
	q := splice(`SELECT `+groupColumns+`, ? FROM "groups" g WHERE g.deleted_at = 0 AND ?`, c.anchor(), where)
	rows, err := t.s.ask(t.s.brief(ctx), q)
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
// not see are left out, unless those who are gone are asked for, too.
func (t *Tenant) ScimKeys(ctx context.Context, v registry.ScimView, publicIDs []string, gone bool) (registry.ScimKeys, error) {
	out := registry.ScimKeys{Users: map[string]registry.UserID{}, Groups: map[string]registry.GroupID{}}
	for _, k := range []*scimKind{scimUsers, scimGroups} {
		if len(out.Users) == len(publicIDs) {
			break // nobody is left to be a group
		}
		c := t.scimCompiler(k, v, nil)
		a := k.alias
		named := splice(t.s.anyOf(a+".public_id"), list(t.s, publicIDs))
		if len(publicIDs) == 1 {
			named = splice(a+".public_id = ?", asText(publicIDs[0]))
		}
		seen := splice(a+".deleted_at = 0 AND ?", c.visible(k.link, a))
		if gone {
			seen = raw("TRUE")
		}
		q := splice("SELECT "+a+".public_id, "+a+".id FROM "+k.table+" "+a+" WHERE +"+a+".company_id = ? AND ? AND ?", c.company, named, seen)
		rows, err := t.s.ask(t.s.brief(ctx), q)
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
	rows, err := t.s.ask(ctx, page)
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
