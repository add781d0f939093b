package store

import (
	"context"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// SetSchedule puts a schedule in place of the configuration file's, "" for none,
// and writes down who did it and why. A source in quarantine waits for its next
// try all the same.
func (t *Tenant) SetSchedule(ctx context.Context, source registry.SourceID, schedule string, next time.Time, d registry.Deed) error {
	set := registry.ScheduleByHand{At: t.s.now(), By: d.Actor, Why: d.Detail["why"]}
	return t.writeSchedule(ctx, source, schedule, next, set, d)
}

// ReturnSchedule lets the configuration file's schedule hold again.
func (t *Tenant) ReturnSchedule(ctx context.Context, source registry.SourceID, configured string, next time.Time, d registry.Deed) error {
	return t.writeSchedule(ctx, source, configured, next, registry.ScheduleByHand{}, d)
}

func (t *Tenant) writeSchedule(ctx context.Context, source registry.SourceID, schedule string, next time.Time, set registry.ScheduleByHand, d registry.Deed) error {
	due := "?"
	if !next.IsZero() {
		due = "CASE WHEN quarantined_at <> 0 THEN next_try ELSE ? END"
	}
	return t.s.inTx(ctx, func(x *session) error {
		n, err := x.affected(ctx, `UPDATE sources SET schedule = ?, schedule_set_at = ?, schedule_set_by = ?, schedule_set_why = ?,
			next_due = `+due+` WHERE company_id = ? AND id = ? AND retired_at = 0`,
			schedule, micros(set.At), asText(set.By), asText(set.Why), micros(next), int64(t.id), source)
		if err != nil {
			return fmt.Errorf("set schedule: %w", err)
		}
		if n == 0 {
			return registry.ErrNotFound
		}
		return x.tenant(t.id).audit(ctx, d)
	})
}
