package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// AddMembers implements registry.Tx. An assertion that is there already is left
// alone; the unique indexes tell. So is one about a record of another company.
func (t *tenantTx) AddMembers(ctx context.Context, ms []registry.Membership, now time.Time) ([]registry.Membership, error) {
	if t.s.Postgres() && len(ms) > 1 {
		return t.addManyMembers(ctx, ms, now)
	}
	added := ms[:0:0]
	for _, m := range ms {
		_, member, id := memberOf(m)
		q := `INSERT INTO memberships (company_id, group_id, user_id, member_group_id, origin_id, created_at)
			SELECT company_id, CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint), CAST(? AS bigint)
			FROM "` + member + `" WHERE company_id = ? AND id = ? ON CONFLICT DO NOTHING`
		n, err := t.affected(ctx, q, int64(m.Group), nullable(int64(m.User)), nullable(int64(m.MemberGroup)), int64(m.Origin), micros(now),
			int64(t.company), id)
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
	groups, users, nested, origins := memberArrays(inOneOrder(ms))
	rows, err := t.query(ctx, `INSERT INTO memberships (company_id, group_id, user_id, member_group_id, origin_id, created_at)
		SELECT ?::bigint, g, NULLIF(u, 0), NULLIF(n, 0), o, ?::bigint FROM unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[]) AS m(g, u, n, o)
		WHERE EXISTS (SELECT 1 FROM users x WHERE x.company_id = ? AND x.id = u) OR EXISTS (SELECT 1 FROM "groups" x WHERE x.company_id = ? AND x.id = n)
		ON CONFLICT DO NOTHING RETURNING group_id, coalesce(user_id, 0), coalesce(member_group_id, 0), origin_id`,
		int64(t.company), micros(now), groups, users, nested, origins, int64(t.company), int64(t.company))
	return collect(rows, err, scanMembership)
}

// RemoveMembers implements registry.Tx.
func (t *tenantTx) RemoveMembers(ctx context.Context, ms []registry.Membership) ([]registry.Membership, error) {
	if t.s.Postgres() && len(ms) > 1 {
		return t.removeManyMembers(ctx, ms)
	}
	removed := ms[:0:0]
	for _, m := range ms {
		column, _, id := memberOf(m)
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

// removeManyMembers is RemoveMembers in one statement, with the members as
// arrays.
func (t *tenantTx) removeManyMembers(ctx context.Context, ms []registry.Membership) ([]registry.Membership, error) {
	groups, users, nested, origins := memberArrays(inOneOrder(ms))
	rows, err := t.query(ctx, `DELETE FROM memberships m USING unnest(?::bigint[], ?::bigint[], ?::bigint[], ?::bigint[]) AS d(g, u, n, o)
		WHERE m.company_id = ? AND m.group_id = d.g AND m.origin_id = d.o AND (m.user_id = NULLIF(d.u, 0) OR m.member_group_id = NULLIF(d.n, 0))
		RETURNING m.group_id, coalesce(m.user_id, 0), coalesce(m.member_group_id, 0), m.origin_id`,
		groups, users, nested, origins, int64(t.company))
	return collect(rows, err, scanMembership)
}

// memberOf is the column, the table and the key of a member.
func memberOf(m registry.Membership) (column, table string, id int64) {
	if m.User != 0 {
		return "user_id", "users", int64(m.User)
	}
	return "member_group_id", "groups", int64(m.MemberGroup)
}

// inOneOrder are memberships in the order in which all write them: two who write the
// same ones wait for each other, but not both. People come first.
func inOneOrder(ms []registry.Membership) []registry.Membership {
	return slices.SortedFunc(slices.Values(ms), func(a, b registry.Membership) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.MemberGroup, b.MemberGroup), cmp.Compare(a.User, b.User))
	})
}

// memberArrays are memberships as one array a column.
func memberArrays(ms []registry.Membership) (groups, users, nested, origins []int64) {
	groups, users = make([]int64, len(ms)), make([]int64, len(ms))
	nested, origins = make([]int64, len(ms)), make([]int64, len(ms))
	for i, m := range ms {
		groups[i], users[i], nested[i], origins[i] = int64(m.Group), int64(m.User), int64(m.MemberGroup), int64(m.Origin)
	}
	return groups, users, nested, origins
}

// KeptMembers implements registry.Tx.
func (t *tenantTx) KeptMembers(ctx context.Context, group registry.GroupID, origin registry.OriginID, users []registry.UserID, groups []registry.GroupID) (int, error) {
	return keptMembers(ctx, t.s, t.query, t.company, group, origin, users, groups)
}

// KeptMembers implements reconcile.Ledger.
func (t *Tenant) KeptMembers(ctx context.Context, group registry.GroupID, origin registry.OriginID, users []registry.UserID, groups []registry.GroupID) (int, error) {
	query := func(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
		return t.s.read.QueryContext(ctx, t.s.rebind(q), args...)
	}
	return keptMembers(ctx, t.s, query, t.id, group, origin, users, groups)
}

// keptMembers counts those of some members whom other origins have in the group.
func keptMembers(ctx context.Context, s *Store, query func(context.Context, string, ...any) (*sql.Rows, error), company registry.CompanyID,
	group registry.GroupID, origin registry.OriginID, users []registry.UserID, groups []registry.GroupID,
) (int, error) {
	total := 0
	for _, x := range []struct {
		column string
		n      int
		keys   any
	}{{"user_id", len(users), keys(s, users)}, {"member_group_id", len(groups), keys(s, groups)}} {
		if x.n == 0 {
			continue
		}
		rows, err := query(ctx, `SELECT count(DISTINCT `+x.column+`) FROM memberships WHERE company_id = ? AND group_id = ? AND origin_id <> ? AND `+s.anyOf(x.column),
			int64(company), int64(group), int64(origin), x.keys)
		err = each(rows, err, func(rows *sql.Rows) error {
			var n int
			err := rows.Scan(&n)
			total += n
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("count members of others: %w", err)
		}
	}
	return total, nil
}

// MembersOf implements registry.Tx.
func (t *tenantTx) MembersOf(ctx context.Context, group registry.GroupID, origin registry.OriginID) ([]registry.Membership, error) {
	rows, err := t.query(ctx, `SELECT group_id, coalesce(user_id, 0), coalesce(member_group_id, 0), origin_id FROM memberships
		WHERE company_id = ? AND group_id = ? AND origin_id = ?`, int64(t.company), int64(group), int64(origin))
	return collect(rows, err, scanMembership)
}

// RemoveMembersOf implements registry.Tx. It takes two statements, because the
// indexes of a group's members are one for people and one for groups.
func (t *tenantTx) RemoveMembersOf(ctx context.Context, group registry.GroupID, origin registry.OriginID) (int, error) {
	var removed int64
	for _, column := range []string{"user_id", "member_group_id"} {
		n, err := t.affected(ctx, `DELETE FROM memberships WHERE company_id = ? AND group_id = ? AND origin_id = ? AND `+column+` IS NOT NULL`,
			int64(t.company), int64(group), int64(origin))
		if err != nil {
			return 0, fmt.Errorf("remove members of group: %w", err)
		}
		removed += n
	}
	return int(removed), nil
}

// On PostgreSQL, whoever ends memberships does as those who change single members do:
// beside them, before any that hold a group, and with the rows before the groups.
const (
	ended = ` FROM memberships m JOIN unnest(CAST(? AS bigint[]), CAST(? AS bigint[])) AS e(u, o) ON m.user_id = e.u AND m.origin_id = e.o
		WHERE +m.company_id = ?`
	shareEnded = `SELECT pg_advisory_xact_lock_shared(CAST(? AS int), b) FROM
		(SELECT DISTINCT CAST(m.group_id % 64 AS int) AS b` + ended + ` ORDER BY 1) AS x`
	holdEnded = `SELECT m.id` + ended + ` ORDER BY m.group_id, m.user_id, m.origin_id FOR UPDATE OF m`
)

// holdEnded holds what endMembers ends, because the groups move on first.
func (t *tenantTx) holdEnded(ctx context.Context, w *registry.Writes) error {
	if !t.s.Postgres() || len(w.EndedMembers) == 0 {
		return nil
	}
	_, users, _, origins := memberArrays(w.EndedMembers)
	if err := t.deferred(ctx, "share groups", shareEnded, int64(t.company), users, origins, int64(t.company)); err != nil {
		return err
	}
	return t.deferred(ctx, "hold memberships", holdEnded, users, origins, int64(t.company))
}

// endMembers takes people out of every group that an origin put them in.
func (t *tenantTx) endMembers(ctx context.Context, w *registry.Writes) error {
	for _, m := range w.EndedMembers {
		if err := t.deferred(ctx, "end memberships", `DELETE FROM memberships WHERE +company_id = ? AND user_id = ? AND origin_id = ?`,
			int64(t.company), int64(m.User), int64(m.Origin)); err != nil {
			return err
		}
	}
	return nil
}

func scanMembership(rows *sql.Rows) (m registry.Membership, err error) {
	return m, rows.Scan(&m.Group, &m.User, &m.MemberGroup, &m.Origin)
}
