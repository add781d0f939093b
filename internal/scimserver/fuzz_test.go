package scimserver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// FuzzServer sends whatever through all of it, down to the database: what is
// asked for in a filter, and what is written.
func FuzzServer(f *testing.F) {
	for _, seed := range [][3]string{
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
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	w := newWorld(f, "sqlite:"+filepath.Join(f.TempDir(), "usher.db"))
	c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn, Rate: 1_000_000})
	person := c.user("ann", "a")
	group := c.want(http.StatusCreated, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"G","members":[{"value":%q}]}`, groupSchema, person))["id"].(string)
	f.Fuzz(func(t *testing.T, method, path, text string) {
		id := person
		if strings.HasPrefix(path, "/Groups") {
			id = group
		}
		path = strings.Replace(path, "ID", id, 1)
		if method == http.MethodGet {
			joint := "?"
			if strings.Contains(path, "?") {
				joint = "&"
			}
			path += joint + "filter=" + url.QueryEscape(text)
		}
		u, err := url.Parse(path)
		if err != nil || method != http.MethodGet && method != http.MethodPost && method != http.MethodPut && method != http.MethodPatch {
			return
		}
		r := httptest.NewRequestWithContext(context.Background(), method, "/", strings.NewReader(text))
		r.URL = u
		rec := httptest.NewRecorder()
		c.ServeHTTP(rec, r)
		sound(t, method+" "+path+"\n"+text, rec.Code, rec.Body.Bytes())
	})
}
