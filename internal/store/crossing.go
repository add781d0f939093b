package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// This file holds every lookup that crosses companies, by name. Each is how a
// request that does not know its company yet finds it, or how a worker of the
// installation finds work. Nothing else may read company data without binding
// the company; a test driver refuses it.

type crossingKey struct{}

// crossing marks the statements made under it as meant to cross companies, for
// the test driver that refuses all others. It is used in this file, and by
// Settle, which carries the configuration file of the whole installation.
func crossing(ctx context.Context) context.Context {
	return context.WithValue(ctx, crossingKey{}, true)
}

// Companies lists all companies by key.
func (s *Store) Companies(ctx context.Context) ([]registry.Company, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT id, key, name, locale FROM companies ORDER BY key`)
	return collect(rows, err, func(rows *sql.Rows) (c registry.Company, err error) {
		return c, rows.Scan(&c.ID, &c.Key, &c.Name, &c.Locale)
	})
}

// CompanyByKey finds a company by the name in its addresses.
func (s *Store) CompanyByKey(ctx context.Context, key string) (registry.Company, error) {
	rows, err := s.read.QueryContext(ctx, s.rebind(`SELECT id, key, name, locale FROM companies WHERE key = ?`), key)
	return one(rows, err, func(rows *sql.Rows) (c registry.Company, err error) {
		return c, rows.Scan(&c.ID, &c.Key, &c.Name, &c.Locale)
	})
}

// sourceCols are what scanSource reads.
const sourceCols = `s.id, s.company_id, s.key, s.schedule, s.next_due, s.settings_hash, s.retired_at, s.cursor, o.id, o.kind, o.key`

func scanSource(rows *sql.Rows) (registry.Source, error) {
	var src registry.Source
	var due, retired int64
	err := rows.Scan(&src.ID, &src.Company, &src.Key, &src.Schedule, &due, &src.SettingsHash, &retired, &src.Cursor,
		&src.Origin.ID, &src.Origin.Kind, &src.Origin.Key)
	src.Origin.Company = src.Company
	src.NextDue, src.RetiredAt = fromMicros(due), fromMicros(retired)
	return src, err
}

// SourceByKey finds a source by its name in the configuration file.
func (s *Store) SourceByKey(ctx context.Context, key string) (registry.Source, error) {
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT `+sourceCols+`
		FROM sources s JOIN origins o ON o.id = s.origin_id WHERE s.key = ?`), key)
	return one(rows, err, scanSource)
}

// DueSources lists the sources whose time has come.
func (s *Store) DueSources(ctx context.Context, now time.Time) ([]registry.Source, error) {
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT `+sourceCols+`
		FROM sources s JOIN origins o ON o.id = s.origin_id
		WHERE s.retired_at = 0 AND s.schedule <> '' AND s.next_due <> 0 AND s.next_due <= ? ORDER BY s.next_due, s.id`), micros(now))
	return collect(rows, err, scanSource)
}

// AbandonedSources lists the sources with a run that nobody is at work on: its
// process died or froze and the lease ran out.
func (s *Store) AbandonedSources(ctx context.Context) ([]registry.Source, error) {
	rows, err := s.read.QueryContext(crossing(ctx), s.rebind(`SELECT `+sourceCols+`
		FROM sources s JOIN origins o ON o.id = s.origin_id
		WHERE s.retired_at = 0 AND s.lease_until <= `+s.clock()+` AND EXISTS (
			SELECT 1 FROM runs r WHERE r.source_id = s.id AND r.mode = 'run' AND r.state IN ('reading', 'planning', 'applying'))
		ORDER BY s.id`))
	return collect(rows, err, scanSource)
}

// one reads a single row; none is registry.ErrNotFound.
func one[T any](rows *sql.Rows, err error, scan func(*sql.Rows) (T, error)) (T, error) {
	all, err := collect(rows, err, scan)
	var zero T
	if err != nil {
		return zero, fmt.Errorf("look up: %w", err)
	}
	if len(all) == 0 {
		return zero, registry.ErrNotFound
	}
	return all[0], nil
}

func scanString(rows *sql.Rows) (v string, err error) { return v, rows.Scan(&v) }
