package scim_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/scim"
)

// names lists the userNames and displayNames of a list's resources.
func names(list map[string]any) []string {
	var out []string
	for _, r := range list["Resources"].([]any) {
		o := r.(map[string]any)
		if name, ok := o["userName"].(string); ok {
			out = append(out, name)
		} else {
			out = append(out, o["displayName"].(string))
		}
	}
	return out
}

func TestIndexPaging(t *testing.T) {
	s := newService(t, "", func(c *scim.Config) { c.Limits.MaxPage, c.Limits.DefaultPage = 3, 2 })
	for _, n := range []string{"e", "d", "c", "b", "a"} {
		s.user(t, n)
	}
	for query, want := range map[string]string{
		"":                                     "[e d] 5 2 1",
		"count=0":                              "[] 5 0 1",
		"count=99":                             "[e d c] 5 3 1",
		"startIndex=5":                         "[a] 5 1 5",
		"startIndex=0":                         "[e d] 5 2 1",
		"startIndex=9":                         "[] 5 0 9",
		"sortBy=userName&count=3":              "[a b c] 5 3 1",
		"sortBy=userName&sortOrder=descending": "[e d] 5 2 1",
		"sortBy=emails":                        "[e d] 5 2 1",
		"sortBy=meta.created":                  "[e d] 5 2 1",
	} {
		m := s.want(t, http.StatusOK, "GET", "/Users?"+query, "")
		if got := fmt.Sprint(names(m), m["totalResults"], m["itemsPerPage"], m["startIndex"]); got != want {
			t.Errorf("%s: %s, want %s", query, got, want)
		}
	}
}

// TestParametersAreRead: a filter that cannot be read never finds everybody.
func TestParametersAreRead(t *testing.T) {
	s := newService(t, "")
	s.user(t, "a;b")
	s.user(t, "c")
	for _, query := range []string{`filter=userName%20eq%20"a;b"`, `filter=userName+eq+%22a%3Bb%22&x;y=z`} {
		if got := names(s.want(t, http.StatusOK, "GET", "/Users?"+query, "")); !slices.Equal(got, []string{"a;b"}) {
			t.Errorf("%s finds %v", query, got)
		}
	}
	for _, query := range []string{`filter=userName%20eq%20"100%"`, "filter=%zz", "count=1&filter=%u0041"} {
		m := s.want(t, http.StatusBadRequest, "GET", "/Users?"+query, "")
		if m["scimType"] != "invalidSyntax" {
			t.Errorf("%s: %v", query, m)
		}
	}
}

func TestCursorPaging(t *testing.T) {
	s := newService(t, "", func(c *scim.Config) {
		c.Limits.MaxPage = 3
		c.Caller = func(ctx context.Context) string { return fmt.Sprint(ctx.Value(callerKey{})) }
	})
	for _, n := range []string{"e", "d", "c", "b", "a"} {
		s.user(t, n)
	}
	first := s.want(t, http.StatusOK, "GET", "/Users?cursor&count=2&sortBy=userName", "")
	if first["startIndex"] != nil || first["previousCursor"] != nil || fmt.Sprint(names(first)) != "[a b]" {
		t.Fatalf("first page: %v", first)
	}
	next := first["nextCursor"].(string)
	if next != escape(next) {
		t.Errorf("cursor %q is not URL-safe", next)
	}
	second := s.want(t, http.StatusOK, "POST", "/Users/.search",
		`{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"cursor":"`+next+`","count":2,"sortBy":"username"}`)
	if fmt.Sprint(names(second)) != "[c d]" || second["previousCursor"] == nil {
		t.Fatalf("second page: %v", second)
	}
	last := s.want(t, http.StatusOK, "GET", "/Users?sortBy=userName&cursor="+second["nextCursor"].(string), "")
	if fmt.Sprint(names(last)) != "[e]" || last["nextCursor"] != nil {
		t.Errorf("last page: %v", last)
	}
	for query, want := range map[string]string{
		"cursor=rubbish&sortBy=userName":                     "invalidCursor",
		"cursor=" + next:                                     "invalidCursor", // another query
		"cursor=" + next[:8] + next[9:] + "&sortBy=userName": "invalidCursor",
		"cursor=&count=0":                                    "invalidCount",
		"cursor=&count=4":                                    "invalidCount",
		"cursor=&count=x":                                    "invalidCount",
	} {
		if m := s.want(t, http.StatusBadRequest, "GET", "/Users?"+query, ""); m["scimType"] != want {
			t.Errorf("%s: %v, want %s", query, m["scimType"], want)
		}
	}
	other := s.as("somebody else")
	if m := other.want(t, http.StatusBadRequest, "GET", "/Users?sortBy=userName&cursor="+next, ""); m["scimType"] != "invalidCursor" {
		t.Errorf("another caller's cursor: %v", m)
	}
	s.clock.t = s.clock.t.Add(time.Hour)
	if m := s.want(t, http.StatusBadRequest, "GET", "/Users?sortBy=userName&cursor="+next, ""); m["scimType"] != "expiredCursor" {
		t.Errorf("old cursor: %v", m)
	}
}

type callerKey struct{}

// as is the same service to another caller.
func (s *service) as(caller string) *service {
	return &service{http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
	}), s.memory, s.clock, s.config}
}

func TestFilters(t *testing.T) {
	s := newService(t, "")
	s.want(t, http.StatusCreated, "POST", "/Users", `{`+userSchema+`,"userName":"Anna","title":"Dr","active":true,
		"emails":[{"type":"work","value":"anna@x.example"},{"type":"home","value":"a@home.example","primary":true}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales"}}`)
	s.want(t, http.StatusCreated, "POST", "/Users", `{`+userSchema+`,"userName":"berta","active":false,"emails":["b@x.example"]}`)
	for filter, want := range map[string]string{
		`userName eq "anna"`:                               "[Anna]",
		`USERNAME sw "AN" and not (active eq false)`:       "[Anna]",
		`emails[type eq "work" and value co "@x"]`:         "[Anna]",
		`emails[type eq "work"].value eq "anna@x.example"`: "[Anna]",
		`emails.value ew "x.example"`:                      "[Anna berta]",
		`emails co "home"`:                                 "[Anna]",
		`title pr`:                                         "[Anna]",
		`title eq null`:                                    "[berta]",
		`title ne "Dr"`:                                    "[berta]",
		`urn:ietf:params:scim:schemas:extension:enterprise:2.0:USER:department eq "sales" or active eq "False"`: "[Anna berta]",
		`id eq "user-2"`:                              "[berta]",
		`meta.created ge "2026-01-02T03:04:05Z"`:      "[Anna berta]",
		`meta.lastModified lt "2026-01-02T03:04:05Z"`: "[]",
		`meta.resourceType eq "User"`:                 "[Anna berta]",
		`((((userName eq "berta"))))`:                 "[berta]",
	} {
		if got := fmt.Sprint(names(s.want(t, http.StatusOK, "GET", "/Users?filter="+escape(filter), ""))); got != want {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
}

func TestQueriesOverSeveralTypes(t *testing.T) {
	s := newService(t, "")
	s.user(t, "anna")
	s.want(t, http.StatusCreated, "POST", "/Groups", `{`+groupSchema+`,"displayName":"Sales"}`)
	for filter, want := range map[string]string{
		"":                             "[anna Sales]",
		`meta.resourceType eq "Group"`: "[Sales]",
		`displayName eq "sales" or userName eq "anna"`: "[anna Sales]",
	} {
		if got := fmt.Sprint(names(s.want(t, http.StatusOK, "GET", "/?filter="+escape(filter), ""))); got != want {
			t.Errorf("%q: %s, want %s", filter, got, want)
		}
	}
	m := s.want(t, http.StatusOK, "POST", "/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
		"filter":"displayName sw \"S\"","attributes":["displayName","meta.location"],"startIndex":1,"count":10}`)
	group := m["Resources"].([]any)[0].(map[string]any)
	if got := fmt.Sprint(group["meta"]); got != "map[location:https://people.example.com/scim/v2/Groups/group-2]" {
		t.Errorf("meta: %s", got)
	}
}

func TestProjection(t *testing.T) {
	s := newService(t, "")
	m := s.want(t, http.StatusCreated, "POST", "/Users", `{`+userSchema+`,"userName":"anna","displayName":"A","name":{"givenName":"A","familyName":"B"},
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales","costCenter":"1"}}`)
	id := m["id"].(string)
	const ext = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	for query, want := range map[string]string{
		"":                                  "displayName id meta name schemas " + ext + " userName",
		"attributes=userName":               "id schemas userName",
		"attributes=USERNAME, nonsense":     "id schemas userName",
		"attributes=nonsense":               "id schemas",
		"attributes=" + ext:                 "id schemas " + ext,
		"attributes=" + ext + ":department": "id schemas " + ext,
		"attributes=urn:ietf:params:scim:schemas:core:2.0:User:displayName": "displayName id schemas",
		"excludedAttributes=name,meta,id," + ext:                            "displayName id schemas userName",
		"attributes=name.givenName":                                         "id name schemas",
		"attributes=department":                                             "id schemas " + ext,
		"attributes=" + ext + ".department":                                 "id schemas " + ext,
	} {
		for _, path := range []string{"/Users/" + id, "/Users"} {
			got := s.want(t, http.StatusOK, "GET", path+"?"+strings.ReplaceAll(query, " ", "%20"), "")
			if path == "/Users" {
				got = got["Resources"].([]any)[0].(map[string]any)
			}
			var keys []string
			for k := range got {
				keys = append(keys, k)
			}
			slices.Sort(keys)
			if g := strings.Join(keys, " "); g != strings.Join(slices.Sorted(slices.Values(strings.Fields(want))), " ") {
				t.Errorf("%s?%s: %s, want %s", path, query, g, want)
			}
		}
	}
	got := s.want(t, http.StatusOK, "GET", "/Users/"+id+"?attributes=name.givenName", "")
	if fmt.Sprint(got["name"]) != "map[givenName:A]" {
		t.Errorf("name: %v", got["name"])
	}
	got = s.want(t, http.StatusOK, "PUT", "/Users/"+id+"?attributes=title", `{`+userSchema+`,"userName":"anna","title":"T"}`)
	if len(got) != 3 || got["title"] != "T" {
		t.Errorf("PUT shows %v", got)
	}
	got = s.want(t, http.StatusOK, "PATCH", "/Users/"+id+"?excludedAttributes=userName,meta", `{`+patchSchema+`,"Operations":[]}`)
	if len(got) != 3 {
		t.Errorf("PATCH shows %v", got)
	}
}

// flood answers every Get with a group of so many members, and notes whether
// they were asked for.
type flood struct {
	scim.Backend
	members, sent int
	fail          error
}

func (f *flood) Get(_ context.Context, t *scim.ResourceType, id string, p scim.Projection) (*scim.Resource, error) {
	r := &scim.Resource{ID: id, Attributes: map[string]any{"displayName": "Everybody"}}
	if p.Wants("members") {
		r.Members = func(yield func(scim.Member, error) bool) {
			for i := range f.members {
				f.sent++
				if !yield(scim.Member{Value: fmt.Sprint(i), Type: "User"}, nil) {
					return
				}
			}
			if f.fail != nil {
				yield(scim.Member{}, f.fail)
			}
		}
	}
	return r, nil
}

// counter counts an answer's bytes and keeps none.
type counter struct {
	header http.Header
	status int
	bytes  int
	// largest is the largest piece that was written at once.
	largest int
}

func (c *counter) Header() http.Header    { return c.header }
func (c *counter) WriteHeader(status int) { c.status = status }
func (c *counter) Write(b []byte) (int, error) {
	c.bytes += len(b)
	c.largest = max(c.largest, len(b))
	return len(b), nil
}

func TestManyMembersAreStreamed(t *testing.T) {
	f := &flood{members: 200_000}
	s := newService(t, "", func(c *scim.Config) { c.Backend = f })
	r, err := http.NewRequestWithContext(t.Context(), "GET", "/Groups/g", nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{header: http.Header{}}
	s.ServeHTTP(c, r)
	if f.sent != f.members || c.bytes < 10_000_000 || c.largest > 100_000 {
		t.Errorf("%d members in %d bytes, %d at once", f.sent, c.bytes, c.largest)
	}
	f.sent = 0
	s.want(t, http.StatusOK, "GET", "/Groups/g?excludedAttributes=members", "")
	s.want(t, http.StatusOK, "GET", "/Groups/g?attributes=displayName", "")
	if f.sent > 0 {
		t.Error("members were loaded though excluded")
	}
}

func TestAFaultInMidStreamBreaksTheConnection(t *testing.T) {
	f := &flood{members: 10_000, fail: errors.New("disk on fire")}
	s := newService(t, "", func(c *scim.Config) { c.Backend = f })
	defer func() {
		if err, _ := recover().(error); !errors.Is(err, http.ErrAbortHandler) {
			t.Errorf("recovered %v", err)
		}
	}()
	s.do(t, "GET", "/Groups/g", "")
	t.Error("half a group was answered as a whole one")
}

func TestInternalErrorsDoNotLeak(t *testing.T) {
	f := &flood{members: 1, fail: errors.New("password of the database is swordfish")}
	s := newService(t, "", func(c *scim.Config) { c.Backend = f })
	w := s.do(t, "GET", "/Groups/g", "")
	if w.Code != http.StatusInternalServerError || strings.Contains(w.Body.String(), "swordfish") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
