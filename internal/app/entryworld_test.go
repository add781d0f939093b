package app_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/app"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// entry is a running server with people who have passwords.
type entry struct {
	t      *testing.T
	s      *app.Server
	url    string
	hash   string
	people map[string]*registry.User
}

// newEntry starts a server at an address that passkeys know.
func newEntry(t *testing.T, more string, o app.Options) *entry {
	t.Helper()
	return newEntryAt(t, free(t), more, o)
}

func newEntryAt(t *testing.T, listen, more string, o app.Options) *entry {
	t.Helper()
	_, port, _ := strings.Cut(listen, ":")
	e := &entry{t: t, url: "http://localhost:" + port, people: map[string]*registry.User{}}
	hasher, err := auth.NewHasher(auth.Params{Memory: 64, Time: 1, Threads: 1}, rand.Reader)
	must(t, err)
	e.hash, err = hasher.Hash(t.Context(), phrase)
	must(t, err)
	e.s, _ = start(t, configure(t, settings{Listen: listen, PublicURL: e.url, More: more, Companies: "  beta: {name: Beta}\n"}), o)
	return e
}

// company makes sure of a company.
func (e *entry) company(key string) registry.Company {
	e.t.Helper()
	c, err := e.s.CompanyOf(e.t.Context(), key)
	must(e.t, err)
	return c
}

// person makes somebody with the phrase as password, or with none.
func (e *entry) person(company, name string, password bool) *registry.User {
	e.t.Helper()
	put := registry.PutUser{Anchor: name, Enabled: true, Attributes: registry.Attributes{
		registry.AttrUserName: {name}, registry.AttrEmails: {name + "@example.com"}, registry.AttrLocale: {"en"},
	}}
	if password {
		put.PasswordHash = e.hash
	}
	c := e.company(company)
	origin, err := e.s.Store.For(c.ID).EnsureOrigin(e.t.Context(), registry.OriginSCIM, "people")
	must(e.t, err)
	e.apply(origin, put)
	return e.look(company, name)
}

func (e *entry) apply(origin registry.Origin, op registry.Op) {
	e.t.Helper()
	res, err := e.s.Registry.Apply(e.t.Context(), registry.Batch{Company: origin.Company, Origin: origin, Actor: "test", Ops: []registry.Op{op}})
	must(e.t, err)
	if res[0].Refused != nil {
		e.t.Fatal(res[0].Refused)
	}
}

// look reads somebody anew.
func (e *entry) look(company, name string) *registry.User {
	e.t.Helper()
	u, err := e.s.Store.For(e.company(company).ID).FindUser(e.t.Context(), name)
	must(e.t, err)
	return u
}

// rights gives somebody rights.
func (e *entry) rights(u *registry.User, admin, auditor, approver bool) {
	e.t.Helper()
	_, err := e.s.SetRights(e.t.Context(), u, "test", app.Rights{Admin: &admin, Auditor: &auditor, Approver: &approver})
	must(e.t, err)
}

// deeds are what the audit of a company has of an action, the newest first: the
// outcome and the details of each.
func (e *entry) deeds(company, action string) (out []registry.Deed) {
	e.t.Helper()
	out, err := e.s.Store.For(e.company(company).ID).Deeds(e.t.Context(), registry.DeedQuery{Limit: 1000, Action: action})
	must(e.t, err)
	return out
}

// guestOf is a browser without script.
type guestOf struct {
	e      *entry
	client *http.Client
	header http.Header
}

func (e *entry) guest() *guestOf {
	jar, err := cookiejar.New(nil)
	must(e.t, err)
	return &guestOf{e: e, header: http.Header{}, client: &http.Client{
		Jar: jar, Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is an answer with its body read.
type page struct {
	status   int
	location string
	body     string
	url      *url.URL
	header   http.Header
}

func (g *guestOf) do(method, address string, form url.Values) page {
	g.e.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = g.e.url + address
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(g.e.t.Context(), method, address, body)
	must(g.e.t, err)
	req.Header = g.header.Clone()
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := g.client.Do(req)
	must(g.e.t, err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	must(g.e.t, err)
	return page{res.StatusCode, res.Header.Get("Location"), string(raw), res.Request.URL, res.Header}
}

// follow goes where an answer leads, to other sites too.
func (g *guestOf) follow(p page) page {
	g.e.t.Helper()
	for range 20 {
		if p.status/100 != 3 {
			return p
		}
		next, err := p.url.Parse(p.location)
		must(g.e.t, err)
		p = g.do("GET", next.String(), nil)
	}
	g.e.t.Fatalf("too many redirects, last from %s", p.url)
	return p
}

func (g *guestOf) get(address string) page { return g.follow(g.do("GET", address, nil)) }

func (g *guestOf) signIn(company, name, password string) page {
	return g.follow(g.do("POST", "/c/"+company+"/login", url.Values{"name": {name}, "password": {password}}))
}

// in reports whether the browser is signed in, and as whom.
func (g *guestOf) in() string {
	p := g.do("GET", "/me", nil)
	if p.status != http.StatusOK {
		return ""
	}
	_, rest, _ := strings.Cut(p.body, "<h1>")
	name, _, _ := strings.Cut(rest, "</h1>")
	return name
}

// given signs the browser in without a form, as the store sees it.
func (g *guestOf) given(u *registry.User, factorAt time.Time) string {
	g.e.t.Helper()
	token, now := rand.Text()+rand.Text(), g.e.s.Now()
	sum := sha256.Sum256([]byte(token))
	v := auth.Session{
		ID: base64.RawURLEncoding.EncodeToString(sum[:]), Company: u.Company, User: u.ID, CredentialVersion: u.CredentialVersion,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(time.Hour), Method: auth.MethodPassword, FactorAt: factorAt,
	}
	must(g.e.t, g.e.s.Store.SaveSession(g.e.t.Context(), v))
	at, err := url.Parse(g.e.url)
	must(g.e.t, err)
	g.client.Jar.SetCookies(at, []*http.Cookie{{Name: "usher", Value: token, Path: "/"}})
	return v.ID
}

// words are texts of a page, unescaped enough to look for.
func (p page) has(text string) bool {
	return strings.Contains(strings.ReplaceAll(p.body, "&#39;", "'"), text)
}
