package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/auth/factor"
	"github.com/usherd/usher/internal/auth/openid"
	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/signin"
)

// access builds what stands beside the password.
func (c *Core) access() (*signin.Service, error) {
	vault, err := auth.NewVault([]byte(c.Config.SecretKey.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("secret_key: %w", err)
	}
	public, err := url.Parse(c.Config.PublicURL)
	if err != nil {
		return nil, fmt.Errorf("public_url: %w", err)
	}
	passkeys, err := factor.NewPasskeys(public, "usher")
	if err != nil {
		return nil, err
	}
	cfg := signin.Config{Required: c.Config.SecondFactor != config.FactorOptional, Issuer: "usher " + public.Hostname(), Companies: map[string]signin.Company{}}
	for key, s := range c.Config.OIDC {
		cfg.Companies[key] = signin.Company{PasswordOff: s.Password == "off", Providers: c.providers(key, s)}
	}
	return signin.New(signin.Deps{
		Store: c.Store.Signing(), Registry: c.Registry, Vault: vault, Passkeys: passkeys, Now: c.Now, Random: rand.Reader, Log: c.Log,
	}, cfg), nil
}

// providers are a company's, by name.
func (c *Core) providers(company string, s config.SignIn) []signin.Provider {
	var out []signin.Provider
	for _, key := range slices.Sorted(maps.Keys(s.Providers)) {
		p := s.Providers[key]
		one := signin.Provider{
			Key: key, Name: p.Name, Create: p.People == config.PeopleCreate, MatchMail: slices.Contains(p.Match, config.MatchMail),
			Client: openid.New(openid.Config{
				Issuer: p.Issuer, ClientID: p.ClientID, ClientSecret: p.Secret.Value.Reveal(), Scopes: p.Scopes,
				RedirectURL: c.Config.PublicURL + "/c/" + company + "/sso/" + key + "/callback", ACR: p.Factor.ACR, AMR: p.Factor.AMR,
			}, c.Now),
		}
		if p.Roles.Set() {
			one.Roles = &signin.Roles{Claim: p.Roles.Claim, Admin: p.Roles.Admin, Auditor: p.Roles.Auditor, Approver: p.Roles.Approver}
		}
		out = append(out, one)
	}
	return out
}

// Rights are a change of somebody's rights; nil leaves one as it is.
type Rights struct{ Admin, Auditor, Approver *bool }

// SetRights changes what a person may do, at an operator's word, who may take
// the last admin's right. It returns the person as they then are.
func (c *Core) SetRights(ctx context.Context, u *registry.User, actor string, r Rights) (*registry.User, error) {
	op := registry.SetRights{User: u.ID, Admin: u.CompanyAdmin, Rights: u.Rights, ByOperator: true}
	if r.Admin != nil {
		op.Admin = *r.Admin
	}
	for right, want := range map[registry.Rights]*bool{registry.RightsAuditor: r.Auditor, registry.RightsApprover: r.Approver} {
		switch {
		case want == nil:
		case *want:
			op.Rights |= right
		default:
			op.Rights &^= right
		}
	}
	if _, err := c.byHand(ctx, u.Company, actor, op); err != nil {
		return nil, err
	}
	after := *u
	after.CompanyAdmin, after.Rights = op.Admin, op.Rights
	return &after, nil
}

// ResetFactors takes a person's second factors away and signs them out. It says
// how many there were.
func (c *Core) ResetFactors(ctx context.Context, u *registry.User, actor string) (int, error) {
	return c.Access.ResetFactors(ctx, &auth.Principal{Actor: actor}, u.Company, u.ID)
}

// CreateOperator makes somebody who runs the installation and mails them their
// set-up link.
func (c *Core) CreateOperator(ctx context.Context, actor string, n NewUser) (registry.Result, error) {
	company, err := c.Store.Operators(ctx)
	if err != nil {
		return registry.Result{}, err
	}
	n.Kind = registry.SupportStaff
	return c.CreateUser(ctx, company.ID, actor, n)
}

// Operators are those who run the installation.
func (c *Core) Operators(ctx context.Context) ([]*registry.User, error) {
	company, err := c.Store.CompanyByKey(ctx, registry.OperatorsKey)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return c.Store.PeopleOf(ctx, company.ID)
}

// RemoveOperator ends an operator, whose sessions end at once.
func (c *Core) RemoveOperator(ctx context.Context, u *registry.User, actor string) error {
	_, err := c.byHand(ctx, u.Company, actor, registry.RemoveUser{User: u.ID})
	return err
}

// CompanyOf finds the company of somebody to look at or to change: as Company
// does, and the operators' own by its key. Nothing but people belongs there.
func (c *Core) CompanyOf(ctx context.Context, key string) (registry.Company, error) {
	if key == registry.OperatorsKey {
		return c.Store.Operators(ctx)
	}
	return c.Company(ctx, key)
}
