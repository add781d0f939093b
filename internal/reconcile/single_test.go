package reconcile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

// one looks at one person and gives the steps in words.
func (w *world) one(who, mode string) ([]string, *reconcile.Single) {
	w.t.Helper()
	single, err := w.engine.One(w.t.Context(), w.source("corp"), who, reconcile.Request{Mode: mode, Trigger: "manual", Actor: "claire"})
	if err != nil {
		w.t.Fatal(err)
	}
	var out []string
	for _, s := range single.Steps {
		out = append(out, fmt.Sprintf("%s %t %s", s.Name, s.OK, s.Text))
	}
	return out, single
}

// last is the last of the steps.
func last(steps []string) string { return steps[len(steps)-1] }

// TestOne does one person through all that can happen to one.
func TestOne(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.dir.addPeople("ann", "bob", "cid")
		w.run(registry.RunDone)
		w.dir.addPerson("new", nil)
		w.dir.remove("bob")
		w.dir.set("cid", attrs{"title": {"Boss"}})

		steps, single := w.one("new", registry.ModePreview)
		want(t, "steps", steps, []string{
			"found true " + w.dir.dn("new"), "mapped true 4 attributes", "in scope true yes: the source has no scope",
			"matched true nobody is tied to this id, and no join rule finds anybody: a new person", "action true create",
		})
		want(t, "a preview changes nobody", w.people(), []string{"ann on", "bob on", "cid on"})
		want(t, "its run", single.Run.Mode, registry.ModePreview)
		_, single = w.one("new@example.com", registry.ModeRun)
		want(t, "changes", w.changes(single.Run), []string{"create new"})
		steps, single = w.one("new", registry.ModeRun)
		want(t, "again", last(steps), "action true nothing to do: the registry says what the directory says")
		want(t, "again", single.Run.State, registry.RunDone)

		// Somebody gone is nobody's to judge here, whatever name they are asked by.
		for _, who := range []string{"bob", "bob@example.com"} {
			steps, _ = w.one(who, registry.ModeRun)
			if len(steps) != 1 || !strings.HasPrefix(steps[0], "found false the directory has nobody like that now. bob is tied") {
				t.Errorf("%s: %q", who, steps)
			}
		}
		steps, _ = w.one("nobody", registry.ModeRun)
		want(t, "nobody", steps, []string{`found false neither the directory nor the registry knows anybody by "nobody"`})
		want(t, "bob", w.people()[1], "bob on")

		_, single = w.one("cid", registry.ModeRun)
		want(t, "changes", w.changes(single.Run), []string{"update cid"})
		w.dir.set("cid", attrs{"pwdAccountLockedTime": {"000001010000Z"}})
		steps, _ = w.one("cid", registry.ModeRun)
		want(t, "disabled at the directory", last(steps), "action true deactivate")
		w.dir.set("cid", attrs{"pwdAccountLockedTime": {}})
		steps, _ = w.one("cid", registry.ModeRun)
		want(t, "and back", last(steps), "action true enable")

		w.spec = scoped(`title != "Boss"`)
		steps, _ = w.one("cid", registry.ModeRun)
		want(t, "out of scope", steps[2:], []string{"in scope true no: title != \"Boss\"", "matched true by the id " + w.anchor("cid") + ", tied to this source", "action true deactivate out_of_scope"})
	})
}

// anchor is the id by which a person is tied.
func (w *world) anchor(name string) string {
	w.t.Helper()
	return w.rows(`SELECT anchor FROM links l JOIN users u ON u.id = l.user_id WHERE u.user_name = '%s'`, name)[0]
}

// TestOneOutsideTheFilter: what a run does not see is said, and nothing is done.
func TestOneOutsideTheFilter(t *testing.T) {
	w := sqlite(t)
	w.dir.addPeople("ann")
	w.run(registry.RunDone)
	w.dir.add("uid=robot,"+w.dir.people(), attrs{"objectClass": {"account"}, "uid": {"robot"}})
	steps, single := w.one("robot", registry.ModeRun)
	if len(steps) != 1 || !strings.Contains(steps[0], "a run does not see it") || single.Run != nil {
		t.Errorf("steps %q", steps)
	}
}

// TestOneBesideARun: who runs a source has it to themselves.
func TestOneBesideARun(t *testing.T) {
	w := sqlite(t)
	w.dir.addPeople("ann")
	src := w.source("corp")
	if _, _, err := w.s.For(src.State.Company).AcquireLease(t.Context(), src.State.ID, "other"); err != nil {
		t.Fatal(err)
	}
	_, err := w.engine.One(t.Context(), src, "ann", reconcile.Request{Mode: registry.ModeRun})
	if !errors.Is(err, registry.ErrLeased) {
		t.Errorf("one: %v", err)
	}
}

// TestRetry does what failed, and nobody else.
func TestRetry(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.spec = nil
		w.dir.addPeople("ann", "bob", "cid", "dee")
		w.run(registry.RunDone)
		w.ldap = nil
		admin := w.door(registry.OriginAdmin, "admin")
		w.put(admin, registry.CreateUser{Attributes: called("eve", registry.Attributes{})})
		w.dir.addPeople("eve", "fay")
		failed := w.run(registry.RunPartial)
		want(t, "report", w.report(failed), []string{"create fay", "conflict create user_name_taken eve"})
		if _, err := w.engine.Retry(t.Context(), w.source("corp"), w.run(registry.RunPartial), reconcile.Request{}); err != nil {
			t.Fatal(err)
		}

		w.exec(`UPDATE users SET user_name = 'eve2', user_name_key = 'eve2' WHERE user_name = 'eve'`)
		w.dir.remove("ann")                        // for a complete read to judge
		w.dir.set("bob", attrs{"title": {"Boss"}}) // for the next run
		run, err := w.engine.Retry(t.Context(), w.source("corp"), failed, reconcile.Request{Trigger: "manual"})
		if err != nil {
			t.Fatal(err)
		}
		want(t, "report", w.report(run), []string{"create eve"})
		want(t, "state", run.State, registry.RunDone)
		want(t, "resumes", w.stored(run).Resumes, failed.ID)
		want(t, "people", w.people(), []string{"ann on", "bob on", "cid on", "dee on", "eve on", "eve2 on", "fay on"})
		if _, err := w.engine.Retry(t.Context(), w.source("corp"), run, reconcile.Request{}); !errors.Is(err, reconcile.ErrNoFailed) {
			t.Errorf("retry of a run without failures: %v", err)
		}

		// Who failed and is gone now is left alone, and said to be.
		w.dir.remove("eve")
		run, err = w.engine.Retry(t.Context(), w.source("corp"), failed, reconcile.Request{})
		if err != nil {
			t.Fatal(err)
		}
		want(t, "gone", w.report(run), []string{"skipped not_there eve"})
		want(t, "eve", len(w.rows(`SELECT id FROM users WHERE user_name = 'eve' AND enabled`)), 1)
	})
}

// TestRetryIsNoWayAroundTheGuard: many at once are for a run that is judged.
func TestRetryIsNoWayAroundTheGuard(t *testing.T) {
	w := sqlite(t)
	names := uids(8)
	w.dir.addPeople(names...)
	w.run(registry.RunDone)
	w.spec = nil
	for _, uid := range names { // nobody can be used any more …
		w.dir.set(uid, attrs{"mail": {uid + "@example.com"}})
	}
	failed := w.failAll(names)
	for _, uid := range names { // … and when they can, all are disabled
		w.dir.set(uid, attrs{"pwdAccountLockedTime": {"000001010000Z"}})
	}
	w.adjust = func(s *reconcile.Source) { s.Limits.Deactivate = plan.Threshold{Count: 3, Percent: 100} }
	run, err := w.engine.Retry(t.Context(), w.source("corp"), failed, reconcile.Request{})
	if err != nil {
		t.Fatal(err)
	}
	want(t, "state", []string{string(run.State), run.Code}, []string{"failed", "guard"})
	want(t, "people", len(w.rows(`SELECT id FROM users WHERE enabled`)), 8)
}

// failAll makes a run in which each of the people fails by a mapping that
// cannot use them.
func (w *world) failAll(names []string) *registry.Run {
	w.t.Helper()
	w.spec = scoped(`int(uid) > 0`)
	run := w.run(registry.RunPartial)
	w.spec = nil
	want(w.t, "failed", run.Counts.Failed, int64(len(names)))
	return run
}
