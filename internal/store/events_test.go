package store_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// hook makes a webhook of the world's company.
func (w *world) hook(name string, events ...string) registry.Webhook {
	w.t.Helper()
	h, err := w.s.For(w.src.Company).CreateWebhook(w.t.Context(), registry.Webhook{
		Name: name, URL: "https://" + name + ".example.com/", Events: events, Secret: []byte("sealed"),
	}, registry.Deed{Actor: "test", Action: "webhook.create", Subject: "webhook " + name})
	if err != nil {
		w.t.Fatal(err)
	}
	return h
}

// told are the events written for a webhook since the last call, oldest first,
// each with its payload.
func (w *world) told(h registry.Webhook) (kinds []string, payloads []map[string]any) {
	w.t.Helper()
	list, err := w.s.For(w.src.Company).Deliveries(w.t.Context(), registry.DeliveryQuery{Webhook: h.ID, Limit: 1000})
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Reverse(list)
	for _, d := range list {
		var p map[string]any
		if err := json.Unmarshal(d.Payload, &p); err != nil {
			w.t.Fatal(err)
		}
		if p["type"] != string(d.Event) || p["timestamp"] == "" {
			w.t.Errorf("payload of %s: %s", d.Event, d.Payload)
		}
		kinds, payloads = append(kinds, string(d.Event)), append(payloads, p["data"].(map[string]any))
	}
	w.sql(`DELETE FROM deliveries WHERE webhook_id = %d`, h.ID)
	return kinds, payloads
}

// TestChangesAreTold: each webhook gets what it listens to, for each change that
// was made and for none that was not, and nothing personal with it.
func TestChangesAreTold(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		people, groups, deaf := w.hook("people", "user.*"), w.hook("groups", "group.deleted", "group.created"), w.hook("deaf", "user.created")
		disabled, err := s.For(w.src.Company).ChangeWebhook(t.Context(), deaf.ID, registry.Deed{}, func(h *registry.Webhook) error {
			h.DisabledAt, h.DisabledReason = time.Now(), registry.DisabledByHand
			return nil
		})
		must(t, err)
		ids := w.create(person("1", "Ann"), person("2", "Bob"))
		res := w.put(person("1", "Anna"), person("3", "BOB"), miss("2"), registry.PutGroup{Anchor: "g", DisplayName: "Secret"})
		want(t, "refusals", codes(res), []registry.Code{"", registry.CodeUserNameTaken, "", ""})
		w.put(person("1", "Anna")) // changes nothing
		if _, err := w.r.Preview(t.Context(), registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Ops: []registry.Op{person("9", "Zed")}}); err != nil {
			t.Fatal(err)
		}
		kinds, data := w.told(people)
		want(t, "people", kinds, []string{"user.created", "user.created", "user.renamed", "user.deactivated"})
		if data[2]["user"] != w.person(ids[0]).PublicID || data[2]["company"] != "acme" || data[2]["action"] != "rename" || data[2]["change"] == nil {
			t.Errorf("a rename is told as %v", data[2])
		}
		if data[3]["code"] != "missing" {
			t.Errorf("a deactivation is told as %v", data[3])
		}
		if text := strings.ToLower(fmt.Sprint(data)); strings.Contains(text, "ann") || strings.Contains(text, "example.com") {
			t.Errorf("personal data: %s", text)
		}
		kinds, _ = w.told(groups)
		want(t, "groups", kinds, []string{"group.created"})
		if kinds, _ = w.told(disabled); len(kinds) != 0 {
			t.Errorf("a disabled webhook is told %v", kinds)
		}
	})
}

// TestRunsAndHealthAreTold: a run is told when it ends or is held, once, and a
// source when its state changes, and not with every run.
func TestRunsAndHealthAreTold(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		h := w.hook("ops", "sync.*", "user.created")
		tenant, ctx := s.For(w.src.Company), t.Context()
		f, _ := acquire(t, w, "a")
		run := newRun(t, w, f, registry.ModeRun)
		b := registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Run: run.ID, Ops: []registry.Op{person("1", "ann")}}
		if _, err := w.r.Apply(ctx, b); err != nil {
			t.Fatal(err)
		}
		for _, state := range []registry.RunState{registry.RunApplying, registry.RunHeld, registry.RunHeld} {
			run.State, run.Limits = state, []registry.Limit{{Name: "deactivate", Count: 9}}
			must(t, tenant.UpdateRun(ctx, f, run))
		}
		kinds, data := w.told(h)
		want(t, "held", kinds, []string{"user.created", "sync.run.held"})
		if data[0]["run"] != float64(run.Number) || data[1]["run"] != float64(run.Number) || data[1]["source"] != "corp" || fmt.Sprint(data[1]["limits"]) != "[deactivate]" {
			t.Errorf("%v", data)
		}
		second, preview := newRun(t, w, f, registry.ModeRun), newRun(t, w, f, registry.ModePreview)
		second.State, preview.State = registry.RunPartial, registry.RunDone
		second.Counts.Failed = 2
		must(t, tenant.UpdateRun(ctx, f, second))
		must(t, tenant.UpdateRun(ctx, f, preview))
		kinds, data = w.told(h)
		want(t, "finished", kinds, []string{"sync.run.finished"})
		if data[0]["state"] != "partial" || data[0]["counts"].(map[string]any)["failed"] != float64(2) {
			t.Errorf("%v", data)
		}
		failing := registry.Health{Failures: 1, FailingSince: w.now}
		quarantined := registry.Health{Failures: 3, FailingSince: w.now, QuarantinedAt: w.now, Code: "source_auth"}
		for _, health := range []registry.Health{{}, failing, {Failures: 2, FailingSince: w.now}, quarantined, quarantined, {}} {
			must(t, tenant.EndRun(ctx, f, preview, registry.RunEnd{Health: &health}))
		}
		must(t, tenant.PauseSource(ctx, w.src.ID, "ann", "why"))
		must(t, tenant.PauseSource(ctx, w.src.ID, "ann", "why"))
		must(t, tenant.ResumeSource(ctx, w.src.ID))
		if _, err := tenant.DecideRun(ctx, run, registry.Decision{State: registry.RunRejected, By: "ann", Note: "no"}); err != nil {
			t.Fatal(err)
		}
		must(t, tenant.AllowRemovals(ctx, f))
		kinds, data = w.told(h)
		var steps []string
		for i, d := range data {
			if kinds[i] != string(registry.EventHealthChanged) || d["source"] != "corp" {
				t.Errorf("%s: %v", kinds[i], d)
			}
			steps = append(steps, fmt.Sprint(d["from"], ">", d["to"]))
		}
		want(t, "health", steps, []string{
			"ok>failing", "failing>quarantined", "quarantined>ok", "ok>paused", "paused>ok", "ok>no_removals", "no_removals>ok",
		})
		if data[1]["code"] != "source_auth" {
			t.Errorf("a quarantine is told as %v", data[1])
		}
	})
}

// TestUntoldCostsNothing: a company without webhooks does not ask for them with
// every write.
func TestUntoldCostsNothing(t *testing.T) {
	for _, d := range databases {
		t.Run(d.name, func(t *testing.T) {
			at := time.Now()
			s := openStore(t, d.address(t), store.Options{Driver: store.FencedDriver(d.driver), Now: func() time.Time { return at }})
			must(t, s.Migrate(t.Context()))
			w := newWorld(t, s)
			w.create1(person("1", "ann"))
			asked := 0
			ctx := store.Recording(t.Context(), func(q string) {
				if strings.Contains(q, "webhooks") || strings.Contains(q, "deliveries") {
					asked++
				}
			})
			put := func() {
				t.Helper()
				b := registry.Batch{Company: w.src.Company, Origin: w.src.Origin, Ops: []registry.Op{person(fmt.Sprint(w.changes(), "x"), fmt.Sprint("p", w.changes()))}}
				if _, err := w.r.Apply(ctx, b); err != nil {
					t.Fatal(err)
				}
			}
			put()
			want(t, "statements", asked, 0)
			at = at.Add(time.Second)
			put()
			want(t, "statements after a second", asked, 1)
			h := w.hook("late", "*")
			put()
			if kinds, _ := w.told(h); len(kinds) != 1 {
				t.Errorf("the change after a webhook was made is told as %v", kinds)
			}
		})
	}
}

// TestAnotherProcessListens: when the command that makes a webhook returns, a
// server beside it writes events for it, and none after the one that ends it.
func TestAnotherProcessListens(t *testing.T) {
	onBothEmpty(t, func(t *testing.T, open func() *store.Store) {
		server, command := open(), open()
		must(t, server.Migrate(t.Context()))
		must(t, server.Announce(t.Context(), store.Process{Name: "server"}))
		w := newWorld(t, server)
		w.create1(person("1", "ann")) // the server remembers that nobody listens
		beside := &world{t: t, s: command, r: w.r, src: w.src, now: w.now}
		h := beside.hook("late", "user.created")
		w.create1(person("2", "bob"))
		kinds, _ := w.told(h)
		want(t, "told", kinds, []string{"user.created"})
		_, err := command.For(w.src.Company).ChangeWebhook(t.Context(), h.ID, registry.Deed{}, func(h *registry.Webhook) error {
			h.DeletedAt = time.Now()
			return nil
		})
		must(t, err)
		w.create1(person("3", "cid"))
		kinds, _ = w.told(h)
		want(t, "told after the end", len(kinds), 0)
	})
}

// TestUndoneIsNotTold: what a transaction takes back, its events go with.
func TestUndoneIsNotTold(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newWorld(t, s)
		h := w.hook("people", "*")
		err := s.Write(t.Context(), w.src.Company, nil, func(tx registry.Tx) error {
			u := &registry.User{PublicID: "p", Kind: registry.EndUser, Attributes: registry.Attributes{registry.AttrUserName: {"ann"}}, Owner: w.src.Origin.ID, Version: 1}
			err := tx.Save(t.Context(), &registry.Writes{NewUsers: []*registry.User{u}, Changes: []registry.PendingChange{{User: u, Change: &registry.Change{Action: registry.ActionCreate}}}})
			if err != nil {
				t.Error(err)
			}
			return context.Canceled
		})
		if err == nil {
			t.Fatal("written")
		}
		if kinds, _ := w.told(h); len(kinds) != 0 {
			t.Errorf("told %v", kinds)
		}
	})
}
