package signin

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/auth/openid"
	"github.com/usherd/usher/internal/registry"
)

// Roles are the rights that a provider's claim gives. A right without values is
// not the provider's to give or take.
type Roles struct {
	Claim                    string
	Admin, Auditor, Approver []string
}

// StartProvider sends somebody to a provider. With a session it is to tie that
// person's account. Errors: registry.ErrNotFound, *auth.ProviderError.
func (s *Service) StartProvider(ctx context.Context, c registry.Company, key, next string, tie *auth.Session) (auth.Passage, error) {
	p, err := s.provider(c, key)
	if err != nil {
		return auth.Passage{}, err
	}
	address, flow, err := p.Client.Start(ctx)
	if err != nil {
		return auth.Passage{}, providerError(err)
	}
	v := sealed{Company: c.ID, Provider: key, Next: next, Flow: flow}
	if tie != nil {
		v.User = tie.User
	}
	text, err := s.seal(sealProvider, v)
	return auth.Passage{Address: address, Sealed: text}, err
}

// FinishProvider takes what a browser brings back from a provider. Errors:
// registry.ErrNotFound, *auth.ProviderError, *auth.ThrottledError.
func (s *Service) FinishProvider(ctx context.Context, c registry.Company, key, kept string, answer url.Values, present *auth.Session, client auth.Client) (auth.Arrival, error) {
	if wait := s.limits.provider.Take("", client.Address); wait > 0 {
		return auth.Arrival{}, &auth.ThrottledError{RetryAfter: wait}
	}
	p, err := s.provider(c, key)
	if err != nil {
		return auth.Arrival{}, err
	}
	flow, tie, ok := s.passage(c, kept, present)
	if !ok || flow.Provider != key {
		return auth.Arrival{}, &auth.ProviderError{Reason: auth.ProviderStale}
	}
	claims, err := p.Client.Finish(ctx, flow.Flow, answer)
	if err != nil {
		return auth.Arrival{}, providerError(err)
	}
	origin, err := s.Store.Origin(ctx, c.ID, key)
	if err != nil {
		return auth.Arrival{}, fmt.Errorf("find origin: %w", err)
	}
	at := door{Service: s, company: c, provider: p, origin: origin, client: client}
	if tie {
		return auth.Arrival{Next: flow.Next, Tied: true}, at.tie(ctx, claims, *present)
	}
	u, err := at.person(ctx, claims)
	if err != nil {
		return auth.Arrival{}, err
	}
	var shown time.Time
	if claims.Factor {
		shown = s.Now()
	}
	return auth.Arrival{Identity: identity(&u, "sso "+key, shown), Next: flow.Next}, nil
}

// passage opens what the browser kept: of a stranger, or of the very person who
// set out to tie their account.
func (s *Service) passage(c registry.Company, kept string, present *auth.Session) (flow sealed, tie, ok bool) {
	if flow, ok = s.unseal(sealProvider, kept, c.ID, 0); ok || present == nil {
		return flow, false, ok
	}
	flow, ok = s.unseal(sealProvider, kept, c.ID, present.User)
	return flow, true, ok
}

func (s *Service) provider(c registry.Company, key string) (Provider, error) {
	all := s.cfg.Companies[c.Key].Providers
	i := slices.IndexFunc(all, func(p Provider) bool { return p.Key == key })
	if i < 0 {
		return Provider{}, registry.ErrNotFound
	}
	return all[i], nil
}

// providerError is a provider's failure in the words of the page.
func providerError(err error) error {
	reason := auth.ProviderStale
	var away *openid.UnavailableError
	var no *openid.RefusedError
	switch {
	case errors.As(err, &away):
		reason = auth.ProviderUnavailable
	case errors.As(err, &no):
		reason = auth.ProviderDenied
	}
	return &auth.ProviderError{Reason: reason, Err: err}
}

// door is one provider of one company while somebody comes through it.
type door struct {
	*Service
	company  registry.Company
	provider Provider
	origin   registry.Origin
	client   auth.Client
}

// person is who the claims are about, tied or made where that may be, with the
// rights that the provider gives.
func (d *door) person(ctx context.Context, c openid.Claims) (registry.User, error) {
	id, err := d.Store.UserByAnchor(ctx, d.company.ID, d.origin.ID, c.Subject)
	if errors.Is(err, registry.ErrNotFound) {
		id, err = d.newcomer(ctx, c)
	}
	if err != nil {
		return registry.User{}, err
	}
	u, err := d.Store.User(ctx, d.company.ID, id)
	if err != nil {
		return u, fmt.Errorf("read person: %w", err)
	}
	if !u.MaySignIn() {
		return u, errors.Join(&auth.ProviderError{Reason: auth.ProviderNotOpen}, d.failed(ctx, &u))
	}
	if !d.grant(&u, c) {
		return u, nil
	}
	if _, err := d.apply(ctx, registry.SetRights{User: u.ID, Admin: u.CompanyAdmin, Rights: u.Rights}); err != nil {
		// The last admin stays one; what the provider says is tried again next time.
		if registry.CodeOf(err) != registry.CodeLastAdmin {
			return u, err
		}
		d.Log.WarnContext(ctx, "provider takes the right of the last admin; kept", "company", d.company.Key, "user", u.PublicID)
	}
	u, err = d.Store.User(ctx, d.company.ID, id)
	return u, err
}

// failed writes down that somebody proved who they are and may not come in.
func (d *door) failed(ctx context.Context, u *registry.User) error {
	deed := registry.Deed{
		At: d.Now(), Actor: "user " + u.UserName(), User: u.ID, Action: registry.DeedSignIn, Outcome: registry.OutcomeNotOpen,
		Subject: "user " + u.UserName(), RequestID: d.client.Request, Detail: map[string]string{"method": "sso " + d.provider.Key},
	}
	if d.client.Address.IsValid() {
		deed.Address = d.client.Address.String()
	}
	return d.audit(ctx, d.company.ID, deed)
}

// grant sets the rights that the provider governs and reports whether that
// changed any.
func (d *door) grant(u *registry.User, c openid.Claims) bool {
	r := d.provider.Roles
	if r == nil {
		return false
	}
	was, wasAdmin := u.Rights, u.CompanyAdmin
	has := c.Values(r.Claim)
	gives := func(wanted []string) bool {
		return slices.ContainsFunc(has, func(v string) bool { return slices.Contains(wanted, v) })
	}
	if len(r.Admin) > 0 {
		u.CompanyAdmin = gives(r.Admin)
	}
	for right, wanted := range map[registry.Rights][]string{registry.RightsAuditor: r.Auditor, registry.RightsApprover: r.Approver} {
		if len(wanted) == 0 {
			continue
		}
		u.Rights &^= right
		if gives(wanted) {
			u.Rights |= right
		}
	}
	return was != u.Rights || wasAdmin != u.CompanyAdmin
}

// newcomer ties somebody whom the provider shows for the first time to a person
// who fits, or makes one.
func (d *door) newcomer(ctx context.Context, c openid.Claims) (registry.UserID, error) {
	if d.provider.MatchMail && c.EmailVerified && c.Email != "" {
		fit, err := d.Store.UsersByMail(ctx, d.company.ID, registry.Key(c.Email))
		if err != nil {
			return 0, fmt.Errorf("look for the address: %w", err)
		}
		switch len(fit) {
		case 0:
		case 1:
			_, err := d.apply(ctx, registry.TieUser{User: fit[0], Anchor: c.Subject, Name: name(c)})
			if registry.CodeOf(err) != "" {
				err = &auth.ProviderError{Reason: auth.ProviderTieFirst, Err: err}
			}
			return fit[0], err
		default:
			return 0, &auth.ProviderError{Reason: auth.ProviderUnknown, Err: errors.New("several people have the address")}
		}
	}
	if !d.provider.Create {
		return 0, &auth.ProviderError{Reason: auth.ProviderUnknown}
	}
	res, err := d.apply(ctx, registry.PutUser{
		Anchor: c.Subject, Name: name(c), Attributes: attributes(c), Enabled: true, Kind: registry.EndUser, SSO: true,
	})
	switch code := registry.CodeOf(err); {
	case code == registry.CodeUserNameTaken:
		return 0, &auth.ProviderError{Reason: auth.ProviderNameTaken, Err: err}
	case code != "":
		return 0, &auth.ProviderError{Reason: auth.ProviderUnknown, Err: err}
	}
	return res.User, err
}

// tie ties the account of somebody who is signed in.
func (d *door) tie(ctx context.Context, c openid.Claims, v auth.Session) error {
	_, err := d.apply(ctx, registry.TieUser{User: v.User, Anchor: c.Subject, Name: name(c), Proved: true})
	if registry.CodeOf(err) != "" {
		return &auth.ProviderError{Reason: auth.ProviderTaken, Err: err}
	}
	if err != nil {
		return err
	}
	deed := d.deed(v, d.client, registry.DeedTied)
	deed.Detail = map[string]string{"provider": d.provider.Key}
	return d.audit(ctx, v.Company, deed)
}

func (d *door) apply(ctx context.Context, op registry.Op) (registry.Result, error) {
	res, err := d.Registry.Apply(ctx, registry.Batch{
		Company: d.company.ID, Origin: d.origin, Actor: "provider " + d.provider.Key, Ops: []registry.Op{op},
	})
	if err != nil {
		return registry.Result{}, fmt.Errorf("write person: %w", err)
	}
	if res[0].Refused != nil {
		return res[0], res[0].Refused
	}
	return res[0], nil
}

// name is what people call the account at the provider.
func name(c openid.Claims) string {
	for _, n := range []string{c.UserName, c.Email, c.Subject} {
		if n != "" {
			return registry.Printable(n)
		}
	}
	return ""
}

// attributes are what is kept of the claims. An address that nobody verified is
// left out.
func attributes(c openid.Claims) registry.Attributes {
	a := registry.Attributes{}
	for attr, value := range map[string]string{
		registry.AttrUserName: name(c), registry.AttrDisplayName: c.DisplayName, registry.AttrGivenName: c.GivenName,
		registry.AttrFamilyName: c.FamilyName, registry.AttrLocale: c.Locale, registry.AttrTimezone: c.Timezone,
	} {
		if value != "" {
			a.Set(attr, value)
		}
	}
	if c.EmailVerified && c.Email != "" {
		a.Set(registry.AttrEmails, c.Email)
	}
	return a
}
