package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// backupsKept is how long it is remembered that there was a backup.
const backupsKept = 400 * 24 * time.Hour

// NoteBackup remembers a backup that was made or tried.
func (s *Store) NoteBackup(ctx context.Context, b registry.Backup) error {
	err := s.inTx(ctx, func(x *session) error {
		if _, err := x.exec(ctx, `DELETE FROM backups WHERE at < ?`, micros(b.At.Add(-backupsKept))); err != nil {
			return err
		}
		_, err := x.exec(ctx, `INSERT INTO backups (at, file, bytes, problem) VALUES (?, ?, ?, ?)`, micros(b.At), asText(b.File), b.Bytes, asText(b.Problem))
		return err
	})
	if err != nil {
		return fmt.Errorf("note backup: %w", err)
	}
	return nil
}

// backups finds the last backup that was tried and the last one that is whole,
// zero where there is none.
func (s *Store) backups(ctx context.Context) (last, good registry.Backup, err error) {
	if last, err = s.backup(ctx, ""); err == nil {
		good, err = s.backup(ctx, `WHERE problem = ''`)
	}
	return last, good, err
}

func (s *Store) backup(ctx context.Context, where string) (registry.Backup, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT at, file, bytes, problem FROM backups `+where+` ORDER BY at DESC, id DESC LIMIT 1`)
	b, err := one(rows, err, func(rows *sql.Rows) (b registry.Backup, err error) {
		var at int64
		err = rows.Scan(&at, &b.File, &b.Bytes, &b.Problem)
		b.At = fromMicros(at)
		return b, err
	})
	if errors.Is(err, registry.ErrNotFound) {
		err = nil
	}
	return b, err
}
