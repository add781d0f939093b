package reconcile_test

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"github.com/usherd/usher/internal/mapping"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
	"github.com/usherd/usher/internal/testkit/sambaad"
	"github.com/usherd/usher/internal/testkit/slapd"
)

// TestRandomDaysSamba are the random days of a real Active Directory, with what
// only there is: control flags, primary groups, deletions that clean up.
func TestRandomDaysSamba(t *testing.T) {
	t.Parallel()
	seeds, days := 3, 4
	if os.Getenv(soakEnv) == "1" {
		seeds, days = 40, 20
	}
	s := sambaad.Start(t)
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			ad := adTree{s: s, ou: fmt.Sprintf("OU=Site %d,%s", seed, sambaad.BaseDN)}
			if err := ad.root(ad.site); err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, databases["sqlite"](t), &directory{t: t, s: &slapd.Server{}})
			w.spec = func(s *mapping.Spec) {
				s.Attributes = map[string]string{"userName": "sAMAccountName", "emails": "mail", "title": "title"}
			}
			read := func(c *sourceldap.Config) {
				c.URLs, c.CAFile = []string{s.TLSURL}, s.CAFile
				c.BindDN, c.BindPassword = sambaad.Administrator, sourceldap.Password(sambaad.Password)
				c.Users.Base, c.Users.Filter = ad.ou, ""
				c.Groups.Base, c.Groups.Filter = ad.ou, ""
				c.Now = w.clock.now
			}
			w.ldap = read
			m := newModel(w, ldapSite{tree: ad, w: w}, fmt.Sprintf("s%d-", seed), rand.New(rand.NewPCG(uint64(seed), 61)), 30)
			for day := range days {
				m.day()
				m.compare(fmt.Sprintf("seed %d, day %d", seed, day))
				if t.Failed() {
					return
				}
			}
		})
	}
}

// adTree is an OU of a Samba domain.
type adTree struct {
	s  *sambaad.Server
	ou string
}

func (a adTree) root(do func(*ldap.Conn) error) error { return a.s.Admin(do) }
func (a adTree) name(cn string) string                { return "CN=" + cn }
func (a adTree) group(cn string) string               { return "CN=" + cn + "," + a.ou }
func (a adTree) empty() []string                      { return nil }

// knows: who is deleted is in no list, nor is who has the group as primary.
func (a adTree) knows(g *team, h *human) bool { return h.there && h.primary != g }

func (a adTree) parent(sub bool) string {
	if sub {
		return "OU=sub," + a.ou
	}
	return a.ou
}

func (a adTree) dn(h *human) string { return "CN=" + h.uid + "," + a.parent(h.sub) }

func (a adTree) site(c *ldap.Conn) error {
	return addEntry(c, a.ou, attrs{"objectClass": {"organizationalUnit"}})
}

func (a adTree) sub(c *ldap.Conn) error {
	return addEntry(c, a.parent(true), attrs{"objectClass": {"organizationalUnit"}})
}

func (a adTree) hire(c *ldap.Conn, h *human) error {
	return addEntry(c, a.dn(h), attrs{
		"objectClass": {"user"}, "sAMAccountName": {h.uid}, "mail": {h.mail}, "userAccountControl": {"544"},
	})
}

func (a adTree) found(c *ldap.Conn, cn string) error {
	return addEntry(c, a.group(cn), attrs{"objectClass": {"group"}, "sAMAccountName": {cn}})
}

func (a adTree) rename(c *ldap.Conn, h *human, uid string) error {
	if err := c.ModifyDN(ldap.NewModifyDNRequest(a.dn(h), "CN="+uid, true, "")); err != nil {
		return err
	}
	return replace(c, "CN="+uid+","+a.parent(h.sub), "sAMAccountName", uid)
}

func (a adTree) move(c *ldap.Conn, h *human) error {
	return c.ModifyDN(ldap.NewModifyDNRequest(a.dn(h), "CN="+h.uid, true, a.parent(!h.sub)))
}

// disable sets ADS_UF_ACCOUNTDISABLE beside flags that mean nothing here.
func (a adTree) disable(c *ldap.Conn, h *human) error {
	return replace(c, a.dn(h), "userAccountControl", map[bool]string{true: "546", false: "544"}[h.disabled])
}

// anchor is the GUID's text, whose first three parts are little-endian (MS-DTYP
// 2.3.4.2).
func (a adTree) anchor(e *ldap.Entry) string {
	g := e.GetRawAttributeValue("objectGUID")
	if len(g) != 16 {
		return hex.EncodeToString(g)
	}
	return uuid.UUID{g[3], g[2], g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]}.String()
}

// primary makes a group somebody's primary one, of which they must be a member
// first; nil is that of everybody, outside.
func (a adTree) primary(c *ldap.Conn, h *human, g *team) error {
	if g == nil {
		return replace(c, a.dn(h), "primaryGroupID", "513")
	}
	r := ldap.NewModifyRequest(a.group(g.cn), nil)
	r.Add("member", []string{a.dn(h)})
	if err := c.Modify(r); err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultEntryAlreadyExists) && !ldap.IsErrorWithCode(err, ldap.LDAPResultAttributeOrValueExists) {
		return fmt.Errorf("join: %w", err)
	}
	res, err := c.Search(ldap.NewSearchRequest(a.group(g.cn), ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"objectSid"}, nil))
	if err != nil {
		return err
	}
	sid := res.Entries[0].GetRawAttributeValue("objectSid")
	if len(sid) < 4 {
		return errors.New("no objectSid")
	}
	n := len(sid)
	rid := uint32(sid[n-4]) | uint32(sid[n-3])<<8 | uint32(sid[n-2])<<16 | uint32(sid[n-1])<<24
	return replace(c, a.dn(h), "primaryGroupID", fmt.Sprint(rid))
}
