package onboardtest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// Memory is a Fixture in memory. One mutex makes each method one transaction.
type Memory struct {
	mu        sync.Mutex
	companies []registry.Company
	people    []*person
	links     []*onboard.Link
	sessions  map[string]auth.Session
	mails     []Mail
	factors   map[registry.UserID]bool
	deeds     []registry.Deed
}

type person struct {
	onboard.Person
	verified map[string]bool
	actions  []string
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory {
	return &Memory{sessions: map[string]auth.Session{}, factors: map[registry.UserID]bool{}}
}

var _ Fixture = (*Memory)(nil)

// AddCompany implements Fixture.
func (m *Memory) AddCompany(_ testing.TB, c registry.Company) registry.Company {
	m.mu.Lock()
	defer m.mu.Unlock()
	c.ID = registry.CompanyID(len(m.companies) + 1)
	m.companies = append(m.companies, c)
	return c
}

// AddUser implements Fixture.
func (m *Memory) AddUser(_ testing.TB, u registry.User, hash string, verified bool) registry.User {
	m.mu.Lock()
	defer m.mu.Unlock()
	u.ID = registry.UserID(len(m.people) + 1)
	p := &person{Person: onboard.Person{User: u, Company: m.companies[u.Company-1], PasswordHash: hash}, verified: map[string]bool{}}
	for _, e := range u.Attributes[registry.AttrEmails] {
		p.verified[registry.Key(e)] = verified
	}
	m.people = append(m.people, p)
	return u
}

// SetUser implements Fixture.
func (m *Memory) SetUser(_ testing.TB, u registry.User) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.people[u.ID-1].User = u
}

// AddLink implements Fixture.
func (m *Memory) AddLink(_ testing.TB, l onboard.Link) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.links = append(m.links, &l)
}

// Mails implements Fixture.
func (m *Memory) Mails(testing.TB) []Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}

// Actions implements Fixture.
func (m *Memory) Actions(_ testing.TB, _ registry.CompanyID, user registry.UserID) []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.people[user-1].actions)
}

// Verified implements Fixture.
func (m *Memory) Verified(_ testing.TB, _ registry.CompanyID, user registry.UserID, address string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.people[user-1].verified[registry.Key(address)]
}

// SetFactor says whether a person has a second factor.
func (m *Memory) SetFactor(user registry.UserID, has bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.factors[user] = has
}

// Deeds are the deeds written, oldest first.
func (m *Memory) Deeds() []registry.Deed {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.deeds)
}

// Audit implements onboard.Store.
func (m *Memory) Audit(_ context.Context, _ registry.CompanyID, d registry.Deed) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deeds = append(m.deeds, d)
	return nil
}

// FindLink implements onboard.Store.
func (m *Memory) FindLink(_ context.Context, hash []byte) (onboard.Link, onboard.Person, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.link(hash)
	if l == nil {
		return onboard.Link{}, onboard.Person{}, registry.ErrNotFound
	}
	return *l, m.people[l.User-1].Person, nil
}

// FindPeople implements onboard.Store.
func (m *Memory) FindPeople(_ context.Context, company registry.CompanyID, key string) ([]onboard.Person, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var byName, byMail []onboard.Person
	for _, p := range m.people {
		if p.User.Company != company || !p.User.DeletedAt.IsZero() || p.User.Association != registry.Strong {
			continue
		}
		if registry.Key(p.User.UserName()) == key {
			byName = append(byName, p.Person)
		} else if p.verified[key] && slices.ContainsFunc(p.User.Attributes[registry.AttrEmails], func(e string) bool { return registry.Key(e) == key }) {
			byMail = append(byMail, p.Person)
		}
	}
	if len(byMail) > onboard.MeantMost {
		byMail = nil
	}
	return append(byName, byMail...), nil
}

// GetPerson implements onboard.Store.
func (m *Memory) GetPerson(_ context.Context, company registry.CompanyID, user registry.UserID) (onboard.Person, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.living(company, user)
	if p == nil {
		return onboard.Person{}, registry.ErrNotFound
	}
	return p.Person, nil
}

// IssueLink implements onboard.Store.
func (m *Memory) IssueLink(_ context.Context, l onboard.Link, mail onboard.MailKind) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.living(l.Company, l.User)
	if p == nil || p.User.CredentialVersion != l.CredentialVersion {
		return registry.ErrNotFound
	}
	m.supersede(l.User, l.CreatedAt, func(o *onboard.Link) bool { return o.Purpose == l.Purpose })
	m.links = append(m.links, &l)
	m.mails = append(m.mails, Mail{Company: l.Company, User: l.User, Kind: mail, Address: l.Address, LinkUID: l.UID})
	return nil
}

// ConsumeLink implements onboard.Store.
func (m *Memory) ConsumeLink(_ context.Context, c onboard.ConsumeLink) (onboard.Consumed, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l := m.link(c.TokenHash)
	if l == nil {
		return onboard.Consumed{}, &auth.LinkError{State: auth.LinkUnknown}
	}
	p := m.people[l.User-1]
	if s := onboard.StateOf(*l, &p.User, c.Now); s != auth.LinkLive {
		return onboard.Consumed{}, &auth.LinkError{State: s}
	}
	l.UsedAt = c.Now
	if key := registry.Key(l.Address); slices.ContainsFunc(p.User.Attributes[registry.AttrEmails], func(e string) bool { return registry.Key(e) == key }) {
		p.verified[key] = true
	}
	m.setPassword(p, c.PasswordHash, c.Now, c.Notice)
	return onboard.Consumed{
		Company: p.User.Company, User: p.User.ID,
		CredentialVersion: p.User.CredentialVersion, Admin: p.User.CompanyAdmin,
	}, nil
}

// SetPassword implements onboard.Store.
func (m *Memory) SetPassword(_ context.Context, s onboard.SetPassword) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.living(s.Company, s.User)
	if p == nil || !p.User.MaySignIn() || p.User.CredentialVersion != s.CredentialVersion {
		return 0, registry.ErrNotFound
	}
	m.setPassword(p, s.PasswordHash, s.Now, true)
	return p.User.CredentialVersion, nil
}

// Rehash implements onboard.Store.
func (m *Memory) Rehash(_ context.Context, company registry.CompanyID, user registry.UserID, old, renewed string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if p := m.living(company, user); p != nil && p.PasswordHash == old {
		p.PasswordHash = renewed
	}
	return nil
}

func (m *Memory) setPassword(p *person, hash string, now time.Time, notice bool) {
	p.PasswordHash = hash
	p.User.Credential = registry.CredentialSet
	p.User.CredentialVersion++
	p.actions = append(p.actions, "password")
	for id, s := range m.sessions {
		if s.User == p.User.ID {
			delete(m.sessions, id)
		}
	}
	m.supersede(p.User.ID, now, func(*onboard.Link) bool { return true })
	if notice && p.User.Email() != "" {
		m.mails = append(m.mails, Mail{Company: p.User.Company, User: p.User.ID, Kind: onboard.MailPasswordChanged, Address: p.User.Email()})
	}
}

func (m *Memory) supersede(user registry.UserID, now time.Time, which func(*onboard.Link) bool) {
	for _, l := range m.links {
		if l.User != user || !l.UsedAt.IsZero() || !l.SupersededAt.IsZero() || !which(l) {
			continue
		}
		l.SupersededAt = now
		for i := range m.mails {
			if m.mails[i].LinkUID == l.UID {
				m.mails[i].Cancelled = true
			}
		}
	}
}

func (m *Memory) link(hash []byte) *onboard.Link {
	i := slices.IndexFunc(m.links, func(l *onboard.Link) bool { return bytes.Equal(l.TokenHash, hash) })
	if i < 0 {
		return nil
	}
	return m.links[i]
}

func (m *Memory) living(company registry.CompanyID, user registry.UserID) *person {
	if user < 1 || int(user) > len(m.people) {
		return nil
	}
	if p := m.people[user-1]; p.User.Company == company && p.User.DeletedAt.IsZero() {
		return p
	}
	return nil
}
