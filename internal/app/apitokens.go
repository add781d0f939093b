package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/scimserver"
)

// TokenState is live, expired or revoked.
func TokenState(k registry.Token, now time.Time) string {
	switch {
	case k.Live(now):
		return "live"
	case !k.RevokedAt.IsZero():
		return "revoked"
	}
	return "expired"
}

// CheckScopes says what is wrong with the scopes of a token.
func CheckScopes(scopes []string) error {
	if len(scopes) == 0 {
		return registry.Errorf("a token needs a scope: read, operate, approve, contacts or privacy")
	}
	for i, s := range scopes {
		if !auth.ValidScope(s) {
			return registry.Errorf("there is no scope %q; there is read, operate, approve, contacts and privacy", s)
		}
		if slices.Contains(scopes[:i], s) {
			return fmt.Errorf("the scope %s is named twice", s)
		}
	}
	return nil
}

// CreateAPIToken gives a company's programs another token and returns its secret,
// once.
func (c *Core) CreateAPIToken(ctx context.Context, company registry.CompanyID, actor, name string, scopes []string, expires time.Time) (string, error) {
	if err := CheckScopes(scopes); err != nil {
		return "", err
	}
	secret, k, err := c.newAPIToken(ctx, company, scopes, name, expires)
	if err != nil {
		return "", err
	}
	return secret, c.auditToken(ctx, company, actor, "token.create", k)
}

func (c *Core) newAPIToken(ctx context.Context, company registry.CompanyID, scopes []string, name string, expires time.Time) (string, registry.Token, error) {
	secret, hash, prefix, err := scimserver.NewToken(rand.Reader)
	if err != nil {
		return "", registry.Token{}, fmt.Errorf("make token: %w", err)
	}
	k, err := c.Store.For(company).CreateAPIToken(ctx, scopes, name, hash, prefix, expires)
	return secret, k, err
}

func (c *Core) auditToken(ctx context.Context, company registry.CompanyID, actor, action string, k registry.Token) error {
	return c.Store.For(company).Audit(ctx, registry.Deed{
		Actor: actor, Action: action, Subject: "token " + k.Prefix, Detail: map[string]string{"scopes": strings.Join(k.Scopes, " "), "name": k.Name},
	})
}

// ShownOf is how a token begins that is given whole, in part, or as lists show it.
func ShownOf(token string) string { return scimserver.ShownOf(token) }

// RevokeToken ends the live token that begins with prefix, of whatever door. It
// reports whether there was one.
func (c *Core) RevokeToken(ctx context.Context, company registry.CompanyID, actor, prefix string) (bool, error) {
	done, err := c.Store.For(company).RevokeToken(ctx, prefix)
	if err != nil || !done {
		return false, err
	}
	return true, c.auditToken(ctx, company, actor, "token.revoke", registry.Token{Prefix: prefix})
}

// APITokens lists the tokens of a company's programs.
func (c *Core) APITokens(ctx context.Context, company registry.CompanyID) ([]registry.Token, error) {
	return c.Store.For(company).APITokens(ctx)
}

// RotateAPIToken makes a token that may what the one that begins with prefix may;
// that one ends after the overlap. It returns the new secret, once.
func (c *Core) RotateAPIToken(ctx context.Context, company registry.CompanyID, actor, prefix string, overlap time.Duration) (string, error) {
	t := c.Store.For(company)
	all, err := t.APITokens(ctx)
	if err != nil {
		return "", err
	}
	i := slices.IndexFunc(all, func(k registry.Token) bool { return k.Prefix == prefix && k.Live(c.Now()) })
	if i < 0 {
		return "", fmt.Errorf("no live token of the API begins with %q", prefix)
	}
	var expires time.Time
	if old := all[i]; !old.ExpiresAt.IsZero() { // as long as the old one had from its beginning
		expires = c.Now().Add(old.ExpiresAt.Sub(old.CreatedAt))
	}
	secret, k, err := c.newAPIToken(ctx, company, all[i].Scopes, all[i].Name, expires)
	if err != nil {
		return "", err
	}
	if err := t.ExpireToken(ctx, all[i].ID, c.Now().Add(overlap)); err != nil {
		return "", err
	}
	return secret, c.auditToken(ctx, company, actor, "token.rotate", k)
}
