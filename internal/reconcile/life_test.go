package reconcile_test

import (
	"slices"
	"testing"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
)

func TestFirstAndSecondRun(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		names := uids(55) // three pages
		w.dir.addPeople(names...)
		w.dir.addPerson("nomail", attrs{"mail": nil})
		w.dir.addGroup("all", names...)
		w.dir.addGroup("inner", "u000", "nomail")
		w.dir.addGroup("outer", "u001", ":inner")
		w.dir.addGroup("empty")

		run := w.run(registry.RunDone)
		c := run.Counts
		want(t, "counts", []int64{c.Users, c.Groups, c.Created, c.GroupsCreated, c.MembersAdded, c.Mailed}, []int64{56, 4, 56, 4, 60, 55})
		want(t, "people", len(w.people()), 56)
		want(t, "some members", w.rows(`SELECT u.user_name FROM memberships m JOIN "groups" g ON g.id = m.group_id JOIN users u ON u.id = m.user_id
			WHERE g.display_name = 'outer' ORDER BY 1`), []string{"nomail", "u000", "u001"})
		want(t, "mails", len(w.mails()), 55)
		want(t, "mails, each address once", len(slices.Compact(w.mails())), 55)
		want(t, "report", len(w.report(run)), 56+4+3)

		w.idle()
		w.idle()
		want(t, "preview of an unchanged directory", w.report(w.preview()), nil)
	})
}

func TestWhatAPersonLivesThrough(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.dir.addPeople("ann", "bob", "cid", "dee", "eve")
		w.dir.addGroup("team", "ann", "bob", "eve")
		w.run(registry.RunDone)
		ann, bob, eve := w.id("ann"), w.id("bob"), w.id("eve")
		step := func(what string, changes ...string) *registry.Run {
			t.Helper()
			run := w.run(registry.RunDone)
			slices.Sort(changes)
			want(t, what, w.report(run), changes)
			w.idle()
			return run
		}

		w.dir.set("ann", attrs{"title": {"Boss"}, "mail": {"ann@new.example.com"}})
		step("changed values", "update ann")
		want(t, "the mail follows the address", w.rows(`SELECT state, address FROM mails WHERE user_id = %s ORDER BY id`, ann),
			[]string{"cancelled ann@example.com", "queued ann@new.example.com"})

		w.dir.must(w.dir.s.Rename(w.dir.dn("ann"), "uid=anna", ""))
		w.dir.setMembers("team", "anna", "bob", "eve")
		step("renamed", "rename anna")
		want(t, "who was renamed", w.id("anna"), ann)

		w.dir.add("ou=sub,"+w.dir.people(), attrs{"objectClass": {"organizationalUnit"}, "ou": {"sub"}})
		w.dir.must(w.dir.s.Rename(w.dir.dn("bob"), "uid=bob", "ou=sub,"+w.dir.people()))
		w.dir.must(w.dir.s.Modify(w.dir.group("team"), attrs{"member": {w.dir.dn("anna"), "uid=bob,ou=sub," + w.dir.people(), w.dir.dn("eve")}}))
		step("moved to another OU")
		want(t, "who was moved", w.id("bob"), bob)
		want(t, "members", w.members(), []string{"team corp anna", "team corp bob", "team corp eve"})

		w.dir.must(w.dir.s.Rename(w.dir.dn("cid"), "uid=tmp", ""))
		w.dir.must(w.dir.s.Rename(w.dir.dn("dee"), "uid=cid", ""))
		w.dir.must(w.dir.s.Rename(w.dir.dn("tmp"), "uid=dee", ""))
		cid, dee := w.id("cid"), w.id("dee")
		step("two swap names", "rename cid", "rename dee")
		want(t, "who swapped names", []string{w.id("cid"), w.id("dee")}, []string{dee, cid})
		w.dir.set("cid", attrs{"mail": {"cid@example.com"}})
		w.dir.set("dee", attrs{"mail": {"dee@example.com"}})
		step("two swap addresses", "update cid", "update dee")
		want(t, "who swapped addresses", w.rows(`SELECT u.user_name, e.address FROM emails e JOIN users u ON u.id = e.user_id WHERE u.user_name IN ('cid', 'dee') ORDER BY 1`),
			[]string{"cid cid@example.com", "dee dee@example.com"})

		w.dir.set("eve", attrs{"pwdAccountLockedTime": {"000001010000Z"}})
		step("disabled", "deactivate eve")
		want(t, "the disabled keep their groups", w.members(), []string{"team corp anna", "team corp bob", "team corp eve"})
		w.dir.set("eve", attrs{"pwdAccountLockedTime": nil})
		step("enabled", "enable eve")

		w.dir.remove("eve")
		w.dir.setMembers("team", "anna")
		step("left", "deactivate eve missing", "members team +0 -2")
		w.clock.forward(grace - time.Hour)
		step("within the grace")
		w.clock.forward(2 * time.Hour)
		step("after the grace", "delete eve grace_over")
		want(t, "people", w.people(), []string{"anna on", "bob on", "cid on", "dee on", "eve deleted"})
		w.clock.forward(grace)
		step("long after the grace")

		// The same object comes back, as from a backup, with its entryUUID.
		w.dir.must(restore(w.dir, "eve", w.rows(`SELECT anchor FROM links WHERE user_id = %s`, eve)[0]))
		step("came back", "restore eve")
		want(t, "who came back", w.id("eve"), eve)

		w.dir.remove("eve")
		step("left again", "deactivate eve missing")
		w.clock.forward(time.Hour)
		w.dir.must(restore(w.dir, "eve", w.rows(`SELECT anchor FROM links WHERE user_id = %s`, eve)[0]))
		step("came back within the grace", "enable eve")

		// Another object with the same name is another person, for a person to decide.
		w.dir.remove("eve")
		w.dir.addPerson("eve", nil)
		run := w.run(registry.RunPartial)
		want(t, "an heir to a name", w.report(run), []string{"deactivate eve missing", "conflict recreated uid=eve," + w.dir.people()})
	})
}

func TestKeptAndNeverDeleted(t *testing.T) {
	w := sqlite(t)
	w.dir.addPeople("ann", "bob")
	w.adjust = func(s *reconcile.Source) { s.OnMissing = false }
	w.run(registry.RunDone)
	w.dir.remove("bob")
	want(t, "missing", w.run(registry.RunDone).Counts.Missing, int64(1))
	w.clock.forward(10 * grace)
	w.idle()
	want(t, "people under keep", w.people(), []string{"ann on", "bob on"})

	// The policy changes: first deactivated, and the grace counts from then.
	w.adjust = nil
	want(t, "a new policy", w.report(w.run(registry.RunDone)), []string{"deactivate bob missing"})
	w.idle()
	w.clock.forward(grace - time.Hour)
	w.idle()
	w.clock.forward(2 * time.Hour)
	want(t, "grace over", w.report(w.run(registry.RunDone)), []string{"delete bob grace_over"})
}

func TestScope(t *testing.T) {
	w := sqlite(t)
	w.spec = scoped(`title != "Contractor"`)
	w.dir.addPerson("ann", attrs{"title": {"Boss"}})
	w.dir.addPerson("bob", attrs{"title": {"Contractor"}})
	w.dir.addGroup("team", "ann", "bob")
	run := w.run(registry.RunDone)
	want(t, "out of scope", run.Counts.OutOfScope, int64(1))
	want(t, "members", w.members(), []string{"team corp ann"})
	w.dir.addPerson("cid", nil)
	w.dir.set("ann", attrs{"title": {"Contractor"}})
	want(t, "left the scope", w.report(w.run(registry.RunDone)), []string{"create cid", "deactivate ann out_of_scope", "members team +0 -1"})
	w.idle()
	w.dir.set("ann", attrs{"title": nil})
	want(t, "back in scope", w.report(w.run(registry.RunDone)), []string{"enable ann", "members team +1 -0"})
	w.idle()
}

func TestGroups(t *testing.T) {
	for _, nested := range []plan.Nested{plan.NestedFlatten, plan.NestedKeep, plan.NestedIgnore} {
		t.Run(string(nested), func(t *testing.T) {
			w := sqlite(t)
			w.adjust = func(s *reconcile.Source) { s.Nested = nested }
			w.dir.addPeople("ann", "bob", "cid")
			w.dir.addGroup("b-inner", "cid")
			w.dir.addGroup("a-outer", "ann", ":b-inner")
			w.dir.setMembers("b-inner", "cid", ":a-outer") // in a circle
			w.run(registry.RunDone)
			flat := []string{"a-outer corp ann", "a-outer corp cid", "b-inner corp ann", "b-inner corp cid"}
			want(t, "members", w.members(), map[plan.Nested][]string{
				plan.NestedFlatten: flat,
				plan.NestedKeep:    {"a-outer corp :b-inner", "a-outer corp ann", "b-inner corp :a-outer", "b-inner corp cid"},
				plan.NestedIgnore:  {"a-outer corp ann", "b-inner corp cid"},
			}[nested])
			w.idle()

			w.dir.must(w.dir.s.Rename(w.dir.group("b-inner"), "cn=c-inner", ""))
			w.dir.setMembers("a-outer", "bob", ":c-inner")
			run := w.run(registry.RunDone)
			want(t, "group renamed", slices.Contains(w.changes(run), "rename c-inner"), true)
			w.idle()

			w.dir.must(w.dir.s.Delete(w.dir.group("c-inner")))
			w.dir.setMembers("a-outer", "bob")
			w.run(registry.RunDone)
			want(t, "after the inner group went", w.members(), []string{"a-outer corp bob"})
			w.idle()
		})
	}
}

func TestGroupReturns(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.dir.addPeople("ann", "bob")
		w.dir.addGroup("team", "ann", "bob")
		w.dir.addGroup("other", "ann")
		w.run(registry.RunDone)
		id := w.rows(`SELECT id FROM "groups" WHERE display_name = 'team'`)
		anchor := w.rows(`SELECT anchor FROM links WHERE group_id = %s`, id[0])[0]
		w.dir.must(w.dir.s.Delete(w.dir.group("team")))
		want(t, "deleted", w.report(w.run(registry.RunDone)), []string{"delete team missing +0 -2"})
		w.idle()
		w.dir.must(restoreEntry(w.dir, w.dir.group("team"), anchor, attrs{"objectClass": {"groupOfNames"}, "cn": {"team"}, "member": {w.dir.dn("bob")}}))
		want(t, "restored", w.report(w.run(registry.RunDone)), []string{"members team +1 -0", "restore team"})
		want(t, "the same group", w.rows(`SELECT id FROM "groups" WHERE display_name = 'team'`), id)
		w.idle()
	})
}
