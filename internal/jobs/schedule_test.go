package jobs

import (
	"testing"
	"time"
	_ "time/tzdata" // the test must not depend on the machine's zones
)

func TestNext(t *testing.T) {
	for name, c := range map[string]struct{ schedule, now, want string }{
		"none":                          {"", "2026-03-01T00:00:00Z", "0001-01-01T00:00:00Z"},
		"zone":                          {"CRON_TZ=Europe/Rome 30 2 * * *", "2026-01-10T12:00:00Z", "2026-01-11T01:30:00Z"},
		"UTC without a zone":            {"30 2 * * *", "2026-01-10T12:00:00Z", "2026-01-11T02:30:00Z"},
		"the night that skips 2:30":     {"CRON_TZ=Europe/Rome 30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
		"the night after":               {"CRON_TZ=Europe/Rome 30 2 * * *", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"},
		"a time the gap leaves alone":   {"CRON_TZ=Europe/Rome 30 4 * * *", "2026-03-28T12:00:00Z", "2026-03-29T02:30:00Z"},
		"the night that has 2:30 twice": {"CRON_TZ=Europe/Rome 30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
		"weekly across the gap":         {"CRON_TZ=Europe/Rome 30 2 * * 1", "2026-03-28T12:00:00Z", "2026-03-30T00:30:00Z"},
		"every hour":                    {"CRON_TZ=Europe/Rome 0 * * * *", "2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z"},
		"half a zone's hour":            {"CRON_TZ=Australia/Lord_Howe 15 2 * * *", "2026-10-03T06:00:00Z", "2026-10-03T15:30:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, c.now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Next(c.schedule, now)
			if err != nil {
				t.Fatal(err)
			}
			if s := got.UTC().Format(time.RFC3339); s != c.want {
				t.Errorf("Next(%q, %s) = %s, want %s", c.schedule, c.now, s, c.want)
			}
		})
	}
	if _, err := Next("nonsense", time.Now()); err == nil {
		t.Error("Next of nonsense gave no error")
	}
}
