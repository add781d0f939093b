package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// IntakeMessage tells what a message made when it came before, by what makes it
// the same message.
func (t *Tenant) IntakeMessage(ctx context.Context, origin registry.OriginID, key string) (m registry.IntakeMessage, err error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT sender, user_id, created, outcome, verdict, at FROM intake_messages
		WHERE company_id = ? AND origin_id = ? AND message_key = ?`), int64(t.id), int64(origin), key)
	return one(rows, err, func(rows *sql.Rows) (registry.IntakeMessage, error) {
		m := registry.IntakeMessage{Origin: origin, Key: key}
		var at int64
		err := rows.Scan(&m.Sender, &m.User, &m.Created, &m.Outcome, &m.Verdict, &at)
		m.At = fromMicros(at)
		return m, err
	})
}

// NoteIntake writes down what a message made. Of the same message twice the first
// note stays.
func (t *Tenant) NoteIntake(ctx context.Context, m registry.IntakeMessage) error {
	err := t.s.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `INSERT INTO intake_messages (company_id, origin_id, message_key, sender, user_id, created, outcome, verdict, at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (company_id, origin_id, message_key) DO NOTHING`,
			int64(t.id), int64(m.Origin), m.Key, m.Sender, int64(m.User), m.Created, m.Outcome, m.Verdict, micros(m.At))
		return err
	})
	if err != nil {
		return fmt.Errorf("note message: %w", err)
	}
	return nil
}

// arrived are the messages at a door that made somebody, after a time.
const arrived = `origins o JOIN intake_messages m ON m.origin_id = o.id AND m.company_id = o.company_id
	WHERE o.company_id = ? AND o.kind = ? AND m.created AND m.at > ?`

// Arrivals counts the contacts that messages made at a door since a time, and
// gives their addresses, up to most.
func (t *Tenant) Arrivals(ctx context.Context, door registry.OriginKind, since time.Time, most int) (n int64, senders []string, err error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT count(*) FROM `+arrived),
		int64(t.id), string(door), micros(since))
	if n, err = one(rows, err, scanInt); err != nil || n == 0 {
		return n, nil, err
	}
	rows, err = t.s.read.QueryContext(ctx, t.s.rebind(`SELECT sender FROM `+arrived+` AND sender <> '' ORDER BY m.at LIMIT ?`),
		int64(t.id), string(door), micros(since), most)
	senders, err = collect(rows, err, scanString)
	return n, senders, err
}

// HasPeopleAt tells whether a full account of the company has a verified address
// at the mail domain, which is in its ASCII form and so has nothing that LIKE
// would take for a pattern.
func (t *Tenant) HasPeopleAt(ctx context.Context, domain string) (bool, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT 1 FROM emails e JOIN users u ON u.id = e.user_id AND u.company_id = e.company_id
		WHERE e.company_id = ? AND e.address_key LIKE ? AND e.verified_at <> 0 AND u.association = 'strong' AND u.deleted_at = 0 LIMIT 1`),
		int64(t.id), "%@"+domain)
	_, err = one(rows, err, scanInt)
	if errors.Is(err, registry.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// ToldOrigin is when the admins were told about a door, zero for never.
func (t *Tenant) ToldOrigin(ctx context.Context, door registry.OriginKind) (time.Time, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT settings FROM origins WHERE company_id = ? AND kind = ? AND key = ?`), int64(t.id), string(door), string(door))
	settings, err := one(rows, err, func(rows *sql.Rows) (doc []byte, err error) { return doc, rows.Scan(&doc) })
	if errors.Is(err, registry.ErrNotFound) {
		return time.Time{}, nil // nobody ever came by it
	}
	if err != nil {
		return time.Time{}, err
	}
	at, err := toldAt(settings)
	return fromMicros(at), err
}

// toldAt reads when the admins were last told of a door from its settings.
func toldAt(settings []byte) (int64, error) {
	var told struct {
		At int64 `json:"told_at"`
	}
	if len(settings) == 0 {
		return 0, nil
	}
	if err := json.Unmarshal(settings, &told); err != nil {
		return 0, fmt.Errorf("decode settings of a door: %w", err)
	}
	return told.At, nil
}

// TellOrigin notes what the admins are told of a door and mails them, if there is
// a notice. It does so only while they were last told at was: of two processes
// one tells.
func (t *Tenant) TellOrigin(ctx context.Context, door registry.OriginKind, was, now time.Time, n *registry.Notice) error {
	return t.s.inTx(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		rows, err := tx.query(ctx, `SELECT settings FROM origins WHERE company_id = ? AND kind = ? AND key = ?`+tx.forUpdate(), int64(t.id), string(door), string(door))
		settings, err := one(rows, err, func(rows *sql.Rows) (doc []byte, err error) { return doc, rows.Scan(&doc) })
		if err != nil {
			return err
		}
		if at, err := toldAt(settings); err != nil || at != micros(was) {
			return err
		}
		if _, err := x.exec(ctx, `UPDATE origins SET settings = ? WHERE company_id = ? AND kind = ? AND key = ?`,
			fmt.Sprintf(`{"told_at":%d}`, micros(now)), int64(t.id), string(door), string(door)); err != nil || n == nil {
			return err
		}
		return t.tellAdmins(ctx, x, *n)
	})
}
