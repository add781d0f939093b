package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// This file, with its parts crossing_ops.go and crossing_tokens.go, holds every
// lookup that crosses companies, by name. Each is how a request that does not know its company yet
// finds it, or how a worker of the installation finds work. Nothing else may read
// company data without binding the company; a test driver refuses it.

type crossingKey struct{}

// crossing marks the statements made under it as meant to cross companies, for
// the test driver that refuses all others. It is used in these files, and by
// Settle, which carries the configuration file of the whole installation.
func crossing(ctx context.Context) context.Context {
	return context.WithValue(ctx, crossingKey{}, true)
}

// Companies lists all companies by key, without the operators' own.
func (s *Store) Companies(ctx context.Context) ([]registry.Company, error) {
	all, err := s.everyCompany(ctx)
	return slices.DeleteFunc(all, func(c registry.Company) bool { return c.Key == registry.OperatorsKey }), err
}

// everyCompany lists the operators' company too.
func (s *Store) everyCompany(ctx context.Context) ([]registry.Company, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, key, name, locale FROM companies ORDER BY key`)
	return collect(rows, err, func(rows *sql.Rows) (c registry.Company, err error) {
		return c, rows.Scan(&c.ID, &c.Key, &c.Name, &c.Locale)
	})
}

// CompanyByKey finds a company by the name in its addresses.
func (s *Store) CompanyByKey(ctx context.Context, key string) (registry.Company, error) {
	rows, err := s.read.QueryContext(ctx, s.rebind(`SELECT id, key, name, locale FROM companies WHERE key = ?`), key)
	return one(rows, err, func(rows *sql.Rows) (c registry.Company, err error) {
		return c, rows.Scan(&c.ID, &c.Key, &c.Name, &c.Locale)
	})
}

// sourceCols are what scanSource reads.
const sourceCols = `s.id, s.company_id, s.key, s.schedule, s.configured_schedule, s.schedule_set_at, s.schedule_set_by, s.schedule_set_why, s.next_due, s.settings_hash, s.retired_at, s.cursor, s.full_read_at, o.id, o.kind, o.key,
	s.failures, s.failing_since, s.quarantined_at, s.quarantine_code, s.quarantine_reason, s.next_try,
	s.paused_at, s.paused_by, s.paused_reason, s.no_removals, s.told`

func scanSource(rows *sql.Rows) (registry.Source, error) {
	var src registry.Source
	var due, set, retired, failing, quarantined, next, paused, full int64
	h := &src.Health
	err := rows.Scan(&src.ID, &src.Company, &src.Key, &src.Schedule, &src.Configured, &set, &src.ByHand.By, &src.ByHand.Why, &due, &src.SettingsHash, &retired, &src.Cursor, &full,
		&src.Origin.ID, &src.Origin.Kind, &src.Origin.Key,
		&h.Failures, &failing, &quarantined, &h.Code, &h.Reason, &next, &paused, &h.PausedBy, &h.PausedReason, &h.NoRemovals, &h.Told)
	h.FailingSince, h.QuarantinedAt, h.NextTry, h.PausedAt = fromMicros(failing), fromMicros(quarantined), fromMicros(next), fromMicros(paused)
	src.Origin.Company, src.ByHand.At = src.Company, fromMicros(set)
	src.NextDue, src.RetiredAt, src.FullReadAt = fromMicros(due), fromMicros(retired), fromMicros(full)
	return src, err
}

// SourceByKey finds a source by its name in the configuration file.
func (s *Store) SourceByKey(ctx context.Context, key string) (registry.Source, error) {
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT `+sourceCols+`
		FROM sources s JOIN origins o ON o.id = s.origin_id WHERE s.key = ?`), key)
	return one(rows, err, scanSource)
}

// DueSources lists the sources whose time has come.
func (s *Store) DueSources(ctx context.Context, now time.Time) ([]registry.Source, error) {
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT `+sourceCols+`
		FROM sources s JOIN origins o ON o.id = s.origin_id
		WHERE s.retired_at = 0 AND s.paused_at = 0 AND s.schedule <> '' AND s.next_due <> 0 AND s.next_due <= ? ORDER BY s.next_due, s.id`), micros(now))
	return collect(rows, err, scanSource)
}

// WaitingSources lists the sources whose schedule comes up later.
func (s *Store) WaitingSources(ctx context.Context, now time.Time) ([]registry.Source, error) {
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT `+sourceCols+`
		FROM sources s JOIN origins o ON o.id = s.origin_id
		WHERE s.retired_at = 0 AND s.paused_at = 0 AND s.schedule <> '' AND s.next_due > ? ORDER BY s.id`), micros(now))
	return collect(rows, err, scanSource)
}

// RetiredSources lists the sources that are in the configuration no more and still
// own people with an open account, or groups.
func (s *Store) RetiredSources(ctx context.Context) ([]registry.Source, error) {
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT `+sourceCols+`
		FROM sources s JOIN origins o ON o.id = s.origin_id
		WHERE s.retired_at <> 0 AND o.kind <> 'upload' AND (EXISTS (
			SELECT 1 FROM users u WHERE u.company_id = s.company_id AND u.owner_id = s.origin_id AND u.deleted_at = 0 AND u.enabled) OR EXISTS (
			SELECT 1 FROM "groups" g WHERE g.company_id = s.company_id AND g.owner_id = s.origin_id AND g.deleted_at = 0))
		ORDER BY s.key`))
	return collect(rows, err, scanSource)
}

// AbandonedSources lists the sources with a run that nobody is at work on: its
// process died or froze and the lease ran out. Uploads are taken up again as
// ConfirmedUploads.
func (s *Store) AbandonedSources(ctx context.Context) ([]registry.Source, error) {
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT `+sourceCols+`
		FROM sources s JOIN origins o ON o.id = s.origin_id
		WHERE s.retired_at = 0 AND s.paused_at = 0 AND o.kind <> 'upload' AND s.lease_until <= `+s.clock()+` AND EXISTS (
			SELECT 1 FROM runs r WHERE r.source_id = s.id AND r.mode = 'run' AND r.state IN ('reading', 'planning', 'applying'))
		ORDER BY s.id`))
	return collect(rows, err, scanSource)
}

// ConfirmedUploads lists the uploads of all companies that are to be carried
// out and that nobody is at work on, the oldest first.
func (s *Store) ConfirmedUploads(ctx context.Context) ([]registry.Upload, error) {
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT u.company_id, u.public_id FROM uploads u
		WHERE u.state = ? AND NOT EXISTS (SELECT 1 FROM sources s JOIN origins o ON o.id = s.origin_id
			WHERE s.company_id = u.company_id AND o.kind = 'upload' AND s.lease_until > `+s.clock()+`) ORDER BY u.id`), string(registry.UploadConfirmed))
	return collect(rows, err, func(rows *sql.Rows) (u registry.Upload, err error) {
		return u, rows.Scan(&u.Company, &u.PublicID)
	})
}

// linkByToken finds a mailed link by the hash of its token: who holds the token
// does not know the company.
func (x *session) linkByToken(ctx context.Context, hash []byte) (onboard.Link, error) {
	rows, err := x.query(crossing(ctx), `SELECT `+setupLinkCols+` FROM setup_links WHERE token_hash = ?`, hash)
	return one(rows, err, scanSetupLink)
}

// FindSession implements auth.SessionStore: the browser's token is the proof.
func (s *Store) FindSession(ctx context.Context, id string, now time.Time) (v auth.Session, err error) {
	if notText(id) {
		return v, registry.ErrNotFound
	}
	err = s.view(ctx, func(x *session) error {
		rows, err := x.query(crossing(ctx), `SELECT `+sessionCols+` FROM sessions s JOIN companies c ON c.id = s.company_id WHERE s.token_hash = ?`, id)
		if v, err = one(rows, err, scanSession); err != nil {
			return err
		}
		users, err := x.tenant(v.Company).seen(ctx, v.User)
		if err == nil && !joinAccount(&v, users[v.User], now) {
			err = registry.ErrNotFound
		}
		return err
	})
	if err != nil {
		return auth.Session{}, err
	}
	return v, nil
}

// TouchSession implements auth.SessionStore.
func (s *Store) TouchSession(ctx context.Context, id string, seen time.Time) error {
	return s.bySession(ctx, `UPDATE sessions SET seen_at = ? WHERE token_hash = ?`, micros(seen), id)
}

// DeleteSession implements auth.SessionStore.
func (s *Store) DeleteSession(ctx context.Context, id string) error {
	return s.bySession(ctx, `DELETE FROM sessions WHERE token_hash = ?`, id)
}

// bySession runs a statement on the one session that its last argument names.
func (s *Store) bySession(ctx context.Context, q string, args ...any) error {
	return s.inTx(ctx, func(x *session) error {
		_, err := x.exec(crossing(ctx), q, args...)
		return err
	})
}

// claimMails takes up to n due mails of all companies until the lease ends, by
// the database's clock. Of two processes each gets others.
func (s *Store) claimMails(ctx context.Context, n int, lease time.Duration) (map[registry.CompanyID][]int64, error) {
	skip := ""
	if s.Postgres() {
		skip = " FOR UPDATE SKIP LOCKED"
	}
	clock, out := s.clock(), map[registry.CompanyID][]int64{}
	err := s.inTx(ctx, func(x *session) error {
		clear(out)
		// The list is a table of its own because a planner may run a subquery
		// with a LIMIT more than once, and claim more than n.
		rows, err := x.query(crossing(ctx), `WITH due AS (SELECT id FROM mails
				WHERE next_try <> 0 AND next_try <= ? AND state = 'queued' AND claimed_until <= `+clock+`
				ORDER BY next_try, id LIMIT ?`+skip+`)
			UPDATE mails SET claimed_until = `+clock+` + ? WHERE id IN (SELECT id FROM due) RETURNING company_id, id`,
			micros(s.now()), n, lease.Microseconds())
		return each(rows, err, func(rows *sql.Rows) error {
			var company registry.CompanyID
			var id int64
			err := rows.Scan(&company, &id)
			out[company] = append(out[company], id)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("claim mails: %w", err)
	}
	return out, nil
}

// dueNow looks for up to n due deliveries of all companies, so many that no webhook
// has more than perHook under way. Those under way have moved their next try on
// to the end of their lease, so that few rows tell how many they are. It reads
// only, and at one moment: of two who look at once, both find the same, and one
// of them gets it.
func (q *deliveryQueue) dueNow(ctx context.Context, n, perHook int, lease time.Duration) ([]int64, error) {
	out := []int64{} // not nil, which SQLite's JSON would take for a value
	err := q.view(ctx, func(x *session) error {
		busy, err := x.underWay(crossing(ctx), lease)
		if err != nil {
			return err
		}
		look := func(full []int64) (left bool, err error) {
			rows, err := x.query(crossing(ctx), `SELECT id, webhook_id FROM deliveries WHERE next_try <> 0 AND next_try <= ?
				AND claimed_until <= `+q.clock()+` AND NOT (`+q.anyOf("webhook_id")+`) AND NOT (`+q.anyOf("id")+`) ORDER BY next_try, id LIMIT ?`,
				micros(q.now()), keys(q.Store, full), keys(q.Store, out), 4*n)
			found := 0
			err = each(rows, err, func(rows *sql.Rows) error {
				var id, hook int64
				err := rows.Scan(&id, &hook)
				if found++; busy[hook] < perHook && len(out) < n {
					busy[hook]++
					out = append(out, id)
				}
				return err
			})
			return found == 4*n && len(out) < n, err
		}
		left, err := look([]int64{})
		if err != nil || !left {
			return err
		}
		return q.behind(func() (bool, error) {
			full := []int64{}
			for hook, at := range busy {
				if at >= perHook {
					full = append(full, hook)
				}
			}
			return look(full)
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look for due deliveries: %w", err)
	}
	return out, nil
}

// behind looks past the webhooks that have their fill, lest what waits for them
// hide what waits for others. Where very much does, such a look takes long: the
// next one comes after ten times as long.
func (q *deliveryQueue) behind(look func() (bool, error)) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	begin := q.now()
	if begin.Before(q.again) {
		return nil
	}
	left, err := true, error(nil)
	for left && err == nil {
		left, err = look()
	}
	now := q.now()
	q.again = now.Add(10 * now.Sub(begin))
	return err
}

// underWay counts the deliveries of each webhook that somebody has claimed.
func (x *session) underWay(ctx context.Context, lease time.Duration) (map[int64]int, error) {
	now, busy := x.s.now(), map[int64]int{}
	rows, err := x.query(ctx, `SELECT webhook_id FROM deliveries WHERE next_try > ? AND next_try <= ? AND claimed_until > `+x.s.clock()+` AND next_try <> 0`,
		micros(now), micros(now.Add(2*lease)))
	err = each(rows, err, func(rows *sql.Rows) error {
		var hook int64
		err := rows.Scan(&hook)
		busy[hook]++
		return err
	})
	return busy, err
}

// claimDeliveries takes deliveries of all companies until the lease ends, by the
// database's clock, as far as nobody else has.
func (s *Store) claimDeliveries(ctx context.Context, ids []int64, lease time.Duration) (map[registry.CompanyID][]int64, error) {
	skip := ""
	if s.Postgres() {
		skip = " FOR UPDATE SKIP LOCKED"
	}
	clock, out := s.clock(), map[registry.CompanyID][]int64{}
	err := s.inTx(ctx, func(x *session) error {
		clear(out)
		now := s.now()
		rows, err := x.query(crossing(ctx), `WITH due AS (SELECT id FROM deliveries WHERE next_try <> 0 AND next_try <= ? AND state = 'queued'
				AND claimed_until <= `+clock+` AND `+s.anyOf("id")+skip+`)
			UPDATE deliveries SET claimed_until = `+clock+` + ?, next_try = ? WHERE id IN (SELECT id FROM due) RETURNING company_id, id`,
			micros(now), keys(s, ids), lease.Microseconds(), micros(now.Add(lease)))
		return each(rows, err, func(rows *sql.Rows) error {
			var company registry.CompanyID
			var id int64
			err := rows.Scan(&company, &id)
			out[company] = append(out[company], id)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("claim deliveries: %w", err)
	}
	return out, nil
}

// claimedMail says whose a mail is and how it stands.
type claimedMail struct {
	company registry.CompanyID
	state   string
}

// holdMails holds mails of all companies against other writers, to record what
// became of them.
func (x *session) holdMails(ctx context.Context, ids []int64) (map[int64]claimedMail, error) {
	q := `SELECT id, company_id, state FROM mails WHERE ` + x.s.anyOf("id") + ` ORDER BY id`
	if x.s.Postgres() {
		q += " FOR UPDATE"
	}
	out := make(map[int64]claimedMail, len(ids))
	rows, err := x.query(crossing(ctx), q, keys(x.s, ids))
	err = each(rows, err, func(rows *sql.Rows) error {
		var id int64
		var m claimedMail
		err := rows.Scan(&id, &m.company, &m.state)
		out[id] = m
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("hold mails: %w", err)
	}
	return out, nil
}

// one reads a single row; none is registry.ErrNotFound.
func one[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) (T, error) {
	all, err := collect(rows, err, scan)
	var zero T
	if err != nil {
		return zero, fmt.Errorf("look up: %w", err)
	}
	if len(all) == 0 {
		return zero, registry.ErrNotFound
	}
	return all[0], nil
}

func scanString(rows *sql.Rows) (v string, err error) { return v, rows.Scan(&v) }

// OAuthClient finds a live client of a connection that is not retired by its
// client_id: what a token request knows of its company.
func (s *Store) OAuthClient(ctx context.Context, name string) (registry.OAuthClient, registry.Connection, error) {
	if notText(name) {
		return registry.OAuthClient{}, registry.Connection{}, registry.ErrNotFound
	}
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT o.company_id, o.key, o.settings, o.created_at, o.retired_at, `+clientCols+`
		FROM oauth_clients c JOIN origins o ON o.id = c.origin_id AND o.company_id = c.company_id WHERE c.client_id = ? AND o.kind = 'scim'`), name)
	conn := registry.Connection{Origin: registry.Origin{Kind: registry.OriginSCIM}}
	c, err := one(rows, err, func(rows *sql.Rows) (registry.OAuthClient, error) {
		var settings []byte
		var born, retired int64
		c, err := scanClient(rows, &conn.Origin.Company, &conn.Origin.Key, &settings, &born, &retired)
		if err != nil {
			return c, err
		}
		conn.Origin.ID, conn.CreatedAt, conn.Origin.RetiredAt = c.Origin, fromMicros(born), fromMicros(retired)
		return c, decodeSettings(settings, &conn.ConnectionSettings)
	})
	if err == nil && (!c.Live(s.now()) || !conn.Origin.RetiredAt.IsZero()) {
		err = registry.ErrNotFound
	}
	if err != nil {
		return registry.OAuthClient{}, registry.Connection{}, err
	}
	return c, conn, nil
}

// contractCompany finds whose a live contract is: an applicant knows the number
// and nothing else.
func (x *session) contractCompany(ctx context.Context, numberKey string) (registry.CompanyID, error) {
	rows, err := x.query(crossing(ctx), `SELECT company_id FROM contracts WHERE number_key = ? AND ended_at = 0`, numberKey)
	id, err := one(rows, err, scanInt)
	return registry.CompanyID(id), err
}

// nameLives reports whether somebody of any company but except has the userName: a
// name chosen at registration is the only one of its kind. It goes by the
// companies, whose index of names it can use.
func (x *session) nameLives(ctx context.Context, key string, except registry.UserID) (bool, error) {
	rows, err := x.query(crossing(ctx), `SELECT u.id FROM companies c JOIN users u ON u.company_id = c.id
		WHERE u.user_name_key = ? AND u.deleted_at = 0 AND u.id <> ? LIMIT 1`, key, int64(except))
	found, err := collect(rows, err, scanInt)
	return len(found) > 0, err
}

// domainProven finds the company that proved a domain to be its own, 0 for none.
func (x *session) domainProven(ctx context.Context, name string) (registry.CompanyID, error) {
	rows, err := x.query(crossing(ctx), `SELECT company_id FROM domains WHERE name = ? AND verified_at <> 0`, name)
	ids, err := collect(rows, err, scanInt)
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	return registry.CompanyID(ids[0]), nil
}
