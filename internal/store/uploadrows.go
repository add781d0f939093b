package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/usherd/usher/ent/db/upload"
	"github.com/usherd/usher/ent/db/uploadrow"
	"github.com/usherd/usher/internal/registry"
)

// uploadRowsTable is where the outcomes of an upload's rows go.
var uploadRowsTable = newTable(uploadrow.Table,
	"company_id", uploadrow.FieldUploadID, uploadrow.FieldRunID, uploadrow.FieldLine, uploadrow.FieldOutcome, uploadrow.FieldAction,
	uploadrow.FieldCode, uploadrow.FieldName, uploadrow.FieldMessage, uploadrow.FieldItemID,
)

// AddUploadRows keeps what became of some rows of an upload in a run.
func (t *Tenant) AddUploadRows(ctx context.Context, id int64, run registry.RunID, rows []registry.UploadRow) error {
	values := make([][]any, len(rows))
	for i, r := range rows {
		values[i] = []any{
			int64(t.id), id, int64(run), int64(r.Line), r.Outcome, string(r.Action), string(r.Code), asText(r.Name), asText(r.Message), r.Item,
		}
	}
	return t.s.inTx(ctx, func(x *session) error {
		if err := t.mustHave(ctx, x, upload.Table, id); err != nil {
			return fmt.Errorf("add upload rows: %w", err)
		}
		_, err := x.insert(ctx, uploadRowsTable, values)
		return err
	})
}

// UploadRowPage lists rows of an upload as they stand in its file.
func (t *Tenant) UploadRowPage(ctx context.Context, q registry.UploadRowQuery) ([]registry.UploadRow, error) {
	where, args := "", []any{int64(t.id), q.Upload, int64(q.Run), q.After}
	if q.Outcome != "" {
		where, args = " AND outcome = ?", append(args, q.Outcome)
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT line, outcome, action, code, name, message, item_id FROM upload_rows
		WHERE company_id = ? AND upload_id = ? AND run_id = ? AND line > ?`+where+` ORDER BY line LIMIT ?`), append(args, q.Limit)...)
	out, err := collect(rows, err, func(rows *sql.Rows) (r registry.UploadRow, err error) {
		return r, rows.Scan(&r.Line, &r.Outcome, &r.Action, &r.Code, &r.Name, &r.Message, &r.Item)
	})
	if err != nil {
		return nil, fmt.Errorf("read upload rows: %w", err)
	}
	return out, nil
}

// KeepUploadRows deletes the rows of an upload but those of one run.
func (t *Tenant) KeepUploadRows(ctx context.Context, id int64, run registry.RunID) error {
	for n := int64(sweepBatch); n == sweepBatch; {
		err := t.s.inTx(ctx, func(x *session) (err error) {
			n, err = x.affected(ctx, `DELETE FROM upload_rows WHERE company_id = ? AND id IN (
				SELECT id FROM upload_rows WHERE company_id = ? AND upload_id = ? AND run_id <> ? LIMIT ?)`, int64(t.id), int64(t.id), id, int64(run), sweepBatch)
			return err
		})
		if err != nil {
			return fmt.Errorf("delete upload rows: %w", err)
		}
	}
	return nil
}

// expiredUploads are what goes with the content of uploads that have expired, by
// table.
var expiredUploads = []struct{ table, which string }{
	{"upload_parts", `SELECT p.id FROM uploads u JOIN upload_parts p ON p.upload_id = u.id AND p.company_id = u.company_id
		WHERE u.company_id = ? AND u.expires_at <= ?`},
	{"upload_rows", `SELECT w.id FROM uploads u JOIN upload_rows w ON w.upload_id = u.id AND w.company_id = u.company_id
		WHERE u.company_id = ? AND u.expires_at <= ?`},
}

// DropExpiredUploads removes the content of uploads that have expired by now, with
// what was seen in it and became of its rows. The uploads and their counts stay.
func (t *Tenant) DropExpiredUploads(ctx context.Context, now time.Time) error {
	for _, c := range expiredUploads {
		if err := t.s.deleteInBatches(ctx, t.id, c.table, c.which, now); err != nil {
			return fmt.Errorf("delete old rows of %s: %w", c.table, err)
		}
	}
	err := t.s.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `UPDATE uploads SET inspection = NULL WHERE company_id = ? AND expires_at <= ? AND inspection IS NOT NULL`, int64(t.id), micros(now))
		return err
	})
	if err != nil {
		return fmt.Errorf("forget what was seen in uploads: %w", err)
	}
	return nil
}
