package reconcile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
	"github.com/usherd/usher/internal/testkit/need"
	"github.com/usherd/usher/internal/testkit/slapd"
	"github.com/usherd/usher/internal/testkit/tcpfault"
)

// own is a world whose slapd is its own, for tests that change the server.
func own(t *testing.T) *world {
	t.Helper()
	t.Parallel()
	need.Programs(t, "slapd", "slapd", "slapadd")
	return newWorld(t, databases["sqlite"](t), newDirectoryOn(t, slapd.Start(t, slapd.Options{})))
}

// unharmed runs a source whose read is no good and expects that nobody was
// touched.
func (w *world) unharmed(state registry.RunState, code string) *registry.Run {
	w.t.Helper()
	before := w.footprint()
	run := w.run(state)
	want(w.t, "code", run.Code, code)
	want(w.t, "what it left behind", w.footprint(), before)
	if run.Message == "" && code != "" {
		w.t.Error("the run does not say what is wrong")
	}
	return run
}

func TestWrongPassword(t *testing.T) {
	w := own(t)
	w.dir.addPeople("ann", "bob")
	w.run(registry.RunDone)
	w.dir.must(w.dir.s.SetReaderPassword("changed"))
	run := w.unharmed(registry.RunFailed, "source_auth")
	if strings.Contains(run.Message.String(), slapd.ReaderPassword) {
		t.Errorf("the message shows the password: %s", run.Message)
	}
	w.dir.must(w.dir.s.SetReaderPassword(slapd.ReaderPassword))
	w.idle()
}

func TestUnreachable(t *testing.T) {
	w := own(t)
	w.dir.addPeople("ann")
	w.run(registry.RunDone)
	w.dir.s.Stop()
	w.unharmed(registry.RunFailed, "source_unreachable")
	w.dir.must(w.dir.s.Restart())
	w.idle()
}

// TestCutConnection cuts reads of everything and scans, everywhere.
func TestCutConnection(t *testing.T) {
	for name, every := range map[string]time.Duration{"whole": 0, "scan": 1000 * time.Hour} {
		t.Run(name, func(t *testing.T) { cutConnection(t, every) })
	}
}

func cutConnection(t *testing.T, every time.Duration) {
	w := sqlite(t)
	w.adjust = func(s *reconcile.Source) { s.FullEvery = every }
	names := uids(70)
	w.dir.addPeople(names...)
	w.dir.addGroup("all", names...)
	w.run(registry.RunDone)
	w.dir.remove(names[:5]...) // so that a cut read would have something to say
	w.dir.addPeople("new")
	proxy, err := tcpfault.Start(w.dir.s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	w.ldap = func(c *sourceldap.Config) {
		c.URLs, c.Timeout = []string{"ldap://" + proxy.Addr()}, 200*time.Millisecond
	}
	src := w.source("corp") // measure the whole answer once
	req := source.Request{}
	if every > 0 {
		// The newcomer and the group that lost five, and not the others, are fetched.
		req = source.Request{Cursor: src.State.Cursor, Known: func(kind source.Kind, _, _ string) bool { return kind == source.User }}
	}
	if _, err := src.Reader.Read(t.Context(), req, func(source.Entry) error { return nil }); err != nil {
		t.Fatal(err)
	}
	whole := proxy.Seen()
	for i, action := range []tcpfault.Action{tcpfault.Close, tcpfault.Reset, tcpfault.Stall} {
		for page := range int64(8) {
			after := whole*(2*page+1)/16 + int64(i)
			proxy.Break(after, action)
			run := w.unharmed(registry.RunFailed, "source_unreachable")
			if t.Failed() {
				t.Fatalf("cut after %d of %d bytes by %v: %s", after, whole, action, run.Message)
			}
		}
	}
	proxy.Break(-1, tcpfault.Close)
	c := w.run(registry.RunDone).Counts
	want(t, "created, deactivated", []int64{c.Created, c.Deactivated}, []int64{1, 5})
}

func TestTruncated(t *testing.T) {
	w := own(t)
	names := uids(45)
	w.dir.addPeople(names...)
	w.dir.addGroup("all", names...)
	w.run(registry.RunDone)
	w.dir.remove("u001")
	w.dir.set("u000", attrs{"title": {"Boss"}})
	w.dir.must(w.dir.s.SetLimits("size.prtotal=30 size.soft=30 size.hard=30"))
	w.ldap = func(c *sourceldap.Config) { c.PageSize = 10 }
	run := w.run(registry.RunPartial)
	want(t, "report of a truncated answer", w.report(run), []string{"update u000", "warning unknown_members " + w.dir.group("all")})
	if run.Complete || !strings.Contains(strings.Join(registry.English(run.Notes), " "), "not complete") {
		t.Errorf("complete %v, notes %q", run.Complete, run.Notes)
	}
	w.dir.must(w.dir.s.SetLimits(slapd.Unlimited))
	want(t, "report of a whole one", w.report(w.run(registry.RunDone)), []string{
		"deactivate u001 missing", "members all +0 -1", "warning unknown_members " + w.dir.group("all"),
	})
}

// TestNothingButIncomplete: a read that is cut off before the first person has failed.
// There is nothing to approve.
func TestNothingButIncomplete(t *testing.T) {
	w := own(t)
	w.dir.addPeople(uids(10)...)
	w.run(registry.RunDone)
	w.dir.must(w.dir.s.SetLimits("size.pr=5"))
	run := w.unharmed(registry.RunFailed, "source_answer")
	if run.Complete || !strings.Contains(run.Message.String(), "gave nobody, and not all it has: ") {
		t.Errorf("complete %v: %s", run.Complete, run.Message)
	}
	w.dir.must(w.dir.s.SetLimits(slapd.Unlimited))
	w.idle()
}

func TestEmptyAnswer(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.dir.addPeople("ann", "bob")
		w.run(registry.RunDone)
		filter := func(f string) func(*sourceldap.Config) {
			return func(c *sourceldap.Config) { c.Users.Filter = f }
		}
		w.ldap = filter("(uid=nobody)")
		before := w.footprint()
		run := w.run(registry.RunHeld)
		want(t, "limits", run.Limits, []registry.Limit{{Name: "empty", Of: 2, Rule: registry.Say("the source gave no person at all")}})
		want(t, "held rows", w.items(run), []string{"held deactivate missing ann", "held deactivate missing bob"})
		want(t, "what it left behind", w.footprint(), before)
		w.ldap = nil
		w.spec = scoped(`false`)
		want(t, "a scope that fits nobody", w.run(registry.RunHeld).Limits[0].Name, "empty")
		w.spec = nil
		w.idle()
	})
	t.Run("on the first day", func(t *testing.T) {
		w := sqlite(t)
		want(t, "limits", w.run(registry.RunHeld).Limits[0].Name, "empty")
	})
}

// TestBadRecords has one of each kind of bad record among good ones.
func TestBadRecords(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		d := w.dir
		d.addPeople("ann", "bob")
		d.addGroup("team", "ann", "bob")
		w.run(registry.RunDone)

		noName := "cn=No Name," + d.people()
		d.add(noName, attrs{"objectClass": {"inetOrgPerson"}, "cn": {"No Name"}, "sn": {"Name"}})
		d.addPerson("cid", attrs{"mail": {"two@example.com"}})
		d.addPerson("dee", attrs{"mail": {"two@example.com"}})
		d.addPerson("big", attrs{"title": {strings.Repeat("x", 5<<20)}})
		d.addPerson("photo", attrs{"jpegPhoto": {strings.Repeat("\xff\x00", 5<<19)}})
		d.addPerson("utf", attrs{"title": nil})
		d.add("uid=twin,ou=people,"+d.base, person("twin", nil))
		d.add("ou=b,"+d.people(), attrs{"objectClass": {"organizationalUnit"}, "ou": {"b"}})
		d.add("uid=twin,ou=b,"+d.people(), person("twin", attrs{"mail": {"twin2@example.com"}}))
		d.add("uid=bob,ou=b,"+d.people(), person("bob", attrs{"mail": {"bob2@example.com"}})) // bob is somebody else already
		d.addPerson("fine", nil)
		d.setMembers("team", "ann", "bob", "twin", "cid")

		run := w.run(registry.RunPartial)
		want(t, "changes", w.changes(run), []string{"create big", "create cid", "create dee", "create fine", "create photo", "create utf", "members team +1 -0"})
		want(t, "items", w.items(run), []string{
			"conflict user_name_taken uid=bob,ou=b," + d.people(), "conflict user_name_taken uid=twin,ou=b," + d.people(), "conflict user_name_taken uid=twin," + d.people(),
			"failed user_name_missing " + noName, "warning shared_mail uid=dee," + d.people(), "warning value_too_long uid=big," + d.people(),
		})
		w.says(run, `["%s: %s","title",`) // which attribute it is
		before := w.footprint()
		w.run(registry.RunPartial)
		want(t, "what the second run left behind", w.footprint(), before)

		// A good record goes bad: it keeps what it has.
		d.must(d.s.Rename(d.dn("ann"), "cn=The ann", ""))
		d.must(d.s.Modify("cn=The ann,"+d.people(), attrs{"uid": nil}))
		d.must(d.s.Modify(d.group("team"), attrs{"member": {"cn=The ann," + d.people(), d.dn("bob"), d.dn("cid")}}))
		w.run(registry.RunPartial)
		want(t, "what a record gone bad left behind", w.footprint(), before)
	})
}

// TestHostileEntries gives what no test server here would.
func TestHostileEntries(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		entry := func(anchor, uid string, values attrs) source.Entry {
			if values == nil {
				values = attrs{}
			}
			values["uid"] = []string{uid}
			return source.Entry{Kind: source.User, Anchor: anchor, Name: "uid=" + uid, Keys: []string{"uid=" + uid}, Values: values}
		}
		group := func(anchor, cn string, members ...string) source.Entry {
			return source.Entry{Kind: source.Group, Anchor: anchor, Name: "cn=" + cn, Keys: []string{"cn=" + cn}, Values: attrs{"cn": {cn}}, Members: members}
		}
		f := &fake{sum: source.Summary{Complete: true}}
		w.adjust = func(s *reconcile.Source) { s.Reader = f }
		f.entries = []source.Entry{
			entry("a1", "ann", nil), entry("a2", "bob", nil), entry("a3", "gone", nil),
			group("g1", "team", "uid=ann", "uid=bob", "uid=gone"), group("g2", "crew", "uid=ann"),
		}
		w.run(registry.RunDone)

		f.entries = []source.Entry{
			entry("a1", "ann", attrs{"title": {"\xff\xfe"}, "mail": {"\xffbad@example.com"}}),
			entry("bad\xff\x00anchor", "weird", nil),
			entry(strings.Repeat("a", 2000), "long", nil),
			entry("a4", "ctl\x00name", nil),
			entry("a2", "bob", nil), entry("a2", "bob", nil), // seen twice while it moved
			{Kind: source.User, Anchor: "a3", Name: "uid=gone", Keys: []string{"uid=gone"}, Problem: "the server gave half of it"},
			group("g1", "team", "uid=ann", "uid=bob", "uid=elsewhere"),
			{Kind: source.Group, Anchor: "g2", Name: "cn=crew", Keys: []string{"cn=crew"}, Values: attrs{"cn": {"crew"}}, Problem: "the members could not be read"},
			group("a1", "thief"), // the id of a person
			group("g3", ""),
		}
		run := w.run(registry.RunPartial)
		want(t, "changes", w.changes(run), []string{"members team +0 -1"})
		want(t, "people", w.people(), []string{"ann on", "bob on", "gone on"})
		want(t, "members", w.members(), []string{"crew corp ann", "team corp ann", "team corp bob"})
		items := strings.Join(w.items(run), "\n")
		for _, row := range []string{
			"conflict create invalid_value weird", "conflict create invalid_value long", "failed control_character uid=ctl\uFFFDname",
			"failed bad_entry uid=gone", "failed bad_entry cn=crew", "failed duplicate_anchor cn=thief", "failed group_name_missing cn=",
			"warning unknown_members cn=team", "warning invalid_utf8 uid=ann",
		} {
			if !strings.Contains(items, row) {
				t.Errorf("no row %q in\n%s", row, items)
			}
		}

		// An entry without an id may be anybody: an absence proves nothing.
		f.entries = []source.Entry{entry("a1", "ann", nil), {Kind: source.User, Name: "uid=bob", Keys: []string{"uid=bob"}, Problem: "no id"}, group("g1", "team", "uid=ann")}
		run = w.run(registry.RunPartial)
		want(t, "absences beside an entry without an id", w.report(run), []string{"failed bad_entry uid=bob"})
		if run.Complete {
			t.Error("the read counts as complete")
		}

		// A person's id comes back as a group's, and the other way round.
		f.entries = []source.Entry{entry("g1", "imposter", nil), entry("a1", "ann", nil), group("a2", "bobs")}
		w.run(registry.RunPartial)
		want(t, "people", w.people(), []string{"ann on", "bob off", "gone off"})

		f.err = fmt.Errorf("%w: nonsense", source.ErrProtocol)
		w.unharmed(registry.RunFailed, "source_answer")
		f.err = errors.New("something else")
		run = w.unharmed(registry.RunFailed, "source_failed")
		if strings.Contains(run.Message.String(), "database") {
			t.Errorf("the message blames the database: %s", run.Message)
		}
	})
}

// TestUnreadableIDs hides the id of one entry from the reading account.
func TestUnreadableIDs(t *testing.T) {
	w := own(t)
	w.dir.addPeople("ann", "bob", "cid")
	w.dir.addGroup("team", "ann", "bob", "cid")
	w.run(registry.RunDone)
	w.dir.must(access(w.dir.s, fmt.Sprintf(`{0}to dn.exact="%s" attrs=entryUUID by * none`, w.dir.dn("bob"))))
	w.dir.remove("cid")
	w.dir.set("ann", attrs{"title": {"Boss"}})
	run := w.run(registry.RunPartial)
	want(t, "report", w.report(run), []string{"update ann", "failed bad_entry " + w.dir.dn("bob"), "warning unknown_members " + w.dir.group("team")})
	want(t, "people", w.people(), []string{"ann on", "bob on", "cid on"})
	want(t, "members", len(w.members()), 3)
	if !strings.Contains(strings.Join(registry.English(run.Notes), " "), "id") {
		t.Errorf("the notes %q do not say why", run.Notes)
	}
	w.dir.must(access(w.dir.s, `{0}to attrs=userPassword by anonymous auth by self write by * none`))
	want(t, "with the id", w.report(w.run(registry.RunDone)), []string{
		"deactivate cid missing", "members team +0 -1", "warning unknown_members " + w.dir.group("team"),
	})
}

// access puts one rule before the server's last one, which lets everybody read.
func access(s *slapd.Server, rule string) error {
	c, err := ldap.DialURL(s.URL)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Bind("cn=config", slapd.RootPassword); err != nil {
		return err
	}
	r := ldap.NewModifyRequest("olcDatabase={1}mdb,cn=config", nil)
	r.Replace("olcAccess", []string{rule, `{1}to attrs=userPassword by anonymous auth by self write by * none`, `{2}to * by * read`})
	return c.Modify(r)
}
