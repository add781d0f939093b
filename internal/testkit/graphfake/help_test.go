package graphfake_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/testkit/graphfake"
)

// clock is a clock that tests set.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time { return c.at }

// world is a server with its tenant, asked without a network.
type world struct {
	*graphfake.Server
	t      *testing.T
	tenant *graphfake.Tenant
	clock  *clock
}

func newWorld(t *testing.T, p graphfake.Population, o graphfake.Options) *world {
	t.Helper()
	c := newClock()
	o.Now = c.now
	tenant := graphfake.NewTenant(p, c.now)
	s, err := graphfake.New(tenant, o)
	if err != nil {
		t.Fatal(err)
	}
	return &world{s, t, tenant, c}
}

// open is a world that asks for no token.
func open(t *testing.T, p graphfake.Population, o graphfake.Options) *world {
	o.Anonymous = true
	return newWorld(t, p, o)
}

const host = "https://graph.microsoft.com"

// do sends a request; a path without a host goes to Graph.
func (w *world) do(method, address string, body io.Reader, headers ...string) *http.Response {
	w.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = host + address
	}
	r := httptest.NewRequest(method, strings.ReplaceAll(address, " ", "%20"), body)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec.Result()
}

type object = map[string]any

// get asks for JSON and the status it should come with.
func (w *world) get(want int, address string, headers ...string) object {
	w.t.Helper()
	resp := w.do(http.MethodGet, address, nil, headers...)
	return w.decode(resp, want)
}

func (w *world) decode(resp *http.Response, want int) object {
	w.t.Helper()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	if resp.StatusCode != want {
		w.t.Fatalf("%d: %s", resp.StatusCode, data)
	}
	var v object
	if err := json.Unmarshal(data, &v); err != nil {
		w.t.Fatalf("%v in %s", err, data)
	}
	return v
}

// round follows the links of a delta query and returns its objects and the link
// to the next round.
func (w *world) round(address string, headers ...string) ([]any, string) {
	w.t.Helper()
	var all []any
	for range 10_000 {
		page := w.get(http.StatusOK, address, headers...)
		all = append(all, page["value"].([]any)...)
		if link, ok := page["@odata.deltaLink"].(string); ok {
			return all, link
		}
		address, _ = page["@odata.nextLink"].(string)
	}
	w.t.Fatal("the round does not end")
	return nil, ""
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// same compares with JSON as Microsoft's pages show it.
func same(t *testing.T, got any, want string) {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(want), &v); err != nil {
		t.Fatalf("%v in %s", err, want)
	}
	data, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var g any
	if err := json.Unmarshal(data, &g); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(v, g); diff != "" {
		t.Errorf("not as documented (-page +simulator):\n%s", diff)
	}
}

func errorCode(v object) string {
	e, _ := v["error"].(object)
	code, _ := e["code"].(string)
	return code
}

// count follows the links of a delta query and counts its objects without
// looking at them.
func (w *world) count(address string) int {
	n := 0
	for address != "" {
		r := httptest.NewRequest(http.MethodGet, host+strings.TrimPrefix(address, host), nil)
		rec := httptest.NewRecorder()
		w.ServeHTTP(rec, r)
		body := rec.Body.String()
		n += strings.Count(body, `"userPrincipalName"`)
		_, rest, more := strings.Cut(body[:min(len(body), 4096)], `"@odata.nextLink":"`)
		if address = ""; more {
			address, _, _ = strings.Cut(rest, `"`)
		}
	}
	return n
}
