package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/auth/factor"
	"github.com/usherd/usher/internal/auth/openid"
	"github.com/usherd/usher/internal/registry"
)

// Deps are what the service works with; Passkeys may be nil, see
// factor.NewPasskeys.
type Deps struct {
	Store    Store
	Registry Writer
	Vault    *auth.Vault
	Passkeys *factor.Passkeys
	Now      func() time.Time
	Random   io.Reader
	Log      *slog.Logger
}

// Config says who may come in how.
type Config struct {
	// Companies are by key; one that is not there has passwords and no provider.
	Companies map[string]Company
	// Required is true when whoever has rights must have a second factor.
	Required bool
	// Issuer is what authenticator apps call us.
	Issuer string
}

// Company is how people sign in at one company.
type Company struct {
	PasswordOff bool
	Providers   []Provider
}

// Provider is an identity provider of a company.
type Provider struct {
	Key, Name string
	Client    *openid.Provider
	// Create makes an account for whoever the provider knows and we do not.
	Create bool
	// MatchMail ties people by a verified address.
	MatchMail bool
	Roles     *Roles
}

// Service is what stands beside the password. It is safe for concurrent use.
type Service struct {
	Deps
	cfg    Config
	limits limits
}

// limits hold every throttle here, in one place to read them.
type limits struct {
	factor   auth.Throttle // tries of a second factor
	passkey  auth.Throttle // sign-ins with a passkey
	provider auth.Throttle // answers of providers
}

// New makes the service.
func New(d Deps, c Config) *Service {
	const remembered = 100_000 // keys a limiter keeps, about 20 MB at worst
	l := func(burst int, every time.Duration) *auth.Limiter {
		return auth.NewLimiter(auth.Rate{Burst: burst, Every: every}, remembered, d.Now)
	}
	return &Service{Deps: d, cfg: c, limits: limits{
		// Five tries and then one a minute: of a million codes, three of them good,
		// somebody who knows the password meets one in half a year.
		factor:   auth.Throttle{Address: l(30, 2*time.Second), Account: l(5, time.Minute)},
		passkey:  auth.Throttle{Address: l(30, 2*time.Second)},
		provider: auth.Throttle{Address: l(30, 2*time.Second)},
	}}
}

// Close lets go of connections to providers.
func (s *Service) Close() {
	for _, c := range s.cfg.Companies {
		for _, p := range c.Providers {
			p.Client.Close()
		}
	}
}

// Doors are the ways to sign in at a company.
func (s *Service) Doors(c registry.Company) auth.Doors {
	own := s.cfg.Companies[c.Key]
	out := auth.Doors{Password: !own.PasswordOff, Passkey: s.Passkeys != nil}
	for _, p := range own.Providers {
		out.Providers = append(out.Providers, auth.Door{Key: p.Key, Name: p.Name})
	}
	return out
}

// sealed is what a browser keeps between two requests.
type sealed struct {
	Until    time.Time
	Company  registry.CompanyID
	User     registry.UserID `json:",omitzero"`
	Provider string          `json:",omitempty"`
	Next     string          `json:",omitempty"`
	Flow     openid.Flow     `json:",omitzero"`
	Secret   []byte          `json:",omitempty"`
	State    []byte          `json:",omitempty"`
}

// sealedLife is how long a proof may take from its first request to its last.
const sealedLife = 15 * time.Minute

// seal makes the text for a cookie; each purpose has a key of its own.
func (s *Service) seal(purpose string, v sealed) (string, error) {
	v.Until = s.Now().Add(sealedLife)
	raw, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encode %s: %w", purpose, err)
	}
	raw, err = s.Vault.Seal("sign-in "+purpose, raw)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// unseal reads the text of a cookie; ok is false for one that we did not make,
// or for another purpose, company or person, or too long ago.
func (s *Service) unseal(purpose, text string, company registry.CompanyID, user registry.UserID) (v sealed, ok bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		raw, err = s.Vault.Open("sign-in "+purpose, raw)
	}
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	return v, err == nil && v.Company == company && v.User == user && s.Now().Before(v.Until)
}

// deed begins the audit's row of something a person did.
func (s *Service) deed(v auth.Session, c auth.Client, action string) registry.Deed {
	d := registry.Deed{
		At: s.Now(), Actor: v.Account.Actor(), User: v.User, Action: action, Subject: "user " + v.Account.UserName, RequestID: c.Request,
	}
	if c.Address.IsValid() {
		d.Address = c.Address.String()
	}
	return d
}

// audit writes a deed down. One that cannot be is an error: what leaves no trace
// does not happen.
func (s *Service) audit(ctx context.Context, company registry.CompanyID, d registry.Deed) error {
	if err := s.Store.Audit(ctx, company, d); err != nil {
		return fmt.Errorf("audit %s: %w", d.Action, err)
	}
	return nil
}

// SignedIn writes down that somebody signed in.
func (s *Service) SignedIn(ctx context.Context, id auth.Identity, c auth.Client) error {
	u, err := s.Store.User(ctx, id.Company, id.User)
	if err != nil {
		return fmt.Errorf("read person: %w", err)
	}
	d := registry.Deed{
		At: s.Now(), Actor: "user " + u.UserName(), User: u.ID, Action: registry.DeedSignIn, Subject: "user " + u.UserName(),
		RequestID: c.Request, Detail: map[string]string{"method": id.Method},
	}
	if !id.FactorAt.IsZero() {
		d.Detail["factor"] = "shown"
	}
	if c.Address.IsValid() {
		d.Address = c.Address.String()
	}
	return s.audit(ctx, id.Company, d)
}

// SignedOut writes down that somebody signed out here.
func (s *Service) SignedOut(ctx context.Context, v auth.Session, c auth.Client) error {
	return s.audit(ctx, v.Company, s.deed(v, c, registry.DeedSignOut))
}

// SessionsEnded writes down that somebody signed other browsers of theirs out.
func (s *Service) SessionsEnded(ctx context.Context, v auth.Session, n int, c auth.Client) error {
	d := s.deed(v, c, registry.DeedSessionEnd)
	d.Detail = map[string]string{"sessions": fmt.Sprint(n)}
	return s.audit(ctx, v.Company, d)
}

// SessionsOf are the live sessions of a person, for who administers them.
func (s *Service) SessionsOf(ctx context.Context, company registry.CompanyID, user registry.UserID) ([]auth.Session, error) {
	return s.Store.ListSessions(ctx, company, user, s.Now())
}

// EndSessionsOf signs a person out everywhere at an admin's word and says of how
// many browsers.
func (s *Service) EndSessionsOf(ctx context.Context, by *auth.Principal, company registry.CompanyID, user registry.UserID) (int, error) {
	u, err := s.Store.User(ctx, company, user)
	if err != nil {
		return 0, fmt.Errorf("read person: %w", err)
	}
	n, err := s.Store.EndSessions(ctx, company, user, "")
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	d := byPrincipal(by, registry.DeedSessionEnd, &u)
	d.At, d.Detail = s.Now(), map[string]string{"sessions": fmt.Sprint(n)}
	return n, s.audit(ctx, company, d)
}

// byPrincipal begins the audit's row of what somebody did to a person.
func byPrincipal(by *auth.Principal, action string, u *registry.User) registry.Deed {
	d := registry.Deed{Actor: by.Actor, User: by.User, Action: action, Subject: "user " + u.UserName(), RequestID: by.Request}
	if by.Client.Address.IsValid() {
		d.Address = by.Client.Address.String()
	}
	return d
}

// identity is the proof of a person at this moment.
func identity(u *registry.User, method string, factorAt time.Time) auth.Identity {
	return auth.Identity{
		Company: u.Company, User: u.ID, CredentialVersion: u.CredentialVersion, Admin: u.Privileged(), Method: method, FactorAt: factorAt,
	}
}

// clean is a name that a person gave something, fit to be shown.
func clean(name, fallback string) string {
	if name = strings.TrimSpace(name); name == "" {
		return fallback
	}
	const most = 60
	if r := []rune(registry.Printable(name)); len(r) > most {
		return string(r[:most])
	}
	return registry.Printable(name)
}
