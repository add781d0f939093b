package ldap_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/source"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
	"github.com/usherd/usher/internal/testkit/slapd"
	"github.com/usherd/usher/internal/testkit/tcpfault"
)

// memory is a caller that keeps what it was given, and goes by it.
type memory struct {
	t       *testing.T
	src     *sourceldap.Source
	cursor  string
	entries map[string]source.Entry // by anchor
	sum     source.Summary
	whole   []string // names of what the last read gave whole
}

func remember(t *testing.T, src *sourceldap.Source) *memory {
	t.Helper()
	m := &memory{t: t, src: src}
	m.read()
	if !m.sum.Full || m.sum.Cursor == "" {
		t.Fatalf("the first read: %+v", m.sum)
	}
	return m
}

func (m *memory) try() error {
	known := m.entries
	next := map[string]source.Entry{}
	m.whole = nil
	var err error
	m.sum, err = m.src.Read(m.t.Context(), source.Request{Cursor: m.cursor, Known: func(kind source.Kind, anchor, marker string) bool {
		e, ok := known[anchor]
		return ok && e.Kind == kind && e.Marker == marker
	}}, func(e source.Entry) error {
		if !e.Same {
			m.whole = append(m.whole, e.Name)
			next[e.Anchor] = e
			return nil
		}
		if len(e.Values) > 0 || len(e.Members) > 0 {
			return fmt.Errorf("an entry that is the same came with values: %+v", e)
		}
		was := known[e.Anchor]
		was.Name, was.Keys = e.Name, e.Keys
		next[e.Anchor] = was
		return nil
	})
	if err == nil {
		m.entries = next
	}
	return err
}

func (m *memory) read() {
	m.t.Helper()
	if err := m.try(); err != nil {
		m.t.Fatal(err)
	}
	m.cursor = m.sum.Cursor
	if !m.sum.Complete || m.sum.Users+m.sum.Groups != len(m.entries) {
		m.t.Fatalf("summary = %+v for %d entries", m.sum, len(m.entries))
	}
	slices.Sort(m.whole)
}

// want reads, and compares what came whole, and all there is with a full read.
func (m *memory) want(what string, whole ...string) {
	m.t.Helper()
	m.read()
	slices.Sort(whole)
	if d := cmp.Diff(append([]string{}, whole...), append([]string{}, m.whole...)); d != "" {
		m.t.Errorf("%s: read whole (-want +got):\n%s", what, d)
	}
	full := map[string]source.Entry{}
	for _, e := range mustRead(m.t, m.src) {
		full[e.Anchor] = e
	}
	if d := cmp.Diff(full, m.entries); d != "" {
		m.t.Errorf("%s: a scan differs from a full read:\n%s", what, d)
	}
}

func TestScan(t *testing.T) {
	s := slapd.Start(t, slapd.Options{LDIF: people(500, 10, 40)})
	src := open(t, config(s, func(c *sourceldap.Config) { c.PageSize = 70 }))
	m := remember(t, src)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var names, groups []string
	for _, e := range m.entries {
		if e.Kind == source.User {
			names = append(names, e.Name)
		} else {
			groups = append(groups, e.Name)
		}
	}
	slices.Sort(names)
	slices.Sort(groups)
	m.want("nothing changed")
	must(s.Modify(names[3], map[string][]string{"title": {"changed"}}))
	must(s.Modify(groups[2], map[string][]string{"member": {names[1], names[2]}}))
	m.want("one person, one group", names[3], groups[2])
	must(s.Rename(names[4], "uid=renamed", ""))
	m.want("a rename", "uid=renamed,"+slapd.PeopleDN)
	must(s.Delete(names[5], groups[1]))
	m.want("gone")
	must(s.Add("ou=far,"+slapd.PeopleDN, map[string][]string{"objectClass": {"organizationalUnit"}, "ou": {"far"}}))
	rdn, _, _ := strings.Cut(names[6], ",")
	must(s.Rename(names[6], rdn, "ou=far,"+slapd.PeopleDN))
	m.want("moved", rdn+",ou=far,"+slapd.PeopleDN)
	// The name of those below changes, their marker does not.
	must(s.Add("ou=new,"+slapd.PeopleDN, map[string][]string{"objectClass": {"organizationalUnit"}, "ou": {"new"}}))
	must(s.Rename("ou=far,"+slapd.PeopleDN, "ou=far", "ou=new,"+slapd.PeopleDN))
	m.want("the parent moved")
	must(s.Rename(rdn+",ou=far,ou=new,"+slapd.PeopleDN, rdn, slapd.BaseDN))
	m.want("moved out of the base")
	must(s.AddPerson("hired", nil))
	m.want("somebody new", "uid=hired,"+slapd.PeopleDN)
	for _, n := range names[100:300] {
		must(s.Modify(n, map[string][]string{"title": {"many"}}))
	}
	m.read()
	if len(m.whole) != m.sum.Users {
		t.Errorf("after many changes %d were read whole of %d people", len(m.whole), m.sum.Users)
	}
	m.want("after many changes")
	if m.sum.Full {
		t.Error("a scan calls itself full")
	}
}

// TestCursor: what another server, another database or other settings said means
// nothing here.
func TestCursor(t *testing.T) {
	s := slapd.Start(t, slapd.Options{LDIF: people(5, 1, 2)})
	m := remember(t, open(t, config(s)))
	for what, change := range map[string]func(*sourceldap.Config){
		"filter":     func(c *sourceldap.Config) { c.Users.Filter = "(uid=*)" },
		"attributes": func(c *sourceldap.Config) { c.Users.Attributes = append(c.Users.Attributes, "title") },
		"base":       func(c *sourceldap.Config) { c.Groups.Base = slapd.BaseDN },
		"account":    func(c *sourceldap.Config) { c.BindDN, c.BindPassword = "", nil },
	} {
		other := &memory{t: t, src: open(t, config(s, change)), cursor: m.cursor, entries: m.entries}
		if err := other.try(); !errors.Is(err, source.ErrCursor) || len(other.whole) > 0 {
			t.Errorf("%s: %d entries, %v", what, len(other.whole), err)
		}
	}
	rebuilt := slapd.Start(t, slapd.Options{LDIF: people(5, 1, 2)})
	other := &memory{t: t, src: open(t, config(rebuilt)), cursor: m.cursor, entries: m.entries}
	if err := other.try(); !errors.Is(err, source.ErrCursor) || !strings.Contains(err.Error(), "another server") {
		t.Errorf("rebuilt: %v", err)
	}
	// The order of attributes is no setting.
	same := &memory{t: t, cursor: m.cursor, entries: m.entries, src: open(t, config(s, func(c *sourceldap.Config) { slices.Reverse(c.Users.Attributes) }))}
	same.want("another order")
}

// TestScanCut breaks the connection everywhere during a scan that also fetches.
func TestScanCut(t *testing.T) {
	s := slapd.Start(t, slapd.Options{LDIF: people(300, 4, 50)})
	p, err := tcpfault.Start(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	m := remember(t, open(t, config(s, func(c *sourceldap.Config) {
		c.URLs, c.PageSize, c.Timeout = []string{"ldap://" + p.Addr()}, 30, 300*time.Millisecond
	})))
	names := slices.Sorted(maps.Keys(mustRead(t, open(t, config(s)))))
	for i := range 20 {
		if err := s.Modify(names[10+i], map[string][]string{"description": {"changed"}}); err != nil {
			t.Fatal(err)
		}
	}
	known := m.entries
	m.read()
	total := p.Seen()
	if len(m.whole) != 20 {
		t.Fatalf("%d were read whole", len(m.whole))
	}
	for i := range int64(30) {
		at := total * i / 30
		for _, action := range []tcpfault.Action{tcpfault.Close, tcpfault.Reset, tcpfault.Stall} {
			if action == tcpfault.Stall && i%10 != 9 {
				continue
			}
			m.entries = known
			p.Break(at, action)
			if err := m.try(); !errors.Is(err, source.ErrUnreachable) || m.sum.Complete {
				t.Errorf("action %d at byte %d of %d: %+v, %v", action, at, total, m.sum, err)
			}
		}
	}
}

func TestFind(t *testing.T) {
	s := slapd.Start(t, slapd.Options{})
	for _, err := range []error{
		s.AddPerson("ada", map[string][]string{"mail": {"ada@example.com"}, "employeeNumber": {"77"}}),
		s.AddPerson("star*", nil),
		s.AddPerson("left", map[string][]string{"title": {"out"}, "employeeNumber": {"77"}}),
		s.Add("uid=far,"+slapd.BaseDN, map[string][]string{"objectClass": {"inetOrgPerson"}, "uid": {"far"}, "cn": {"far"}, "sn": {"far"}}),
		s.AddGroup("grp", "uid=ada,"+slapd.PeopleDN),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	src := open(t, config(s, func(c *sourceldap.Config) { c.Users.Filter = "(&(objectClass=inetOrgPerson)(!(title=out)))" }))
	ada := mustRead(t, src)["uid=ada,"+slapd.PeopleDN]
	for who, want := range map[string][]string{
		"ada": {"ada "}, "ADA@example.com": {"ada "}, ada.Anchor: {"ada "}, "UID=Ada, " + slapd.PeopleDN: {"ada "},
		"77": {"ada ", "left the filter"}, "left": {"left the filter"}, "far": {"far the entry"},
		"uid=far," + slapd.BaseDN: {"far the entry"}, "star*": {"star* "}, "*": nil, "": nil, "nobody": nil, "grp": nil,
		")(uid=*": nil, "uid=nobody," + slapd.PeopleDN: nil, "x=,": nil,
	} {
		got, err := src.Find(t.Context(), who, 5)
		if err != nil {
			t.Errorf("%q: %v", who, err)
			continue
		}
		var found []string
		for _, e := range got {
			word := ""
			if e.Excluded != "" {
				word = strings.Join(strings.Fields(e.Excluded.String())[:2], " ")
			}
			found = append(found, e.Values["uid"][0]+" "+word)
		}
		if d := cmp.Diff(want, found); d != "" {
			t.Errorf("%q (-want +got):\n%s", who, d)
		}
	}
	if got, err := src.Find(t.Context(), "77", 1); err != nil || len(got) != 1 {
		t.Errorf("one of two: %d, %v", len(got), err)
	}
	var names []string
	err := src.Fetch(t.Context(), []string{ada.Anchor, "11111111-1111-1111-1111-111111111111"}, func(e source.Entry) error {
		names = append(names, e.Name)
		return nil
	})
	if err != nil || len(names) != 1 || names[0] != ada.Name {
		t.Errorf("fetched %v, %v", names, err)
	}
}
