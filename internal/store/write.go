package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"

	"github.com/usherd/usher/internal/registry"
)

// LeaseTime is how long a lease lasts without a sign of life, by the database's
// clock. Every apply transaction is such a sign.
const LeaseTime = 15 * time.Second

// attempts is how often a transaction is tried when the database says that it
// lost against another one.
const attempts = 5

// Write implements registry.Store.
func (s *Store) Write(ctx context.Context, company registry.CompanyID, fence *registry.Fence, fn func(registry.Tx) error) error {
	var fresh int
	err := s.inTx(ctx, func(x *session) error {
		if fence != nil {
			if err := x.checkFence(ctx, company, *fence); err != nil {
				return err
			}
		}
		t := &tenantTx{session: x, company: company}
		err := fn(t)
		fresh = t.fresh
		return err
	})
	if err == nil && s.Postgres() && s.grown.add(company, fresh) {
		_ = s.takeStatistics(ctx) // committed is committed
	}
	return err
}

// errDiscard ends a transaction whose writes are not wanted.
var errDiscard = errors.New("discard")

// Read implements registry.Store.
func (s *Store) Read(ctx context.Context, company registry.CompanyID, fn func(registry.Tx) error) error {
	err := s.inTx(ctx, func(x *session) error {
		if err := fn(&tenantTx{session: x, company: company}); err != nil {
			return err
		}
		return errDiscard
	})
	if errors.Is(err, errDiscard) {
		return nil
	}
	return err
}

// ErrLocked: another process held the SQLite file for the whole of
// Options.BusyTimeout. Nothing was written.
var ErrLocked = errors.New("the database is locked by another process")

// inTx runs fn in a write transaction, again when the database asks for it.
func (s *Store) inTx(ctx context.Context, fn func(*session) error) error {
	var err error
	for range attempts {
		if s.Postgres() {
			err = s.tryTx(ctx, fn)
		} else {
			err = s.tryShared(ctx, fn)
			s.checkpoints.committed()
		}
		if isBusy(err) {
			return fmt.Errorf("%w: %w", ErrLocked, err) // the driver has waited already
		}
		again := retryable(err) || s.Postgres() && errors.Is(err, errBegin)
		if !again || ctx.Err() != nil {
			return err
		}
	}
	return fmt.Errorf("database busy, tried %d times: %w", attempts, err)
}

// errBegin: nothing has happened yet. After PostgreSQL was restarted the pool is
// full of dead connections, of which each attempt finds one.
var errBegin = errors.New("begin transaction")

func (s *Store) tryTx(ctx context.Context, fn func(*session) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", errBegin, err)
	}
	defer func() { _ = tx.Rollback() }() // after a panic; else there is nothing left to undo
	if err := fn(&session{s: s, tx: tx}); err != nil {
		if ctx.Err() != nil && !errors.Is(err, ctx.Err()) {
			err = errors.Join(ctx.Err(), err) // the transaction ended under fn
		}
		if rb := tx.Rollback(); rb != nil && !errors.Is(rb, sql.ErrTxDone) {
			return errors.Join(err, fmt.Errorf("roll back: %w", rb))
		}
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// retryable reports whether a transaction failed only because another one was
// there first: a deadlock, a serialisation failure, a unique row that appeared
// since it was looked for. SQLite, with its one writer, knows none of these.
func retryable(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	return pg.Code == "40001" || pg.Code == "40P01" || pg.Code == "23505"
}

// isBusy reports SQLITE_BUSY or SQLITE_LOCKED.
func isBusy(err error) bool {
	var lite *sqlite.Error
	if !errors.As(err, &lite) {
		return false
	}
	code := lite.Code() & 0xff
	return code == 5 || code == 6
}

// checkFence makes sure the lease is still the caller's, prolongs it, and on
// PostgreSQL holds the row so that nobody takes it over before the commit.
func (x *session) checkFence(ctx context.Context, company registry.CompanyID, f registry.Fence) error {
	n, err := x.affected(ctx, `UPDATE sources SET lease_until = `+x.s.clock()+` + ? WHERE company_id = ? AND id = ? AND fence = ?`,
		LeaseTime.Microseconds(), company, f.Source, f.Number)
	if err != nil {
		return fmt.Errorf("check lease: %w", err)
	}
	if n == 0 {
		return registry.ErrFenced
	}
	return nil
}

// tenantTx is registry.Tx.
type tenantTx struct {
	*session
	company registry.CompanyID
	fresh   int // how many people and links were made
}

// in is the condition that a list restricts, with its arguments after the
// company's, for columns that are indexed together with the company.
func (t *tenantTx) in(column string) string {
	return "company_id = ? AND " + t.s.anyOf(column)
}

// forUpdate holds the rows read against other writers; SQLite has one writer.
func (t *tenantTx) forUpdate() string {
	if t.s.Postgres() {
		return " FOR UPDATE"
	}
	return ""
}

// columns quotes a list of columns.
func columns(cols []string) string { return `"` + strings.Join(cols, `","`) + `"` }
