package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/usherd/usher/internal/registry"
)

// ErrSeveral: a name that several records have does not say which is meant.
var ErrSeveral = errors.New("several have this name; use the id")

// PrimaryMails are the primary addresses of people, in comparison form; who has
// none is left out.
func (t *Tenant) PrimaryMails(ctx context.Context, users []registry.UserID) (map[registry.UserID]string, error) {
	out := make(map[registry.UserID]string, len(users))
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT user_id, address_key FROM emails WHERE position = 0 AND `+t.s.byKey("user_id")),
		int64(t.id), keys(t.s, users))
	err = each(rows, err, func(rows *sql.Rows) error {
		var id registry.UserID
		var key string
		err := rows.Scan(&id, &key)
		out[id] = key
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read addresses: %w", err)
	}
	return out, nil
}

// NameUsers names people, the deleted ones too.
func (t *Tenant) NameUsers(ctx context.Context, users []registry.UserID) (map[registry.UserID]registry.Candidate, error) {
	out := make(map[registry.UserID]registry.Candidate, len(users))
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id, user_name, public_id FROM users WHERE `+t.s.byKey("id")), int64(t.id), keys(t.s, users))
	err = each(rows, err, func(rows *sql.Rows) error {
		var c registry.Candidate
		err := rows.Scan(&c.User, &c.UserName, &c.PublicID)
		out[c.User] = c
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("name people: %w", err)
	}
	return out, nil
}

// ListGroups are the living groups by name.
func (t *Tenant) ListGroups(ctx context.Context) ([]registry.GroupInfo, error) {
	var out []registry.GroupInfo
	err := t.s.view(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		origins, err := tx.origins(ctx)
		if err != nil {
			return err
		}
		rows, err := tx.query(ctx, `SELECT id, `+columns(groupCols)+` FROM "groups" WHERE company_id = ? AND deleted_at = 0 ORDER BY name_key, id`, int64(t.id))
		groups, err := collect(rows, err, scanGroup(t.id))
		if err != nil {
			return fmt.Errorf("list groups: %w", err)
		}
		counts := map[registry.GroupID]int64{}
		rows, err = tx.query(ctx, `SELECT group_id, count(DISTINCT user_id) + count(DISTINCT member_group_id) FROM memberships
			WHERE company_id = ? GROUP BY group_id`, int64(t.id))
		err = each(rows, err, func(rows *sql.Rows) error {
			var id registry.GroupID
			var n int64
			err := rows.Scan(&id, &n)
			counts[id] = n
			return err
		})
		if err != nil {
			return fmt.Errorf("count members: %w", err)
		}
		out = make([]registry.GroupInfo, len(groups))
		for i, g := range groups {
			out[i] = registry.GroupInfo{Group: *g, Origin: origins[g.Owner], Members: counts[g.ID]}
		}
		return nil
	})
	return out, err
}

// FindGroup finds a living group by its id or, where only one has it, by its
// name. registry.ErrNotFound for none, ErrSeveral for a name that several have.
func (t *Tenant) FindGroup(ctx context.Context, who string) (*registry.Group, error) {
	if notText(who) {
		return nil, registry.ErrNotFound
	}
	for _, by := range []struct{ column, value string }{{"public_id", who}, {"name_key", registry.Key(who)}} {
		rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id, `+columns(groupCols)+` FROM "groups"
			WHERE company_id = ? AND deleted_at = 0 AND `+by.column+` = ? LIMIT 2`), int64(t.id), by.value)
		found, err := collect(rows, err, scanGroup(t.id))
		switch {
		case err != nil:
			return nil, fmt.Errorf("find group: %w", err)
		case len(found) > 1:
			return nil, ErrSeveral
		case len(found) == 1:
			return found[0], nil
		}
	}
	return nil, registry.ErrNotFound
}

// GroupMembers are a group's members by name, whoever says so.
func (t *Tenant) GroupMembers(ctx context.Context, group registry.GroupID) ([]registry.GroupMember, error) {
	var out []registry.GroupMember
	err := t.s.view(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		origins, err := tx.origins(ctx)
		if err != nil {
			return err
		}
		rows, err := tx.query(ctx, `SELECT coalesce(m.user_id, 0), coalesce(m.member_group_id, 0), coalesce(u.user_name, g.display_name, ''), m.origin_id
			FROM memberships m
			LEFT JOIN users u ON u.id = m.user_id AND u.company_id = m.company_id
			LEFT JOIN "groups" g ON g.id = m.member_group_id AND g.company_id = m.company_id
			WHERE m.company_id = ? AND m.group_id = ? ORDER BY 3, 1, 2, m.id`, int64(t.id), int64(group))
		return each(rows, err, func(rows *sql.Rows) error {
			var m registry.GroupMember
			var origin registry.OriginID
			if err := rows.Scan(&m.User, &m.Group, &m.Name, &origin); err != nil {
				return fmt.Errorf("read members: %w", err)
			}
			if last := len(out) - 1; last < 0 || out[last].User != m.User || out[last].Group != m.Group {
				out = append(out, m)
			}
			last := &out[len(out)-1]
			last.Origins = append(last.Origins, origins[origin])
			return nil
		})
	})
	return out, err
}
