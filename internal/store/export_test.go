package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/usherd/usher/ent/db/migrate"
)

// Crossing marks a context of a test that looks at tables from outside the
// tenant fence.
func Crossing(ctx context.Context) context.Context { return crossing(ctx) }

// OnlyCompany has the fenced drivers refuse statements that bind another
// company than this one.
func OnlyCompany(ctx context.Context, id int64) context.Context {
	return context.WithValue(ctx, onlyKey{}, id)
}

// WorthCopying and LongestLog are lengths of SQLite's log, in pages.
const (
	WorthCopying = worthCopying
	LongestLog   = longestLog
)

// BePatient lets parts share a transaction however long they take.
func (s *Store) BePatient() { s.line.patience = time.Hour }

// MigrateTo brings an empty database to where an older program left it.
func (s *Store) MigrateTo(ctx context.Context, version int64) error {
	p, err := s.provider()
	if err != nil {
		return err
	}
	_, err = p.UpTo(ctx, version)
	return errors.Join(err, p.Close())
}

// Tables are the names of all tables of the Ent schema.
func Tables() []string {
	out := make([]string, len(migrate.Tables))
	for i, t := range migrate.Tables {
		out[i] = t.Name
	}
	return out
}

// HeldTables are the names of the tables that hold data of people.
func HeldTables() []string {
	out := make([]string, len(heldTables))
	for i, h := range heldTables {
		out[i] = h.table
	}
	return out
}

// InTx runs fn in a write transaction, as every method does.
func (s *Store) InTx(ctx context.Context, fn func(*sql.Tx) error) error {
	return s.inTx(ctx, func(x *session) error { return fn(x.tx) })
}

// Waiting is how many wait to write.
func (s *Store) Waiting() int {
	s.line.mu.Lock()
	defer s.line.mu.Unlock()
	return len(s.line.waiting)
}

// Deferred keeps statements back, each "statement N" in errors, and sends them with a
// last one or, where it is empty, with the commit.
func (s *Store) Deferred(ctx context.Context, statements []string, last string) error {
	return s.inTx(ctx, func(x *session) error {
		for i, q := range statements {
			if err := x.deferred(ctx, fmt.Sprint("statement ", i), q); err != nil {
				return err
			}
		}
		if last == "" {
			return nil
		}
		_, err := x.exec(ctx, last)
		return err
	})
}

// DeferredIn keeps one statement back, which each try asks for anew.
func (s *Store) DeferredIn(ctx context.Context, statement func() string) error {
	return s.inTx(ctx, func(x *session) error { return x.deferred(ctx, "statement", statement()) })
}

// Ours marks a statement as one of this package.
func Ours(ctx context.Context) context.Context { return ours(ctx) }
