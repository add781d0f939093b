package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/registry"
)

var (
	_ api.Tokens  = (*Store)(nil)
	_ api.Records = (*Tenant)(nil)
)

// apiKey is the one origin of kind api that a company has.
const apiKey = "api"

// CreateAPIToken keeps the hash of a new token of the API. The company's origin
// for programs is made when it is the first.
func (t *Tenant) CreateAPIToken(ctx context.Context, scopes []string, name string, hash []byte, prefix string, expires time.Time) (registry.Token, error) {
	origin, err := t.EnsureOrigin(ctx, registry.OriginAPI, apiKey)
	if err != nil {
		return registry.Token{}, err
	}
	return t.createToken(ctx, registry.Token{Origin: origin.ID, Prefix: prefix, ExpiresAt: expires, Scopes: scopes, Name: name}, hash)
}

// APITokens lists the company's tokens of the API, the newest first.
func (t *Tenant) APITokens(ctx context.Context) ([]registry.Token, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT `+tokenCols+` FROM tokens k
		JOIN origins o ON o.id = k.origin_id AND o.company_id = k.company_id AND o.kind = 'api'
		LEFT JOIN users u ON u.id = k.user_id AND u.company_id = k.company_id WHERE k.company_id = ? ORDER BY k.id DESC`), int64(t.id))
	return collect(rows, err, scanToken)
}

// ExpireToken lets one live token end at a time, at once when it is now.
// registry.ErrNotFound for one that is not live.
func (t *Tenant) ExpireToken(ctx context.Context, id registry.TokenID, at time.Time) error {
	column, now := "expires_at", !at.After(t.s.now())
	if now {
		column = "revoked_at"
	}
	err := t.s.inTx(ctx, func(x *session) error {
		n, err := x.affected(ctx, `UPDATE tokens SET `+column+` = CASE WHEN expires_at = 0 OR expires_at > ? OR ? THEN ? ELSE expires_at END
			WHERE company_id = ? AND id = ? AND revoked_at = 0`, micros(at), now, micros(at), int64(t.id), int64(id))
		if err == nil && n == 0 {
			err = registry.ErrNotFound
		}
		return err
	})
	t.s.admissions.forget()
	if err == nil && now {
		err = t.s.ended(ctx)
	}
	return err
}

// BeginRequest implements api.Records.
func (t *Tenant) BeginRequest(ctx context.Context, token registry.TokenID, key string, hash []byte, until time.Time) (first *registry.KeptAnswer, err error) {
	err = t.s.inTx(ctx, func(x *session) error {
		first = nil
		now := micros(t.s.now())
		if _, err := x.exec(ctx, `DELETE FROM idempotency_keys WHERE company_id = ? AND token_id = ? AND key = ? AND expires_at <= ?`,
			int64(t.id), int64(token), key, now); err != nil {
			return err
		}
		n, err := x.affected(ctx, `INSERT INTO idempotency_keys (company_id, token_id, key, request_hash, status, content_type, location, created_at, expires_at)
			VALUES (?, ?, ?, ?, 0, '', '', ?, ?) ON CONFLICT (company_id, token_id, key) DO NOTHING`,
			int64(t.id), int64(token), key, hash, now, micros(until))
		if err != nil || n > 0 {
			return err
		}
		rows, err := x.query(ctx, `SELECT request_hash, status, content_type, location, body FROM idempotency_keys
			WHERE company_id = ? AND token_id = ? AND key = ?`, int64(t.id), int64(token), key)
		kept, err := one(rows, err, func(rows *sql.Rows) (k registry.KeptAnswer, err error) {
			return k, rows.Scan(&k.RequestHash, &k.Status, &k.ContentType, &k.Location, &k.Body)
		})
		first = &kept
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("enter idempotency key: %w", err)
	}
	return first, nil
}

// FinishRequest implements api.Records.
func (t *Tenant) FinishRequest(ctx context.Context, token registry.TokenID, key string, a registry.KeptAnswer, until time.Time) error {
	return t.s.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `UPDATE idempotency_keys SET status = ?, content_type = ?, location = ?, body = ?, expires_at = ?
			WHERE company_id = ? AND token_id = ? AND key = ?`,
			a.Status, a.ContentType, a.Location, a.Body, micros(until), int64(t.id), int64(token), key)
		return err
	})
}

// DropRequest implements api.Records.
func (t *Tenant) DropRequest(ctx context.Context, token registry.TokenID, key string) error {
	return t.s.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `DELETE FROM idempotency_keys WHERE company_id = ? AND token_id = ? AND key = ? AND status = 0`, int64(t.id), int64(token), key)
		return err
	})
}
