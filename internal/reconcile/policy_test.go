package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// rules are join rules by attributes.
func rules(attributes ...string) []mapping.JoinRule {
	out := make([]mapping.JoinRule, len(attributes))
	for i, a := range attributes {
		out[i].Attribute = a
	}
	return out
}

// messages are the messages of a run's rows.
func (w *world) messages(run *registry.Run) string {
	w.t.Helper()
	return strings.Join(w.rows(`SELECT message FROM run_items WHERE run_id = %d ORDER BY id`, run.ID), "\n")
}

func (w *world) says(run *registry.Run, parts ...string) {
	w.t.Helper()
	for _, part := range parts {
		if all := w.messages(run); !strings.Contains(all, part) {
			w.t.Errorf("no %q in %q", part, all)
		}
	}
}

// TestModes takes a source through each mode of its policy.
func TestModes(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		mode := plan.ModeReportOnly
		w.adjust = func(s *reconcile.Source) { s.Policy = mode }
		w.dir.addPeople("ann", "bob", "cid")
		w.dir.addGroup("team", "ann", "bob")
		before := w.footprint()
		run := w.run(registry.RunDone)
		want(t, "reported", w.items(run), []string{"planned create ann", "planned create bob", "planned create cid", "planned create team", "planned members team +2 -0"})
		want(t, "what report-only left behind", w.footprint(), before)
		want(t, "settings of the last finished run", w.rows(`SELECT settings_hash FROM sources WHERE key = 'corp'`), []string{""})

		mode = plan.ModeSync
		w.run(registry.RunDone)
		w.dir.remove("ann")
		w.dir.set("bob", attrs{"title": {"Boss"}})
		w.dir.set("cid", attrs{"pwdAccountLockedTime": {"000001010000Z"}})
		w.dir.addPeople("dee")
		w.dir.setMembers("team", "bob", "cid", "dee")

		mode = plan.ModeCreateOnly
		run = w.run(registry.RunDone)
		want(t, "create-only", w.report(run), []string{"create dee", "members team +1 -0"})
		notes := slices.DeleteFunc(registry.English(w.stored(run).Notes), func(n string) bool { return strings.HasPrefix(n, "Read by markers") })
		want(t, "left out", notes, []string{"The policy create-only left out 2 deactivations, 1 members added, 1 members removed, 1 updates."})
		want(t, "count", w.stored(run).Counts.Withheld, int64(5))
		w.idle()

		mode = plan.ModeUpsertOnly
		want(t, "upsert-only", w.report(w.run(registry.RunDone)), []string{"members team +1 -0", "update bob"})
		want(t, "people", w.people(), []string{"ann on", "bob on", "cid on", "dee on"})
		w.clock.forward(2 * grace)
		w.idle()

		mode = plan.ModeSync
		want(t, "sync", w.report(w.run(registry.RunDone)), []string{"deactivate ann missing", "deactivate cid", "members team +0 -1"})
		w.idle()
	})
}

// TestRecreated: a new object with an old name is a decision.
func TestRecreated(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		how := plan.Recreate("")
		w.adjust = func(s *reconcile.Source) { s.Recreate = how }
		w.dir.addPeople("ann", "bob")
		w.dir.addGroup("team", "ann", "bob")
		w.run(registry.RunDone)
		ann := w.id("ann")
		recreate := func() {
			w.dir.remove("ann")
			w.dir.addPeople("ann")
			w.dir.setMembers("team", "ann", "bob")
		}
		recreate()
		run := w.run(registry.RunPartial)
		want(t, "a decision", w.report(run), []string{"deactivate ann missing", "members team +0 -1", "conflict recreated uid=ann," + w.dir.people()})
		w.says(run, "ann (", "usher source link corp ", "on_recreate: adopt")
		want(t, "candidates", w.rows(`SELECT user_id FROM run_items WHERE run_id = %d`, run.ID), []string{ann})
		w.idle()

		// An admin says that it is the same person.
		anchor := w.rows(`SELECT anchor FROM run_items WHERE run_id = %d`, run.ID)[0]
		origin := w.source("corp").State.Origin
		w.put(origin, registry.LinkUser{User: registry.UserID(number(t, ann)), Anchor: anchor})
		want(t, "by hand", w.report(w.run(registry.RunDone)), []string{"enable ann", "members team +1 -0"})
		want(t, "who", w.id("ann"), ann)
		w.idle()

		how = plan.RecreateAdopt
		recreate()
		w.exec(`UPDATE users SET credential = 'set', password_hash = 'theirs' WHERE id = %s`, ann)
		want(t, "what it would be", w.items(w.preview()), []string{"planned join adopted ann"})
		if r, ok := registry.ReasonOf("adopted"); !ok || !strings.Contains(r.Meaning, "password") {
			t.Errorf("nothing says what follows: %+v", r)
		}
		want(t, "adopted", w.report(w.run(registry.RunDone)), []string{"join ann adopted"})
		want(t, "who", w.rows(`SELECT id, credential, password_hash FROM users WHERE user_name = 'ann'`), []string{ann + " invited"})
		w.idle()

		how = plan.RecreateNew
		recreate()
		run = w.run(registry.RunPartial)
		want(t, "while the name is not free", w.report(run), []string{"deactivate ann missing", "members team +0 -1", "conflict user_name_taken uid=ann," + w.dir.people()})
		w.says(run, "ann (", "the name is free once they are deleted", "usher source link corp ")
		w.dir.remove("ann")
		w.run(registry.RunDone)
		w.clock.forward(2 * grace)
		w.run(registry.RunDone)
		w.dir.addPeople("ann")
		want(t, "new", w.report(w.run(registry.RunDone)), []string{"create ann", "members team +1 -0"})
		if id := w.rows(`SELECT id FROM users WHERE user_name = 'ann' AND deleted_at = 0`)[0]; id == ann {
			t.Error("the new person is the old one")
		}
		w.idle()
	})
}

// TestJoinByExpression compares a value of the entry that usher does not keep.
func TestJoinByExpression(t *testing.T) {
	w := sqlite(t)
	join := []mapping.JoinRule{{Attribute: "userName", Value: `"x-" + (description ?? "")`}, {Attribute: "email", Value: "description"}}
	w.spec = func(s *mapping.Spec) { s.Join = join }
	w.adjust = func(s *reconcile.Source) { s.Join = join }
	mail := w.door(registry.OriginMail, "mail")
	contact := func(name, address string) {
		a := registry.Attributes{}
		a.Set(registry.AttrEmails, address)
		w.put(mail, registry.CreateUser{Association: registry.Weak, Attributes: called(name, a), Verified: true})
	}
	contact("X-7", "")
	contact("guest", "g@elsewhere.example")
	contact("twin1", "twin@elsewhere.example")
	contact("twin2", "twin@elsewhere.example")
	w.dir.addPerson("ann", attrs{"description": {"7"}})
	w.dir.addPerson("bob", attrs{"description": {"G@elsewhere.example"}})
	w.dir.addPerson("cid", nil)
	w.dir.addPerson("dee", attrs{"description": {"twin@elsewhere.example"}})
	run := w.run(registry.RunPartial)
	want(t, "report", w.report(run), []string{"create cid", "join ann", "join bob", "conflict ambiguous_match uid=dee," + w.dir.people()})
	w.says(run, "twin1 (", "twin2 (", "usher source link corp ", "or rename one of them")
	want(t, "candidates", len(w.rows(`SELECT 1 FROM run_items WHERE CAST(detail AS TEXT) LIKE '%%candidates%%'`)), 1)
	w.idle()
}

// TestProtectedPeople: a conflict each night, and no end.
func TestProtectedPeople(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.spec = func(s *mapping.Spec) { s.Protect = `title == "Chief"` }
		w.dir.addPeople("ann", "bob", "cid")
		w.dir.addPerson("dee", attrs{"title": {"Chief"}})
		w.run(registry.RunDone)
		admin := w.door(registry.OriginAdmin, "admin")
		w.put(admin, registry.SetProtected{User: registry.UserID(number(t, w.id("ann"))), On: true})
		w.dir.remove("ann", "dee")
		want(t, "missing", w.report(w.run(registry.RunPartial)), []string{"conflict protected ann", "conflict protected dee"})
		w.clock.forward(2 * grace)
		w.idle()
		want(t, "people", w.people(), []string{"ann on", "bob on", "cid on", "dee on"})

		w.dir.set("bob", attrs{"title": {"Chief"}})
		want(t, "by the directory", w.report(w.run(registry.RunPartial)), []string{"update bob", "conflict protected ann", "conflict protected dee"})
		w.dir.set("bob", attrs{"pwdAccountLockedTime": {"000001010000Z"}})
		want(t, "disabled", w.report(w.run(registry.RunPartial)), []string{"conflict protected ann", "conflict protected dee", "conflict protected uid=bob," + w.dir.people()})
		w.dir.set("bob", attrs{"title": nil})
		w.put(admin, registry.SetProtected{User: registry.UserID(number(t, w.id("bob")))})
		want(t, "lifted", w.report(w.run(registry.RunPartial)), []string{"deactivate bob", "conflict protected ann", "conflict protected dee"})
	})
}

// TestScopeOfGroups: who leaves the scope loses the source's members and stays.
func TestScopeOfGroups(t *testing.T) {
	w := sqlite(t)
	targets := map[string]mapping.GroupTarget{"team": {Name: "The team", Role: registry.RoleSupport}, "old": {}}
	w.spec = func(s *mapping.Spec) { s.GroupMap, s.OnlyMapped = targets, true }
	w.adjust = func(s *reconcile.Source) { s.SettingsFree = true }
	w.dir.addPeople("ann", "bob")
	w.dir.addGroup("team", "ann", ":inner")
	w.dir.addGroup("inner", "bob")
	w.dir.addGroup("old", "ann", "bob")
	want(t, "taken", w.report(w.run(registry.RunDone)), []string{
		"create The team", "create ann", "create bob", "create old", "members The team +2 -0", "members old +2 -0",
	})
	want(t, "role", w.rows(`SELECT display_name FROM "groups" WHERE role = 'support'`), []string{"The team"})
	admin := w.door(registry.OriginAdmin, "admin")
	old := registry.GroupID(number(t, w.rows(`SELECT id FROM "groups" WHERE display_name = 'old'`)[0]))
	w.put(admin, registry.PatchMembers{Group: old, AddUsers: []registry.UserID{registry.UserID(number(t, w.id("ann")))}})

	delete(targets, "old")
	want(t, "left the scope", w.report(w.run(registry.RunDone)), []string{"members old out_of_scope +0 -2"})
	want(t, "members", w.members(), []string{"The team corp ann", "The team corp bob", "old admin ann"})
	w.idle()
	targets["old"] = mapping.GroupTarget{}
	want(t, "back", w.report(w.run(registry.RunDone)), []string{"members old +2 -0"})
	w.idle()
}

// bosses is a reader that knows managers, as entries say in description.
type bosses struct {
	source.Source
	dir *directory
}

func (b bosses) Read(ctx context.Context, req source.Request, emit func(source.Entry) error) (source.Summary, error) {
	return b.Source.Read(ctx, req, func(e source.Entry) error {
		b.name(&e)
		return emit(e)
	})
}

// name enters the manager of an entry.
func (b bosses) name(e *source.Entry) {
	if uid := e.Values["description"]; e.Kind == source.User && len(uid) > 0 {
		e.Manager = "dn:" + b.dir.dn(uid[0])
	}
}

// single looks for single people as another reader does, and names their bosses.
type single struct {
	bosses
	finder source.Finder
}

func (s single) Find(ctx context.Context, who string, limit int) ([]source.Entry, error) {
	out, err := s.finder.Find(ctx, who, limit)
	for i := range out {
		s.name(&out[i])
	}
	return out, err
}

func (s single) Fetch(ctx context.Context, anchors []string, emit func(source.Entry) error) error {
	return s.finder.Fetch(ctx, anchors, func(e source.Entry) error {
		s.name(&e)
		return emit(e)
	})
}

func TestManagers(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.spec = func(s *mapping.Spec) { s.Department = "description" } // has it read
		// Warnings are repeated where everything is read whole.
		w.adjust = func(s *reconcile.Source) { s.Reader, s.Managers, s.FullEvery = bosses{s.Reader, w.dir}, true, 0 }
		managers := func() []string {
			return w.rows(`SELECT u.user_name, m.user_name FROM users u JOIN users m ON m.id = u.manager_id ORDER BY 1`)
		}
		w.dir.addPerson("ann", attrs{"description": {"bob"}})
		w.dir.addPerson("bob", attrs{"description": {"ann"}}) // each other's
		w.dir.addPerson("cid", attrs{"description": {"zoe"}})
		w.dir.addPerson("zoe", nil)
		want(t, "counts", w.run(registry.RunDone).Counts.Updated, int64(0))
		want(t, "managers", managers(), []string{"ann bob", "bob ann", "cid zoe"})
		w.idle()

		w.dir.set("ann", attrs{"description": {"zoe"}})
		want(t, "another", w.report(w.run(registry.RunDone)), []string{"update ann", "update ann"})
		w.dir.remove("zoe")
		run := w.run(registry.RunDone)
		want(t, "the manager leaves", w.report(run), []string{
			"deactivate zoe missing", "update ann", "update cid", "warning unknown_manager uid=ann," + w.dir.people(), "warning unknown_manager uid=cid," + w.dir.people(),
		})
		want(t, "managers then", managers(), []string{"bob ann"})
		w.idle()
		w.dir.addPerson("new", attrs{"description": {"new"}})
		want(t, "one's own", w.report(w.run(registry.RunDone))[0], "create new")
		want(t, "managers last", managers(), []string{"bob ann", "new new"})

		// Who does one person now does not see their manager, who stays; another
		// manager comes with the next run, though nothing else is new then.
		w.adjust = func(s *reconcile.Source) {
			s.Reader, s.Managers = single{bosses{s.Reader, w.dir}, s.Reader.(source.Finder)}, true
		}
		w.run(registry.RunDone)
		_, one := w.one("bob", registry.ModeRun)
		want(t, "one person", w.changes(one.Run), nil)
		want(t, "warnings", one.Run.Counts.Warnings, int64(0))
		want(t, "managers of one person", managers(), []string{"bob ann", "new new"})
		w.dir.set("bob", attrs{"description": {"new"}})
		w.one("bob", registry.ModeRun)
		want(t, "managers meanwhile", managers(), []string{"bob ann", "new new"})
		if run := w.run(registry.RunDone); run.Full {
			t.Error("the run read everything whole: the test proves nothing")
		}
		want(t, "managers of the next run", managers(), []string{"bob new", "new new"})
		w.idle()

		// A manager who leaves and comes back is their people's again, though nothing
		// is new about those.
		w.adjust = func(s *reconcile.Source) { s.Reader, s.Managers = bosses{s.Reader, w.dir}, true }
		w.spec = func(s *mapping.Spec) { s.Department, s.Scope = "description", `title != "Gone"` }
		w.dir.set("new", attrs{"description": nil})
		w.run(registry.RunDone)
		w.dir.set("new", attrs{"title": {"Gone"}})
		w.run(registry.RunDone)
		want(t, "managers when theirs has left", managers(), nil)
		w.run(registry.RunDone)
		w.idle()
		w.dir.set("new", attrs{"title": nil})
		w.run(registry.RunDone)
		if run := w.run(registry.RunDone); run.Full {
			t.Error("the run read everything whole: the test proves nothing")
		}
		want(t, "managers when theirs is back", managers(), []string{"bob new"})
		w.idle()
	})
}

// TestOtherSettings: what a changed filter removes is looked at.
func TestOtherSettings(t *testing.T) {
	w := sqlite(t)
	settings, free := "settings", false
	w.adjust = func(s *reconcile.Source) {
		s.SettingsHash, s.SettingsFree = settings, free
		s.Limits.Deactivate.Floor = 1
	}
	w.dir.addPeople(uids(10)...)
	w.run(registry.RunDone)
	settings = "narrower"
	w.spec = scoped(`uid > "u001"`)
	held := w.run(registry.RunHeld)
	want(t, "limit", held.Limits[0].Name, "settings_changed")
	if !strings.Contains(held.Message.String(), "2 removals of 10") || !strings.Contains(held.Message.String(), "2 deactivations") {
		t.Errorf("message %q", held.Message)
	}
	want(t, "approved", w.changes(w.approve(held, registry.RunDone)), []string{"deactivate u000 out_of_scope", "deactivate u001 out_of_scope"})
	w.idle()
	settings, w.spec = "narrower still", scoped(`uid > "u002"`)
	want(t, "one is within the floor", w.changes(w.run(registry.RunDone)), []string{"deactivate u002 out_of_scope"})
	settings, free, w.spec = "free", true, scoped(`uid > "u007"`)
	want(t, "not held", len(w.changes(w.run(registry.RunDone))), 5)
}

// TestWrittenIfEmpty: the directory fills in and does not overwrite.
func TestWrittenIfEmpty(t *testing.T) {
	w := sqlite(t)
	var modes map[string]registry.WriteMode
	w.adjust = func(s *reconcile.Source) { s.Write = modes }
	w.dir.addPerson("ann", attrs{"title": {"Boss"}})
	w.run(registry.RunDone)
	modes = map[string]registry.WriteMode{registry.AttrTitle: registry.WriteIfEmpty, registry.AttrDisplayName: registry.WriteNever}
	w.run(registry.RunDone)
	w.idle()
	w.dir.set("ann", attrs{"title": {"Chief"}, "cn": {"Other"}})
	want(t, "its own value", w.report(w.run(registry.RunDone)), []string{"update ann"})
	want(t, "values", w.rows(`SELECT display_name FROM users`), []string{"The ann"})
	w.exec(`UPDATE users SET attributes = '{"title": ["Mine"]}'`)
	w.dir.set("ann", attrs{"title": {"King"}})
	w.run(registry.RunDone)
	if got := fmt.Sprint(w.rows(`SELECT CAST(attributes AS TEXT) FROM users`)); !strings.Contains(got, "Mine") {
		t.Errorf("overwritten: %s", got)
	}
	w.idle()
}

// TestRestoredWithinTheGrace: memberships, state and values come back.
func TestRestoredWithinTheGrace(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.dir.addPerson("ann", attrs{"title": {"Boss"}})
		w.dir.addPeople("bob")
		w.dir.addGroup("team", "ann", "bob")
		w.run(registry.RunDone)
		admin := w.door(registry.OriginAdmin, "admin")
		pinned := registry.GroupID(number(t, w.rows(`SELECT id FROM "groups"`)[0]))
		w.put(admin, registry.PatchMembers{Group: pinned, AddUsers: []registry.UserID{registry.UserID(number(t, w.id("ann")))}})
		state := func() []string {
			return slices.Concat(w.members(), w.people(), w.rows(`SELECT id, display_name, attributes, credential FROM users ORDER BY id`))
		}
		before := state()
		anchor := w.rows(`SELECT anchor FROM links l JOIN users u ON u.id = l.user_id WHERE user_name = 'ann'`)[0]
		for range 2 {
			w.dir.remove("ann")
			w.dir.setMembers("team", "bob")
			w.run(registry.RunDone)
			want(t, "gone", w.members(), []string{"team admin ann", "team corp bob"})
			w.clock.forward(grace / 2)
			w.dir.must(restoreEntry(w.dir, w.dir.dn("ann"), anchor, person("ann", attrs{"title": {"Boss"}})))
			w.dir.setMembers("team", "ann", "bob")
			w.run(registry.RunDone)
			want(t, "back", state(), before)
			w.idle()
		}
	})
}
