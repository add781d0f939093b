package store_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// onBothAt is onBoth by a clock that the test moves.
func onBothAt(t *testing.T, at time.Time, fn func(t *testing.T, s *store.Store, at *time.Time)) {
	t.Helper()
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			s := openStore(t, d.address(t), store.Options{Driver: store.FencedDriver(d.driver), Now: func() time.Time { return at }})
			must(t, s.Migrate(t.Context()))
			fn(t, s, &at)
		})
	}
}

// TestDigestIsTakenOnce: of many who see it due one wins, and each admin and
// approver gets one mail.
func TestDigestIsTakenOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		for name, rights := range map[string][2]string{"admin": {"true", "0"}, "auditor": {"false", "1"}, "approver": {"false", "2"}} {
			w.sql(`UPDATE users SET company_admin = %s, rights = %s WHERE id = %d`, rights[0], rights[1], w.create1(person(name, name)))
		}
		w.sql(`DELETE FROM mails`)
		notice := registry.Notice{Kind: registry.NoticeDigest, MessageID: "digest@x", Data: map[string]string{"Since": "2026-03-01T07:00:00Z"}}
		var won atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				ok, err := s.For(w.src.Company).TakeDigest(t.Context(), time.Time{}, w.now, &notice, &registry.Deed{Actor: "usher", Action: "digest.make"})
				if err != nil {
					t.Error(err)
				}
				if ok {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		want(t, "winners", won.Load(), 1)
		want(t, "mails", w.texts(`SELECT kind || ' ' || address FROM mails ORDER BY address`), []string{"digest admin@example.com", "digest approver@example.com"})
		want(t, "deeds", w.number(`SELECT count(*) FROM audits`), int64(1))
	})
}

func TestDigest(t *testing.T) {
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	onBothAt(t, start, func(t *testing.T, s *store.Store, at *time.Time) {
		w := newWorld(t, s)
		tenant, ctx := s.For(w.src.Company), t.Context()
		f, _ := acquire(t, w, "a")
		for i, end := range []struct {
			state  registry.RunState
			mode   string
			counts registry.Counts
			ago    time.Duration
		}{
			{registry.RunDone, registry.ModeRun, registry.Counts{Created: 100}, 48 * time.Hour},
			{registry.RunDone, registry.ModeRun, registry.Counts{Created: 3, Updated: 1}, 3 * time.Hour},
			{registry.RunDone, registry.ModePreview, registry.Counts{Deleted: 50}, 2 * time.Hour},
			{registry.RunPartial, registry.ModeRetry, registry.Counts{Created: 1, Failed: 2}, time.Hour},
			{registry.RunHeld, registry.ModeRun, registry.Counts{Deactivated: 400}, time.Hour},
		} {
			run := newRun(t, w, f, end.mode)
			run.State, run.Counts, run.FinishedAt = end.state, end.counts, at.Add(-end.ago)
			must(t, tenant.EndRun(ctx, f, run, registry.RunEnd{Health: &registry.Health{Failures: 2, FailingSince: start.Add(-time.Hour)}}))
			want(t, "number", run.Number, int64(i+1))
		}
		busy, err := tenant.SaveConnection(ctx, "okta", registry.DefaultConnection())
		must(t, err)
		quiet, err := tenant.SaveConnection(ctx, "old", registry.DefaultConnection())
		must(t, err)
		request := func(o registry.OriginID, method string, status int, ago time.Duration) registry.ScimRequest {
			return registry.ScimRequest{Origin: o, At: at.Add(-ago), Method: method, Status: status}
		}
		must(t, tenant.LogScimRequests(ctx, []registry.ScimRequest{
			request(busy.Origin.ID, "POST", 201, time.Hour), request(busy.Origin.ID, "PATCH", 204, time.Hour), request(busy.Origin.ID, "GET", 200, time.Hour),
			request(busy.Origin.ID, "POST", 409, time.Hour), request(busy.Origin.ID, "POST", 201, 48*time.Hour), request(quiet.Origin.ID, "GET", 200, 100*time.Hour),
		}))
		broken := w.hook("broken", "user.*")
		w.hook("fine", "user.*")
		w.sql(`UPDATE webhooks SET failing_since = %d WHERE id = %d`, start.UnixMicro(), broken.ID)
		if _, err := tenant.CreateToken(ctx, busy.Origin.ID, []byte("h"), "ush_ab", at.Add(5*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		w.create1(with(person("1", "ann"), func(p *registry.PutUser) { p.SetupMail = registry.SetupHold }))
		d, err := tenant.Digest(ctx, at.Add(-24*time.Hour))
		must(t, err)
		want(t, "source", d.Sources, []registry.SourceDigest{{
			Key: "corp", Runs: 3, Held: 5, Counts: registry.Counts{Created: 4, Updated: 1, Failed: 2},
			Health: registry.Health{Failures: 2, FailingSince: start.Add(-time.Hour)},
		}})
		want(t, "connections", d.Connections, []registry.ConnectionDigest{{Name: "okta", Writes: 2, Refused: 1}, {Name: "old", QuietSince: at.Add(-100 * time.Hour)}})
		want(t, "tokens", d.Tokens, []registry.ExpiringToken{{Connection: "okta", Prefix: "ush_ab", ExpiresAt: at.Add(5 * 24 * time.Hour)}})
		if len(d.Webhooks) != 1 || d.Webhooks[0].Name != "broken" || d.MailsHeld != 1 || d.MailsFailed != 0 || d.Empty() {
			t.Errorf("%+v", d)
		}
	})
}

// TestExpiringTokensAreTold: two weeks and a day before its end, each once, with a
// mail and an event.
func TestExpiringTokensAreTold(t *testing.T) {
	start := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	onBothAt(t, start, func(t *testing.T, s *store.Store, at *time.Time) {
		w := newWorld(t, s)
		w.sql(`UPDATE users SET company_admin = true WHERE id = %d`, w.create1(person("admin", "admin")))
		w.sql(`DELETE FROM mails`)
		h := w.hook("a", "connection.token.expiring")
		tenant := s.For(w.src.Company)
		conn, err := tenant.SaveConnection(t.Context(), "okta", registry.DefaultConnection())
		must(t, err)
		end := at.Add(60 * 24 * time.Hour)
		for prefix, expires := range map[string]time.Time{"ush_end": end, "ush_for": {}, "ush_brief": at.Add(time.Hour)} {
			if _, err := tenant.CreateToken(t.Context(), conn.Origin.ID, []byte(prefix), prefix, expires); err != nil {
				t.Fatal(err)
			}
		}
		n := 0
		for _, c := range []struct {
			before time.Duration
			want   int
		}{{50 * 24 * time.Hour, 0}, {14 * 24 * time.Hour, 1}, {13 * 24 * time.Hour, 0}, {24 * time.Hour, 1}, {time.Hour, 0}, {-time.Hour, 0}} {
			*at = end.Add(-c.before)
			for range 2 {
				must(t, s.TellExpiring(t.Context(), func() string { n++; return fmt.Sprint("token-", n, "@x") }))
			}
			kinds, data := w.told(h)
			want(t, "events", len(kinds), c.want)
			mails := w.texts(`SELECT kind || ' ' || address FROM mails`)
			want(t, "mails", len(mails), c.want)
			w.sql(`DELETE FROM mails`)
			if c.want == 1 && (data[0]["connection"] != "okta" || data[0]["token"] != "ush_end" || data[0]["expires_at"] != end.Format(time.RFC3339) || mails[0] != "tokenExpiring admin@example.com") {
				t.Errorf("%v %v", data, mails)
			}
		}
	})
}
