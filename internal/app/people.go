package app

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

// RunRequest asks for one run of a source.
type RunRequest = reconcile.Request

// Progress says how far a run is.
type Progress = reconcile.Progress

// Company finds a company by key; "" is the only one there is.
func (c *Core) Company(ctx context.Context, key string) (registry.Company, error) {
	all, err := c.Store.Companies(ctx)
	if err != nil {
		return registry.Company{}, err
	}
	if key == "" && len(all) == 1 {
		return all[0], nil
	}
	keys := make([]string, len(all))
	for i, company := range all {
		if keys[i] = company.Key; company.Key == key {
			return company, nil
		}
	}
	list := strings.Join(keys, ", ")
	switch {
	case len(all) == 0:
		return registry.Company{}, errors.New("there is no company yet; name one under `companies` in the configuration file")
	case key == "":
		return registry.Company{}, fmt.Errorf("there are several companies (%s); choose one with --company", list)
	}
	return registry.Company{}, fmt.Errorf("there is no company %q; there are %s", key, list)
}

// NewUser is a person made by hand.
type NewUser struct {
	UserName, Email, GivenName, FamilyName, Locale string
	Kind                                           registry.Kind
	Admin                                          bool
}

// CreateUser makes a person by an admin's hand and mails them their set-up
// link.
func (c *Core) CreateUser(ctx context.Context, company registry.CompanyID, actor string, n NewUser) (registry.Result, error) {
	origin, err := c.Store.For(company).EnsureOrigin(ctx, registry.OriginAdmin, "admin")
	if err != nil {
		return registry.Result{}, err
	}
	a := registry.Attributes{}
	for name, value := range map[string]string{
		registry.AttrUserName: n.UserName, registry.AttrEmails: n.Email, registry.AttrGivenName: n.GivenName,
		registry.AttrFamilyName: n.FamilyName, registry.AttrLocale: n.Locale,
	} {
		a.Set(name, value)
	}
	res, err := c.Registry.Apply(ctx, registry.Batch{
		Company: company, Origin: origin, Actor: actor,
		Ops: []registry.Op{registry.CreateUser{Attributes: a, Kind: n.Kind, CompanyAdmin: n.Admin, Verified: true, SetupMail: registry.SetupSend}},
	})
	if err != nil {
		return registry.Result{}, err
	}
	if res[0].Refused != nil {
		return res[0], res[0].Refused
	}
	return res[0], nil
}

// InviteUser mails a person a fresh set-up link; older ones stop working.
func (c *Core) InviteUser(ctx context.Context, company registry.CompanyID, actor string, user registry.UserID) error {
	origin, err := c.Store.For(company).EnsureOrigin(ctx, registry.OriginAdmin, "admin")
	if err != nil {
		return err
	}
	res, err := c.Registry.Apply(ctx, registry.Batch{
		Company: company, Origin: origin, Actor: actor, Ops: []registry.Op{registry.MailSetup{User: user}},
	})
	if err != nil {
		return err
	}
	if res[0].Refused != nil {
		return res[0].Refused
	}
	return nil
}

// ReleaseMails lets the held set-up mails of a company go.
func (c *Core) ReleaseMails(ctx context.Context, company string) (int, error) {
	co, err := c.Company(ctx, company)
	if err != nil {
		return 0, err
	}
	return c.Store.For(co.ID).ReleaseMails(ctx, c.Now(), setupLife)
}
