package app

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/web"
	"github.com/usherd/usher/internal/web/register"
)

// The proof of work in front of registration: two tenths of a second of a
// desktop's time, two seconds of an old phone's, while the form is filled in.
const (
	challengeBits = 17
	challengeLife = 2 * time.Hour
)

// newRegistrar builds the door through which people register themselves. remind
// is told of a name that is taken; a command has none.
func (c *Core) newRegistrar(remind func(ctx context.Context, name, address string)) (*onboard.Registrar, error) {
	vault, err := c.vault()
	if err != nil {
		return nil, err
	}
	return onboard.NewRegistrar(onboard.RegistrarDeps{
		Store: c.Store.Registrations(c.Registry), Vault: vault, Minter: c.minter, Now: c.Now, NewID: newID,
		Challenges: &auth.Challenges{Vault: vault, Now: c.Now, Bits: challengeBits, Life: challengeLife},
		Random:     func() string { return rand.Text()[:6] }, MessageDomain: messageDomain(c.Config), Remind: remind, Log: c.Log,
	}, onboard.RegistrarConfig{SetupLife: setupLife}), nil
}

func (c *Core) vault() (*auth.Vault, error) {
	return auth.NewVault([]byte(c.Config.SecretKey.Reveal()))
}

// mountRegistration serves the pages of registration.
func (s *Server) mountRegistration(mux *http.ServeMux, shell *web.Shell, service *onboard.Service) (err error) {
	s.registrar, err = s.newRegistrar(func(ctx context.Context, name, address string) {
		if c, err := s.companyOfLogin(ctx, name); err == nil {
			service.Remind(ctx, c.ID, name, address)
		}
	})
	if err != nil {
		return err
	}
	open := s.Config.Registration
	(&register.Handlers{Shell: shell, Registration: s.registrar, Users: open.Users, Staff: open.Staff}).Mount(mux)
	return nil
}

// companyOfLogin finds the company of whoever chose a login name, no company for a
// name that nobody chose.
func (s *Server) companyOfLogin(ctx context.Context, name string) (registry.Company, error) {
	vault, err := s.vault()
	if err != nil {
		return registry.Company{}, err
	}
	id, err := s.Store.CompanyOfLogin(ctx, onboard.LoginNameHash(vault, name))
	if errors.Is(err, registry.ErrNotFound) {
		return registry.Company{}, nil
	}
	return registry.Company{ID: id}, err
}

// workRegistrations decides what was received.
func (s *Server) workRegistrations(ctx context.Context) error {
	_, err := s.registrar.Work(ctx)
	return err
}

// sweepRegistrations removes what has had its time.
func (s *Server) sweepRegistrations(ctx context.Context) error {
	return s.Store.SweepRegistrations(ctx, s.Now(), store.OldApplications(s.Now()))
}

// Applicants lists those who registered with a company; of company 0 those who
// would found one.
func (c *Core) Applicants(ctx context.Context, company registry.CompanyID, state registry.ApplicationState, limit int) ([]registry.Application, error) {
	return c.Store.For(company).Applications(ctx, state, limit)
}

// ActivateApplicant lets an applicant in, whose link is mailed now.
func (c *Core) ActivateApplicant(ctx context.Context, company registry.CompanyID, id string, by onboard.Decider) error {
	g, err := c.newRegistrar(nil)
	if err != nil {
		return err
	}
	return noApplicant(g.Activate(ctx, company, id, by), id)
}

// RefuseApplicant keeps an applicant out.
func (c *Core) RefuseApplicant(ctx context.Context, company registry.CompanyID, id, note string, by onboard.Decider) error {
	g, err := c.newRegistrar(nil)
	if err != nil {
		return err
	}
	return noApplicant(g.Refuse(ctx, company, id, note, by), id)
}

func noApplicant(err error, id string) error {
	if errors.Is(err, registry.ErrNotFound) {
		return mistake("nobody with the id %q waits here", id)
	}
	return err
}

// DecideByCommand is who decides at the command line.
func DecideByCommand(actor string) onboard.Decider { return onboard.Decider{Actor: actor} }
