package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"
)

// ReleaseMails lets the company's held set-up mails go: they are due at now, and
// their links live until now plus life. It tells how many there were.
func (t *Tenant) ReleaseMails(ctx context.Context, now time.Time, life time.Duration) (int, error) {
	var n int64
	err := t.s.inTx(ctx, func(x *session) (err error) {
		if _, err = x.exec(ctx, `UPDATE setup_links SET expires_at = ? WHERE company_id = ? AND used_at = 0 AND superseded_at = 0
			AND uid IN (SELECT link_uid FROM mails WHERE company_id = ? AND state = 'held')`,
			micros(now.Add(life)), int64(t.id), int64(t.id)); err != nil {
			return err
		}
		n, err = x.affected(ctx, `UPDATE mails SET state = 'queued', next_try = ?, released_at = ? WHERE company_id = ? AND state = 'held'`,
			micros(now), micros(now), int64(t.id))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("release held mails: %w", err)
	}
	return int(n), nil
}

// MailCounts tells how many mails of the company are in each state: queued,
// held, sent, failed, cancelled.
func (t *Tenant) MailCounts(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT state, count(*) FROM mails WHERE company_id = ? GROUP BY state`), int64(t.id))
	err = each(rows, err, func(rows *sql.Rows) error {
		var state string
		var n int64
		err := rows.Scan(&state, &n)
		out[state] = n
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count mails: %w", err)
	}
	return out, nil
}

// MailRow is a mail as an admin sees it.
type MailRow struct {
	ID        int64
	Kind      string
	UserName  string // whom it is for
	To        string
	MessageID string
	State     string // queued, held, sent, failed, cancelled
	NextTry   time.Time
	// Code and Message are the last answer: the mail server's, or our reason.
	Code, Message         string
	CreatedAt, FinishedAt time.Time
	Attempts              []MailAttempt // oldest first
}

// MailAttempt is one try to deliver a mail.
type MailAttempt struct {
	At            time.Time
	Outcome       string // sent, retry, failed
	Code, Message string
}

func scanMail(rows *sql.Rows) (MailRow, error) {
	var m MailRow
	var next, created, finished int64
	err := rows.Scan(&m.ID, &m.Kind, &m.UserName, &m.To, &m.MessageID, &m.State, &next, &m.Code, &m.Message, &created, &finished)
	m.NextTry, m.CreatedAt, m.FinishedAt = fromMicros(next), fromMicros(created), fromMicros(finished)
	return m, err
}

// Mails lists up to limit mails of the company, the newest first; a state other
// than "" leaves out all others.
func (t *Tenant) Mails(ctx context.Context, state string, limit int) (out []MailRow, err error) {
	err = t.s.view(ctx, func(x *session) error {
		rows, err := x.query(ctx, `SELECT m.id, m.kind, coalesce(u.user_name, ''), m.address, m.message_id, m.state, m.next_try, m.code, m.message,
			m.created_at, m.finished_at FROM mails m LEFT JOIN users u ON u.id = m.user_id AND u.company_id = m.company_id
			WHERE m.company_id = ? AND (m.state = ? OR ? = '') ORDER BY m.id DESC LIMIT ?`, int64(t.id), state, state, limit)
		if out, err = collect(rows, err, scanMail); err != nil {
			return fmt.Errorf("list mails: %w", err)
		}
		return x.tenant(t.id).addAttempts(ctx, out)
	})
	return out, err
}

// addAttempts fills in the tries of mails.
func (t *tenantTx) addAttempts(ctx context.Context, mails []MailRow) error {
	byID := make(map[int64]*MailRow, len(mails))
	for i := range mails {
		byID[mails[i].ID] = &mails[i]
	}
	rows, err := t.query(ctx, `SELECT mail_id, at, outcome, code, message FROM mail_attempts WHERE `+t.in("mail_id")+` ORDER BY id`,
		t.company, keys(t.s, slices.Collect(maps.Keys(byID))))
	err = each(rows, err, func(rows *sql.Rows) error {
		var id, at int64
		var a MailAttempt
		err := rows.Scan(&id, &at, &a.Outcome, &a.Code, &a.Message)
		a.At = fromMicros(at)
		if m := byID[id]; m != nil {
			m.Attempts = append(m.Attempts, a)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list attempts: %w", err)
	}
	return nil
}
