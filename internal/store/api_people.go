package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/usherd/usher/internal/registry"
)

// conditions are a WHERE clause in the making.
type conditions struct {
	where []string
	args  []any
}

func (c *conditions) add(cond string, args ...any) {
	c.where, c.args = append(c.where, cond), append(c.args, args...)
}

func (c *conditions) String() string { return strings.Join(c.where, " AND ") }

// inState is the condition that a person is in a state: registry's State as SQL.
var inState = map[registry.State]string{
	registry.StateContact:  `association = 'weak'`,
	registry.StateDisabled: `association <> 'weak' AND NOT enabled`,
	registry.StateBlocked:  `association <> 'weak' AND enabled AND blocks <> 0`,
	registry.StateInvited:  `association <> 'weak' AND enabled AND blocks = 0 AND credential = 'invited'`,
	registry.StateNew:      `association <> 'weak' AND enabled AND blocks = 0 AND credential = 'none'`,
	registry.StateActive:   `association <> 'weak' AND enabled AND blocks = 0 AND credential NOT IN ('none', 'invited')`,
}

// PeoplePage lists people with their addresses. The deleted are there only when
// their state is asked for.
func (t *Tenant) PeoplePage(ctx context.Context, q registry.PeopleQuery) (out []*registry.User, err error) {
	if notText(q.Name) || notText(q.Email) {
		return nil, nil
	}
	c := t.peopleWhere(q)
	order := t.s.byName() + ", id"
	if q.NewestFirst {
		order = "id DESC"
	}
	err = t.s.view(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		rows, err := tx.query(ctx, `SELECT id, `+columns(userCols)+` FROM users WHERE `+c.String()+` ORDER BY `+order+` LIMIT ?`, append(c.args, q.Limit)...)
		if out, err = collect(rows, err, scanUser(t.id)); err != nil {
			return fmt.Errorf("list people: %w", err)
		}
		return tx.addEmails(ctx, out)
	})
	return out, err
}

func (t *Tenant) peopleWhere(q registry.PeopleQuery) *conditions {
	c := &conditions{}
	c.add("company_id = ?", int64(t.id))
	if q.State == registry.StateDeleted {
		c.add("deleted_at <> 0")
	} else {
		c.add("deleted_at = 0")
	}
	if cond := inState[q.State]; cond != "" {
		c.add(cond)
	}
	if q.Name != "" {
		key := registry.Key(q.Name)
		c.add("substr(user_name_key, 1, ?) = ? AND user_name_key "+t.s.bytewise(">=")+" ? AND user_name_key "+t.s.bytewise("<")+" ?",
			utf8.RuneCountInString(key), key, key, key+lastRune)
	}
	if q.Email != "" {
		c.add("id IN (SELECT user_id FROM emails WHERE company_id = ? AND address_key = ?)", int64(t.id), registry.Key(q.Email))
	}
	if q.Kind != "" {
		c.add("kind = ?", string(q.Kind))
	}
	if q.Owner != 0 {
		c.add("owner_id = ?", int64(q.Owner))
	}
	if q.Group != 0 {
		c.add("id IN (SELECT user_id FROM memberships WHERE company_id = ? AND group_id = ? AND user_id IS NOT NULL)", int64(t.id), int64(q.Group))
	}
	switch {
	case q.AfterID == 0:
	case q.NewestFirst:
		c.add("id < ?", int64(q.AfterID))
	default:
		c.add("user_name_key "+t.s.bytewise(">=")+" ? AND (user_name_key "+t.s.bytewise(">")+" ? OR id > ?)", q.AfterKey, q.AfterKey, int64(q.AfterID))
	}
	return c
}

// lastRune comes behind every text in the order of bytes; the condition beside it
// decides for those that begin with it.
const lastRune = "\U0010FFFF"

// bytewise compares texts by their bytes, as the index of names is sorted: SQLite
// does so anyway, PostgreSQL by operators of their own.
func (s *Store) bytewise(op string) string {
	if s.Postgres() {
		return "~" + op + "~"
	}
	return op
}

// byName is the order of people by their names.
func (s *Store) byName() string {
	if s.Postgres() {
		return "user_name_key USING ~<~"
	}
	return "user_name_key"
}

// UserByPublicID finds a person by the id for the outside world, a deleted one too.
func (t *Tenant) UserByPublicID(ctx context.Context, id string) (*registry.User, error) {
	if notText(id) {
		return nil, registry.ErrNotFound
	}
	var out *registry.User
	err := t.s.view(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		rows, err := tx.query(ctx, `SELECT id, `+columns(userCols)+` FROM users WHERE company_id = ? AND public_id = ?`, int64(t.id), id)
		if out, err = one(rows, err, scanUser(t.id)); err != nil {
			return err
		}
		return tx.addEmails(ctx, []*registry.User{out})
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Origins are the doors of the company.
func (t *Tenant) Origins(ctx context.Context) (out map[registry.OriginID]registry.Origin, err error) {
	err = t.s.view(ctx, func(x *session) error {
		out, err = x.tenant(t.id).origins(ctx)
		return err
	})
	return out, err
}

// GroupPage lists living groups by name.
func (t *Tenant) GroupPage(ctx context.Context, q registry.GroupQuery) ([]registry.GroupInfo, error) {
	c := &conditions{}
	c.add("company_id = ? AND deleted_at = 0", int64(t.id))
	if q.Role != "" {
		c.add("role = ?", string(q.Role))
	}
	if q.AfterID != 0 {
		c.add("name_key >= ? AND (name_key > ? OR id > ?)", q.AfterKey, q.AfterKey, int64(q.AfterID))
	}
	return t.groupInfos(ctx, c, q.Limit)
}

// GroupByPublicID finds a living group by the id for the outside world.
func (t *Tenant) GroupByPublicID(ctx context.Context, id string) (registry.GroupInfo, error) {
	if notText(id) {
		return registry.GroupInfo{}, registry.ErrNotFound
	}
	c := &conditions{}
	c.add("company_id = ? AND deleted_at = 0 AND public_id = ?", int64(t.id), id)
	found, err := t.groupInfos(ctx, c, 1)
	if err == nil && len(found) == 0 {
		err = registry.ErrNotFound
	}
	if err != nil {
		return registry.GroupInfo{}, err
	}
	return found[0], nil
}

func (t *Tenant) groupInfos(ctx context.Context, c *conditions, limit int) (out []registry.GroupInfo, err error) {
	err = t.s.view(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		origins, err := tx.origins(ctx)
		if err != nil {
			return err
		}
		rows, err := tx.query(ctx, `SELECT id, `+columns(groupCols)+` FROM "groups" WHERE `+c.String()+` ORDER BY name_key, id LIMIT ?`, append(c.args, limit)...)
		groups, err := collect(rows, err, scanGroup(t.id))
		if err != nil {
			return fmt.Errorf("list groups: %w", err)
		}
		ids := make([]registry.GroupID, len(groups))
		for i, g := range groups {
			ids[i] = g.ID
		}
		counts := map[registry.GroupID]int64{}
		rows, err = tx.query(ctx, `SELECT group_id, count(DISTINCT user_id) + count(DISTINCT member_group_id) FROM memberships
			WHERE `+t.s.byKey("group_id")+` GROUP BY group_id`, int64(t.id), keys(t.s, ids))
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

// MemberPage lists a group's members, whoever says so: people, then groups.
func (t *Tenant) MemberPage(ctx context.Context, q registry.MemberQuery) (out []registry.MemberRow, err error) {
	err = t.s.view(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		origins, err := tx.origins(ctx)
		if err != nil {
			return err
		}
		out = nil
		if q.AfterGroup == 0 {
			if out, err = tx.members(ctx, q, origins, "user_id", `u.public_id, u.user_name FROM memberships m JOIN users u ON u.id = m.user_id AND u.company_id = m.company_id`, int64(q.AfterUser)); err != nil {
				return err
			}
		}
		if q.Limit -= len(out); q.Limit <= 0 {
			return nil
		}
		groups, err := tx.members(ctx, q, origins, "member_group_id", `g.public_id, g.display_name FROM memberships m JOIN "groups" g ON g.id = m.member_group_id AND g.company_id = m.company_id`, int64(q.AfterGroup))
		out = slices.Concat(out, groups)
		return err
	})
	return out, err
}

// members reads up to the limit of members of one kind, each with all that say so.
func (t *tenantTx) members(ctx context.Context, q registry.MemberQuery, origins map[registry.OriginID]registry.Origin, key, from string, after int64) ([]registry.MemberRow, error) {
	rows, err := t.query(ctx, `SELECT m.`+key+`, m.origin_id, m.created_at, `+from+`
		WHERE m.company_id = ? AND m.group_id = ? AND m.`+key+` IN (SELECT DISTINCT `+key+` FROM memberships
			WHERE company_id = ? AND group_id = ? AND `+key+` > ? ORDER BY `+key+` LIMIT ?)
		ORDER BY m.`+key+`, m.id`, t.company, int64(q.Group), t.company, int64(q.Group), after, q.Limit)
	var out []registry.MemberRow
	last := int64(0)
	err = each(rows, err, func(rows *sql.Rows) error {
		var id, since int64
		var origin registry.OriginID
		var m registry.MemberRow
		if err := rows.Scan(&id, &origin, &since, &m.PublicID, &m.Name); err != nil {
			return err
		}
		if id != last {
			if last, m.Since = id, fromMicros(since); key == "user_id" {
				m.User = registry.UserID(id)
			} else {
				m.Group = registry.GroupID(id)
			}
			out = append(out, m)
		}
		at := &out[len(out)-1]
		at.Origins = append(at.Origins, origins[origin])
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	return out, nil
}
