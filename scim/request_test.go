package scim_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/scim"
)

const (
	userSchema  = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]`
	groupSchema = `"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"]`
	patchSchema = `"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]`
)

// TestRefusals sends what must not be accepted, and checks status, scimType and
// that the answer is an error in SCIM form.
func TestRefusals(t *testing.T) {
	s := newService(t, "", func(c *scim.Config) { c.Limits.Body = 4000 })
	id := s.user(t, "anna")
	s.user(t, "berta")
	group := s.want(t, http.StatusCreated, "POST", "/Groups", `{`+groupSchema+`,"displayName":"g"}`)["id"].(string)
	tests := map[string]struct {
		method, path, body string
		headers            []string
		status             int
		scimType           string
	}{
		"unknown path":             {"GET", "/Unknown", "", nil, 404, ""},
		"unknown deeper path":      {"GET", "/Users/" + id + "/emails", "", nil, 404, ""},
		"unknown resource":         {"GET", "/Users/unknown", "", nil, 404, ""},
		"zero in the id":           {"GET", "/Users/a%00b", "", nil, 404, ""},
		"wrong method":             {"DELETE", "/Users", "", nil, 405, ""},
		"post to discovery":        {"POST", "/Schemas", "{}", nil, 405, ""},
		"media type":               {"POST", "/Users", "userName=x", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, ""},
		"compressed":               {"POST", "/Users", "{}", []string{"Content-Encoding: gzip"}, 415, ""},
		"charset":                  {"POST", "/Users", "{}", []string{"Content-Type: application/json; charset=latin1"}, 415, ""},
		"accept":                   {"GET", "/Users", "", []string{"Accept: text/html, application/json;q=0"}, 406, ""},
		"large body":               {"POST", "/Users", `{` + userSchema + `,"userName":"` + strings.Repeat("x", 4000) + `"}`, nil, 413, ""},
		"empty body":               {"POST", "/Users", " ", nil, 400, "invalidSyntax"},
		"no object":                {"POST", "/Users", `["x"]`, nil, 400, "invalidSyntax"},
		"half an object":           {"POST", "/Users", `{"userName":`, nil, 400, "invalidSyntax"},
		"trailing garbage":         {"POST", "/Users", `{` + userSchema + `,"userName":"c"} {}`, nil, 400, "invalidSyntax"},
		"duplicate keys":           {"POST", "/Users", `{` + userSchema + `,"userName":"c","userName":"d"}`, nil, 400, "invalidSyntax"},
		"duplicate but for case":   {"POST", "/Users", `{` + userSchema + `,"userName":"c","USERNAME":"d"}`, nil, 400, "invalidSyntax"},
		"schemas in two cases":     {"POST", "/Users", `{"SCHEMAS":[],` + userSchema + `,"userName":"c"}`, nil, 400, "invalidSyntax"},
		"schemas with a long s":    {"POST", "/Users", `{` + userSchema + `,"\u017fchemas":[],"userName":"c"}`, nil, 400, "invalidSyntax"},
		"op in two cases":          {"PATCH", "/Users/" + id, `{"Operations":[{"op":"add","OP":"remove","path":"title","value":"x"}]}`, nil, 400, "invalidSyntax"},
		"URN in two cases":         {"POST", "/Users", `{"userName":"c","urn:ietf:params:scim:schemas:core:2.0:User":{},"URN:ietf:params:scim:schemas:core:2.0:User":{"title":"x"}}`, nil, 400, "invalidSyntax"},
		"invalid UTF-8":            {"POST", "/Users", `{` + userSchema + ",\"userName\":\"\xff\"}", nil, 400, "invalidSyntax"},
		"lone surrogate":           {"POST", "/Users", `{` + userSchema + `,"userName":"\ud800"}`, nil, 400, "invalidSyntax"},
		"nesting":                  {"POST", "/Users", `{"a":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, nil, 400, "invalidSyntax"},
		"zero character":           {"POST", "/Users", `{` + userSchema + `,"userName":"a\u0000b"}`, nil, 400, "invalidValue"},
		"wrong schema":             {"POST", "/Users", `{` + groupSchema + `,"userName":"c"}`, nil, 400, "invalidValue"},
		"missing userName":         {"POST", "/Users", `{` + userSchema + `}`, nil, 400, "invalidValue"},
		"blank userName":           {"POST", "/Users", `{` + userSchema + `,"userName":" "}`, nil, 400, "invalidValue"},
		"null userName":            {"POST", "/Users", `{` + userSchema + `,"userName":null}`, nil, 400, "invalidValue"},
		"number for a string":      {"POST", "/Users", `{` + userSchema + `,"userName":1e400}`, nil, 400, "invalidValue"},
		"text for a boolean":       {"POST", "/Users", `{` + userSchema + `,"userName":"c","active":"yes"}`, nil, 400, "invalidValue"},
		"text for an object":       {"POST", "/Users", `{` + userSchema + `,"userName":"c","name":"Carla"}`, nil, 400, "invalidValue"},
		"two primaries":            {"POST", "/Users", `{` + userSchema + `,"userName":"c","emails":[{"value":"a","primary":true},{"value":"b","primary":true}]}`, nil, 400, "invalidValue"},
		"bad base64":               {"POST", "/Users", `{` + userSchema + `,"userName":"c","x509Certificates":[{"value":"!"}]}`, nil, 400, "invalidValue"},
		"same userName":            {"POST", "/Users", `{` + userSchema + `,"userName":"ANNA"}`, nil, 409, "uniqueness"},
		"bad filter":               {"GET", "/Users?filter=userName+eq", "", nil, 400, "invalidFilter"},
		"order of a boolean":       {"GET", "/Users?filter=active+gt+true", "", nil, 400, "invalidFilter"},
		"unknown in a filter":      {"GET", "/Users?filter=shoeSize+eq+1", "", nil, 400, "invalidFilter"},
		"filter on the password":   {"GET", "/Users?filter=userName+pr+or+password+sw+%22a%22", "", nil, 400, "invalidFilter"},
		"zero in a filter":         {"GET", "/Users?filter=userName+eq+%22a%5Cu0000%22", "", nil, 400, "invalidFilter"},
		"long filter":              {"GET", "/Users?filter=userName+eq+%22" + strings.Repeat("x", 9000) + "%22", "", nil, 400, "invalidFilter"},
		"deep filter":              {"GET", "/Users?filter=" + strings.Repeat("(", 3000) + "userName+pr" + strings.Repeat(")", 3000), "", nil, 400, "invalidFilter"},
		"sort by the password":     {"GET", "/Users?sortBy=password", "", nil, 400, "invalidValue"},
		"sort by nothing known":    {"GET", "/Users?sortBy=shoeSize", "", nil, 400, "invalidValue"},
		"sort order":               {"GET", "/Users?sortBy=userName&sortOrder=up", "", nil, 400, "invalidValue"},
		"startIndex":               {"GET", "/Users?startIndex=one", "", nil, 400, "invalidValue"},
		"count":                    {"GET", "/Users?count=1.5", "", nil, 400, "invalidValue"},
		"filtered discovery":       {"GET", "/Schemas?filter=id+pr", "", nil, 403, ""},
		"filtered types":           {"GET", "/ResourceTypes?filter=id+pr", "", nil, 403, ""},
		"unknown schema":           {"GET", "/Schemas/urn:unknown", "", nil, 404, ""},
		"put to nobody":            {"PUT", "/Users/unknown", `{` + userSchema + `,"userName":"c"}`, nil, 404, ""},
		"patch of nobody":          {"PATCH", "/Users/unknown", `{` + patchSchema + `,"Operations":[{"op":"add","path":"title","value":"x"}]}`, nil, 404, ""},
		"delete of nobody":         {"DELETE", "/Users/unknown", "", nil, 404, ""},
		"me of no person":          {"GET", "/Me", "", nil, 404, ""},
		"member by id":             {"PATCH", "/Groups/" + group, `{"Operations":[{"op":"remove","path":"members","value":[{"id":"` + id + `"}]}]}`, nil, 400, "invalidValue"},
		"member by name":           {"PATCH", "/Groups/" + group, `{"Operations":[{"op":"add","path":"members","value":[{"display":"anna"}]}]}`, nil, 400, "invalidValue"},
		"member of some type":      {"POST", "/Groups", `{` + groupSchema + `,"displayName":"h","members":[{"value":"` + id + `"},{"type":"User"}]}`, nil, 400, "invalidValue"},
		"patch without operations": {"PATCH", "/Users/" + id, `{` + patchSchema + `}`, nil, 400, "invalidSyntax"},
		"patch of wrong schema":    {"PATCH", "/Users/" + id, `{` + userSchema + `,"Operations":[]}`, nil, 400, "invalidValue"},
		"search of wrong schema":   {"POST", "/Users/.search", `{` + userSchema + `}`, nil, 400, "invalidValue"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := s.do(t, tt.method, tt.path, tt.body, tt.headers...)
			if w.Code != tt.status {
				t.Fatalf("status %d, want %d: %s", w.Code, tt.status, w.Body)
			}
			if ct := w.Header().Get("Content-Type"); ct != "application/scim+json" {
				t.Errorf("Content-Type %q", ct)
			}
			m := s.want(t, tt.status, tt.method, tt.path, tt.body, tt.headers...)
			if m["status"] != fmt.Sprint(tt.status) || m["detail"] == "" {
				t.Errorf("not an error of RFC 7644 section 3.12: %v", m)
			}
			if got, _ := m["scimType"].(string); got != tt.scimType {
				t.Errorf("scimType %q, want %q: %v", got, tt.scimType, m["detail"])
			}
		})
	}
}

// TestDenseBodies holds what takes far more memory than bytes to be refused, and
// what clients send not to be.
func TestDenseBodies(t *testing.T) {
	s := newService(t, "")
	for name, tt := range map[string]struct {
		element string
		n       int
		status  int
	}{
		"numbers":       {`0`, 60_000, 413},
		"objects":       {`{"a":1}`, 20_000, 413},
		"empty objects": {`{}`, 60_000, 413},
		"members":       {`{"value":"0190163d-8694-739b-aea5-966c26f8ad91"}`, 60_000, 201},
		"short members": {`{"value":"1"}`, 1500, 201},
	} {
		t.Run(name, func(t *testing.T) {
			s.want(t, tt.status, "POST", "/Groups", `{`+groupSchema+`,"displayName":"G `+name+`","members":[`+strings.Repeat(tt.element+",", tt.n-1)+tt.element+`]}`)
		})
	}
}

// TestLargeBodiesTogether sends more than the service holds at a time: large ones
// are told to come again, small ones are not.
func TestLargeBodiesTogether(t *testing.T) {
	s := newService(t, "")
	small := func(status int, name string) {
		t.Helper()
		s.want(t, status, "POST", "/Users", `{`+userSchema+`,"userName":"`+name+`"}`)
	}
	large := `{` + userSchema + `,"userName":"large","title":"` + strings.Repeat("x", 4<<20-200) + `"}`
	half := make([]*io.PipeWriter, 16)
	var all sync.WaitGroup
	for i := range half {
		r, w := io.Pipe()
		half[i] = w
		all.Go(func() {
			rec := httptest.NewRecorder()
			s.ServeHTTP(rec, httptest.NewRequest("POST", "/Users", r))
			if rec.Code != http.StatusBadRequest {
				t.Errorf("half a body: %d %s", rec.Code, rec.Body)
			}
		})
		// Who takes the second part has counted the first.
		for _, part := range []string{large[:len(large)-2], large[len(large)-2 : len(large)-1]} {
			if _, err := io.WriteString(w, part); err != nil {
				t.Fatal(err)
			}
		}
	}
	if w := s.do(t, "POST", "/Users", large); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" {
		t.Errorf("one too many: %d %v %s", w.Code, w.Header(), w.Body)
	}
	small(http.StatusCreated, "small")
	for _, w := range half {
		_ = w.Close()
	}
	all.Wait()
	if w := s.do(t, "POST", "/Users", large); w.Code != http.StatusCreated {
		t.Errorf("afterwards: %d %.200s", w.Code, w.Body)
	}
}

func TestAllowNamesTheMethods(t *testing.T) {
	s := newService(t, "")
	for path, want := range map[string]string{
		"/Users": "GET, HEAD, POST", "/Users/x": "DELETE, GET, HEAD, PATCH, PUT", "/Bulk": "POST",
		"/.search": "POST", "/Schemas": "GET, HEAD", "/": "GET, HEAD",
	} {
		w := s.do(t, "OPTIONS", path, "")
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != want {
			t.Errorf("%s: %d, Allow %q, want %q", path, w.Code, w.Header().Get("Allow"), want)
		}
	}
}

// TestValuesAreThereOnce: what is said twice is kept once; what differs in anything is
// kept.
func TestValuesAreThereOnce(t *testing.T) {
	s := newService(t, "")
	for sent, want := range map[string]string{
		`[{"value":"a","type":"work"},{"value":"a","type":"Work"},{"value":"a","type":"work","display":"A"}]`: "[map[type:work value:a] map[display:A type:work value:a]]",
		`[{"value":"a","primary":true},{"value":"a","primary":true},{"value":"a"}]`:                           "[map[primary:true value:a] map[value:a]]",
	} {
		made := s.want(t, http.StatusCreated, "POST", "/Users", fmt.Sprintf(`{%s,"userName":%q,"emails":%s}`, userSchema, sent, sent))
		if got := fmt.Sprint(made["emails"]); got != want {
			t.Errorf("%s: %s", sent, got)
		}
	}
	s.want(t, http.StatusBadRequest, "POST", "/Users", `{`+userSchema+`,"userName":"b","emails":[{"value":"a","primary":true},{"value":"b","primary":true}]}`)
}

// TestTolerated sends what is odd and must work all the same.
func TestTolerated(t *testing.T) {
	s := newService(t, "")
	id := s.user(t, "anna")
	group := s.want(t, http.StatusCreated, "POST", "/Groups", `{`+groupSchema+`,"displayName":"g"}`)["id"].(string)
	for name, tt := range map[string]struct {
		method, path, body string
		headers            []string
		status             int
	}{
		"plain JSON":             {"POST", "/Users", `{` + userSchema + `,"userName":"a1"}`, []string{"Content-Type: application/json;charset=UTF-8"}, 201},
		"byte order mark":        {"POST", "/Users", "\xef\xbb\xbf{" + userSchema + `,"userName":"a2"}`, nil, 201},
		"no schemas":             {"POST", "/Users", `{"userName":"a3"}`, nil, 201},
		"names in other case":    {"POST", "/Users", `{"SCHEMAS":["URN:ietf:params:scim:schemas:core:2.0:user"],"username":"a4"}`, nil, 201},
		"unknown attributes":     {"POST", "/Users", `{` + userSchema + `,"userName":"a5","shoeSize":{"eu":[44]}}`, nil, 201},
		"nulls everywhere":       {"POST", "/Users", `{` + userSchema + `,"userName":"a6","name":null,"emails":[null,{"value":null}],"active":null,"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":null}`, nil, 201},
		"read-only attributes":   {"POST", "/Users", `{` + userSchema + `,"userName":"a7","id":"mine","meta":{"created":"x"},"groups":[{"value":"g"}]}`, nil, 201},
		"a slash at the end":     {"GET", "/Users/", "", nil, 200},
		"unknown parameters":     {"GET", "/Users/" + id + "?aadOptscim062020&x=1", "", nil, 200},
		"any type accepted":      {"GET", "/Users", "", []string{"Accept: text/html, */*;q=0.1"}, 200},
		"count below nothing":    {"GET", "/Users?count=-5&startIndex=-1", "", nil, 200},
		"count beyond 2^63":      {"GET", "/Users?count=99999999999999999999", "", nil, 200},
		"paths of two values":    {"PATCH", "/Users/" + id, `{"Operations":[{"op":"add","value":{"ims[type eq \"aim\"].value":"x","ims[type eq \"AIM\"].value":"y"}}]}`, nil, 200},
		"a PATCH, no schemas":    {"PATCH", "/Users/" + id, `{"schemas":[],"Operations":[{"op":"add","path":"title","value":"x"}]}`, nil, 200},
		"no match, no path":      {"PATCH", "/Users/" + id, `{"Operations":[{"op":"replace","value":{"photos[type eq \"photo\"].value":"x"}}]}`, nil, 200},
		"boolean in quotes":      {"GET", "/Users?filter=active+eq+%22True%22+or+emails%5Bprimary+eq+%22false%22%5D", "", nil, 200},
		"Bulk, no schemas":       {"POST", "/Bulk", `{"Operations":[]}`, nil, 200},
		"search, no schemas":     {"POST", "/Users/.search", `{"filter":"active eq true"}`, nil, 200},
		"a filter in one quotes": {"GET", "/Users?filter=userName+eq+'anna'", "", nil, 200},
		"a filter without any":   {"GET", "/Users?filter=userName+Eq+anna+and+active+ne+false", "", nil, 200},
		"sorted by a bare name":  {"GET", "/Users?sortBy=department&filter=department+pr", "", nil, 200},
		"sorted by a dotted URN": {"GET", "/Users?sortBy=urn:ietf:params:scim:schemas:core:2.0:User.title", "", nil, 200},
		"members named twice":    {"PATCH", "/Groups/" + group, `{"Operations":[{"op":"add","path":"members","value":{"members":[{"value":"` + id + `"}]}}]}`, nil, 204},
		"a member who is null":   {"PATCH", "/Groups/" + group, `{"Operations":[{"op":"add","path":"members","value":[null,{"value":null},{"value":""}]}]}`, nil, 204},
	} {
		t.Run(name, func(t *testing.T) { s.want(t, tt.status, tt.method, tt.path, tt.body, tt.headers...) })
	}
}

func TestStrictRefusesWhatOthersPassOver(t *testing.T) {
	s := newService(t, "strict")
	id := s.user(t, "anna")
	group := s.want(t, http.StatusCreated, "POST", "/Groups", `{`+groupSchema+`,"displayName":"g"}`)["id"].(string)
	for name, tt := range map[string]struct{ method, path, body, scimType string }{
		"unknown attribute":     {"POST", "/Users", `{` + userSchema + `,"userName":"b","shoeSize":44}`, "invalidSyntax"},
		"unknown sub-attribute": {"POST", "/Users", `{` + userSchema + `,"userName":"b","name":{"nick":"x"}}`, "invalidSyntax"},
		"unknown schema":        {"POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:x"],"userName":"b"}`, "invalidValue"},
		"no schemas":            {"POST", "/Users", `{"userName":"b"}`, "invalidValue"},
		"not canonical":         {"POST", "/Users", `{` + userSchema + `,"userName":"b","emails":[{"value":"x","type":"office"}]}`, "invalidValue"},
		"boolean as text":       {"POST", "/Users", `{` + userSchema + `,"userName":"b","active":"True"}`, "invalidValue"},
		"unknown path":          {"PATCH", "/Users/" + id, `{` + patchSchema + `,"Operations":[{"op":"add","path":"shoeSize","value":44}]}`, "invalidPath"},
		"read-only, no path":    {"PATCH", "/Users/" + id, `{` + patchSchema + `,"Operations":[{"op":"add","value":{"id":"x"}}]}`, "mutability"},
		"no match to replace":   {"PATCH", "/Users/" + id, `{` + patchSchema + `,"Operations":[{"op":"replace","path":"emails[type eq \"home\"].value","value":"x"}]}`, "noTarget"},
		"no match, no path":     {"PATCH", "/Users/" + id, `{` + patchSchema + `,"Operations":[{"op":"replace","value":{"emails[type eq \"home\"].value":"x"}}]}`, "noTarget"},
		"remove by value":       {"PATCH", "/Users/" + id, `{` + patchSchema + `,"Operations":[{"op":"remove","path":"emails","value":[{"value":"x"}]}]}`, "invalidValue"},
		"remove nothing":        {"PATCH", "/Groups/" + group, `{` + patchSchema + `,"Operations":[{"op":"remove","path":"members","value":[]}]}`, "invalidValue"},
		"PATCH, no schemas":     {"PATCH", "/Users/" + id, `{"Operations":[{"op":"replace","path":"title","value":"x"}]}`, "invalidValue"},
		"Bulk, no schemas":      {"POST", "/Bulk", `{"Operations":[]}`, "invalidValue"},
		"search, no schemas":    {"POST", "/Users/.search", `{"filter":"active eq true"}`, "invalidValue"},
		"boolean in quotes":     {"GET", "/Users?filter=active+eq+%22true%22", "", "invalidFilter"},
		"no quotes":             {"GET", "/Users?filter=userName+eq+anna", "", "invalidFilter"},
		"no quotes in a path":   {"PATCH", "/Users/" + id, `{` + patchSchema + `,"Operations":[{"op":"remove","path":"emails[type eq work]"}]}`, "invalidPath"},
		"a dot after a URN":     {"PATCH", "/Users/" + id, `{` + patchSchema + `,"Operations":[{"op":"replace","path":"` + enterprise + `.department","value":"x"}]}`, "invalidPath"},
		"the same in a path":    {"PATCH", "/Users/" + id, `{` + patchSchema + `,"Operations":[{"op":"remove","path":"emails[primary eq \"True\"]"}]}`, "invalidFilter"},
		"a member of no id":     {"POST", "/Groups", `{` + groupSchema + `,"displayName":"h","members":[{"display":"Anna"}]}`, "invalidValue"},
		"no operations":         {"PATCH", "/Users/" + id, `{` + patchSchema + `,"Operations":[]}`, "invalidSyntax"},
	} {
		t.Run(name, func(t *testing.T) {
			if m := s.want(t, http.StatusBadRequest, tt.method, tt.path, tt.body); m["scimType"] != tt.scimType {
				t.Errorf("scimType %v, want %s: %v", m["scimType"], tt.scimType, m["detail"])
			}
		})
	}
	s.want(t, http.StatusOK, "PATCH", "/Users/"+id, `{`+patchSchema+`,"Operations":[{"op":"replace","value":{"title":"x"}}]}`)
}

// TestInteropProfile holds the profile of that name to
// draft-zollner-scim-interop-profile where it is stricter than the RFC.
func TestInteropProfile(t *testing.T) {
	s := newService(t, "interop")
	id := s.user(t, "anna")
	patch := func(op string) string { return `{` + patchSchema + `,"Operations":[` + op + `]}` }
	for name, tt := range map[string]struct{ method, path, body string }{
		"no path":           {"PATCH", "/Users/" + id, patch(`{"op":"replace","value":{"title":"x"}}`)},
		"unknown path":      {"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"shoeSize","value":44}`)},
		"unknown extension": {"PATCH", "/Users/" + id, patch(`{"op":"replace","path":"urn:x:y:size","value":44}`)},
		"unknown attribute": {"POST", "/Users", `{` + userSchema + `,"userName":"b","shoeSize":44}`},
		"unknown schema":    {"POST", "/Users", `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:x"],"userName":"b"}`},
	} {
		if m := s.want(t, http.StatusBadRequest, tt.method, tt.path, tt.body); m["scimType"] != "invalidSyntax" {
			t.Errorf("%s: %v", name, m)
		}
	}
	if m := s.want(t, http.StatusBadRequest, "GET", "/Users?filter=shoeSize+eq+%2244%22", ""); m["scimType"] != "invalidFilter" {
		t.Errorf("unknown attribute in a filter: %v", m)
	}
	for _, step := range []struct{ op, want string }{
		{`{"op":"add","path":"name","value":{"givenName":"Anna","familyName":"Rossi"}}`, "map[familyName:Rossi givenName:Anna]"},
		{`{"op":"add","path":"name","value":{"givenName":"Ann"}}`, "map[familyName:Rossi givenName:Ann]"},
		{`{"op":"replace","path":"name","value":{"givenName":"Anne"}}`, "map[givenName:Anne]"},
		{`{"op":"replace","path":"name.familyName","value":"Bo"}`, "map[familyName:Bo givenName:Anne]"},
	} {
		if got := fmt.Sprint(s.want(t, http.StatusOK, "PATCH", "/Users/"+id, patch(step.op))["name"]); got != step.want {
			t.Errorf("%s: %s, want %s", step.op, got, step.want)
		}
	}
}

func TestPasswordIsTakenAndNeverShown(t *testing.T) {
	s := newService(t, "")
	body := `{` + userSchema + `,"userName":"anna","password":"hunter2"}`
	w := s.do(t, "POST", "/Users?attributes=password,userName", body)
	if w.Code != http.StatusCreated || strings.Contains(w.Body.String(), "hunter2") {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	list := s.do(t, "GET", "/Users?attributes=password", "")
	if strings.Contains(list.Body.String(), "hunter2") || strings.Contains(list.Body.String(), `"password"`) {
		t.Errorf("a list shows the password: %s", list.Body)
	}
}

func TestHeadIsGetWithoutBody(t *testing.T) {
	s := newService(t, "")
	id := s.user(t, "anna")
	get, head := s.do(t, "GET", "/Users/"+id, ""), s.do(t, "HEAD", "/Users/"+id, "")
	if head.Code != http.StatusOK || head.Body.Len() > 0 {
		t.Errorf("HEAD: %d with %d bytes", head.Code, head.Body.Len())
	}
	for _, name := range []string{"Content-Length", "Content-Type", "ETag"} {
		if get.Header().Get(name) != head.Header().Get(name) {
			t.Errorf("%s: GET %q, HEAD %q", name, get.Header().Get(name), head.Header().Get(name))
		}
	}
}

// endless is a body whose length nobody knows.
type endless struct{ sent int }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	e.sent += len(b)
	return len(b), nil
}

func TestEndlessBodyIsCutOff(t *testing.T) {
	s := newService(t, "")
	body := &endless{}
	r := httptest.NewRequest("POST", "/Users", body)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusRequestEntityTooLarge || body.sent > 10<<20 {
		t.Errorf("%d after %d bytes", w.Code, body.sent)
	}
}

func TestWriteErrorForThoseInFront(t *testing.T) {
	w := httptest.NewRecorder()
	scim.WriteError(w, fmt.Errorf("check token: %w", scim.Errorf(scim.Unauthorized, "the token has expired")))
	if w.Code != http.StatusUnauthorized || w.Header().Get("WWW-Authenticate") != `Bearer realm="SCIM"` {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	w = httptest.NewRecorder()
	scim.WriteError(w, &scim.Error{Kind: scim.TooManyRequests, Detail: "slower", RetryAfter: 1500 * time.Millisecond})
	want := `{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"detail":"slower","status":"429"}`
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "2" || w.Body.String() != want {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
}
