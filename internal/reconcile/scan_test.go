package reconcile_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
	"github.com/usherd/usher/internal/testkit/sambaad"
)

// whole are the names of what a run reads whole, besides its report.
func (w *world) whole(state registry.RunState) (names []string, run *registry.Run) {
	w.t.Helper()
	was := w.adjust
	defer func() { w.adjust = was }()
	w.adjust = func(s *reconcile.Source) {
		if was != nil {
			was(s)
		}
		s.Reader = &counting{Source: s.Reader, whole: &names}
	}
	run = w.run(state)
	slices.Sort(names)
	return names, run
}

// counting notes what is given whole.
type counting struct {
	source.Source
	whole *[]string
}

func (c *counting) Read(ctx context.Context, r source.Request, emit func(source.Entry) error) (source.Summary, error) {
	return c.Source.Read(ctx, r, func(e source.Entry) error {
		if !e.Same {
			first, _, _ := strings.Cut(e.Name, ",")
			*c.whole = append(*c.whole, first)
		}
		return emit(e)
	})
}

// reads runs the source by markers and compares what it read whole and what it
// did; then a run that reads everything must find nothing left to do.
func (w *world) reads(what string, whole, report []string) *registry.Run {
	w.t.Helper()
	state := registry.RunDone
	if slices.ContainsFunc(report, func(s string) bool { return strings.HasPrefix(s, "failed") || strings.HasPrefix(s, "conflict") }) {
		state = registry.RunPartial
	}
	names, run := w.whole(state)
	want(w.t, what+": read whole", append([]string{}, names...), append([]string{}, whole...))
	want(w.t, what+": report", w.report(run), report)
	if run.Full {
		w.t.Errorf("%s: the run calls itself full", what)
	}
	before := w.footprint()
	p, err := w.engine.Run(w.t.Context(), w.source("corp"), reconcile.Request{Mode: registry.ModePreview, Full: true})
	if err != nil || p.Counts.Changes() != 0 || !p.Full {
		w.t.Errorf("%s: a full preview after it finds %+v, %v", what, p.Counts, err)
	}
	w.idle()
	want(w.t, what+": left behind", w.footprint(), before)
	return run
}

func TestScan(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		d := w.dir
		names := uids(100)
		d.addPeople(names...)
		d.add("ou=sub,"+d.people(), attrs{"objectClass": {"organizationalUnit"}, "ou": {"sub"}})
		d.add("ou=far,"+d.base, attrs{"objectClass": {"organizationalUnit"}, "ou": {"far"}})
		d.addGroup("all", names...)
		d.addGroup("few", names[:3]...)
		d.addGroup("none")
		if run := w.run(registry.RunDone); !run.Full {
			t.Error("the first run is not full")
		}
		w.reads("nothing changed", nil, nil)

		d.set("u007", attrs{"title": {"Boss"}})
		run := w.reads("one of a hundred", []string{"uid=u007"}, []string{"update u007"})
		if note := strings.Join(registry.English(run.Notes), " "); !strings.Contains(note, "1 of 103 fetched") {
			t.Errorf("notes: %s", note)
		}
		d.set("u008", attrs{"description": {"not mapped"}})
		w.reads("a change that means nothing", []string{"uid=u008"}, nil)
		d.setMembers("few", "u000", "u005")
		w.reads("members of one group", []string{"cn=few"}, []string{"members few +1 -2"})
		d.remove("u001")
		w.reads("gone, and the group keeps the name", []string{"cn=all"}, []string{
			"deactivate u001 missing", "members all +0 -1", "warning unknown_members " + d.group("all")})
		// A group with members whom the source does not read is read every night.
		d.must(restore(d, "u001", w.rows(`SELECT anchor FROM links l JOIN users u ON u.id = l.user_id WHERE u.user_name = 'u001'`)[0]))
		w.reads("back", []string{"cn=all", "uid=u001"}, []string{"enable u001", "members all +1 -0"})
		w.reads("and all well", nil, nil)

		rename := func(uid, to, parent string) { t.Helper(); d.must(d.s.Rename(d.dn(uid), "uid="+to, parent)) }
		rename("u002", "renamed", "")
		w.reads("another name", []string{"cn=all", "uid=renamed"}, []string{
			"members all +0 -1", "rename renamed", "warning unknown_members " + d.group("all")})
		d.setMembers("all", append([]string{"renamed"}, names[3:]...)...)
		w.reads("which the group learns", []string{"cn=all"}, []string{"members all +1 -2"})
		rename("u003", "u003", "ou=far,"+d.base)
		w.reads("out of the base", []string{"cn=all"}, []string{
			"deactivate u003 missing", "members all +0 -1", "warning unknown_members " + d.group("all")})
		d.must(d.s.Rename("uid=u003,ou=far,"+d.base, "uid=u003", d.people()))
		w.reads("and back", []string{"cn=all", "uid=u003"}, []string{"enable u003", "members all +1 -0"})
	})
}

// TestScanMovedParent: the names of those below change, and their markers do not.
func TestScanMovedParent(t *testing.T) {
	w := sqlite(t)
	d := w.dir
	for _, ou := range []string{"a", "b"} {
		d.add("ou="+ou+","+d.people(), attrs{"objectClass": {"organizationalUnit"}, "ou": {ou}})
	}
	ann := "uid=ann,ou=a," + d.people()
	d.add(ann, person("ann", nil))
	d.addPeople("bob", "cid")
	d.add(d.group("team"), attrs{"objectClass": {"groupOfNames"}, "cn": {"team"}, "member": {ann, d.dn("bob")}})
	w.run(registry.RunDone)
	w.reads("nothing changed", nil, nil)
	d.must(d.s.Rename("ou=a,"+d.people(), "ou=a", "ou=b,"+d.people()))
	w.reads("moved", []string{"cn=team"}, []string{"members team +0 -1", "warning unknown_members " + d.group("team")})
	want(t, "the name in the link", w.rows(`SELECT name FROM links l JOIN users u ON u.id = l.user_id WHERE u.user_name = 'ann'`), []string{"uid=ann,ou=a,ou=b," + d.people()})
	// Somebody else takes the old name over: the group means them now.
	d.add("ou=a,"+d.people(), attrs{"objectClass": {"organizationalUnit"}, "ou": {"a"}})
	d.add(ann, person("ann", attrs{"uid": {"ann", "ann2"}, "employeeNumber": {"2"}}))
	w.spec = nil
	names, _ := w.whole(registry.RunPartial)
	want(t, "read whole", names, []string{"cn=team", "uid=ann"}) // two anns: a conflict
}

// TestScanScope: who is out of scope is not fetched every night, and is when they
// change.
func TestScanScope(t *testing.T) {
	w := sqlite(t)
	w.spec = scoped(`title != "Out"`)
	w.dir.addPeople(uids(20)...)
	for _, uid := range uids(5) {
		w.dir.set(uid, attrs{"title": {"Out"}})
	}
	w.run(registry.RunDone)
	run := w.reads("nothing changed", nil, nil)
	want(t, "out of scope", run.Counts.OutOfScope, 5)
	w.dir.set("u000", attrs{"title": nil})
	w.reads("in", []string{"uid=u000"}, []string{"create u000"})
	w.dir.set("u010", attrs{"title": {"Out"}})
	w.reads("out", []string{"uid=u010"}, []string{"deactivate u010 out_of_scope"})
	w.reads("still out", nil, nil)
	w.clock.forward(grace + time.Hour)
	w.reads("the grace is over", nil, []string{"delete u010 grace_over"})
	w.dir.set("u010", attrs{"title": nil})
	w.reads("in again", []string{"uid=u010"}, []string{"restore u010"})
	want(t, "marks", len(w.rows(`SELECT anchor FROM source_marks`)), 4)
	// Without the scope the settings are others, and everything is read once.
	w.spec = nil
	names, run := w.whole(registry.RunDone)
	if len(names) != 20 || !run.Full || run.Counts.Created != 4 {
		t.Errorf("after a change of settings %d were read whole: %+v", len(names), run.Counts)
	}
	w.reads("settled", nil, nil)
	want(t, "marks", w.rows(`SELECT anchor FROM source_marks`), nil)
}

// TestScanFailed: who could not be taken in is looked at every night.
func TestScanFailed(t *testing.T) {
	w := sqlite(t)
	w.dir.addPeople(uids(10)...)
	w.run(registry.RunDone)
	w.dir.must(w.dir.s.Rename(w.dir.dn("u001"), "cn=The u001", ""))
	bad := "cn=The u001," + w.dir.people()
	w.dir.must(w.dir.s.Modify(bad, attrs{"uid": nil}))
	for range 2 {
		w.reads("failed", []string{"cn=The u001"}, []string{"failed user_name_missing " + bad})
	}
	w.dir.must(w.dir.s.Modify(bad, attrs{"uid": {"u002"}}))
	for range 2 {
		w.reads("in conflict", []string{"cn=The u001"}, []string{"conflict user_name_taken " + bad})
	}
	w.dir.must(w.dir.s.Modify(bad, attrs{"uid": {"u001"}}))
	w.reads("healed", []string{"cn=The u001"}, nil)
	w.reads("and known", nil, nil)

	// A new rule fails people whose entries did not change.
	w.spec = func(s *mapping.Spec) { s.Attributes["userName"] = `uid == "u003" ? "" : uid` }
	names, _ := w.whole(registry.RunPartial)
	want(t, "all are read after a change of settings", len(names), 10)
	w.reads("failed by a rule", []string{"uid=u003"}, []string{"failed user_name_missing " + w.dir.dn("u003")})
}

// TestScanDrift: what somebody did to the registry is undone at once.
func TestScanDrift(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.dir.addPeople(uids(30)...)
		w.dir.addGroup("team", "u004", "u005", "u006")
		w.run(registry.RunDone)
		w.exec(`UPDATE users SET enabled = false, version = version + 1 WHERE user_name = 'u001'`)
		w.exec(`UPDATE users SET user_name = 'x', user_name_key = 'x', version = version + 1 WHERE user_name = 'u002'`)
		w.exec(`DELETE FROM memberships WHERE user_id = %s`, w.id("u005"))
		names, run := w.whole(registry.RunDone)
		want(t, "read whole", names, []string{"cn=team", "uid=u001", "uid=u002"})
		want(t, "report", w.report(run), []string{"enable u001", "members team +1 -0", "rename u002"})
		w.reads("settled", nil, nil)
	})
}

// TestScanCursor: another database answers under the same address, and everything
// is read once.
func TestScanCursor(t *testing.T) {
	w := sqlite(t)
	w.dir.addPeople(uids(20)...)
	w.run(registry.RunDone)
	w.exec(`UPDATE sources SET cursor = replace(cursor, 'entryCSN', 'uSNChanged')`)
	names, run := w.whole(registry.RunDone)
	if len(names) != 20 || !run.Full || !strings.Contains(strings.Join(registry.English(run.Notes), " "), "Everything was read whole") {
		t.Errorf("%d read whole, notes %q", len(names), run.Notes)
	}
	w.reads("settled", nil, nil)

	// A source that never accepts its own cursor fails loudly.
	w.adjust = func(s *reconcile.Source) { s.Reader = refusing{s.Reader} }
	want(t, "code", w.run(registry.RunFailed).Code, "source_cursor")
}

type refusing struct{ source.Source }

func (refusing) Read(context.Context, source.Request, func(source.Entry) error) (source.Summary, error) {
	return source.Summary{}, fmt.Errorf("scan: %w", source.ErrCursor)
}

// TestFullReadEvery: the interval, the request and an incomplete read.
func TestFullReadEvery(t *testing.T) {
	w := sqlite(t)
	w.adjust = func(s *reconcile.Source) { s.FullEvery = 7 * 24 * time.Hour }
	w.dir.addPeople(uids(20)...)
	w.run(registry.RunDone)
	for day := 1; day < 17; day++ {
		w.clock.forward(24 * time.Hour)
		want(t, fmt.Sprintf("full on day %d", day), w.run(registry.RunDone).Full, day%7 == 0)
	}
	want(t, "full when asked", w.runSource("corp", reconcile.Request{Mode: registry.ModeRun, Full: true}, registry.RunDone).Full, true)
	w.adjust = func(s *reconcile.Source) { s.FullEvery = 0 }
	want(t, "full always", w.run(registry.RunDone).Full, true)
}

// TestChangedMeanwhile: a person whom somebody changes while the source is read
// is left alone until the next run.
func TestChangedMeanwhile(t *testing.T) {
	for what, full := range map[string]bool{"whole": true, "scan": false} {
		t.Run(what, func(t *testing.T) { changedMeanwhile(t, full) })
	}
}

func changedMeanwhile(t *testing.T, full bool) {
	onBoth(t, func(t *testing.T, w *world) {
		w.dir.addPeople(uids(10)...)
		w.run(registry.RunDone)
		corp := w.source("corp").State.Origin
		w.dir.set("u001", attrs{"title": {"old news"}})
		w.dir.remove("u002")
		anchor := func(uid string) string {
			return w.rows(`SELECT l.anchor FROM links l JOIN users u ON u.id = l.user_id WHERE u.user_name = '%s'`, uid)[0]
		}
		pushes := []registry.Op{
			put(anchor("u001"), "u001", "pushed"), put(anchor("u002"), "u002", "pushed"), put(anchor("u003"), "u003", "pushed"),
			put("fresh", "fresh", "pushed"),
		}
		w.adjust = func(s *reconcile.Source) { s.Reader = &meanwhile{s.Reader, func() { w.put(corp, pushes...) }} }
		run := w.runSource("corp", reconcile.Request{Mode: registry.ModeRun, Full: full}, registry.RunDone)
		items := []string{"skipped changed_meanwhile " + w.dir.dn("u001"), "skipped changed_meanwhile " + w.dir.dn("u003")}
		if !full { // u003 was not read whole, and has no name but the id
			items[1] = "skipped changed_meanwhile " + anchor("u003")
		}
		slices.Sort(items)
		want(t, "report", w.report(run), items)
		want(t, "titles", w.rows(`SELECT count(*) FROM links WHERE CAST(asserted AS text) LIKE '%%pushed%%'`), []string{"4"})
		w.adjust = nil
		run = w.run(registry.RunDone)
		want(t, "the next run", w.report(run), []string{"deactivate fresh missing", "deactivate u002 missing", "update u001", "update u003"})
		w.reads("settled", nil, nil)
	})
}

// TestChangedWhilePlanning: the version a plan was made for is the one it changes.
func TestChangedWhilePlanning(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.dir.addPeople(uids(5)...)
		w.run(registry.RunDone)
		corp := w.source("corp").State.Origin
		anchors := w.rows(`SELECT l.anchor FROM links l JOIN users u ON u.id = l.user_id ORDER BY u.user_name`)
		w.dir.set("u001", attrs{"title": {"old news"}})
		w.dir.remove("u002")
		ledger := w.engine.Ledger
		w.engine.Ledger = func(id registry.CompanyID) reconcile.Ledger {
			return &planning{ledger(id), func() { w.put(corp, put(anchors[1], "u001", "pushed"), put(anchors[2], "u002", "pushed")) }}
		}
		run := w.runSource("corp", reconcile.Request{Mode: registry.ModeRun, Full: true}, registry.RunDone)
		want(t, "report", w.report(run), []string{"skipped deactivate changed_meanwhile u002", "skipped update changed_meanwhile u001"})
		w.engine.Ledger = ledger
		want(t, "the next run", w.report(w.run(registry.RunDone)), []string{"deactivate u002 missing", "update u001"})
	})
}

// planning does something when the people of a source were loaded.
type planning struct {
	reconcile.Ledger
	do func()
}

func (p *planning) LinkedGroups(ctx context.Context, o registry.OriginID, fn func(registry.LinkedGroup) error) error {
	p.do()
	return p.Ledger.LinkedGroups(ctx, o, fn)
}

// put is what an origin says of somebody.
func put(anchor, uid, title string) registry.PutUser {
	return registry.PutUser{Anchor: anchor, Name: uid, Enabled: true, Fingerprint: registry.FingerprintOf(nil, title), Attributes: registry.Attributes{
		registry.AttrUserName: {uid}, registry.AttrEmails: {uid + "@example.com"}, "title": {title},
	}}
}

// meanwhile does something when everything was read.
type meanwhile struct {
	source.Source
	do func()
}

func (m *meanwhile) Read(ctx context.Context, r source.Request, emit func(source.Entry) error) (source.Summary, error) {
	sum, err := m.Source.Read(ctx, r, emit)
	m.do()
	return sum, err
}

// TestScanSamba goes through nights of a real Active Directory.
func TestScanSamba(t *testing.T) {
	w := sqlite(t)
	s := sambaad.Start(t)
	const ou = "OU=Staff," + sambaad.BaseDN
	dn := func(name string) string { return "CN=" + name + "," + ou }
	admin := func(do func(*ldap.Conn) error) {
		t.Helper()
		if err := s.Admin(do); err != nil {
			t.Fatal(err)
		}
	}
	add := func(c *ldap.Conn, name, class string, extra attrs) error {
		r := ldap.NewAddRequest(dn(name), nil)
		r.Attribute("objectClass", []string{class})
		r.Attribute("sAMAccountName", []string{name})
		for k, v := range extra {
			r.Attribute(k, v)
		}
		return c.Add(r)
	}
	admin(func(c *ldap.Conn) error {
		r := ldap.NewAddRequest(ou, nil)
		r.Attribute("objectClass", []string{"organizationalUnit"})
		if err := c.Add(r); err != nil {
			return err
		}
		var all []string
		for _, name := range uids(12) {
			all = append(all, dn(name))
			if err := add(c, name, "user", attrs{"userAccountControl": {"544"}}); err != nil {
				return err
			}
		}
		if err := add(c, "team", "group", attrs{"member": all[:5]}); err != nil {
			return err
		}
		return add(c, "outer", "group", attrs{"member": {dn("team"), all[7]}})
	})
	w.spec = func(s *mapping.Spec) {
		s.Attributes = map[string]string{"userName": "sAMAccountName", "title": "title"}
	}
	w.ldap = func(c *sourceldap.Config) {
		c.URLs, c.CAFile = []string{s.TLSURL}, s.CAFile
		c.BindDN, c.BindPassword = sambaad.Administrator, sourceldap.Password(sambaad.Password)
		c.Users.Base, c.Users.Filter = ou, ""
		c.Groups.Base, c.Groups.Filter = ou, ""
		c.Now = w.clock.now
	}
	set := func(name, attr string, values ...string) {
		t.Helper()
		admin(func(c *ldap.Conn) error {
			r := ldap.NewModifyRequest(dn(name), nil)
			r.Replace(attr, values)
			return c.Modify(r)
		})
	}
	w.run(registry.RunDone)
	outer := "CN=outer" // holds a group, and is read every night
	w.reads("nothing changed", []string{outer}, nil)
	set("u001", "title", "Boss")
	w.reads("one person", []string{outer, "CN=u001"}, []string{"update u001"})
	set("u002", "userAccountControl", "546")
	w.reads("disabled", []string{outer, "CN=u002"}, []string{"deactivate u002"})
	set("team", "member", dn("u001"), dn("u002"), dn("u003"))
	w.reads("fewer members", []string{outer, "CN=team"}, []string{"members outer +0 -2", "members team +0 -2"})
	// A rename moves the group's reference, and not its marker.
	admin(func(c *ldap.Conn) error {
		return c.ModifyDN(ldap.NewModifyDNRequest(dn("u003"), "CN=Three", true, ""))
	})
	w.reads("a member renamed", []string{"CN=Three", outer, "CN=team"}, nil)
	admin(func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(dn("u004"), nil)) })
	w.reads("deleted", []string{outer}, []string{"deactivate u004 missing"})
	admin(func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(dn("u001"), nil)) })
	w.reads("a member deleted", []string{outer, "CN=team"}, []string{"deactivate u001 missing", "members outer +0 -1", "members team +0 -1"})

	// Time passes, and an account's with it; the directory does not change.
	w.clock.forward(time.Hour)
	ends := w.clock.now().Add(48 * time.Hour)
	set("u005", "accountExpires", fmt.Sprint((ends.Unix()+11_644_473_600)*10_000_000))
	w.reads("an account that will expire", []string{outer, "CN=u005"}, nil)
	w.clock.forward(24 * time.Hour)
	w.reads("not yet", []string{outer}, nil)
	w.clock.forward(25 * time.Hour)
	w.reads("expired", []string{outer, "CN=u005"}, []string{"deactivate u005"})
	w.reads("known to be expired", []string{outer}, nil)

	// The primary group has no member for it.
	rid := ""
	admin(func(c *ldap.Conn) error {
		res, err := c.Search(ldap.NewSearchRequest(dn("team"), ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"objectSid"}, nil))
		if err != nil {
			return err
		}
		sid := res.Entries[0].GetRawAttributeValue("objectSid")
		n := len(sid)
		rid = fmt.Sprint(uint32(sid[n-4]) | uint32(sid[n-3])<<8 | uint32(sid[n-2])<<16 | uint32(sid[n-1])<<24)
		return nil
	})
	set("team", "member", dn("u002"), dn("u006"))
	w.reads("a member more", []string{outer, "CN=team"}, []string{"members outer +1 -1", "members team +1 -1"})
	set("u006", "primaryGroupID", rid)
	w.run(registry.RunDone)
	if got := w.members(); !slices.Contains(got, "team corp u006") || !slices.Contains(got, "outer corp u006") {
		t.Errorf("the primary group lost its person: %v", got)
	}
	w.idle()
	set("u006", "primaryGroupID", "513")
	w.run(registry.RunDone)
	w.idle()
}
