package jobs

import (
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

// Next is the next time after now that a schedule comes up; the zero time for
// an empty schedule. The schedule is a cron expression of five fields or a
// descriptor, with an optional CRON_TZ= prefix; without one it means UTC.
//
// On the night the clocks go forward a time that the zone skips does not exist,
// and cron passes over it; the run is made at the first moment after the gap
// instead, because a nightly job that leaves out a night is a surprise.
func Next(schedule string, now time.Time) (time.Time, error) {
	if schedule == "" {
		return time.Time{}, nil
	}
	s, err := cron.ParseStandard(schedule)
	if err != nil {
		return time.Time{}, fmt.Errorf("read schedule %q: %w", schedule, err)
	}
	next := s.Next(now.UTC())
	spec, ok := s.(*cron.SpecSchedule)
	if !ok || next.IsZero() {
		return next, nil
	}
	if gap, ok := skipped(spec, now, next); ok {
		return gap.UTC(), nil
	}
	return next.UTC(), nil
}

// Times are the next n times after now that a schedule comes up, and the zone
// whose clock it goes by; none for an empty schedule.
func Times(schedule string, now time.Time, n int) (times []time.Time, zone *time.Location, err error) {
	for at := now; len(times) < n; times = append(times, at) {
		if at, err = Next(schedule, at); err != nil || at.IsZero() {
			return times, time.UTC, err
		}
	}
	s, err := cron.ParseStandard(schedule)
	if spec, ok := s.(*cron.SpecSchedule); ok && spec.Location != time.Local { //nolint:gosmopolitan // what the library has for a schedule without a zone
		return times, spec.Location, err
	}
	return times, time.UTC, err
}

// skipped looks, between now and the next regular time, for a gap in the zone's
// clock that swallowed a time of the schedule, and gives the gap's end.
func skipped(spec *cron.SpecSchedule, now, next time.Time) (time.Time, bool) {
	zone := spec.Location
	for at := now; at.Before(next); {
		_, end := at.In(zone).ZoneBounds()
		if end.IsZero() || !end.Before(next) {
			return time.Time{}, false
		}
		_, before := end.Add(-time.Second).In(zone).Zone()
		_, after := end.In(zone).Zone()
		if jump := time.Duration(after-before) * time.Second; jump > 0 && wouldHaveRun(spec, end, before, jump) {
			return end, true
		}
		at = end
	}
	return time.Time{}, false
}

// wouldHaveRun asks whether the schedule has a time inside the gap, by a clock
// that did not jump.
func wouldHaveRun(spec *cron.SpecSchedule, end time.Time, offset int, jump time.Duration) bool {
	still := *spec
	still.Location = time.FixedZone("", offset)
	first := still.Next(end.Add(-time.Second))
	return !first.IsZero() && first.Before(end.Add(jump))
}
