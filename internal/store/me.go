package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/self"
)

var _ self.People = (*Store)(nil)

// Profile implements self.People.
func (s *Store) Profile(ctx context.Context, company registry.CompanyID, user registry.UserID) (p self.Profile, err error) {
	err = s.view(ctx, func(x *session) error {
		t := x.tenant(company)
		users, err := t.seen(ctx, user)
		if err != nil {
			return err
		}
		u := users[user]
		if u == nil || !u.DeletedAt.IsZero() {
			return registry.ErrNotFound
		}
		origins, err := t.origins(ctx)
		if err != nil {
			return err
		}
		p.User = *u
		if p.Values, err = t.valuesOf(ctx, u, origins); err != nil {
			return err
		}
		p.Groups, err = t.groupsOf(ctx, user, origins)
		return err
	})
	return p, err
}

// origins reads the doors of the company.
func (t *tenantTx) origins(ctx context.Context) (map[registry.OriginID]registry.Origin, error) {
	out := map[registry.OriginID]registry.Origin{}
	rows, err := t.query(ctx, `SELECT id, kind, key, retired_at FROM origins WHERE company_id = ?`, t.company)
	err = each(rows, err, func(rows *sql.Rows) error {
		o := registry.Origin{Company: t.company}
		var retired int64
		err := rows.Scan(&o.ID, &o.Kind, &o.Key, &retired)
		o.RetiredAt = fromMicros(retired)
		out[o.ID] = o
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read origins: %w", err)
	}
	return out, nil
}

// valuesOf says of each value who stands for it: the owner, if it asserts it now, or
// else the one through which it last changed; and
// since when it is what it is, which the last change that touched it tells.
func (t *tenantTx) valuesOf(ctx context.Context, u *registry.User, origins map[registry.OriginID]registry.Origin) ([]self.Value, error) {
	last, err := t.lastChanges(ctx, u)
	if err != nil {
		return nil, err
	}
	rows, err := t.query(ctx, `SELECT id, `+columns(linkCols)+` FROM links WHERE company_id = ? AND user_id = ? AND missing_since = 0 ORDER BY id`,
		t.company, u.ID)
	links, err := collect(rows, err, scanLink(t.company))
	if err != nil {
		return nil, fmt.Errorf("read links: %w", err)
	}
	slices.SortStableFunc(links, func(a, b *registry.Link) int { return ownersFirst(a, u) - ownersFirst(b, u) })
	var out []self.Value
	for name, values := range u.Attributes {
		c := last[name]
		v := self.Value{Attribute: name, Values: values, Origin: origins[c.Origin], Since: c.At}
		stands := func(l *registry.Link) bool { // whoever else says the same made nothing of it
			return (l.Origin == u.Owner || l.Origin == c.Origin) && slices.Equal(l.Asserted[name], values)
		}
		if i := slices.IndexFunc(links, stands); i >= 0 {
			v.Origin = origins[links[i].Origin]
		}
		out = append(out, v)
	}
	return out, nil
}

func ownersFirst(l *registry.Link, u *registry.User) int {
	if l.Origin == u.Owner {
		return 0
	}
	return 1
}

// lastChanges finds, for each attribute that a person has, the last change that
// touched it.
func (t *tenantTx) lastChanges(ctx context.Context, u *registry.User) (map[string]registry.Change, error) {
	rows, err := t.query(ctx, `SELECT at, actor, origin_id, coalesce(run_id, 0), payload FROM changes WHERE company_id = ? AND user_id = ? ORDER BY id DESC`, t.company, u.ID)
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]registry.Change{}
	names := slices.Collect(maps.Keys(u.Attributes))
	if u.Manager != 0 {
		names = append(names, "managerId") // as payloads call it
	}
	for len(out) < len(names) && rows.Next() {
		var c registry.Change
		var at int64
		var payload []byte
		if err := rows.Scan(&at, &c.Actor, &c.Origin, &c.Run, &payload); err != nil {
			return nil, fmt.Errorf("read changes: %w", err)
		}
		if len(payload) > 0 { // erasure empties it
			if err := json.Unmarshal(payload, &c.Payload); err != nil {
				return nil, fmt.Errorf("decode change: %w", err)
			}
		}
		c.At = fromMicros(at)
		for _, name := range names {
			_, seen := out[name]
			if !seen && len(c.Payload.Before[name])+len(c.Payload.After[name]) > 0 {
				out[name] = c
			}
		}
	}
	return out, rows.Err()
}

// groupsOf lists the living groups that a person is directly in, by name.
func (t *tenantTx) groupsOf(ctx context.Context, user registry.UserID, origins map[registry.OriginID]registry.Origin) ([]self.Group, error) {
	rows, err := t.query(ctx, `SELECT g.id, g.display_name, m.origin_id, m.created_at
		FROM memberships m JOIN "groups" g ON g.id = m.group_id AND g.company_id = m.company_id
		WHERE m.company_id = ? AND m.user_id = ? AND g.deleted_at = 0 ORDER BY g.name_key, g.id, m.created_at, m.id`, t.company, user)
	var out []self.Group
	var last registry.GroupID
	err = each(rows, err, func(rows *sql.Rows) error {
		var id registry.GroupID
		var name string
		var origin registry.OriginID
		var since int64
		if err := rows.Scan(&id, &name, &origin, &since); err != nil {
			return err
		}
		if id != last {
			out, last = append(out, self.Group{Name: name, Since: fromMicros(since)}), id
		}
		g := &out[len(out)-1]
		g.Origins = append(g.Origins, origins[origin])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read groups: %w", err)
	}
	return out, nil
}
