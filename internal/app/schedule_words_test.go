package app

import (
	"strings"
	"testing"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/registry"
)

func TestFaultsOfASchedule(t *testing.T) {
	t.Parallel()
	for schedule, want := range map[string]registry.Said{
		"bad":                            registry.Say("parts written: %d; a schedule has 5: minute, hour, day of the month, month, day of the week", 1),
		"@often":                         registry.Say("there is no schedule %q", "@often"),
		"CRON_TZ=Mars/Olympus @daily":    registry.Say("there is no time zone %q", "Mars/Olympus"),
		"CRON_TZ=UTC":                    registry.Say("there is a time zone and no schedule"),
		"CRON_TZ=Europe/Rome 61 2 * * *": registry.Say("%s cannot be %q", registry.Say("the minute"), "61"),
		"0 2 * * noday":                  registry.Say("%s cannot be %q", registry.Say("the day of the week"), "noday"),
		"0 0 31 2 *":                     registry.Say("it never comes up"),
	} {
		err := config.CheckSchedule(schedule)
		if err == nil {
			t.Errorf("%q is taken for a schedule", schedule)
			continue
		}
		if got := scheduleFault(schedule, err); got != want {
			t.Errorf("%q: %s, want %s", schedule, got, want)
		}
	}
	if _, _, err := (&Core{}).ScheduleTimes("bad"); err == nil || strings.Contains(registry.SaidOf(err).String(), "expected exactly") {
		t.Errorf("the library's words are left: %v", err)
	}
}
