package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/mail"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

func TestSweep(t *testing.T) {
	now := time.Date(2026, 6, 1, 4, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		src := invite(t, s, 2, registry.SetupSend)
		tenant := s.For(src.Company)
		claimed := claim(t, s)
		for i, age := range []time.Duration{31 * day, 29 * day} {
			must(t, s.SaveSession(ctx, auth.Session{
				ID: fmt.Sprint("s", i), Company: src.Company, User: 1, CreatedAt: now.Add(-age), ExpiresAt: now.Add(-age).Add(30 * day),
			}))
			must(t, s.MailQueue().Finish(ctx, []mail.Result{{ID: claimed[i].ID, State: mail.StateSent, Attempted: true, At: now.Add(-age)}}))
			fence, _, err := tenant.AcquireLease(ctx, src.ID, "test")
			must(t, err)
			run := registry.Run{PublicID: fmt.Sprint("run", i), Source: src.ID, Mode: "run", State: registry.RunApplying, Fence: fence.Number, CreatedAt: now.Add(-age)}
			must(t, tenant.CreateRun(ctx, &run))
			must(t, tenant.AddItems(ctx, fence, run.ID, make([]registry.RunItem, 2500)))
			run.State, run.FinishedAt = registry.RunDone, now.Add(-age)
			must(t, tenant.UpdateRun(ctx, fence, &run))
			must(t, tenant.ReleaseLease(ctx, fence))
		}
		for _, c := range []struct {
			retention                 time.Duration
			sessions, items, attempts int
		}{{0, 1, 5000, 2}, {30 * day, 1, 2500, 1}, {day, 1, 0, 0}} {
			must(t, s.Sweep(ctx, now, func(string) time.Duration { return c.retention }))
			x := store.Crossing(ctx)
			if a, b, d := s.Rows().Session.Query().CountX(x), s.Rows().RunItem.Query().CountX(x), s.Rows().MailAttempt.Query().CountX(x); a != c.sessions || b != c.items || d != c.attempts {
				t.Errorf("after %s: %d sessions, %d report rows, %d attempts; want %+v", c.retention, a, b, d, c)
			}
		}
		if counts := mailStates(t, s, src.Company); counts["sent"] != 2 {
			t.Errorf("the mails went with their attempts: %v", counts)
		}
	})
}
