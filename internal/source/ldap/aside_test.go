package ldap_test

import (
	"slices"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	sourceldap "github.com/usherd/usher/internal/source/ldap"
	"github.com/usherd/usher/internal/testkit/sambaad"
	"github.com/usherd/usher/internal/testkit/slapd"
)

// TestLockedBesideTheMarker: a role that is made inactive locks its people in 389
// Directory Server, and no entry changes. A scan sees it, and sees it lifted.
func TestLockedBesideTheMarker(t *testing.T) {
	for _, tc := range []struct{ vendor, anchor, lock string }{
		{"389 Project", "nsUniqueId", "nsAccountLock"},
		{"UnboundID Corp.", "entryUUID", "ds-pwp-account-disabled"},
		{"NetIQ Corporation", "GUID", "loginDisabled"},
	} {
		t.Run(tc.vendor, func(t *testing.T) {
			locked := ""
			ann := func() *ber.Packet {
				pairs := []string{tc.anchor, "a", "modifyTimestamp", "20200101000000Z"}
				if locked != "" {
					pairs = append(pairs, tc.lock, locked)
				}
				return fakeEntry("uid=ann,dc=x", pairs...)
			}
			f := startFake(t, func(page int, answer func(op *ber.Packet, controls ...ldap.Control)) {
				answer(ann())
				if page > 0 { // one by name
					answer(fakeDone(0))
					return
				}
				answer(fakeEntry("uid=bob,dc=x", tc.anchor, "b", "modifyTimestamp", "20200101000000Z"))
				answer(fakeDone(0), paging(0, ""))
			})
			f.root = []string{"vendorName", tc.vendor}
			m := remember(t, open(t, sourceldap.Config{Name: "x", URLs: []string{f.url}, Users: sourceldap.Search{Base: "dc=x"}}))
			m.want("nothing changed")
			locked = "TRUE"
			m.want("locked", "uid=ann,dc=x")
			if !m.entries["a"].Disabled || m.entries["b"].Disabled {
				t.Errorf("entries = %+v", m.entries)
			}
			m.want("still locked")
			locked = ""
			m.want("lifted", "uid=ann,dc=x")
			if m.entries["a"].Disabled {
				t.Error("a lock that was lifted stays")
			}
		})
	}
}

// TestMemberOfBesideTheMarker: what a source says of somebody by memberOf changes
// with the group, whatever the person's own marker does.
func TestMemberOfBesideTheMarker(t *testing.T) {
	wanted := func(c *sourceldap.Config) { c.Users.Attributes = append(c.Users.Attributes, "memberof") }
	t.Run("OpenLDAP", func(t *testing.T) {
		s := slapd.Start(t, slapd.Options{MemberOf: true, LDIF: people(20, 0, 0)})
		m := remember(t, open(t, config(s, wanted)))
		var names []string
		for _, e := range m.entries {
			names = append(names, e.Name)
		}
		slices.Sort(names)
		group := "cn=vips," + slapd.GroupsDN
		if err := s.Add(group, map[string][]string{"objectClass": {"groupOfNames"}, "cn": {"vips"}, "member": {names[0], names[1]}}); err != nil {
			t.Fatal(err)
		}
		m.want("a group for two", group, names[0], names[1])
		if err := s.Modify(group, map[string][]string{"member": {names[1], names[2]}}); err != nil {
			t.Fatal(err)
		}
		m.want("one out, one in", group, names[0], names[2])
		m.want("nothing changed")
	})
	t.Run("Samba AD", func(t *testing.T) {
		s := sambaad.Start(t)
		if err := s.Admin(fillSamba); err != nil {
			t.Fatal(err)
		}
		cfg := sourceldap.Config{
			Name: "ad", URLs: []string{s.TLSURL}, CAFile: s.CAFile,
			BindDN: sambaad.Administrator, BindPassword: sourceldap.Password(sambaad.Password),
			Users: sourceldap.Search{Base: sambaad.UsersDN, Attributes: []string{"sAMAccountName"}},
		}
		wanted(&cfg)
		m := remember(t, open(t, cfg))
		ada := sambaad.UserDN("ada")
		for _, step := range []struct {
			what    string
			members []string
			whole   []string
		}{
			{"out of the group", []string{sambaad.UserDN("gone")}, []string{ada, sambaad.UserDN("gone")}},
			{"into the group", []string{sambaad.UserDN("gone"), ada}, []string{ada}},
			{"the same again", []string{sambaad.UserDN("gone"), ada}, nil},
		} {
			err := s.Admin(func(c *ldap.Conn) error {
				r := ldap.NewModifyRequest(sambaad.UserDN("inner"), nil)
				r.Replace("member", step.members)
				return c.Modify(r)
			})
			if err != nil {
				t.Fatal(err)
			}
			m.want(step.what, step.whole...)
		}
	})
}
