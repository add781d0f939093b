package app

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/scimserver"
)

// AssertionRules are what a client's assertions must say, and whose keys must
// have signed them.
type AssertionRules = auth.AssertionRules

// TokenEndpoint is where OAuth clients ask for tokens.
func (c *Core) TokenEndpoint() (string, error) {
	public, err := url.Parse(c.Config.PublicURL)
	if err != nil {
		return "", fmt.Errorf("public_url: %w", err)
	}
	return scimserver.TokenEndpoint(public), nil
}

// entraAudience ends the audience that Entra shows to be copied. The assertions
// that it sends name the audience without it
// (github.com/AzureAD/SCIMReferenceCode, Workload-Identity-Federation-for-SCIM-Provisioning.md).
const entraAudience = "/.default"

// CreateClient gives a connection an OAuth client and returns its secret, once.
// With the address of a key set the client signs assertions instead, and has no
// secret; what is not said then is the client's own name for issuer and subject,
// and the token endpoint for the audience (RFC 7523 section 3).
func (c *Core) CreateClient(ctx context.Context, company registry.CompanyID, name string, rules AssertionRules, expires time.Time) (registry.OAuthClient, string, error) {
	conn, err := c.connection(ctx, company, name)
	if err != nil {
		return registry.OAuthClient{}, "", err
	}
	client := registry.OAuthClient{Origin: conn.Origin.ID, ExpiresAt: expires}
	var secret string
	if client.Name, secret, client.SecretHash, err = scimserver.NewClient(rand.Reader); err != nil {
		return registry.OAuthClient{}, "", fmt.Errorf("make client: %w", err)
	}
	if rules != (AssertionRules{}) {
		secret = ""
		if client, err = c.signing(client, rules); err != nil {
			return registry.OAuthClient{}, "", err
		}
	}
	client, err = c.Store.For(company).CreateOAuthClient(ctx, client)
	return client, secret, err
}

// signing makes a client one that signs assertions.
func (c *Core) signing(client registry.OAuthClient, rules AssertionRules) (registry.OAuthClient, error) {
	if rules.JWKSURI == "" {
		return client, mistake("issuer, subject and audience are of signed assertions: the address of the keys is missing")
	}
	if err := auth.CheckJWKSURI(rules.JWKSURI); err != nil {
		return client, mistake("%s", err)
	}
	endpoint, err := c.TokenEndpoint()
	if err != nil {
		return client, err
	}
	client.SecretHash, client.JWKSURI = nil, rules.JWKSURI
	client.Issuer, client.Subject = cmp.Or(rules.Issuer, client.Name), cmp.Or(rules.Subject, client.Name)
	client.Audience = strings.TrimSuffix(cmp.Or(rules.Audience, endpoint), entraAudience)
	return client, nil
}

// Clients lists a connection's OAuth clients.
func (c *Core) Clients(ctx context.Context, company registry.CompanyID, name string) ([]registry.OAuthClient, error) {
	conn, err := c.connection(ctx, company, name)
	if err != nil {
		return nil, err
	}
	return c.Store.For(company).OAuthClients(ctx, conn.Origin.ID)
}

// RotateClient gives the connection of a client another with a secret, that is
// good as long as the older was made for, and lets the older end after the
// overlap.
func (c *Core) RotateClient(ctx context.Context, company registry.CompanyID, clientID string, overlap time.Duration) (registry.OAuthClient, string, error) {
	old, conn, err := c.Store.OAuthClient(ctx, clientID)
	if errors.Is(err, registry.ErrNotFound) || err == nil && conn.Origin.Company != company {
		return registry.OAuthClient{}, "", fmt.Errorf("there is no live client %q; `usher client list` shows what there is", clientID)
	}
	if err != nil {
		return registry.OAuthClient{}, "", err
	}
	if len(old.SecretHash) == 0 {
		return registry.OAuthClient{}, "", mistake("the client %s signs assertions and has no secret to rotate: its keys are renewed at %s", clientID, old.JWKSURI)
	}
	var expires time.Time
	if !old.ExpiresAt.IsZero() {
		expires = c.Now().Add(old.ExpiresAt.Sub(old.CreatedAt))
	}
	client, secret, err := c.CreateClient(ctx, company, conn.Origin.Key, AssertionRules{}, expires)
	if err != nil {
		return client, "", err
	}
	tenant := c.Store.For(company)
	if overlap > 0 {
		_, err = tenant.ExpireOAuthClient(ctx, clientID, c.Now().Add(overlap))
	} else {
		_, err = tenant.RevokeOAuthClient(ctx, clientID)
	}
	return client, secret, err
}

// CreatePersonalToken makes a token that speaks for one person, whom the
// connection must be able to see, and returns its secret, once.
func (c *Core) CreatePersonalToken(ctx context.Context, company registry.CompanyID, name, who string, expires time.Time) (string, error) {
	conn, err := c.connection(ctx, company, name)
	if err != nil {
		return "", err
	}
	tenant := c.Store.For(company)
	u, err := tenant.FindUser(ctx, who)
	if errors.Is(err, registry.ErrNotFound) {
		return "", fmt.Errorf("nobody has the userName, address or id %q", who)
	}
	if err != nil {
		return "", err
	}
	_, err = tenant.ScimUserByID(ctx, registry.ScimView{Origin: conn.Origin.ID, Visible: conn.Visible}, u.PublicID, false)
	if errors.Is(err, registry.ErrNotFound) {
		return "", fmt.Errorf("%s is not among the people that the connection %s shows", u.UserName(), name)
	}
	if err != nil {
		return "", err
	}
	secret, hash, prefix, err := scimserver.NewToken(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	_, err = tenant.CreatePersonalToken(ctx, conn.Origin.ID, u.ID, hash, prefix, expires)
	return secret, err
}
