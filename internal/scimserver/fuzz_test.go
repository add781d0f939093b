package scimserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// probe is one input of FuzzServer: method, path and, for GET, the filter, else
// the body.
type probe struct{ method, path, text string }

// probes are what fuzzing begins with.
func probes() []probe {
	return []probe{
		{"GET", "/Users", `emails[type eq "work" and (value co "x" or not (primary eq true))] or name.familyName sw "a"`},
		{"GET", "/Groups", `members[value eq "x"] and meta.lastModified gt "2020-01-01T00:00:00Z" or displayName ew "s"`},
		{"GET", "/", `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName pr or id ne null`},
		{"GET", "/Users?sortBy=addresses.formatted&sortOrder=descending", `groups.display co "%_\\"`},
		{"POST", "/Users", user(`"userName":"x","emails":[{"value":"x@example.com","primary":true}],"phoneNumbers":[{"value":"+1","type":"mobile"}]`)},
		{"PUT", "/Users/ID", user(`"userName":"ann","externalId":"b","name":{"givenName":"A"},"active":"False"`)},
		{"PATCH", "/Users/ID", ops(`{"op":"replace","path":"emails[type eq \"work\"].value","value":"y@example.com"}`)},
		{"PATCH", "/Groups/ID", ops(`{"op":"add","path":"members","value":[{"value":"x"}]},{"op":"remove","path":"members[type eq \"User\"]"}`)},
		{"POST", "/Bulk", bulk(`{"method":"POST","path":"/Groups","bulkId":"a","data":{"displayName":"x","members":[{"value":"bulkId:a"}]}}`)},
		{"POST", "/.search", `{"filter":"title pr","count":2,"sortBy":"userName","cursor":""}`},
	}
}

// prey is what probes are aimed at: a connection with a person and a group, whose
// id an ID in the path means.
type prey struct {
	*client
	person, group string
}

func newPrey(w *world) *prey {
	w.t.Helper()
	p := &prey{client: w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn, Rate: 1_000_000})}
	p.person = p.user("ann", "a")
	p.group = p.want(http.StatusCreated, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"G","members":[{"value":%q}]}`, groupSchema, p.person))["id"].(string)
	return p
}

// take sends a probe and tells status and number of results; nothing where no
// request can be made of it.
func (p *prey) take(t *testing.T, q probe) string {
	t.Helper()
	id := p.person
	if strings.HasPrefix(q.path, "/Groups") {
		id = p.group
	}
	path := strings.Replace(q.path, "ID", id, 1)
	if q.method == http.MethodGet {
		joint := "?"
		if strings.Contains(path, "?") {
			joint = "&"
		}
		path += joint + "filter=" + url.QueryEscape(q.text)
	}
	u, err := url.Parse(path)
	if err != nil || !slices.Contains([]string{"GET", "POST", "PUT", "PATCH"}, q.method) {
		return ""
	}
	r := httptest.NewRequestWithContext(context.Background(), q.method, "/", strings.NewReader(q.text))
	r.URL = u
	rec := httptest.NewRecorder()
	p.ServeHTTP(rec, r)
	sound(t, q.method+" "+path+"\n"+q.text, rec.Code, rec.Body.Bytes())
	var doc struct{ TotalResults int }
	_ = json.Unmarshal(rec.Body.Bytes(), &doc) // sound has looked at it
	return fmt.Sprint(rec.Code, " ", doc.TotalResults)
}

// FuzzServer sends whatever through all of it, down to the database: what is
// asked for in a filter, and what is written.
func FuzzServer(f *testing.F) {
	for _, q := range probes() {
		f.Add(q.method, q.path, q.text)
	}
	w := newWorld(f, "sqlite:"+filepath.Join(f.TempDir(), "usher.db"))
	p := newPrey(w)
	f.Fuzz(func(t *testing.T, method, path, text string) { p.take(t, probe{method, path, text}) })
}

// TestDatabasesAnswerAlike sends what fuzzing found interesting to both
// databases, which must be of one mind.
func TestDatabasesAnswerAlike(t *testing.T) {
	all := probes()
	files, err := filepath.Glob("testdata/fuzz/FuzzServer/*")
	if err != nil || len(files) == 0 {
		t.Fatal("no corpus: ", err)
	}
	for _, file := range files {
		all = append(all, readProbe(t, file))
	}
	answers := make([][]string, len(all))
	onBoth(t, func(t *testing.T, w *world) {
		p := newPrey(w)
		for i, q := range all {
			answers[i] = append(answers[i], p.take(t, q))
		}
	})
	for i, q := range all {
		if a := answers[i]; len(a) == 2 && a[0] != a[1] {
			t.Errorf("%q: one database says %s, the other %s", q, a[0], a[1])
		}
	}
}

// readProbe reads a file of the corpus, as go test writes it.
func readProbe(t *testing.T, file string) probe {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var q probe
	lines := strings.Split(string(raw), "\n")
	for i, to := range []*string{&q.method, &q.path, &q.text} {
		literal := strings.TrimSuffix(strings.TrimPrefix(lines[i+1], "string("), ")")
		if *to, err = strconv.Unquote(literal); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	return q
}
