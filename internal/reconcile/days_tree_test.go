package reconcile_test

import (
	"fmt"
	"slices"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
)

// site is a directory of any kind in which the model's people and groups live.
type site interface {
	// begin makes room for them.
	begin() error
	hire(h *human) error
	leave(h *human) error
	// back brings somebody back with the id they had, without a title; false where
	// that cannot be.
	back(h *human) (bool, error)
	retitle(h *human) error
	readdress(h *human, mail string) error
	rename(h *human, uid string) error
	move(h *human) error
	disable(h *human) error
	// spoil adds a person of whom nobody can be made; false where there is none such.
	spoil(name string) (bool, error)
	// special is what happens in this kind of directory only.
	special(m *model, h *human) error
	found(g *team) error
	dissolve(g *team) error
	regroup(g *team, cn string) error
	write(all []roster) error
	// id is the anchor of somebody who is there.
	id(h *human) (string, error)
	// trouble is what befalls the source before and while it runs; heal ends it.
	// flaky reports whether it may fail from it.
	trouble(m *model) (heal func())
	flaky() bool
}

// roster is a group with whom it has, those who left included.
type roster struct {
	team   *team
	people []*human
	inner  []*team
}

// ldapSite is a site in a tree of LDAP.
type ldapSite struct {
	tree
	w *world
}

func (s ldapSite) begin() error { return s.root(s.sub) }
func (s ldapSite) flaky() bool  { return false }

func (s ldapSite) hire(h *human) error {
	return s.root(func(c *ldap.Conn) error { return s.tree.hire(c, h) })
}

func (s ldapSite) leave(h *human) error {
	return s.root(func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(s.dn(h), nil)) })
}

// back is false in Active Directory: deleted there is deleted.
func (s ldapSite) back(h *human) (bool, error) {
	if _, ad := s.tree.(adTree); ad {
		return false, nil
	}
	return true, restoreEntry(s.w.dir, s.dn(h), h.anchor, person(h.uid, nil))
}

func (s ldapSite) replace(h *human, attr string, value string) error {
	return s.root(func(c *ldap.Conn) error { return replace(c, s.dn(h), attr, value) })
}

func (s ldapSite) retitle(h *human) error                { return s.replace(h, "title", h.title) }
func (s ldapSite) readdress(h *human, mail string) error { return s.replace(h, "mail", mail) }

func (s ldapSite) rename(h *human, uid string) error {
	return s.root(func(c *ldap.Conn) error { return s.tree.rename(c, h, uid) })
}

func (s ldapSite) move(h *human) error {
	return s.root(func(c *ldap.Conn) error { return s.tree.move(c, h) })
}

func (s ldapSite) disable(h *human) error {
	return s.root(func(c *ldap.Conn) error { return s.tree.disable(c, h) })
}

// spoil adds a person without a name. Active Directory has none such.
func (s ldapSite) spoil(cn string) (bool, error) {
	if _, ad := s.tree.(adTree); ad {
		return false, nil
	}
	return true, s.root(func(c *ldap.Conn) error {
		return addEntry(c, "cn="+cn+","+s.w.dir.people(), attrs{"objectClass": {"inetOrgPerson"}, "cn": {cn}, "sn": {cn}})
	})
}

// special gives somebody another primary group, or the usual one.
func (s ldapSite) special(m *model, h *human) error {
	ad, ok := s.tree.(adTree)
	if !ok {
		return nil
	}
	to := m.teams[m.rng.IntN(len(m.teams))]
	if !to.there || m.rng.IntN(3) == 0 {
		to = nil
	}
	if to == h.primary {
		return nil
	}
	h.primary = to
	return s.root(func(c *ldap.Conn) error { return ad.primary(c, h, to) })
}

func (s ldapSite) found(g *team) error {
	return s.root(func(c *ldap.Conn) error { return s.tree.found(c, g.cn) })
}

func (s ldapSite) dissolve(g *team) error {
	return s.root(func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(s.group(g.cn), nil)) })
}

func (s ldapSite) regroup(g *team, cn string) error {
	return s.root(func(c *ldap.Conn) error {
		return c.ModifyDN(ldap.NewModifyDNRequest(s.group(g.cn), s.name(cn), true, ""))
	})
}

func (s ldapSite) write(all []roster) error {
	return s.root(func(c *ldap.Conn) error {
		for _, r := range all {
			list := []string{}
			for _, h := range r.people {
				if s.knows(r.team, h) {
					list = append(list, s.dn(h))
				}
			}
			for _, inner := range r.inner {
				list = append(list, s.group(inner.cn))
			}
			if len(list) == 0 {
				list = s.empty()
			}
			slices.Sort(list)
			if err := replace(c, s.group(r.team.cn), "member", slices.Compact(list)...); err != nil {
				return fmt.Errorf("members of %s: %w", r.team.cn, err)
			}
		}
		return nil
	})
}

func (s ldapSite) id(h *human) (id string, err error) {
	err = s.root(func(c *ldap.Conn) error {
		res, err := c.Search(ldap.NewSearchRequest(s.dn(h), ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"*", "entryUUID"}, nil))
		if err == nil {
			id = s.anchor(res.Entries[0])
		}
		return err
	})
	return id, err
}

// trouble is a night without the directory, or a process that dies.
func (s ldapSite) trouble(m *model) func() {
	w := s.w
	switch m.rng.IntN(4) {
	case 0:
		read := w.ldap
		w.ldap = func(c *sourceldap.Config) {
			if read != nil {
				read(c)
			}
			c.BindPassword = sourceldap.Password("wrong")
		}
		w.run(registry.RunFailed)
		w.ldap = read
	case 1:
		if _, ad := s.tree.(adTree); ad {
			break // the child knows slapd only
		}
		w.killed(m.rng, reconcile.PhaseApply, 2)
		w.expireLease()
	}
	return func() {}
}

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

func replace(c *ldap.Conn, dn, attr string, values ...string) error {
	r := ldap.NewModifyRequest(dn, nil)
	r.Replace(attr, values)
	return c.Modify(r)
}
