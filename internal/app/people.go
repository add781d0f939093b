package app

import (
	"cmp"
	"context"
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
		return registry.Company{}, mistake("there is no company yet; name one under `companies` in the configuration file")
	case key == "":
		return registry.Company{}, mistake("there are several companies (%s); choose one with --company", list)
	}
	return registry.Company{}, mistake("there is no company %q; there is %s", key, list)
}

// NewUser is a person made by hand.
type NewUser struct {
	UserName, Email, GivenName, FamilyName, Locale string
	Kind                                           registry.Kind
	// Admin makes them a company admin who also decides held runs.
	Admin bool
	// Department and Contract are the company's own; Groups are found by name or id.
	Department, Contract string
	Groups               []string
	// Hold keeps the set-up mail back until somebody releases it.
	Hold bool
}

// CreateUser makes a person by an admin's hand, in their groups, and mails them
// their set-up link or holds it.
func (c *Core) CreateUser(ctx context.Context, company registry.CompanyID, actor string, n NewUser) (registry.Result, error) {
	return c.createUser(ctx, company, registry.OriginAdmin, actor, n)
}

// createUser makes a person through the company's door of a kind.
func (c *Core) createUser(ctx context.Context, company registry.CompanyID, door registry.OriginKind, actor string, n NewUser) (res registry.Result, err error) {
	if err := c.knownDepartment(ctx, company, n.Department); err != nil {
		return res, err
	}
	groups, err := c.findGroups(ctx, company, n.Groups)
	if err != nil {
		return res, err
	}
	origin, err := c.Store.For(company).EnsureOrigin(ctx, door, string(door))
	if err != nil {
		return res, err
	}
	a := registry.Attributes{}
	for name, value := range map[string]string{
		registry.AttrUserName: n.UserName, registry.AttrEmails: n.Email, registry.AttrGivenName: n.GivenName,
		registry.AttrFamilyName: n.FamilyName, registry.AttrLocale: n.Locale,
	} {
		a.Set(name, value)
	}
	var rights registry.Rights
	if n.Admin {
		rights = registry.RightsApprover
	}
	err = c.Store.InOne(ctx, c.Registry, func(r *registry.Registry) error {
		res, err = applyOne(ctx, r, origin, actor, registry.CreateUser{
			Attributes: a, Kind: n.Kind, CompanyAdmin: n.Admin, Rights: rights, Verified: true, SetupMail: n.setupMail(), Department: n.Department, Contract: n.Contract,
		})
		return joinGroups(ctx, r, origin, actor, res.User, groups, err)
	})
	return res, err
}

// findGroups finds groups by name or id.
func (c *Core) findGroups(ctx context.Context, company registry.CompanyID, names []string) ([]*registry.Group, error) {
	groups := make([]*registry.Group, len(names))
	for i, name := range names {
		g, err := c.FindGroup(ctx, company, name)
		if err != nil {
			return nil, err
		}
		groups[i] = g
	}
	return groups, nil
}

// joinGroups puts a person into groups, unless something stood against the person.
func joinGroups(ctx context.Context, r *registry.Registry, door registry.Origin, actor string, user registry.UserID, groups []*registry.Group, err error) error {
	for _, g := range groups {
		if err == nil {
			_, err = applyOne(ctx, r, door, actor, registry.PatchMembers{Group: g.ID, AddUsers: []registry.UserID{user}})
		}
	}
	return err
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
func (c *Core) ReleaseMails(ctx context.Context, company registry.CompanyID) (int, error) {
	if err := c.mustRelease(ctx, company); err != nil {
		return 0, err
	}
	return c.Store.For(company).ReleaseMails(ctx, c.Now(), setupLife)
}

// ReleaseMail lets one held mail go. It reports whether it was held.
func (c *Core) ReleaseMail(ctx context.Context, company registry.CompanyID, mail int64) (bool, error) {
	if err := c.mustRelease(ctx, company); err != nil {
		return false, err
	}
	return c.Store.For(company).ReleaseMail(ctx, mail, c.Now(), setupLife)
}

// mustRelease refuses to release mails of a company that nobody vouched for.
func (c *Core) mustRelease(ctx context.Context, company registry.CompanyID) error {
	info, err := c.Store.For(company).Info(ctx)
	if err == nil && !info.Vouched() {
		return registry.Unvouched("its held mails stay where they are")
	}
	return err
}

// WaitingMails is how many mails of a company are queued.
func (c *Core) WaitingMails(ctx context.Context, company registry.CompanyID) (int64, error) {
	counts, err := c.Store.For(company).MailCounts(ctx)
	return counts["queued"], err
}

// Served reports whether a server is at work on the database, to send mails and
// keep the schedules.
func (c *Core) Served(ctx context.Context) bool {
	live, err := c.Store.LiveProcesses(ctx)
	return err == nil && len(live) > 0
}

// PromoteContact makes a full account of a contact by an admin's hand: the same
// record with its history, under a userName and with names that the admin gives,
// and mails them their set-up link or holds it. The address is the contact's; only
// following the link proves it.
func (c *Core) PromoteContact(ctx context.Context, contact *registry.User, actor string, n NewUser) (res registry.Result, err error) {
	n.Email = contact.Email()
	if contact.Association != registry.Weak {
		return res, registry.Refuse(registry.CodeForeignOwner, "%s has an account already", contact.UserName())
	}
	if err := c.knownDepartment(ctx, contact.Company, n.Department); err != nil {
		return res, err
	}
	groups, err := c.findGroups(ctx, contact.Company, n.Groups)
	if err != nil {
		return res, err
	}
	door, err := c.Store.For(contact.Company).EnsureOrigin(ctx, registry.OriginAdmin, "admin")
	if err != nil {
		return res, err
	}
	a := registry.Attributes{registry.AttrUserName: {n.UserName}}
	for name, value := range map[string]string{
		registry.AttrGivenName: n.GivenName, registry.AttrFamilyName: n.FamilyName,
		registry.AttrDisplayName: strings.TrimSpace(n.GivenName + " " + n.FamilyName), registry.AttrLocale: n.Locale,
	} {
		if value != "" {
			a.Set(name, value)
		}
	}
	err = c.Store.InOne(ctx, c.Registry, func(r *registry.Registry) error {
		res, err = applyOne(ctx, r, door, actor, registry.Enrol{
			User: contact.ID, Attributes: a, Kind: cmp.Or(n.Kind, registry.EndUser), Department: n.Department, Contract: n.Contract, ByHand: true, SetupMail: n.setupMail(),
		})
		return joinGroups(ctx, r, door, actor, contact.ID, groups, err)
	})
	return res, err
}
