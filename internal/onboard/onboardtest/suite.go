package onboardtest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// suite arranges one company with one invited person and a live set-up link.
type suite struct {
	Fixture
	ctx     context.Context
	company registry.Company
	user    registry.User
	link    onboard.Link
	now     time.Time
}

// Now is the suite's fixed time.
func Now() time.Time { return time.Date(2025, 11, 21, 18, 0, 0, 0, time.UTC) }

// Person is a person as the suite and the tests above it make them.
func Person(company registry.CompanyID, name string, credential registry.Credential) registry.User {
	return registry.User{
		PublicID: "pub-" + name, Company: company, Kind: registry.EndUser, Association: registry.Strong,
		Attributes: registry.Attributes{
			registry.AttrUserName: {name}, registry.AttrDisplayName: {"Display " + name},
			registry.AttrEmails: {name + "@example.com"}, registry.AttrLocale: {"it"},
		},
		Enabled: true, Credential: credential, CredentialVersion: 1, CreatedAt: Now(), UpdatedAt: Now(),
	}
}

func newSuite(t *testing.T, open func(testing.TB) Fixture) *suite {
	t.Helper()
	s := &suite{Fixture: open(t), ctx: t.Context(), now: Now()}
	s.company = s.AddCompany(t, registry.Company{Key: "acme", Name: "Acme", Locale: "en"})
	s.user = s.AddUser(t, Person(s.company.ID, "ada", registry.CredentialInvited), "", false)
	s.link = s.makeLink(s.user, "one", auth.PurposeSetup)
	s.AddLink(t, s.link)
	return s
}

func (s *suite) makeLink(u registry.User, uid string, p auth.LinkPurpose) onboard.Link {
	return onboard.Link{
		UID: uid, Company: u.Company, User: u.ID, Purpose: p, TokenHash: onboard.HashToken(uid), Address: u.Email(),
		CredentialVersion: u.CredentialVersion, CreatedAt: s.now, ExpiresAt: s.now.Add(time.Hour),
	}
}

func (s *suite) consume(hash string) (onboard.Consumed, error) {
	return s.ConsumeLink(s.ctx, onboard.ConsumeLink{TokenHash: s.link.TokenHash, PasswordHash: hash, Now: s.now})
}

func (s *suite) session(t testing.TB, id string, u registry.User) auth.Session {
	t.Helper()
	v := auth.Session{
		ID: id, Company: u.Company, User: u.ID, CredentialVersion: u.CredentialVersion, CreatedAt: s.now,
		SeenAt: s.now, ExpiresAt: s.now.Add(time.Hour), Address: "192.0.2.7", Agent: "Browser/1",
	}
	if err := s.SaveSession(s.ctx, v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Run runs the whole suite; open gives an empty store for each test.
func Run(t *testing.T, open func(testing.TB) Fixture) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *suite)
	}{
		{"find link", testFindLink},
		{"consume link once", testConsume},
		{"consume link refused", testConsumeRefused},
		{"two browsers at once", testConsumeRace},
		{"issue link", testIssue},
		{"find people", testFindPeople},
		{"set password", testSetPassword},
		{"rehash", testRehash},
		{"session life", testSessions},
		{"sessions ended by facts", testSessionsEnd},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, newSuite(t, open)) })
	}
}

func testFindLink(t *testing.T, s *suite) {
	l, p, err := s.FindLink(s.ctx, s.link.TokenHash)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s.link, l); d != "" {
		t.Error("link:", d)
	}
	if p.User.ID != s.user.ID || p.Company.Name != "Acme" || p.User.UserName() != "ada" {
		t.Errorf("person = %+v", p)
	}
	if _, _, err := s.FindLink(s.ctx, onboard.HashToken("other")); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("unknown link: %v", err)
	}
}

func testConsume(t *testing.T, s *suite) {
	other := s.makeLink(s.user, "two", auth.PurposeReset)
	if err := s.IssueLink(s.ctx, other, onboard.MailReset); err != nil {
		t.Fatal(err)
	}
	got, err := s.consume("hash-1")
	if err != nil {
		t.Fatal(err)
	}
	want := onboard.Consumed{Company: s.company.ID, User: s.user.ID, CredentialVersion: 2}
	if got != want {
		t.Errorf("consumed %+v, want %+v", got, want)
	}
	p, err := s.GetPerson(s.ctx, s.company.ID, s.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	if p.PasswordHash != "hash-1" || p.User.Credential != registry.CredentialSet || p.User.CredentialVersion != 2 {
		t.Errorf("person after = %+v", p)
	}
	if !s.Verified(t, s.company.ID, s.user.ID, s.user.Email()) {
		t.Error("the mailbox was not marked verified")
	}
	if d := cmp.Diff([]string{"password"}, s.Actions(t, s.company.ID, s.user.ID)); d != "" {
		t.Error("change rows:", d)
	}
	s.wantState(t, other, auth.LinkSuperseded)
	s.wantState(t, s.link, auth.LinkUsed)
	for _, m := range s.Mails(t) {
		if m.LinkUID == "two" && !m.Cancelled {
			t.Error("the unsent mail of the superseded link stands")
		}
	}
	_, err = s.consume("hash-2")
	wantLinkError(t, err, auth.LinkUsed)
}

func testConsumeRefused(t *testing.T, s *suite) {
	_, err := s.ConsumeLink(s.ctx, onboard.ConsumeLink{TokenHash: onboard.HashToken("no"), PasswordHash: "x", Now: s.now})
	wantLinkError(t, err, auth.LinkUnknown)
	_, err = s.ConsumeLink(s.ctx, onboard.ConsumeLink{TokenHash: s.link.TokenHash, PasswordHash: "x", Now: s.link.ExpiresAt})
	wantLinkError(t, err, auth.LinkExpired)
	for name, c := range map[string]struct {
		change func(*registry.User)
		want   auth.LinkState
	}{
		"disabled": {func(u *registry.User) { u.Enabled = false }, auth.LinkClosed},
		"blocked":  {func(u *registry.User) { u.Blocks = registry.BlockAdmin }, auth.LinkClosed},
		"deleted":  {func(u *registry.User) { u.DeletedAt = s.now }, auth.LinkClosed},
		"moved on": {func(u *registry.User) { u.CredentialVersion++ }, auth.LinkSuperseded},
	} {
		u := s.user
		c.change(&u)
		s.SetUser(t, u)
		if _, err = s.consume("x"); err == nil {
			t.Fatalf("%s: consumed", name)
		}
		wantLinkError(t, err, c.want)
	}
	s.SetUser(t, s.user)
	p, err := s.GetPerson(s.ctx, s.company.ID, s.user.ID)
	if err != nil || p.PasswordHash != "" || len(s.Actions(t, s.company.ID, s.user.ID)) != 0 {
		t.Errorf("a refusal left something behind: %+v, %v", p, err)
	}
	if _, err := s.consume("fine"); err != nil {
		t.Errorf("after the refusals: %v", err)
	}
}

func testConsumeRace(t *testing.T, s *suite) {
	const browsers = 8
	errs := make([]error, browsers)
	var wg sync.WaitGroup
	for i := range browsers {
		wg.Go(func() { _, errs[i] = s.consume(fmt.Sprint("hash-", i)) })
	}
	wg.Wait()
	winner := -1
	for i, err := range errs {
		if err == nil {
			if winner >= 0 {
				t.Fatalf("browsers %d and %d both won", winner, i)
			}
			winner = i
			continue
		}
		wantLinkError(t, err, auth.LinkUsed)
	}
	p, err := s.GetPerson(s.ctx, s.company.ID, s.user.ID)
	if err != nil || winner < 0 || p.PasswordHash != fmt.Sprint("hash-", winner) || p.User.CredentialVersion != 2 {
		t.Errorf("winner %d, person %+v, %v", winner, p, err)
	}
}

func testIssue(t *testing.T, s *suite) {
	second := s.makeLink(s.user, "second", auth.PurposeSetup)
	if err := s.IssueLink(s.ctx, second, onboard.MailSetup); err != nil {
		t.Fatal(err)
	}
	third := s.makeLink(s.user, "third", auth.PurposeSetup)
	if err := s.IssueLink(s.ctx, third, onboard.MailSetup); err != nil {
		t.Fatal(err)
	}
	for l, want := range map[*onboard.Link]auth.LinkState{&s.link: auth.LinkSuperseded, &second: auth.LinkSuperseded, &third: auth.LinkLive} {
		s.wantState(t, *l, want)
	}
	want := []Mail{
		{Company: s.company.ID, User: s.user.ID, Kind: onboard.MailSetup, Address: s.user.Email(), LinkUID: "second", Cancelled: true},
		{Company: s.company.ID, User: s.user.ID, Kind: onboard.MailSetup, Address: s.user.Email(), LinkUID: "third"},
	}
	if d := cmp.Diff(want, s.Mails(t)); d != "" {
		t.Error("mails:", d)
	}
	stale := s.makeLink(s.user, "stale", auth.PurposeSetup)
	stale.CredentialVersion--
	if err := s.IssueLink(s.ctx, stale, onboard.MailSetup); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("link of an older credential version: %v", err)
	}
	s.wantState(t, third, auth.LinkLive)
}

func (s *suite) wantState(t testing.TB, l onboard.Link, want auth.LinkState) {
	t.Helper()
	now, p, err := s.FindLink(s.ctx, l.TokenHash)
	if err != nil {
		t.Fatal(err)
	}
	if got := onboard.StateOf(now, &p.User, s.now); got != want {
		t.Errorf("link %s is %s, want %s", l.UID, got, want)
	}
}

func wantLinkError(t testing.TB, err error, want auth.LinkState) {
	t.Helper()
	var le *auth.LinkError
	if !errors.As(err, &le) || le.State != want {
		t.Errorf("error %v, want a link that is %s", err, want)
	}
}
