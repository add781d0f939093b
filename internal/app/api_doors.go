package app

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// WhoAmI implements api.Companies.
func (d *apiDesk) WhoAmI(ctx context.Context, who *api.Who, _ api.None) (api.Identity, error) {
	t := d.Store.For(who.Company)
	c, _, _, err := t.Company(ctx)
	if err != nil {
		return api.Identity{}, err
	}
	out := api.Identity{Actor: who.Actor, Company: c.Key, Scopes: who.Scopes, Rights: []string{}}
	for _, r := range []auth.Right{auth.RightContacts, auth.RightRead, auth.RightOperate, auth.RightApprove, auth.RightPrivacy} {
		if who.May(r, who.Company) {
			out.Rights = append(out.Rights, string(r))
		}
	}
	tokens, err := t.APITokens(ctx)
	for _, k := range tokens {
		if int64(k.ID) == who.Token {
			out.Token, out.Name, out.ExpiresAt = k.Prefix, k.Name, set(k.ExpiresAt)
		}
	}
	return out, err
}

// ShowCompany implements api.Companies.
func (d *apiDesk) ShowCompany(ctx context.Context, who *api.Who, _ api.None) (api.Company, error) {
	c, people, groups, err := d.Store.For(who.Company).Company(ctx)
	return api.Company{Company: c.Key, Name: c.Name, Locale: c.Locale, People: people, Groups: groups}, err
}

// placePage is a page of departments or contracts.
func placePage[T any](in api.Paging, list func(key string, after int64, limit int) ([]registry.PlaceRow, error), convert func(registry.PlaceRow) T) (p api.Page[T], err error) {
	after, key, err := api.Keyed(in.After)
	if err != nil {
		return p, err
	}
	rows, err := list(key, after, in.Limit+1)
	return api.CutPage(rows, in.Limit, func(r registry.PlaceRow) string { return fmt.Sprintf("%d %s", r.ID, registry.Key(r.Name)) }, convert), err
}

// ListDepartments implements api.Companies.
func (d *apiDesk) ListDepartments(ctx context.Context, who *api.Who, in api.Paging) (api.Page[api.Department], error) {
	return placePage(in, func(key string, after int64, limit int) ([]registry.PlaceRow, error) {
		return d.Store.For(who.Company).DepartmentPage(ctx, key, after, limit)
	}, func(r registry.PlaceRow) api.Department {
		return api.Department{Name: r.Name, People: r.People, CreatedAt: r.CreatedAt}
	})
}

// ListContracts implements api.Companies.
func (d *apiDesk) ListContracts(ctx context.Context, who *api.Who, in api.Paging) (api.Page[api.Contract], error) {
	return placePage(in, func(key string, after int64, limit int) ([]registry.PlaceRow, error) {
		return d.Store.For(who.Company).ContractPage(ctx, key, after, limit)
	}, func(r registry.PlaceRow) api.Contract {
		return api.Contract{Number: r.Name, Title: r.Title, People: r.People, CreatedAt: r.CreatedAt, EndedAt: set(r.EndedAt)}
	})
}

func toAPIConnection(x registry.Connection) api.Connection {
	out := api.Connection{
		Name: x.Origin.Key, State: "open", Profile: x.Profile, Visible: string(x.Visible), OnForeign: string(x.OnForeign),
		SetupMail: x.SetupMail, Rate: x.Rate, AllowFrom: x.AllowFrom, CreatedAt: x.CreatedAt,
	}
	if x.Paused {
		out.State = "paused"
	}
	return out
}

// ListConnections implements api.Connections.
func (d *apiDesk) ListConnections(ctx context.Context, who *api.Who, in api.Paging) (p api.Page[api.Connection], err error) {
	all, err := d.Store.For(who.Company).Connections(ctx)
	if err != nil {
		return p, err
	}
	return fewPage(all, in, toAPIConnection)
}

// live finds a connection that is not retired.
func (d *apiDesk) live(ctx context.Context, who *api.Who, name string) (registry.Connection, error) {
	x, err := d.Store.For(who.Company).Connection(ctx, name)
	if err == nil && !x.Origin.RetiredAt.IsZero() {
		err = registry.ErrNotFound
	}
	return x, err
}

// ShowConnection implements api.Connections.
func (d *apiDesk) ShowConnection(ctx context.Context, who *api.Who, in api.ConnectionInput) (api.Connection, error) {
	x, err := d.live(ctx, who, in.Connection)
	if err != nil {
		return api.Connection{}, err
	}
	return toAPIConnection(x), nil
}

// ListRequests implements api.Connections.
func (d *apiDesk) ListRequests(ctx context.Context, who *api.Who, in api.ListRequestsInput) (p api.Page[api.ScimRequest], err error) {
	x, err := d.live(ctx, who, in.Connection)
	if err != nil {
		return p, err
	}
	q := registry.ScimRequestQuery{Origin: x.Origin.ID, Failed: in.Failed, Method: in.Method, Status: in.Status, Text: in.Text, Since: in.Since, Until: in.Until, Limit: in.Limit + 1}
	id, at, err := api.Keyed(in.After)
	if err != nil {
		return p, err
	}
	micros, err := api.Key(at)
	if err != nil {
		return p, err
	}
	q.BeforeID, q.BeforeAt = id, time.UnixMicro(micros)
	rows, err := d.Store.For(who.Company).ScimRequestPage(ctx, q.Bounded(d.Now()))
	return api.CutPage(rows, in.Limit, func(r registry.ScimRequest) string { return fmt.Sprintf("%d %d", r.ID, r.At.UnixMicro()) },
		func(r registry.ScimRequest) api.ScimRequest {
			return api.ScimRequest{
				At: r.At, RequestID: r.RequestID, Method: r.Method, Path: r.Path, Status: r.Status, Micros: r.Micros,
				ScimType: r.ScimType, Detail: r.Detail, Body: r.Body,
			}
		}), err
}

// ListTokens implements api.Connections.
func (d *apiDesk) ListTokens(ctx context.Context, who *api.Who, in api.Paging) (p api.Page[api.Token], err error) {
	all, err := d.Store.For(who.Company).APITokens(ctx)
	if err != nil {
		return p, err
	}
	return fewPage(all, in, func(k registry.Token) api.Token {
		return api.Token{
			Prefix: k.Prefix, Name: k.Name, Scopes: k.Scopes, State: TokenState(k, d.Now()), CreatedAt: k.CreatedAt,
			LastUsedAt: set(k.LastUsedAt), ExpiresAt: set(k.ExpiresAt), RevokedAt: set(k.RevokedAt),
		}
	})
}

func toAPIMail(m store.MailRow) api.Mail {
	out := api.Mail{
		ID: m.MessageID, Kind: m.Kind, UserName: m.UserName, To: m.To, State: m.State, Code: m.Code, Message: m.Message.String(),
		CreatedAt: m.CreatedAt, NextTry: set(m.NextTry), FinishedAt: set(m.FinishedAt), Attempts: []api.Attempt{},
	}
	for _, a := range m.Attempts {
		out.Attempts = append(out.Attempts, api.Attempt{At: a.At, Outcome: a.Outcome, Code: a.Code, Message: a.Message.String()})
	}
	return out
}

// ListMails implements api.Mails.
func (d *apiDesk) ListMails(ctx context.Context, who *api.Who, in api.ListMailsInput) (p api.Page[api.Mail], err error) {
	q := registry.MailQuery{State: in.State, Limit: in.Limit + 1}
	if in.Person != "" {
		u, err := d.Store.For(who.Company).UserByPublicID(ctx, in.Person)
		if err != nil {
			return p, err
		}
		q.User = u.ID
	}
	if q.Before, err = api.Key(in.After); err != nil {
		return p, err
	}
	rows, err := d.Store.For(who.Company).MailPage(ctx, q)
	return api.CutPage(rows, in.Limit, func(m store.MailRow) string { return strconv.FormatInt(m.ID, 10) }, toAPIMail), err
}

// ShowMail implements api.Mails.
func (d *apiDesk) ShowMail(ctx context.Context, who *api.Who, in api.MailInput) (api.Mail, error) {
	m, err := d.Store.For(who.Company).MailByMessageID(ctx, in.Mail)
	if err != nil {
		return api.Mail{}, err
	}
	return toAPIMail(m), nil
}

// ReleaseMails implements api.Mails.
func (d *apiDesk) ReleaseMails(ctx context.Context, who *api.Who, _ api.None) (api.Released, error) {
	n, err := d.Core.ReleaseMails(ctx, who.Company)
	return api.Released{Released: n}, err
}

// onMail does something to a mail that its state may stand against.
func (d *apiDesk) onMail(ctx context.Context, who *api.Who, in api.MailInput, do func(*store.Tenant, int64) (bool, error)) (api.Mail, error) {
	t := d.Store.For(who.Company)
	m, err := t.MailByMessageID(ctx, in.Mail)
	if err != nil {
		return api.Mail{}, err
	}
	done, err := do(t, m.ID)
	if err == nil && !done {
		err = registry.Refuse(registry.CodeMailState, "the mail is %s", registry.Word(m.State))
	}
	if err != nil {
		return api.Mail{}, err
	}
	return d.ShowMail(ctx, who, in)
}

// ReleaseMail implements api.Mails.
func (d *apiDesk) ReleaseMail(ctx context.Context, who *api.Who, in api.MailInput) (api.Mail, error) {
	return d.onMail(ctx, who, in, func(_ *store.Tenant, id int64) (bool, error) { return d.Core.ReleaseMail(ctx, who.Company, id) })
}

// CancelMail implements api.Mails.
func (d *apiDesk) CancelMail(ctx context.Context, who *api.Who, in api.MailInput) (api.Mail, error) {
	return d.onMail(ctx, who, in, func(t *store.Tenant, id int64) (bool, error) { return t.CancelMail(ctx, id, who.Actor) })
}

// ResendMail implements api.Mails.
func (d *apiDesk) ResendMail(ctx context.Context, who *api.Who, in api.MailInput) (api.Mail, error) {
	return d.onMail(ctx, who, in, func(t *store.Tenant, id int64) (bool, error) { return t.ResendMail(ctx, id, d.Now()) })
}
