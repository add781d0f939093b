package store_test

import (
	"path/filepath"
	"testing"

	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/postgres"
)

// onBoth runs a test on a migrated SQLite file and on a migrated PostgreSQL
// database.
func onBoth(t *testing.T, fn func(t *testing.T, s *store.Store)) {
	t.Helper()
	for name, address := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "usher.db") },
		"postgres": func(t *testing.T) string { return postgres.New(t) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := store.Open(t.Context(), address(t), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			fn(t, s)
		})
	}
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
