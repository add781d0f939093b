package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/usherd/usher/ent/db/upload"
	"github.com/usherd/usher/internal/registry"
)

// UploadPage lists uploads, the newest first.
func (t *Tenant) UploadPage(ctx context.Context, q registry.UploadQuery) ([]*registry.Upload, error) {
	find := t.uploads().Order(upload.ByID(entDesc())).Limit(q.Limit)
	if q.State != "" {
		find.Where(upload.State(string(q.State)))
	}
	if q.Before != 0 {
		find.Where(upload.IDLT(q.Before))
	}
	rows, err := find.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	out := make([]*registry.Upload, len(rows))
	for i, row := range rows {
		if out[i], err = toUpload(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// ReadUpload writes how an upload is read from now on, if it still stands as the
// caller thinks, and reports whether it did.
func (t *Tenant) ReadUpload(ctx context.Context, u *registry.Upload, was registry.UploadState) (bool, error) {
	counts, err := json.Marshal(u.Counts)
	if err != nil {
		return false, fmt.Errorf("encode counts: %w", err)
	}
	var n int
	err = t.s.inTx(ctx, func(x *session) (err error) {
		n, err = t.s.entTx(x.tx).Upload.Update().Where(upload.CompanyID(int64(t.id)), upload.ID(u.ID), upload.State(string(was))).
			SetState(string(u.State)).SetSettings(u.Settings).SetInspection(u.Inspection).SetCounts(counts).SetPreviewRun(int64(u.Preview)).
			SetMessage(asText(u.Message)).Save(ctx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("update upload: %w", err)
	}
	return n > 0, nil
}

// ContactPage lists the company's contacts, those seen last first.
func (t *Tenant) ContactPage(ctx context.Context, q registry.ContactQuery) ([]Contact, error) {
	where, args := "", []any{int64(t.id)}
	if !q.SeenBefore.IsZero() || q.Before != 0 {
		where, args = " AND (u.seen_at, u.id) < (?, ?)", append(args, micros(q.SeenBefore), int64(q.Before))
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT u.id, u.public_id, u.display_name, coalesce(e.address, ''), coalesce(e.verified_at, 0), o.id, o.kind, o.key, u.created_at, u.seen_at
		FROM users u LEFT JOIN emails e ON e.user_id = u.id AND e.company_id = u.company_id AND e.position = 0
		JOIN origins o ON o.id = u.owner_id AND o.company_id = u.company_id
		WHERE u.company_id = ? AND u.association = 'weak' AND u.deleted_at = 0`+where+` ORDER BY u.seen_at DESC, u.id DESC LIMIT ?`), append(args, q.Limit)...)
	return collect(rows, err, func(rows *sql.Rows) (c Contact, err error) {
		var verified, created, seen int64
		err = rows.Scan(&c.Key, &c.ID, &c.Name, &c.Email, &verified, &c.Door.ID, &c.Door.Kind, &c.Door.Key, &created, &seen)
		c.Door.Company, c.Verified, c.CreatedAt, c.LastSeen = t.id, verified != 0, fromMicros(created), fromMicros(seen)
		return c, err
	})
}

// IntakePage lists the messages by which somebody was, or was not, recognised, the
// newest first.
func (t *Tenant) IntakePage(ctx context.Context, q registry.IntakeQuery) ([]registry.IntakeRow, error) {
	where, args := "", []any{int64(t.id)}
	if q.Outcome != "" {
		where, args = where+" AND m.outcome = ?", append(args, q.Outcome)
	}
	if q.Before != 0 {
		where, args = where+" AND (m.at, m.id) < (?, ?)", append(args, micros(q.BeforeAt), q.Before)
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT m.id, m.sender, m.user_id, m.created, m.outcome, m.verdict, m.at,
			coalesce(o.kind, ''), coalesce(o.key, ''), coalesce(u.public_id, ''), coalesce(u.display_name, '')
		FROM intake_messages m LEFT JOIN origins o ON o.id = m.origin_id AND o.company_id = m.company_id
		LEFT JOIN users u ON u.id = m.user_id AND u.company_id = m.company_id
		WHERE m.company_id = ?`+where+` ORDER BY m.at DESC, m.id DESC LIMIT ?`), append(args, q.Limit)...)
	return collect(rows, err, func(rows *sql.Rows) (m registry.IntakeRow, err error) {
		var at int64
		err = rows.Scan(&m.ID, &m.Sender, &m.User, &m.Created, &m.Outcome, &m.Verdict, &at, &m.Door.Kind, &m.Door.Key, &m.PublicID, &m.Name)
		m.At = fromMicros(at)
		return m, err
	})
}

// ApplicationPage lists those who registered with the company, the newest first.
func (t *Tenant) ApplicationPage(ctx context.Context, q registry.ApplicationQuery) ([]registry.Application, error) {
	where, args := "", []any{int64(t.id)}
	if q.State != "" {
		where, args = where+" AND state = ?", append(args, string(q.State))
	}
	if q.Before != 0 {
		where, args = where+" AND id < ?", append(args, q.Before)
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT `+applicationCols+` FROM applications
		WHERE for_company = ?`+where+` ORDER BY id DESC LIMIT ?`), append(args, q.Limit)...)
	return collect(rows, err, scanApplication)
}
