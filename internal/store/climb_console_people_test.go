package store_test

import (
	"errors"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// consolePeopleClimbed are the methods that TestConsolePeopleFence tries.
var consolePeopleClimbed = []string{"Application", "CountPeople", "PersonGroups", "Team", "Whereabouts"}

// TestConsolePeopleFence: what the console shows of a person, of those with rights
// and of applicants of company A is there for A, and through B it is not.
func TestConsolePeopleFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		c.sql(`INSERT INTO departments (company_id, name, name_key, created_at) VALUES (%d, 'Field', 'field', 1)`, c.src.Company)
		c.sql(`INSERT INTO contracts (company_id, number, number_key, title, created_at, ended_at) VALUES (%d, 'A-1', 'a-1', '', 1, 0)`, c.src.Company)
		c.sql(`UPDATE users SET company_admin = true, department_id = (SELECT max(id) FROM departments), contract_id = (SELECT max(id) FROM contracts), manager_id = id WHERE id = %d`, c.user)
		c.sql(`INSERT INTO applications (public_id, kind, state, code, for_company, user_id, address, attempts, next_try, claimed_until, created_at, decided_at, decided_by, note)
			VALUES ('x', 'end_user', 'awaiting', '', %d, 0, '', 0, 0, 0, 1, 0, '', '')`, c.src.Company)
		ann := c.person(c.user)

		for _, x := range []struct {
			who   string
			t     *store.Tenant
			of    registry.CompanyID
			there bool
		}{{"A", c.a, c.src.Company, true}, {"B", c.b, c.beta.Company, false}} {
			ctx := store.OnlyCompany(t.Context(), int64(x.of))
			groups, err := x.t.PersonGroups(ctx, c.user)
			must(t, err)
			want(t, x.who+" sees groups", len(groups) == 1 && groups[0].Name == "G" && len(groups[0].Origins) == 1, x.there)
			where, err := x.t.Whereabouts(ctx, ann)
			must(t, err)
			want(t, x.who+" sees whereabouts", where == registry.Whereabouts{Department: "Field", Contract: "A-1", Manager: ann.DisplayName(), ManagerID: ann.PublicID}, x.there)
			want(t, x.who+" sees anything of them", where != registry.Whereabouts{}, x.there)
			team, err := x.t.Team(ctx)
			must(t, err)
			want(t, x.who+" sees the team", len(team) == 1 && team[0].ID == c.user, x.there)
			counts, err := x.t.CountPeople(ctx)
			must(t, err)
			want(t, x.who+" counts people", len(counts) > 0, x.there)
			a, err := x.t.Application(ctx, "x")
			want(t, x.who+" sees the applicant", err == nil && a.PublicID == "x", x.there)
			if !x.there && !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("A's applicant through B: %v", err)
			}
		}
		company, err := s.CompanyOfApplication(t.Context(), "x")
		must(t, err)
		want(t, "whose applicant", company, c.src.Company)
		if _, err := s.CompanyOfApplication(t.Context(), "y"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("nobody's application: %v", err)
		}
	})
}
