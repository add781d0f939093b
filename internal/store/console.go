package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// CodeCount is how many rows of a run say the same.
type CodeCount struct {
	Outcome registry.Outcome
	Code    registry.Code
	Count   int64
}

// CountItems counts the rows of a run that are no changes by what they say.
func (t *Tenant) CountItems(ctx context.Context, run registry.RunID) ([]CodeCount, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT outcome, code, count(*) FROM run_items WHERE company_id = ? AND run_id = ?
		GROUP BY outcome, code ORDER BY outcome, code`), int64(t.id), int64(run))
	out, err := collect(rows, err, func(rows *sql.Rows) (c CodeCount, err error) { return c, rows.Scan(&c.Outcome, &c.Code, &c.Count) })
	if err != nil {
		return nil, fmt.Errorf("count rows of run: %w", err)
	}
	return out, nil
}

// CountPeople counts the company's people by state, the deleted left out.
func (t *Tenant) CountPeople(ctx context.Context) (map[registry.State]int64, error) {
	type count struct {
		user registry.User
		n    int64
	}
	// The state is made here, from the facts it is made of: one rule, not two.
	// The columns come in the order of their index, which spares a sort.
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT enabled, association, blocks, credential, count(*) FROM users
		WHERE company_id = ? AND deleted_at = 0 GROUP BY enabled, association, blocks, credential`), int64(t.id))
	counts, err := collect(rows, err, func(rows *sql.Rows) (c count, err error) {
		return c, rows.Scan(&c.user.Enabled, &c.user.Association, &c.user.Blocks, &c.user.Credential, &c.n)
	})
	if err != nil {
		return nil, fmt.Errorf("count people: %w", err)
	}
	out := map[registry.State]int64{}
	for _, c := range counts {
		out[c.user.State()] += c.n
	}
	return out, nil
}

// CountOwned counts the company's people by the door that owns them, the deleted
// left out. It groups as the index of counts is sorted, so that it reads nothing
// else.
func (t *Tenant) CountOwned(ctx context.Context) (map[registry.OriginID]int64, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT owner_id, count(*) FROM users WHERE company_id = ? AND deleted_at = 0
		GROUP BY enabled, association, blocks, credential, owner_id`), int64(t.id))
	out := map[registry.OriginID]int64{}
	err = each(rows, err, func(rows *sql.Rows) error {
		var owner registry.OriginID
		var n int64
		err := rows.Scan(&owner, &n)
		out[owner] += n
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count owned people: %w", err)
	}
	return out, nil
}

// ConnectionUse is what became of a connection's requests.
type ConnectionUse struct {
	Last               time.Time // zero for never
	Requests, Failures int64     // of the requests since then
}

// ConnectionUses tells of each connection when it last asked, how often since a
// time and how often in vain.
func (t *Tenant) ConnectionUses(ctx context.Context, since time.Time) (map[registry.OriginID]ConnectionUse, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT o.id,
			coalesce((SELECT max(l.at) FROM scim_requests l WHERE l.company_id = o.company_id AND l.origin_id = o.id), 0),
			count(r.id), coalesce(sum(CASE WHEN r.status >= 400 THEN 1 ELSE 0 END), 0)
		FROM origins o LEFT JOIN scim_requests r ON r.company_id = o.company_id AND r.origin_id = o.id AND r.at >= ?
		WHERE o.company_id = ? AND o.kind = 'scim' AND o.retired_at = 0 GROUP BY o.id`), micros(since), int64(t.id))
	out := map[registry.OriginID]ConnectionUse{}
	err = each(rows, err, func(rows *sql.Rows) error {
		var id registry.OriginID
		var u ConnectionUse
		var last int64
		err := rows.Scan(&id, &last, &u.Requests, &u.Failures)
		u.Last = fromMicros(last)
		out[id] = u
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count requests: %w", err)
	}
	return out, nil
}
