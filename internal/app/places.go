package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// CreateContract makes a service contract of a company that somebody vouched for:
// a number means one company in the whole installation, and is not for squatters.
func (c *Core) CreateContract(ctx context.Context, company registry.CompanyID, actor, number, title string) error {
	info, err := c.Store.For(company).Info(ctx)
	if err != nil {
		return fmt.Errorf("find company: %w", err)
	}
	if !info.Vouched() {
		return registry.Unvouched("it gets no contract numbers")
	}
	return c.Store.For(company).CreateContract(ctx, number, title, actor)
}

// CreateSupportGroup makes a support group by hand, as the default one if wanted:
// then the former loses that.
func (c *Core) CreateSupportGroup(ctx context.Context, company registry.CompanyID, actor, name string, isDefault bool) (registry.Result, error) {
	return c.createGroup(ctx, company, actor, registry.CreateGroup{DisplayName: name, Role: registry.RoleSupport}, isDefault)
}

// CreateGroup makes an ordinary group by hand.
func (c *Core) CreateGroup(ctx context.Context, company registry.CompanyID, actor, name string) (registry.Result, error) {
	return c.createGroup(ctx, company, actor, registry.CreateGroup{DisplayName: name}, false)
}

func (c *Core) createGroup(ctx context.Context, company registry.CompanyID, actor string, op registry.CreateGroup, isDefault bool) (res registry.Result, err error) {
	tenant := c.Store.For(company)
	if _, err := tenant.FindGroup(ctx, op.DisplayName); !errors.Is(err, registry.ErrNotFound) {
		if err == nil {
			err = mistake("there is a group %q already", op.DisplayName)
		}
		return res, err
	}
	door, err := tenant.EnsureOrigin(ctx, registry.OriginAdmin, "admin")
	if err != nil {
		return res, err
	}
	former, err := formerDefault(ctx, tenant)
	if err != nil {
		return res, err
	}
	err = c.Store.InOne(ctx, c.Registry, func(r *registry.Registry) error {
		if res, err = applyOne(ctx, r, door, actor, op); err != nil || !isDefault {
			return err
		}
		return moveDefault(ctx, r, door, actor, former, res.Group)
	})
	return res, err
}

// formerDefault is the company's default support group, nil for none.
func formerDefault(ctx context.Context, tenant *store.Tenant) (*registry.Group, error) {
	former, err := tenant.SupportDefault(ctx)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("find default support group: %w", err)
	}
	return former, nil
}

// moveDefault takes from the former default what the new one gets.
func moveDefault(ctx context.Context, r *registry.Registry, door registry.Origin, actor string, former *registry.Group, to registry.GroupID) error {
	if former != nil && former.ID != to {
		if _, err := applyOne(ctx, r, door, actor, registry.SetDefault{Group: former.ID}); err != nil {
			return err
		}
	}
	_, err := applyOne(ctx, r, door, actor, registry.SetDefault{Group: to, On: true})
	return err
}

// ChooseDefaultGroup makes a support group of the company the default one.
func (c *Core) ChooseDefaultGroup(ctx context.Context, company registry.CompanyID, actor string, group registry.GroupID) error {
	tenant := c.Store.For(company)
	door, err := tenant.EnsureOrigin(ctx, registry.OriginAdmin, "admin")
	if err != nil {
		return err
	}
	former, err := formerDefault(ctx, tenant)
	if err != nil {
		return err
	}
	return c.Store.InOne(ctx, c.Registry, func(r *registry.Registry) error {
		return moveDefault(ctx, r, door, actor, former, group)
	})
}

// applyOne carries out one operation; a refusal is the error.
func applyOne(ctx context.Context, r *registry.Registry, door registry.Origin, actor string, op registry.Op) (registry.Result, error) {
	res, err := r.Apply(ctx, registry.Batch{Company: door.Company, Origin: door, Actor: actor, Ops: []registry.Op{op}})
	switch {
	case err != nil:
		return registry.Result{}, err
	case res[0].Refused != nil:
		return res[0], res[0].Refused
	}
	return res[0], nil
}

// setupMail says what becomes of the set-up mail of a person made by hand.
func (n NewUser) setupMail() registry.SetupMail {
	if n.Hold || n.Email == "" {
		return registry.SetupHold
	}
	return registry.SetupSend
}

// knownDepartment makes sure that a department exists: a misspelt name must not
// found one.
func (c *Core) knownDepartment(ctx context.Context, company registry.CompanyID, name string) error {
	if name == "" {
		return nil
	}
	all, err := c.Store.For(company).Departments(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(all, func(d registry.Department) bool { return registry.Key(d.Name) == registry.Key(name) }) {
		return mistake("there is no department %q; `usher department create` makes one", name)
	}
	return nil
}
