package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/usherd/usher/ent/db"
	"github.com/usherd/usher/internal/registry"
)

// entDesc orders the newest first.
func entDesc() entsql.OrderTermOption { return entsql.OrderDesc() }

// LinkedUsers streams the people tied to an origin, in no order: sorting a
// million rows is the plan's to do, in less memory. Where anchors are named, only
// the people with these.
func (t *Tenant) LinkedUsers(ctx context.Context, origin registry.OriginID, fn func(registry.LinkedUser) error, anchors ...string) error {
	which, args := "", []any{int64(t.id), int64(origin)}
	if len(anchors) > 0 {
		which, args = " AND "+t.s.anyOf("l.anchor"), append(args, list(t.s, anchors))
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(linkedUsers+which), args...)
	return eachLinked(rows, err, origin, fn)
}

// LinkedUsersAmong is LinkedUsers for some people. The plus is as in byKey.
func (t *Tenant) LinkedUsersAmong(ctx context.Context, origin registry.OriginID, among []registry.UserID, fn func(registry.LinkedUser) error) error {
	for len(among) > 0 {
		n := min(pageSize, len(among))
		rows, err := t.s.read.QueryContext(ctx, t.s.rebind(strings.Replace(linkedUsers, "l.origin_id =", "+l.origin_id =", 1)+` AND `+t.s.anyOf("l.user_id")), int64(t.id), int64(origin), keys(t.s, among[:n]))
		if err := eachLinked(rows, err, origin, fn); err != nil {
			return err
		}
		among = among[n:]
	}
	return nil
}

// linkedUsers is what eachLinked reads.
const linkedUsers = `SELECT l.anchor, l.user_id, l.fingerprint, u.user_name_key,
	CASE WHEN l.missing_since > 0 AND u.deactivated_at > l.missing_since THEN u.deactivated_at ELSE l.missing_since END, u.owner_id, u.enabled, u.deleted_at,
	l.enabled, l.marker, l.recheck_at, u.version, u.protected, u.company_admin OR u.rights <> 0, coalesce(u.manager_id, 0)
	FROM links l JOIN users u ON u.id = l.user_id AND u.company_id = l.company_id
	WHERE l.company_id = ? AND l.origin_id = ? AND l.user_id IS NOT NULL`

func eachLinked(rows *sql.Rows, err error, origin registry.OriginID, fn func(registry.LinkedUser) error) error {
	return each(rows, err, func(rows *sql.Rows) error {
		var l registry.LinkedUser
		var fingerprint sql.RawBytes
		var owner registry.OriginID
		var missing, deleted, recheck int64
		if err := rows.Scan(&l.Anchor, &l.User, &fingerprint, &l.NameKey, &missing, &owner, &l.Enabled, &deleted,
			&l.Asserted, &l.Marker, &recheck, &l.Version, &l.Protected, &l.Privileged, &l.Manager); err != nil {
			return fmt.Errorf("scan link: %w", err)
		}
		copy(l.Fingerprint[:], fingerprint)
		l.MissingSince, l.Owned, l.Deleted = fromMicros(missing), owner == origin, deleted != 0
		l.RecheckAt = fromMicros(recheck)
		return fn(l)
	})
}

// Anchors are the ids by which a person is tied to an origin.
func (t *Tenant) Anchors(ctx context.Context, origin registry.OriginID, user registry.UserID) ([]string, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT anchor FROM links WHERE company_id = ? AND origin_id = ? AND user_id = ? ORDER BY id`),
		int64(t.id), int64(origin), int64(user))
	return collect(rows, err, func(rows *sql.Rows) (anchor string, err error) { return anchor, rows.Scan(&anchor) })
}

// LinkedGroups streams the groups tied to an origin.
func (t *Tenant) LinkedGroups(ctx context.Context, origin registry.OriginID, fn func(registry.LinkedGroup) error) error {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT l.anchor, l.group_id, g.display_name, l.fingerprint, l.marker, l.missing_since, g.owner_id, g.deleted_at
		FROM links l JOIN "groups" g ON g.id = l.group_id AND g.company_id = l.company_id
		WHERE l.company_id = ? AND l.origin_id = ? AND l.group_id IS NOT NULL`), int64(t.id), int64(origin))
	return each(rows, err, func(rows *sql.Rows) error {
		var l registry.LinkedGroup
		var fingerprint sql.RawBytes
		var owner registry.OriginID
		var missing, deleted int64
		if err := rows.Scan(&l.Anchor, &l.Group, &l.Name, &fingerprint, &l.Marker, &missing, &owner, &deleted); err != nil {
			return fmt.Errorf("scan link: %w", err)
		}
		copy(l.Fingerprint[:], fingerprint)
		l.Missing, l.Owned, l.Deleted = missing != 0, owner == origin, deleted != 0
		return fn(l)
	})
}

// Memberships streams what an origin asserts, in no order.
func (t *Tenant) Memberships(ctx context.Context, origin registry.OriginID, fn func(registry.Membership) error) error {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT m.group_id, coalesce(m.user_id, 0), coalesce(m.member_group_id, 0), m.origin_id
		FROM memberships m WHERE m.company_id = ? AND m.origin_id = ?`), int64(t.id), int64(origin))
	return each(rows, err, func(rows *sql.Rows) error {
		m, err := scanMembership(rows)
		if err != nil {
			return err
		}
		return fn(m)
	})
}

// Candidates finds the living people who have one of the values under a join
// rule: userName, email (verified only), employeeNumber, or teams: contacts only,
// by tenant/object.
func (t *Tenant) Candidates(ctx context.Context, rule string, values []string) ([]registry.Candidate, error) {
	look, ok := map[string]lookup{
		"userName":       {cols: "id, user_name, public_id, user_name_key", from: "users", where: "company_id = ? AND deleted_at = 0", column: "user_name_key"},
		"employeeNumber": {cols: "id, user_name, public_id, employee_number", from: "users", where: "company_id = ? AND deleted_at = 0", column: "employee_number"},
		"email": {
			cols: "e.user_id, u.user_name, u.public_id, e.address_key", from: "emails e JOIN users u ON u.id = e.user_id AND u.company_id = e.company_id",
			where: "e.company_id = ? AND u.deleted_at = 0 AND e.verified_at <> 0", column: "e.address_key",
		},
		"teams": {
			cols:  "u.id, u.user_name, u.public_id, l.anchor",
			from:  "origins o JOIN links l ON l.origin_id = o.id AND l.company_id = o.company_id JOIN users u ON u.id = l.user_id AND u.company_id = l.company_id",
			where: "o.company_id = ? AND o.kind = 'teams' AND u.deleted_at = 0 AND u.association = 'weak'", column: "l.anchor",
		},
	}[rule]
	if !ok {
		return nil, fmt.Errorf("look for candidates: no join rule %q", rule)
	}
	look.args, look.values = []any{int64(t.id)}, values
	q, args := t.s.lookUp(look)
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(q), args...)
	return collect(rows, err, func(rows *sql.Rows) (c registry.Candidate, err error) {
		return c, rows.Scan(&c.User, &c.UserName, &c.PublicID, &c.Value)
	})
}

// names finds what people call the records of changes, in their order.
func (t *Tenant) names(ctx context.Context, rows []*db.Change) ([]string, error) {
	var users, groups []int64
	for _, r := range rows {
		if r.UserID != nil {
			users = append(users, *r.UserID)
		}
		if r.GroupID != nil {
			groups = append(groups, *r.GroupID)
		}
	}
	userNames, groupNames := map[int64]string{}, map[int64]string{}
	for _, of := range []struct {
		query string
		ids   []int64
		names map[int64]string
	}{
		{`SELECT id, user_name FROM users WHERE ` + t.s.byKey("id"), users, userNames},
		{`SELECT id, display_name FROM "groups" WHERE ` + t.s.byKey("id"), groups, groupNames},
	} {
		rows, err := t.s.read.QueryContext(ctx, t.s.rebind(of.query), int64(t.id), keys(t.s, of.ids))
		err = each(rows, err, func(rows *sql.Rows) error {
			var id int64
			var name string
			err := rows.Scan(&id, &name)
			of.names[id] = name
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("read names: %w", err)
		}
	}
	out := make([]string, len(rows))
	for i, r := range rows {
		if r.UserID != nil {
			out[i] = userNames[*r.UserID]
		} else if r.GroupID != nil {
			out[i] = groupNames[*r.GroupID]
		}
	}
	return out, nil
}

// each calls fn for every row of a query.
func each(rows *sql.Rows, err error, fn func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// FindUser finds one person by userName, verified address or public id, in this
// order; the deleted are found by id only. An address that several have finds
// nobody.
func (t *Tenant) FindUser(ctx context.Context, who string) (*registry.User, error) {
	if notText(who) {
		return nil, registry.ErrNotFound
	}
	for _, by := range []struct{ query, value string }{
		{`SELECT id FROM users WHERE company_id = ? AND user_name_key = ? AND deleted_at = 0`, registry.Key(who)},
		{`SELECT DISTINCT u.id FROM emails e JOIN users u ON u.id = e.user_id AND u.company_id = e.company_id
			WHERE e.company_id = ? AND e.address_key = ? AND e.verified_at <> 0 AND u.deleted_at = 0 LIMIT 2`, registry.Key(who)},
		{`SELECT id FROM users WHERE company_id = ? AND public_id = ?`, who},
	} {
		rows, err := t.s.read.QueryContext(ctx, t.s.rebind(by.query), int64(t.id), by.value)
		ids, err := collect(rows, err, scanInt)
		if err != nil {
			return nil, fmt.Errorf("find person: %w", err)
		}
		if len(ids) != 1 {
			continue
		}
		var found []*registry.User
		err = t.s.Read(ctx, t.id, func(tx registry.Tx) (err error) {
			found, err = tx.Users(ctx, []registry.UserID{registry.UserID(ids[0])})
			return err
		})
		if err != nil {
			return nil, err
		}
		if len(found) == 1 {
			return found[0], nil
		}
	}
	return nil, registry.ErrNotFound
}
