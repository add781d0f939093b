package onboard

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/idna"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// registrant is who the changes of a registration are said to be made by.
const registrant = "registration"

// admission is what an application comes to.
type admission struct {
	company registry.CompanyID
	door    registry.Origin
	// founder is the first person of a new company.
	founder bool
	// waits says that a person decides before a link is mailed.
	waits  bool
	places Places
	group  registry.GroupID
}

// admit decides an application by the product's rules.
func (g *Registrar) admit(ctx context.Context, d Desk, a *registry.Application) error {
	var in admission
	var err error
	if a.Kind == registry.EndUser {
		in, err = g.customer(ctx, d, a)
	} else {
		in, err = g.colleague(ctx, d, a)
	}
	if err != nil || a.State == registry.ApplicationAwaiting {
		return err
	}
	a.Company = in.company
	contact, err := d.Contact(ctx, in.company, registry.Key(a.Typed[registry.FieldMail]))
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		return fmt.Errorf("look for contact: %w", err)
	}
	hash := g.nameHash(a.Typed[registry.FieldLogin])
	free, err := d.TakeName(ctx, Name{Hash: hash, Key: nameKey(a.Typed[registry.FieldLogin]), Company: in.company, Holder: contact})
	if err != nil {
		return fmt.Errorf("take login name: %w", err)
	}
	if !free {
		return registry.Refuse(registry.CodeUserNameTaken, "the login name is not free")
	}
	if contact != 0 {
		a.User = contact
		a.Resolve(registry.FactContact, "yes")
	} else if err := g.create(ctx, d, a, in); err != nil {
		return err
	}
	if err := d.HoldName(ctx, hash, a.User); err != nil {
		return fmt.Errorf("hold login name: %w", err)
	}
	return g.followUp(ctx, d, a, in)
}

// customer finds whom a business user belongs to.
func (g *Registrar) customer(ctx context.Context, d Desk, a *registry.Application) (in admission, err error) {
	in.company, err = d.ContractCompany(ctx, registry.Key(a.Typed[registry.FieldContract]))
	if errors.Is(err, registry.ErrNotFound) {
		return in, registry.Refuse(registry.CodeUnknownContract, "the contract is not known")
	}
	if err != nil {
		return in, fmt.Errorf("find contract: %w", err)
	}
	a.Resolve(registry.FactContract, a.Typed[registry.FieldContract])
	in.waits = !a.Proven()
	in.door, err = d.Door(ctx, in.company)
	return in, err
}

// colleague finds the company, department and group that support staff join. It
// makes the company if there is none.
func (g *Registrar) colleague(ctx context.Context, d Desk, a *registry.Application) (in admission, err error) {
	companies, err := d.Companies(ctx)
	if err != nil {
		return in, fmt.Errorf("read companies: %w", err)
	}
	known, ok := sameCompany(a.Typed[registry.FieldCompany], companies)
	if !ok {
		return g.found(ctx, d, a, companies)
	}
	in.company, in.waits = known.ID, true
	if in.door, err = d.Door(ctx, in.company); err != nil {
		return in, err
	}
	in.places, err = d.Places(ctx, in.company, registry.Key(a.Typed[registry.FieldDepartment]), registry.Key(a.Typed[registry.FieldGroup]))
	if err != nil {
		return in, fmt.Errorf("look up places: %w", err)
	}
	p := &in.places
	a.Resolve(registry.FactDepartment, p.DepartmentName)
	if fits := p.Department != 0 && p.Group != 0 && (p.GroupDepartment == 0 || p.GroupDepartment == p.Department); !fits {
		a.Resolve(registry.FactDefault, "yes")
		if err := g.defaultGroup(ctx, d, in.door, p, "Support"); err != nil {
			return in, err
		}
		p.Group, p.GroupName = p.Default, p.DefaultName
	}
	in.group = p.Group
	a.Resolve(registry.FactGroup, p.GroupName)
	a.Resolve(registry.FactGroupID, strconv.FormatInt(int64(p.Group), 10))
	return in, g.foreignDomain(ctx, d, a, in.company)
}

// defaultGroup makes sure that there is a default support group.
func (g *Registrar) defaultGroup(ctx context.Context, d Desk, door registry.Origin, p *Places, name string) error {
	if p.DefaultLives {
		return nil
	}
	apply := func(ops ...registry.Op) ([]registry.Result, error) {
		return d.Apply(ctx, registry.Batch{Company: door.Company, Origin: door, Actor: registrant, Ops: ops})
	}
	if p.Default != 0 {
		if _, err := apply(registry.SetDefault{Group: p.Default}); err != nil {
			return err
		}
	}
	made, err := apply(registry.CreateGroup{DisplayName: name, Role: registry.RoleSupport})
	if err == nil {
		p.Default, p.DefaultName, p.DefaultLives = made[0].Group, name, true
		_, err = apply(registry.SetDefault{Group: p.Default, On: true})
	}
	return err
}

// foreignDomain marks an address that is not at a domain of the company, where
// the company has proved one to be its own.
func (g *Registrar) foreignDomain(ctx context.Context, d Desk, a *registry.Application, company registry.CompanyID) error {
	own, err := d.Domains(ctx, company)
	if err != nil {
		return fmt.Errorf("read domains: %w", err)
	}
	domain, err := idna.Lookup.ToASCII(domainOf(a.Typed[registry.FieldMail]))
	if err != nil {
		return nil //nolint:nilerr // the form was checked; a name that no rule knows is foreign to nobody
	}
	if len(own) > 0 && !slices.Contains(own, strings.ToLower(domain)) {
		a.Resolve(registry.FactForeign, domain)
	}
	return nil
}

// found makes a company with its first person, who administers it. Without a
// proof of work, or when there are too many, an operator looks first.
func (g *Registrar) found(ctx context.Context, d Desk, a *registry.Application, companies []registry.CompanyInfo) (in admission, err error) {
	a.Resolve(registry.FactFounder, "yes")
	few := false
	if a.Proven() {
		if few, err = d.Take(ctx, g.take("companies", "", g.cfg.Limits.Companies), g.Now()); err != nil {
			return in, fmt.Errorf("take of limit: %w", err)
		}
	}
	if !few && a.DecidedBy == "" {
		a.State = registry.ApplicationAwaiting
		return in, d.Tell(ctx, 0, g.notice(NoticeApplicant, a))
	}
	name := strings.Join(strings.Fields(a.Typed[registry.FieldCompany]), " ")
	in.founder = true
	in.company, err = d.Found(ctx, registry.CompanyInfo{
		Company:   registry.Company{Key: companyKey(name, g.Random()), Name: name, Locale: a.Typed[registry.FieldLocale]},
		Resembles: resembles(name, companies), CreatedAt: g.Now(),
	})
	if err != nil {
		return in, fmt.Errorf("found company: %w", err)
	}
	if in.door, err = d.Door(ctx, in.company); err != nil {
		return in, err
	}
	group := a.Typed[registry.FieldGroup]
	if group == "" {
		group = "Support"
	}
	in.places.DepartmentName = a.Typed[registry.FieldDepartment]
	if err := g.defaultGroup(ctx, d, in.door, &in.places, group); err != nil {
		return in, err
	}
	in.group = in.places.Default
	a.Resolve(registry.FactDepartment, in.places.DepartmentName)
	a.Resolve(registry.FactGroup, group)
	return in, nil
}

// create makes the account. Its link is mailed at once, unless somebody has to
// activate it.
func (g *Registrar) create(ctx context.Context, d Desk, a *registry.Application, in admission) error {
	op := registry.CreateUser{
		Attributes: a.Attributes(), Kind: a.Kind, CompanyAdmin: in.founder, SetupMail: registry.SetupSend,
		Department: in.places.DepartmentName, Contract: a.Resolved[registry.FactContract],
	}
	if in.waits {
		op.Blocks, op.SetupMail = registry.BlockActivation, registry.SetupNone
	}
	made, err := d.Apply(ctx, registry.Batch{Company: in.company, Origin: in.door, Actor: registrant, Ops: []registry.Op{op}})
	if err != nil {
		return err
	}
	a.User = made[0].User
	return join(ctx, d, in.door, a.User, in.group)
}

// join puts a person into a support group, 0 for none.
func join(ctx context.Context, d Desk, door registry.Origin, user registry.UserID, group registry.GroupID) error {
	if group == 0 {
		return nil
	}
	_, err := d.Apply(ctx, registry.Batch{Company: door.Company, Origin: door, Actor: registrant, Ops: []registry.Op{
		registry.PatchMembers{Group: group, AddUsers: []registry.UserID{user}},
	}})
	return err
}

// followUp mails who has to know, and says how far the application is.
func (g *Registrar) followUp(ctx context.Context, d Desk, a *registry.Application, in admission) error {
	switch {
	case in.waits:
		a.State = registry.ApplicationAwaiting
		if err := d.Tell(ctx, a.Company, g.notice(NoticeApplicant, a)); err != nil {
			return fmt.Errorf("tell admins: %w", err)
		}
		return d.TellPerson(ctx, a.Company, a.User, g.notice(NoticeWaiting, a))
	case a.Resolved[registry.FactContact] != "":
		return g.inviteContact(ctx, d, a)
	}
	g.over(a, registry.ApplicationDone, "rules")
	return nil
}

// inviteContact mails the link whose following makes the contact an account.
// Until then nothing about the contact changes: anybody can type an address.
func (g *Registrar) inviteContact(ctx context.Context, d Desk, a *registry.Application) error {
	uid := g.NewID()
	a.State = registry.ApplicationMailed
	err := d.InviteContact(ctx, Link{
		UID: uid, Company: a.Company, User: a.User, Purpose: auth.PurposeSetup, Application: a.ID,
		TokenHash: g.Minter.LinkHash(uid, string(auth.PurposeSetup)), Address: a.Typed[registry.FieldMail],
		CreatedAt: g.Now(), ExpiresAt: g.Now().Add(g.cfg.SetupLife),
	})
	if err != nil {
		return fmt.Errorf("invite contact: %w", err)
	}
	return nil
}

// over ends an application: what was typed is in the account now, or nowhere.
func (g *Registrar) over(a *registry.Application, state registry.ApplicationState, by string) {
	a.State, a.Typed, a.DecidedAt, a.DecidedBy = state, nil, g.Now(), by
}

// notice is a mail about an application: one for each state that it comes to.
func (g *Registrar) notice(kind registry.NoticeKind, a *registry.Application) registry.Notice {
	n := registry.Notice{Kind: kind, MessageID: strings.ToLower(string(kind)) + "." + a.PublicID + "@" + g.MessageDomain}
	if kind == NoticeApplicant {
		n.Data = map[string]string{
			"Applicant": strings.TrimSpace(a.Typed[registry.FieldGiven] + " " + a.Typed[registry.FieldFamily]),
			"Mail":      a.Typed[registry.FieldMail], "Application": a.PublicID, "Page": "/admin/applicants/" + a.PublicID,
		}
	}
	return n
}
