package store_test

import (
	"path/filepath"
	"testing"

	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/migrated"
	"github.com/usherd/usher/internal/testkit/postgres"
)

// databases are the kinds there are: an address of an empty one and of one with
// its tables, and the driver that guards the tenant fence.
var databases = []struct {
	name, driver      string
	address, migrated func(t testing.TB) string
}{
	{"sqlite", "sqlite", func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "usher.db") }, func(t testing.TB) string { return migrated.SQLite(t) }},
	{"postgres", "pgx", func(t testing.TB) string { return postgres.New(t) }, func(t testing.TB) string { return migrated.Postgres(t) }},
}

// onBoth runs a test on a migrated SQLite file and on a migrated PostgreSQL
// database, both behind the tenant fence. Neither would survive a power cut.
func onBoth(t *testing.T, fn func(t *testing.T, s *store.Store)) {
	t.Helper()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			fn(t, openStore(t, d.migrated(t), store.Options{Driver: store.FencedDriver(d.driver), Synchronous: "OFF"}))
		})
	}
}

// onBothEmpty runs a test on both before the migration; each open is another
// process.
func onBothEmpty(t *testing.T, fn func(t *testing.T, open func() *store.Store)) {
	t.Helper()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			address := d.address(t)
			fn(t, func() *store.Store {
				t.Helper()
				return openStore(t, address, store.Options{Driver: store.FencedDriver(d.driver)})
			})
		})
	}
}

func openStore(t testing.TB, address string, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestMigrationsLeadToTheSchema(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		drift, err := s.SchemaDrift(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if drift != "" {
			t.Errorf("the migrations do not lead to ent/schema; run make migrate-diff. What is missing:\n%s", drift)
		}
	})
}
