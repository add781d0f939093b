package scim_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/dialect"
	"github.com/usherd/usher/scim/scimtest"
)

// internals is what no answer may show: names of Go's types and packages, places
// in source files, SQL.
var internals = regexp.MustCompile(`\b(json|jsontext|strconv|reflect|runtime|errors|http|sql|url|time|base64|scim|filter|patch|attr)\.[A-Z]\w+` +
	`|goroutine \d|\.go:\d|map\[string\]|interface ?\{|%!|nil pointer|SQLSTATE|\bSELECT\b|0x[0-9a-f]{6}|/(tmp|home|root|usr)/`)

// sound fails when an answer is an error of ours, or no answer of the protocol.
// What the request itself said may stand in the answer.
func sound(t *testing.T, request string, w *httptest.ResponseRecorder) {
	t.Helper()
	body := w.Body.Bytes()
	switch {
	case w.Code >= http.StatusInternalServerError && w.Code != http.StatusNotImplemented:
		t.Fatalf("%s\nstatus %d: %s", request, w.Code, body)
	case !utf8.Valid(body):
		t.Fatalf("%s\nan answer that is not UTF-8: %q", request, body)
	case len(body) == 0 && w.Code >= http.StatusBadRequest:
		t.Fatalf("%s\nstatus %d without a body", request, w.Code)
	case len(body) == 0:
		return
	case w.Header().Get("Content-Type") != "application/scim+json":
		t.Fatalf("%s\nan answer of type %q", request, w.Header().Get("Content-Type"))
	}
	var doc struct {
		Schemas []string
		Status  any
		Detail  string
	}
	if err := json.Unmarshal(body, &doc); err != nil || len(doc.Schemas) == 0 {
		t.Fatalf("%s\nan answer that is no SCIM (%v): %s", request, err, body)
	}
	if w.Code >= http.StatusBadRequest && (doc.Status != strconv.Itoa(w.Code) || doc.Detail == "" ||
		doc.Schemas[0] != "urn:ietf:params:scim:api:messages:2.0:Error") {
		t.Fatalf("%s\nstatus %d with an error that is none: %s", request, w.Code, body)
	}
	for _, leak := range internals.FindAllString(doc.Detail, -1) {
		if !strings.Contains(strings.ToLower(request), strings.ToLower(leak)) {
			t.Fatalf("%s\nthe answer shows %q: %s", request, leak, body)
		}
	}
}

// ground has a service for each profile, whose contents are new for every input:
// making the services anew would be most of the time.
type ground struct {
	services []*service
	contents []*struct{ scim.Backend }
	names    []string
}

func newGround(f *testing.F) *ground {
	f.Helper()
	g := &ground{names: append(dialect.Names(), "")}
	for _, name := range g.names {
		contents := &struct{ scim.Backend }{}
		g.contents = append(g.contents, contents)
		g.services = append(g.services, newService(f, name, func(c *scim.Config) { contents.Backend, c.Backend = c.Backend, contents }))
	}
	return g
}

// target is a service with the same contents for every input: two people and a
// group, whose ids are user-1, user-2 and group-3.
type target struct {
	*service
	profile string
}

func (g *ground) target(t testing.TB, profile uint8) *target {
	t.Helper()
	i := int(profile) % len(g.names)
	s := &target{g.services[i], g.names[i]}
	g.contents[i].Backend = scimtest.NewMemory(s.clock.now)
	for _, name := range []string{"anna", "bob"} {
		s.want(t, http.StatusCreated, "POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"`+name+
			`","externalId":"x-`+name+`","active":true,"name":{"familyName":"F"},"emails":[{"value":"w@example.com","type":"work","primary":true},{"value":"h@example.com","type":"home"}]`+
			`,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"D"}}`)
	}
	s.want(t, http.StatusCreated, "POST", "/Groups", `{`+groupSchema+`,"displayName":"Sales","members":[{"value":"user-1"}]}`)
	return s
}

// all is everything there is, as the service shows it.
func (s *target) all(t *testing.T) string { return s.do(t, "GET", "/", "").Body.String() }

// send sends a request that the answer is held to: a refusal changes nothing,
// and whatever was accepted can be read, and put back as it was read.
func (s *target) send(t *testing.T, method, path, body string) *httptest.ResponseRecorder {
	t.Helper()
	request := fmt.Sprintf("%s %s (%s)\n%s", method, path, s.profile, body)
	before := s.all(t)
	w := s.do(t, method, path, body)
	sound(t, request, w)
	after := s.all(t)
	if w.Code >= http.StatusBadRequest && before != after {
		t.Fatalf("%s\nrefused with %d, and changed\n%s\nto\n%s", request, w.Code, before, after)
	}
	if before != after {
		s.putBack(t, request)
	}
	return w
}

// putBack holds every resource to be one that the service would accept.
func (s *target) putBack(t *testing.T, request string) {
	t.Helper()
	var page struct{ Resources []json.RawMessage }
	if err := json.Unmarshal(s.do(t, "GET", "/?count=500", "").Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	for _, r := range page.Resources {
		var meta struct{ Meta struct{ Location string } }
		if err := json.Unmarshal(r, &meta); err != nil {
			t.Fatal(err)
		}
		path := strings.TrimPrefix(meta.Meta.Location, strings.TrimSuffix(s.config.BaseURL.String(), "/"))
		if w := s.do(t, "PUT", path, string(r)); w.Code != http.StatusOK {
			t.Fatalf("%s\nleft what cannot be put back: %s\n%d: %s", request, r, w.Code, w.Body)
		}
	}
}

// seed gives a fuzz target the bodies of all transcripts that contain a word.
func seed(f *testing.F, word string, add func(body string)) {
	f.Helper()
	files, err := filepath.Glob("testdata/idp/*/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, body := range regexp.MustCompile(`(?ms)^(\{.*?)^<`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(body[1], word) {
				add(body[1])
			}
		}
	}
}

// FuzzPatch sends whatever as the body of a PATCH to a user and to a group.
func FuzzPatch(f *testing.F) {
	g := newGround(f)
	seed(f, "Operations", func(body string) { f.Add(body, uint8(0)) })
	f.Add(`{"Operations":[{"op":"add","path":"emails[type eq \"work\" and not (primary eq true)].value","value":null}]}`, uint8(1))
	f.Add(`{"Operations":[{"op":"replace","path":"members[value eq \"user-1\"]","value":{"value":"user-2"}},{"op":"remove","path":"members"}]}`, uint8(2))
	f.Add(`{"Operations":[{"op":"replace","value":{"emails[primary eq \"True\"].value":"x","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager":"user-2"}}]}`, uint8(3))
	f.Fuzz(func(t *testing.T, body string, profile uint8) {
		s := g.target(t, profile)
		for _, path := range []string{"/Users/user-1", "/Groups/group-3"} {
			s.send(t, "PATCH", path, body)
		}
	})
}

// FuzzResource sends whatever as a resource, to be made and to replace another.
func FuzzResource(f *testing.F) {
	g := newGround(f)
	seed(f, "userName", func(body string) { f.Add(body, uint8(0)) })
	seed(f, "displayName", func(body string) { f.Add(body, uint8(0)) })
	f.Add(`{"schemas":["urn:scim:schemas:core:1.0"],"userName":"x","urn:ietf:params:scim:schemas:core:2.0:User":{"title":"y"}}`, uint8(1))
	f.Add(`{"userName":"x","emails":[{"value":"a","primary":"True"},{"value":"a","type":"work"},null,"b"],"x509Certificates":[{"value":"AA=="}],"active":null}`, uint8(2))
	f.Fuzz(func(t *testing.T, body string, profile uint8) {
		s := g.target(t, profile)
		for _, kind := range []string{"User", "Group"} {
			s.send(t, "POST", "/"+kind+"s", body)
			s.send(t, "PUT", "/"+kind+"s/"+map[string]string{"User": "user-2", "Group": "group-3"}[kind], body)
		}
	})
}

// FuzzBulk sends whatever as a Bulk, whose operations are each held to what they
// would be by themselves.
func FuzzBulk(f *testing.F) {
	g := newGround(f)
	f.Add(`{"Operations":[`+postGroup("a", "bulkId:b")+","+postGroup("b", "bulkId:a", "bulkId:u")+","+postUser("u", "u")+`]}`, uint8(0))
	f.Add(`{"failOnErrors":1,"Operations":[{"method":"PATCH","path":"/Users/bulkId:x","data":[{"op":"remove"}]}]}`, uint8(0))
	f.Add(`{"Operations":[{"method":"DELETE","path":"/Users/user-1","version":"W/\"1\""},{"method":"PUT","path":"/Users/user-1?x=%zz","data":{"userName":"c"}}]}`, uint8(1))
	f.Fuzz(func(t *testing.T, body string, profile uint8) {
		s := g.target(t, profile)
		w := s.send(t, "POST", "/Bulk", body)
		if w.Code != http.StatusOK {
			return
		}
		var bulk struct {
			Operations []struct {
				Status   string
				Response struct{ Detail string }
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &bulk); err != nil {
			t.Fatal(err)
		}
		for _, op := range bulk.Operations {
			if status, err := strconv.Atoi(op.Status); err != nil || status < 200 || status >= 500 {
				t.Fatalf("%s\nan operation came to %q: %s", body, op.Status, w.Body)
			}
		}
	})
}

// FuzzSearch sends whatever as the body of a .search.
func FuzzSearch(f *testing.F) {
	g := newGround(f)
	f.Add(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],"filter":"userName sw \"a\"","sortBy":"name.familyName","startIndex":1,"count":1}`, uint8(0))
	f.Add(`{"attributes":["userName","emails.value"],"excludedAttributes":["name"],"cursor":"","count":1,"sortOrder":"descending","sortBy":"emails"}`, uint8(0))
	f.Add(`{"startIndex":1e400,"count":-99999999999999999999,"filter":"not (emails[type eq \"work\" and value pr])"}`, uint8(1))
	f.Fuzz(func(t *testing.T, body string, profile uint8) {
		s := g.target(t, profile)
		for _, path := range []string{"/.search", "/Users/.search", "/Groups/.search"} {
			s.send(t, "POST", path, body)
		}
	})
}

// FuzzFilter asks for whatever, which is found or refused, and for its opposite:
// of two people each is in one of the answers.
func FuzzFilter(f *testing.F) {
	g := newGround(f)
	for _, text := range []string{
		`userName eq "anna"`, `emails[type eq "work"].value eq "w@example.com"`, `emails ne "x" and not (active eq true)`,
		`meta.created gt "2020-01-01T00:00:00Z" or name pr`, `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department eq "d"`, `groups.value eq "group-3"`,
	} {
		f.Add(text, uint8(0))
	}
	f.Fuzz(func(t *testing.T, text string, profile uint8) {
		s := g.target(t, profile)
		total := 0
		for _, q := range []string{text, "not (" + text + ")"} {
			path := "/Users?filter=" + url.QueryEscape(q)
			w := s.do(t, "GET", path, "")
			sound(t, "GET "+q, w)
			var page struct{ TotalResults int }
			if err := json.Unmarshal(w.Body.Bytes(), &page); err != nil {
				t.Fatal(err)
			}
			if w.Code != http.StatusOK {
				return
			}
			total += page.TotalResults
		}
		if total != 2 && balanced(text) {
			t.Fatalf("%q and its opposite find %d of 2 people (%s)", text, total, s.profile)
		}
	})
}

// balanced reports whether not ( … ) around a filter means all of it, and there
// is a filter at all.
func balanced(text string) bool { return strings.TrimSpace(text) != "" && !strings.Contains(text, ")") }

func FuzzCursor(f *testing.F) {
	s := newGround(f).target(f, 0)
	m := s.want(f, http.StatusOK, "GET", "/Users?cursor&count=1", "")
	good := m["nextCursor"].(string)
	f.Add(good)
	f.Add("")
	f.Fuzz(func(t *testing.T, cursor string) {
		w := s.do(t, "GET", "/Users?count=1&cursor="+url.QueryEscape(cursor), "")
		sound(t, cursor, w)
		if w.Code == http.StatusOK && cursor != "" && cursor != good {
			t.Errorf("%q was taken for a cursor", cursor)
		}
	})
}

// FuzzRequest sends whatever method, address and header.
func FuzzRequest(f *testing.F) {
	g := newGround(f)
	methods := []string{"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "TRACE"}
	for i, path := range []string{
		"/Users?filter=userName eq \"x\"&count=1", "/Users/x", "/.search", "/?sortBy=meta.created&cursor", "/Schemas/urn:x", "/Me",
		"/Users?attributes=name.x,urn:y:z&excludedAttributes=emails", "/Groups/%2F%25", "/Users/..", "//Users//user-1/",
	} {
		f.Add(methods[i%len(methods)] + " " + path + "\nAccept: */*\n\n{}")
	}
	f.Fuzz(func(t *testing.T, text string) {
		head, body, _ := strings.Cut(text, "\n\n")
		line, header, _ := strings.Cut(head, "\n")
		method, at, _ := strings.Cut(line, " ")
		u, err := url.Parse(at)
		if err != nil || method == "" || strings.ContainsAny(method, " \t\r\n/") {
			return
		}
		r := httptest.NewRequest("GET", "/", bytes.NewBufferString(body))
		r.Method, r.URL = method, u
		if name, value, ok := strings.Cut(header, ": "); ok {
			r.Header[http.CanonicalHeaderKey(name)] = []string{value}
		}
		w := httptest.NewRecorder()
		g.target(t, 0).ServeHTTP(w, r)
		sound(t, text, w)
	})
}
