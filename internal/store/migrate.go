package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/pressly/goose/v3"
	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/usherd/usher/ent/migrations"
)

// ErrLive: other processes are at work on this database, which would not
// understand it after a migration.
var ErrLive = errors.New("other usher processes are running on this database; stop them before migrating")

// ErrNewer: a later usher migrated this database; this one would not understand
// it.
var ErrNewer = errors.New("the database was migrated by a newer version of usher")

// Extra brings the tables of another library up to date, under the same lock.
type Extra func(ctx context.Context, db *sql.DB) error

// MigrationStatus says which migrations a database has.
type MigrationStatus struct {
	Name    string
	Applied bool
}

// Migrate brings the database up to date. Processes that start together wait
// for each other; a live process on an older schema stands in the way.
func (s *Store) Migrate(ctx context.Context, extra ...Extra) error {
	unlock, err := s.lockMigration(ctx)
	if err != nil {
		return fmt.Errorf("lock database for migration: %w", err)
	}
	defer unlock()
	p, err := s.provider()
	if err != nil {
		return err
	}
	defer func() { _ = p.Close() }()
	if err := checkNewer(ctx, p); err != nil {
		return err
	}
	pending, err := p.HasPending(ctx)
	if err != nil {
		return fmt.Errorf("look for migrations: %w", err)
	}
	if pending {
		if live, err := s.liveBeforeMigration(ctx, p); err != nil || live {
			return errors.Join(err, ErrLive)
		}
		if _, err := p.Up(crossing(ctx)); err != nil { // a table made anew holds all companies
			return fmt.Errorf("migrate: %w", err)
		}
	}
	for _, fn := range extra {
		if err := fn(ctx, s.write); err != nil {
			return err
		}
	}
	return nil
}

// checkNewer refuses a database that a later program migrated.
func checkNewer(ctx context.Context, p *goose.Provider) error {
	version, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read schema version: %w", err)
	}
	if known := p.ListSources(); version > known[len(known)-1].Version {
		return fmt.Errorf("%w (its schema is %d)", ErrNewer, version)
	}
	return nil
}

// MigrationStatus lists the migrations this program knows, the oldest first.
func (s *Store) MigrationStatus(ctx context.Context) ([]MigrationStatus, error) {
	p, err := s.provider()
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.Close() }()
	list, err := p.Status(ctx)
	if err != nil {
		return nil, fmt.Errorf("read migration status: %w", err)
	}
	out := make([]MigrationStatus, len(list))
	for i, m := range list {
		out[i] = MigrationStatus{Name: m.Source.Path, Applied: m.State == goose.StateApplied}
	}
	return out, nil
}

// provider opens the migrations; closing it closes its database.
func (s *Store) provider() (*goose.Provider, error) {
	folder, d := "sqlite", goose.DialectSQLite3
	if s.Postgres() {
		folder, d = "postgres", goose.DialectPostgres
	}
	files, err := fs.Sub(migrations.FS, folder)
	if err != nil {
		return nil, fmt.Errorf("open migrations: %w", err)
	}
	pool, err := s.migrations()
	if err != nil {
		return nil, fmt.Errorf("open database for migration: %w", err)
	}
	p, err := goose.NewProvider(d, pool, files, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open migrations: %w", err), pool.Close())
	}
	return p, nil
}

// liveBeforeMigration looks for running processes, unless the database is new.
func (s *Store) liveBeforeMigration(ctx context.Context, p *goose.Provider) (bool, error) {
	version, err := p.GetDBVersion(ctx)
	if err != nil || version == 0 {
		return false, err
	}
	live, err := s.LiveProcesses(ctx)
	return len(live) > 0, err
}

// The keys of PostgreSQL's advisory locks: "usher" in ASCII, and what follows.
const (
	migrationLock = 0x7573686572
	announceLock  = migrationLock + 1
)

// lockMigration makes processes that start at once migrate one after another.
func (s *Store) lockMigration(ctx context.Context) (func(), error) {
	if !s.Postgres() {
		return lockedfile.MutexAt(s.path + ".migrate").Lock()
	}
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, migrationLock); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return func() {
		// Closing would only give the connection back to the pool, lock and all.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, migrationLock)
		_ = conn.Close()
	}, nil
}

// SchemaDrift returns the SQL that would be needed to make the database what
// the Ent schema says, "" when they agree. The tests hold the migrations to it.
func (s *Store) SchemaDrift(ctx context.Context) (string, error) {
	var b strings.Builder
	if err := s.entWrite().Schema.WriteTo(ctx, &b, driftOptions...); err != nil {
		return "", fmt.Errorf("compare schema: %w", err)
	}
	return strings.TrimSpace(b.String()), nil
}
