package app

import (
	"cmp"
	"context"
	"slices"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
)

// FindPerson implements admin.Desk.
func (c *console) FindPerson(ctx context.Context, who string) (*registry.User, error) {
	return c.tenant.FindUser(ctx, who)
}

// Doors implements admin.Desk.
func (c *console) Doors(ctx context.Context) ([]registry.Origin, error) {
	doors, err := c.tenant.Origins(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]registry.Origin, 0, len(doors))
	for _, o := range doors {
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b registry.Origin) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key)) })
	return out, nil
}

// CreatePerson implements admin.Desk.
func (c *console) CreatePerson(ctx context.Context, actor string, n admin.NewPerson) (string, bool, error) {
	res, err := c.server.CreateUser(ctx, c.company.ID, actor, toNewUser(n))
	return res.PublicID, res.Mailed, refused(err)
}

func toNewUser(n admin.NewPerson) NewUser {
	return NewUser{
		UserName: n.UserName, Email: n.Email, GivenName: n.GivenName, FamilyName: n.FamilyName, Locale: n.Locale,
		Kind: n.Kind, Department: n.Department, Contract: n.Contract, Groups: n.Groups, Hold: n.Hold,
	}
}

// Invite implements admin.Desk.
func (c *console) Invite(ctx context.Context, actor string, id registry.UserID) error {
	return refused(c.server.InviteUser(ctx, c.company.ID, actor, id))
}

// Link implements admin.Desk.
func (c *console) Link(ctx context.Context, actor, source, anchor string, id registry.UserID, endPassword bool) error {
	src, err := c.source(ctx, source)
	if err != nil {
		return err
	}
	return refused(c.server.LinkUser(ctx, src.Key, anchor, actor, id, endPassword))
}

// EndSessions implements admin.Desk.
func (c *console) EndSessions(ctx context.Context, by *auth.Principal, id registry.UserID) (int, error) {
	return c.server.Access.EndSessionsOf(ctx, by, c.company.ID, id)
}

// ResetFactors implements admin.Desk.
func (c *console) ResetFactors(ctx context.Context, by *auth.Principal, id registry.UserID) (int, error) {
	return c.server.Access.ResetFactors(ctx, by, c.company.ID, id)
}

// FindGroup implements admin.Desk.
func (c *console) FindGroup(ctx context.Context, who string) (*registry.Group, error) {
	g, err := c.server.Core.FindGroup(ctx, c.company.ID, who)
	return g, refused(err)
}

// CreateGroup implements admin.Desk.
func (c *console) CreateGroup(ctx context.Context, actor, name string, support, isDefault bool) (string, error) {
	var res registry.Result
	var err error
	if support {
		res, err = c.server.CreateSupportGroup(ctx, c.company.ID, actor, name, isDefault)
	} else {
		res, err = c.server.Core.CreateGroup(ctx, c.company.ID, actor, name)
	}
	return res.PublicID, refused(err)
}

// ChooseDefault implements admin.Desk.
func (c *console) ChooseDefault(ctx context.Context, actor string, group registry.GroupID) error {
	return refused(c.server.ChooseDefaultGroup(ctx, c.company.ID, actor, group))
}

// Team implements admin.Desk.
func (c *console) Team(ctx context.Context) ([]*registry.User, error) { return c.tenant.Team(ctx) }
