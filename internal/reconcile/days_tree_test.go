package reconcile_test

import (
	"github.com/go-ldap/ldap/v3"
)

// tree is how a kind of directory keeps people and groups.
type tree interface {
	root(func(*ldap.Conn) error) error
	dn(h *human) string
	group(cn string) string
	// sub makes the other OU, hire and found make a person and an empty group.
	sub(c *ldap.Conn) error
	hire(c *ldap.Conn, h *human) error
	found(c *ldap.Conn, cn string) error
	rename(c *ldap.Conn, h *human, uid string) error
	move(c *ldap.Conn, h *human) error
	disable(c *ldap.Conn, h *human) error
	// name is how an entry is named in its folder, anchor its id.
	name(cn string) string
	anchor(e *ldap.Entry) string
	// knows reports whether a group's list of members may name the person, empty
	// is what stands in a list of nobody.
	knows(g *team, h *human) bool
	empty() []string
}

// slapdTree is a subtree of a slapd.
type slapdTree struct{ d *directory }

func (s slapdTree) root(do func(*ldap.Conn) error) error { return s.d.s.Root(do) }
func (s slapdTree) name(cn string) string                { return "cn=" + cn }
func (s slapdTree) group(cn string) string               { return s.d.group(cn) }
func (s slapdTree) anchor(e *ldap.Entry) string          { return e.GetAttributeValue("entryUUID") }
func (s slapdTree) empty() []string                      { return []string{""} }

// knows is true: directories keep dangling names.
func (s slapdTree) knows(*team, *human) bool { return true }

func (s slapdTree) parent(sub bool) string {
	if sub {
		return "ou=sub," + s.d.people()
	}
	return s.d.people()
}

func (s slapdTree) dn(h *human) string { return "uid=" + h.uid + "," + s.parent(h.sub) }

func (s slapdTree) sub(c *ldap.Conn) error {
	return addEntry(c, s.parent(true), attrs{"objectClass": {"organizationalUnit"}, "ou": {"sub"}})
}

func (s slapdTree) hire(c *ldap.Conn, h *human) error {
	return addEntry(c, s.dn(h), person(h.uid, nil))
}

func (s slapdTree) found(c *ldap.Conn, cn string) error {
	return addEntry(c, s.group(cn), attrs{"objectClass": {"groupOfNames"}, "cn": {cn}, "member": {""}})
}

func (s slapdTree) rename(c *ldap.Conn, h *human, uid string) error {
	return c.ModifyDN(ldap.NewModifyDNRequest(s.dn(h), "uid="+uid, true, ""))
}

func (s slapdTree) move(c *ldap.Conn, h *human) error {
	return c.ModifyDN(ldap.NewModifyDNRequest(s.dn(h), "uid="+h.uid, true, s.parent(!h.sub)))
}

func (s slapdTree) disable(c *ldap.Conn, h *human) error {
	var locked []string
	if h.disabled {
		locked = []string{"000001010000Z"}
	}
	return replace(c, s.dn(h), "pwdAccountLockedTime", locked...)
}

func addEntry(c *ldap.Conn, dn string, a attrs) error {
	r := ldap.NewAddRequest(dn, nil)
	for k, v := range a {
		r.Attribute(k, v)
	}
	return c.Add(r)
}
