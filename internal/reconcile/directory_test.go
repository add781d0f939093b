package reconcile_test

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/testkit/need"
	"github.com/usherd/usher/internal/testkit/slapd"
)

// shared is the one slapd of the test binary; every test has a subtree of its
// own in it.
var shared struct {
	once   sync.Once
	server *slapd.Server
	err    error
	dir    string
	next   atomic.Int64
}

// directory is a subtree of a slapd with ou=people and ou=groups.
type directory struct {
	t    testing.TB
	s    *slapd.Server
	base string
}

func newDirectory(t testing.TB) *directory {
	t.Helper()
	need.Programs(t, "slapd", "slapd", "slapadd")
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "usher-reconcile-"); shared.err == nil { //nolint:usetesting // it outlives the first test that needs it
			shared.server, shared.err = slapd.Run(shared.dir, slapd.Options{})
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return newDirectoryOn(t, shared.server)
}

func newDirectoryOn(t testing.TB, s *slapd.Server) *directory {
	t.Helper()
	d := &directory{t: t, s: s, base: fmt.Sprintf("ou=t%d,%s", shared.next.Add(1), slapd.BaseDN)}
	for _, dn := range []string{d.base, d.people(), d.groups()} {
		rdn, _, _ := strings.Cut(strings.TrimPrefix(dn, "ou="), ",")
		d.add(dn, attrs{"objectClass": {"organizationalUnit"}, "ou": {rdn}})
	}
	return d
}

type attrs = map[string][]string

func (d *directory) people() string         { return "ou=people," + d.base }
func (d *directory) groups() string         { return "ou=groups," + d.base }
func (d *directory) dn(uid string) string   { return "uid=" + uid + "," + d.people() }
func (d *directory) group(cn string) string { return "cn=" + cn + "," + d.groups() }

func (d *directory) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *directory) add(dn string, a attrs) { d.t.Helper(); d.must(d.s.Add(dn, a)) }

// person is the entry of somebody.
func person(uid string, extra attrs) attrs {
	a := attrs{
		"objectClass": {"inetOrgPerson"}, "uid": {uid}, "cn": {"The " + uid}, "sn": {uid}, "mail": {uid + "@example.com"},
	}
	for k, v := range extra {
		if a[k] = v; len(v) == 0 {
			delete(a, k)
		}
	}
	return a
}

func (d *directory) addPerson(uid string, extra attrs) {
	d.t.Helper()
	d.add(d.dn(uid), person(uid, extra))
}

// addPeople adds many on one connection.
func (d *directory) addPeople(uids ...string) {
	d.t.Helper()
	d.must(d.s.Root(func(c *ldap.Conn) error {
		for _, uid := range uids {
			r := ldap.NewAddRequest(d.dn(uid), nil)
			for k, v := range person(uid, nil) {
				r.Attribute(k, v)
			}
			if err := c.Add(r); err != nil {
				return err
			}
		}
		return nil
	}))
}

// uids are names for n people.
func uids(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("u%03d", i)
	}
	return out
}

// addGroup adds a group; members are uids, and group names behind a colon.
func (d *directory) addGroup(cn string, members ...string) {
	d.t.Helper()
	d.add(d.group(cn), attrs{"objectClass": {"groupOfNames"}, "cn": {cn}, "member": d.members(members)})
}

func (d *directory) setMembers(cn string, members ...string) {
	d.t.Helper()
	d.must(d.s.Modify(d.group(cn), attrs{"member": d.members(members)}))
}

func (d *directory) members(list []string) []string {
	out := []string{}
	for _, m := range list {
		if cn, ok := strings.CutPrefix(m, ":"); ok {
			out = append(out, d.group(cn))
		} else {
			out = append(out, d.dn(m))
		}
	}
	if len(out) == 0 {
		out = []string{""}
	}
	return out
}

func (d *directory) set(uid string, a attrs) { d.t.Helper(); d.must(d.s.Modify(d.dn(uid), a)) }

func (d *directory) remove(uids ...string) {
	d.t.Helper()
	d.must(d.s.Root(func(c *ldap.Conn) error {
		for _, uid := range uids {
			if err := c.Del(ldap.NewDelRequest(d.dn(uid), nil)); err != nil {
				return err
			}
		}
		return nil
	}))
}

// restore brings somebody back with the entryUUID of old, as from a backup.
func restore(d *directory, uid, anchor string) error {
	return restoreEntry(d, d.dn(uid), anchor, person(uid, nil))
}

// relax lets the root set operational attributes (draft-zeilenga-ldap-relax).
const relax = "1.3.6.1.4.1.4203.666.5.12"

func restoreEntry(d *directory, dn, anchor string, a attrs) error {
	return d.s.Root(func(c *ldap.Conn) error {
		r := ldap.NewAddRequest(dn, []ldap.Control{ldap.NewControlString(relax, true, "")})
		for k, v := range a {
			r.Attribute(k, v)
		}
		r.Attribute("entryUUID", []string{anchor})
		return c.Add(r)
	})
}

// rotate gives each of the people the uid of the next, and the last that of the
// first.
func rotate(d *directory, uids []string) error {
	return d.s.Root(func(c *ldap.Conn) error {
		rename := func(from, to string) error {
			return c.ModifyDN(ldap.NewModifyDNRequest(d.dn(from), "uid="+to, true, ""))
		}
		last := len(uids) - 1
		if err := rename(uids[last], "between"); err != nil {
			return err
		}
		for i := last - 1; i >= 0; i-- {
			if err := rename(uids[i], uids[i+1]); err != nil {
				return err
			}
		}
		return rename("between", uids[0])
	})
}
