package app

import (
	"context"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/web/admin"
)

// People implements admin.Desk.
func (c *console) People(ctx context.Context, q registry.PeopleQuery) ([]admin.PersonRow, error) {
	doors, err := c.tenant.Origins(ctx)
	if err != nil {
		return nil, err
	}
	users, err := c.tenant.PeoplePage(ctx, q)
	out := make([]admin.PersonRow, len(users))
	for i, u := range users {
		out[i] = admin.PersonRow{User: u, Origin: doors[u.Owner]}
	}
	return out, err
}

// PeopleCounts implements admin.Desk.
func (c *console) PeopleCounts(ctx context.Context) (map[registry.State]int64, error) {
	return c.tenant.CountPeople(ctx)
}

// lastMails is how many of a person's mails are shown with them.
const lastMails = 10

// Person implements admin.Desk.
func (c *console) Person(ctx context.Context, publicID string) (*admin.Person, error) {
	u, err := c.tenant.UserByPublicID(ctx, publicID)
	if err != nil {
		return nil, err
	}
	doors, err := c.tenant.Origins(ctx)
	if err != nil {
		return nil, err
	}
	x, err := c.server.ExplainUser(ctx, u)
	if err != nil {
		return nil, err
	}
	out := &admin.Person{User: u, Owner: doors[u.Owner]}
	for _, v := range x.Values {
		value := admin.Value{Attribute: v.Attribute, Values: v.Values, Origin: v.Origin, Rule: v.Rule, Actor: v.Actor, Since: v.Since}
		for _, r := range v.RunnersUp {
			value.RunnersUp = append(value.RunnersUp, admin.RunnerUp(r))
		}
		out.Values = append(out.Values, value)
	}
	for _, t := range x.Ties {
		out.Ties = append(out.Ties, admin.Tie(t))
	}
	if out.Groups, err = c.tenant.PersonGroups(ctx, u.ID); err != nil {
		return nil, err
	}
	if out.Where, err = c.tenant.Whereabouts(ctx, u); err != nil {
		return nil, err
	}
	if out.Sessions, err = c.server.Access.SessionsOf(ctx, c.company.ID, u.ID); err != nil {
		return nil, err
	}
	factors, err := c.server.Store.Signing().Factors(ctx, c.company.ID, u.ID)
	if err != nil {
		return nil, err
	}
	for _, f := range factors {
		if f.Kind != auth.FactorRecovery {
			out.Factors++
		}
	}
	out.Mails, err = c.Mails(ctx, registry.MailQuery{User: u.ID, Limit: lastMails})
	return out, err
}

// Do implements admin.Desk.
func (c *console) Do(ctx context.Context, actor string, op registry.Op) (registry.Result, error) {
	res, err := c.server.byHand(ctx, c.company.ID, actor, op)
	return res, refused(err)
}

// stepNames are the steps in the words of the pages.
var stepNames = map[string]string{
	reconcile.StepFound: "found", reconcile.StepMapped: "mapped", reconcile.StepInScope: "scope", reconcile.StepMatched: "matched", reconcile.StepAction: "action",
}

// SyncOne implements admin.Desk. It goes on when the asker leaves.
func (c *console) SyncOne(ctx context.Context, key, who string, preview bool, actor string) (*admin.Single, error) {
	src, err := c.source(ctx, key)
	if err != nil {
		return nil, err
	}
	mode := registry.ModeRun
	if preview {
		mode = registry.ModePreview
	}
	single, err := c.server.Core.SyncOne(context.WithoutCancel(ctx), src.Key, who, reconcile.Request{Mode: mode, Trigger: "console", Actor: actor})
	if err != nil {
		return nil, refused(err)
	}
	out := &admin.Single{}
	for _, x := range single.Steps {
		step := admin.Step{Name: stepNames[x.Name], OK: x.OK, Text: x.Text}
		for _, e := range x.Evidence {
			step.Evidence = append(step.Evidence, admin.Evidence(e))
		}
		out.Steps = append(out.Steps, step)
	}
	if single.Run != nil {
		out.Run = single.Run.Number
	}
	return out, nil
}

// Groups implements admin.Desk.
func (c *console) Groups(ctx context.Context, q registry.GroupQuery) ([]registry.GroupInfo, error) {
	return c.tenant.GroupPage(ctx, q)
}

// Group implements admin.Desk.
func (c *console) Group(ctx context.Context, publicID string) (registry.GroupInfo, error) {
	return c.tenant.GroupByPublicID(ctx, publicID)
}

// Members implements admin.Desk.
func (c *console) Members(ctx context.Context, q registry.MemberQuery) ([]registry.MemberRow, error) {
	return c.tenant.MemberPage(ctx, q)
}

// Mails implements admin.Desk.
func (c *console) Mails(ctx context.Context, q registry.MailQuery) ([]admin.Mail, error) {
	rows, err := c.tenant.MailPage(ctx, q)
	out := make([]admin.Mail, len(rows))
	for i, m := range rows {
		out[i] = toMail(m)
	}
	return out, err
}

func toMail(m store.MailRow) admin.Mail {
	out := admin.Mail{
		ID: m.ID, MessageID: m.MessageID, Kind: m.Kind, State: m.State, UserName: m.UserName, To: m.To, Code: m.Code, Message: m.Message,
		CreatedAt: m.CreatedAt, FinishedAt: m.FinishedAt, NextTry: m.NextTry,
	}
	for _, a := range m.Attempts {
		out.Attempts = append(out.Attempts, admin.Attempt(a))
	}
	return out
}

// MailCounts implements admin.Desk.
func (c *console) MailCounts(ctx context.Context) (map[string]int64, error) {
	return c.tenant.MailCounts(ctx)
}
