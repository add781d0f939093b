package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// registerClimbed are the methods that TestRegisterFence tries.
var registerClimbed = []string{
	"AddDomain", "Applications", "CheckedDomain", "Contracts", "CreateContract", "CreateDepartment", "Departments", "Domains",
	"EndContract", "Info", "SupportDefault", "Vouch",
}

// TestRegisterFence: contracts, departments, domains and applicants of company A,
// asked for through B, are not there.
func TestRegisterFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		must(t, c.a.CreateContract(t.Context(), "A-1", "", "a"))
		must(t, c.a.CreateDepartment(t.Context(), "Field", "a"))
		first, err := c.a.AddDomain(t.Context(), "a.example.com", "secret", "a")
		must(t, err)
		must(t, c.a.CheckedDomain(t.Context(), "a.example.com", true, "a"))
		c.putAs(c.door(registry.OriginAdmin, "admin"), registry.CreateGroup{DisplayName: "S", Role: registry.RoleSupport})
		c.sql(`UPDATE "groups" SET is_default = true WHERE role = 'support'`)
		c.sql(`INSERT INTO applications (public_id, kind, state, code, for_company, user_id, address, attempts, next_try, claimed_until, created_at, decided_at, decided_by, note)
			VALUES ('x', 'end_user', 'awaiting', '', %d, 0, '', 0, 0, 0, 1, 0, '', '')`, c.src.Company)
		was := c.number(`SELECT count(*) FROM contracts WHERE ended_at = 0`)

		ctx := store.OnlyCompany(t.Context(), int64(c.beta.Company))
		contracts, err := c.b.Contracts(ctx)
		must(t, err)
		departments, err := c.b.Departments(ctx)
		must(t, err)
		domains, err := c.b.Domains(ctx)
		must(t, err)
		applicants, err := c.b.Applications(ctx, "", 10)
		must(t, err)
		if n := len(contracts) + len(departments) + len(domains) + len(applicants); n != 0 {
			t.Errorf("B sees %d records of A", n)
		}
		if g, err := c.b.SupportDefault(ctx); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("A's default group: %+v, %v", g, err)
		}
		if err := c.b.EndContract(ctx, "A-1", "b"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("ended A's contract: %v", err)
		}
		if err := c.b.CreateContract(ctx, "a-1", "", "b"); registry.CodeOf(err) != registry.CodeValueTaken {
			t.Errorf("took A's contract: %v", err)
		}
		must(t, c.b.CreateDepartment(ctx, "Field", "b"))
		own, err := c.b.AddDomain(ctx, "a.example.com", "other", "b")
		must(t, err)
		if own.Challenge == first.Challenge || !own.VerifiedAt.IsZero() {
			t.Errorf("B has A's domain: %+v", own)
		}
		if err := c.b.CheckedDomain(ctx, "a.example.com", true, "b"); registry.CodeOf(err) != registry.CodeValueTaken {
			t.Errorf("proved A's domain: %v", err)
		}
		info, err := c.b.Info(ctx)
		must(t, err)
		want(t, "B's own", info.ID, c.beta.Company)
		_, err = c.b.Vouch(ctx, "b")
		must(t, err)
		want(t, "vouched for A", c.number(`SELECT count(*) FROM companies WHERE id = %d AND verified_by <> 'dns a.example.com'`, c.src.Company), 0)
		want(t, "A's live contracts", c.number(`SELECT count(*) FROM contracts WHERE ended_at = 0`), was)
		want(t, "A's departments", c.number(`SELECT count(*) FROM departments WHERE company_id = %d`, c.src.Company), 1)
		g := newDesk(t, s, wide()).g
		if err := g.Activate(context.WithoutCancel(ctx), c.beta.Company, "x", onboard.Decider{Actor: "b"}); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("B activates A's applicant: %v", err)
		}
	})
}
