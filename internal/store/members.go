package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// AddMembers implements registry.Tx. An assertion that is there already is left
// alone; the unique indexes tell.
func (t *tenantTx) AddMembers(ctx context.Context, ms []registry.Membership, now time.Time) ([]registry.Membership, error) {
	const q = `INSERT INTO memberships (company_id, group_id, user_id, member_group_id, origin_id, created_at)
		VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`
	if t.s.Postgres() && len(ms) > 1 {
		return t.addManyMembers(ctx, ms, now)
	}
	added := ms[:0:0]
	for _, m := range ms {
		n, err := t.affected(ctx, q, int64(t.company), int64(m.Group), nullable(int64(m.User)), nullable(int64(m.MemberGroup)), int64(m.Origin), micros(now))
		if err != nil {
			return nil, fmt.Errorf("add member: %w", err)
		}
		if n > 0 {
			added = append(added, m)
		}
	}
	return added, nil
}

// addManyMembers is AddMembers in one statement, with the members as arrays.
func (t *tenantTx) addManyMembers(ctx context.Context, ms []registry.Membership, now time.Time) ([]registry.Membership, error) {
	groups, users := make([]int64, len(ms)), make([]int64, len(ms))
	nested, origins := make([]int64, len(ms)), make([]int64, len(ms))
	for i, m := range ms {
		groups[i], users[i], nested[i], origins[i] = int64(m.Group), int64(m.User), int64(m.MemberGroup), int64(m.Origin)
	}
	rows, err := t.query(ctx, `INSERT INTO memberships (company_id, group_id, user_id, member_group_id, origin_id, created_at)
		SELECT ?::bigint, g, NULLIF(u, 0), NULLIF(n, 0), o, ?::bigint FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[]) AS m(g, u, n, o)
		ON CONFLICT DO NOTHING RETURNING group_id, coalesce(user_id, 0), coalesce(member_group_id, 0), origin_id`,
		int64(t.company), micros(now), groups, users, nested, origins)
	return collect(rows, err, scanMembership)
}

// RemoveMembers implements registry.Tx.
func (t *tenantTx) RemoveMembers(ctx context.Context, ms []registry.Membership) ([]registry.Membership, error) {
	removed := ms[:0:0]
	for _, m := range ms {
		column, id := "user_id", int64(m.User)
		if m.User == 0 {
			column, id = "member_group_id", int64(m.MemberGroup)
		}
		n, err := t.affected(ctx, `DELETE FROM memberships WHERE company_id = ? AND group_id = ? AND origin_id = ? AND `+column+` = ?`,
			int64(t.company), int64(m.Group), int64(m.Origin), id)
		if err != nil {
			return nil, fmt.Errorf("remove member: %w", err)
		}
		if n > 0 {
			removed = append(removed, m)
		}
	}
	return removed, nil
}

// RemoveMembersOf implements registry.Tx.
func (t *tenantTx) RemoveMembersOf(ctx context.Context, group registry.GroupID, origin registry.OriginID) (int, error) {
	n, err := t.affected(ctx, `DELETE FROM memberships WHERE company_id = ? AND group_id = ? AND origin_id = ?`, int64(t.company), int64(group), int64(origin))
	if err != nil {
		return 0, fmt.Errorf("remove members of group: %w", err)
	}
	return int(n), nil
}

func scanMembership(rows *sql.Rows) (m registry.Membership, err error) {
	return m, rows.Scan(&m.Group, &m.User, &m.MemberGroup, &m.Origin)
}
