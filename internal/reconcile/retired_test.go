package reconcile_test

import (
	"testing"
	"time"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// configure makes the sources those of a configuration file.
func (w *world) configure(keys ...string) {
	w.t.Helper()
	want := store.Settled{Companies: []registry.Company{{Key: "acme", Name: "Acme", Locale: "it"}}, Next: func(string) (time.Time, error) { return w.clock.now().Add(time.Hour), nil }}
	for _, key := range keys {
		want.Sources = append(want.Sources, store.SettledSource{
			Key: key, CompanyKey: "acme", Kind: registry.OriginLDAP, Schedule: "@daily",
		})
	}
	if err := w.s.Settle(w.t.Context(), want); err != nil {
		w.t.Fatal(err)
	}
}

// due are the sources whose time comes within a year.
func (w *world) due() (keys []string) {
	w.t.Helper()
	list, err := w.s.DueSources(w.t.Context(), w.clock.now().Add(365*24*time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, src := range list {
		keys = append(keys, src.Key)
	}
	return keys
}

// TestTakenOutAndPutBack takes a source out of the configuration and puts it back
// weeks later: its people stay as they are, and the first run afterwards reads
// everything whole and does only what the directory says.
func TestTakenOutAndPutBack(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.configure("corp", "branch")
		w.dir.addPeople(uids(8)...)
		w.dir.addGroup("all", uids(8)...)
		w.run(registry.RunDone)
		w.dir.remove("u000") // was missing when the source went
		w.run(registry.RunDone)
		if _, run := w.whole(registry.RunDone); run.Full {
			t.Fatal("the nights are not cheap: the test proves nothing")
		}

		before := w.footprint()
		w.configure("branch")
		want(t, "due while it is out", w.due(), []string{"branch"})
		want(t, "what taking it out left behind", w.footprint(), before)
		w.dir.remove("u001")
		w.dir.set("u002", attrs{"title": {"Boss"}})
		w.dir.addPeople("new")
		w.clock.forward(grace / 2)
		want(t, "while it is out", w.footprint(), before)

		w.configure("corp", "branch")
		want(t, "due again", len(w.due()), 2)
		_, run := w.whole(registry.RunDone)
		want(t, "the first run reads everything whole", run.Full, true)
		want(t, "and does what the directory says", w.changes(run), []string{
			"create new", "deactivate u001 missing", "members all +0 -1", "update u002",
		})
		w.sound()
		w.idle()

		// Each grace counts from when a run lacked somebody, not from the return.
		w.clock.forward(grace/2 + time.Hour)
		want(t, "one grace is over", w.changes(w.run(registry.RunDone)), []string{"delete u000 grace_over"})
		w.clock.forward(grace / 2)
		want(t, "and the other", w.changes(w.run(registry.RunDone)), []string{"delete u001 grace_over"})
	})
}

// TestPutBackAfterAnotherTookOver: whom another directory took over meanwhile is
// not missed by the old one.
func TestPutBackAfterAnotherTookOver(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.configure("corp", "branch")
		w.dir.addPeople("ann", "bob")
		w.run(registry.RunDone)
		w.configure("branch")

		branch := w.another("branch")
		branch.dir = newDirectoryOn(t, w.dir.s)
		branch.dir.addPeople("ann")
		branch.adjust = func(s *reconcile.Source) { s.Join = rules("userName") }
		run := branch.runSource("branch", reconcile.Request{Mode: registry.ModeRun}, registry.RunPartial)
		want(t, "no rule takes whom a directory had", w.report(run), []string{"conflict join foreign_owner ann"})
		anchor := w.rows(`SELECT anchor FROM run_items WHERE run_id = %d`, run.ID)[0]
		ann := registry.UserID(number(t, w.id("ann")))
		w.put(w.source("branch").State.Origin, registry.LinkUser{User: ann, Anchor: anchor, Name: branch.dir.dn("ann")})
		branch.runSource("branch", reconcile.Request{Mode: registry.ModeRun}, registry.RunDone)
		want(t, "people", w.people(), []string{"ann on", "bob on"})

		w.configure("corp", "branch")
		w.dir.remove("ann") // is the other directory's now
		run = w.run(registry.RunDone)
		want(t, "nobody is deactivated", w.changes(run), []string(nil))
		want(t, "people then", w.people(), []string{"ann on", "bob on"})
		w.idle()
	})
}

// TestPutBackWithAnEmptyDirectory: a server set up anew is no reason to end
// anybody.
func TestPutBackWithAnEmptyDirectory(t *testing.T) {
	w := sqlite(t)
	w.configure("corp")
	names := uids(5)
	w.dir.addPeople(names...)
	w.run(registry.RunDone)
	w.configure()
	w.dir.remove(names...)
	w.configure("corp")
	held := w.run(registry.RunHeld)
	want(t, "limit", held.Limits[0].Name, "empty")
	want(t, "enabled", w.rows(`SELECT count(*) FROM users WHERE enabled`), []string{"5"})
}
