package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
)

// forget parts from corp.
func (w *world) forget(f reconcile.Forgetting, req reconcile.Request, state registry.RunState) *registry.Run {
	w.t.Helper()
	if f.How == reconcile.PartTo {
		f.Heir = w.source("branch")
		f.To = f.Heir.State.Origin
	}
	if req.Mode == "" {
		req.Mode = registry.ModeRun
	}
	src, err := w.s.SourceByKey(w.t.Context(), "corp")
	if err != nil {
		w.t.Fatal(err)
	}
	run, err := w.engine.Forget(w.t.Context(), &reconcile.Source{State: src}, f, req)
	if err != nil {
		w.t.Fatal(err)
	}
	if run.State != state {
		w.t.Fatalf("parting ended %s, want %s: %s %s", run.State, state, run.Code, run.Message)
	}
	return run
}

// approved is a request that lets a held parting through.
func approved(held *registry.Run) reconcile.Request {
	return reconcile.Request{Approved: held, Actor: "claire", Note: "moved", Trigger: "approval"}
}

// owned are people and groups with whose they are.
func (w *world) owned() []string {
	return append(
		w.rows(`SELECT u.user_name, o.key, CASE WHEN u.enabled THEN 'on' ELSE 'off' END FROM users u JOIN origins o ON o.id = u.owner_id WHERE u.deleted_at = 0 ORDER BY 1`),
		w.rows(`SELECT g.display_name, o.key FROM "groups" g JOIN origins o ON o.id = g.owner_id WHERE g.deleted_at = 0 ORDER BY 1, 2`)...)
}

// parted is a world whose source corp had three people and a group, and is in the
// configuration no more.
func parted(t *testing.T, w *world) {
	t.Helper()
	w.configure("corp", "branch")
	w.dir.addPeople("ann", "bob", "cid")
	w.dir.addGroup("team", "ann", "bob", "cid")
	w.run(registry.RunDone)
	w.configure("branch")
}

// TestForgetReleases gives people to the company: nothing else about them changes.
func TestForgetReleases(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		parted(t, w)
		admin := w.door(registry.OriginAdmin, "admin")
		f := reconcile.Forgetting{How: reconcile.PartRelease, To: admin}
		rows := []string{"handed_over ann", "handed_over bob", "handed_over cid", "handed_over team"}
		before := w.owned()

		preview := w.forget(f, reconcile.Request{Mode: registry.ModePreview}, registry.RunDone)
		want(t, "preview", len(preview.Limits), 1)
		held := w.forget(f, reconcile.Request{}, registry.RunHeld)
		for i, row := range rows {
			rows[i] = "held update " + row
		}
		want(t, "held rows", w.items(held), rows)
		how, heir := reconcile.PartingOf(w.stored(held))
		want(t, "what the held run would do", []string{string(how), heir}, []string{"release", ""})
		want(t, "while it is held", w.owned(), before)

		mails := w.mails()
		run := w.forget(f, approved(held), registry.RunDone)
		want(t, "changes", w.changes(run), []string{"update ann handed_over", "update bob handed_over", "update cid handed_over", "update team handed_over"})
		want(t, "whose they are", w.owned(), []string{"ann admin on", "bob admin on", "cid admin on", "team admin"})
		want(t, "members", w.members(), []string{"team admin ann", "team admin bob", "team admin cid"})
		want(t, "mails", w.mails(), mails)
		want(t, "links", w.rows(`SELECT count(*) FROM links l JOIN origins o ON o.id = l.origin_id WHERE o.key = 'corp'`), []string{"0"})
		want(t, "again", w.forget(f, reconcile.Request{}, registry.RunDone).Counts.Changes(), int64(0))

		// Put back, the source takes nobody by name.
		w.configure("corp", "branch")
		want(t, "put back", w.run(registry.RunPartial).Counts.Conflicts, int64(3))
		want(t, "enabled", w.rows(`SELECT count(*) FROM users WHERE enabled`), []string{"3"})
	})
}

// TestForgetDeactivates ends people as an absence does, and a return brings them
// back.
func TestForgetDeactivates(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		parted(t, w)
		w.exec(`UPDATE users SET company_admin = true WHERE user_name = 'bob'`)
		f := reconcile.Forgetting{How: reconcile.PartDeactivate}
		held := w.forget(f, reconcile.Request{}, registry.RunHeld)

		// What was approved is what is carried out, and nothing else.
		w.exec(`UPDATE users SET protected = true WHERE user_name = 'cid'`)
		again := w.forget(f, approved(held), registry.RunHeld)
		want(t, "another plan is held anew", again.PlanHash != held.PlanHash, true)
		run := w.forget(f, approved(again), registry.RunPartial)
		want(t, "report", w.report(run), []string{
			"deactivate ann missing", "delete team missing +0 -3", "conflict deactivate protected_admin bob", "conflict protected cid",
		})
		want(t, "whose they are", w.owned(), []string{"ann corp off", "bob corp on", "cid corp on"})

		w.configure("corp", "branch")
		w.run(registry.RunDone)
		want(t, "put back", w.owned(), []string{"ann corp on", "bob corp on", "cid corp on", "team corp"})
		want(t, "members", w.members(), []string{"team corp ann", "team corp bob", "team corp cid"})
		w.idle()
	})
}

// TestForgetGrace: whom a parting deactivated is deleted when the grace is over, as
// everybody who is deactivated is; nobody sooner, and nobody of a source that was
// only taken out.
func TestForgetGrace(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		parted(t, w)
		over := func() (out []string) {
			t.Helper()
			list, err := w.s.GraceOver(t.Context(), reconcile.EndedByParting, w.clock.now().Add(-reconcile.PartingGrace))
			if err != nil {
				t.Fatal(err)
			}
			for _, src := range list {
				out = append(out, src.Key)
			}
			return out
		}
		w.exec(`UPDATE users SET protected = true WHERE user_name = 'cid'`)
		w.clock.forward(reconcile.PartingGrace + time.Hour)
		want(t, "taken out and not given up", over(), nil)
		f := reconcile.Forgetting{How: reconcile.PartDeactivate}
		w.forget(f, approved(w.forget(f, reconcile.Request{}, registry.RunHeld)), registry.RunPartial)
		w.exec(`UPDATE users SET protected = false WHERE user_name = 'cid'`)
		left := []string{"ann corp off", "bob corp off", "cid corp on"}
		want(t, "after the parting", w.owned(), left)
		w.clock.forward(reconcile.PartingGrace - time.Hour)
		want(t, "within the grace", over(), nil)
		w.exec(`UPDATE users SET protected = true WHERE user_name = 'bob'`)

		w.clock.forward(2 * time.Hour)
		want(t, "after it", over(), []string{"corp"})
		src, err := w.s.SourceByKey(t.Context(), "corp")
		if err != nil {
			t.Fatal(err)
		}
		run, err := w.engine.EndGrace(t.Context(), &reconcile.Source{State: src}, reconcile.PartingGrace)
		if err != nil || run.State != registry.RunDone {
			t.Fatalf("%+v, %v", run, err)
		}
		want(t, "changes", w.changes(run), []string{"delete ann grace_over"})
		want(t, "who is left", w.owned(), left[1:])
		want(t, "again", over(), nil)

		// Put back, the source has the same people again.
		w.configure("corp", "branch")
		w.run(registry.RunDone)
		want(t, "put back", w.owned(), []string{"ann corp on", "bob corp on", "cid corp on", "team corp"})
	})
}

// TestForgetHandsOver gives people to a source that has them: by id where it reads
// the same directory, by userName where it reads another.
func TestForgetHandsOver(t *testing.T) {
	f := reconcile.Forgetting{How: reconcile.PartTo}
	t.Run("the same directory", func(t *testing.T) {
		onBoth(t, func(t *testing.T, w *world) {
			parted(t, w)
			mails := w.mails()
			run := w.forget(f, approved(w.forget(f, reconcile.Request{}, registry.RunHeld)), registry.RunDone)
			want(t, "changes", run.Counts.Changes(), int64(4))
			all := []string{"ann branch on", "bob branch on", "cid branch on", "team branch"}
			want(t, "whose they are", w.owned(), all)
			want(t, "members", w.members(), []string{"team branch ann", "team branch bob", "team branch cid"})
			w.dir.remove("bob")
			run = w.runSource("branch", reconcile.Request{Mode: registry.ModeRun}, registry.RunDone)
			want(t, "the next run of the other", w.changes(run), []string{"deactivate bob missing", "members team +0 -1"})
			want(t, "mails", len(w.mails()), len(mails))
		})
	})
	t.Run("another directory", func(t *testing.T) {
		onBoth(t, func(t *testing.T, w *world) {
			parted(t, w)
			branch := w.another("branch")
			branch.dir = newDirectoryOn(t, w.dir.s)
			branch.dir.addPeople("ann", "bob", "new")
			branch.dir.addGroup("team", "ann", "new")
			branch.runSource("branch", reconcile.Request{Mode: registry.ModeRun}, registry.RunPartial) // the names are taken

			held := branch.forget(f, reconcile.Request{}, registry.RunHeld)
			want(t, "held", w.items(held), []string{"held update handed_over ann", "held update handed_over bob", "skipped no_successor cid", "skipped no_successor team"})
			branch.forget(f, approved(held), registry.RunDone)
			want(t, "whose they are", w.owned(), []string{"ann branch on", "bob branch on", "cid corp on", "new branch on", "team branch", "team corp"})
			run := branch.runSource("branch", reconcile.Request{Mode: registry.ModeRun}, registry.RunDone)
			want(t, "the next run of the other", w.changes(run), []string{"members team +1 -0"})
		})
	})
	t.Run("a source that cannot be read", func(t *testing.T) {
		w := sqlite(t)
		parted(t, w)
		before := w.owned()
		w.ldap = func(c *sourceldap.Config) { c.URLs = []string{"ldap://127.0.0.1:1"} }
		run := w.forget(f, reconcile.Request{}, registry.RunFailed)
		want(t, "code", run.Code, "source_unreachable")
		want(t, "whose they are", w.owned(), before)
	})
}

// TestForgetHandsOverNobodyElse: where ids tell who is who, a userName under another
// id is somebody made anew, maybe another person; and no name gives away an account
// with rights, or a protected one.
func TestForgetHandsOverNobodyElse(t *testing.T) {
	f := reconcile.Forgetting{How: reconcile.PartTo}
	mighty := func(w *world) {
		w.exec(`UPDATE users SET company_admin = true WHERE user_name = 'ann'`)
		w.exec(`UPDATE users SET rights = 1 WHERE user_name = 'bob'`)
		w.exec(`UPDATE users SET protected = true WHERE user_name = 'cid'`)
	}
	details := func(w *world, run *registry.Run) (out []string) {
		t.Helper()
		err := w.s.For(run.Company).Items(t.Context(), run.ID, func(it registry.RunItem) error {
			if it.Group == 0 && it.Detail != nil {
				out = append(out, it.Name+": "+it.Message.String(), fmt.Sprint(it.Detail.Before["anchor"], it.Detail.After["anchor"]))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	anchors := func(w *world, origin string) map[string]string {
		out := map[string]string{}
		for _, row := range w.rows(`SELECT u.user_name, l.anchor FROM links l JOIN users u ON u.id = l.user_id JOIN origins o ON o.id = l.origin_id WHERE o.key = '%s'`, origin) {
			name, anchor, _ := strings.Cut(row, " ")
			out[name] = anchor
		}
		return out
	}
	t.Run("recreated", func(t *testing.T) {
		onBoth(t, func(t *testing.T, w *world) {
			parted(t, w)
			mighty(w)
			w.dir.remove("ann")
			w.dir.addPerson("ann", attrs{"mail": {"evil@elsewhere.example"}, "cn": {"Other Ann"}})
			was := anchors(w, "corp")
			held := w.forget(f, reconcile.Request{}, registry.RunHeld)
			want(t, "held", w.items(held), []string{
				"conflict recreated ann", "held update handed_over bob", "held update handed_over cid", "held update handed_over team",
			})
			w.says(held, "knows others by the same id", "usher source link branch ")
			want(t, "what ties them", details(w, held), []string{
				"bob: branch knows the same id, " + was["bob"], "[] []", "cid: branch knows the same id, " + was["cid"], "[] []",
			})
			w.forget(f, approved(held), registry.RunPartial)
			w.runSource("branch", reconcile.Request{Mode: registry.ModeRun}, registry.RunPartial)
			want(t, "whose they are", w.owned(), []string{"ann corp on", "bob branch on", "cid branch on", "team branch"})
			want(t, "mails to the other", w.rows(`SELECT 1 FROM mails WHERE address LIKE 'evil%%'`), nil)
		})
	})
	t.Run("by the name alone", func(t *testing.T) {
		onBoth(t, func(t *testing.T, w *world) {
			parted(t, w)
			w.dir.remove("ann", "bob", "cid")
			w.dir.addPeople("ann", "bob", "cid")
			was := anchors(w, "corp")
			stale := w.forget(f, reconcile.Request{}, registry.RunHeld)
			mighty(w)
			again := w.forget(f, approved(stale), registry.RunHeld)
			want(t, "held anew", w.items(again), []string{"conflict protected cid", "conflict protected_admin ann", "conflict protected_admin bob", "held update handed_over team"})
			w.says(again, "no name gives away an account with rights", "no name gives away a protected account", "usher source link branch ")

			// Whoever got rights when the plan was made already is refused as well.
			corp, branch := w.source("corp").State.Origin, w.source("branch").State.Origin
			for name, code := range map[string]registry.Code{"ann": registry.CodeProtectedAdmin, "bob": registry.CodeProtectedAdmin, "cid": registry.CodeProtected} {
				res, err := w.reg.Apply(t.Context(), registry.Batch{Company: corp.Company, Origin: corp, Actor: "test", Ops: []registry.Op{
					registry.HandUser{Anchor: was[name], To: branch.ID, NewAnchor: "other " + name, ByName: true},
				}})
				if err != nil || res[0].Refused == nil || res[0].Refused.Code != code {
					t.Errorf("%s: %+v, %v", name, res, err)
				}
			}

			w.exec(`UPDATE users SET company_admin = false, rights = 0 WHERE user_name IN ('ann', 'bob')`)
			held := w.forget(f, reconcile.Request{}, registry.RunHeld)
			run := w.forget(f, approved(held), registry.RunPartial)
			is := anchors(w, "branch")
			want(t, "what ties them", details(w, held), []string{
				"ann: only the name is that of one of branch: the id " + was["ann"] + " becomes " + is["ann"], fmt.Sprintf("[%s] [%s]", was["ann"], is["ann"]),
				"bob: only the name is that of one of branch: the id " + was["bob"] + " becomes " + is["bob"], fmt.Sprintf("[%s] [%s]", was["bob"], is["bob"]),
			})
			want(t, "changes", w.changes(run), []string{"update ann handed_over", "update bob handed_over", "update team handed_over"})
			want(t, "whose they are", w.owned(), []string{"ann branch on", "bob branch on", "cid corp on", "team branch"})
		})
	})
}
