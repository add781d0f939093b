package app

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source/upload"
)

// UploadRow is a row of a file with what became of it in a run, or would.
type UploadRow struct {
	registry.UploadRow
	// Before and After are what differs, in a preview; a run's are in its report.
	Before, After registry.Attributes
}

// rowBatch is how many rows are looked up together, keepBatch how many are kept.
const (
	rowBatch  = 500
	keepBatch = 2000
)

// UploadRows streams the rows of an upload as they stand in the file, with what
// became of each in a run of it.
func (c *Core) UploadRows(ctx context.Context, u *registry.Upload, run *registry.Run, fn func(UploadRow) error) error {
	for q := (registry.UploadRowQuery{Run: run.ID, Limit: rowBatch}); ; {
		batch, err := c.UploadRowPage(ctx, u, q)
		if err != nil {
			return err
		}
		for _, r := range batch {
			if err := fn(r); err != nil {
				return err
			}
		}
		if len(batch) < rowBatch {
			return nil
		}
		q.After = batch[rowBatch-1].Line
	}
}

// UploadRowPage gives some rows of an upload in the order of the file. One whose
// time is over is a MistakeError.
func (c *Core) UploadRowPage(ctx context.Context, u *registry.Upload, q registry.UploadRowQuery) ([]UploadRow, error) {
	if !c.Now().Before(u.ExpiresAt) {
		return nil, uploadGone(u)
	}
	q.Upload = u.ID
	t := c.Store.For(u.Company)
	rows, err := t.UploadRowPage(ctx, q)
	if err != nil {
		return nil, err
	}
	var ids []int64
	for _, r := range rows {
		if r.Item != 0 {
			ids = append(ids, r.Item)
		}
	}
	items, err := t.ItemsByID(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]UploadRow, len(rows))
	for i, r := range rows {
		out[i] = UploadRow{UploadRow: r}
		if it := items[r.Item]; it.Detail != nil {
			out[i].Before, out[i].After = it.Detail.Before, it.Detail.After
		}
	}
	return out, nil
}

// uploadGone says that the content of an upload is not kept any more, and why.
func uploadGone(u *registry.Upload) error {
	if u.Message != "" {
		return mistake("the content of %s is not kept any more: %s", u.FileName, u.Message)
	}
	return mistake("the content of %s is not kept any more; upload it again", u.FileName)
}

// judgeRows writes down what became, or would become, of each row of a file in a
// run, and counts it: the file is read once more, beside the run's report. Memory
// grows with the number of rows by some dozens of bytes each.
func (c *Core) judgeRows(ctx context.Context, u *registry.Upload, run *registry.Run, reader *upload.Source) (n registry.UploadCounts, err error) {
	fates, err := c.fates(ctx, run)
	if err != nil {
		return n, err
	}
	var batch []judged
	flush := func() error {
		err := c.keepRows(ctx, u, run, batch)
		batch = batch[:0]
		return err
	}
	err = reader.Each(ctx, func(r upload.Row) error {
		row := judge(&r, &reader.Settings, fates)
		n.Add(row.Outcome, 1)
		if batch = append(batch, row); len(batch) < keepBatch {
			return nil
		}
		return flush()
	})
	if errors.Is(err, upload.ErrFile) {
		err = nil // the run says so; the rows are those until there
	}
	return n, errors.Join(err, flush())
}

// judged is a row with where in the report it is said why.
type judged struct {
	registry.UploadRow
	why int64
}

// judge says of a row what its fate is.
func judge(r *upload.Row, s *upload.Settings, fates map[string]fate) judged {
	e := &r.Entry
	row := judged{UploadRow: registry.UploadRow{Line: r.Line, Outcome: registry.RowUnchanged}}
	for _, field := range []string{registry.AttrUserName, s.Key} {
		if v := e.Values[upload.Value(field)]; len(v) > 0 && row.Name == "" {
			row.Name = v[0]
		}
	}
	if e.Problem != "" {
		row.Outcome, row.Code, row.Message = registry.RowFailed, registry.Code(e.Code), e.Problem
		return row
	}
	f := fates[e.Anchor]
	row.Action, row.why = f.action, f.remark
	switch f.outcome {
	case "":
	case registry.RowFailed, registry.RowSkipped:
		row.Outcome, row.why = f.outcome, f.item
	default:
		row.Outcome, row.Item = f.outcome, f.item
	}
	return row
}

// keepRows keeps some rows, with the report's words on those that have any.
func (c *Core) keepRows(ctx context.Context, u *registry.Upload, run *registry.Run, batch []judged) error {
	if len(batch) == 0 {
		return nil
	}
	var ids []int64
	for _, r := range batch {
		if r.why != 0 {
			ids = append(ids, r.why)
		}
	}
	t := c.Store.For(u.Company)
	said, err := t.ItemsByID(ctx, ids)
	if err != nil {
		return err
	}
	rows := make([]registry.UploadRow, len(batch))
	for i, r := range batch {
		rows[i] = r.UploadRow
		if it, ok := said[r.why]; ok {
			rows[i].Code, rows[i].Message = it.Code, it.Message
		}
	}
	return t.AddUploadRows(ctx, u.ID, run.ID, rows)
}

// fate is what a report says of somebody, reduced to where it stands.
type fate struct {
	item, remark int64
	outcome      string
	action       registry.Action
}

// outcomes say what the rows of a report mean for a row of the file, and which of
// several counts.
var outcomes = map[registry.Outcome]struct {
	row  string
	rank int
}{
	registry.OutcomeFailed: {registry.RowFailed, 3}, registry.OutcomeConflict: {registry.RowFailed, 3}, registry.OutcomeSkipped: {registry.RowSkipped, 2},
	registry.OutcomePlanned: {registry.RowUpdated, 1}, registry.OutcomeHeld: {registry.RowUpdated, 1},
}

// fates are what a run's report says of each person, by anchor.
func (c *Core) fates(ctx context.Context, run *registry.Run) (map[string]fate, error) {
	t, out, ranks := c.Store.For(run.Company), map[string]fate{}, map[string]int{}
	err := t.ItemKeys(ctx, run.ID, func(it registry.RunItem) error {
		if !ofPerson(it) {
			return nil
		}
		f, o := out[it.Anchor], outcomes[it.Outcome]
		switch {
		case it.Outcome == registry.OutcomeWarning:
			f.remark = it.ID
		case o.rank > ranks[it.Anchor]:
			ranks[it.Anchor] = o.rank
			f.item, f.outcome, f.action = it.ID, o.row, it.Action
			if o.row == registry.RowUpdated && it.Action == registry.ActionCreate {
				f.outcome = registry.RowCreated
			}
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
			if f.outcome = registry.RowUpdated; action == registry.ActionCreate {
				f.outcome = registry.RowCreated
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
	if !c.Now().Before(u.ExpiresAt) {
		return 0, uploadGone(u)
	}
	settings, err := uploadSettings(u)
	if err != nil {
		return 0, err
	}
	m, err := upload.NewMend(w, &settings)
	if err != nil {
		return 0, err
	}
	n, rows := 0, rowWalk{c: c, u: u, q: registry.UploadRowQuery{Run: run.ID, Limit: rowBatch}}
	src := &upload.Source{File: c.keptFile(ctx, u), Settings: settings}
	err = src.Each(ctx, func(r upload.Row) error {
		row, err := rows.at(ctx, r.Line)
		if err != nil || row == nil || row.Outcome != registry.RowFailed && row.Outcome != registry.RowSkipped {
			return err
		}
		n++
		return m.Row(&r.Record, string(row.Code), row.Message.String())
	})
	if err := errors.Join(uploadMistake(err), m.Close()); err != nil {
		return n, err
	}
	return n, c.uploadDeed(ctx, u, actor, "upload.failed_rows", map[string]string{"rows": fmt.Sprint(n)})
}

// rowWalk goes through the rows of an upload beside its file.
type rowWalk struct {
	c     *Core
	u     *registry.Upload
	q     registry.UploadRowQuery
	batch []registry.UploadRow
	ended bool
}

// at is the row of a line, which is behind the last; nil where none was judged.
func (w *rowWalk) at(ctx context.Context, line int) (*registry.UploadRow, error) {
	for {
		for len(w.batch) > 0 && w.batch[0].Line < line {
			w.batch = w.batch[1:]
		}
		switch {
		case len(w.batch) > 0 && w.batch[0].Line == line:
			return &w.batch[0], nil
		case len(w.batch) > 0 || w.ended:
			return nil, nil
		}
		w.q.Upload, w.q.After = w.u.ID, line-1
		var err error
		if w.batch, err = w.c.Store.For(w.u.Company).UploadRowPage(ctx, w.q); err != nil {
			return nil, err
		}
		w.ended = len(w.batch) < w.q.Limit
	}
}
