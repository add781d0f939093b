package slapd

import (
	"io"
	"testing"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/testkit/dirgen"
)

func count(t *testing.T, s *Server) int {
	t.Helper()
	n := 0
	err := s.as(ReaderDN, ReaderPassword, func(c *ldap.Conn) error {
		res, err := c.SearchWithPaging(ldap.NewSearchRequest(PeopleDN, ldap.ScopeSingleLevel, 0, 0, 0, false,
			"(objectClass=inetOrgPerson)", []string{"1.1"}, nil), 100)
		if err == nil {
			n = len(res.Entries)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestServer(t *testing.T) {
	s := Start(t, Options{TLS: true, MemberOf: true, LDIF: func(w io.Writer) error {
		return dirgen.LDIF(w, dirgen.Options{People: 250, Groups: 3, Members: 20, Seed: 1})
	}})
	if got := count(t, s); got != 250 {
		t.Fatalf("people = %d, want 250", got)
	}
	for _, step := range []struct {
		name string
		do   func() error
		want int
	}{
		{"add", func() error { return s.AddPerson("new", nil) }, 251},
		{"group", func() error { return s.AddGroup("g", "uid=new,"+PeopleDN) }, 251},
		{"rename", func() error { return s.Rename("uid=new,"+PeopleDN, "uid=newer", "") }, 251},
		{"modify", func() error { return s.Modify("uid=newer,"+PeopleDN, map[string][]string{"title": {"x"}}) }, 251},
		{"delete", func() error { return s.Delete("uid=newer," + PeopleDN) }, 250},
		{"limits", func() error { return s.SetLimits("size.soft=300 size.hard=300 size.prtotal=300") }, 250},
	} {
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if got := count(t, s); got != step.want {
			t.Errorf("after %s people = %d, want %d", step.name, got, step.want)
		}
	}
	if err := s.SetLimits(Unlimited); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := count(t, s); got != 250 {
		t.Errorf("after a crash and a restart people = %d, want 250", got)
	}
	if err := s.SetReaderPassword("other"); err != nil {
		t.Fatal(err)
	}
	if err := s.as(ReaderDN, ReaderPassword, func(*ldap.Conn) error { return nil }); !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) {
		t.Errorf("old password: %v, want invalid credentials", err)
	}
}
