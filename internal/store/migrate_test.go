package store_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// TestMigrateAtOnce: processes that start together on an empty database all
// come up.
func TestMigrateAtOnce(t *testing.T) {
	onBothEmpty(t, func(t *testing.T, open func() *store.Store) {
		processes := []*store.Store{open(), open(), open(), open()}
		if err := atOnce(len(processes), func(i int) error { return processes[i].Migrate(t.Context()) }); err != nil {
			t.Fatal(err)
		}
		status, err := processes[0].MigrationStatus(t.Context())
		if err != nil || len(status) == 0 || slices.ContainsFunc(status, func(m store.MigrationStatus) bool { return !m.Applied }) {
			t.Errorf("status %v, %v", status, err)
		}
		newWorld(t, processes[3])
	})
}

// TestMigrateUnderALiveProcess: a pending migration waits until nobody is at
// work on the older schema; one that is not pending stands in nobody's way.
func TestMigrateUnderALiveProcess(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w, ctx := newWorld(t, s), t.Context()
		if err := s.Announce(ctx, store.Process{Name: "live", ConfigHash: "a"}); err != nil {
			t.Fatal(err)
		}
		if err := s.Migrate(ctx); err != nil {
			t.Errorf("nothing pending: %v", err)
		}
		// As if an older program had made the database: its last migration is
		// neither applied nor recorded.
		version := w.number(`SELECT max(version_id) FROM goose_db_version`)
		w.sql(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (1, true)`)
		w.sql(`DELETE FROM goose_db_version WHERE version_id = %d`, version)
		if err := s.Migrate(ctx); !errors.Is(err, store.ErrLive) {
			t.Errorf("under a live process: %v", err)
		}
		w.sql(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true)`, version)
		w.sql(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (%d, true)`, version+1)
		if err := s.Migrate(ctx); !errors.Is(err, store.ErrNewer) {
			t.Errorf("a database from the future: %v", err)
		}
	})
}

// TestProcesses: all who run have one configuration, also when they start at
// the same moment; who is silent for long is dead, and is told so.
func TestProcesses(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w, ctx := newWorld(t, s), t.Context()
		for range 5 {
			refused := make([]bool, 4)
			err := atOnce(len(refused), func(i int) error {
				err := s.Announce(ctx, store.Process{Name: string(rune('a' + i)), ConfigHash: string(rune('a' + i))})
				refused[i] = errors.Is(err, store.ErrOtherConfig)
				if refused[i] {
					err = nil
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			want(t, "announced", w.number(`SELECT count(*) FROM processes`), 1)
			w.sql(`DELETE FROM processes`)
		}
		for _, p := range []store.Process{{Name: "a", ConfigHash: "1"}, {Name: "b", ConfigHash: "1"}, {Name: "a", ConfigHash: "1"}} {
			if err := s.Announce(ctx, p); err != nil {
				t.Errorf("announce %v: %v", p, err)
			}
		}
		live, err := s.LiveProcesses(ctx)
		if err != nil || len(live) != 2 {
			t.Errorf("live: %v, %v", live, err)
		}
		if err := s.Alive(ctx, "a"); err != nil {
			t.Error(err)
		}
		if err := s.Leave(ctx, "b"); err != nil {
			t.Error(err)
		}
		w.sql(`UPDATE processes SET alive_until = 1`)
		if err := s.Announce(ctx, store.Process{Name: "c", ConfigHash: "2"}); err != nil {
			t.Errorf("beside the dead: %v", err)
		}
		if err := s.Alive(ctx, "a"); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("back from the dead: %v", err)
		}
	})
}

// TestMigrateKeepsWhatThereIs: a migration may make a table anew, and nothing
// that hangs on its rows is lost with the old one.
func TestMigrateKeepsWhatThereIs(t *testing.T) {
	onBothEmpty(t, func(t *testing.T, open func() *store.Store) {
		s, ctx := open(), store.Crossing(t.Context())
		if err := s.MigrateTo(ctx, 20261121203004); err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			`INSERT INTO companies (key, name, created_at) VALUES ('acme', 'Acme', 1)`,
			`INSERT INTO users (company_id, public_id, owner_id, created_at, updated_at, kind, association, user_name, user_name_key, enabled, credential)
				VALUES (1, 'u', 1, 1, 1, 'end_user', 'strong', 'ann', 'ann', true, 'none')`,
			`INSERT INTO emails (company_id, user_id, address, address_key, position) VALUES (1, 1, 'ann@x.org', 'ann@x.org', 0)`,
			`INSERT INTO groups (company_id, public_id, owner_id, created_at, updated_at, display_name, name_key) VALUES (1, 'g', 1, 1, 1, 'all', 'all')`,
			`INSERT INTO memberships (company_id, group_id, user_id, origin_id, created_at) VALUES (1, 1, 1, 1, 1)`,
		} {
			if _, err := s.WriteDB().ExecContext(ctx, statement); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Migrate(ctx); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"companies", "users", "emails", "groups", "memberships"} {
			var n int
			if err := s.WriteDB().QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n); err != nil || n != 1 {
				t.Errorf("%s: %d rows, %v; want 1", table, n, err)
			}
		}
	})
}
