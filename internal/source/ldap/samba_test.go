package ldap_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/source"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
	"github.com/usherd/usher/internal/testkit/sambaad"
)

// manyMembers is the size of the large group. Samba gives ranges of values only
// to who asks for one; TestRanges has the 1500 that Active Directory imposes.
const manyMembers = 300

// fillSamba adds the people and groups of TestSamba.
func fillSamba(c *ldap.Conn) error {
	var errs []error
	members := make([]string, manyMembers)
	for i := range members {
		members[i] = fmt.Sprintf("CN=contact %d,%s", i, sambaad.UsersDN)
		r := ldap.NewAddRequest(members[i], nil)
		r.Attribute("objectClass", []string{"contact"})
		errs = append(errs, c.Add(r))
	}
	errs = append(errs,
		sambaad.AddUser(c, "ada", map[string][]string{"mail": {"ada@example.test"}, "userAccountControl": {"544"}}),
		sambaad.AddUser(c, "gone", map[string][]string{"userAccountControl": {"546"}}),
		sambaad.AddUser(c, "deleted", nil),
		c.Del(ldap.NewDelRequest(sambaad.UserDN("deleted"), nil)),
		sambaad.AddGroup(c, "inner", sambaad.UserDN("ada")),
		sambaad.AddGroup(c, "outer", sambaad.UserDN("inner"), sambaad.UserDN("gone")),
		sambaad.AddGroup(c, "many", members...),
	)
	return errors.Join(errs...)
}

func TestSamba(t *testing.T) {
	s := sambaad.Start(t)
	if err := s.Admin(fillSamba); err != nil {
		t.Fatal(err)
	}
	cfg := sourceldap.Config{
		Name: "ad", URLs: []string{s.TLSURL}, CAFile: s.CAFile,
		BindDN: sambaad.Administrator, BindPassword: sourceldap.Password(sambaad.Password),
		Users:  sourceldap.Search{Base: sambaad.BaseDN, Attributes: []string{"sAMAccountName", "mail"}},
		Groups: sourceldap.Search{Base: sambaad.BaseDN, Attributes: []string{"cn"}},
	}
	src := open(t, cfg)
	got, sum, err := readAll(t.Context(), src)
	if err != nil || !sum.Complete {
		t.Fatalf("%+v, %v", sum, err)
	}
	t.Run("users", func(t *testing.T) {
		ada := got[sambaad.UserDN("ada")]
		if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(ada.Anchor) ||
			!regexp.MustCompile(`^\d+@[0-9a-f]{8}$`).MatchString(ada.Marker) || ada.Disabled ||
			ada.Values["samaccountname"][0] != "ada" || ada.Values["mail"][0] != "ada@example.test" {
			t.Errorf("entry = %+v", ada)
		}
		// The server itself knows the entry by the GUID's text form.
		err := s.Admin(func(c *ldap.Conn) error {
			res, err := c.Search(ldap.NewSearchRequest("<GUID="+ada.Anchor+">", ldap.ScopeBaseObject, 0, 0, 0, false,
				"(objectClass=*)", []string{"cn"}, nil))
			if err == nil && (len(res.Entries) != 1 || res.Entries[0].GetAttributeValue("cn") != "ada") {
				err = fmt.Errorf("%d entries", len(res.Entries))
			}
			return err
		})
		if err != nil {
			t.Errorf("the server does not know the anchor: %v", err)
		}
		if !got[sambaad.UserDN("gone")].Disabled {
			t.Error("a disabled account is not called disabled")
		}
		for name := range got {
			if strings.Contains(name, "Deleted Objects") {
				t.Errorf("a deleted object was read: %s", name)
			}
		}
	})
	t.Run("groups", func(t *testing.T) {
		many := got[sambaad.UserDN("many")]
		distinct := map[string]bool{}
		for _, m := range many.Members {
			distinct[m] = true
		}
		if len(many.Members) != manyMembers || len(distinct) != manyMembers || many.Problem != "" {
			t.Errorf("%d members, %d distinct, problem %q", len(many.Members), len(distinct), many.Problem)
		}
		outer, inner := got[sambaad.UserDN("outer")], got[sambaad.UserDN("inner")]
		if len(outer.Members) != 2 || !slices.Contains(outer.Members, inner.Keys[0]) || !slices.Contains(inner.Members, got[sambaad.UserDN("ada")].Keys[0]) {
			t.Errorf("nested: %+v, %+v", outer.Members, inner.Members)
		}
	})
	t.Run("ranges", func(t *testing.T) {
		for _, from := range []int{0, 120, manyMembers - 1} {
			members, next, err := sourceldap.MembersFrom(t.Context(), src, sambaad.UserDN("many"), from)
			if err != nil || len(members) != manyMembers-from || next {
				t.Errorf("from %d: %d members, more to come: %v, %v", from, len(members), next, err)
			}
		}
	})
	t.Run("rename and move", func(t *testing.T) {
		err := s.Admin(func(c *ldap.Conn) error {
			return c.ModifyDN(ldap.NewModifyDNRequest(sambaad.UserDN("ada"), "CN=Ada Married", true, "CN=Computers,"+sambaad.BaseDN))
		})
		if err != nil {
			t.Fatal(err)
		}
		now, _, err := readAll(t.Context(), src)
		moved, was := now["CN=Ada Married,CN=Computers,"+sambaad.BaseDN], got[sambaad.UserDN("ada")]
		if err != nil || moved.Anchor != was.Anchor || moved.Marker == was.Marker {
			t.Errorf("was %+v, is %+v, %v", was, moved, err)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		bad := cfg
		bad.BindPassword = sourceldap.Password("nope")
		_, _, err := readAll(t.Context(), open(t, bad))
		wantErr(t, err, source.ErrAuth, "bind_password")
	})
	t.Run("anonymous", func(t *testing.T) {
		bad := cfg
		bad.BindDN, bad.BindPassword = "", nil
		_, _, err := readAll(t.Context(), open(t, bad))
		wantErr(t, err, source.ErrAuth, "bind_dn")
	})
	t.Run("probe", func(t *testing.T) {
		info, err := src.Probe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "sambaad", info, `127\.\d+\.\d+\.\d+`, `\d{4}-\d\d-\d\d`)
	})
	t.Run("referrals", func(t *testing.T) {
		if len(sum.Notes) != 3 || !strings.Contains(sum.Notes[2].String(), "group members are of other domains") || !strings.Contains(sum.Notes[0].String(), "referrals to other servers were not followed (1): ldaps://example.test/CN=Configuration") {
			t.Errorf("notes = %q", sum.Notes)
		}
	})
}
