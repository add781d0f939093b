package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
)

// ErrNotAFile: the database is PostgreSQL, which has backups of its own.
var ErrNotAFile = errors.New("the database is PostgreSQL; back it up with pg_dump")

// Backup writes a copy of a SQLite database to a file that must not be there
// yet, while others read and write, and checks the copy. It is the database at
// one moment (VACUUM INTO reads in one transaction), whole and without gaps, so
// nobody is held up and no write is seen half. SQLite's backup API would begin
// anew with every write of another process and might never end.
//
// What is in it: everything, the durable queue too, but the list of running
// processes, which would stand in the way of a restored one.
func (s *Store) Backup(ctx context.Context, path string) (err error) {
	if s.Postgres() {
		return ErrNotAFile
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up to %s: %w", path, errors.Join(fs.ErrExist, err))
	}
	partial := path + ".partial"
	f, err := os.OpenFile(partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // whoever runs usher names the file
	if err != nil {
		return fmt.Errorf("begin backup: %w", err)
	}
	defer func() {
		if gone := os.Remove(partial); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	if err := f.Close(); err != nil {
		return fmt.Errorf("begin backup: %w", err)
	}
	if err := s.vacuumInto(ctx, partial); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	if err := checkBackup(ctx, partial); err != nil {
		return fmt.Errorf("check backup: %w", err)
	}
	return settleFile(partial, path)
}

// vacuumInto reads the database on a connection of its own: those of the pool
// that reads may not write anywhere.
func (s *Store) vacuumInto(ctx context.Context, path string) error {
	pool, err := openLite(s.path)
	if err != nil {
		return err
	}
	defer func() { _ = pool.Close() }()
	_, err = pool.ExecContext(ctx, `VACUUM INTO ?`, path)
	return err
}

// openLite opens a SQLite file as it is.
func openLite(path string) (*sql.DB, error) {
	pool, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(10000)")
	if err == nil {
		pool.SetMaxOpenConns(1)
	}
	return pool, err
}

// checkBackup takes the running processes out of a copy and reads the whole of
// it.
func checkBackup(ctx context.Context, path string) (err error) {
	pool, err := openLite(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	if _, err := pool.ExecContext(ctx, `DELETE FROM processes`); err != nil {
		return fmt.Errorf("forget running processes: %w", err)
	}
	return checkFile(ctx, pool)
}

// checkFile has SQLite read every page, index and reference.
func checkFile(ctx context.Context, pool *sql.DB) error {
	rows, err := pool.QueryContext(ctx, `PRAGMA integrity_check(10)`)
	said, err := collect(rows, err, scanString)
	if err != nil {
		return fmt.Errorf("check integrity: %w", err)
	}
	if len(said) != 1 || said[0] != "ok" {
		return fmt.Errorf("the database is damaged: %q", said)
	}
	rows, err = pool.QueryContext(ctx, `SELECT "table" FROM pragma_foreign_key_check LIMIT 10`)
	lost, err := collect(rows, err, scanString)
	if err != nil {
		return fmt.Errorf("check references: %w", err)
	}
	if len(lost) > 0 {
		return fmt.Errorf("rows of %q refer to rows that are not there", lost)
	}
	return nil
}

// settleFile puts what is written and on the disk in its place, where nothing
// may be.
func settleFile(partial, path string) error {
	for _, step := range []func() error{
		func() error { return syncPath(partial) },
		func() error { return os.Link(partial, path) }, // unlike a rename it replaces nothing
		func() error { return syncPath(filepath.Dir(path)) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("finish backup: %w", err)
		}
	}
	return nil
}

func syncPath(path string) error {
	f, err := os.Open(path) //nolint:gosec // as above
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// CheckFile reads the whole of a SQLite database and says what is wrong with it.
// It does nothing on PostgreSQL.
func (s *Store) CheckFile(ctx context.Context) error {
	if s.Postgres() {
		return nil
	}
	return checkFile(ctx, s.read)
}
