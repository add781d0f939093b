package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// scheduleClimbed are the methods of Tenant that TestScheduleByHand tries.
var scheduleClimbed = []string{"ReturnSchedule", "SetSchedule"}

// TestScheduleByHand: what somebody set holds over the file's, whatever the file
// says later, until it is given back; a quarantine goes on; and no company sets
// another's.
func TestScheduleByHand(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		ctx := t.Context()
		first, second := c.now.Add(time.Hour).Truncate(time.Microsecond), c.now.Add(2*time.Hour).Truncate(time.Microsecond)
		settle := func(schedule string) {
			t.Helper()
			must(t, s.Settle(ctx, store.Settled{
				Companies: []registry.Company{{Key: "acme", Name: "Acme"}, {Key: "beta", Name: "Beta"}},
				Sources: []store.SettledSource{
					{Key: c.src.Key, CompanyKey: "acme", Kind: c.src.Origin.Kind, Schedule: schedule},
					{Key: c.beta.Key, CompanyKey: "beta", Kind: c.beta.Origin.Kind},
				},
				Next: func(string) (time.Time, error) { return first, nil },
			}))
		}
		look := func() registry.Source {
			t.Helper()
			src, err := s.SourceByKey(ctx, c.src.Key)
			must(t, err)
			return src
		}
		settle("@daily")
		theft := store.OnlyCompany(ctx, int64(c.beta.Company))
		for what, err := range map[string]error{
			"set": c.b.SetSchedule(theft, c.src.ID, "@hourly", second, registry.Deed{Actor: "b"}), "return": c.b.ReturnSchedule(theft, c.src.ID, "", second, registry.Deed{Actor: "b"}),
		} {
			if !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("%s A's schedule: %v", what, err)
			}
		}
		must(t, c.a.SetSchedule(ctx, c.src.ID, "@hourly", second, registry.Deed{Actor: "ann", Action: "source.schedule", Detail: map[string]string{"why": "the directory moves"}}))
		src := look()
		want(t, "set by hand", []any{src.Schedule, src.Configured, src.ByHand.By, src.ByHand.Why, src.ByHand.At.IsZero(), src.NextDue},
			[]any{"@hourly", "@daily", "ann", "the directory moves", false, second})
		settle("@weekly")
		want(t, "the file changes", []any{look().Schedule, look().Configured, look().NextDue}, []any{"@hourly", "@weekly", second})
		must(t, c.a.SetSchedule(ctx, c.src.ID, "", time.Time{}, registry.Deed{Actor: "ann", Action: "source.schedule"}))
		settle("@weekly")
		want(t, "off", []any{look().Schedule, look().NextDue.IsZero()}, []any{"", true})

		c.sql(`UPDATE sources SET quarantined_at = 1, next_try = %d WHERE id = %d`, first.UnixMicro(), c.src.ID)
		must(t, c.a.SetSchedule(ctx, c.src.ID, "@hourly", second, registry.Deed{Actor: "ann", Action: "source.schedule"}))
		want(t, "in quarantine", look().NextDue, first)
		must(t, c.a.ReturnSchedule(ctx, c.src.ID, "@weekly", second, registry.Deed{Actor: "ann", Action: "source.schedule"}))
		want(t, "given back", []any{look().Schedule, look().ByHand}, []any{"@weekly", registry.ScheduleByHand{}})
		deeds, err := c.a.Deeds(ctx, registry.DeedQuery{Action: "source.schedule", Limit: 10})
		if err != nil || len(deeds) != 4 || deeds[3].Detail["why"] != "the directory moves" {
			t.Errorf("written down: %+v, %v", deeds, err)
		}
	})
}
