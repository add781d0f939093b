package slapd

import (
	"errors"
	"fmt"

	"github.com/go-ldap/ldap/v3"
)

// as runs do on a fresh connection bound as dn.
func (s *Server) as(dn, password string, do func(*ldap.Conn) error) error {
	c, err := ldap.DialURL(s.URL)
	if err != nil {
		return fmt.Errorf("dial slapd: %w", err)
	}
	defer c.Close()
	if err := c.Bind(dn, password); err != nil {
		return fmt.Errorf("bind as %s: %w", dn, err)
	}
	return do(c)
}

// Root runs do on a connection that may change everything.
func (s *Server) Root(do func(*ldap.Conn) error) error { return s.as(RootDN, RootPassword, do) }

// Add adds one entry.
func (s *Server) Add(dn string, attrs map[string][]string) error {
	return s.Root(func(c *ldap.Conn) error {
		r := ldap.NewAddRequest(dn, nil)
		for name, values := range attrs {
			r.Attribute(name, values)
		}
		return c.Add(r)
	})
}

// AddPerson adds an inetOrgPerson below ou=people; extra attributes replace
// the ordinary ones of the same name.
func (s *Server) AddPerson(uid string, extra map[string][]string) error {
	attrs := map[string][]string{
		"objectClass": {"inetOrgPerson"}, "uid": {uid}, "cn": {uid}, "sn": {uid},
		"mail": {uid + "@example.com"},
	}
	for k, v := range extra {
		attrs[k] = v
	}
	return s.Add("uid="+uid+","+PeopleDN, attrs)
}

// AddGroup adds a groupOfNames below ou=groups with these member DNs.
func (s *Server) AddGroup(cn string, members ...string) error {
	if len(members) == 0 {
		members = []string{""}
	}
	return s.Add("cn="+cn+","+GroupsDN, map[string][]string{
		"objectClass": {"groupOfNames"}, "cn": {cn}, "member": members,
	})
}

// Modify replaces attributes of an entry; no values remove the attribute.
func (s *Server) Modify(dn string, replace map[string][]string) error {
	return s.Root(func(c *ldap.Conn) error {
		r := ldap.NewModifyRequest(dn, nil)
		for name, values := range replace {
			r.Replace(name, values)
		}
		return c.Modify(r)
	})
}

// Delete removes entries, one after the other.
func (s *Server) Delete(dns ...string) error {
	return s.Root(func(c *ldap.Conn) error {
		var errs []error
		for _, dn := range dns {
			errs = append(errs, c.Del(ldap.NewDelRequest(dn, nil)))
		}
		return errors.Join(errs...)
	})
}

// Rename gives an entry a new RDN and, unless superior is "", a new parent.
func (s *Server) Rename(dn, newRDN, superior string) error {
	return s.Root(func(c *ldap.Conn) error {
		return c.ModifyDN(ldap.NewModifyDNRequest(dn, newRDN, true, superior))
	})
}

// SetReaderPassword changes the password the reader binds with.
func (s *Server) SetReaderPassword(password string) error {
	return s.Modify(ReaderDN, map[string][]string{"userPassword": {password}})
}

// SetLimits changes the reader's limits (slapd.conf(5), limits) at run time.
func (s *Server) SetLimits(limits string) error {
	return s.as("cn=config", RootPassword, func(c *ldap.Conn) error {
		r := ldap.NewModifyRequest("olcDatabase={1}mdb,cn=config", nil)
		r.Replace("olcLimits", []string{fmt.Sprintf("{0}dn.exact=%q %s", ReaderDN, limits)})
		return c.Modify(r)
	})
}
