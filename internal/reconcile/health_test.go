package reconcile_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// admin makes a company admin.
func (w *world) admin(name string, adjust ...func(*registry.CreateUser)) {
	w.t.Helper()
	op := registry.CreateUser{CompanyAdmin: true, Verified: true, Attributes: called(name, registry.Attributes{registry.AttrEmails: {name + "@example.com"}})}
	for _, fn := range adjust {
		fn(&op)
	}
	w.put(w.door(registry.OriginAdmin, "admin"), op)
}

// told are the mails to admins, the oldest first.
func (w *world) told() []string {
	w.t.Helper()
	return w.rows(`SELECT kind || ' ' || address FROM mails WHERE kind LIKE 'sync%' ORDER BY id`)
}

// health is how a source fares.
func (w *world) health(key string) *registry.Health {
	w.t.Helper()
	h := w.source(key).State.Health
	return &h
}

// TestQuarantine: a source that keeps failing waits longer and longer, its
// admins hear of it once, and once again when it works.
func TestQuarantine(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.admin("claire")
		w.admin("dora", func(o *registry.CreateUser) { o.Blocks = registry.BlockAdmin }) // hears of nothing
		f := staff(3)
		w.from(f)
		w.exec(`UPDATE sources SET schedule = '@daily' WHERE key = 'corp'`)
		w.run(registry.RunDone)
		f.err = fmt.Errorf("%w: connection refused", source.ErrUnreachable)
		for night := 1; night < 3; night++ {
			w.run(registry.RunFailed)
			h := w.health("corp")
			want(t, "state", h.State(nil), registry.Failing)
			want(t, "failures", h.Failures, night)
			want(t, "mails", len(w.told()), 0)
		}
		waits := []time.Duration{}
		for range 7 {
			w.run(registry.RunFailed)
			h := w.health("corp")
			want(t, "state", h.State(nil), registry.Quarantined)
			want(t, "code", h.Code, reconcile.CodeSourceUnreachable)
			wait := h.NextTry.Sub(w.clock.now()).Round(time.Minute)
			waits = append(waits, wait)
			want(t, "the schedule waits", w.rows(`SELECT next_due - next_try FROM sources WHERE key = 'corp' AND schedule <> ''`), []string{"0"})
			w.clock.forward(wait)
		}
		hour := time.Hour
		want(t, "waits", waits, []time.Duration{hour, hour, 2 * hour, 4 * hour, 8 * hour, 16 * hour, 24 * hour})
		want(t, "mails", w.told(), []string{"syncQuarantined claire@example.com"})
		f.err = nil
		w.preview() // proves nothing: nobody's health is judged by a preview
		want(t, "state", w.health("corp").State(nil), registry.Quarantined)
		w.run(registry.RunDone)
		want(t, "health", *w.health("corp"), registry.Health{})
		want(t, "mails", w.told(), []string{"syncQuarantined claire@example.com", "syncRecovered claire@example.com"})
		want(t, "people", len(w.rows(`SELECT id FROM users WHERE enabled AND NOT company_admin`)), 3)
	})
}

// TestRefusedCredentialsAtOnce: a directory locks an account that tries again
// and again.
func TestRefusedCredentialsAtOnce(t *testing.T) {
	w := sqlite(t)
	f := staff(1)
	f.err = source.ErrAuth
	w.from(f)
	w.run(registry.RunFailed)
	h := w.health("corp")
	want(t, "state", h.State(nil), registry.Quarantined)
	want(t, "code", h.Code, reconcile.CodeSourceAuth)
}

// TestOurOwnFaultsAreNotTheSources: a run that our side could not do says
// nothing about the directory.
func TestOurOwnFaultsAreNotTheSources(t *testing.T) {
	w := sqlite(t)
	w.from(staff(1))
	w.engine.TempDir = t.TempDir() + "/none"
	for range 5 {
		w.run(registry.RunFailed)
	}
	want(t, "health", *w.health("corp"), registry.Health{})
}

// TestHeldIsToldOnce: night after night of held runs is one mail; a decision
// ends the silence.
func TestHeldIsToldOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.admin("claire")
		names := guarded(t, w)
		w.dir.remove(names[:4]...)
		var held *registry.Run
		for range 3 {
			held = w.run(registry.RunHeld)
		}
		want(t, "mails", w.told(), []string{"syncHeld claire@example.com"})
		w.approve(held, registry.RunDone)
		w.dir.remove(names[4:8]...)
		w.run(registry.RunHeld)
		want(t, "mails", w.told(), []string{"syncHeld claire@example.com", "syncHeld claire@example.com"})
		want(t, "what they say", len(w.rows(`SELECT data FROM mails WHERE kind = 'syncHeld' AND CAST(data AS TEXT) LIKE '%limit.deactivate%'`)), 2)
	})
}
