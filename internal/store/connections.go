package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/usherd/usher/internal/registry"
)

func scanConnection(company registry.CompanyID) func(*sql.Rows) (registry.Connection, error) {
	return func(rows *sql.Rows) (registry.Connection, error) {
		c := registry.Connection{Origin: registry.Origin{Company: company, Kind: registry.OriginSCIM}}
		var settings []byte
		var created, retired int64
		if err := rows.Scan(&c.Origin.ID, &c.Origin.Key, &settings, &created, &retired); err != nil {
			return c, fmt.Errorf("scan connection: %w", err)
		}
		c.CreatedAt, c.Origin.RetiredAt = fromMicros(created), fromMicros(retired)
		return c, decodeSettings(settings, &c.ConnectionSettings)
	}
}

func decodeSettings(doc []byte, into *registry.ConnectionSettings) error {
	*into = registry.DefaultConnection()
	if len(doc) == 0 {
		return nil
	}
	if err := json.Unmarshal(doc, into); err != nil {
		return fmt.Errorf("decode connection settings: %w", err)
	}
	return nil
}

const connectionCols = `id, key, settings, created_at, retired_at`

// Connections lists the company's SCIM connections, without the retired ones.
func (t *Tenant) Connections(ctx context.Context) ([]registry.Connection, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT `+connectionCols+` FROM origins
		WHERE company_id = ? AND kind = 'scim' AND retired_at = 0 ORDER BY key`), int64(t.id))
	return collect(rows, err, scanConnection(t.id))
}

// Connection finds a SCIM connection by its name.
func (t *Tenant) Connection(ctx context.Context, key string) (registry.Connection, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT `+connectionCols+` FROM origins
		WHERE company_id = ? AND kind = 'scim' AND key = ?`), int64(t.id), key)
	return one(rows, err, scanConnection(t.id))
}

// SaveConnection makes a connection, or gives one that is there these settings.
// One that was deleted comes back with what it owned.
func (t *Tenant) SaveConnection(ctx context.Context, key string, settings registry.ConnectionSettings) (registry.Connection, error) {
	doc, err := json.Marshal(settings)
	if err != nil {
		return registry.Connection{}, fmt.Errorf("encode connection settings: %w", err)
	}
	_, found := t.Connection(ctx, key)
	err = t.s.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `INSERT INTO origins (company_id, kind, key, settings, created_at, retired_at) VALUES (?, 'scim', ?, ?, ?, 0)
			ON CONFLICT (company_id, kind, key) DO UPDATE SET settings = excluded.settings, retired_at = 0`,
			int64(t.id), key, string(doc), micros(t.s.now()))
		return err
	})
	if err != nil {
		return registry.Connection{}, fmt.Errorf("save connection: %w", err)
	}
	if found == nil { // one that was there is known to those who are at work
		if err := t.s.ended(ctx); err != nil {
			return registry.Connection{}, err
		}
	}
	return t.Connection(ctx, key)
}

// DeleteConnection retires a connection and revokes its OAuth clients and
// tokens. Its people are kept.
func (t *Tenant) DeleteConnection(ctx context.Context, origin registry.OriginID) error {
	now := micros(t.s.now())
	err := t.s.inTx(ctx, func(x *session) error {
		if _, err := x.exec(ctx, `UPDATE origins SET retired_at = ? WHERE company_id = ? AND id = ? AND kind = 'scim'`, now, int64(t.id), int64(origin)); err != nil {
			return fmt.Errorf("retire connection: %w", err)
		}
		// The clients first: nobody is given a token behind this.
		if _, err := x.exec(ctx, `UPDATE oauth_clients SET revoked_at = ? WHERE company_id = ? AND origin_id = ? AND revoked_at = 0`, now, int64(t.id), int64(origin)); err != nil {
			return fmt.Errorf("revoke clients: %w", err)
		}
		_, err := x.exec(ctx, `UPDATE tokens SET revoked_at = ? WHERE company_id = ? AND origin_id = ? AND revoked_at = 0`, now, int64(t.id), int64(origin))
		if err != nil {
			return fmt.Errorf("revoke tokens: %w", err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return t.s.ended(ctx)
}

//nolint:gosec // columns, and no credentials
const tokenCols = `k.id, k.origin_id, k.user_id, coalesce(u.public_id, ''), k.prefix, k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.scopes, k.name`

func scanToken(rows *sql.Rows) (k registry.Token, err error) {
	var created, expires, used, revoked int64
	var scopes []byte
	err = rows.Scan(&k.ID, &k.Origin, &k.User, &k.Person, &k.Prefix, &created, &expires, &used, &revoked, &scopes, &k.Name)
	k.CreatedAt, k.ExpiresAt, k.LastUsedAt, k.RevokedAt = fromMicros(created), fromMicros(expires), fromMicros(used), fromMicros(revoked)
	if err == nil && len(scopes) > 0 {
		err = json.Unmarshal(scopes, &k.Scopes)
	}
	return k, err
}

// CreateToken keeps a new token's hash. A connection that is not this company's
// is registry.ErrNotFound.
func (t *Tenant) CreateToken(ctx context.Context, origin registry.OriginID, hash []byte, prefix string, expires time.Time) (registry.Token, error) {
	return t.createToken(ctx, registry.Token{Origin: origin, Prefix: prefix, ExpiresAt: expires}, hash)
}

// CreatePersonalToken keeps the hash of a new token that speaks for one person.
// A person who is not this company's is registry.ErrNotFound.
func (t *Tenant) CreatePersonalToken(ctx context.Context, origin registry.OriginID, user registry.UserID, hash []byte, prefix string, expires time.Time) (registry.Token, error) {
	return t.createToken(ctx, registry.Token{Origin: origin, User: user, Prefix: prefix, ExpiresAt: expires}, hash)
}

func (t *Tenant) createToken(ctx context.Context, k registry.Token, hash []byte) (_ registry.Token, err error) {
	k.CreatedAt = t.s.now()
	scopes, err := json.Marshal(k.Scopes)
	if err != nil {
		return k, fmt.Errorf("encode scopes: %w", err)
	}
	err = t.s.inTx(ctx, func(x *session) error {
		if err := t.owns(ctx, x, k.Origin); err != nil {
			return err
		}
		if k.User != 0 {
			rows, err := x.query(ctx, `SELECT id FROM users WHERE company_id = ? AND id = ?`, int64(t.id), int64(k.User))
			if _, err = one(rows, err, scanInt); err != nil {
				return err
			}
		}
		ids, err := x.insert(ctx, newTable("tokens", "company_id", "origin_id", "user_id", "token_hash", "prefix", "created_at", "expires_at", "scopes", "name"),
			[][]any{{int64(t.id), int64(k.Origin), int64(k.User), hash, k.Prefix, micros(k.CreatedAt), micros(k.ExpiresAt), string(scopes), asText(k.Name)}})
		if err == nil {
			k.ID = registry.TokenID(ids[0])
		}
		return err
	})
	return k, err
}

// owns makes sure that a connection is this company's.
func (t *Tenant) owns(ctx context.Context, x *session, origin registry.OriginID) error {
	rows, err := x.query(ctx, `SELECT id FROM origins WHERE company_id = ? AND id = ?`, int64(t.id), int64(origin))
	_, err = one(rows, err, scanInt)
	return err
}

// Tokens lists the tokens of a connection that were made by hand, the newest
// first.
func (t *Tenant) Tokens(ctx context.Context, origin registry.OriginID) ([]registry.Token, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT `+tokenCols+` FROM tokens k
		LEFT JOIN users u ON u.id = k.user_id AND u.company_id = k.company_id WHERE k.company_id = ? AND k.origin_id = ? AND k.client_id = 0 ORDER BY k.id DESC`),
		int64(t.id), int64(origin))
	return collect(rows, err, scanToken)
}

// ExpireTokens lets every live token of a connection but one end at a time, at
// once when it is now. It tells how many. People's tokens and those of OAuth
// clients, which are somebody else's to renew, stay.
func (t *Tenant) ExpireTokens(ctx context.Context, origin registry.OriginID, except registry.TokenID, at time.Time) (int, error) {
	column, now := "expires_at", !at.After(t.s.now())
	if now {
		column = "revoked_at"
	}
	var n int64
	err := t.s.inTx(ctx, func(x *session) (err error) {
		n, err = x.affected(ctx, `UPDATE tokens SET `+column+` = ? WHERE company_id = ? AND origin_id = ? AND id <> ? AND client_id = 0 AND user_id = 0 AND revoked_at = 0
			AND (expires_at = 0 OR expires_at > ?)`, micros(at), int64(t.id), int64(origin), int64(except), micros(at))
		return err
	})
	t.s.admissions.forget()
	if err == nil && now {
		err = t.s.ended(ctx)
	}
	return int(n), err
}

// RevokeToken ends one token at once, found by its prefix.
func (t *Tenant) RevokeToken(ctx context.Context, prefix string) (bool, error) {
	var n int64
	err := t.s.inTx(ctx, func(x *session) (err error) {
		n, err = x.affected(ctx, `UPDATE tokens SET revoked_at = ? WHERE company_id = ? AND prefix = ? AND revoked_at = 0`,
			micros(t.s.now()), int64(t.id), prefix)
		return err
	})
	if err == nil && n > 0 {
		err = t.s.ended(ctx)
	}
	return n > 0, err
}

// UseTokens records when tokens were last used, many at once: a request must
// not cost a write.
func (s *Store) UseTokens(ctx context.Context, used map[registry.CompanyID]map[registry.TokenID]time.Time) error {
	return s.inTx(ctx, func(x *session) error {
		for company, tokens := range used {
			for id, at := range tokens {
				if _, err := x.exec(ctx, `UPDATE tokens SET last_used_at = ? WHERE company_id = ? AND id = ? AND last_used_at < ?`,
					micros(at), int64(company), int64(id), micros(at)); err != nil {
					return fmt.Errorf("record use of token: %w", err)
				}
			}
		}
		return nil
	})
}

// LogScimRequests appends to the request log of the company's connections.
func (t *Tenant) LogScimRequests(ctx context.Context, list []registry.ScimRequest) error {
	rows := make([][]any, len(list))
	var origins []registry.OriginID
	for i, r := range list {
		if !slices.Contains(origins, r.Origin) {
			origins = append(origins, r.Origin)
		}
		rows[i] = []any{
			int64(t.id), int64(r.Origin), micros(r.At), r.RequestID, r.Method, asText(r.Path), int64(r.Status), r.ScimType, asText(r.Detail),
			asText(r.Resource), r.Micros, asText(r.Body),
		}
	}
	return t.s.inTx(ctx, func(x *session) error {
		for _, origin := range origins {
			if err := t.owns(ctx, x, origin); err != nil {
				return err
			}
		}
		_, err := x.insert(ctx, scimRequestsTable, rows)
		return err
	})
}

// scimRequestsTable is where the request log goes.
var scimRequestsTable = newTable("scim_requests",
	"company_id", "origin_id", "at", "request_id", "method", "path", "status", "scim_type", "detail", "resource", "micros", "body",
)

// ScimRequests lists the latest requests of a connection, the newest first.
func (t *Tenant) ScimRequests(ctx context.Context, origin registry.OriginID, failed bool, limit int) ([]registry.ScimRequest, error) {
	return t.ScimRequestPage(ctx, registry.ScimRequestQuery{Origin: origin, Failed: failed, Limit: limit})
}
