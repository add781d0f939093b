package onboardtest

import (
	"context"
	"slices"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// FindSession implements auth.SessionStore.
func (m *Memory) FindSession(_ context.Context, id string, now time.Time) (auth.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok || !m.valid(s, now) {
		return auth.Session{}, registry.ErrNotFound
	}
	u, c := &m.people[s.User-1].User, m.people[s.User-1].Company
	s.Account = auth.Account{
		CompanyKey: c.Key, CompanyName: c.Name, CompanyLocale: c.Locale,
		UserName: u.UserName(), DisplayName: u.DisplayName(), Locale: u.Locale(),
		Timezone: u.Attributes.First(registry.AttrTimezone), Admin: u.CompanyAdmin, Rights: u.Rights, Kind: u.Kind,
		HasFactor: m.factors[s.User],
	}
	return s, nil
}

// SaveSession implements auth.SessionStore.
func (m *Memory) SaveSession(_ context.Context, s auth.Session) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	s.Account = auth.Account{}
	m.sessions[s.ID] = s
	return nil
}

// EndSession implements auth.SessionStore.
func (m *Memory) EndSession(_ context.Context, company registry.CompanyID, user registry.UserID, id string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.sessions[id]
	if !ok || s.Company != company || s.User != user {
		return false, nil
	}
	delete(m.sessions, id)
	return true, nil
}

// TouchSession implements auth.SessionStore.
func (m *Memory) TouchSession(_ context.Context, id string, seen time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s, ok := m.sessions[id]; ok {
		s.SeenAt = seen
		m.sessions[id] = s
	}
	return nil
}

// DeleteSession implements auth.SessionStore.
func (m *Memory) DeleteSession(_ context.Context, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.sessions, id)
	return nil
}

// ListSessions implements auth.SessionStore.
func (m *Memory) ListSessions(_ context.Context, company registry.CompanyID, user registry.UserID, now time.Time) ([]auth.Session, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []auth.Session
	for _, s := range m.sessions {
		if s.Company == company && s.User == user && m.valid(s, now) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b auth.Session) int { return b.SeenAt.Compare(a.SeenAt) })
	return out, nil
}

// EndSessions implements auth.SessionStore.
func (m *Memory) EndSessions(_ context.Context, company registry.CompanyID, user registry.UserID, except string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for id, s := range m.sessions {
		if s.Company == company && s.User == user && id != except {
			delete(m.sessions, id)
			n++
		}
	}
	return n, nil
}

func (m *Memory) valid(s auth.Session, now time.Time) bool {
	u := &m.people[s.User-1].User
	return now.Before(s.ExpiresAt) && u.MaySignIn() && u.CredentialVersion == s.CredentialVersion
}
