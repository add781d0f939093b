package store

import (
	"context"
	"database/sql"
	"fmt"

	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/signin"
)

// signing is signin.Store.
type signing struct{ *Store }

// Signing is the store of second factors and of ties to identity providers.
func (s *Store) Signing() signin.Store { return signing{s} }

// Operators finds or makes the operators' company.
func (s *Store) Operators(ctx context.Context) (registry.Company, error) {
	err := s.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `INSERT INTO companies (key, name, locale, managed, created_at, verified_at, verified_by, digest_due)
			VALUES (?, ?, '', FALSE, ?, ?, 'usher', 0) ON CONFLICT (key) DO NOTHING`,
			registry.OperatorsKey, "Operators", micros(s.now()), micros(s.now()))
		return err
	})
	if err != nil {
		return registry.Company{}, fmt.Errorf("make the operators' company: %w", err)
	}
	return s.CompanyByKey(ctx, registry.OperatorsKey)
}

// in runs fn in a write transaction of one company.
func (s signing) in(ctx context.Context, what string, company registry.CompanyID, fn func(*tenantTx) error) error {
	if err := s.inTx(ctx, func(x *session) error { return fn(x.tenant(company)) }); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// User implements signin.Store.
func (s signing) User(ctx context.Context, company registry.CompanyID, user registry.UserID) (u registry.User, err error) {
	err = s.view(ctx, func(x *session) error {
		users, err := x.tenant(company).seen(ctx, user)
		if err == nil && users[user] == nil {
			err = registry.ErrNotFound
		}
		if err == nil {
			u = *users[user]
		}
		return err
	})
	return u, err
}

// UserByAnchor implements signin.Store.
func (s signing) UserByAnchor(ctx context.Context, company registry.CompanyID, origin registry.OriginID, anchor string) (registry.UserID, error) {
	if notText(anchor) {
		return 0, registry.ErrNotFound
	}
	rows, err := s.read.QueryContext(ctx, s.rebind(`SELECT user_id FROM links
		WHERE company_id = ? AND origin_id = ? AND anchor = ? AND user_id IS NOT NULL`), int64(company), int64(origin), anchor)
	id, err := one(rows, err, scanInt)
	return registry.UserID(id), err
}

// UsersByMail implements signin.Store.
func (s signing) UsersByMail(ctx context.Context, company registry.CompanyID, key string) ([]registry.UserID, error) {
	if notText(key) {
		return nil, nil
	}
	rows, err := s.read.QueryContext(ctx, s.rebind(`SELECT DISTINCT u.id FROM emails e JOIN users u ON u.id = e.user_id AND u.company_id = e.company_id
		WHERE e.company_id = ? AND e.address_key = ? AND e.verified_at <> 0 AND u.deleted_at = 0 AND u.association = 'strong' LIMIT 2`), int64(company), key)
	return collect(rows, err, func(rows *sql.Rows) (id registry.UserID, err error) { return id, rows.Scan(&id) })
}

// Origin implements signin.Store.
func (s signing) Origin(ctx context.Context, company registry.CompanyID, key string) (registry.Origin, error) {
	return s.For(company).EnsureOrigin(ctx, registry.OriginOIDC, key)
}

// Audit implements signin.Store.
func (s signing) Audit(ctx context.Context, company registry.CompanyID, d registry.Deed) error {
	return s.For(company).Audit(ctx, d)
}

// factorCols are what scanFactor reads.
const factorCols = `id, company_id, user_id, kind, name, secret, credential_id, data, last_step, created_at, last_used_at`

func scanFactor(rows *sql.Rows) (f signin.Factor, err error) {
	var created, used int64
	var data []byte
	err = rows.Scan(&f.ID, &f.Company, &f.User, &f.Kind, &f.Name, &f.Secret, &f.CredentialID, &data, &f.LastStep, &created, &used)
	f.Data, f.CreatedAt, f.LastUsedAt = data, fromMicros(created), fromMicros(used)
	return f, err
}

// Factors implements signin.Store.
func (s signing) Factors(ctx context.Context, company registry.CompanyID, user registry.UserID) ([]signin.Factor, error) {
	rows, err := s.read.QueryContext(ctx, s.rebind(`SELECT `+factorCols+` FROM factors
		WHERE company_id = ? AND user_id = ? AND confirmed_at <> 0 ORDER BY id`), int64(company), int64(user))
	return collect(rows, err, scanFactor)
}

// FactorByCredential implements signin.Store.
func (s signing) FactorByCredential(ctx context.Context, company registry.CompanyID, id []byte) (signin.Factor, error) {
	rows, err := s.read.QueryContext(ctx, s.rebind(`SELECT `+factorCols+` FROM factors
		WHERE company_id = ? AND credential_id = ? AND confirmed_at <> 0`), int64(company), id)
	return one(rows, err, scanFactor)
}

// newFactors is the table as factors are added to it.
var newFactors = newTable("factors", "company_id", "user_id", "kind", "name", "secret", "credential_id", "data", "last_step", "created_at", "confirmed_at", "last_used_at")

// AddFactor implements signin.Store. The person is held, so that of two first
// factors at once one is the first, and nobody is given one who was deleted.
func (s signing) AddFactor(ctx context.Context, f signin.Factor, recovery [][]byte) (first bool, err error) {
	at := micros(f.CreatedAt)
	err = s.in(ctx, "add factor", f.Company, func(t *tenantTx) error {
		u, err := t.held(ctx, f.User)
		if err != nil {
			return err
		}
		if !u.MaySignIn() {
			return registry.ErrNotFound
		}
		n, err := t.factorsLeft(ctx, f.User)
		if err != nil {
			return err
		}
		first = n == 0
		var credential, data any
		if len(f.CredentialID) > 0 {
			credential, data = f.CredentialID, string(f.Data)
		}
		_, err = t.insert(ctx, newFactors, [][]any{{int64(t.company), int64(f.User), string(f.Kind), f.Name, f.Secret, credential, data, f.LastStep, at, at, at}})
		if err != nil || !first {
			return err
		}
		return t.replaceRecovery(ctx, f.User, recovery, at)
	})
	return first, err
}

// factorsLeft counts the factors of a person without the recovery codes.
func (t *tenantTx) factorsLeft(ctx context.Context, user registry.UserID) (int64, error) {
	rows, err := t.query(ctx, `SELECT count(*) FROM factors WHERE company_id = ? AND user_id = ? AND kind <> 'recovery' AND confirmed_at <> 0`,
		int64(t.company), int64(user))
	return one(rows, err, scanInt)
}

func (t *tenantTx) replaceRecovery(ctx context.Context, user registry.UserID, hashes [][]byte, at int64) error {
	if _, err := t.exec(ctx, `DELETE FROM factors WHERE company_id = ? AND user_id = ? AND kind = 'recovery'`, int64(t.company), int64(user)); err != nil {
		return err
	}
	for _, hash := range hashes {
		if _, err := t.exec(ctx, `INSERT INTO factors (company_id, user_id, kind, name, secret, last_step, created_at, confirmed_at, last_used_at)
			VALUES (?, ?, 'recovery', '', ?, 0, ?, ?, 0)`, int64(t.company), int64(user), hash, at, at); err != nil {
			return err
		}
	}
	return nil
}

// UseStep implements signin.Store.
func (s signing) UseStep(ctx context.Context, f signin.Factor, step int64, now time.Time) (bool, error) {
	return s.changed(ctx, "use code", f.Company, `UPDATE factors SET last_step = ?, last_used_at = ? WHERE company_id = ? AND user_id = ? AND id = ? AND last_step < ?`,
		step, micros(now), int64(f.Company), int64(f.User), f.ID, step)
}

// UsePasskey implements signin.Store.
func (s signing) UsePasskey(ctx context.Context, f signin.Factor, now time.Time) (bool, error) {
	return s.changed(ctx, "use passkey", f.Company, `UPDATE factors SET data = ?, last_used_at = ? WHERE company_id = ? AND user_id = ? AND id = ?`,
		string(f.Data), micros(now), int64(f.Company), int64(f.User), f.ID)
}

// SpendRecovery implements signin.Store.
func (s signing) SpendRecovery(ctx context.Context, company registry.CompanyID, user registry.UserID, hash []byte) (bool, error) {
	return s.changed(ctx, "spend recovery code", company, `DELETE FROM factors WHERE company_id = ? AND user_id = ? AND kind = 'recovery' AND secret = ?`,
		int64(company), int64(user), hash)
}

// changed runs one conditional statement and says whether it met a row.
func (s signing) changed(ctx context.Context, what string, company registry.CompanyID, q string, args ...any) (bool, error) {
	var n int64
	err := s.in(ctx, what, company, func(t *tenantTx) (err error) {
		n, err = t.affected(ctx, q, args...)
		return err
	})
	return n > 0, err
}

// ReplaceRecovery implements signin.Store.
func (s signing) ReplaceRecovery(ctx context.Context, company registry.CompanyID, user registry.UserID, hashes [][]byte, now time.Time) error {
	return s.in(ctx, "replace recovery codes", company, func(t *tenantTx) error {
		if _, err := t.held(ctx, user); err != nil {
			return err
		}
		return t.replaceRecovery(ctx, user, hashes, micros(now))
	})
}

// RemoveFactor implements signin.Store.
func (s signing) RemoveFactor(ctx context.Context, company registry.CompanyID, user registry.UserID, id int64, keep bool) (f signin.Factor, err error) {
	err = s.in(ctx, "remove factor", company, func(t *tenantTx) error {
		if _, err := t.held(ctx, user); err != nil {
			return err
		}
		rows, err := t.query(ctx, `DELETE FROM factors WHERE company_id = ? AND user_id = ? AND id = ? AND kind <> 'recovery' RETURNING `+factorCols,
			int64(company), int64(user), id)
		if f, err = one(rows, err, scanFactor); err != nil {
			return err
		}
		n, err := t.factorsLeft(ctx, user)
		switch {
		case err != nil || n > 0:
			return err
		case keep:
			return auth.ErrLastFactor
		}
		return t.replaceRecovery(ctx, user, nil, 0)
	})
	return f, err
}

// ResetFactors implements signin.Store.
func (s signing) ResetFactors(ctx context.Context, company registry.CompanyID, user registry.UserID) (int, error) {
	var n int64
	err := s.in(ctx, "reset factors", company, func(t *tenantTx) (err error) {
		if n, err = t.factorsLeft(ctx, user); err != nil {
			return err
		}
		if _, err = t.exec(ctx, `DELETE FROM factors WHERE company_id = ? AND user_id = ?`, int64(company), int64(user)); err != nil {
			return err
		}
		_, err = t.exec(ctx, `DELETE FROM sessions WHERE company_id = ? AND user_id = ?`, int64(company), int64(user))
		return err
	})
	return int(n), err
}

// PeopleOf lists the living people of a small company, such as the operators'.
func (s *Store) PeopleOf(ctx context.Context, company registry.CompanyID) (out []*registry.User, err error) {
	err = s.view(ctx, func(x *session) error {
		t := x.tenant(company)
		rows, err := t.query(ctx, `SELECT id, `+columns(userCols)+` FROM users WHERE company_id = ? AND deleted_at = 0 ORDER BY user_name_key`, t.company)
		if out, err = collect(rows, err, scanUser(company)); err != nil {
			return fmt.Errorf("list people: %w", err)
		}
		return t.addEmails(ctx, out)
	})
	return out, err
}
