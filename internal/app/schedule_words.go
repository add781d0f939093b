package app

import (
	"errors"
	"strings"
	"time"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/registry"
)

// scheduleFields are the parts of a schedule in their order.
var scheduleFields = []registry.Said{
	registry.Say("the minute"), registry.Say("the hour"), registry.Say("the day of the month"), registry.Say("the month"), registry.Say("the day of the week"),
}

// scheduleFault says what is wrong with a schedule that cannot be read, in words
// of ours: those of the library that reads it are English. Where it is not one of
// the usual mistakes, they are quoted.
func scheduleFault(schedule string, err error) registry.Said {
	spec, zoned := schedule, false
	for _, prefix := range []string{"CRON_TZ=", "TZ="} {
		if rest, ok := strings.CutPrefix(schedule, prefix); ok {
			zone, after, _ := strings.Cut(rest, " ")
			if _, err := time.LoadLocation(zone); err != nil {
				return registry.Say("there is no time zone %q", zone)
			}
			spec, zoned = after, true
			break
		}
	}
	fields := strings.Fields(spec)
	switch {
	case zoned && len(fields) == 0:
		return registry.Say("there is a time zone and no schedule")
	case errors.Is(err, config.ErrNeverDue):
		return registry.Say("it never comes up")
	case strings.HasPrefix(spec, "@"):
		return registry.Say("there is no schedule %q", spec)
	case len(fields) != len(scheduleFields):
		return registry.Say("parts written: %d; a schedule has 5: minute, hour, day of the month, month, day of the week", len(fields))
	}
	for i, field := range fields {
		alone := strings.Fields("* * * * *")
		alone[i] = field
		if err := config.CheckSchedule(strings.Join(alone, " ")); err != nil && !errors.Is(err, config.ErrNeverDue) {
			return registry.Say("%s cannot be %q", scheduleFields[i], field)
		}
	}
	return registry.SaidOf(err)
}
