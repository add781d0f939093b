package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/usherd/usher/internal/registry"
)

// Audit writes down what somebody did or tried.
func (t *Tenant) Audit(ctx context.Context, d registry.Deed) error {
	return t.s.inTx(ctx, func(x *session) error { return x.tenant(t.id).audit(ctx, d) })
}

// audit writes a deed in the transaction of what it tells of.
func (t *tenantTx) audit(ctx context.Context, d registry.Deed) error {
	detail, err := json.Marshal(d.Detail)
	if err != nil {
		return fmt.Errorf("encode audit detail: %w", err)
	}
	if d.At.IsZero() {
		d.At = t.s.now()
	}
	if d.RequestID == "" {
		d.RequestID = registry.RequestID(ctx)
	}
	_, err = t.exec(ctx, `INSERT INTO audits (company_id, at, actor, user_id, action, outcome, subject, address, request_id, detail)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		t.company, micros(d.At), d.Actor, int64(d.User), d.Action, d.Outcome, d.Subject, d.Address, d.RequestID, string(detail))
	if err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}

// Deeds reads what was done, newest first.
func (t *Tenant) Deeds(ctx context.Context, q registry.DeedQuery) ([]registry.Deed, error) {
	where, args := []string{"company_id = ?"}, []any{int64(t.id)}
	add := func(cond string, arg any) { where, args = append(where, cond), append(args, arg) }
	if q.Before != 0 {
		add("id < ?", q.Before)
	}
	switch {
	case strings.HasSuffix(q.Action, "."):
		// The character after the dot bounds what begins with the prefix.
		add("action >= ?", q.Action)
		add("action < ?", strings.TrimSuffix(q.Action, ".")+"/")
	case q.Action != "":
		add("action = ?", q.Action)
	}
	if q.Actor != "" {
		add("actor = ?", q.Actor)
	}
	if !q.Since.IsZero() {
		add("at >= ?", micros(q.Since))
	}
	if !q.Until.IsZero() {
		add("at < ?", micros(q.Until))
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id, at, actor, user_id, action, outcome, subject, address, request_id, detail
		FROM audits WHERE `+strings.Join(where, " AND ")+` ORDER BY id DESC LIMIT ?`), append(args, q.Limit)...)
	return collect(rows, err, func(rows *sql.Rows) (d registry.Deed, err error) {
		var at int64
		var detail []byte
		if err := rows.Scan(&d.ID, &at, &d.Actor, &d.User, &d.Action, &d.Outcome, &d.Subject, &d.Address, &d.RequestID, &detail); err != nil {
			return d, fmt.Errorf("scan audit: %w", err)
		}
		if d.At = fromMicros(at); len(detail) > 0 {
			err = json.Unmarshal(detail, &d.Detail)
		}
		return d, err
	})
}
