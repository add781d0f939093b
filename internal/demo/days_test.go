package demo_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/demo"
)

// person is what the tests look at.
type person struct{ dn, uid, cn, mail, csn, office, locked string }

func people(t *testing.T, c *ldap.Conn) map[string]person {
	t.Helper()
	out := map[string]person{}
	for _, e := range find(t, c, demo.PeopleDN, "(objectClass=inetOrgPerson)", "*", "+") {
		out[e.GetAttributeValue("entryUUID")] = person{
			e.DN, e.GetAttributeValue("uid"), e.GetAttributeValue("cn"), e.GetAttributeValue("mail"),
			e.GetAttributeValue("entryCSN"), e.GetAttributeValue("l"), e.GetAttributeValue("pwdAccountLockedTime"),
		}
	}
	return out
}

// dump is the whole directory as text.
func dump(t *testing.T, dir *demo.Directory) string {
	t.Helper()
	var b strings.Builder
	for _, e := range find(t, connect(t, dir), demo.BaseDN, "(objectClass=*)", "*", "+") {
		b.WriteString(e.DN + "\n")
		for _, a := range e.Attributes {
			b.WriteString(" " + a.Name + ": " + strings.Join(a.Values, " | ") + "\n")
		}
	}
	return b.String()
}

func TestDirectoryFollowsFromItsSeed(t *testing.T) {
	one, two, other := demo.New(7, begin()), demo.New(7, begin()), demo.New(8, begin())
	if dump(t, one) == dump(t, other) {
		t.Error("two seeds gave one directory")
	}
	for range 5 {
		if diff := cmp.Diff(one.NextDay(), two.NextDay()); diff != "" {
			t.Fatalf("one seed gave two days: %s", diff)
		}
	}
	if diff := cmp.Diff(dump(t, one), dump(t, two)); diff != "" {
		t.Errorf("one seed gave two directories: %s", diff)
	}
}

func TestSampleIsBelievable(t *testing.T) {
	dir := demo.New(1, begin())
	c := connect(t, dir)
	if n := dir.People(); n < 290 || n > 320 {
		t.Errorf("%d people", n)
	}
	if n := dir.Groups(); n < 22 || n > 28 {
		t.Errorf("%d groups", n)
	}
	uids, languages, long := map[string]bool{}, map[string]int{}, 0
	for _, e := range find(t, c, demo.PeopleDN, "(objectClass=inetOrgPerson)") {
		uid := e.GetAttributeValue("uid")
		if uids[uid] || strings.ToLower(uid) != uid || strings.ContainsAny(uid, " ’'") {
			t.Errorf("login name %q is bad or taken twice", uid)
		}
		uids[uid] = true
		languages[e.GetAttributeValue("preferredLanguage")]++
		if len(e.GetAttributeValue("cn")) > 100 {
			long++
		}
		for _, a := range []string{"cn", "sn", "title", "ou", "departmentNumber", "telephoneNumber", "employeeNumber", "l"} {
			if e.GetAttributeValue(a) == "" {
				t.Errorf("%s has no %s", uid, a)
			}
		}
	}
	if len(languages) != 7 || languages["ru-RU"] < 40 || languages["it-IT"] < 80 || long != 1 {
		t.Errorf("languages %v, %d long names", languages, long)
	}
	if got := find(t, c, demo.GroupsDN, "(member=cn=Night Shift,"+demo.GroupsDN+")"); len(got) != 1 {
		t.Errorf("the circle of groups: %v", got)
	}
	if got := find(t, c, demo.GroupsDN, `(cn=Ricerca, Sviluppo)`); len(got) != 1 || !strings.HasPrefix(got[0].DN, `cn=Ricerca\, Sviluppo,`) {
		t.Errorf("the group with a comma: %v", got)
	}
}

// Every reference leads somewhere, but for the two made to lead nowhere.
func TestReferencesHold(t *testing.T) {
	dir := demo.New(3, begin())
	c := connect(t, dir)
	for range 10 {
		dir.NextDay()
	}
	known := map[string]bool{}
	all := find(t, c, demo.BaseDN, "(objectClass=*)", "*")
	for _, e := range all {
		known[e.DN] = true
	}
	var dangling []string
	for _, e := range all {
		for _, ref := range slices.Concat(e.GetAttributeValues("member"), e.GetAttributeValues("manager")) {
			if !known[ref] {
				dangling = append(dangling, ref)
			}
		}
	}
	slices.Sort(dangling)
	if diff := cmp.Diff([]string{"", "uid=gone.long.ago,ou=Milano,ou=people,dc=acme,dc=example"}, dangling); diff != "" {
		t.Errorf("dangling references (-want +got):\n%s", diff)
	}
}

func TestNextDay(t *testing.T) {
	dir := demo.New(1, begin())
	c := connect(t, dir)
	everTaken := map[string]string{} // login name → anchor
	for uuid, p := range people(t, c) {
		everTaken[p.uid] = uuid
	}
	for range 12 {
		before := people(t, c)
		said := dir.NextDay()
		after := people(t, c)
		var hired, left, renamed, moved, locked int
		for uuid, p := range after {
			old, was := before[uuid]
			if owner, taken := everTaken[p.uid]; taken && owner != uuid {
				t.Errorf("login name %s was given a second time", p.uid)
			}
			everTaken[p.uid] = uuid
			switch {
			case !was:
				hired++
			case old == p:
			case old.csn >= p.csn:
				t.Errorf("%s changed, its change marker did not move", p.uid)
			case old.uid != p.uid:
				renamed++
				if old.cn == p.cn || old.dn == p.dn || old.mail == p.mail {
					t.Errorf("half a rename: %+v → %+v", old, p)
				}
			case old.office != p.office:
				moved++
				if old.dn == p.dn {
					t.Errorf("%s moved without a new name", p.uid)
				}
			case old.locked != p.locked:
				locked++
			}
		}
		for uuid := range before {
			if _, still := after[uuid]; !still {
				left++
			}
		}
		if hired < 3 || hired > 6 || left < 2 || left > 4 || renamed < 1 || renamed > 2 || moved != 1 || locked != 1 {
			t.Errorf("hired %d, left %d, renamed %d, moved %d, locked %d", hired, left, renamed, moved, locked)
		}
		if len(said) != hired+left+renamed+moved+locked+1 {
			t.Errorf("said %d things: %q", len(said), said)
		}
	}
}

func TestBadDayAndRecovery(t *testing.T) {
	dir := demo.New(1, begin())
	c := connect(t, dir)
	before := people(t, c)
	if said := dir.BadDay(); len(said) != 1 || !strings.Contains(said[0], "can no longer be read") {
		t.Errorf("said %q", said)
	}
	bad := people(t, c)
	if len(bad) == 0 || len(bad) > len(before)/4 || dir.People() != len(bad) {
		t.Errorf("%d of %d people are left", len(bad), len(before))
	}
	dir.Recover()
	if diff := cmp.Diff(before, people(t, c), cmp.AllowUnexported(person{})); diff != "" {
		t.Errorf("after recovery:\n%s", diff)
	}
	if said := dir.Recover(); !strings.HasPrefix(said[0], "Nothing to mend") {
		t.Errorf("said %q", said)
	}
}
