package reconcile_test

import (
	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/mapping"
)

func scoped(expression string) func(*mapping.Spec) {
	return func(s *mapping.Spec) { s.Scope = expression }
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
