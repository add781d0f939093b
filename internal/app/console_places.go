package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
)

// Info implements admin.Desk.
func (c *console) Info(ctx context.Context) (registry.CompanyInfo, error) { return c.tenant.Info(ctx) }

// Vouch implements admin.Desk.
func (c *console) Vouch(ctx context.Context, actor string) error {
	_, err := c.tenant.Vouch(ctx, actor) // whoever vouched before is as good
	return err
}

// Departments implements admin.Desk.
func (c *console) Departments(ctx context.Context) ([]registry.Department, error) {
	return c.tenant.Departments(ctx)
}

// CreateDepartment implements admin.Desk.
func (c *console) CreateDepartment(ctx context.Context, actor, name string) error {
	return refused(c.tenant.CreateDepartment(ctx, name, actor))
}

// Contracts implements admin.Desk.
func (c *console) Contracts(ctx context.Context) ([]registry.Contract, error) {
	return c.tenant.Contracts(ctx)
}

// CreateContract implements admin.Desk.
func (c *console) CreateContract(ctx context.Context, actor, number, title string) error {
	return refused(c.server.CreateContract(ctx, c.company.ID, actor, number, title))
}

// EndContract implements admin.Desk.
func (c *console) EndContract(ctx context.Context, actor, number string) error {
	return refused(c.tenant.EndContract(ctx, number, actor))
}

// Domains implements admin.Desk.
func (c *console) Domains(ctx context.Context) ([]admin.Domain, error) {
	all, err := c.tenant.Domains(ctx)
	out := make([]admin.Domain, len(all))
	for i, d := range all {
		out[i].Domain = d
		out[i].RecordName, out[i].RecordValue = DomainRecord(d)
	}
	return out, err
}

// AddDomain implements admin.Desk.
func (c *console) AddDomain(ctx context.Context, actor, name string) error {
	_, err := c.server.AddDomain(ctx, c.company.ID, actor, name)
	return refused(err)
}

// CheckDomain implements admin.Desk.
func (c *console) CheckDomain(ctx context.Context, actor, name string) (bool, error) {
	proven, err := c.server.CheckDomain(ctx, &net.Resolver{}, c.company.ID, actor, name)
	var dns *net.DNSError
	if errors.As(err, &dns) {
		err = mistake("the name server gives no answer about %s now; try again later", dns.Name)
	}
	return proven, refused(err)
}

// Applicants implements admin.Desk.
func (c *console) Applicants(ctx context.Context, state registry.ApplicationState, limit int) ([]registry.Application, error) {
	return c.server.Applicants(ctx, c.company.ID, state, limit)
}

// Applicant implements admin.Desk.
func (c *console) Applicant(ctx context.Context, publicID string) (registry.Application, error) {
	return c.tenant.Application(ctx, publicID)
}

// Activate implements admin.Desk.
func (c *console) Activate(ctx context.Context, by *auth.Principal, publicID string) error {
	return refused(c.server.ActivateApplicant(ctx, c.company.ID, publicID, decider(by)))
}

// Refuse implements admin.Desk.
func (c *console) Refuse(ctx context.Context, by *auth.Principal, publicID, note string) error {
	return refused(c.server.RefuseApplicant(ctx, c.company.ID, publicID, note, decider(by)))
}

// decider is who decides about an applicant.
func decider(by *auth.Principal) onboard.Decider {
	d := onboard.Decider{Actor: by.Actor, User: by.User, Request: by.Request}
	if by.Client.Address.IsValid() {
		d.Address = by.Client.Address.String()
	}
	return d
}

// CompanyOfApplicant implements admin.Desks.
func (d consoles) CompanyOfApplicant(ctx context.Context, publicID string) (registry.Company, error) {
	id, err := d.Store.CompanyOfApplication(ctx, publicID)
	if err != nil || id == 0 {
		return registry.Company{}, err
	}
	info, err := d.Store.For(id).Info(ctx)
	return info.Company, err
}

// Unvouched implements admin.Desks.
func (d consoles) Unvouched(ctx context.Context) ([]registry.CompanyInfo, error) {
	all, err := d.Store.CompanyInfos(ctx)
	return slices.DeleteFunc(all, func(c registry.CompanyInfo) bool { return c.Vouched() || c.Key == registry.OperatorsKey }), err
}

// foundersShown is how many who would found a company are listed.
const foundersShown = 200

// Founders implements admin.Desks.
func (d consoles) Founders(ctx context.Context) ([]registry.Application, error) {
	return d.Applicants(ctx, 0, registry.ApplicationAwaiting, foundersShown)
}

// DecideFounder implements admin.Desks.
func (d consoles) DecideFounder(ctx context.Context, by *auth.Principal, publicID string, activate bool, note string) error {
	if activate {
		return refused(d.ActivateApplicant(ctx, 0, publicID, decider(by)))
	}
	return refused(d.RefuseApplicant(ctx, 0, publicID, note, decider(by)))
}

// CreateOperator implements admin.Desks.
func (d consoles) CreateOperator(ctx context.Context, actor string, n admin.NewPerson) error {
	_, err := d.Core.CreateOperator(ctx, actor, toNewUser(n))
	return refused(err)
}

// RemoveOperator implements admin.Desks.
func (d consoles) RemoveOperator(ctx context.Context, actor, publicID string) error {
	company, err := d.Store.Operators(ctx)
	if err != nil {
		return fmt.Errorf("find operators: %w", err)
	}
	u, err := d.Store.For(company.ID).UserByPublicID(ctx, publicID)
	if err != nil {
		return err
	}
	return refused(d.Core.RemoveOperator(ctx, u, actor))
}
