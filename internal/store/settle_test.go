package store_test

import (
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestSettle: the database follows the configuration file.
func TestSettle(t *testing.T) {
	acme, beta := registry.Company{Key: "acme", Name: "Acme"}, registry.Company{Key: "beta", Name: "Beta"}
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		due := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
		source := func(key, was, schedule string) store.SettledSource {
			return store.SettledSource{Key: key, Was: was, CompanyKey: "acme", Kind: registry.OriginLDAP, Schedule: schedule}
		}
		settle := func(sources ...store.SettledSource) error {
			return s.Settle(ctx, store.Settled{Companies: []registry.Company{acme, beta}, Sources: sources, Next: func(string) (time.Time, error) { return due, nil }})
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		find := func(key string) registry.Source {
			t.Helper()
			src, err := s.SourceByKey(ctx, key)
			must(err)
			return src
		}
		must(settle(source("corp", "", "@daily"), source("shop", "", "")))
		corp, shop := find("corp"), find("shop")
		want(t, "due", corp.NextDue, due)
		_, err := s.For(corp.Company).TakeDue(ctx, corp.ID, due, due.Add(time.Hour))
		must(err)

		must(settle(source("corp", "", "@daily"), source("shop", "", "")))
		want(t, "the same file moves no time", find("corp").NextDue, due.Add(time.Hour))
		must(settle(source("corp", "", "@weekly"), source("shop", "", "")))
		want(t, "another schedule does", find("corp").NextDue, due)

		// Renamed, and the old name given to a new source in the same file.
		renamed := []store.SettledSource{source("corp", "", "@daily"), source("head", "corp", "@daily"), source("shop", "", "")}
		for range 2 {
			must(settle(renamed...))
			want(t, "renamed", []any{find("head").ID, find("head").Origin.ID, find("head").Origin.Key}, []any{corp.ID, corp.Origin.ID, "head"})
			want(t, "new under the old name", find("corp").ID != corp.ID, true)
		}

		must(settle(source("head", "corp", "@daily")))
		retired := find("shop")
		want(t, "retired", []bool{retired.RetiredAt.IsZero(), retired.NextDue.IsZero(), find("head").RetiredAt.IsZero()}, []bool{false, true, true})
		must(settle())
		want(t, "all retired", find("head").RetiredAt.IsZero(), false)
		list, err := s.DueSources(ctx, due.Add(24*time.Hour))
		must(err)
		want(t, "due", len(list), 0)
		must(settle(source("shop", "", "@daily"), source("head", "", "@daily")))
		want(t, "put back", []any{find("shop").ID, find("shop").Origin.ID, find("shop").RetiredAt.IsZero(), find("shop").NextDue}, []any{shop.ID, shop.Origin.ID, true, due})

		moved := source("shop", "", "")
		moved.CompanyKey = "beta"
		other := source("shop", "", "")
		other.Kind = registry.OriginEntra
		for what, src := range map[string]store.SettledSource{"another company": moved, "another kind": other} {
			if err := settle(src); err == nil {
				t.Errorf("%s was taken", what)
			}
		}
		want(t, "a refused file changes nothing", find("head").RetiredAt.IsZero(), true)

		acme.Name, acme.Locale = "Acme & Co", "ru"
		must(settle())
		got, err := s.CompanyByKey(ctx, "acme")
		must(err)
		want(t, "company", got, registry.Company{ID: corp.Company, Key: "acme", Name: "Acme & Co", Locale: "ru"})
	})
}
