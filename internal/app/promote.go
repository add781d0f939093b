package app

import (
	"context"
	"fmt"

	"github.com/usherd/usher/internal/registry"
)

// PromoteContact makes a full account of a contact by an admin's word, and mails
// the person their set-up link unless that is held back. The record, its id and its
// history stay. It reports whether a set-up mail waits.
func (c *Core) PromoteContact(ctx context.Context, contact *registry.User, actor string, n NewUser) (mailed bool, err error) {
	if err := c.knownDepartment(ctx, contact.Company, n.Department); err != nil {
		return false, err
	}
	if n.Email == "" {
		n.Email = contact.Email()
	}
	a := registry.Attributes{}
	for name, value := range map[string]string{
		registry.AttrUserName: n.UserName, registry.AttrEmails: n.Email, registry.AttrGivenName: n.GivenName,
		registry.AttrFamilyName: n.FamilyName, registry.AttrLocale: n.Locale,
	} {
		if value != "" { // what is not said stays as it was met
			a.Set(name, value)
		}
	}
	setup, err := c.setupMail(ctx, contact.Company, n)
	if err != nil {
		return false, err
	}
	origin, err := c.Store.For(contact.Company).EnsureOrigin(ctx, registry.OriginAdmin, "admin")
	if err != nil {
		return false, fmt.Errorf("open door of admins: %w", err)
	}
	err = c.Store.InOne(ctx, c.Registry, func(r *registry.Registry) error {
		_, err := applyOne(ctx, r, origin, actor, registry.Enrol{User: contact.ID, Attributes: a, Kind: n.Kind, Department: n.Department, Contract: n.Contract})
		if err == nil && setup == registry.SetupSend {
			_, err = applyOne(ctx, r, origin, actor, registry.MailSetup{User: contact.ID})
		}
		return err
	})
	return err == nil && setup == registry.SetupSend, err
}
