package onboardtest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

func testFindPeople(t *testing.T, s *suite) {
	other := s.AddCompany(t, registry.Company{Key: "other", Name: "Other"})
	add := func(company registry.CompanyID, name, mail string, verified bool, change func(*registry.User)) {
		u := Person(company, name, registry.CredentialSet)
		u.Attributes.Set(registry.AttrEmails, mail)
		if change != nil {
			change(&u)
		}
		s.AddUser(t, u, "hash-"+name, verified)
	}
	add(s.company.ID, "Bruno", "bruno@example.com", true, nil)
	add(s.company.ID, "twin1", "shared@example.com", true, nil)
	add(s.company.ID, "twin2", "shared@example.com", true, nil)
	add(s.company.ID, "claims", "Claims@Example.com", false, nil)
	add(s.company.ID, "contact", "contact@example.com", true, func(u *registry.User) { u.Association = registry.Weak })
	add(s.company.ID, "gone", "gone@example.com", true, func(u *registry.User) { u.DeletedAt = s.now })
	add(other.ID, "elsewhere", "elsewhere@example.com", true, nil)
	// Somebody whose userName is another's address: the name comes first.
	add(s.company.ID, "bruno2@example.com", "x@example.com", true, nil)
	add(s.company.ID, "third", "bruno2@example.com", true, nil)
	var crowd []string
	for i := range onboard.MeantMost {
		name := fmt.Sprint("crowd", i)
		add(s.company.ID, name, "crowd@example.com", true, nil)
		add(s.company.ID, fmt.Sprint("throng", i), "throng@example.com", true, nil)
		crowd = append(crowd, "hash-"+name)
	}
	add(s.company.ID, "throng", "throng@example.com", true, nil)
	for typed, want := range map[string][]string{
		"bruno": {"hash-Bruno"}, "BRUNO": {"hash-Bruno"}, "Bruno@Example.com": {"hash-Bruno"},
		"bruno2@example.com": {"hash-bruno2@example.com", "hash-third"},
		"shared@example.com": {"hash-twin1", "hash-twin2"}, "crowd@example.com": crowd, "throng@example.com": nil, "throng": {"hash-throng"},
		"claims@example.com": nil, "contact": nil, "contact@example.com": nil,
		"gone": nil, "gone@example.com": nil, "elsewhere": nil, "elsewhere@example.com": nil, "": nil, "nobody": nil,
	} {
		people, err := s.FindPeople(s.ctx, s.company.ID, registry.Key(typed))
		var got []string
		for _, p := range people {
			got = append(got, p.PasswordHash)
		}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%q found %v, %v; want %v", typed, got, err, want)
		}
	}
	if _, err := s.GetPerson(s.ctx, other.ID, s.user.ID); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("another company's person: %v", err)
	}
}

func testSetPassword(t *testing.T, s *suite) {
	u := s.AddUser(t, Person(s.company.ID, "set", registry.CredentialSet), "old", true)
	s.session(t, "s1", u)
	set := onboard.SetPassword{Company: s.company.ID, User: u.ID, CredentialVersion: 1, PasswordHash: "new", Now: s.now}
	v, err := s.SetPassword(s.ctx, set)
	if err != nil || v != 2 {
		t.Fatalf("version %d, %v", v, err)
	}
	want := []Mail{{Company: s.company.ID, User: u.ID, Kind: onboard.MailPasswordChanged, Address: u.Email()}}
	if d := cmp.Diff(want, s.Mails(t)); d != "" {
		t.Error("mails:", d)
	}
	if l, err := s.ListSessions(s.ctx, s.company.ID, u.ID, s.now); err != nil || len(l) != 0 {
		t.Errorf("sessions left: %v, %v", l, err)
	}
	if d := cmp.Diff([]string{"password"}, s.Actions(t, s.company.ID, u.ID)); d != "" {
		t.Error("change rows:", d)
	}
	if _, err := s.SetPassword(s.ctx, set); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("same version twice: %v", err)
	}
	u.CredentialVersion, u.Blocks = 2, registry.BlockAdmin
	s.SetUser(t, u)
	set.CredentialVersion = 2
	if _, err := s.SetPassword(s.ctx, set); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("blocked person: %v", err)
	}
}

func testRehash(t *testing.T, s *suite) {
	u := s.AddUser(t, Person(s.company.ID, "re", registry.CredentialSet), "old", true)
	for _, c := range []struct{ old, renewed, want string }{{"old", "newer", "newer"}, {"old", "lost", "newer"}} {
		if err := s.Rehash(s.ctx, s.company.ID, u.ID, c.old, c.renewed); err != nil {
			t.Fatal(err)
		}
		p, err := s.GetPerson(s.ctx, s.company.ID, u.ID)
		if err != nil || p.PasswordHash != c.want || p.User.CredentialVersion != 1 {
			t.Errorf("after %+v: %+v, %v", c, p, err)
		}
	}
}

func testSessions(t *testing.T, s *suite) {
	u := s.AddUser(t, Person(s.company.ID, "sess", registry.CredentialSet), "h", true)
	want := s.session(t, "s1", u)
	got, err := s.FindSession(s.ctx, "s1", s.now)
	if err != nil {
		t.Fatal(err)
	}
	if a := got.Account; a.CompanyKey != "acme" || a.CompanyName != "Acme" || a.CompanyLocale != "en" ||
		a.UserName != "sess" || a.DisplayName != "Display sess" || a.Locale != "it" || a.Admin {
		t.Errorf("account = %+v", a)
	}
	got.Account = want.Account
	if d := cmp.Diff(want, got); d != "" {
		t.Error("session:", d)
	}
	if err := s.TouchSession(s.ctx, "s1", s.now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if got, err = s.FindSession(s.ctx, "s1", s.now); err != nil || !got.SeenAt.Equal(s.now.Add(time.Minute)) {
		t.Errorf("touched: %v, %v", got.SeenAt, err)
	}
	s.wantSession(t, "s1", want.ExpiresAt.Add(-time.Second), true)
	s.wantSession(t, "s1", want.ExpiresAt, false)
	s.session(t, "s2", u)
	s.session(t, "s3", u)
	if n, err := s.EndSessions(s.ctx, s.company.ID, u.ID, "s2"); err != nil || n != 2 {
		t.Errorf("ended %d, %v", n, err)
	}
	if l, err := s.ListSessions(s.ctx, s.company.ID, u.ID, s.now); err != nil || len(l) != 1 || l[0].ID != "s2" {
		t.Errorf("left: %+v, %v", l, err)
	}
	if err := s.TouchSession(s.ctx, "s1", s.now); err != nil {
		t.Errorf("touching what is gone: %v", err)
	}
	s.wantSession(t, "s1", s.now, false)
	for range 2 {
		if err := s.DeleteSession(s.ctx, "s2"); err != nil {
			t.Fatal(err)
		}
	}
	s.wantSession(t, "s2", s.now, false)
}

func testSessionsEnd(t *testing.T, s *suite) {
	base := s.AddUser(t, Person(s.company.ID, "ends", registry.CredentialSet), "h", true)
	s.session(t, "s1", base)
	for name, change := range map[string]func(*registry.User){
		"disabled":      func(u *registry.User) { u.Enabled = false },
		"blocked":       func(u *registry.User) { u.Blocks = registry.BlockApproval },
		"no credential": func(u *registry.User) { u.Credential = registry.CredentialNone },
		"deleted":       func(u *registry.User) { u.DeletedAt = s.now },
		"moved on":      func(u *registry.User) { u.CredentialVersion++ },
	} {
		u := base
		change(&u)
		s.SetUser(t, u)
		if _, err := s.FindSession(s.ctx, "s1", s.now); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: session lives: %v", name, err)
		}
	}
	s.SetUser(t, base)
	s.wantSession(t, "s1", s.now, true)
}

func (s *suite) wantSession(t testing.TB, id string, now time.Time, want bool) {
	t.Helper()
	_, err := s.FindSession(s.ctx, id, now)
	if (err == nil) != want || (err != nil && !errors.Is(err, registry.ErrNotFound)) {
		t.Errorf("session %s at %s: %v, want live %v", id, now.Format(time.TimeOnly), err, want)
	}
}
