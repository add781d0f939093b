package store

import (
	"context"
	"errors"

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
