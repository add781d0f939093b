package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// mailCols are what scanMail reads.
const mailCols = `m.id, m.kind, coalesce(u.user_name, ''), m.address, m.message_id, m.state, m.next_try, m.code, m.message,
	m.created_at, m.finished_at FROM mails m LEFT JOIN users u ON u.id = m.user_id AND u.company_id = m.company_id`

// MailPage lists mails with their tries, the newest first.
func (t *Tenant) MailPage(ctx context.Context, q registry.MailQuery) ([]MailRow, error) {
	c := &conditions{}
	c.add("m.company_id = ?", int64(t.id))
	if q.State != "" {
		c.add("m.state = ?", q.State)
	}
	if q.User != 0 {
		c.add("m.user_id = ?", int64(q.User))
	}
	if q.Before != 0 {
		c.add("m.id < ?", q.Before)
	}
	return t.mails(ctx, c, q.Limit)
}

func (t *Tenant) mails(ctx context.Context, c *conditions, limit int) (out []MailRow, err error) {
	err = t.s.view(ctx, func(x *session) error {
		rows, err := x.query(ctx, `SELECT `+mailCols+` WHERE `+c.String()+` ORDER BY m.id DESC LIMIT ?`, append(c.args, limit)...)
		if out, err = collect(rows, err, scanMail); err != nil {
			return fmt.Errorf("list mails: %w", err)
		}
		return x.tenant(t.id).addAttempts(ctx, out)
	})
	return out, err
}

// MailByMessageID finds a mail by its Message-ID.
func (t *Tenant) MailByMessageID(ctx context.Context, id string) (MailRow, error) {
	if notText(id) {
		return MailRow{}, registry.ErrNotFound
	}
	c := &conditions{}
	c.add("m.company_id = ? AND m.message_id = ?", int64(t.id), id)
	found, err := t.mails(ctx, c, 1)
	if err == nil && len(found) == 0 {
		err = registry.ErrNotFound
	}
	if err != nil {
		return MailRow{}, err
	}
	return found[0], nil
}

// ReleaseMail lets one held mail go, as ReleaseMails does. It reports whether the
// mail was held.
func (t *Tenant) ReleaseMail(ctx context.Context, id int64, now time.Time, life time.Duration) (bool, error) {
	var n int64
	err := t.s.inTx(ctx, func(x *session) (err error) {
		if _, err = x.exec(ctx, `UPDATE setup_links SET expires_at = ? WHERE company_id = ? AND used_at = 0 AND superseded_at = 0
			AND uid IN (SELECT link_uid FROM mails WHERE company_id = ? AND id = ? AND state = 'held')`,
			micros(now.Add(life)), int64(t.id), int64(t.id), id); err != nil {
			return err
		}
		n, err = x.affected(ctx, `UPDATE mails SET state = 'queued', next_try = ?, released_at = ? WHERE company_id = ? AND id = ? AND state = 'held'`,
			micros(now), micros(now), int64(t.id), id)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("release mail: %w", err)
	}
	return n > 0, nil
}

// CancelMail has a mail that waits never be sent. It reports whether it waited:
// one that is being sent at this moment does not.
func (t *Tenant) CancelMail(ctx context.Context, id int64, by string) (bool, error) {
	var n int64
	err := t.s.inTx(ctx, func(x *session) (err error) {
		n, err = x.affected(ctx, `UPDATE mails SET state = 'cancelled', next_try = 0, code = '', message = ?, finished_at = ?
			WHERE company_id = ? AND id = ? AND state IN ('held', 'queued') AND claimed_until <= `+x.s.clock(),
			asText(registry.Say("cancelled by %s", registry.ActorWord(by))), micros(t.s.now()), int64(t.id), id)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("cancel mail: %w", err)
	}
	return n > 0, nil
}

// ResendMail queues a mail that was sent or failed once more. It reports whether
// there was one.
func (t *Tenant) ResendMail(ctx context.Context, id int64, now time.Time) (bool, error) {
	var n int64
	err := t.s.inTx(ctx, func(x *session) (err error) {
		n, err = x.affected(ctx, `UPDATE mails SET state = 'queued', next_try = ?, released_at = ?, finished_at = 0, code = '', message = ''
			WHERE company_id = ? AND id = ? AND state IN ('sent', 'failed')`, micros(now), micros(now), int64(t.id), id)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("resend mail: %w", err)
	}
	return n > 0, nil
}

// ScimRequestPage lists a connection's requests, the newest first.
func (t *Tenant) ScimRequestPage(ctx context.Context, q registry.ScimRequestQuery) ([]registry.ScimRequest, error) {
	c := &conditions{}
	c.add("company_id = ? AND origin_id = ?", int64(t.id), int64(q.Origin))
	if q.Failed {
		c.add("status >= 400")
	}
	if q.Method != "" {
		c.add("method = ?", q.Method)
	}
	if q.Status != 0 {
		c.add("status = ?", int64(q.Status))
	}
	if q.ID != "" {
		c.add("request_id = ?", q.ID)
	}
	if !q.Since.IsZero() {
		c.add("at >= ?", micros(q.Since))
	}
	if !q.Until.IsZero() {
		c.add("at < ?", micros(q.Until))
	}
	c.addRequestText(q.Text)
	if q.BeforeID != 0 {
		c.add("at <= ? AND (at < ? OR id < ?)", micros(q.BeforeAt), micros(q.BeforeAt), q.BeforeID)
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id, origin_id, at, request_id, method, path, status, scim_type, detail, resource, micros, body
		FROM scim_requests WHERE `+c.String()+` ORDER BY at DESC, id DESC LIMIT ?`), append(c.args, q.Limit)...)
	return collect(rows, err, scanScimRequest)
}

// addRequestText asks for words in what was asked for or answered. Paths are kept
// as they came, and who looks for one types it as people read it.
func (c *conditions) addRequestText(text string) {
	if text = asText(text); text == "" {
		return
	}
	encoded := url.QueryEscape(text)
	spellings := []string{text, url.PathEscape(text), encoded, strings.ReplaceAll(encoded, "+", "%20")}
	slices.Sort(spellings)
	where, args := []string{"request_id = ?"}, []any{text}
	like := func(column, text string) {
		where, args = append(where, "lower("+column+") LIKE ? ESCAPE '!'"), append(args, containing(text))
	}
	for _, column := range []string{"detail", "resource", "scim_type"} {
		like(column, text)
	}
	for _, spelling := range slices.Compact(spellings) {
		like("path", spelling)
	}
	c.add("("+strings.Join(where, " OR ")+")", args...)
}

// containing is the pattern of lower-case text that has other text somewhere in it.
func containing(text string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(strings.ToLower(text)) + "%"
}

func scanScimRequest(rows *sql.Rows) (r registry.ScimRequest, err error) {
	var at int64
	err = rows.Scan(&r.ID, &r.Origin, &at, &r.RequestID, &r.Method, &r.Path, &r.Status, &r.ScimType, &r.Detail, &r.Resource, &r.Micros, &r.Body)
	r.At = fromMicros(at)
	return r, err
}

// Company is the company itself, with how many living people and groups it has.
func (t *Tenant) Company(ctx context.Context) (c registry.Company, people, groups int64, err error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id, key, name, locale,
		(SELECT count(*) FROM users u WHERE u.company_id = ? AND u.deleted_at = 0), (SELECT count(*) FROM "groups" g WHERE g.company_id = ? AND g.deleted_at = 0)
		FROM companies WHERE id = ?`), int64(t.id), int64(t.id), int64(t.id))
	c, err = one(rows, err, func(rows *sql.Rows) (c registry.Company, err error) {
		return c, rows.Scan(&c.ID, &c.Key, &c.Name, &c.Locale, &people, &groups)
	})
	return c, people, groups, err
}

// DepartmentPage lists the company's departments by name, behind a key and an id.
func (t *Tenant) DepartmentPage(ctx context.Context, afterKey string, after int64, limit int) ([]registry.PlaceRow, error) {
	return t.places(ctx, `SELECT id, name, '', (SELECT count(*) FROM users u WHERE u.company_id = d.company_id AND u.department_id = d.id AND u.deleted_at = 0), created_at, 0
		FROM departments d WHERE company_id = ? AND (? = 0 OR name_key > ?) ORDER BY name_key LIMIT ?`, afterKey, after, limit)
}

// ContractPage lists the company's service contracts by number, as DepartmentPage does.
func (t *Tenant) ContractPage(ctx context.Context, afterKey string, after int64, limit int) ([]registry.PlaceRow, error) {
	return t.places(ctx, `SELECT id, number, title, (SELECT count(*) FROM users u WHERE u.company_id = c.company_id AND u.contract_id = c.id AND u.deleted_at = 0), created_at, ended_at
		FROM contracts c WHERE company_id = ? AND (? = 0 OR number_key > ?) ORDER BY number_key LIMIT ?`, afterKey, after, limit)
}

func (t *Tenant) places(ctx context.Context, q, afterKey string, after int64, limit int) ([]registry.PlaceRow, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(q), int64(t.id), after, afterKey, limit)
	return collect(rows, err, func(rows *sql.Rows) (p registry.PlaceRow, err error) {
		var created, ended int64
		err = rows.Scan(&p.ID, &p.Name, &p.Title, &p.People, &created, &ended)
		p.CreatedAt, p.EndedAt = fromMicros(created), fromMicros(ended)
		return p, err
	})
}
