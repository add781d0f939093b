package self_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/onboard/onboardtest"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
	"github.com/usherd/usher/internal/web/self"
)

const (
	phrase  = "purple teapot sails"
	renewed = "seven quiet lanterns"
)

// site is the pages over a memory store, served.
type site struct {
	t       testing.TB
	url     string
	handler http.Handler
	mux     *http.ServeMux
	store   *onboardtest.Memory
	service *onboard.Service
	minter  *onboard.Minter
	hasher  *auth.Hasher
	company registry.Company
	log     *lockedBuffer
	uids    int

	mu  sync.Mutex
	now time.Time // lies ahead of the wall clock, by which browsers and the session library drop cookies
}

// newSite serves the pages of one company; public is the address people use,
// "" for the test server's own.
func newSite(t testing.TB, public string) *site {
	t.Helper()
	s := &site{t: t, store: onboardtest.NewMemory(), now: time.Date(2035, 11, 21, 18, 0, 0, 0, time.UTC), log: &lockedBuffer{}}
	s.company = s.store.AddCompany(t, registry.Company{Key: "acme", Name: "Acme Helpdesk", Locale: "en"})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	if public == "" {
		public = srv.URL
	}
	var err error
	if s.hasher, err = auth.NewHasher(auth.Params{Memory: 64, Time: 1, Threads: 1}, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if s.minter, err = onboard.NewMinter(bytes.Repeat([]byte("k"), 32)); err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(s.log, nil))
	s.service = onboard.New(onboard.Deps{
		Store: s.store, Minter: s.minter, Hasher: s.hasher, Now: s.time, Log: logger,
		NewUID: func() string { s.uids++; return fmt.Sprint("uid-", s.uids) },
	}, onboard.Config{})
	s.mount(public, logger)
	return s
}

func (s *site) mount(public string, logger *slog.Logger) {
	s.t.Helper()
	u, err := url.Parse(public)
	if err != nil {
		s.t.Fatal(err)
	}
	shell, err := web.New(web.Config{
		PublicURL: u, Sessions: s.store, People: auth.DefaultPeopleLife(), Admins: auth.DefaultAdminLife(),
		ClientIP: func(r *http.Request) netip.Addr {
			p, _ := netip.ParseAddrPort(r.RemoteAddr)
			return p.Addr()
		},
		Now: s.time, NewRequestID: func() string { return "req-1" }, Log: logger,
	}, self.Files(), self.EntryFiles())
	if err != nil {
		s.t.Fatal(err)
	}
	s.mux = http.NewServeMux()
	(&self.Handlers{Shell: shell, Onboarding: s.service, Access: access{}, People: people{s}, Register: true, CompanyOf: s.companyOf}).Mount(s.mux)
	pages := shell.Handler(s.mux)
	s.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { // as whoever lets it in does
		trail := &registry.Request{ID: "req-1"}
		pages.ServeHTTP(w, r.WithContext(registry.WithRequest(r.Context(), trail)))
		logger.Info("request", "route", trail.Route)
	})
}

// companyOf knows every name of the one company.
func (s *site) companyOf(ctx context.Context, name string) (registry.Company, error) {
	people, err := s.store.FindPeople(ctx, s.company.ID, registry.Key(name))
	if err != nil || len(people) == 0 {
		return registry.Company{}, err
	}
	return s.company, nil
}

func (s *site) time() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *site) sleep(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// people is the People port over the memory store, with a fixed history.
type people struct{ s *site }

func (p people) CompanyByKey(_ context.Context, key string) (registry.Company, error) {
	switch key {
	case p.s.company.Key:
		return p.s.company, nil
	case "broken":
		return registry.Company{}, fmt.Errorf("database password hunter2 is wrong")
	default:
		return registry.Company{}, registry.ErrNotFound
	}
}

func (p people) Profile(ctx context.Context, company registry.CompanyID, user registry.UserID) (self.Profile, error) {
	person, err := p.s.store.GetPerson(ctx, company, user)
	if err != nil {
		return self.Profile{}, err
	}
	corp := registry.Origin{Kind: registry.OriginLDAP, Key: "corp"}
	since := time.Date(2025, 3, 2, 1, 30, 0, 0, time.UTC)
	out := self.Profile{User: person.User, Groups: []self.Group{
		{Name: "Field service <north>", Origins: []registry.Origin{corp, {Kind: registry.OriginAdmin}}, Since: since},
		{Name: "Everyone", Origins: []registry.Origin{corp}},
	}}
	for name, values := range person.User.Attributes {
		o := corp
		if name == registry.AttrTimezone {
			o = registry.Origin{}
		}
		out.Values = append(out.Values, self.Value{Attribute: name, Values: values, Origin: o, Since: since})
	}
	return out, nil
}

// ada adds the person the tests are about; a set credential is the phrase.
func (s *site) ada(c registry.Credential) registry.User {
	s.t.Helper()
	u := onboardtest.Person(s.company.ID, "alovelace", c)
	u.Attributes.Set(registry.AttrDisplayName, "Ada Lovelace")
	u.Attributes.Set(registry.AttrEmails, "ada@example.com", "countess@example.org")
	u.Attributes.Set(registry.AttrTitle, "Analyst & poet")
	u.Attributes.Set(registry.AttrTimezone, "Europe/Rome")
	u.Attributes.Set(registry.AttrLocale)
	hash := ""
	if c == registry.CredentialSet {
		var err error
		if hash, err = s.hasher.Hash(context.Background(), phrase); err != nil {
			s.t.Fatal(err)
		}
	}
	return s.store.AddUser(s.t, u, hash, true)
}

// link makes a live link and returns the path that is mailed.
func (s *site) link(u registry.User, p auth.LinkPurpose) string {
	s.uids++
	uid := fmt.Sprint("given-", s.uids)
	s.store.AddLink(s.t, onboard.Link{
		UID: uid, Company: u.Company, User: u.ID, Purpose: p, TokenHash: s.minter.LinkHash(uid, string(p)),
		Address: u.Email(), CredentialVersion: u.CredentialVersion, CreatedAt: s.time(), ExpiresAt: s.time().Add(time.Hour),
	})
	return "/setup/" + s.minter.Token(uid, string(p))
}

// work lets the background answer what was asked, and returns the mailed links.
func (s *site) work() (links []string) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s.service.Run(ctx)
	for _, m := range s.store.Mails(s.t) {
		if m.LinkUID != "" && !m.Cancelled {
			links = append(links, "/setup/"+s.minter.Token(m.LinkUID, string(m.Kind)))
		}
	}
	return links
}

// visitor is one browser that keeps cookies and follows nothing by itself.
type visitor struct {
	s      *site
	client *http.Client
	header http.Header
}

func (s *site) visitor(lang string) *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &visitor{
		s:      s,
		client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		header: http.Header{"Accept-Language": {lang}, "User-Agent": {"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}},
	}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body string
}

func (v *visitor) do(method, path string, form url.Values) answer {
	v.s.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequest(method, v.s.url+path, body)
	if err != nil {
		v.s.t.Fatal(err)
	}
	req.Header = v.header.Clone()
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := v.client.Do(req)
	if err != nil {
		v.s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		v.s.t.Fatal(err)
	}
	return answer{res, string(raw)}
}

// get follows redirects and returns the page they end at.
func (v *visitor) get(path string) answer {
	v.s.t.Helper()
	for range 5 {
		a := v.do("GET", path, nil)
		if a.StatusCode/100 != 3 {
			return a
		}
		path = a.Header.Get("Location")
	}
	v.s.t.Fatalf("too many redirects, last to %s", path)
	return answer{}
}

var tagPattern = regexp.MustCompile(`name="link" value="([^"]+)"`)

// tag is the hidden name of the link on a set-up page.
func (a answer) tag(t testing.TB) string {
	t.Helper()
	m := tagPattern.FindStringSubmatch(a.body)
	if m == nil {
		t.Fatalf("no form for a link in:\n%s", a.body)
	}
	return m[1]
}

func setupForm(tag, password, repeat string) url.Values {
	return url.Values{"link": {tag}, "password": {password}, "repeat": {repeat}}
}

func (a answer) want(t testing.TB, status int, texts ...string) {
	t.Helper()
	if a.StatusCode != status {
		t.Errorf("%s %s: status %d, want %d", a.Request.Method, a.Request.URL.Path, a.StatusCode, status)
	}
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			t.Errorf("%s %s lacks %q in:\n%s", a.Request.Method, a.Request.URL.Path, text, a.body)
		}
	}
}

func (a answer) wantRedirect(t testing.TB, to string) {
	t.Helper()
	if a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != to {
		t.Errorf("%s %s: %d to %q, want 303 to %q\n%s", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.Header.Get("Location"), to, a.body)
	}
}

// lockedBuffer is a log that handlers and tests share.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
