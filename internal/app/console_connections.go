package app

import (
	"context"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
	"github.com/usherd/usher/scim/dialect"
)

// said makes a refusal of what the command line would call a mistake: an error
// whose words are for whoever asked.
func said(err error) error {
	if err == nil {
		return nil
	}
	return &admin.Refusal{Code: registry.CodeInvalidValue, Reason: registry.SaidOf(err)}
}

// Profiles implements admin.Desk.
func (c *console) Profiles() []string { return dialect.Names() }

// TokenURL implements admin.Desk.
func (c *console) TokenURL() string {
	address, err := c.server.TokenEndpoint()
	if err != nil {
		return "" // Validate has looked at public_url
	}
	return address
}

// connection finds a connection that is not retired.
func (c *console) connection(ctx context.Context, name string) error {
	_, err := c.Connection(ctx, name)
	return err
}

// CreateConnection implements admin.Desk.
func (c *console) CreateConnection(ctx context.Context, name string, s registry.ConnectionSettings) (string, error) {
	if err := CheckConnectionName(name); err != nil {
		return "", said(err)
	}
	if err := CheckConnection(s); err != nil {
		return "", said(err)
	}
	if c.connection(ctx, name) == nil {
		return "", said(fmt.Errorf("there is a connection %q already", name))
	}
	secret, err := c.server.CreateConnection(ctx, c.company.ID, name, s)
	return secret, refused(err)
}

// ChangeConnection implements admin.Desk.
func (c *console) ChangeConnection(ctx context.Context, name string, s registry.ConnectionSettings) error {
	if err := CheckConnection(s); err != nil {
		return said(err)
	}
	return c.change(ctx, name, func(old *registry.ConnectionSettings) {
		s.Paused = old.Paused
		*old = s
	})
}

func (c *console) change(ctx context.Context, name string, fn func(*registry.ConnectionSettings)) error {
	if err := c.connection(ctx, name); err != nil {
		return err
	}
	return refused(c.server.ChangeConnection(ctx, c.company.ID, name, fn))
}

// PauseConnection implements admin.Desk.
func (c *console) PauseConnection(ctx context.Context, name string, paused bool) error {
	return c.change(ctx, name, func(s *registry.ConnectionSettings) { s.Paused = paused })
}

// DeleteConnection implements admin.Desk.
func (c *console) DeleteConnection(ctx context.Context, name string) error {
	if err := c.connection(ctx, name); err != nil {
		return err
	}
	return refused(c.server.DeleteConnection(ctx, c.company.ID, name))
}

// Clients implements admin.Desk.
func (c *console) Clients(ctx context.Context, connection string) ([]registry.OAuthClient, error) {
	return c.server.Clients(ctx, c.company.ID, connection)
}

// CreateClient implements admin.Desk.
func (c *console) CreateClient(ctx context.Context, connection string, rules admin.ClientRules, expires time.Time) (registry.OAuthClient, string, error) {
	if err := c.connection(ctx, connection); err != nil {
		return registry.OAuthClient{}, "", err
	}
	client, secret, err := c.server.CreateClient(ctx, c.company.ID, connection, AssertionRules{
		JWKSURI: rules.JWKSURI, Issuer: rules.Issuer, Subject: rules.Subject, Audience: rules.Audience,
	}, expires)
	return client, secret, refused(err)
}

// client finds a live OAuth client of the company.
func (c *console) client(ctx context.Context, name string) error {
	_, conn, err := c.server.Store.OAuthClient(ctx, name)
	if err == nil && conn.Origin.Company != c.company.ID {
		err = registry.ErrNotFound
	}
	return err
}

// RotateClient implements admin.Desk.
func (c *console) RotateClient(ctx context.Context, name string, overlap time.Duration) (registry.OAuthClient, string, error) {
	if err := c.client(ctx, name); err != nil {
		return registry.OAuthClient{}, "", err
	}
	client, secret, err := c.server.RotateClient(ctx, c.company.ID, name, overlap)
	return client, secret, refused(err)
}

// RevokeClient implements admin.Desk.
func (c *console) RevokeClient(ctx context.Context, name string) error {
	done, err := c.tenant.RevokeOAuthClient(ctx, name)
	if err == nil && !done {
		err = registry.ErrNotFound
	}
	return err
}

// Traffic implements admin.Desk.
func (c *console) Traffic(ctx context.Context, origin registry.OriginID) (registry.ScimTraffic, error) {
	return c.tenant.ScimTraffic(ctx, origin)
}

// Request implements admin.Desk.
func (c *console) Request(ctx context.Context, origin registry.OriginID, id int64) (registry.ScimRequest, error) {
	return c.tenant.ScimRequest(ctx, origin, id)
}

// APITokens implements admin.Desk.
func (c *console) APITokens(ctx context.Context) ([]registry.Token, error) {
	return c.tenant.APITokens(ctx)
}

// CreateAPIToken implements admin.Desk.
func (c *console) CreateAPIToken(ctx context.Context, actor, name string, scopes []string, expires time.Time) (string, error) {
	if err := CheckScopes(scopes); err != nil {
		return "", said(err)
	}
	secret, err := c.server.CreateAPIToken(ctx, c.company.ID, actor, name, scopes, expires)
	return secret, refused(err)
}

// RotateAPIToken implements admin.Desk.
func (c *console) RotateAPIToken(ctx context.Context, actor, prefix string, overlap time.Duration) (string, error) {
	live, err := c.liveToken(ctx, prefix)
	if err == nil && !live {
		err = registry.ErrNotFound
	}
	if err != nil {
		return "", err
	}
	secret, err := c.server.RotateAPIToken(ctx, c.company.ID, actor, prefix, overlap)
	return secret, refused(err)
}

func (c *console) liveToken(ctx context.Context, prefix string) (bool, error) {
	all, err := c.tenant.APITokens(ctx)
	for _, k := range all {
		if k.Prefix == prefix && k.Live(c.server.Now()) {
			return true, err
		}
	}
	return false, err
}
