package app

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/jobs"
	"github.com/usherd/usher/internal/registry"
)

// shownTimes is how many of a schedule's next times are shown with it.
const shownTimes = 3

// ScheduleTimes are the next times of a schedule, and the zone by whose clock it
// goes; none for "". A *registry.Error says what is wrong with it.
func (c *Core) ScheduleTimes(schedule string) ([]time.Time, *time.Location, error) {
	if schedule == "" {
		return nil, time.UTC, nil
	}
	if err := config.CheckSchedule(schedule); err != nil {
		return nil, nil, registry.Refuse(registry.CodeInvalidValue, "%q is no schedule: %s. Write it as \"CRON_TZ=Europe/Rome 30 2 * * *\" or @daily.", schedule, scheduleFault(schedule, err))
	}
	return jobs.Times(schedule, c.Now(), shownTimes)
}

// SetSchedule puts a schedule in place of the configuration file's, "" for none,
// until it is given back. The deed says who it is and, as "why" of its details,
// the reason. Every process goes by it from its next look at what is due.
func (c *Core) SetSchedule(ctx context.Context, key, schedule string, d registry.Deed) error {
	times, _, err := c.ScheduleTimes(schedule)
	if err != nil {
		return err
	}
	src, err := c.ScheduleOf(ctx, key)
	if err != nil {
		return err
	}
	var next time.Time
	if len(times) > 0 {
		next = times[0]
	}
	return c.Store.For(src.Company).SetSchedule(ctx, src.ID, schedule, next, scheduleDeed(d, "source.schedule", src, schedule))
}

// ReturnSchedule lets the configuration file's schedule hold again.
func (c *Core) ReturnSchedule(ctx context.Context, key string, d registry.Deed) error {
	src, err := c.ScheduleOf(ctx, key)
	if err != nil {
		return err
	}
	next, err := jobs.Next(src.Configured, c.Now())
	if err != nil {
		return fmt.Errorf("sources.%s.schedule: %w", key, err)
	}
	return c.Store.For(src.Company).ReturnSchedule(ctx, src.ID, src.Configured, next, scheduleDeed(d, "source.schedule_return", src, src.Configured))
}

// ScheduleOf finds a source of the file, whose schedule is looked at.
func (c *Core) ScheduleOf(ctx context.Context, key string) (registry.Source, error) {
	if _, err := c.source(key); err != nil {
		return registry.Source{}, err
	}
	src, err := c.Store.SourceByKey(ctx, key)
	if err != nil {
		return src, fmt.Errorf("find source %s: %w", key, err)
	}
	return src, nil
}

// scheduleDeed completes what is written down of another schedule.
func scheduleDeed(d registry.Deed, action string, src registry.Source, schedule string) registry.Deed {
	detail := map[string]string{"schedule": schedule, "was": src.Schedule}
	maps.Copy(detail, d.Detail)
	d.Action, d.Subject, d.Detail = action, "source "+src.Key, detail
	return d
}
