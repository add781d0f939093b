package reconcile_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
)

// TestTwoSources has two directories beside each other and people put into
// groups by hand; each touches only its own.
func TestTwoSources(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.dir.addPeople("ann", "bob")
		w.dir.addGroup("team", "ann", "bob")
		corp := w.run(registry.RunDone)

		branch := w.another("branch")
		branch.dir = newDirectoryOn(t, w.dir.s)
		branch.dir.addPeople("cid", "bob") // bob is taken
		branch.dir.addGroup("team", "cid", "bob")
		run := branch.runSource("branch", reconcile.Request{Mode: registry.ModeRun}, registry.RunPartial)
		want(t, "the branch's report", w.report(run), []string{"create cid", "create team", "members team +1 -0", "conflict create user_name_taken bob"})
		both := []string{"ann on", "bob on", "cid on"}
		want(t, "people", w.people(), both)
		w.idle()

		// By hand: cid of the branch and a local person join corp's team.
		admin := w.door(registry.OriginAdmin, "admin")
		local := w.put(admin, registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {"zoe"}}})[0].User
		group := number(t, w.rows(`SELECT group_id FROM changes WHERE run_id = %d AND group_id IS NOT NULL ORDER BY id LIMIT 1`, corp.ID)[0])
		cid := registry.UserID(number(t, w.id("cid")))
		bob := registry.UserID(number(t, w.id("bob")))
		w.put(admin, registry.PatchMembers{Group: registry.GroupID(group), AddUsers: []registry.UserID{local, cid, bob}})
		want(t, "members", w.members(), []string{"team admin bob", "team admin cid", "team admin zoe", "team branch cid", "team corp ann", "team corp bob"})
		w.idle()

		// Everybody leaves corp's team and bob leaves corp; what others said stays.
		w.dir.setMembers("team")
		w.dir.remove("bob")
		want(t, "emptied", w.report(w.run(registry.RunDone)), []string{"deactivate bob missing", "members team +0 -2"})
		want(t, "members", w.members(), []string{"team admin bob", "team admin cid", "team admin zoe", "team branch cid"})

		// The branch is emptied but for cid; corp's people are not its to miss.
		branch.dir.remove("bob")
		branch.runSource("branch", reconcile.Request{Mode: registry.ModeRun}, registry.RunDone)
		want(t, "people", w.people(), []string{"ann on", "bob off", "cid on", "zoe on"})
	})
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestStranger has somebody register with an executive's name before the first
// sync.
func TestStranger(t *testing.T) {
	for _, join := range [][]string{nil, {"userName"}, {"email"}} {
		t.Run(fmt.Sprint(join), func(t *testing.T) {
			onBoth(t, func(t *testing.T, w *world) {
				w.adjust = func(s *reconcile.Source) { s.Join = rules(join...) }
				door := w.door(registry.OriginRegistration, "registration")
				stranger := w.put(door, registry.CreateUser{Attributes: registry.Attributes{
					registry.AttrUserName: {"CEO"}, registry.AttrEmails: {"ceo@example.com"}, registry.AttrTitle: {"Stranger"},
				}})[0].User
				w.exec(`UPDATE users SET credential = 'set', password_hash = 'theirs' WHERE id = %d`, stranger)
				before := w.rows(`SELECT * FROM users WHERE id = %d`, stranger)

				w.dir.addPeople("ann", "ceo", "bob")
				w.dir.addGroup("board", "ceo", "ann")
				run := w.run(registry.RunPartial)
				conflict := "conflict create user_name_taken ceo"
				if len(join) > 0 && join[0] == "userName" {
					conflict = "conflict join own_password ceo"
				}
				want(t, "conflict", w.items(run), []string{conflict})
				want(t, "who stands in the way", w.rows(`SELECT user_id FROM run_items WHERE run_id = %d`, run.ID), []string{fmt.Sprint(stranger)})
				want(t, "people", w.people(), []string{"CEO on", "ann on", "bob on"})
				want(t, "members", w.members(), []string{"board corp ann"})
				want(t, "the stranger", w.rows(`SELECT * FROM users WHERE id = %d`, stranger), before)
				want(t, "mails", w.mails(), []string{"queued ann@example.com", "queued bob@example.com"})
				w.idle()

				// An admin settles it: the stranger gives the name up.
				w.exec(`UPDATE users SET user_name = 'someone', user_name_key = 'someone' WHERE id = %d`, stranger)
				w.exec(`DELETE FROM emails WHERE user_id = %d`, stranger)
				want(t, "settled", w.report(w.run(registry.RunDone)), []string{"create ceo", "members board +1 -0"})
			})
		})
	}
}

func TestJoin(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.adjust = func(s *reconcile.Source) { s.Join = rules("employeeNumber", "userName", "email") }
		mail := w.door(registry.OriginMail, "mail")
		admin := w.door(registry.OriginAdmin, "admin")
		contact := func(name string, a registry.Attributes, verified bool) registry.UserID {
			return w.put(mail, registry.CreateUser{Association: registry.Weak, Attributes: called(name, a), Verified: verified})[0].User
		}
		mailed := func(address string) registry.Attributes { return registry.Attributes{registry.AttrEmails: {address}} }
		verified := contact("ann@example.com", mailed("ann@example.com"), true)
		contact("bob@example.com", mailed("bob@example.com"), false) // anybody could have written that
		numbered := contact("x1", registry.Attributes{registry.AttrEmployeeNumber: {"42"}}, false)
		named := contact("DEE", registry.Attributes{}, false)
		contact("eve1", mailed("eve@example.com"), true)
		contact("eve2", mailed("eve@example.com"), true)
		boss := w.put(admin, registry.CreateUser{CompanyAdmin: true, Verified: true, Attributes: called("root", mailed("boss@example.com"))})[0].User
		owned := w.put(admin, registry.CreateUser{Verified: true, Attributes: called("local", mailed("own@example.com"))})[0].User
		before := w.rows(`SELECT * FROM users WHERE id IN (%d, %d) ORDER BY id`, boss, owned)

		w.dir.addPeople("ann", "bob", "eve", "boss", "own")
		w.dir.addPerson("cid", attrs{"employeeNumber": {"42"}})
		w.dir.addPerson("dee", nil)
		w.dir.addPerson("fay", attrs{"mail": {"shared@example.com"}})
		w.dir.addPerson("gus", attrs{"mail": {"shared@example.com"}})
		shared := contact("shared", mailed("shared@example.com"), true)
		run := w.run(registry.RunPartial)
		want(t, "report", w.report(run), []string{
			"create bob", "join ann", "join cid", "join dee",
			"conflict ambiguous_match uid=eve," + w.dir.people(), "conflict ambiguous_match uid=fay," + w.dir.people(), "conflict ambiguous_match uid=gus," + w.dir.people(),
			"conflict join foreign_owner own", "conflict join protected_admin boss", "warning shared_mail uid=gus," + w.dir.people(),
		})
		for name, id := range map[string]registry.UserID{"ann": verified, "cid": numbered, "dee": named, "shared": shared} {
			want(t, name, w.id(name), fmt.Sprint(id))
		}
		want(t, "the admin and the local one", w.rows(`SELECT * FROM users WHERE id IN (%d, %d) ORDER BY id`, boss, owned), before)
		w.idle()

		// Once tied, only the anchor counts.
		w.dir.set("ann", attrs{"mail": {"eve@example.com"}})
		want(t, "an address taken later", w.changes(w.run(registry.RunPartial)), []string{"update ann"})
	})
}

// TestAdminIsNotEndedByAnAbsence: promise of the registry, seen from a run.
func TestAdminIsNotEndedByAnAbsence(t *testing.T) {
	w := sqlite(t)
	w.dir.addPeople("ann", "boss")
	w.run(registry.RunDone)
	w.exec(`UPDATE users SET company_admin = true WHERE user_name = 'boss'`)
	w.dir.remove("boss")
	for range 2 {
		want(t, "report", w.report(w.run(registry.RunPartial)), []string{"conflict deactivate protected_admin boss"})
		w.clock.forward(2 * grace)
	}
	want(t, "people", w.people(), []string{"ann on", "boss on"})
}

func TestSetupMails(t *testing.T) {
	t.Run("none", func(t *testing.T) {
		w := sqlite(t)
		w.adjust = func(s *reconcile.Source) { s.Setup = reconcile.SetupNone }
		w.dir.addPeople("ann")
		want(t, "mailed", w.run(registry.RunDone).Counts.Mailed, int64(0))
		want(t, "mails", w.mails(), nil)
	})
	t.Run("the first import is held", func(t *testing.T) {
		onBoth(t, func(t *testing.T, w *world) {
			w.adjust = func(s *reconcile.Source) { s.Setup = reconcile.SetupHoldFirst }
			w.dir.addPeople("ann", "bob")
			// A first run that fails is no first import yet.
			good := w.ldap
			w.ldap = func(c *sourceldap.Config) { c.BindPassword = sourceldap.Password("wrong") }
			w.run(registry.RunFailed)
			w.ldap = good
			w.run(registry.RunDone)
			want(t, "mails", w.mails(), []string{"held ann@example.com", "held bob@example.com"})
			w.dir.addPeople("cid")
			w.dir.set("bob", attrs{"mail": {"bob@new.example.com"}})
			w.run(registry.RunDone)
			want(t, "mails later", w.mails(), []string{"held ann@example.com", "cancelled bob@example.com", "held bob@new.example.com", "queued cid@example.com"})

			// Closed and opened again, they still wait for an admin.
			for _, locked := range [][]string{{"000001010000Z"}, nil} {
				w.dir.set("ann", attrs{"pwdAccountLockedTime": locked})
				w.dir.set("cid", attrs{"pwdAccountLockedTime": locked})
				w.run(registry.RunDone)
			}
			want(t, "mails of who came back", w.rows(`SELECT state, address FROM mails WHERE address IN ('ann@example.com', 'cid@example.com') ORDER BY id`), []string{
				"cancelled ann@example.com", "cancelled cid@example.com", "held ann@example.com", "queued cid@example.com"})
		})
	})
}

// called are attributes with a userName.
func called(name string, a registry.Attributes) registry.Attributes {
	a = a.Clone()
	a.Set(registry.AttrUserName, name)
	return a
}
