package store_test

import (
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// companyClimbed are the methods of Tenant that TestChangeCompany tries.
var companyClimbed = []string{"ChangeCompany"}

// TestChangeCompany: a company's name and language are its own, and what was changed
// stands in its audit.
func TestChangeCompany(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		was, err := c.a.Info(ctx)
		must(t, err)
		must(t, c.b.ChangeCompany(store.OnlyCompany(ctx, int64(c.beta.Company)), "Beta & Co", "ru", registry.Deed{Actor: "bob", Action: "company.change"}))
		b, err := c.b.Info(ctx)
		must(t, err)
		want(t, "B", []string{b.Name, b.Locale}, []string{"Beta & Co", "ru"})
		now, err := c.a.Info(ctx)
		must(t, err)
		want(t, "A", now, was)
		for _, x := range []struct {
			of *store.Tenant
			n  int
		}{{c.a, 0}, {c.b, 1}} {
			deeds, err := x.of.Deeds(ctx, registry.DeedQuery{Action: "company.change", Limit: 10})
			if err != nil || len(deeds) != x.n {
				t.Errorf("written down: %+v, %v", deeds, err)
			}
		}
	})
}
