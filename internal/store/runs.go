package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/usherd/usher/ent/db"
	"github.com/usherd/usher/ent/db/change"
	"github.com/usherd/usher/ent/db/run"
	"github.com/usherd/usher/ent/db/runitem"
	"github.com/usherd/usher/ent/db/source"
	"github.com/usherd/usher/internal/registry"
)

// CreateRun enters a run and numbers it.
func (t *Tenant) CreateRun(ctx context.Context, r *registry.Run) error {
	return t.s.inTx(ctx, func(x *session) error {
		if err := t.mustHave(ctx, x, source.Table, r.Source); err != nil {
			return fmt.Errorf("create run: %w", err)
		}
		rows, err := x.query(ctx, `SELECT coalesce(max(number), 0) + 1 FROM runs WHERE company_id = ?`, int64(t.id))
		if r.Number, err = one(rows, err, scanInt); err != nil {
			return fmt.Errorf("number run: %w", err)
		}
		row, err := t.s.entTx(x.tx).Run.Create().SetCompanyID(int64(t.id)).SetPublicID(r.PublicID).SetSourceID(r.Source).
			SetNumber(r.Number).SetMode(r.Mode).SetTrigger(r.Trigger).SetActor(r.Actor).SetState(string(r.State)).
			SetFence(r.Fence).SetResumes(int64(r.Resumes)).SetCreatedAt(micros(r.CreatedAt)).SetStartedAt(micros(r.StartedAt)).Save(ctx)
		if err != nil {
			return fmt.Errorf("create run: %w", err)
		}
		r.ID = registry.RunID(row.ID)
		return nil
	})
}

// mustHave returns registry.ErrNotFound unless the company has the row.
func (t *Tenant) mustHave(ctx context.Context, x *session, table string, id int64) error {
	rows, err := x.query(ctx, `SELECT id FROM "`+table+`" WHERE company_id = ? AND id = ?`, int64(t.id), id)
	_, err = one(rows, err, scanInt)
	return err
}

// UpdateRun writes how a run stands. Only the holder of the lease may.
func (t *Tenant) UpdateRun(ctx context.Context, f registry.Fence, r *registry.Run) error {
	return t.s.inTx(ctx, func(x *session) error { return t.writeRun(ctx, x, f, r) })
}

func (t *Tenant) writeRun(ctx context.Context, x *session, f registry.Fence, r *registry.Run) error {
	if err := x.checkFence(ctx, t.id, f); err != nil {
		return err
	}
	if err := x.tenant(t.id).tellRun(ctx, r); err != nil {
		return err
	}
	n, err := t.s.entTx(x.tx).Run.Update().Where(run.CompanyID(int64(t.id)), run.ID(int64(r.ID))).
		SetState(string(r.State)).SetComplete(r.Complete).SetFull(r.Full).SetCounts(r.Counts).SetLimits(r.Limits).SetPlanHash(r.PlanHash).
		SetCode(r.Code).SetMessage(asText(r.Message)).SetNotes(texts(r.Notes)).SetFinishedAt(micros(r.FinishedAt)).Save(ctx)
	if err == nil && n == 0 {
		err = registry.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("update run: %w", err)
	}
	return nil
}

// DecideRun records an admin's word on a held run, once, and what a rejection
// means for the source.
func (t *Tenant) DecideRun(ctx context.Context, held *registry.Run, d registry.Decision) (bool, error) {
	var n int
	err := t.s.inTx(ctx, func(x *session) (err error) {
		n, err = t.s.entTx(x.tx).Run.Update().
			Where(run.CompanyID(int64(t.id)), run.ID(int64(held.ID)), run.State(string(registry.RunHeld))).
			SetState(string(d.State)).SetDecidedBy(d.By).SetDecisionNote(asText(d.Note)).SetDecidedAt(micros(t.s.now())).Save(ctx)
		switch {
		case err != nil || n == 0 || d.State != registry.RunRejected:
			return err
		case d.Pause:
			return t.pause(ctx, x, held.Source, d.By, d.Note)
		}
		return x.tenant(t.id).tellingHealth(ctx, held.Source, func() error {
			_, err := x.exec(ctx, `UPDATE sources SET no_removals = true WHERE company_id = ? AND id = ?`, int64(t.id), held.Source)
			return err
		})
	})
	return n > 0, err
}

// runs is the query for a company's runs with their source.
func (t *Tenant) runs() *db.RunQuery {
	return t.s.ent().Run.Query().Where(run.CompanyID(int64(t.id)))
}

// Runs lists runs, the newest first; source 0 means every source.
func (t *Tenant) Runs(ctx context.Context, src registry.SourceID, limit int) ([]*registry.Run, error) {
	return t.RunPage(ctx, registry.RunQuery{Source: src, Limit: limit})
}

// LastRun is the newest run of a source that was no preview, nil when there is
// none.
func (t *Tenant) LastRun(ctx context.Context, src registry.SourceID) (*registry.Run, error) {
	rows, err := t.runs().Where(run.SourceID(src), run.Mode(registry.ModeRun)).Order(run.ByNumber(entDesc())).Limit(1).All(ctx)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	list, err := t.toRuns(ctx, rows)
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

// RunByNumber finds a run by the number people type.
func (t *Tenant) RunByNumber(ctx context.Context, number int64) (*registry.Run, error) {
	return t.oneRun(ctx, t.runs().Where(run.Number(number)))
}

// Run finds a run by its key.
func (t *Tenant) Run(ctx context.Context, id registry.RunID) (*registry.Run, error) {
	return t.oneRun(ctx, t.runs().Where(run.ID(int64(id))))
}

func (t *Tenant) oneRun(ctx context.Context, q *db.RunQuery) (*registry.Run, error) {
	row, err := q.Only(ctx)
	if db.IsNotFound(err) {
		return nil, registry.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find run: %w", err)
	}
	list, err := t.toRuns(ctx, []*db.Run{row})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func (t *Tenant) toRuns(ctx context.Context, rows []*db.Run) ([]*registry.Run, error) {
	sources, err := t.s.ent().Source.Query().Where(source.CompanyID(int64(t.id))).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list sources: %w", err)
	}
	byID := make(map[int64]*db.Source, len(sources))
	for _, s := range sources {
		byID[s.ID] = s
	}
	out := make([]*registry.Run, len(rows))
	for i, r := range rows {
		out[i] = toRun(r, byID[r.SourceID])
	}
	return out, nil
}

func toRun(r *db.Run, src *db.Source) *registry.Run {
	out := &registry.Run{
		ID: registry.RunID(r.ID), PublicID: r.PublicID, Company: registry.CompanyID(r.CompanyID), Source: r.SourceID,
		Number: r.Number, Mode: r.Mode, Trigger: r.Trigger, Actor: r.Actor, State: registry.RunState(r.State),
		Fence: r.Fence, Resumes: registry.RunID(r.Resumes), Complete: r.Complete, Full: r.Full, Counts: r.Counts, Limits: r.Limits,
		PlanHash: r.PlanHash, Code: r.Code, Message: registry.Said(r.Message), Notes: said(r.Notes),
		DecidedBy: r.DecidedBy, DecisionNote: r.DecisionNote, DecidedAt: fromMicros(r.DecidedAt),
		CreatedAt: fromMicros(r.CreatedAt), StartedAt: fromMicros(r.StartedAt), FinishedAt: fromMicros(r.FinishedAt),
	}
	if src != nil {
		out.Origin, out.SourceKey = registry.OriginID(src.OriginID), src.Key
	}
	return out
}

// itemsTable is where report rows go.
var itemsTable = newTable(runitem.Table,
	"company_id", runitem.FieldRunID, runitem.FieldOutcome, runitem.FieldAction, runitem.FieldCode, runitem.FieldAnchor,
	runitem.FieldName, runitem.FieldUserID, runitem.FieldGroupID, runitem.FieldMessage, runitem.FieldDetail, runitem.FieldAt,
)

// AddItems appends rows to a run's report. Only the holder of the lease may.
func (t *Tenant) AddItems(ctx context.Context, f registry.Fence, id registry.RunID, items []registry.RunItem) error {
	if len(items) == 0 {
		return nil
	}
	rows, err := t.itemRows(id, items)
	if err != nil {
		return err
	}
	return t.s.inTx(ctx, func(x *session) error {
		if err := x.checkFence(ctx, t.id, f); err != nil {
			return err
		}
		if err := t.mustHave(ctx, x, run.Table, int64(id)); err != nil {
			return fmt.Errorf("add report rows: %w", err)
		}
		_, err := x.insert(ctx, itemsTable, rows)
		return err
	})
}

// itemRows are the values of itemsTable. What a directory sent may be no text;
// the row that reports so must still go in.
func (t *Tenant) itemRows(id registry.RunID, items []registry.RunItem) ([][]any, error) {
	rows := make([][]any, len(items))
	for i, it := range items {
		var detail any
		if it.Detail != nil {
			doc, err := json.Marshal(registry.Payload{
				Before: textOnly(it.Detail.Before), After: textOnly(it.Detail.After), Added: it.Detail.Added, Removed: it.Detail.Removed, Kept: it.Detail.Kept,
				AddedIDs: it.Detail.AddedIDs, RemovedIDs: it.Detail.RemovedIDs, Candidates: it.Detail.Candidates, Kind: it.Detail.Kind,
			})
			if err != nil {
				return nil, fmt.Errorf("encode report row: %w", err)
			}
			detail = string(doc)
		}
		rows[i] = []any{
			int64(t.id), int64(id), string(it.Outcome), string(it.Action), string(it.Code), asText(it.Anchor),
			asText(it.Name), int64(it.User), int64(it.Group), asText(it.Message), detail, micros(it.At),
		}
	}
	return rows, nil
}

// textOnly makes text of every value.
func textOnly(a registry.Attributes) registry.Attributes {
	out := make(registry.Attributes, len(a))
	for name, values := range a {
		out[asText(name)] = texts(values)
	}
	return out
}

func texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = asText(v)
	}
	return out
}

func said(texts []string) []registry.Said {
	var out []registry.Said
	for _, t := range texts {
		out = append(out, registry.Said(t))
	}
	return out
}

// pageSize is how many rows a streaming query fetches at once.
const pageSize = 1000

// Items streams the report rows of a run with one of these outcomes, all of
// them when none is named, in the order they were written.
func (t *Tenant) Items(ctx context.Context, id registry.RunID, fn func(registry.RunItem) error, outcomes ...registry.Outcome) error {
	names := make([]string, len(outcomes))
	for i, o := range outcomes {
		names[i] = string(o)
	}
	for after := int64(0); ; {
		q := t.s.ent().RunItem.Query().Where(runitem.CompanyID(int64(t.id)), runitem.RunID(int64(id)), runitem.IDGT(after))
		if len(names) > 0 {
			q.Where(runitem.OutcomeIn(names...))
		}
		rows, err := q.Order(runitem.ByID()).Limit(pageSize).All(ctx)
		if err != nil {
			return fmt.Errorf("read report rows: %w", err)
		}
		for _, r := range rows {
			if err := fn(toItem(r)); err != nil {
				return err
			}
			after = r.ID
		}
		if len(rows) < pageSize {
			return nil
		}
	}
}

func toItem(r *db.RunItem) registry.RunItem {
	return registry.RunItem{
		ID: r.ID, Outcome: registry.Outcome(r.Outcome), Action: registry.Action(r.Action), Code: registry.Code(r.Code),
		Anchor: r.Anchor, Name: r.Name, User: registry.UserID(r.UserID), Group: registry.GroupID(r.GroupID),
		Message: registry.Said(r.Message), Detail: r.Detail, At: fromMicros(r.At),
	}
}

// ChangesOf streams the changes a run made, with what people call the record.
func (t *Tenant) ChangesOf(ctx context.Context, id registry.RunID, fn func(registry.Change, string) error) error {
	for after := int64(0); ; {
		rows, err := t.s.ent().Change.Query().
			Where(change.CompanyID(int64(t.id)), change.RunID(int64(id)), change.IDGT(after)).
			Order(change.ByID()).Limit(pageSize).All(ctx)
		if err != nil {
			return fmt.Errorf("read changes: %w", err)
		}
		names, err := t.names(ctx, rows)
		if err != nil {
			return err
		}
		for i, r := range rows {
			if err := fn(toChange(r), names[i]); err != nil {
				return err
			}
			after = r.ID
		}
		if len(rows) < pageSize {
			return nil
		}
	}
}

func toChange(r *db.Change) registry.Change {
	c := registry.Change{
		ID: r.ID, At: fromMicros(r.At), Actor: r.Actor, Origin: registry.OriginID(r.OriginID), Action: registry.Action(r.Action),
		Reason: r.Reason, Version: r.Version, Payload: r.Payload,
	}
	if r.RunID != nil {
		c.Run = registry.RunID(*r.RunID)
	}
	if r.UserID != nil {
		c.User = registry.UserID(*r.UserID)
	}
	if r.GroupID != nil {
		c.Group = registry.GroupID(*r.GroupID)
	}
	if r.ResourceID != nil {
		c.Resource = registry.ResourceID(*r.ResourceID)
	}
	return c
}

func scanInt(rows *sql.Rows) (v int64, err error) { return v, rows.Scan(&v) }
