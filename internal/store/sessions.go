package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Store is the keeper of sessions. What needs no more than the session's id
// (FindSession, TouchSession, DeleteSession) crosses companies.
var _ auth.SessionStore = (*Store)(nil)

// sessionCols are what scanSession reads.
const sessionCols = `s.token_hash, s.company_id, s.user_id, s.credential_version, s.address, s.agent, s.method, s.factor_at, s.created_at, s.seen_at, s.expires_at,
	c.key, c.name, c.locale, EXISTS (SELECT 1 FROM factors f
		WHERE f.user_id = s.user_id AND f.company_id = s.company_id AND f.confirmed_at <> 0 AND f.kind <> 'recovery')`

func scanSession(rows *sql.Rows) (auth.Session, error) {
	var v auth.Session
	var factor, created, seen, expires int64
	err := rows.Scan(&v.ID, &v.Company, &v.User, &v.CredentialVersion, &v.Address, &v.Agent, &v.Method, &factor, &created, &seen, &expires,
		&v.Account.CompanyKey, &v.Account.CompanyName, &v.Account.CompanyLocale, &v.Account.HasFactor)
	v.FactorAt = fromMicros(factor)
	v.CreatedAt, v.SeenAt, v.ExpiresAt = fromMicros(created), fromMicros(seen), fromMicros(expires)
	return v, err
}

// joinAccount completes a session with what its person is now, and reports
// whether they may still use it.
func joinAccount(v *auth.Session, u *registry.User, now time.Time) bool {
	if u == nil || !u.MaySignIn() || u.CredentialVersion != v.CredentialVersion || !now.Before(v.ExpiresAt) {
		return false
	}
	v.Account.UserName, v.Account.DisplayName, v.Account.Locale = u.UserName(), u.DisplayName(), u.Locale()
	v.Account.Timezone, v.Account.Admin = u.Attributes.First(registry.AttrTimezone), u.CompanyAdmin
	v.Account.Rights, v.Account.Kind = u.Rights, u.Kind
	return true
}

// SaveSession implements auth.SessionStore.
func (s *Store) SaveSession(ctx context.Context, v auth.Session) error {
	return s.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `INSERT INTO sessions (token_hash, company_id, user_id, credential_version, address, agent, method, factor_at, created_at, seen_at, expires_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (token_hash) DO UPDATE SET user_id = excluded.user_id, credential_version = excluded.credential_version,
				address = excluded.address, agent = excluded.agent, method = excluded.method, factor_at = excluded.factor_at, created_at = excluded.created_at,
				seen_at = excluded.seen_at, expires_at = excluded.expires_at
			WHERE sessions.company_id = excluded.company_id`,
			v.ID, int64(v.Company), int64(v.User), v.CredentialVersion, v.Address, asText(v.Agent),
			v.Method, micros(v.FactorAt), micros(v.CreatedAt), micros(v.SeenAt), micros(v.ExpiresAt))
		if err != nil {
			return fmt.Errorf("save session: %w", err)
		}
		return nil
	})
}

// ListSessions implements auth.SessionStore.
func (s *Store) ListSessions(ctx context.Context, company registry.CompanyID, user registry.UserID, now time.Time) (live []auth.Session, err error) {
	err = s.view(ctx, func(x *session) error {
		rows, err := x.query(ctx, `SELECT `+sessionCols+` FROM sessions s JOIN companies c ON c.id = s.company_id
			WHERE s.company_id = ? AND s.user_id = ? ORDER BY s.seen_at DESC, s.id DESC`, int64(company), int64(user))
		all, err := collect(rows, err, scanSession)
		if err != nil {
			return fmt.Errorf("list sessions: %w", err)
		}
		users, err := x.tenant(company).seen(ctx, user)
		if err != nil {
			return err
		}
		for _, v := range all {
			if joinAccount(&v, users[user], now) {
				live = append(live, v)
			}
		}
		return nil
	})
	return live, err
}

// EndSession implements auth.SessionStore.
func (s *Store) EndSession(ctx context.Context, company registry.CompanyID, user registry.UserID, id string) (bool, error) {
	if notText(id) {
		return false, nil
	}
	var n int64
	err := s.inTx(ctx, func(x *session) (err error) {
		n, err = x.affected(ctx, `DELETE FROM sessions WHERE company_id = ? AND user_id = ? AND token_hash = ?`, int64(company), int64(user), id)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("end session: %w", err)
	}
	return n > 0, nil
}

// EndSessions implements auth.SessionStore.
func (s *Store) EndSessions(ctx context.Context, company registry.CompanyID, user registry.UserID, except string) (int, error) {
	var n int64
	err := s.inTx(ctx, func(x *session) (err error) {
		n, err = x.affected(ctx, `DELETE FROM sessions WHERE company_id = ? AND user_id = ? AND token_hash <> ?`, int64(company), int64(user), except)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	return int(n), nil
}
