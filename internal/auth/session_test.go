package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard/onboardtest"
	"github.com/usherd/usher/internal/registry"
)

// site is a handler with the session keeper around it and one person to sign in.
type site struct {
	t        *testing.T
	store    *onboardtest.Memory
	sessions *auth.Sessions
	user     registry.User
	now      time.Time
	cookie   *http.Cookie
}

func newSite(t *testing.T, secure bool) *site {
	s := &site{t: t, store: onboardtest.NewMemory(), now: time.Now()}
	s.sessions = auth.NewSessions(auth.SessionConfig{
		Secure: secure, People: auth.DefaultPeopleLife(), Admins: auth.DefaultAdminLife(),
		Failed: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusInternalServerError) },
		Now:    func() time.Time { return s.now }, Log: slog.New(slog.DiscardHandler),
	}, s.store)
	company := s.store.AddCompany(t, registry.Company{Key: "acme", Name: "Acme"})
	s.user = s.store.AddUser(t, onboardtest.Person(company.ID, "ada", registry.CredentialSet), "h", true)
	return s
}

// do runs f within one request of the browser and keeps its cookie.
func (s *site) do(f func(r *http.Request)) *http.Response {
	s.t.Helper()
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	if s.cookie != nil {
		r.AddCookie(s.cookie)
	}
	s.sessions.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { f(r) })).ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		s.cookie = c
	}
	return w.Result()
}

func (s *site) signIn(admin bool) {
	s.do(func(r *http.Request) {
		id := auth.Identity{Company: s.user.Company, User: s.user.ID, CredentialVersion: s.user.CredentialVersion, Admin: admin}
		if err := s.sessions.Begin(r.Context(), id, auth.Client{Address: netip.MustParseAddr("192.0.2.1"), Agent: "Browser"}); err != nil {
			s.t.Fatal(err)
		}
	})
}

func (s *site) signedIn() (in bool) {
	s.do(func(r *http.Request) { _, in = s.sessions.Current(r.Context()) })
	return in
}

func TestSessionCookie(t *testing.T) {
	for _, c := range []struct {
		secure bool
		name   string
	}{{true, "__Host-usher"}, {false, "usher"}} {
		s := newSite(t, c.secure)
		if res := s.do(func(*http.Request) {}); len(res.Cookies()) != 0 {
			t.Error("a visitor got a cookie")
		}
		s.signIn(false)
		k := s.cookie
		if k.Name != c.name || k.Secure != c.secure || !k.HttpOnly || k.SameSite != http.SameSiteLaxMode || k.Path != "/" || k.Domain != "" {
			t.Errorf("cookie = %+v", k)
		}
		if !s.signedIn() {
			t.Error("not signed in")
		}
	}
}

func TestSessionCarriesItsUser(t *testing.T) {
	s := newSite(t, true)
	s.signIn(false)
	s.do(func(r *http.Request) {
		v, _ := s.sessions.Current(r.Context())
		if v.User != s.user.ID || v.Account.UserName != "ada" || v.Account.CompanyKey != "acme" || v.Address != "192.0.2.1" || v.Agent != "Browser" {
			t.Errorf("session = %+v", v)
		}
		if strings.Contains(v.ID, s.cookie.Value) {
			t.Error("the token itself is stored")
		}
	})
}

func TestSessionToken(t *testing.T) {
	s := newSite(t, true)
	s.cookie = &http.Cookie{Name: "__Host-usher", Value: "planted-by-an-attacker"}
	s.signIn(false)
	first := s.cookie.Value
	if first == "planted-by-an-attacker" {
		t.Fatal("kept a token from outside")
	}
	s.signIn(false)
	if s.cookie.Value == first {
		t.Error("signing in again kept the token")
	}
	if l, _ := s.store.ListSessions(t.Context(), s.user.Company, s.user.ID, s.now); len(l) != 1 {
		t.Errorf("%d sessions, want the old one gone", len(l))
	}
}

func TestSessionLife(t *testing.T) {
	week, month := 7*24*time.Hour, 30*24*time.Hour
	for _, c := range []struct {
		name  string
		admin bool
		steps []time.Duration // a request after each
		want  bool
	}{
		{"used within a week", false, []time.Duration{week - time.Second, week - time.Second}, true},
		{"idle for a week", false, []time.Duration{week}, false},
		{"used for a month", false, []time.Duration{week - 1, week - 1, week - 1, week - 1, month - 4*(week-1)}, false},
		{"admin within the hour", true, []time.Duration{59 * time.Minute, 59 * time.Minute}, true},
		{"admin idle for an hour", true, []time.Duration{time.Hour}, false},
	} {
		s := newSite(t, true)
		s.user.CompanyAdmin = c.admin
		s.store.SetUser(t, s.user)
		s.signIn(c.admin)
		got := true
		for _, d := range c.steps {
			s.now = s.now.Add(d)
			got = s.signedIn()
		}
		if got != c.want {
			t.Errorf("%s: signed in %v", c.name, got)
		}
	}
}

func TestSessionOfAPersonMadeAdmin(t *testing.T) {
	s := newSite(t, true)
	s.signIn(false)
	s.user.CompanyAdmin = true
	s.store.SetUser(t, s.user)
	s.now = s.now.Add(2 * time.Hour)
	if s.signedIn() {
		t.Error("an admin kept an end user's idle life")
	}
}

func TestSessionEnds(t *testing.T) {
	s := newSite(t, true)
	s.signIn(false)
	s.do(func(r *http.Request) {
		if err := s.sessions.End(r.Context()); err != nil {
			t.Fatal(err)
		}
	})
	if s.cookie.MaxAge >= 0 {
		t.Errorf("cookie after sign-out = %+v", s.cookie)
	}
	if l, _ := s.store.ListSessions(t.Context(), s.user.Company, s.user.ID, s.now); len(l) != 0 {
		t.Error("the row outlived the sign-out")
	}
}

func TestReadingDoesNotWrite(t *testing.T) {
	s := newSite(t, true)
	s.signIn(false)
	seen := func() time.Time {
		l, err := s.store.ListSessions(t.Context(), s.user.Company, s.user.ID, s.now)
		if err != nil || len(l) != 1 {
			t.Fatal(l, err)
		}
		return l[0].SeenAt
	}
	before := seen()
	s.now = s.now.Add(59 * time.Second)
	s.signedIn()
	if !seen().Equal(before) {
		t.Error("a second page within the minute wrote")
	}
	s.now = s.now.Add(2 * time.Second)
	s.signedIn()
	if !seen().Equal(s.now) {
		t.Error("a page after a minute did not")
	}
}

// brokenStore fails every look-up.
type brokenStore struct{ auth.SessionStore }

func TestSessionStoreFails(t *testing.T) {
	s := newSite(t, true)
	s.signIn(false)
	cfg := auth.SessionConfig{
		Secure: true, People: auth.DefaultPeopleLife(), Admins: auth.DefaultAdminLife(), Now: time.Now,
		Failed: func(w http.ResponseWriter, _ *http.Request, err error) {
			if !errors.Is(err, errBroken) {
				t.Errorf("error %v", err)
			}
			w.WriteHeader(http.StatusInternalServerError)
		},
	}
	s.sessions = auth.NewSessions(cfg, brokenStore{})
	if res := s.do(func(*http.Request) { t.Error("served without knowing who") }); res.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d", res.StatusCode)
	}
}

var errBroken = errors.New("database is away")

func (brokenStore) FindSession(context.Context, string, time.Time) (auth.Session, error) {
	return auth.Session{}, errBroken
}
