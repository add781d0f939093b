package app

import (
	"context"
	"errors"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
)

// day is the time over which a connection's requests are counted.
const day = 24 * time.Hour

// Connections implements admin.Desk.
func (c *console) Connections(ctx context.Context) ([]admin.Connection, error) {
	all, err := c.tenant.Connections(ctx)
	if err != nil {
		return nil, err
	}
	uses, err := c.tenant.ConnectionUses(ctx, c.server.Now().Add(-day))
	out := make([]admin.Connection, len(all))
	for i, x := range all {
		u := uses[x.Origin.ID]
		out[i] = admin.Connection{Connection: x, LastRequest: u.Last, Requests: u.Requests, Failures: u.Failures}
	}
	return out, err
}

// Owned implements admin.Desk.
func (c *console) Owned(ctx context.Context) (map[registry.OriginID]int64, error) {
	return c.tenant.CountOwned(ctx)
}

// Connection implements admin.Desk.
func (c *console) Connection(ctx context.Context, key string) (admin.Connection, error) {
	all, err := c.Connections(ctx)
	for _, x := range all {
		if x.Origin.Key == key {
			return x, nil
		}
	}
	return admin.Connection{}, errors.Join(err, registry.ErrNotFound)
}

// Tokens implements admin.Desk.
func (c *console) Tokens(ctx context.Context, origin registry.OriginID) ([]registry.Token, error) {
	return c.tenant.Tokens(ctx, origin)
}

// Requests implements admin.Desk.
func (c *console) Requests(ctx context.Context, q registry.ScimRequestQuery) ([]registry.ScimRequest, error) {
	return c.tenant.ScimRequestPage(ctx, q)
}

// CreateToken implements admin.Desk.
func (c *console) CreateToken(ctx context.Context, connection string, expires time.Time, _ string) (string, error) {
	secret, err := c.server.CreateToken(ctx, c.company.ID, connection, expires)
	return secret, refused(err)
}

// RotateToken implements admin.Desk.
func (c *console) RotateToken(ctx context.Context, connection string, overlap time.Duration, _ string) (string, error) {
	secret, _, err := c.server.RotateToken(ctx, c.company.ID, connection, overlap)
	return secret, refused(err)
}

// RevokeToken implements admin.Desk.
func (c *console) RevokeToken(ctx context.Context, prefix, actor string) error {
	done, err := c.server.RevokeToken(ctx, c.company.ID, actor, prefix)
	if err == nil && !done {
		err = registry.ErrNotFound
	}
	return refused(err)
}

// ScimURL implements admin.Desk.
func (c *console) ScimURL() string { return c.server.SCIMURL() }
