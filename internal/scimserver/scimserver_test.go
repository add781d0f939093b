package scimserver_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/scimserver"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/testkit/migrated"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/scimtest"
)

// world is a registry with SCIM in front of it.
type world struct {
	t       testing.TB
	store   *store.Store
	reg     *registry.Registry
	handler http.Handler
	config  scimserver.Config
	server  *scimserver.Server

	mu  sync.Mutex
	now time.Time
}

type minter struct{}

func (minter) LinkHash(uid, purpose string) []byte {
	h := sha256.Sum256([]byte(purpose + uid))
	return h[:]
}

// onBoth runs a test on a migrated SQLite file and on a migrated PostgreSQL
// database, each with the companies acme and rival.
func onBoth(t *testing.T, fn func(t *testing.T, w *world)) {
	t.Helper()
	for name, address := range map[string]func(t *testing.T) string{
		"sqlite":   func(t *testing.T) string { return migrated.SQLite(t) },
		"postgres": func(t *testing.T) string { return migrated.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) { fn(t, newWorld(t, address(t))) })
	}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func newWorld(t testing.TB, address string) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.now = w.now.Add(time.Millisecond)
		return w.now
	}
	s, err := store.Open(t.Context(), address, store.Options{Now: clock, Synchronous: "OFF"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = s.Settle(t.Context(), store.Settled{Companies: []registry.Company{{Key: "acme", Name: "Acme"}, {Key: "rival", Name: "Rival"}}})
	if err != nil {
		t.Fatal(err)
	}
	w.store = s
	w.reg = &registry.Registry{Store: s, Now: clock, NewID: newID, Minter: minter{}, LinkLife: time.Hour, MessageDomain: "example.com"}
	base, err := url.Parse("https://people.example.com/scim/v2")
	if err != nil {
		t.Fatal(err)
	}
	w.config = scimserver.Config{
		Registry: w.reg, Tokens: s, Open: func(id registry.CompanyID) scimserver.Records { return s.For(id) }, BaseURL: base,
		Issuer:    &url.URL{Scheme: "https", Host: "people.example.com"},
		CursorKey: bytes.Repeat([]byte("k"), 32), Now: clock, NewID: newID, Log: slog.New(slog.DiscardHandler),
		NewPassword: func(_ context.Context, _ registry.CompanyID, about []string, password string) (string, error) {
			return "hash of " + password, auth.CheckPassword(password, about)
		},
		ClientIP: func(r *http.Request) netip.Addr { return netip.MustParseAddrPort(r.RemoteAddr).Addr() },
	}
	if w.server, err = scimserver.New(w.config); err != nil {
		t.Fatal(err)
	}
	w.handler = w.server
	return w
}

// later lets time pass.
func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// connect makes a connection of a company and returns a client for it.
func (w *world) connect(company, name string, settings registry.ConnectionSettings) *client {
	w.t.Helper()
	ctx := context.Background()
	co, err := w.store.CompanyByKey(ctx, company)
	if err != nil {
		w.t.Fatal(err)
	}
	tenant := w.store.For(co.ID)
	conn, err := tenant.SaveConnection(ctx, name, settings)
	if err != nil {
		w.t.Fatal(err)
	}
	secret, hash, prefix, err := scimserver.NewToken(rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	if _, err := tenant.CreateToken(ctx, conn.Origin.ID, hash, prefix, time.Time{}); err != nil {
		w.t.Fatal(err)
	}
	return &client{w: w, secret: secret, prefix: prefix, tenant: tenant, origin: conn.Origin}
}

// client speaks as a connection.
type client struct {
	w              *world
	secret, prefix string
	tenant         *store.Tenant
	origin         registry.Origin
}

// ServeHTTP adds the connection's token.
func (c *client) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Header.Set("Authorization", "Bearer "+c.secret)
	c.w.handler.ServeHTTP(w, r)
}

// do makes a request and decodes the answer.
func (c *client) do(method, path, body string) (int, map[string]any) {
	c.w.t.Helper()
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/scim+json")
	rec := httptest.NewRecorder()
	c.ServeHTTP(rec, r)
	var doc map[string]any
	raw, err := io.ReadAll(rec.Body)
	if err != nil {
		c.w.t.Fatal(err)
	}
	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &doc); err != nil {
			c.w.t.Fatalf("%s %s: %v: %s", method, path, err, raw)
		}
	}
	return rec.Code, doc
}

// want makes a request that must be answered with a status.
func (c *client) want(status int, method, path, body string) map[string]any {
	c.w.t.Helper()
	got, doc := c.do(method, path, body)
	if got != status {
		c.w.t.Fatalf("%s %s: %d, want %d: %v", method, path, got, status, doc)
	}
	return doc
}

const (
	userSchema  = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
	groupSchema = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]`
	patchSchema = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`
)

func (c *client) user(name, external string) string {
	c.w.t.Helper()
	doc := c.want(http.StatusCreated, "POST", "/Users", fmt.Sprintf(
		`{%s,"userName":%q,"externalId":%q,"emails":[{"value":"%s@example.com","type":"work","primary":true}]}`, userSchema, name, external, name))
	return doc["id"].(string)
}

// TestBackend runs the suite that every backend has to pass.
func TestBackend(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		n := 0
		scimtest.RunBackend(t, func(t *testing.T) scim.Backend {
			n++
			company := fmt.Sprintf("suite%d", n)
			if err := w.store.Settle(t.Context(), store.Settled{Companies: []registry.Company{{Key: company, Name: company}}}); err != nil {
				t.Fatal(err)
			}
			c := w.connect(company, "idp", registry.ConnectionSettings{Visible: registry.VisibleOwn})
			conn, err := c.tenant.Connection(t.Context(), "idp")
			if err != nil {
				t.Fatal(err)
			}
			return scimserver.BackendFor(w.config, conn, scimtest.UserType(), scimtest.GroupType())
		})
	})
}

// TestTranscripts plays what each identity provider sends.
func TestTranscripts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		n := 0
		scimtest.Play(t, "../../scim/testdata/idp", func(t *testing.T, profile string) http.Handler {
			n++
			company := fmt.Sprintf("company%d", n)
			if err := w.store.Settle(t.Context(), store.Settled{Companies: []registry.Company{{Key: company, Name: company}}}); err != nil {
				t.Fatal(err)
			}
			return w.connect(company, "idp", registry.ConnectionSettings{Profile: profile, Visible: registry.VisibleOwn, OnForeign: registry.ForeignConflict})
		})
	})
}

func TestLifecycle(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn, SetupMail: true})
		id := c.user("ann", "x1")
		if got := c.want(200, "GET", "/Users?filter="+url.QueryEscape(`externalId eq "x1"`), ""); got["totalResults"] != 1.0 {
			t.Fatalf("by externalId: %v", got)
		}
		before := c.want(200, "GET", "/Users/"+id, "")["meta"].(map[string]any)["version"]
		c.want(200, "PATCH", "/Users/"+id, `{`+patchSchema+`,"Operations":[{"op":"replace","path":"active","value":true}]}`)
		if after := c.want(200, "GET", "/Users/"+id, "")["meta"].(map[string]any)["version"]; after != before {
			t.Errorf("a PATCH of nothing moved the version from %v to %v", before, after)
		}
		c.want(200, "PATCH", "/Users/"+id, `{`+patchSchema+`,"Operations":[{"op":"replace","path":"externalId","value":"x2"},{"op":"add","value":{"title":"Boss"}}]}`)
		c.want(404, "GET", "/Users/nobody", "")
		if got := c.want(200, "GET", "/Users?filter="+url.QueryEscape(`externalId eq "x2" and title eq "boss"`), ""); got["totalResults"] != 1.0 {
			t.Fatalf("by the new externalId: %v", got)
		}
		c.want(204, "DELETE", "/Users/"+id, "")
		c.want(404, "GET", "/Users/"+id, "")
		if other := c.user("ann", "x3"); other == id {
			t.Error("another anchor restored a deleted person")
		}
		if code, _ := c.do("POST", "/Users", `{`+userSchema+`,"userName":"ann2","externalId":"x2"}`); code != 201 {
			t.Fatalf("a deleted person's anchor gave %d", code)
		}
		if got := c.want(200, "GET", "/Users/"+id, ""); got["userName"] != "ann2" {
			t.Errorf("the same anchor did not restore the same person: %v", got)
		}
		counts, err := c.tenant.MailCounts(t.Context())
		if err != nil || counts["queued"] == 0 {
			t.Errorf("mails: %v, %v", counts, err)
		}
	})
}

func TestHostileValues(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		id := c.user("ann", "a")
		for _, body := range []string{
			`{` + userSchema + `,"userName":"nul\u0000"}`,
			`{` + userSchema + `,"userName":"bob","title":"a\u0000b"}`,
			`{` + userSchema + `,"userName":"bob","addresses":[{"type":"work","country":"a\u0000b"}]}`,
			`{` + userSchema + `,"userName":"` + strings.Repeat("x", 100_000) + `"}`,
			`{` + userSchema + `,"userName":"bob","externalId":"` + strings.Repeat("x", 100_000) + `"}`,
			`{` + userSchema + `,"userName":"\ud800"}`,
		} {
			if code, doc := c.do("POST", "/Users", body); code != http.StatusBadRequest {
				t.Errorf("POST of %.60s: %d %v", body, code, doc)
			}
		}
		c.want(400, "PATCH", "/Users/"+id, `{`+patchSchema+`,"Operations":[{"op":"replace","path":"title","value":"a\u0000b"}]}`)
		for _, path := range []string{"/Users/%00", "/Users/%ff", "/Groups/a%2Fb", "/Users/" + strings.Repeat("x", 5000)} {
			c.want(404, "GET", path, "")
		}
		for _, f := range []string{`userName eq "\u0000"`, `title co "%"`, `userName sw "'; DROP TABLE users; --"`, `meta.created gt "2020-01-01T00:00:00Z"`} {
			if code, doc := c.do("GET", "/Users?filter="+url.QueryEscape(f), ""); code != 200 && code != 400 {
				t.Errorf("filter %s: %d %v", f, code, doc)
			}
		}
	})
}

func TestGroupsAreRows(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		a, b := c.user("ann", "a"), c.user("bob", "b")
		g := c.want(201, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"Tours","members":[{"value":%q},{"value":"gone"}]}`, groupSchema, a))["id"].(string)
		c.want(204, "PATCH", "/Groups/"+g, fmt.Sprintf(`{%s,"Operations":[{"op":"add","path":"members","value":[{"value":%q}]},{"op":"replace","value":{"displayName":"Guides"}}]}`, patchSchema, b))
		got := c.want(200, "GET", "/Groups/"+g, "")
		if members, _ := got["members"].([]any); len(members) != 2 || got["displayName"] != "Guides" {
			t.Fatalf("after add: %v", got)
		}
		if got := c.want(200, "GET", "/Groups?excludedAttributes=members&filter="+url.QueryEscape(`displayName eq "guides"`), ""); got["totalResults"] != 1.0 {
			t.Fatalf("by name: %v", got)
		}
		if got := c.want(200, "GET", "/Groups?filter="+url.QueryEscape(fmt.Sprintf(`id eq %q and members[value eq %q]`, g, b)), ""); got["totalResults"] != 1.0 {
			t.Fatalf("by member: %v", got)
		}
		if got := c.want(200, "GET", "/Users/"+a, "")["groups"].([]any); len(got) != 1 {
			t.Fatalf("groups of ann: %v", got)
		}
		c.want(204, "PATCH", "/Groups/"+g, `{`+patchSchema+`,"Operations":[{"op":"replace","path":"members","value":[]}]}`)
		if got := c.want(200, "GET", "/Groups/"+g, ""); len(got["members"].([]any)) != 0 {
			t.Fatalf("after an empty push: %v", got)
		}
		c.want(200, "PUT", "/Groups/"+g, fmt.Sprintf(`{%s,"displayName":"Guides","members":[{"value":%q}]}`, groupSchema, b))
		c.want(204, "DELETE", "/Groups/"+g, "")
		c.want(404, "GET", "/Groups/"+g, "")
	})
}

// TestForeign holds each answer to somebody another origin owns.
func TestForeign(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		owner := w.connect("acme", "owner", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		id := owner.user("ann", "a")
		conflict := w.connect("acme", "conflict", registry.ConnectionSettings{Visible: registry.VisibleCompany, OnForeign: registry.ForeignConflict})
		conflict.want(409, "POST", "/Users", `{`+userSchema+`,"userName":"Ann"}`)
		conflict.want(409, "PATCH", "/Users/"+id, `{`+patchSchema+`,"Operations":[{"op":"replace","path":"active","value":false}]}`)
		conflict.want(409, "DELETE", "/Users/"+id, "")
		promote := w.connect("acme", "promote", registry.ConnectionSettings{Visible: registry.VisibleOwn, OnForeign: registry.ForeignPromote})
		promote.want(409, "POST", "/Users", `{`+userSchema+`,"userName":"ann"}`)
		link := w.connect("acme", "link", registry.ConnectionSettings{Visible: registry.VisibleOwn, OnForeign: registry.ForeignLink})
		link.want(404, "GET", "/Users/"+id, "")
		if got := link.want(201, "POST", "/Users", `{`+userSchema+`,"userName":"ann","externalId":"mine"}`); got["id"] != id || got["externalId"] != "mine" {
			t.Fatalf("linked: %v", got)
		}
		link.want(409, "PATCH", "/Users/"+id, `{`+patchSchema+`,"Operations":[{"op":"replace","path":"active","value":false}]}`)
		link.want(204, "DELETE", "/Users/"+id, "")
		link.want(404, "GET", "/Users/"+id, "")
		if got := owner.want(200, "GET", "/Users/"+id, ""); got["active"] != true || got["externalId"] != "a" {
			t.Fatalf("the owner's person after another let go: %v", got)
		}
	})
}

// TestWall tries to see and touch another company's records in every way.
func TestWall(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		acme := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleCompany})
		rival := w.connect("rival", "okta", registry.ConnectionSettings{Visible: registry.VisibleCompany})
		theirs := rival.user("secret", "s1")
		group := rival.want(201, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"Theirs","members":[{"value":%q}]}`, groupSchema, theirs))["id"].(string)
		for _, path := range []string{"/Users/" + theirs, "/Groups/" + group} {
			acme.want(404, "GET", path, "")
			acme.want(404, "DELETE", path, "")
			acme.want(404, "PATCH", path, `{`+patchSchema+`,"Operations":[{"op":"replace","path":"externalId","value":"x"}]}`)
		}
		for _, filter := range []string{`userName eq "secret"`, `externalId eq "s1"`, `emails.value eq "secret@example.com"`, `id eq "` + theirs + `"`, `groups.value eq "` + group + `"`, `userName pr`} {
			if got := acme.want(200, "GET", "/Users?filter="+url.QueryEscape(filter), ""); got["totalResults"] != 0.0 {
				t.Errorf("%s finds %v", filter, got)
			}
		}
		if got := acme.want(200, "GET", "/Groups?filter="+url.QueryEscape(`members.value eq "`+theirs+`"`), ""); got["totalResults"] != 0.0 {
			t.Errorf("group by another company's member: %v", got)
		}
		own := acme.want(201, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"Ours","members":[{"value":%q},{"value":%q}]}`, groupSchema, theirs, group))["id"].(string)
		if got := acme.want(200, "GET", "/Groups/"+own, ""); len(got["members"].([]any)) != 0 {
			t.Errorf("another company's people became members: %v", got)
		}
		acme.user("secret", "s1") // names and external ids are each company's own
	})
}

func TestTokensAndLimits(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		c.want(200, "GET", "/Users?count=0", "")
		settings := registry.ConnectionSettings{Visible: registry.VisibleOwn, Paused: true}
		if _, err := c.tenant.SaveConnection(t.Context(), "okta", settings); err != nil {
			t.Fatal(err)
		}
		c.want(403, "GET", "/Users", "")
		settings.Paused, settings.AllowFrom = false, []string{"203.0.113.0/24"}
		if _, err := c.tenant.SaveConnection(t.Context(), "okta", settings); err != nil {
			t.Fatal(err)
		}
		c.want(403, "GET", "/Users", "")
		settings.AllowFrom, settings.Rate = []string{"192.0.2.1"}, 1 // httptest's client
		if _, err := c.tenant.SaveConnection(t.Context(), "okta", settings); err != nil {
			t.Fatal(err)
		}
		limited := false
		for range 5 {
			code, body := c.do("GET", "/Users?count=0", "")
			limited = limited || code == http.StatusTooManyRequests && strings.Contains(fmt.Sprint(body), "limit of 1 a second")
		}
		if !limited {
			t.Error("five requests at once passed a limit of one a second")
		}
		if ok, err := c.tenant.RevokeToken(t.Context(), c.prefix); !ok || err != nil {
			t.Fatal(ok, err)
		}
		c.want(401, "GET", "/Users", "")
	})
}

// TestRequestLog reads what an identity engineer would read after a failure.
func TestRequestLog(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		c.want(400, "POST", "/Users", `{`+userSchema+`,"password":"hunter2hunter2"}`)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w.server.Run(ctx) // writes what waits and ends
		rows, err := c.tenant.ScimRequests(t.Context(), c.origin.ID, true, 10)
		if err != nil || len(rows) != 1 {
			t.Fatalf("log: %v, %v", rows, err)
		}
		r := rows[0]
		if r.Status != 400 || r.Method != "POST" || r.Path != "/Users" || r.Detail == "" || strings.Contains(r.Body, "hunter2") || !strings.Contains(r.Body, "password") {
			t.Errorf("log row: %+v", r)
		}
		tokens, err := c.tenant.Tokens(t.Context(), c.origin.ID)
		if err != nil || tokens[0].LastUsedAt.IsZero() {
			t.Errorf("last use: %v, %v", tokens, err)
		}
	})
}
