package store

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/usherd/usher/internal/registry"
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

// MailCounts tells how many mails of the company are in each state but sent, of
// which there may be any number: queued, held, failed, cancelled.
func (t *Tenant) MailCounts(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT state, count(*) FROM mails WHERE company_id = ? AND state IN ('queued', 'held', 'failed', 'cancelled') GROUP BY state`), int64(t.id))
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
	Code                  string
	Message               registry.Said
	CreatedAt, FinishedAt time.Time
	Attempts              []MailAttempt // oldest first
}

// MailAttempt is one try to deliver a mail.
type MailAttempt struct {
	At      time.Time
	Outcome string // sent, retry, failed
	Code    string
	Message registry.Said
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
func (t *Tenant) Mails(ctx context.Context, state string, limit int) ([]MailRow, error) {
	return t.MailPage(ctx, registry.MailQuery{State: state, Limit: limit})
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
