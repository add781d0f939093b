package onboard

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// RegistrarConfig shapes registration. Zero fields take the defaults.
type RegistrarConfig struct {
	SetupLife time.Duration // how long a set-up link lives; 7 days
	Limits    *RegistrationLimits
}

// RegistrationLimits are how often strangers may register, for all processes
// together. They are generous to an office behind one address, because the
// proof of work is what a flood pays with; who does no work is let in slowly.
type RegistrationLimits struct {
	Address, Prefix, Wide auth.Rate // one address; its /24 or /64; its /16 or /48
	Contract              auth.Rate // one contract number, whether it exists or not
	Mail                  auth.Rate // one mail address
	Global                auth.Rate
	// UnprovenAddress and UnprovenGlobal hold as well for who did no work.
	UnprovenAddress, UnprovenGlobal auth.Rate
	// Companies is how many new companies are made without an operator looking.
	Companies auth.Rate
}

// DefaultRegistrationLimits are those of a common installation.
func DefaultRegistrationLimits() RegistrationLimits {
	return RegistrationLimits{
		Address: auth.Rate{Burst: 60, Every: 30 * time.Second}, Prefix: auth.Rate{Burst: 120, Every: 20 * time.Second},
		Wide: auth.Rate{Burst: 300, Every: 5 * time.Second}, Contract: auth.Rate{Burst: 60, Every: 30 * time.Second},
		Mail: auth.Rate{Burst: 3, Every: 2 * time.Hour}, Global: auth.Rate{Burst: 600, Every: 2 * time.Second},
		UnprovenAddress: auth.Rate{Burst: 3, Every: 20 * time.Minute}, UnprovenGlobal: auth.Rate{Burst: 30, Every: time.Minute},
		Companies: auth.Rate{Burst: 20, Every: time.Hour},
	}
}

// RegistrarDeps are what the registrar works with; all but Remind are required.
type RegistrarDeps struct {
	Store      Registrations
	Challenges *auth.Challenges
	Vault      *auth.Vault
	Minter     *Minter
	Now        func() time.Time
	// NewID makes ids that are unique for ever (UUIDv7), Random a short text that
	// nobody guesses.
	NewID, Random func() string
	// MessageDomain is the right side of Message-IDs.
	MessageDomain string
	// Remind, if set, is told of an application for a name that is taken, so that
	// who forgot their own account gets a link to it.
	Remind func(ctx context.Context, name, address string)
	Log    *slog.Logger
}

// Registrar is the door through which people register themselves. It is safe for
// concurrent use.
type Registrar struct {
	RegistrarDeps
	cfg RegistrarConfig
}

// NewRegistrar makes a Registrar.
func NewRegistrar(d RegistrarDeps, c RegistrarConfig) *Registrar {
	if c.SetupLife == 0 {
		c.SetupLife = 7 * 24 * time.Hour
	}
	if c.Limits == nil {
		l := DefaultRegistrationLimits()
		c.Limits = &l
	}
	return &Registrar{RegistrarDeps: d, cfg: c}
}

// Challenge is a fresh challenge for a form.
func (g *Registrar) Challenge() (challenge string, bits int) {
	return g.Challenges.New(), int(g.Challenges.Bits)
}

// Register takes a filled-in form. It judges the form alone and writes one row;
// what the form says is looked up afterwards (Work), so that neither words nor
// time tell who or what exists. The error is a *registry.FormError, a
// *auth.ThrottledError, auth.ErrProof, or about the store.
func (g *Registrar) Register(ctx context.Context, kind registry.Kind, typed map[string]string, p auth.Proof, c auth.Client) error {
	a := registry.Application{PublicID: g.NewID(), Kind: kind, State: registry.ApplicationReceived, Typed: typed, CreatedAt: g.Now()}
	if kind != registry.EndUser && kind != registry.SupportStaff {
		return fmt.Errorf("register: there is no form for %q", kind)
	}
	if err := checkForm(&a); err != nil {
		return err
	}
	spent, err := g.Challenges.Check(p)
	if err != nil {
		return err
	}
	if c.Address.IsValid() {
		a.Address = c.Address.String()
	}
	if spent.Worked {
		a.Resolve(registry.FactProven, "yes")
	}
	err = g.Store.Receive(ctx, Intake{Application: a, Challenge: spent, Takes: g.takes(&a, c.Address, spent.Worked), Now: g.Now()})
	if errors.Is(err, registry.ErrSpent) {
		return auth.ErrProof
	}
	var slow *auth.ThrottledError
	if errors.As(err, &slow) {
		g.Log.InfoContext(ctx, "registration refused: too many", "prefix", auth.Prefix(c.Address))
	}
	return err
}

// takes are the limits an application has to pass, that of its own address first,
// so that a flood from one place spends nobody else's.
func (g *Registrar) takes(a *registry.Application, from netip.Addr, worked bool) []Take {
	l := g.cfg.Limits
	near, wide := networks(from)
	out := []Take{
		g.take("address", from.Unmap().WithZone("").String(), l.Address),
		g.take("prefix", near, l.Prefix),
		g.take("wide", wide, l.Wide),
		g.take("mail", registry.Key(a.Typed[registry.FieldMail]), l.Mail),
	}
	if number := a.Typed[registry.FieldContract]; number != "" {
		out = append(out, g.take("contract", registry.Key(number), l.Contract))
	}
	if !worked {
		out = append(out, g.take("unproven address", near, l.UnprovenAddress), g.take("unproven", "", l.UnprovenGlobal))
	}
	return append(out, g.take("global", "", l.Global))
}

func (g *Registrar) take(what, value string, r auth.Rate) Take {
	return Take{Bucket: g.Vault.Blind("throttle registration "+what, value), Rate: r}
}

// networks are the two networks an address is counted under: what one customer
// has, and what one provider gives a neighbourhood.
func networks(a netip.Addr) (near, wide string) {
	if !a.IsValid() {
		return "unknown", "unknown"
	}
	a = a.Unmap().WithZone("")
	bits := [2]int{64, 48}
	if a.Is4() {
		bits = [2]int{24, 16}
	}
	return netip.PrefixFrom(a, bits[0]).Masked().String(), netip.PrefixFrom(a, bits[1]).Masked().String()
}

// nameHash is what is kept of a login name for ever.
func (g *Registrar) nameHash(name string) []byte { return LoginNameHash(g.Vault, name) }

// LoginNameHash is what is kept of a login name for ever: it outlives its erased
// holder and tells who reads the database nothing.
func LoginNameHash(v *auth.Vault, name string) []byte {
	return v.Blind("login name", nameKey(name))
}

// The pace of Work.
const (
	workBatch = 50
	workLease = time.Minute
)

// Work decides what was received, and tells how many. One that fails for want of
// a database is tried again; what a rule refuses is refused for good.
func (g *Registrar) Work(ctx context.Context) (n int, err error) {
	for {
		ids, err := g.Store.ClaimApplications(ctx, workBatch, workLease)
		if err != nil || len(ids) == 0 {
			return n, err
		}
		for _, id := range ids {
			if err := g.decide(ctx, id); err != nil {
				g.Log.ErrorContext(ctx, "registration could not be decided", "application", id, "error", err)
				if err := g.Store.Postpone(ctx, id, g.Now().Add(5*time.Minute)); err != nil {
					return n, fmt.Errorf("postpone application: %w", err)
				}
			}
			n++
		}
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
	}
}

// decide decides one application. What a rule refuses leaves no trace but the
// refusal.
func (g *Registrar) decide(ctx context.Context, id string) error {
	err := g.Store.Decide(ctx, id, func(d Desk, a *registry.Application) error {
		if a.State != registry.ApplicationReceived {
			return nil // another process was faster
		}
		return g.admit(ctx, d, a)
	})
	var refused *registry.Error
	if !errors.As(err, &refused) {
		return err
	}
	var name, address string
	err = g.Store.Decide(ctx, id, func(_ Desk, a *registry.Application) error {
		if a.State == registry.ApplicationReceived {
			name, address = a.Typed[registry.FieldLogin], a.Typed[registry.FieldMail]
			a.State, a.Code, a.Typed, a.DecidedAt, a.DecidedBy = registry.ApplicationRefused, refused.Code, nil, g.Now(), "rules"
		}
		return nil
	})
	if err == nil && name != "" && refused.Code == registry.CodeUserNameTaken && g.Remind != nil {
		g.Remind(ctx, name, address)
	}
	return err
}
