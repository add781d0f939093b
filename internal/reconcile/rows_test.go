package reconcile_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// TestKindsOfRows: a row says what it is about, also of what has no key yet, or
// never gets one.
func TestKindsOfRows(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		var mails []string
		for i := range 300 {
			mails = append(mails, fmt.Sprintf("hug%d@example.com", i))
		}
		w.dir.addPerson("hug", attrs{"mail": mails})
		w.dir.addPeople("ann")
		w.dir.addGroup("team", "ann")
		kinds := func(run *registry.Run) (out []string) {
			t.Helper()
			err := w.s.For(run.Company).Items(t.Context(), run.ID, func(it registry.RunItem) error {
				out = append(out, fmt.Sprintf("%s %s %s %s", it.Kind(), it.Outcome, it.Action, it.Name))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(out)
			return out
		}
		want(t, "preview", kinds(w.preview()), []string{
			"group planned create team", "group planned members team", "user conflict create hug", "user planned create ann",
		})
		want(t, "run", kinds(w.run(registry.RunPartial)), []string{"user conflict create hug"})
	})
}

// TestKeptMembers: who leaves a group in the directory and is in it by hand stays, and
// the report says so.
func TestKeptMembers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.dir.addPeople("ann", "bob", "cid")
		w.dir.addGroup("team", "ann", "bob", "cid")
		w.run(registry.RunDone)
		team := registry.GroupID(number(t, w.rows(`SELECT id FROM "groups"`)[0]))
		ann, cid := registry.UserID(number(t, w.id("ann"))), registry.UserID(number(t, w.id("cid")))
		w.put(w.door(registry.OriginAdmin, "admin"), registry.PatchMembers{Group: team, AddUsers: []registry.UserID{ann, cid}})
		w.dir.setMembers("team", "cid")

		var kept []string
		note := func(p *registry.Payload) { kept = append(kept, fmt.Sprintf("%d removed, %d kept", p.Removed, p.Kept)) }
		preview := w.preview()
		err := w.s.For(preview.Company).Items(t.Context(), preview.ID, func(it registry.RunItem) error {
			note(it.Detail)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		run := w.run(registry.RunDone)
		err = w.s.For(run.Company).ChangesOf(t.Context(), run.ID, func(c registry.Change, _ string) error {
			note(&c.Payload)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want(t, "preview and run", kept, []string{"2 removed, 1 kept", "2 removed, 1 kept"})
		want(t, "members", w.members(), []string{"team admin ann", "team admin cid", "team corp cid"})
	})
}
