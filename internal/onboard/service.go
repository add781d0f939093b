package onboard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Config shapes onboarding. Zero fields take the defaults.
type Config struct {
	SetupLife time.Duration // how long a set-up link lives; 7 days
	ResetLife time.Duration // how long a reset link lives; 1 hour
}

// Deps are what the service works with; all are required.
type Deps struct {
	Store  Store
	Minter *Minter
	Hasher *auth.Hasher
	Now    func() time.Time
	// NewUID makes the id of a link, unique for ever (a UUIDv7).
	NewUID func() string
	Log    *slog.Logger
}

// Service is onboarding. It is safe for concurrent use; Run must be running for
// requested links to be mailed.
type Service struct {
	Deps
	cfg    Config
	limits limits
	queue  chan func(context.Context)
}

// New makes the service.
func New(d Deps, c Config) *Service {
	if c.SetupLife == 0 {
		c.SetupLife = 7 * 24 * time.Hour
	}
	if c.ResetLife == 0 {
		c.ResetLife = time.Hour
	}
	return &Service{Deps: d, cfg: c, limits: newLimits(d.Now), queue: make(chan func(context.Context), queueLength)}
}

// limits hold every throttle of onboarding, in one place to read them.
type limits struct {
	signIn  auth.Throttle // tries to sign in
	change  auth.Throttle // tries of the present password
	request auth.Throttle // requests for a link
	mailbox *auth.Limiter // mails to one person, whoever asked
}

func newLimits(now func() time.Time) limits {
	const remembered = 100_000 // keys a limiter keeps, about 20 MB at worst
	l := func(burst int, every time.Duration) *auth.Limiter {
		return auth.NewLimiter(auth.Rate{Burst: burst, Every: every}, remembered, now)
	}
	return limits{
		signIn:  auth.Throttle{Address: l(30, 2*time.Second), Account: l(10, 30*time.Second)},
		change:  auth.Throttle{Account: l(10, 30*time.Second)},
		request: auth.Throttle{Address: l(10, time.Minute), Account: l(3, 15*time.Minute), Global: l(100, 200*time.Millisecond)},
		mailbox: l(3, 15*time.Minute),
	}
}

// Open says what a mailed link is good for. It changes nothing.
func (s *Service) Open(ctx context.Context, token string) (auth.LinkView, error) {
	link, person, err := s.find(ctx, token)
	if errors.Is(err, registry.ErrNotFound) {
		return auth.LinkView{State: auth.LinkUnknown}, nil
	}
	if err != nil {
		return auth.LinkView{}, err
	}
	return auth.LinkView{
		State:       StateOf(link, &person.User, s.Now()),
		Purpose:     link.Purpose,
		Tag:         tag(token),
		Company:     person.Company,
		DisplayName: person.User.DisplayName(),
		UserName:    person.User.UserName(),
		Locale:      person.User.Locale(),
		ExpiresAt:   link.ExpiresAt,
	}, nil
}

// Complete sets the password with a link and spends it. The error is a
// *auth.PasswordError when the rules refuse the password, a *auth.LinkError
// when the link is not (or, lost to another browser, no longer) live; either
// way nothing has changed.
func (s *Service) Complete(ctx context.Context, token, password string) (auth.Identity, error) {
	link, person, err := s.find(ctx, token)
	if errors.Is(err, registry.ErrNotFound) {
		return auth.Identity{}, &auth.LinkError{State: auth.LinkUnknown}
	}
	if err != nil {
		return auth.Identity{}, err
	}
	// Judged before hashing, so that a dead link cannot be used to burn cores.
	if state := StateOf(link, &person.User, s.Now()); state != auth.LinkLive {
		return auth.Identity{}, &auth.LinkError{State: state}
	}
	hash, err := s.newHash(ctx, person, password)
	if err != nil {
		return auth.Identity{}, err
	}
	done, err := s.Store.ConsumeLink(ctx, ConsumeLink{
		TokenHash: link.TokenHash, PasswordHash: hash,
		Notice: link.Purpose == auth.PurposeReset, Now: s.Now(),
	})
	if err != nil {
		return auth.Identity{}, fmt.Errorf("consume link: %w", err)
	}
	return auth.Identity{
		Company: done.Company, User: done.User, CredentialVersion: done.CredentialVersion, Admin: done.Admin, Method: auth.MethodPassword,
	}, nil
}

// SignIn judges a name (userName or verified address) and a password. Every
// failure is auth.ErrSignIn, but for tries that come too fast, which are a
// *auth.ThrottledError whether or not there is such a person.
func (s *Service) SignIn(ctx context.Context, company registry.CompanyID, name, password string, c auth.Client) (auth.Identity, error) {
	key := nameKey(name)
	if wait := s.limits.signIn.Take(accountKey(company, key), c.Address); wait > 0 {
		return auth.Identity{}, &auth.ThrottledError{RetryAfter: wait}
	}
	people, err := s.Store.FindPeople(ctx, company, key)
	if err != nil {
		return auth.Identity{}, fmt.Errorf("find people: %w", err)
	}
	person := meant(people, key)
	// Nobody found leaves an empty hash, which costs the same work and fails.
	normal := auth.NormalizePassword(password)
	ok, rehash, err := s.Hasher.Verify(ctx, person.PasswordHash, normal)
	if err != nil {
		return auth.Identity{}, fmt.Errorf("verify password: %w", err)
	}
	if !ok || !person.User.MaySignIn() {
		s.noteRefusal(ctx, person, ok, c)
		return auth.Identity{}, auth.ErrSignIn
	}
	if rehash {
		s.rehash(ctx, person, normal)
	}
	return identity(person), nil
}

// meant picks who signs in of those whom a typed name can mean: the owner of the
// userName; or, where they cannot sign in, the only holder of the address who can.
// An account that was never set up or is closed is nobody's way in, and must not
// shut out whoever uses the same mailbox.
func meant(people []Person, key string) Person {
	var able []Person
	for _, p := range people {
		if p.PasswordHash != "" && p.User.MaySignIn() {
			able = append(able, p)
		}
	}
	for _, found := range [][]Person{able, people} { // the refusal is about somebody, too
		if len(found) == 1 || len(found) > 1 && named(found[0], key) {
			return found[0]
		}
	}
	return Person{}
}

// named tells whether the key is the person's own userName.
func named(p Person, key string) bool { return registry.Key(p.User.UserName()) == key }

// ChangePassword replaces the signed-in person's password. All their sessions
// end; the identity returned begins a new one. Errors: auth.ErrSignIn when the
// present password is wrong, *auth.PasswordError, *auth.ThrottledError.
func (s *Service) ChangePassword(ctx context.Context, id auth.Identity, present, wanted string) (auth.Identity, error) {
	if wait := s.limits.change.Take(fmt.Sprint(id.User), c0); wait > 0 {
		return auth.Identity{}, &auth.ThrottledError{RetryAfter: wait}
	}
	person, err := s.Store.GetPerson(ctx, id.Company, id.User)
	if err != nil {
		return auth.Identity{}, fmt.Errorf("get person: %w", err)
	}
	ok, _, err := s.Hasher.Verify(ctx, person.PasswordHash, auth.NormalizePassword(present))
	if err != nil {
		return auth.Identity{}, fmt.Errorf("verify password: %w", err)
	}
	if !ok {
		return auth.Identity{}, auth.ErrSignIn
	}
	if auth.NormalizePassword(present) == auth.NormalizePassword(wanted) {
		return auth.Identity{}, &auth.PasswordError{Weakness: auth.WeakSame}
	}
	hash, err := s.newHash(ctx, person, wanted)
	if err != nil {
		return auth.Identity{}, err
	}
	version, err := s.Store.SetPassword(ctx, SetPassword{
		Company: id.Company, User: id.User, CredentialVersion: id.CredentialVersion, PasswordHash: hash, Now: s.Now(),
	})
	if err != nil {
		return auth.Identity{}, fmt.Errorf("set password: %w", err)
	}
	id.CredentialVersion, id.Admin = version, person.User.Privileged()
	return id, nil
}

func (s *Service) find(ctx context.Context, token string) (Link, Person, error) {
	if !wellFormed(token) {
		return Link{}, Person{}, registry.ErrNotFound
	}
	link, person, err := s.Store.FindLink(ctx, HashToken(token))
	if err != nil {
		return Link{}, Person{}, fmt.Errorf("find link: %w", err)
	}
	return link, person, nil
}

// newHash judges a new password against the rules and hashes it.
func (s *Service) newHash(ctx context.Context, p Person, password string) (string, error) {
	if err := auth.CheckPassword(password, known(p)); err != nil {
		return "", err
	}
	hash, err := s.Hasher.Hash(ctx, auth.NormalizePassword(password))
	if err != nil {
		return "", fmt.Errorf("hash password: %w", err)
	}
	return hash, nil
}

// rehash renews a hash of older costs. A failure is only logged: the person has
// proved who they are, and the next sign-in tries again.
func (s *Service) rehash(ctx context.Context, p Person, normal string) {
	hash, err := s.Hasher.Hash(ctx, normal)
	if err == nil {
		err = s.Store.Rehash(ctx, p.User.Company, p.User.ID, p.PasswordHash, hash)
	}
	if err != nil {
		s.Log.WarnContext(ctx, "password hash not renewed", "user", p.User.PublicID, "error", err)
	}
}

// known lists what a password must not be made of.
func known(p Person) []string {
	u := &p.User
	out := []string{p.Company.Name, p.Company.Key}
	for _, a := range []string{
		registry.AttrUserName, registry.AttrDisplayName, registry.AttrGivenName, registry.AttrMiddleName,
		registry.AttrFamilyName, registry.AttrNickName, registry.AttrEmails,
	} {
		out = append(out, u.Attributes[a]...)
	}
	return out
}

func identity(p Person) auth.Identity {
	return auth.Identity{
		Company: p.User.Company, User: p.User.ID,
		CredentialVersion: p.User.CredentialVersion, Admin: p.User.Privileged(), Method: auth.MethodPassword,
	}
}
