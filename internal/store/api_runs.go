package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/usherd/usher/ent/db"
	"github.com/usherd/usher/ent/db/change"
	"github.com/usherd/usher/ent/db/predicate"
	"github.com/usherd/usher/ent/db/run"
	"github.com/usherd/usher/ent/db/runitem"
	"github.com/usherd/usher/internal/registry"
)

// RunPage lists runs, the newest first.
func (t *Tenant) RunPage(ctx context.Context, q registry.RunQuery) ([]*registry.Run, error) {
	rows := t.runs().Limit(q.Limit)
	if q.Source != 0 {
		rows.Where(run.SourceID(q.Source))
	}
	if q.State != "" {
		rows.Where(run.State(string(q.State)))
	}
	if q.Mode != "" {
		rows.Where(run.Mode(q.Mode))
	}
	if !q.Since.IsZero() {
		rows.Where(run.StartedAtGTE(micros(q.Since)))
	}
	if !q.Until.IsZero() {
		rows.Where(run.StartedAtLT(micros(q.Until)))
	}
	switch {
	case q.OldestFirst:
		rows.Where(run.NumberGT(q.From)).Order(run.ByNumber())
	case q.From != 0:
		rows.Where(run.NumberLT(q.From))
		fallthrough
	default:
		rows.Order(run.ByNumber(entDesc()))
	}
	found, err := rows.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list runs: %w", err)
	}
	return t.toRuns(ctx, found)
}

// RunByPublicID finds a run by its id for the outside world.
func (t *Tenant) RunByPublicID(ctx context.Context, id string) (*registry.Run, error) {
	if notText(id) {
		return nil, registry.ErrNotFound
	}
	return t.oneRun(ctx, t.runs().Where(run.PublicID(id)))
}

// CancelRun ends a run that is at work, whichever process does it: the lease is
// taken from under it, so that it writes nothing more and ends by the next sign of
// life. It reports whether the run was at work.
func (t *Tenant) CancelRun(ctx context.Context, id registry.RunID, by string) (bool, error) {
	var n int64
	err := t.s.inTx(ctx, func(x *session) (err error) {
		n, err = x.affected(ctx, `UPDATE runs SET state = 'failed', code = 'cancelled', message = ?, finished_at = ?
			WHERE company_id = ? AND id = ? AND state IN ('reading', 'planning', 'applying')`,
			asText("stopped by "+by+"; what it had done stands"), micros(t.s.now()), int64(t.id), int64(id))
		if err != nil || n == 0 {
			return err
		}
		_, err = x.exec(ctx, `UPDATE sources SET fence = fence + 1, lease_until = 0, lease_holder = ''
			WHERE company_id = ? AND id IN (SELECT source_id FROM runs WHERE company_id = ? AND id = ? AND fence = sources.fence)`,
			int64(t.id), int64(t.id), int64(id))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("cancel run: %w", err)
	}
	return n > 0, nil
}

// ItemPage lists rows of a run's report that are no changes.
func (t *Tenant) ItemPage(ctx context.Context, q registry.RowQuery) ([]registry.RunItem, error) {
	rows := t.s.ent().RunItem.Query().Where(runitem.CompanyID(int64(t.id)), runitem.RunID(int64(q.Run)), runitem.IDGT(q.After))
	if q.Outcome != "" {
		rows.Where(runitem.Outcome(string(q.Outcome)))
	}
	if q.Action != "" {
		rows.Where(runitem.Action(string(q.Action)))
	}
	if q.Code != "" {
		rows.Where(runitem.Code(string(q.Code)))
	}
	found, err := rows.Order(runitem.ByID()).Limit(q.Limit).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read report rows: %w", err)
	}
	out := make([]registry.RunItem, len(found))
	for i, r := range found {
		out[i] = toItem(r)
	}
	return out, nil
}

// changesWhere is the query for a company's changes, narrowed.
func (t *Tenant) changesWhere(q registry.ChangeQuery) *db.ChangeQuery {
	rows := t.s.ent().Change.Query().Where(change.CompanyID(int64(t.id)))
	for _, c := range []struct {
		asked bool
		where predicate.Change
	}{
		{q.Run != 0, change.RunID(int64(q.Run))},
		{q.User != 0, change.UserID(int64(q.User))},
		{q.Group != 0, change.GroupID(int64(q.Group))},
		{q.Action != "", change.Action(string(q.Action))},
		{q.Reason != "", change.Reason(q.Reason)},
		{q.Actor != "", change.Actor(q.Actor)},
		{!q.Since.IsZero(), change.AtGTE(micros(q.Since))},
		{!q.Until.IsZero(), change.AtLT(micros(q.Until))},
		{q.Forward, change.IDGT(q.After)},
		{!q.Forward && q.Before != 0, change.IDLT(q.Before)},
	} {
		if c.asked {
			rows.Where(c.where)
		}
	}
	if q.Forward {
		return rows.Order(change.ByID())
	}
	return rows.Order(change.ByID(entDesc()))
}

// ChangePage lists changes with what people call their records.
func (t *Tenant) ChangePage(ctx context.Context, q registry.ChangeQuery) ([]registry.ChangeRow, error) {
	found, err := t.changesWhere(q).Limit(q.Limit).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read changes: %w", err)
	}
	names, err := t.names(ctx, found)
	if err != nil {
		return nil, err
	}
	out := make([]registry.ChangeRow, len(found))
	users, groups := make([]registry.UserID, len(found)), make([]registry.GroupID, len(found))
	for i, r := range found {
		out[i] = registry.ChangeRow{Change: toChange(r), Name: names[i]}
		users[i], groups[i] = out[i].User, out[i].Group
	}
	people, sets, err := t.PublicIDs(ctx, users, groups)
	for i := range out {
		out[i].PublicID = people[out[i].User] + sets[out[i].Group]
	}
	return out, err
}

// PublicIDs finds the ids for the outside world of people and of groups, of the
// deleted ones too.
func (t *Tenant) PublicIDs(ctx context.Context, users []registry.UserID, groups []registry.GroupID) (map[registry.UserID]string, map[registry.GroupID]string, error) {
	people, err := t.publicIDs(ctx, "users", plain(users))
	if err != nil {
		return nil, nil, err
	}
	sets, err := t.publicIDs(ctx, "groups", plain(groups))
	outUsers, outGroups := map[registry.UserID]string{}, map[registry.GroupID]string{}
	for id, public := range people {
		outUsers[registry.UserID(id)] = public
	}
	for id, public := range sets {
		outGroups[registry.GroupID(id)] = public
	}
	return outUsers, outGroups, err
}

func plain[T ~int64](ids []T) []int64 {
	out := make([]int64, len(ids))
	for i, id := range ids {
		out[i] = int64(id)
	}
	return out
}

func (t *Tenant) publicIDs(ctx context.Context, table string, ids []int64) (map[int64]string, error) {
	out := map[int64]string{}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id, public_id FROM "`+table+`" WHERE `+t.s.byKey("id")), int64(t.id), keys(t.s, ids))
	err = each(rows, err, func(rows *sql.Rows) error {
		var id int64
		var public string
		err := rows.Scan(&id, &public)
		out[id] = public
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read public ids: %w", err)
	}
	return out, nil
}
