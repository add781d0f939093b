// Package migrated gives tests databases that have their tables already: the
// first of a test binary is migrated, all others are copies of it. Migrating each
// took a third of the time of the store's tests.
//
// It owns the copies. The migrations are internal/store's, whose own tests of them
// begin with empty databases.
package migrated

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/need"
	"github.com/usherd/usher/internal/testkit/postgres"
)

// migrate makes the tables.
func migrate(address string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, address, store.Options{Synchronous: "OFF"})
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	return errors.Join(s.Migrate(ctx), s.Close())
}

// file is a migrated SQLite file. It is a package variable because the tests of a
// binary have nothing else in common.
var file = sync.OnceValues(func() (content []byte, err error) {
	dir, err := os.MkdirTemp("", "usher-migrated-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	name := filepath.Join(dir, "usher.db")
	if err := migrate("sqlite:" + name); err != nil {
		return nil, err
	}
	return os.ReadFile(name) //nolint:gosec // the file just made; closing it has written all of it
})

// SQLite gives the address of a migrated file, which is gone after the test.
func SQLite(tb need.TB) string {
	tb.Helper()
	content, err := file()
	name := filepath.Join(tb.TempDir(), "usher.db")
	if err == nil {
		err = os.WriteFile(name, content, 0o600)
	}
	if err != nil {
		tb.Fatalf("make a migrated file: %v", err)
	}
	return "sqlite:" + name
}

// Postgres gives the URL of a migrated database that is dropped after the test. It
// skips and fails as postgres.New does.
func Postgres(tb need.TB) string {
	tb.Helper()
	return postgres.Filled(tb, migrate)
}
