package auth

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/usherd/usher/internal/registry"
)

// Session is one browser that is signed in. It lives while its person may sign
// in and their credential version has not moved.
type Session struct {
	// ID is the SHA-256 of the cookie's token, base64url; the token itself is
	// nowhere but in the browser.
	ID                string
	Company           registry.CompanyID
	User              registry.UserID
	CredentialVersion int64
	CreatedAt         time.Time
	SeenAt            time.Time // to about a minute
	ExpiresAt         time.Time // however much it is used
	Address           string
	Agent             string
	Method            string    // how its person signed in, see Identity
	FactorAt          time.Time // when a second factor was last shown, zero for never
	// Account is joined by the store when it reads; it is not stored here.
	Account Account
}

// Account is what a page needs to know of the signed-in person.
type Account struct {
	CompanyKey    string
	CompanyName   string
	CompanyLocale string
	UserName      string
	DisplayName   string
	Locale        string
	Timezone      string
	Admin         bool
	Rights        registry.Rights
	Kind          registry.Kind
	// HasFactor says that the person has set up a second factor.
	HasFactor bool
}

// Operator reports whether the account is one of those who run the installation.
func (a *Account) Operator() bool { return a.CompanyKey == registry.OperatorsKey }

// Privileged reports whether the account may do more than look after itself.
func (a *Account) Privileged() bool { return a.Admin || a.Rights != 0 || a.Operator() }

// Roles are what the person is now.
func (a *Account) Roles() []Role {
	roles := []Role{RoleEndUser}
	for _, r := range []struct {
		role Role
		has  bool
	}{
		{RoleSupport, a.Kind == registry.SupportStaff},
		{RoleAuditor, a.Rights&registry.RightsAuditor != 0},
		{RoleApprover, a.Rights&registry.RightsApprover != 0},
		{RoleAdmin, a.Admin && !a.Operator()},
		{RoleOperator, a.Operator()},
	} {
		if r.has {
			roles = append(roles, r.role)
		}
	}
	return roles
}

// Actor names the person in changes and in the audit, by the strongest of their
// roles.
func (a *Account) Actor() string {
	word := map[Role]string{
		RoleEndUser: "user ", RoleSupport: "support ", RoleAuditor: "auditor ", RoleApprover: "approver ", RoleAdmin: "admin ", RoleOperator: "operator ",
	}
	roles := a.Roles()
	return word[roles[len(roles)-1]] + a.UserName
}

// Stage is how far a session has come.
type Stage int

const (
	// StageIn: signed in.
	StageIn Stage = iota
	// StageProve: the person has yet to show their second factor.
	StageProve
	// StageEnrol: the person must have a second factor and has yet to set one up.
	StageEnrol
)

// halfLife is how long somebody may take between the two factors.
const halfLife = 15 * time.Minute

// SessionStore keeps sessions. All times are the caller's clock.
type SessionStore interface {
	// FindSession returns the session with its Account, or registry.ErrNotFound
	// when there is none, when now is not before ExpiresAt, when its user may
	// not sign in (registry.User.MaySignIn) or when the user's
	// credential version is not the session's. It crosses companies: the id is
	// the proof.
	FindSession(ctx context.Context, id string, now time.Time) (Session, error)
	// SaveSession inserts the session, or replaces the one with its ID.
	SaveSession(ctx context.Context, s Session) error
	// TouchSession moves SeenAt of a session that still exists; it never brings
	// one back, and is no error for one that is gone.
	TouchSession(ctx context.Context, id string, seen time.Time) error
	// DeleteSession removes the session; no error when there is none.
	DeleteSession(ctx context.Context, id string) error
	// EndSession removes one session of the person and says whether it was there.
	EndSession(ctx context.Context, company registry.CompanyID, user registry.UserID, id string) (bool, error)
	// ListSessions returns the live sessions of a person (the conditions of
	// FindSession), seen last first. Account may be left empty.
	ListSessions(ctx context.Context, company registry.CompanyID, user registry.UserID, now time.Time) ([]Session, error)
	// EndSessions removes every session of the person but the one with the id
	// except, and says how many.
	EndSessions(ctx context.Context, company registry.CompanyID, user registry.UserID, except string) (int, error)
}

// Life is how long a session may last altogether, and unused.
type Life struct {
	Absolute time.Duration
	Idle     time.Duration
}

// SessionConfig shapes the sessions.
type SessionConfig struct {
	// Secure is true when people come over TLS; the cookie is then bound to the
	// host by the __Host- prefix.
	Secure bool
	// People and Admins are the lives of their sessions.
	People, Admins Life
	// Factor is true when whoever has rights must show a second factor.
	Factor bool
	// Failed answers a request whose session could not be read or kept.
	Failed func(http.ResponseWriter, *http.Request, error)
	Now    func() time.Time
	Log    *slog.Logger
}

// DefaultPeopleLife is what SP 800-63B-4 section 2.1.3 allows at AAL1 (30
// days), with a week unused.
func DefaultPeopleLife() Life { return Life{Absolute: 30 * 24 * time.Hour, Idle: 7 * 24 * time.Hour} }

// DefaultAdminLife is the same page's AAL2 figure: 24 hours, one hour unused.
func DefaultAdminLife() Life { return Life{Absolute: 24 * time.Hour, Idle: time.Hour} }

// Sessions begins, finds and ends browser sessions.
type Sessions struct {
	cfg   SessionConfig
	store SessionStore
	scs   *scs.SessionManager
}

const sessionKey = "session"

// loadedKey marks a context that went through Wrap.
type loadedKey struct{}

// NewSessions makes the session keeper. Sessions exist for signed-in people
// only: an anonymous visitor costs no row.
func NewSessions(cfg SessionConfig, store SessionStore) *Sessions {
	// Not scs.New: it starts a store in memory whose cleaning never ends.
	m := &scs.SessionManager{
		Store: &scsStore{store: store, cfg: cfg}, Codec: codec{}, HashTokenInStore: true, ErrorFunc: cfg.Failed, Lifetime: 24 * time.Hour,
		Cookie: scs.SessionCookie{
			Name: "usher", Path: "/", HttpOnly: true, Persist: true, SameSite: http.SameSiteLaxMode, Secure: cfg.Secure,
		},
	}
	if cfg.Secure {
		m.Cookie.Name = "__Host-usher"
	}
	return &Sessions{cfg: cfg, store: store, scs: m}
}

// Wrap loads the request's session before next and writes the cookie of one
// begun or ended by it.
func (s *Sessions) Wrap(next http.Handler) http.Handler {
	return s.scs.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), loadedKey{}, true)))
	}))
}

// Current returns the session of the request, if the person is signed in. It is
// safe to ask in a request that was never wrapped.
func (s *Sessions) Current(ctx context.Context) (Session, bool) {
	v, stage, ok := s.Look(ctx)
	return v, ok && stage == StageIn
}

// Look is Current for the pages of the second factor: it also returns a session
// whose person has one proof yet to give. For every other page there is no such
// session.
func (s *Sessions) Look(ctx context.Context) (Session, Stage, bool) {
	if ctx.Value(loadedKey{}) == nil {
		return Session{}, StageIn, false
	}
	v, ok := s.scs.Get(ctx, sessionKey).(Session)
	return v, s.cfg.stage(v), ok
}

// stage judges by what the person is and has now: someone made an admin since
// signing in has a second factor to set up.
func (c SessionConfig) stage(v Session) Stage {
	switch {
	case !v.FactorAt.IsZero():
		return StageIn
	case v.Account.HasFactor:
		return StageProve
	case c.Factor && v.Account.Privileged():
		return StageEnrol
	}
	return StageIn
}

// Begin signs the person in, under a new token whatever the browser sent.
func (s *Sessions) Begin(ctx context.Context, id Identity, c Client) error {
	if err := s.scs.RenewToken(ctx); err != nil {
		return err
	}
	now := s.cfg.Now().UTC()
	life := s.cfg.life(id.Admin)
	v := Session{
		Company: id.Company, User: id.User, CredentialVersion: id.CredentialVersion,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(life.Absolute),
		Agent: clip(c.Agent, 256), Method: id.Method, FactorAt: id.FactorAt,
	}
	if c.Address.IsValid() {
		v.Address = c.Address.String()
	}
	s.scs.SetDeadline(ctx, v.ExpiresAt)
	s.scs.Put(ctx, sessionKey, v)
	return nil
}

// End signs the browser out.
func (s *Sessions) End(ctx context.Context) error { return s.scs.Destroy(ctx) }

// List returns the live sessions of the signed-in person, seen last first.
func (s *Sessions) List(ctx context.Context, v Session) ([]Session, error) {
	now := s.cfg.Now()
	all, err := s.store.ListSessions(ctx, v.Company, v.User, now)
	return slices.DeleteFunc(all, func(o Session) bool {
		o.Account = v.Account // the same person's
		return s.cfg.over(o, now)
	}), err
}

// EndOne signs one browser of the person out and says whether it was signed in.
func (s *Sessions) EndOne(ctx context.Context, v Session, id string) (bool, error) {
	return s.store.EndSession(ctx, v.Company, v.User, id)
}

// EndOthers signs every other browser of the person out and says how many.
func (s *Sessions) EndOthers(ctx context.Context, v Session) (int, error) {
	return s.store.EndSessions(ctx, v.Company, v.User, v.ID)
}

func (c SessionConfig) life(admin bool) Life {
	if admin {
		return c.Admins
	}
	return c.People
}

// over reports whether the session has lasted, or lain unused, too long. It is
// judged by what the person is now: someone made an admin since signing in has
// an admin's session.
func (c SessionConfig) over(s Session, now time.Time) bool {
	life := c.life(s.Account.Privileged())
	if c.stage(s) != StageIn {
		life.Absolute = halfLife
	}
	return !now.Before(s.CreatedAt.Add(life.Absolute)) || !now.Before(s.SeenAt.Add(life.Idle))
}

// clip shortens s to at most n bytes without cutting a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}
