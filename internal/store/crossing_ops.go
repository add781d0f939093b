package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// This file is the part of crossing.go that operating the installation needs:
// numbers about all companies, and what tells whether the server's key fits.

// Vitals reads what an operator watches, all but the queue of jobs, which keeps
// tables of its own. It counts what waits and never what is done, so that it
// costs the same in a large registry.
func (s *Store) Vitals(ctx context.Context) (v registry.Vitals, err error) {
	if v.Sources, err = s.sourceVitals(ctx); err != nil {
		return v, fmt.Errorf("read vitals of sources: %w", err)
	}
	if v.Connections, err = s.connectionVitals(ctx); err != nil {
		return v, fmt.Errorf("read vitals of connections: %w", err)
	}
	if v.Mails, err = s.backlog(ctx, `SELECT CASE WHEN attempts = 0 THEN 'new' ELSE 'retrying' END, count(*),
		min(CASE WHEN released_at <> 0 THEN released_at ELSE created_at END) FROM mails WHERE next_try <> 0 GROUP BY 1`); err != nil {
		return v, fmt.Errorf("read vitals of mails: %w", err)
	}
	if v.Deliveries, err = s.backlog(ctx, `SELECT CASE WHEN attempts = 0 THEN 'new' ELSE 'retrying' END, count(*), min(created_at)
		FROM deliveries WHERE next_try <> 0 GROUP BY 1`); err != nil {
		return v, fmt.Errorf("read vitals of webhooks: %w", err)
	}
	if v.LastBackup, v.GoodBackup, err = s.backups(ctx); err != nil {
		return v, fmt.Errorf("read vitals of backups: %w", err)
	}
	live, err := s.LiveProcesses(ctx)
	v.Processes = len(live)
	return v, err
}

// backlog reads rows of a state, how many there are and since when they wait.
func (s *Store) backlog(ctx context.Context, q string) (registry.Backlog, error) {
	out := registry.Backlog{States: map[string]int64{"new": 0, "retrying": 0}}
	rows, err := s.read.QueryContext(crossing(ctx), q)
	err = each(rows, err, func(rows *sql.Rows) error {
		var state string
		var n, oldest int64
		if err := rows.Scan(&state, &n, &oldest); err != nil {
			return err
		}
		out.States[state] = n
		if at := fromMicros(oldest); out.Oldest.IsZero() || at.Before(out.Oldest) {
			out.Oldest = at
		}
		return nil
	})
	return out, err
}

func (s *Store) sourceVitals(ctx context.Context) ([]registry.SourceVitals, error) {
	rows, err := s.read.QueryContext(crossing(ctx), `SELECT c.key, s.key, s.schedule, s.schedule_set_by, s.next_due, s.quarantined_at, s.quarantine_reason, s.paused_at,
		s.failures, s.settings_hash, s.lease_holder, s.lease_until,
		coalesce((SELECT r.finished_at FROM runs r WHERE r.source_id = s.id AND r.mode = 'run' AND r.state IN ('done', 'partial') AND r.complete
			ORDER BY r.id DESC LIMIT 1), 0)
		FROM sources s JOIN companies c ON c.id = s.company_id WHERE s.retired_at = 0 ORDER BY s.key`)
	out, err := collect(rows, err, func(rows *sql.Rows) (v registry.SourceVitals, err error) {
		var due, quarantined, paused, leased, success int64
		err = rows.Scan(&v.Company, &v.Key, &v.Schedule, &v.ByHand, &due, &quarantined, &v.QuarantineReason, &paused,
			&v.Failures, &v.SettingsHash, &v.LeaseHolder, &leased, &success)
		v.NextDue, v.QuarantinedAt, v.PausedAt = fromMicros(due), fromMicros(quarantined), fromMicros(paused)
		v.LeaseUntil, v.LastSuccess = fromMicros(leased), fromMicros(success)
		return v, err
	})
	if err != nil {
		return nil, err
	}
	return out, s.heldVitals(ctx, out)
}

// heldVitals adds the runs that wait for a decision: those that no later run of
// their source has overtaken.
func (s *Store) heldVitals(ctx context.Context, to []registry.SourceVitals) error {
	rows, err := s.read.QueryContext(crossing(ctx), `SELECT s.key, r.number, r.counts, r.finished_at
		FROM sources s JOIN runs r ON r.source_id = s.id AND r.state = 'held'
		WHERE s.retired_at = 0 AND NOT EXISTS (SELECT 1 FROM runs n WHERE n.source_id = s.id AND n.mode = 'run' AND n.id > r.id)`)
	return each(rows, err, func(rows *sql.Rows) error {
		var key string
		var number, finished int64
		var doc []byte
		if err := rows.Scan(&key, &number, &doc, &finished); err != nil {
			return err
		}
		var counts registry.Counts
		if len(doc) > 0 {
			if err := json.Unmarshal(doc, &counts); err != nil {
				return fmt.Errorf("decode counts of run %d: %w", number, err)
			}
		}
		if i := slices.IndexFunc(to, func(v registry.SourceVitals) bool { return v.Key == key }); i >= 0 {
			to[i].HeldRun, to[i].HeldChanges, to[i].HeldSince = number, counts.Changes(), fromMicros(finished)
		}
		return nil
	})
}

func (s *Store) connectionVitals(ctx context.Context) ([]registry.ConnectionVitals, error) {
	type row struct {
		registry.ConnectionVitals
		origin int64
	}
	rows, err := s.read.QueryContext(crossing(ctx), `SELECT o.id, c.key, o.key, o.settings, o.created_at,
		coalesce((SELECT max(r.at) FROM scim_requests r WHERE r.origin_id = o.id), 0)
		FROM origins o JOIN companies c ON c.id = o.company_id WHERE o.kind = 'scim' AND o.retired_at = 0 ORDER BY c.key, o.key`)
	list, err := collect(rows, err, func(rows *sql.Rows) (v row, err error) {
		var created, last int64
		var settings []byte
		if err := rows.Scan(&v.origin, &v.Company, &v.Name, &settings, &created, &last); err != nil {
			return v, err
		}
		v.CreatedAt, v.LastRequest = fromMicros(created), fromMicros(last)
		var has registry.ConnectionSettings
		err = decodeSettings(settings, &has)
		v.Paused = has.Paused
		return v, err
	})
	if err != nil {
		return nil, err
	}
	ends, err := s.credentials(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]registry.ConnectionVitals, len(list))
	for i, v := range list {
		out[i] = v.ConnectionVitals
		c := ends[v.origin]
		out[i].Credentials = int(c.live)
		if c.ends != math.MaxInt64 {
			out[i].TokenEnds = fromMicros(c.ends)
		}
	}
	return out, nil
}

// credential is how many tokens and clients of a connection are live, and when
// the last of them ends.
type credential struct{ live, ends int64 }

// credentials are those of every connection. Tokens that were given to clients
// do not count: the clients do.
func (s *Store) credentials(ctx context.Context) (map[int64]credential, error) {
	now, out := micros(s.now()), map[int64]credential{}
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT origin_id, count(*), max(ends) FROM (
			SELECT origin_id, CASE WHEN expires_at = 0 THEN 9223372036854775807 ELSE expires_at END AS ends FROM tokens WHERE client_id = 0 AND revoked_at = 0
			UNION ALL
			SELECT origin_id, CASE WHEN expires_at = 0 THEN 9223372036854775807 ELSE expires_at END FROM oauth_clients WHERE revoked_at = 0
		) AS k WHERE ends > ? GROUP BY origin_id`), now)
	err = each(rows, err, func(rows *sql.Rows) error {
		var origin int64
		var c credential
		err := rows.Scan(&origin, &c.live, &c.ends)
		out[origin] = c
		return err
	})
	return out, err
}

// MailTroubles counts the mails of all companies that failed for good, were
// given up, or wait for somebody to release them, by state.
func (s *Store) MailTroubles(ctx context.Context) (map[string]int64, error) {
	out := map[string]int64{}
	rows, err := s.read.QueryContext(crossing(ctx), `SELECT state, count(*) FROM mails WHERE state IN ('held', 'failed') GROUP BY state`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var state string
		var n int64
		err := rows.Scan(&state, &n)
		out[state] = n
		return err
	})
	return out, err
}

// SampleLink finds the newest set-up link: its token's hash tells whether the
// server's key is the one that this database was written with.
// registry.ErrNotFound where nobody was ever sent one.
func (s *Store) SampleLink(ctx context.Context) (uid, purpose string, hash []byte, err error) {
	type link struct {
		uid, purpose string
		hash         []byte
	}
	rows, err := s.read.QueryContext(crossing(ctx), `SELECT uid, purpose, token_hash FROM setup_links ORDER BY id DESC LIMIT 1`)
	l, err := one(rows, err, func(rows *sql.Rows) (l link, err error) { return l, rows.Scan(&l.uid, &l.purpose, &l.hash) })
	return l.uid, l.purpose, l.hash, err
}

// Clock asks the database what time it is.
func (s *Store) Clock(ctx context.Context) (time.Time, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT `+s.clock())
	us, err := one(rows, err, scanInt)
	return fromMicros(us), err
}

// CheckWrite makes sure that the database takes writes; it leaves nothing behind.
func (s *Store) CheckWrite(ctx context.Context) error {
	err := s.inTx(ctx, func(x *session) error {
		if _, err := x.exec(ctx, `INSERT INTO processes (name, started_at, alive_until) VALUES ('write check', 0, 0)`); err != nil {
			return fmt.Errorf("write: %w", err)
		}
		return errDiscard
	})
	if errors.Is(err, errDiscard) {
		return nil
	}
	return err
}

// Path is SQLite's file, "" on PostgreSQL.
func (s *Store) Path() string { return s.path }

// ReadDB is the pool that reads, for counting the durable queue.
func (s *Store) ReadDB() *sql.DB { return s.read }

// GraceOver lists the sources that were given up by a run of this trigger, with
// people who have been deactivated since before the time and are kept still.
// Whoever is protected stays.
func (s *Store) GraceOver(ctx context.Context, trigger string, before time.Time) ([]registry.Source, error) {
	at := micros(before)
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT `+sourceCols+`
		FROM sources s JOIN origins o ON o.id = s.origin_id
		WHERE s.retired_at <> 0 AND EXISTS (
			SELECT 1 FROM runs r WHERE r.source_id = s.id AND r.company_id = s.company_id AND r.mode = 'run' AND r.state IN ('done', 'partial')
				AND r.trigger = ? AND r.created_at >= s.retired_at AND r.finished_at <= ?) AND EXISTS (
			SELECT 1 FROM links l JOIN users u ON u.id = l.user_id AND u.company_id = l.company_id
			WHERE l.company_id = s.company_id AND l.origin_id = s.origin_id AND l.missing_since > 0 AND l.missing_since <= ?
				AND u.owner_id = s.origin_id AND NOT u.enabled AND NOT u.protected AND u.deleted_at = 0 AND u.deactivated_at <= ?)
		ORDER BY s.id`), trigger, at, at, at)
	return collect(rows, err, scanSource)
}
