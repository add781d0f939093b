package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

const clientCols = `c.id, c.origin_id, c.client_id, c.secret_hash, c.issuer, c.subject, c.audience, c.jwks_uri, c.created_at, c.expires_at, c.last_used_at, c.revoked_at`

// scanClient reads clientCols behind the columns that go into before.
func scanClient(rows *sql.Rows, before ...any) (c registry.OAuthClient, err error) {
	var created, expires, used, revoked int64
	err = rows.Scan(append(before, &c.ID, &c.Origin, &c.Name, &c.SecretHash, &c.Issuer, &c.Subject, &c.Audience, &c.JWKSURI,
		&created, &expires, &used, &revoked)...)
	c.CreatedAt, c.ExpiresAt, c.LastUsedAt, c.RevokedAt = fromMicros(created), fromMicros(expires), fromMicros(used), fromMicros(revoked)
	return c, err
}

// active is the public id of a person who may come in; registry.ErrNotFound for
// any other. Whether they have a password does not matter: whoever asks has
// proved themselves otherwise.
func (t *Tenant) active(ctx context.Context, user registry.UserID) (string, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT public_id FROM users
		WHERE company_id = ? AND id = ? AND enabled AND blocks = 0 AND deleted_at = 0`), int64(t.id), int64(user))
	return one(rows, err, scanString)
}

var oauthClientsTable = newTable("oauth_clients",
	"company_id", "origin_id", "client_id", "secret_hash", "issuer", "subject", "audience", "jwks_uri", "created_at", "expires_at",
)

// CreateOAuthClient keeps a new client. A connection that is not this company's
// is registry.ErrNotFound.
func (t *Tenant) CreateOAuthClient(ctx context.Context, c registry.OAuthClient) (registry.OAuthClient, error) {
	c.CreatedAt = t.s.now()
	err := t.s.inTx(ctx, func(x *session) error {
		if err := t.owns(ctx, x, c.Origin); err != nil {
			return err
		}
		ids, err := x.insert(ctx, oauthClientsTable, [][]any{{
			int64(t.id), int64(c.Origin), c.Name, c.SecretHash, c.Issuer, c.Subject, c.Audience, c.JWKSURI, micros(c.CreatedAt), micros(c.ExpiresAt),
		}})
		if err == nil {
			c.ID = registry.ClientID(ids[0])
		}
		return err
	})
	return c, err
}

// OAuthClients lists the clients of a connection, the newest first, with how
// many live tokens each holds.
func (t *Tenant) OAuthClients(ctx context.Context, origin registry.OriginID) ([]registry.OAuthClient, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT (SELECT count(*) FROM tokens k
			WHERE k.company_id = c.company_id AND k.origin_id = c.origin_id AND k.client_id = c.id AND k.revoked_at = 0 AND k.expires_at > ?), `+clientCols+`
		FROM oauth_clients c WHERE c.company_id = ? AND c.origin_id = ? ORDER BY c.id DESC`), micros(t.s.now()), int64(t.id), int64(origin))
	return collect(rows, err, func(rows *sql.Rows) (registry.OAuthClient, error) {
		var tokens int
		c, err := scanClient(rows, &tokens)
		c.Tokens = tokens
		return c, err
	})
}

// ExpireOAuthClient lets a live client end at a time, if it would not end
// sooner, and reports whether there was one. The tokens it holds by then end
// when they always would.
func (t *Tenant) ExpireOAuthClient(ctx context.Context, name string, at time.Time) (bool, error) {
	var n int64
	err := t.s.inTx(ctx, func(x *session) (err error) {
		n, err = x.affected(ctx, `UPDATE oauth_clients SET expires_at = CASE WHEN expires_at <> 0 AND expires_at < ? THEN expires_at ELSE ? END
			WHERE company_id = ? AND client_id = ? AND revoked_at = 0 AND (expires_at = 0 OR expires_at > ?)`,
			micros(at), micros(at), int64(t.id), name, micros(t.s.now()))
		return err
	})
	return n > 0, err
}

// RevokeOAuthClient ends a client and its tokens at once, and reports whether
// there was one to end.
func (t *Tenant) RevokeOAuthClient(ctx context.Context, name string) (bool, error) {
	now := micros(t.s.now())
	found := false
	err := t.s.inTx(ctx, func(x *session) error {
		// The client first, which is what IssueToken holds: no token is given
		// behind this.
		n, err := x.affected(ctx, `UPDATE oauth_clients SET revoked_at = ? WHERE company_id = ? AND client_id = ? AND revoked_at = 0`, now, int64(t.id), name)
		if found = n > 0; err != nil || !found {
			return err
		}
		_, err = x.exec(ctx, `UPDATE tokens SET revoked_at = ? WHERE company_id = ? AND revoked_at = 0
			AND client_id IN (SELECT id FROM oauth_clients WHERE company_id = ? AND client_id = ?)`, now, int64(t.id), int64(t.id), name)
		if err != nil {
			return fmt.Errorf("revoke tokens: %w", err)
		}
		return nil
	})
	if err == nil && found {
		err = t.s.ended(ctx)
	}
	return found, err
}

// IssueToken keeps the hash of a token given to a client, and that the client
// was used. A client that is not live is registry.ErrNotFound; proof that was
// spent before is registry.ErrSpent.
func (t *Tenant) IssueToken(ctx context.Context, k registry.IssuedToken) error {
	now := t.s.now()
	return t.s.inTx(ctx, func(x *session) error {
		n, err := x.affected(ctx, `UPDATE oauth_clients SET last_used_at = ? WHERE company_id = ? AND origin_id = ? AND id = ? AND revoked_at = 0
			AND (expires_at = 0 OR expires_at > ?)`, micros(now), int64(t.id), int64(k.Origin), int64(k.Client), micros(now))
		if err != nil {
			return fmt.Errorf("hold client: %w", err)
		}
		if n == 0 {
			return registry.ErrNotFound
		}
		if k.Spent != nil {
			// What was spent lies among the tokens as one that never lived: its
			// hash is there once, and it goes with those that have expired.
			n, err := t.issue(ctx, x, k, issuedRow{k.Spent, "spent", k.SpentUntil, now}, now)
			if err != nil {
				return err
			}
			if n == 0 {
				return registry.ErrSpent
			}
		}
		_, err = t.issue(ctx, x, k, issuedRow{hash: k.Hash, prefix: k.Prefix, expires: k.Expires}, now)
		return err
	})
}

type issuedRow struct {
	hash             []byte
	prefix           string
	expires, revoked time.Time
}

// issue writes a row of a client's and tells whether it is new.
func (t *Tenant) issue(ctx context.Context, x *session, k registry.IssuedToken, r issuedRow, now time.Time) (int64, error) {
	n, err := x.affected(ctx, `INSERT INTO tokens (company_id, origin_id, client_id, token_hash, prefix, created_at, expires_at, revoked_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (token_hash) DO NOTHING`,
		int64(t.id), int64(k.Origin), int64(k.Client), r.hash, r.prefix, micros(now), micros(r.expires), micros(r.revoked))
	if err != nil {
		return 0, fmt.Errorf("keep token: %w", err)
	}
	return n, nil
}
