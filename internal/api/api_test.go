package api_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/api/apitest"
	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// desk does what a test says; what it does not say is not called.
type desk struct {
	api.Desk
	people func(in api.ListPeopleInput) (api.Page[api.Person], error)
	person func() (api.PersonDetail, error)
	pause  func(in api.PauseInput) (api.Source, error)
	block  func(in api.PersonChangeInput) (api.Person, error)
	files  []string
}

func (d *desk) ListPeople(_ context.Context, _ *api.Who, in api.ListPeopleInput) (api.Page[api.Person], error) {
	return d.people(in)
}

func (d *desk) ShowPerson(context.Context, *api.Who, api.PersonInput) (api.PersonDetail, error) {
	return d.person()
}

func (d *desk) PauseSource(_ context.Context, _ *api.Who, in api.PauseInput) (api.Source, error) {
	return d.pause(in)
}

func (d *desk) BlockPerson(_ context.Context, _ *api.Who, in api.PersonChangeInput) (api.Person, error) {
	return d.block(in)
}

// records keep keys and deeds in memory.
type records struct {
	mu    sync.Mutex
	keys  map[string]registry.KeptAnswer
	until map[string]time.Time
	deeds []registry.Deed
	now   func() time.Time
}

func (r *records) BeginRequest(_ context.Context, _ registry.TokenID, key string, hash []byte, until time.Time) (*registry.KeptAnswer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if first, ok := r.keys[key]; ok && r.now().Before(r.until[key]) {
		return &first, nil
	}
	r.keys[key], r.until[key] = registry.KeptAnswer{RequestHash: hash}, until
	return nil, nil
}

func (r *records) FinishRequest(_ context.Context, _ registry.TokenID, key string, a registry.KeptAnswer, until time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keys[key], r.until[key] = a, until
	return nil
}

func (r *records) DropRequest(_ context.Context, _ registry.TokenID, key string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.keys, key)
	return nil
}

func (r *records) Audit(_ context.Context, d registry.Deed) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deeds = append(r.deeds, d)
	return nil
}

// tokens are scopes by secret.
type tokens struct {
	mu   sync.Mutex
	used map[registry.TokenID]time.Time
}

var scopes = map[string][]string{"reader": {"read"}, "operator": {"operate"}, "outside": nil}

func (k *tokens) APIToken(_ context.Context, hash []byte) (registry.Token, registry.Origin, error) {
	for secret, s := range scopes {
		id := registry.TokenID(len(secret))
		if sum := sha256.Sum256([]byte(secret)); bytes.Equal(sum[:], hash) {
			return registry.Token{ID: id, Prefix: secret, Scopes: s}, registry.Origin{Company: 7, Kind: registry.OriginAPI}, nil
		}
	}
	return registry.Token{}, registry.Origin{}, registry.ErrNotFound
}

func (k *tokens) UseTokens(_ context.Context, used map[registry.CompanyID]map[registry.TokenID]time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.used == nil {
		k.used = map[registry.TokenID]time.Time{}
	}
	maps.Copy(k.used, used[7])
	return nil
}

// world is an API over a desk.
type world struct {
	t       testing.TB
	desk    *desk
	records *records
	tokens  *tokens
	server  *api.Server
	check   *apitest.Checker
	now     time.Time
	rate    auth.Rate
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, desk: &desk{}, tokens: &tokens{}, now: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)}
	w.records = &records{keys: map[string]registry.KeptAnswer{}, until: map[string]time.Time{}, now: func() time.Time { return w.now }}
	return w
}

// start makes the server, once.
func (w *world) start() *world {
	w.t.Helper()
	vault, err := auth.NewVault(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		w.t.Fatal(err)
	}
	w.server, err = api.New(api.Config{
		Desk: w.desk, Tokens: w.tokens, Open: func(registry.CompanyID) api.Records { return w.records }, Vault: vault, Version: "test",
		ClientIP: func(*http.Request) netip.Addr { return netip.MustParseAddr("192.0.2.1") },
		Now:      func() time.Time { return w.now }, NewID: func() string { return "request-1" }, Log: slog.New(slog.DiscardHandler), Rate: w.rate, Spool: inMemory,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	res, doc := w.do(http.MethodGet, "/openapi.json", "", nil)
	if res.StatusCode != http.StatusOK {
		w.t.Fatalf("document: %d %s", res.StatusCode, doc)
	}
	if w.check, err = apitest.New(w.t.Context(), doc); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// do sends a request.
func (w *world) do(method, path, body string, header map[string]string) (*http.Response, []byte) {
	w.t.Helper()
	req := httptest.NewRequest(method, "http://people.example.com"+api.Base+path, strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer operator")
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	out := httptest.NewRecorder()
	w.server.ServeHTTP(out, req)
	res := out.Result()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.check != nil && res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusMethodNotAllowed {
		if err := w.check.Exchange(req, []byte(body), res, got); err != nil {
			w.t.Errorf("against the document: %v", err)
		}
	}
	return res, got
}

// problem is the code and the pointer of a refusal.
func problem(t *testing.T, body []byte) api.Problem {
	t.Helper()
	var p api.Problem
	if err := json.Unmarshal(body, &p); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return p
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	w.desk.pause = func(api.PauseInput) (api.Source, error) { return api.Source{State: "paused"}, nil }
	w.desk.people = func(api.ListPeopleInput) (api.Page[api.Person], error) { return api.Page[api.Person]{}, nil }
	w.desk.person = func() (api.PersonDetail, error) { return api.PersonDetail{}, registry.ErrNotFound }
	w.desk.block = func(api.PersonChangeInput) (api.Person, error) { panic("at the desk") }
	w.start()
	bearer := func(s string) map[string]string { return map[string]string{"Authorization": "Bearer " + s} }
	for name, c := range map[string]struct {
		method, path, body string
		header             map[string]string
		status             int
		code, pointer      string
		has                map[string]string
	}{
		"no token":             {"GET", "/people", "", map[string]string{"Authorization": ""}, 401, "unauthorized", "", map[string]string{"WWW-Authenticate": `Bearer realm="usher"`}},
		"no bearer":            {"GET", "/people", "", map[string]string{"Authorization": "Basic b3BlcmF0b3I="}, 401, "unauthorized", "", nil},
		"wrong token":          {"GET", "/people", "", bearer("guess"), 401, "unauthorized", "", nil},
		"no scope":             {"GET", "/people", "", bearer("outside"), 403, "forbidden", "", nil},
		"reads only":           {"POST", "/sources/corp/pause", "{}", bearer("reader"), 403, "forbidden", "", nil},
		"nothing here":         {"GET", "/nothing", "", nil, 404, "not_found", "", nil},
		"no such person":       {"GET", "/people/x", "", nil, 404, "not_found", "", nil},
		"method":               {"PUT", "/people", "", nil, 405, "method_not_allowed", "", map[string]string{"Allow": "GET, HEAD, POST"}},
		"format":               {"GET", "/people", "", map[string]string{"Accept": "image/png"}, 406, "not_acceptable", "", nil},
		"csv of no list":       {"GET", "/people/x", "", map[string]string{"Accept": "text/csv"}, 406, "not_acceptable", "", nil},
		"unknown format":       {"GET", "/people?format=xml", "", nil, 400, "bad_request", "format", nil},
		"unknown parameter":    {"GET", "/people?staet=active", "", nil, 400, "unknown_member", "staet", nil},
		"twice":                {"GET", "/people?state=new&state=active", "", nil, 400, "bad_request", "state", nil},
		"not in the list":      {"GET", "/people?state=old", "", nil, 400, "bad_request", "state", nil},
		"limit":                {"GET", "/people?limit=501", "", nil, 400, "bad_request", "limit", nil},
		"limit of an export":   {"GET", "/people?limit=5&format=csv", "", nil, 400, "bad_request", "limit", nil},
		"cursor":               {"GET", "/people?cursor=abc", "", nil, 400, "bad_cursor", "cursor", nil},
		"no text":              {"GET", "/people?email=%00", "", nil, 400, "bad_request", "email", nil},
		"unknown member":       {"POST", "/sources/corp/pause", `{"not/e":"x"}`, nil, 400, "unknown_member", "/not~1e", nil},
		"type":                 {"POST", "/sources/corp/pause", `{"note":5}`, nil, 422, "invalid_value", "/note", nil},
		"no JSON":              {"POST", "/sources/corp/pause", `{`, nil, 400, "bad_request", "", nil},
		"two values":           {"POST", "/sources/corp/pause", `{}{}`, nil, 400, "bad_request", "", nil},
		"null":                 {"POST", "/sources/corp/pause", `{"note":null}`, nil, 422, "invalid_value", "/note", nil},
		"another letter":       {"POST", "/sources/corp/pause", `{"Note":"x"}`, nil, 400, "unknown_member", "/Note", nil},
		"media type":           {"POST", "/sources/corp/pause", `{}`, map[string]string{"Content-Type": "text/plain"}, 415, "unsupported_media_type", "", nil},
		"too much":             {"POST", "/sources/corp/pause", `{"note":"` + strings.Repeat("x", 300<<10) + `"}`, nil, 413, "too_large", "", nil},
		"needed":               {"POST", "/runs/1/reject", `{}`, map[string]string{"Authorization": "Bearer operator"}, 403, "forbidden", "", nil},
		"needed member":        {"POST", "/people", `{}`, nil, 422, "invalid_value", "/user_name", nil},
		"word of a member":     {"POST", "/people", `{"user_name":"a","kind":"admin"}`, nil, 422, "invalid_value", "/kind", nil},
		"no body taken":        {"POST", "/mails/release", `{}`, nil, 400, "bad_request", "", nil},
		"tag of another world": {"POST", "/people/x/block", "", map[string]string{"If-Match": `"abc"`}, 412, "stale", "If-Match", nil},
		"a panic":              {"POST", "/people/x/block", "", nil, 500, "internal", "", nil},
		"key":                  {"POST", "/people/x/block", "", map[string]string{"Idempotency-Key": "a b"}, 400, "bad_request", "Idempotency-Key", nil},
	} {
		t.Run(name, func(t *testing.T) {
			res, body := w.do(c.method, c.path, c.body, c.header)
			if res.StatusCode != c.status || res.Header.Get("Content-Type") != "application/problem+json" || res.Header.Get("X-Request-Id") != "request-1" {
				t.Fatalf("%d %s: %s", res.StatusCode, res.Header, body)
			}
			p := problem(t, body)
			if p.Code != c.code || p.Pointer != c.pointer || p.Status != c.status || p.RequestID != "request-1" || p.Title == "" {
				t.Errorf("got %+v", p)
			}
			for name, value := range c.has {
				if got := res.Header.Get(name); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
		})
	}
}

func TestRate(t *testing.T) {
	w := newWorld(t)
	w.rate = auth.Rate{Burst: 2, Every: 10 * time.Second}
	w.desk.people = func(api.ListPeopleInput) (api.Page[api.Person], error) { return api.Page[api.Person]{}, nil }
	w.start()
	for i, want := range []int{200, 200, 429} {
		res, body := w.do(http.MethodGet, "/people", "", nil)
		if res.StatusCode != want {
			t.Fatalf("%d: %d %s", i, res.StatusCode, body)
		}
		if want == 429 && res.Header.Get("Retry-After") != "10" {
			t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
		}
	}
	if res, _ := w.do(http.MethodGet, "/people", "", map[string]string{"Authorization": "Bearer reader"}); res.StatusCode != 200 {
		t.Errorf("another token waits, too: %d", res.StatusCode)
	}
	w.now = w.now.Add(10 * time.Second)
	if res, _ := w.do(http.MethodGet, "/people", "", nil); res.StatusCode != 200 {
		t.Errorf("still: %d", res.StatusCode)
	}
}

func TestLastUseIsWritten(t *testing.T) {
	w := newWorld(t)
	w.desk.people = func(api.ListPeopleInput) (api.Page[api.Person], error) { return api.Page[api.Person]{}, nil }
	w.start()
	w.do(http.MethodGet, "/people", "", nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.server.Run(ctx) // it writes once more when it is told to stop
	if len(w.tokens.used) != 1 {
		t.Errorf("used: %v", w.tokens.used)
	}
}

func TestVersions(t *testing.T) {
	w := newWorld(t)
	w.desk.person = func() (api.PersonDetail, error) {
		return api.PersonDetail{Person: api.Person{ID: "x", State: "active", Kind: "end_user", Association: "strong", Version: 3, Attributes: map[string][]string{}},
			Values: []api.Value{}, Groups: []api.PersonGroup{}}, nil
	}
	var asked int64
	w.desk.block = func(in api.PersonChangeInput) (api.Person, error) {
		asked = in.Version
		return api.Person{}, registry.Refuse(registry.CodeStale, "changed meanwhile")
	}
	w.start()
	res, _ := w.do(http.MethodGet, "/people/x", "", nil)
	if res.StatusCode != 200 || res.Header.Get("ETag") != `"3"` {
		t.Fatalf("%d, ETag %s", res.StatusCode, res.Header.Get("ETag"))
	}
	if res, body := w.do(http.MethodGet, "/people/x", "", map[string]string{"If-None-Match": `"3"`}); res.StatusCode != 304 || len(body) != 0 {
		t.Errorf("unchanged: %d %s", res.StatusCode, body)
	}
	if res, _ := w.do(http.MethodPost, "/people/x/block", "", map[string]string{"If-Match": `"2"`}); res.StatusCode != 412 || asked != 2 {
		t.Errorf("stale: %d, asked for %d", res.StatusCode, asked)
	}
}
