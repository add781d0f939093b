package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// registrations is onboard.Registrations. Applications stand outside the fence:
// whom one is for is what has to be found out.
type registrations struct {
	*Store
	rules *registry.Registry
}

// Registrations is where applications are kept and decided, by these rules.
func (s *Store) Registrations(rules *registry.Registry) onboard.Registrations {
	return &registrations{Store: s, rules: rules}
}

// within is registry.Store inside a transaction that is under way.
type within struct{ x *session }

// Write implements registry.Store.
func (w within) Write(_ context.Context, company registry.CompanyID, fence *registry.Fence, fn func(registry.Tx) error) error {
	if fence != nil {
		return errors.New("a fence is for a transaction of its own")
	}
	return fn(w.x.tenant(company))
}

// Read implements registry.Store. There is no way to discard here.
func (w within) Read(context.Context, registry.CompanyID, func(registry.Tx) error) error {
	return errors.ErrUnsupported
}

// InOne runs fn with rules that carry out every batch in one transaction: all of
// them, or none where fn returns an error.
func (s *Store) InOne(ctx context.Context, rules *registry.Registry, fn func(*registry.Registry) error) error {
	return s.inTx(ctx, func(x *session) error { return fn(x.rules(rules)) })
}

// rules are the registry's within this transaction.
func (x *session) rules(r *registry.Registry) *registry.Registry {
	inside := *r
	inside.Store = within{x}
	return &inside
}

// Receive implements onboard.Registrations.
func (r *registrations) Receive(ctx context.Context, in onboard.Intake) error {
	return r.inTx(ctx, func(x *session) error {
		for _, t := range in.Takes {
			ok, err := x.take(ctx, t, in.Now)
			if err != nil {
				return err
			}
			if !ok {
				return &auth.ThrottledError{RetryAfter: t.Rate.Every}
			}
		}
		n, err := x.affected(ctx, `INSERT INTO spent_challenges (hash, expires_at) VALUES (?, ?) ON CONFLICT (hash) DO NOTHING`,
			in.Challenge.Hash, micros(in.Challenge.Expires))
		if err != nil {
			return fmt.Errorf("spend challenge: %w", err)
		}
		if n == 0 {
			return registry.ErrSpent
		}
		return x.addApplication(ctx, &in.Application)
	})
}

// take takes a token of a bucket in one statement: it fills the bucket by the
// time that has gone by, and changes nothing where there is not a whole token.
func (x *session) take(ctx context.Context, t onboard.Take, now time.Time) (bool, error) {
	least, most := "min", "max"
	if x.s.Postgres() {
		least, most = "least", "greatest"
	}
	full, every, at := int64(t.Rate.Burst)*1000, t.Rate.Every.Microseconds(), micros(now)
	level := least + `(CAST(? AS bigint), throttles.tokens + ` + most + `(0, ? - throttles.moved_at) * 1000 / ?)`
	if !x.s.Postgres() {
		level = least + `(?, throttles.tokens + ` + most + `(0, ? - throttles.moved_at) * 1000 / ?)`
	}
	n, err := x.affected(ctx, `INSERT INTO throttles (bucket, tokens, moved_at, expires_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (bucket) DO UPDATE SET tokens = `+level+` - 1000, moved_at = `+most+`(throttles.moved_at, excluded.moved_at), expires_at = excluded.expires_at
		WHERE `+level+` >= 1000`,
		t.Bucket, full-1000, at, at+int64(t.Rate.Burst)*every, full, at, every, full, at, every)
	if err != nil {
		return false, fmt.Errorf("take token: %w", err)
	}
	return n > 0, nil
}

// applicationCols are what scanApplication reads.
const applicationCols = `id, public_id, kind, state, code, typed, resolved, for_company, user_id, address, attempts, created_at, decided_at, decided_by, note`

func scanApplication(rows *sql.Rows) (registry.Application, error) {
	var a registry.Application
	var typed, resolved []byte
	var created, decided int64
	err := rows.Scan(&a.ID, &a.PublicID, &a.Kind, &a.State, &a.Code, &typed, &resolved, &a.Company, &a.User, &a.Address, &a.Attempts,
		&created, &decided, &a.DecidedBy, &a.Note)
	if err != nil {
		return a, fmt.Errorf("scan application: %w", err)
	}
	a.CreatedAt, a.DecidedAt = fromMicros(created), fromMicros(decided)
	for doc, into := range map[*[]byte]*map[string]string{&typed: &a.Typed, &resolved: &a.Resolved} {
		if len(*doc) == 0 {
			continue
		}
		if err := json.Unmarshal(*doc, into); err != nil {
			return a, fmt.Errorf("decode application: %w", err)
		}
	}
	return a, nil
}

// documents are an application's maps as JSON.
func documents(a *registry.Application) (typed, resolved string, err error) {
	t, err := json.Marshal(a.Typed)
	if err != nil {
		return "", "", fmt.Errorf("encode application: %w", err)
	}
	r, err := json.Marshal(a.Resolved)
	if err != nil {
		return "", "", fmt.Errorf("encode application: %w", err)
	}
	return string(t), string(r), nil
}

func (x *session) addApplication(ctx context.Context, a *registry.Application) error {
	typed, resolved, err := documents(a)
	if err != nil {
		return err
	}
	at := micros(a.CreatedAt)
	if _, err := x.exec(ctx, `INSERT INTO applications (public_id, kind, state, code, typed, resolved, for_company, user_id, address, attempts, next_try,
		claimed_until, created_at, decided_at, decided_by, note) VALUES (?, ?, ?, '', ?, ?, 0, 0, ?, 0, ?, 0, ?, 0, '', '')`,
		a.PublicID, string(a.Kind), string(a.State), typed, resolved, a.Address, at, at); err != nil {
		return fmt.Errorf("store application: %w", err)
	}
	return nil
}

// saveApplication stores what was decided. One that is received is due at once.
func (x *session) saveApplication(ctx context.Context, a *registry.Application) error {
	typed, resolved, err := documents(a)
	if err != nil {
		return err
	}
	due := int64(0)
	if a.State == registry.ApplicationReceived {
		due = micros(x.s.now())
	}
	if _, err := x.exec(ctx, `UPDATE applications SET state = ?, code = ?, typed = ?, resolved = ?, for_company = ?, user_id = ?, next_try = ?, claimed_until = 0,
		decided_at = ?, decided_by = ?, note = ? WHERE id = ?`,
		string(a.State), string(a.Code), typed, resolved, int64(a.Company), int64(a.User), due, micros(a.DecidedAt), asText(a.DecidedBy), asText(a.Note), a.ID); err != nil {
		return fmt.Errorf("store application: %w", err)
	}
	return nil
}

// ClaimApplications implements onboard.Registrations.
func (r *registrations) ClaimApplications(ctx context.Context, n int, lease time.Duration) (ids []string, err error) {
	skip := ""
	if r.Postgres() {
		skip = " FOR UPDATE SKIP LOCKED"
	}
	clock := r.clock()
	err = r.inTx(ctx, func(x *session) error {
		rows, err := x.query(ctx, `WITH due AS (SELECT id FROM applications WHERE next_try <> 0 AND next_try <= ? AND claimed_until <= `+clock+`
				ORDER BY next_try, id LIMIT ?`+skip+`)
			UPDATE applications SET claimed_until = `+clock+` + ? WHERE id IN (SELECT id FROM due) RETURNING public_id`,
			micros(r.now()), n, lease.Microseconds())
		ids, err = collect(rows, err, scanString)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim applications: %w", err)
	}
	return ids, nil
}

// Decide implements onboard.Registrations.
func (r *registrations) Decide(ctx context.Context, publicID string, fn func(onboard.Desk, *registry.Application) error) error {
	if notText(publicID) {
		return registry.ErrNotFound
	}
	return r.inTx(ctx, func(x *session) error {
		rows, err := x.query(ctx, `SELECT `+applicationCols+` FROM applications WHERE public_id = ?`+x.tenant(0).forUpdate(), publicID)
		a, err := one(rows, err, scanApplication)
		if err != nil {
			return err
		}
		if err := fn(&desk{x: x, rules: x.rules(r.rules)}, &a); err != nil {
			return err
		}
		return x.saveApplication(ctx, &a)
	})
}

// Postpone implements onboard.Registrations.
func (r *registrations) Postpone(ctx context.Context, publicID string, next time.Time) error {
	return r.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `UPDATE applications SET attempts = attempts + 1, next_try = ?, claimed_until = 0 WHERE public_id = ? AND next_try <> 0`,
			micros(next), publicID)
		return err
	})
}

// Applications lists up to limit applications for the company, the newest first; a
// state other than "" leaves out all others. Those of company 0 wait for an
// operator.
func (t *Tenant) Applications(ctx context.Context, state registry.ApplicationState, limit int) ([]registry.Application, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT `+applicationCols+` FROM applications
		WHERE for_company = ? AND (state = ? OR ? = '') ORDER BY id DESC LIMIT ?`), int64(t.id), string(state), string(state), limit)
	return collect(rows, err, scanApplication)
}

// SweepRegistrations deletes what has had its time: used challenges and full
// buckets, and applications that were over at old. What was typed into one that
// nobody followed up by then is emptied with it.
func (s *Store) SweepRegistrations(ctx context.Context, now, old time.Time) error {
	return s.inTx(ctx, func(x *session) error {
		for q, before := range map[string]time.Time{
			`DELETE FROM spent_challenges WHERE expires_at <= ?`:                                      now,
			`DELETE FROM throttles WHERE expires_at <= ?`:                                             now,
			`DELETE FROM applications WHERE next_try = 0 AND state <> 'awaiting' AND created_at <= ?`: old,
		} {
			if _, err := x.exec(ctx, q, micros(before)); err != nil {
				return fmt.Errorf("sweep registrations: %w", err)
			}
		}
		return nil
	})
}

// CompanyOfLogin finds the company of whoever chose a login name at registration,
// by what is kept of the name.
func (s *Store) CompanyOfLogin(ctx context.Context, hash []byte) (registry.CompanyID, error) {
	rows, err := s.read.QueryContext(ctx, s.rebind(`SELECT holder_company FROM login_names WHERE name_hash = ? AND holder <> 0`), hash)
	id, err := one(rows, err, scanInt)
	return registry.CompanyID(id), err
}

// CompanyOfApplication finds the company that an application is for, 0 for one
// that would found a company: a mail to the admins links to it by its id alone.
func (s *Store) CompanyOfApplication(ctx context.Context, publicID string) (registry.CompanyID, error) {
	if notText(publicID) {
		return 0, registry.ErrNotFound
	}
	rows, err := s.read.QueryContext(ctx, s.rebind(`SELECT for_company FROM applications WHERE public_id = ?`), publicID)
	id, err := one(rows, err, scanInt)
	return registry.CompanyID(id), err
}

// invitations is the limit of what a company may have mailed in a day.
func invitations(company registry.CompanyID, perDay int) onboard.Take {
	return onboard.Take{
		Bucket: fmt.Appendf(nil, "invitations of company %d", company),
		Rate:   auth.Rate{Burst: perDay, Every: day / time.Duration(perDay)},
	}
}
