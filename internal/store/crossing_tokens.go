package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/usherd/usher/internal/registry"
)

// This file is the part of crossing.go that finds tokens by the hash of their
// secret: what a request of a program knows of its company.

// tokenByHash finds a live token of a connection, or of the API, that is not
// retired. A person's token lives no longer than the person may come in.
func (s *Store) tokenByHash(ctx context.Context, hash []byte) (registry.Token, registry.Connection, error) {
	token, conn, err := s.anyToken(ctx, hash)
	if err == nil && (!token.Live(s.now()) || !conn.Origin.RetiredAt.IsZero()) {
		err = registry.ErrNotFound
	}
	if err == nil && token.User != 0 {
		token.Person, err = s.For(conn.Origin.Company).active(ctx, token.User)
	}
	return token, conn, err
}

// EndedToken finds a token that opened a connection which is still there, and
// opens it no more: it expired, was revoked, or its person may not come in.
// registry.ErrNotFound for any other.
func (s *Store) EndedToken(ctx context.Context, hash []byte) (registry.Token, registry.Connection, error) {
	token, conn, err := s.anyToken(ctx, hash)
	if err == nil && (conn.Origin.Kind != registry.OriginSCIM || !conn.Origin.RetiredAt.IsZero()) {
		err = registry.ErrNotFound
	}
	if err == nil && token.Live(s.now()) {
		_, err = s.For(conn.Origin.Company).active(ctx, token.User)
		if token.User == 0 || err == nil {
			err = registry.ErrNotFound // it lives
		} else if errors.Is(err, registry.ErrNotFound) {
			err = nil
		}
	}
	if err != nil {
		return registry.Token{}, registry.Connection{}, err
	}
	return token, conn, nil
}

// anyToken finds a token, live or not, with what it opens.
func (s *Store) anyToken(ctx context.Context, hash []byte) (registry.Token, registry.Connection, error) {
	type found struct {
		token registry.Token
		conn  registry.Connection
	}
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT k.id, k.user_id, k.prefix, k.created_at, k.expires_at, k.last_used_at, k.revoked_at, k.scopes, k.name,
		o.id, o.company_id, o.kind, o.key, o.settings, o.created_at, o.retired_at
		FROM tokens k JOIN origins o ON o.id = k.origin_id AND o.company_id = k.company_id WHERE k.token_hash = ? AND o.kind IN ('scim', 'api')`), hash)
	f, err := one(rows, err, func(rows *sql.Rows) (f found, err error) {
		var created, expires, used, revoked, born, retired int64
		var settings, scopes []byte
		err = rows.Scan(&f.token.ID, &f.token.User, &f.token.Prefix, &created, &expires, &used, &revoked, &scopes, &f.token.Name,
			&f.conn.Origin.ID, &f.conn.Origin.Company, &f.conn.Origin.Kind, &f.conn.Origin.Key, &settings, &born, &retired)
		if err == nil && len(scopes) > 0 {
			err = json.Unmarshal(scopes, &f.token.Scopes)
		}
		if err != nil {
			return f, err
		}
		f.token.Origin = f.conn.Origin.ID
		f.token.CreatedAt, f.token.ExpiresAt, f.token.LastUsedAt, f.token.RevokedAt = fromMicros(created), fromMicros(expires), fromMicros(used), fromMicros(revoked)
		f.conn.CreatedAt, f.conn.Origin.RetiredAt = fromMicros(born), fromMicros(retired)
		return f, decodeSettings(settings, &f.conn.ConnectionSettings)
	})
	return f.token, f.conn, err
}
