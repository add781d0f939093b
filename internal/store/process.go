package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"entgo.io/ent/dialect/sql/schema"

	"github.com/usherd/usher/ent/db"
	"github.com/usherd/usher/internal/registry"
)

// driftOptions make the comparison of schemas see what is too much as well as
// what is missing.
var driftOptions = []schema.MigrateOption{schema.WithDropColumn(true), schema.WithDropIndex(true)}

// processLife is how long a process counts as alive without a sign of life.
const processLife = 60 * time.Second

// Process is a running usher.
type Process struct {
	Name, Version, ConfigHash string
	StartedAt                 time.Time
}

// ErrOtherConfig: a running process has another configuration file; two minds
// about one registry would undo each other's work.
var ErrOtherConfig = errors.New("another usher process runs on this database with a different configuration file")

// LiveProcesses lists the processes that showed life lately.
func (s *Store) LiveProcesses(ctx context.Context) ([]Process, error) {
	rows, err := s.read.QueryContext(ctx, `SELECT name, version, config_hash, started_at FROM processes WHERE alive_until > `+s.clock()+` ORDER BY name`)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Process
	for rows.Next() {
		var p Process
		var started int64
		if err := rows.Scan(&p.Name, &p.Version, &p.ConfigHash, &started); err != nil {
			return nil, fmt.Errorf("list processes: %w", err)
		}
		p.StartedAt = fromMicros(started)
		out = append(out, p)
	}
	return out, rows.Err()
}

// Announce enters this process among the running ones, or refuses when another
// runs with a different configuration. To announce oneself again is to show a
// sign of life.
func (s *Store) Announce(ctx context.Context, p Process) error {
	err := s.inTx(ctx, func(x *session) error {
		if s.Postgres() { // of two that start at once, one must see the other
			if _, err := x.exec(ctx, `SELECT pg_advisory_xact_lock(?)`, announceLock); err != nil {
				return fmt.Errorf("announce process: %w", err)
			}
		}
		if _, err := x.exec(ctx, `DELETE FROM processes WHERE alive_until <= `+s.clock()); err != nil {
			return fmt.Errorf("announce process: %w", err)
		}
		rows, err := x.query(ctx, `SELECT name FROM processes WHERE config_hash <> ? AND name <> ?`, p.ConfigHash, p.Name)
		others, err := collect(rows, err, scanString)
		if err != nil {
			return fmt.Errorf("announce process: %w", err)
		}
		if len(others) > 0 {
			return fmt.Errorf("%w: %s", ErrOtherConfig, others[0])
		}
		_, err = x.exec(ctx, `INSERT INTO processes (name, version, config_hash, started_at, alive_until) VALUES (?, ?, ?, ?, `+s.clock()+` + ?)
			ON CONFLICT (name) DO UPDATE SET version = excluded.version, config_hash = excluded.config_hash, alive_until = excluded.alive_until`,
			p.Name, p.Version, p.ConfigHash, micros(s.now()), processLife.Microseconds())
		if err != nil {
			return fmt.Errorf("announce process: %w", err)
		}
		return nil
	})
	s.announced.Store(s.announced.Load() || err == nil)
	return err
}

// Alive shows a sign of life of an announced process. registry.ErrNotFound means
// that it was silent for so long that others took it for dead: it has to
// announce itself again before it goes on.
func (s *Store) Alive(ctx context.Context, name string) error {
	return s.inTx(ctx, func(x *session) error {
		n, err := x.affected(ctx, `UPDATE processes SET alive_until = `+s.clock()+` + ? WHERE name = ?`, processLife.Microseconds(), name)
		if err == nil && n == 0 {
			return fmt.Errorf("show life of %s: %w", name, registry.ErrNotFound)
		}
		return err
	})
}

// Leave takes a process off the list.
func (s *Store) Leave(ctx context.Context, name string) error {
	return s.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `DELETE FROM processes WHERE name = ?`, name)
		return err
	})
}

// entWrite is Ent over the pool that writes.
func (s *Store) entWrite() *db.Client { return s.client(s.write) }
