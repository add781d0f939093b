package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source/upload"
)

// What becomes of a row.
const (
	RowCreated   = "created"
	RowUpdated   = "updated"
	RowUnchanged = "unchanged"
	RowSkipped   = "skipped"
	RowFailed    = "failed"
)

// UploadRow is a row of a file with what became of it in a run, or would.
type UploadRow struct {
	// Line is where it stands in the file, from 1.
	Line int
	// Outcome is one of the constants above.
	Outcome string
	// Action is what was done with a row that was created or updated, or would be.
	Action registry.Action
	// Code and Message say why, of one that failed or was skipped, and of one
	// that went through with a remark.
	Code    registry.Code
	Message registry.Said
	// Name is the userName, or the key, that the row says.
	Name   string
	Anchor string
	// Before and After are what differs, in a preview; a run's are in its report.
	Before, After registry.Attributes

	record upload.Record
	item   int64
	remark int64
}

// rowBatch is how many rows are looked up together.
const rowBatch = 500

// fate is what a report says of somebody, reduced to where it stands.
type fate struct {
	item, remark int64
	outcome      string
	action       registry.Action
}

// outcomes say what the rows of a report mean for a row of the file; who has
// several has the first of these.
var outcomes = map[registry.Outcome]string{
	registry.OutcomeFailed: RowFailed, registry.OutcomeConflict: RowFailed, registry.OutcomeSkipped: RowSkipped,
	registry.OutcomePlanned: RowUpdated, registry.OutcomeHeld: RowUpdated,
}

// UploadRows streams the rows of an upload as they stand in the file, with what
// became of each in a run of it. Memory grows with the number of rows by some
// dozens of bytes each.
func (c *Core) UploadRows(ctx context.Context, u *registry.Upload, run *registry.Run, fn func(UploadRow) error) error {
	return c.rowBatches(ctx, u, run, UploadRowQuery{}, func(batch []UploadRow) error {
		for i := range batch {
			if err := fn(batch[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// UploadRowQuery asks for a stretch of an upload's rows.
type UploadRowQuery struct {
	// After is the line behind which it begins, 0 for the first; Limit is how many
	// there are at most, 0 for all.
	After, Limit int
	// Outcome is one of the constants above, "" for all.
	Outcome string
}

// UploadRowPage gives some rows of an upload in the order of the file, which is
// read up to the last of them.
func (c *Core) UploadRowPage(ctx context.Context, u *registry.Upload, run *registry.Run, q UploadRowQuery) (page []UploadRow, err error) {
	err = c.rowBatches(ctx, u, run, q, func(batch []UploadRow) error {
		page = append(page, batch...)
		return nil
	})
	return page, uploadMistake(err)
}

// errEnough ends the reading of a file of which enough was read.
var errEnough = errors.New("enough rows")

// rowBatches gives rows of an upload some hundreds at a time; a batch is to be used
// before the next comes.
func (c *Core) rowBatches(ctx context.Context, u *registry.Upload, run *registry.Run, q UploadRowQuery, fn func([]UploadRow) error) error {
	settings, err := uploadSettings(u)
	if err != nil {
		return err
	}
	fates, err := c.fates(ctx, run)
	if err != nil {
		return err
	}
	var batch []UploadRow
	flush := func() error {
		if err := c.fillRows(ctx, u, batch); err != nil {
			return err
		}
		err := fn(batch)
		batch = batch[:0]
		return err
	}
	n := 0
	src := &upload.Source{File: c.keptFile(ctx, u), Settings: settings}
	err = src.Each(ctx, func(r upload.Row) error {
		if r.Line <= q.After {
			return nil
		}
		row := uploadRow(&r, &settings, fates)
		if q.Outcome != "" && row.Outcome != q.Outcome {
			return nil
		}
		batch = append(batch, row)
		if n++; n == q.Limit {
			return errEnough
		}
		if len(batch) < rowBatch {
			return nil
		}
		return flush()
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, flush())
}

// fillRows enters what the report says of rows.
func (c *Core) fillRows(ctx context.Context, u *registry.Upload, rows []UploadRow) error {
	var ids []int64
	for _, r := range rows {
		for _, id := range []int64{r.item, r.remark} {
			if id != 0 {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	items, err := c.Store.For(u.Company).ItemsByID(ctx, ids)
	if err != nil {
		return err
	}
	for i := range rows {
		rows[i].fill(items)
	}
	return nil
}

// uploadRow says of a row what its fate is.
func uploadRow(r *upload.Row, s *upload.Settings, fates map[string]fate) UploadRow {
	e := &r.Entry
	row := UploadRow{Line: r.Line, Outcome: RowUnchanged, Anchor: e.Anchor, record: r.Record}
	for _, field := range []string{registry.AttrUserName, s.Key} {
		if v := e.Values[upload.Value(field)]; len(v) > 0 && row.Name == "" {
			row.Name = v[0]
		}
	}
	if e.Problem != "" {
		row.Outcome, row.Code, row.Message = RowFailed, registry.Code(e.Code), e.Problem
		return row
	}
	if f, ok := fates[e.Anchor]; ok {
		row.item, row.remark, row.Action = f.item, f.remark, f.action
		if f.outcome != "" {
			row.Outcome = f.outcome
		}
	}
	return row
}

// fill enters what the report's rows say.
func (r *UploadRow) fill(items map[int64]registry.RunItem) {
	for _, id := range []int64{r.item, r.remark} {
		it, ok := items[id]
		if !ok {
			continue
		}
		if it.Message != "" && r.Message == "" {
			r.Code, r.Message = it.Code, it.Message
		}
		if it.Detail != nil && id == r.item && r.Outcome != RowFailed {
			r.Before, r.After = it.Detail.Before, it.Detail.After
		}
	}
}

// fates are what a run's report says of each person, by anchor.
func (c *Core) fates(ctx context.Context, run *registry.Run) (map[string]fate, error) {
	t, out := c.Store.For(run.Company), map[string]fate{}
	rank := map[string]int{RowFailed: 3, RowSkipped: 2, RowUpdated: 1, RowCreated: 1}
	err := t.ItemKeys(ctx, run.ID, func(it registry.RunItem) error {
		if !ofPerson(it) {
			return nil
		}
		f := out[it.Anchor]
		switch o := outcomes[it.Outcome]; {
		case it.Outcome == registry.OutcomeWarning:
			f.remark = it.ID
		case rank[o] > rank[f.outcome]:
			if o == RowUpdated && it.Action == registry.ActionCreate {
				o = RowCreated
			}
			f.item, f.outcome, f.action = it.ID, o, it.Action
		}
		out[it.Anchor] = f
		return nil
	})
	if err != nil || run.Mode == registry.ModePreview {
		return out, err
	}
	return out, c.addChanges(ctx, run, out)
}

// addChanges adds whom a run changed.
func (c *Core) addChanges(ctx context.Context, run *registry.Run, out map[string]fate) error {
	t := c.Store.For(run.Company)
	did := map[registry.UserID]registry.Action{}
	err := t.ChangesOf(ctx, run.ID, func(ch registry.Change, _ string) error {
		if ch.User != 0 {
			did[ch.User] = ch.Action
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.LinkedUsers(ctx, run.Origin, func(l registry.LinkedUser) error {
		action, ok := did[l.User]
		if !ok {
			return nil
		}
		f := out[l.Anchor]
		if f.action = action; f.outcome == "" {
			if f.outcome = RowUpdated; action == registry.ActionCreate {
				f.outcome = RowCreated
			}
		}
		out[l.Anchor] = f
		return nil
	})
}

// WriteFailedRows writes the rows of an upload that failed, or were skipped, in
// a run as a CSV with the columns they had and why, to be mended and uploaded
// again. It gives how many there are.
func (c *Core) WriteFailedRows(ctx context.Context, u *registry.Upload, run *registry.Run, actor string, w io.Writer) (int, error) {
	settings, err := uploadSettings(u)
	if err != nil {
		return 0, err
	}
	m, err := upload.NewMend(w, &settings)
	if err != nil {
		return 0, err
	}
	n := 0
	err = c.UploadRows(ctx, u, run, func(r UploadRow) error {
		if r.Outcome != RowFailed && r.Outcome != RowSkipped {
			return nil
		}
		n++
		return m.Row(&r.record, string(r.Code), r.Message.String())
	})
	if err := errors.Join(uploadMistake(err), m.Close()); err != nil {
		return n, err
	}
	return n, c.uploadDeed(ctx, u, actor, "upload.failed_rows", map[string]string{"rows": fmt.Sprint(n)})
}
