package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/scimserver"
)

// scimPath is where SCIM lives below the public URL.
const scimPath = "/scim/v2"

// scim builds SCIM's way in.
func (s *Server) scim(public *url.URL) (*scimserver.Server, error) {
	key := sha256.Sum256([]byte("usher-scim-cursor/1\x00" + s.Config.SecretKey.Reveal()))
	users, groups, types := resourceTypes(s.Config)
	return scimserver.New(scimserver.Config{
		Users: users, Groups: groups, Types: types,
		Registry: s.Registry, Tokens: s.Store, Open: func(id registry.CompanyID) scimserver.Records { return s.Store.For(id) }, BaseURL: public.JoinPath(scimPath), Issuer: public, CursorKey: key[:], NewPassword: s.newPassword,
		ClientIP: clientIP(s.Config.TrustedProxies), Now: s.Now, NewID: newID, Log: s.Log, Served: s.scimServed(),
	})
}

// newPassword judges a password that an identity provider sends, by the rules
// for those that people choose, and hashes it.
func (s *Server) newPassword(ctx context.Context, company registry.CompanyID, about []string, password string) (string, error) {
	all, err := s.Store.Companies(ctx)
	if err != nil {
		return "", err
	}
	for _, c := range all {
		if c.ID == company {
			about = append(about, c.Name, c.Key)
		}
	}
	if err := auth.CheckPassword(password, about); err != nil {
		return "", err
	}
	return s.hasher.Hash(ctx, auth.NormalizePassword(password))
}

// SCIMURL is what an identity provider is given.
func (c *Core) SCIMURL() string { return c.Config.PublicURL + scimPath }

// connectionName is what a connection may be called.
var connectionName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// CreateConnection makes a connection with its first token, whose secret is
// returned once.
func (c *Core) CreateConnection(ctx context.Context, company registry.CompanyID, name string, settings registry.ConnectionSettings) (string, error) {
	if err := errors.Join(CheckConnectionName(name), c.maySee(ctx, company, settings)); err != nil {
		return "", err
	}
	tenant := c.Store.For(company)
	if have, err := tenant.Connection(ctx, name); err == nil && have.Origin.RetiredAt.IsZero() {
		return "", fmt.Errorf("there is a connection %q already; `usher token create` gives it another token", name)
	} else if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return "", err
	}
	if _, err := tenant.SaveConnection(ctx, name, settings); err != nil {
		return "", err
	}
	return c.CreateToken(ctx, company, name, time.Time{})
}

// CheckConnectionName says what is wrong with a name for a connection.
func CheckConnectionName(name string) error {
	if !connectionName.MatchString(name) {
		return fmt.Errorf("%q cannot be the name of a connection: use small letters, digits, - and _", name)
	}
	return nil
}

// connection finds a live connection by name.
func (c *Core) connection(ctx context.Context, company registry.CompanyID, name string) (registry.Connection, error) {
	conn, err := c.Store.For(company).Connection(ctx, name)
	if errors.Is(err, registry.ErrNotFound) || err == nil && !conn.Origin.RetiredAt.IsZero() {
		return conn, fmt.Errorf("there is no connection %q; `usher connection list` shows what there is", name)
	}
	return conn, err
}

// maySee refuses a connection that would see everybody of a company that nobody has
// vouched for: whoever registered under its name would be shown to it.
func (c *Core) maySee(ctx context.Context, company registry.CompanyID, settings registry.ConnectionSettings) error {
	if settings.Visible != registry.VisibleCompany {
		return nil
	}
	info, err := c.Store.For(company).Info(ctx)
	if err == nil && !info.Vouched() {
		return registry.Unvouched("its connections see their own people alone")
	}
	return err
}

// ChangeConnection changes a connection's settings.
func (c *Core) ChangeConnection(ctx context.Context, company registry.CompanyID, name string, change func(*registry.ConnectionSettings)) error {
	conn, err := c.connection(ctx, company, name)
	if err != nil {
		return err
	}
	change(&conn.ConnectionSettings)
	if err := c.maySee(ctx, company, conn.ConnectionSettings); err != nil {
		return err
	}
	_, err = c.Store.For(company).SaveConnection(ctx, name, conn.ConnectionSettings)
	return err
}

// DeleteConnection ends a connection and its tokens; its people stay.
func (c *Core) DeleteConnection(ctx context.Context, company registry.CompanyID, name string) error {
	conn, err := c.connection(ctx, company, name)
	if err != nil {
		return err
	}
	return c.Store.For(company).DeleteConnection(ctx, conn.Origin.ID)
}

// CreateToken gives a connection another token and returns its secret, once.
func (c *Core) CreateToken(ctx context.Context, company registry.CompanyID, name string, expires time.Time) (string, error) {
	conn, err := c.connection(ctx, company, name)
	if err != nil {
		return "", err
	}
	secret, hash, prefix, err := scimserver.NewToken(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("make token: %w", err)
	}
	_, err = c.Store.For(company).CreateToken(ctx, conn.Origin.ID, hash, prefix, expires)
	return secret, err
}

// Tokens lists a connection's tokens.
func (c *Core) Tokens(ctx context.Context, company registry.CompanyID, name string) ([]registry.Token, error) {
	conn, err := c.connection(ctx, company, name)
	if err != nil {
		return nil, err
	}
	return c.Store.For(company).Tokens(ctx, conn.Origin.ID)
}

// RotateToken gives a connection a new token and lets the others end after the
// overlap. It returns the new secret and how many end.
func (c *Core) RotateToken(ctx context.Context, company registry.CompanyID, name string, overlap time.Duration) (string, int, error) {
	conn, err := c.connection(ctx, company, name)
	if err != nil {
		return "", 0, err
	}
	secret, hash, prefix, err := scimserver.NewToken(rand.Reader)
	if err != nil {
		return "", 0, fmt.Errorf("make token: %w", err)
	}
	tenant := c.Store.For(company)
	token, err := tenant.CreateToken(ctx, conn.Origin.ID, hash, prefix, time.Time{})
	if err != nil {
		return "", 0, err
	}
	n, err := tenant.ExpireTokens(ctx, conn.Origin.ID, token.ID, c.Now().Add(overlap))
	return secret, n, err
}

// ScimRequests lists a connection's latest requests, the newest first.
func (c *Core) ScimRequests(ctx context.Context, company registry.CompanyID, name string, failed bool, limit int) ([]registry.ScimRequest, error) {
	conn, err := c.connection(ctx, company, name)
	if err != nil {
		return nil, err
	}
	return c.Store.For(company).ScimRequests(ctx, conn.Origin.ID, failed, limit)
}

// CheckConnection says what is wrong with a connection's settings.
func CheckConnection(s registry.ConnectionSettings) error { return scimserver.Check(s) }
