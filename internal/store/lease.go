package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// AcquireLease takes the lease of a source when nobody holds it, and gives the
// number under which it was taken. A run that was left behind by the last
// holder is marked interrupted in the same transaction, and returned.
func (t *Tenant) AcquireLease(ctx context.Context, source registry.SourceID, holder string) (registry.Fence, registry.RunID, error) {
	fence := registry.Fence{Source: source}
	var left registry.RunID
	err := t.s.inTx(ctx, func(x *session) error {
		clock := x.s.clock()
		n, err := x.affected(ctx, `UPDATE sources SET lease_holder = ?, lease_until = `+clock+` + ?, fence = fence + 1
			WHERE company_id = ? AND id = ? AND lease_until <= `+clock, holder, LeaseTime.Microseconds(), int64(t.id), source)
		if err != nil {
			return fmt.Errorf("take lease: %w", err)
		}
		if n == 0 {
			return registry.ErrLeased
		}
		rows, err := x.query(ctx, `SELECT fence FROM sources WHERE company_id = ? AND id = ?`, int64(t.id), source)
		if fence.Number, err = one(rows, err, scanInt); err != nil {
			return fmt.Errorf("read fence: %w", err)
		}
		left, err = t.interruptRuns(ctx, x, source)
		return err
	})
	return fence, left, err
}

// interruptRuns ends the runs of a holder that is gone, and gives the newest
// that was changing things.
func (t *Tenant) interruptRuns(ctx context.Context, x *session, source registry.SourceID) (registry.RunID, error) {
	rows, err := x.query(ctx, `UPDATE runs SET state = 'interrupted', finished_at = ?, code = 'interrupted',
		message = 'the process that ran it died or lost its lease; what it had done stands'
		WHERE company_id = ? AND source_id = ? AND state IN ('reading', 'planning', 'applying')
		RETURNING CASE WHEN mode = 'run' THEN id ELSE 0 END`, micros(t.s.now()), int64(t.id), source)
	ids, err := collect(rows, err, scanInt)
	if err != nil {
		return 0, fmt.Errorf("mark runs interrupted: %w", err)
	}
	var newest int64
	for _, id := range ids {
		newest = max(newest, id)
	}
	return registry.RunID(newest), nil
}

// RenewLease shows that the holder still lives.
func (t *Tenant) RenewLease(ctx context.Context, f registry.Fence) error {
	return t.s.inTx(ctx, func(x *session) error { return x.checkFence(ctx, t.id, f) })
}

// ReleaseLease gives back the lease of a run that was never entered. A lease that is another's by now is left
// alone.
func (t *Tenant) ReleaseLease(ctx context.Context, f registry.Fence) error {
	return t.s.inTx(ctx, func(x *session) error { return t.release(ctx, x, f) })
}

func (t *Tenant) release(ctx context.Context, x *session, f registry.Fence) error {
	_, err := x.exec(ctx, `UPDATE sources SET lease_until = 0, lease_holder = '' WHERE company_id = ? AND id = ? AND fence = ?`,
		int64(t.id), f.Source, f.Number)
	return err
}

// TakeDue moves a source's next time on and reports whether this caller was the
// one to do so: of all processes that saw it due, one wins. What the winner has
// to do follows in the same transaction, so that a run is never taken and lost.
func (t *Tenant) TakeDue(ctx context.Context, source registry.SourceID, due, next time.Time, then ...func(*sql.Tx) error) (bool, error) {
	var won bool
	err := t.s.inTx(ctx, func(x *session) error {
		n, err := x.affected(ctx, `UPDATE sources SET next_due = ? WHERE company_id = ? AND id = ? AND next_due = ?`,
			micros(next), int64(t.id), source, micros(due))
		if err != nil {
			return fmt.Errorf("take due source: %w", err)
		}
		if won = n > 0; !won {
			return nil
		}
		for _, fn := range then {
			if err := fn(x.tx); err != nil {
				return err
			}
		}
		return nil
	})
	return won, err
}

// EndRun writes how a run ended, how its source fares now and where the next read
// may start, and gives the lease back, all at once: whoever sees the run ended can
// start the next. Only the holder of the lease may.
func (t *Tenant) EndRun(ctx context.Context, f registry.Fence, r *registry.Run, end registry.RunEnd) error {
	return t.s.inTx(ctx, func(x *session) error {
		if err := t.writeRun(ctx, x, f, r); err != nil {
			return err
		}
		if end.Health != nil {
			if err := t.writeHealth(ctx, x, f.Source, *end.Health); err != nil {
				return err
			}
		}
		if end.Notice != nil {
			if err := t.tellAdmins(ctx, x, *end.Notice); err != nil {
				return err
			}
		}
		if c := end.Cursor; c != nil {
			full := micros(c.FullReadAt)
			if _, err := x.exec(ctx, `UPDATE sources SET settings_hash = ?, cursor = ?, full_read_at = CASE WHEN CAST(? AS bigint) = 0 THEN full_read_at ELSE ? END
				WHERE company_id = ? AND id = ?`, c.SettingsHash, c.Text, full, full, int64(t.id), f.Source); err != nil {
				return fmt.Errorf("write cursor: %w", err)
			}
		}
		return t.release(ctx, x, f)
	})
}
