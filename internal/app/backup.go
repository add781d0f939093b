package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// BackedUp is a backup that was made.
type BackedUp struct {
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
	// KeyFile is the copy of the server's key, "" where the key is kept elsewhere
	// and has a backup of its own.
	KeyFile string `json:"key_file,omitempty"`
	// Unnoted is why the database does not know of the backup, "" when it does: it
	// may be older than this program, as before an update.
	Unnoted string `json:"unnoted,omitempty"`
}

// Backup copies a SQLite database that may be at work, checked, and with it the
// key that usher keeps beside it: the one is worth nothing without the other.
// Neither file may be there yet. The database remembers that there was a backup, or
// why there is none, as of now.
func Backup(ctx context.Context, cfg *config.Config, file string, now func() time.Time) (out BackedUp, err error) {
	if cfg.Database.Driver != config.SQLite {
		return out, store.ErrNotAFile
	}
	if err := databaseThere(cfg); err != nil {
		return out, err
	}
	s, err := OpenDatabase(ctx, cfg)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	out.File = file
	if !cfg.SecretKey.IsSet() {
		out.KeyFile = file + ".key"
	}
	out.Bytes, err = copyBoth(ctx, s, cfg.Database.Path+".key", out)
	seen := registry.Backup{At: now(), File: file, Bytes: out.Bytes}
	if abs, failed := filepath.Abs(file); failed == nil {
		seen.File = abs
	}
	if err != nil {
		seen.Problem = err.Error()
	}
	if unnoted := s.NoteBackup(ctx, seen); unnoted != nil {
		out.Unnoted = unnoted.Error()
	}
	return out, err
}

// copyBoth copies the key, where that is asked for, and the database, or neither.
// It tells how large the copy of the database is.
func copyBoth(ctx context.Context, s *store.Store, key string, to BackedUp) (size int64, err error) {
	if to.KeyFile != "" {
		if err := copyKey(key, to.KeyFile); err != nil {
			return 0, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, os.Remove(to.KeyFile))
			}
		}()
	}
	if err := s.Backup(ctx, to.File); err != nil {
		return 0, err
	}
	info, err := os.Stat(to.File)
	if err != nil {
		return 0, fmt.Errorf("look at the backup: %w", err)
	}
	return info.Size(), nil
}

// copyKey copies the key to a file that only its owner reads.
func copyKey(from, to string) error {
	key, err := os.ReadFile(from) //nolint:gosec // beside the database the operator named
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the database has no key beside it: %w; is secret_key_file missing in the configuration?", err)
	}
	if err != nil {
		return fmt.Errorf("read secret key: %w", err)
	}
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // whoever runs usher names the file
	if err != nil {
		return fmt.Errorf("back up the key: %w", err)
	}
	_, err = f.Write(key)
	return errors.Join(err, f.Sync(), f.Close())
}

// CopiedTable is a table that was copied.
type CopiedTable = store.CopiedTable

// CopyTarget reads the address of the database to copy to. A password does not
// belong there: other users of the machine see the words of a command.
func CopyTarget(address string) (config.Database, error) {
	var d config.Database
	if err := d.UnmarshalText([]byte(address)); err != nil {
		return d, mistake("--to: %s; write postgres://user@host/name or sqlite:PATH", err)
	}
	if u, err := url.Parse(address); err == nil && d.Driver == config.Postgres {
		if _, has := u.User.Password(); has || strings.Contains(u.RawQuery, "password") {
			return d, mistake("--to: others on this machine can see a password there; put it into PGPASSWORD or ~/.pgpass")
		}
	}
	return d, nil
}

// Copy copies the registry to another database, which is brought up to date and
// must hold nothing. No process may work on the database meanwhile.
func Copy(ctx context.Context, cfg *config.Config, to config.Database, log *slog.Logger, progress func(table string, rows int64)) (out []CopiedTable, err error) {
	if err := databaseThere(cfg); err != nil {
		return nil, err
	}
	from, err := OpenDatabase(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	other := *cfg
	other.Database = to
	target, err := OpenDatabase(ctx, &other)
	if err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	if err := target.CheckEmpty(ctx); err != nil { // before anything is made in it
		return nil, err
	}
	if err := Migrate(ctx, target, log); err != nil {
		return nil, fmt.Errorf("target: %w", err)
	}
	return from.CopyTo(ctx, target, progress)
}
