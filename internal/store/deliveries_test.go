package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/webhooks"
)

const hookLease = time.Minute

// queue writes n deliveries for a webhook by making people.
func (w *world) queue(n int) {
	w.t.Helper()
	ops := make([]registry.Op, n)
	for i := range ops {
		id := fmt.Sprint("q", w.changes(), "-", i)
		ops[i] = person(id, id)
	}
	for chunk := range slices.Chunk(ops, 500) {
		w.put(chunk...)
	}
}

// due claims, which must go well.
func due(t *testing.T, s *store.Store, n, perHook int, lease time.Duration) []webhooks.Due {
	t.Helper()
	out, err := s.DeliveryQueue().Claim(t.Context(), n, perHook, lease)
	must(t, err)
	return out
}

// outcome is a result of a claimed delivery.
func outcome(d webhooks.Due, state registry.DeliveryState, change func(*webhooks.Result)) webhooks.Result {
	r := webhooks.Result{ID: d.ID, Claim: d.Claim, Company: d.Hook.Company, Webhook: d.Hook.ID, State: state, Attempted: true, Status: 200, At: time.Now(), Took: time.Millisecond}
	if state == registry.DeliveryQueued {
		r.NextTry, r.Status, r.Message = time.Now().Add(time.Hour), 500, "no"
	}
	if change != nil {
		change(&r)
	}
	return r
}

func finish(t *testing.T, s *store.Store, r webhooks.Result) {
	t.Helper()
	must(t, s.DeliveryQueue().Finish(t.Context(), r))
}

// TestNobodyDeliversTwice: two processes with several workers each, and no
// delivery is in two hands, nor more of one webhook than allowed in all hands.
func TestNobodyDeliversTwice(t *testing.T) {
	onBothEmpty(t, func(t *testing.T, open func() *store.Store) {
		stores := []*store.Store{open(), open()}
		must(t, stores[0].Migrate(t.Context()))
		w := newWorld(t, stores[0])
		w.hook("a", "user.*")
		w.hook("b", "user.*")
		const people, perHook = 150, 3
		w.queue(people)
		var mu sync.Mutex
		under, most, times := map[registry.WebhookID]int{}, 0, map[string]int{}
		note := func(d webhooks.Due, n int) {
			mu.Lock()
			defer mu.Unlock()
			if n > 0 {
				times[d.PublicID]++
			}
			under[d.Hook.ID] += n
			most = max(most, under[d.Hook.ID])
		}
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				s := stores[i%2]
				for end := time.Now().Add(time.Minute); time.Now().Before(end); {
					mu.Lock()
					over := len(times) == 2*people
					mu.Unlock()
					if over {
						return
					}
					list, err := s.DeliveryQueue().Claim(t.Context(), 4, perHook, hookLease)
					if err != nil {
						t.Error(err)
						return
					}
					for _, d := range list {
						note(d, 1)
					}
					for _, d := range list {
						note(d, -1)
						if err := s.DeliveryQueue().Finish(t.Context(), outcome(d, registry.DeliveryDelivered, nil)); err != nil {
							t.Error(err)
						}
					}
				}
			})
		}
		wg.Wait()
		want(t, "delivered", w.number(`SELECT count(*) FROM deliveries WHERE state = 'delivered'`), int64(2*people))
		want(t, "attempts", w.number(`SELECT count(*) FROM delivery_attempts`), int64(2*people))
		for id, n := range times {
			if n != 1 {
				t.Errorf("%s was claimed %d times", id, n)
			}
		}
		if most > perHook {
			t.Errorf("%d of one webhook at once", most)
		}
	})
}

// TestClaimOfTheDead: what a process that died had in hand comes round again
// under the same id, and the dead man's word does not undo the living one's.
func TestClaimOfTheDead(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		w.hook("a", "user.*")
		w.queue(1)
		first := due(t, s, 5, 5, 100*time.Millisecond)
		want(t, "first", len(first), 1)
		want(t, "while it holds", len(due(t, s, 5, 5, hookLease)), 0)
		var second []webhooks.Due
		for end := time.Now().Add(5 * time.Minute); len(second) == 0 && time.Now().Before(end); <-time.After(20 * time.Millisecond) {
			second = due(t, s, 5, 5, hookLease)
		}
		if len(second) != 1 || second[0].PublicID != first[0].PublicID || string(second[0].Payload) != string(first[0].Payload) {
			t.Fatalf("again: %+v", second)
		}
		finish(t, s, outcome(first[0], registry.DeliveryFailed, func(r *webhooks.Result) { r.Status = 500 }))
		want(t, "still in hand", w.texts(`SELECT state FROM deliveries`), []string{"queued"})
		finish(t, s, outcome(second[0], registry.DeliveryQueued, nil))
		want(t, "attempts", w.number(`SELECT attempts FROM deliveries`), int64(1))
		finish(t, s, outcome(first[0], registry.DeliveryDelivered, nil))
		want(t, "it arrived all the same", w.texts(`SELECT state FROM deliveries`), []string{"delivered"})
	})
}

// TestBusyWebhookHidesNobody: behind thousands that wait for one webhook, what
// waits for another is found.
func TestBusyWebhookHidesNobody(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		busy := w.hook("busy", "user.created")
		w.hook("quiet", "user.renamed")
		w.create1(person("1", "ann"))
		w.sql(`INSERT INTO deliveries (company_id, public_id, webhook_id, event, payload, state, attempts, next_try, claimed_until, status, message, created_at, finished_at)
			WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
			SELECT company_id, 'd' || i, webhook_id, event, payload, state, attempts, next_try - 100000000, 0, 0, '', created_at, 0 FROM deliveries, n`)
		w.put(person("1", "anna"))
		begin := time.Now()
		list := due(t, s, 16, 4, hookLease)
		t.Logf("claimed %d of 20,002 in %s", len(list), time.Since(begin))
		n := map[registry.WebhookID]int{}
		for _, d := range list {
			n[d.Hook.ID]++
		}
		if len(list) != 5 || n[busy.ID] != 4 {
			t.Errorf("claimed %v", n)
		}
		begin = time.Now()
		want(t, "with its fill", len(due(t, s, 16, 4, hookLease)), 0)
		t.Logf("looked in vain in %s", time.Since(begin))
	})
}

// TestWebhookGivesUp: the account of failures, the end of a webhook that fails
// for too long, and one mail to each admin about it.
func TestWebhookGivesUp(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		for name, rights := range map[string][2]string{"admin": {"true", "0"}, "approver": {"false", "2"}, "nobody": {"false", "0"}} {
			w.sql(`UPDATE users SET company_admin = %s, rights = %s WHERE id = %d`, rights[0], rights[1], w.create1(person(name, name)))
		}
		h := w.hook("a", "user.*")
		w.queue(5)
		w.sql(`DELETE FROM mails`)
		tenant := s.For(w.src.Company)
		since := func() time.Time {
			t.Helper()
			all, err := tenant.Webhooks(t.Context())
			must(t, err)
			return all[0].FailingSince
		}
		list := due(t, s, 5, 5, hookLease)
		finish(t, s, outcome(list[0], registry.DeliveryQueued, nil))
		began := since()
		finish(t, s, outcome(list[1], registry.DeliveryQueued, nil))
		if began.IsZero() || !since().Equal(began) {
			t.Errorf("failing since %s, then %s", began, since())
		}
		finish(t, s, outcome(list[2], registry.DeliveryDelivered, nil))
		if !since().IsZero() {
			t.Error("it works and fails")
		}
		notice := func(r *webhooks.Result) {
			r.Status, r.Disable = 410, registry.DisabledGone
			r.Notice = &registry.Notice{Kind: registry.NoticeWebhookDisabled, MessageID: "hook@x", Data: map[string]string{"Webhook": "a"}}
		}
		finish(t, s, outcome(list[3], registry.DeliveryFailed, notice))
		finish(t, s, outcome(list[4], registry.DeliveryFailed, func(r *webhooks.Result) { notice(r); r.Notice.MessageID = "again@x" }))
		want(t, "mails", w.texts(`SELECT kind || ' ' || address FROM mails`), []string{"webhookDisabled admin@example.com"})
		want(t, "states", w.texts(`SELECT state FROM deliveries ORDER BY id`), []string{"dropped", "dropped", "delivered", "failed", "dropped"})
		want(t, "deeds", w.texts(`SELECT actor || ' ' || action || ' ' || subject FROM audits ORDER BY id`), []string{"test webhook.create webhook a", "usher webhook.disable webhook a"})
		w.queue(1)
		want(t, "written for a dead webhook", w.number(`SELECT count(*) FROM deliveries`), int64(5))

		deed := registry.Deed{Actor: "ann", Action: "webhook.replay"}
		n, err := tenant.Replay(t.Context(), h.ID, "", w.now.AddDate(-1, 0, 0), deed)
		must(t, err)
		want(t, "replayed", n, 4)
		want(t, "due for a dead webhook", len(due(t, s, 9, 9, hookLease)), 0)
		want(t, "dropped again", w.number(`SELECT count(*) FROM deliveries WHERE state = 'dropped'`), int64(4))
		_, err = tenant.ChangeWebhook(t.Context(), h.ID, registry.Deed{}, func(h *registry.Webhook) error { h.DisabledAt = time.Time{}; return nil })
		must(t, err)
		n, err = tenant.Replay(t.Context(), h.ID, list[2].PublicID, time.Time{}, deed)
		must(t, err)
		again := due(t, s, 9, 9, hookLease)
		if n != 1 || len(again) != 1 || again[0].PublicID != list[2].PublicID || again[0].Attempts != 0 {
			t.Errorf("one again: %d, %+v", n, again)
		}
	})
}

func TestWebhookNames(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		h := w.hook("a", "user.*")
		tenant, ctx := s.For(w.src.Company), t.Context()
		_, err := tenant.CreateWebhook(ctx, registry.Webhook{Name: "a", Secret: []byte("s")}, registry.Deed{})
		if registry.CodeOf(err) != registry.CodeValueTaken {
			t.Errorf("the same name: %v", err)
		}
		got, err := tenant.Webhooks(ctx)
		must(t, err)
		if len(got) != 1 || got[0].URL != h.URL || string(got[0].Secret) != "sealed" || !slices.Equal(got[0].Events, h.Events) || got[0].PublicID == "" || got[0].CreatedAt.IsZero() {
			t.Errorf("read back: %+v", got)
		}
		_, err = tenant.ChangeWebhook(ctx, h.ID, registry.Deed{}, func(h *registry.Webhook) error { h.DeletedAt = time.Now(); return nil })
		must(t, err)
		if _, err := tenant.CreateWebhook(ctx, registry.Webhook{Name: "a", Secret: []byte("s")}, registry.Deed{}); err != nil {
			t.Errorf("the name of a deleted one: %v", err)
		}
	})
}

// TestSweepOfDeliveries: what is over goes with time, what waits does not.
func TestSweepOfDeliveries(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		w.hook("a", "user.*")
		w.queue(2)
		finish(t, s, outcome(due(t, s, 1, 1, hookLease)[0], registry.DeliveryDelivered, nil))
		later := time.Now().Add(48 * time.Hour)
		left := func() [2]int64 {
			return [2]int64{w.number(`SELECT count(*) FROM deliveries`), w.number(`SELECT count(*) FROM delivery_attempts`)}
		}
		must(t, s.Sweep(t.Context(), later, func(string) time.Duration { return 72 * time.Hour }))
		want(t, "before their time", left(), [2]int64{2, 1})
		must(t, s.Sweep(t.Context(), later, func(string) time.Duration { return 24 * time.Hour }))
		want(t, "after it", left(), [2]int64{1, 0})
	})
}

// hooksClimbed are the methods of Tenant that TestWebhookFence tries.
var hooksClimbed = []string{
	"Audit", "ChangeWebhook", "CreateWebhook", "Deeds", "Deliveries", "Digest", "Replay", "StartTest", "TakeDigest", "Webhooks",
}

// TestWebhookFence: company B, with the keys of A's webhook, sees and touches
// nothing of it, and is told nothing of A.
func TestWebhookFence(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		c := newClimber(t, s)
		h := c.hook("a", "*")
		c.queue(1)
		ctx := store.OnlyCompany(t.Context(), int64(c.beta.Company))
		never := func(*registry.Webhook) error { t.Error("changed"); return nil }
		for what, err := range map[string]error{
			"change": second(c.b.ChangeWebhook(ctx, h.ID, registry.Deed{}, never)),
			"test":   second(c.b.StartTest(ctx, h.ID, hookLease, registry.Deed{})),
		} {
			if !errors.Is(err, registry.ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if list, err := c.b.Webhooks(ctx); len(list) != 0 || err != nil {
			t.Errorf("webhooks: %v, %v", list, err)
		}
		if list, err := c.b.Deliveries(ctx, registry.DeliveryQuery{Webhook: h.ID, Limit: 9}); len(list) != 0 || err != nil {
			t.Errorf("deliveries: %v, %v", list, err)
		}
		if n, err := c.b.Replay(ctx, h.ID, "", time.Time{}, registry.Deed{}); n != 0 || err != nil {
			t.Errorf("replay: %d, %v", n, err)
		}
		if list, err := c.b.Deeds(ctx, registry.DeedQuery{Limit: 9}); len(list) != 0 || err != nil {
			t.Errorf("deeds: %v, %v", list, err)
		}
		d, err := c.b.Digest(ctx, c.now.AddDate(-1, 0, 0))
		if err != nil || !d.Empty() || slices.ContainsFunc(d.Sources, func(x registry.SourceDigest) bool { return x.Key != "other" }) {
			t.Errorf("digest: %+v, %v", d, err)
		}
		must(t, c.b.Audit(ctx, registry.Deed{Actor: "b", Action: "b"}))
		_, err = c.b.CreateWebhook(ctx, registry.Webhook{Name: "a", Events: []string{"*"}, Secret: []byte("s")}, registry.Deed{})
		must(t, err)
		before := c.number(`SELECT count(*) FROM deliveries`)
		c.queue(1)
		want(t, "written for both", c.number(`SELECT count(*) FROM deliveries`), before+1)
		won, err := c.b.TakeDigest(ctx, time.Time{}, c.now, &registry.Notice{Kind: registry.NoticeDigest}, &registry.Deed{})
		if !won || err != nil {
			t.Errorf("take digest: %t, %v", won, err)
		}
		dues, err := s.DigestsDue(t.Context())
		must(t, err)
		if !dues[c.src.Company].IsZero() || !dues[c.beta.Company].Equal(c.now) {
			t.Errorf("due: %v", dues)
		}
		want(t, "A's audit", c.number(`SELECT count(*) FROM audits WHERE company_id = %d`, c.src.Company), 1)
	})
}

// second is the error of a pair.
func second[T any](_ T, err error) error { return err }
