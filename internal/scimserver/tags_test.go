package scimserver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// get is a GET with an If-None-Match, "" for none.
func (c *client) get(path, noneMatch string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), "GET", path, http.NoBody)
	if noneMatch != "" {
		r.Header.Set("If-None-Match", noneMatch)
	}
	rec := httptest.NewRecorder()
	c.ServeHTTP(rec, r)
	return rec
}

// TestTagsTellWhatChanged: whatever a resource shows, of itself or of others, a client
// that kept it is told when it changes, and only then; and its version is found by
// what was read, and holds for a write that changed nothing of what the client saw.
func TestTagsTellWhatChanged(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		own := w.connect("acme", "idp", registry.ConnectionSettings{Visible: registry.VisibleOwn, OnForeign: registry.ForeignLink})
		other := w.connect("acme", "other", registry.ConnectionSettings{Visible: registry.VisibleCompany})
		ann, bob := own.user("ann", "a"), other.user("bob", "b")
		group := func(c *client, name, members string) string {
			return c.want(201, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":%q,"externalId":%q,"members":[%s]}`, groupSchema, name, name, members))["id"].(string)
		}
		member := func(id string) string { return fmt.Sprintf(`{"value":%q}`, id) }
		patch := func(op string) string { return `{` + patchSchema + `,"Operations":[` + op + `]}` }
		sales := group(other, "Sales", member(ann)+","+member(bob))
		inner := group(other, "Inner", member(ann))
		outer := group(other, "Outer", member(inner))

		watched := []string{"/Users/" + ann, "/Users/" + bob, "/Groups/" + sales, "/Groups/" + inner, "/Groups/" + outer, "/Users/" + ann + "?attributes=meta", "/Users/" + ann + "?attributes=userName"}
		type seen struct{ tag, body string }
		look := func(c *client) map[string]seen {
			out := map[string]seen{}
			for _, path := range watched {
				rec := c.get(path, "")
				out[path] = seen{rec.Header().Get("ETag"), rec.Body.String()}
			}
			return out
		}
		restore := fmt.Sprintf(`{%s,"userName":"ann","externalId":"a"}`, userSchema)
		for _, step := range []struct {
			what, changed string // whose resource shows something else at least
			status        int
			by            *client
			method, path  string
			body          string
		}{
			{"a no-op", "", 200, own, "PATCH", "/Users/" + ann, patch(`{"op":"replace","path":"active","value":true}`)},
			{"a manager is named", "/Users/" + ann, 200, own, "PATCH", "/Users/" + ann, patch(`{"op":"add","path":"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager","value":{"value":"` + bob + `"}}`)},
			{"who takes another name", "/Users/" + ann, 200, other, "PATCH", "/Users/" + bob, patch(`{"op":"replace","path":"displayName","value":"Robert"}`)},
			{"a group is renamed", "/Users/" + ann, 204, other, "PATCH", "/Groups/" + sales, patch(`{"op":"replace","path":"displayName","value":"Retail"}`)},
			{"a member goes", "/Users/" + ann, 204, other, "PATCH", "/Groups/" + sales, patch(`{"op":"remove","path":"members[value eq \"` + ann + `\"]"}`)},
			{"a member comes", "/Users/" + ann, 204, other, "PATCH", "/Groups/" + sales, patch(`{"op":"add","path":"members","value":[` + member(ann) + `]}`)},
			{"a member takes another name", "/Groups/" + sales, 200, own, "PATCH", "/Users/" + ann, patch(`{"op":"replace","path":"displayName","value":"Anna"}`)},
			{"a group within another takes one", "/Groups/" + outer, 204, other, "PATCH", "/Groups/" + inner, patch(`{"op":"replace","path":"displayName","value":"Core"}`)},
			{"a person is deleted", "/Groups/" + sales, 204, own, "DELETE", "/Users/" + ann, ""},
			{"and restored", "/Groups/" + sales, 201, own, "POST", "/Users", restore},
			{"a group within another is deleted", "/Groups/" + outer, 204, other, "DELETE", "/Groups/" + inner, ""},
			{"somebody is linked", "/Users/" + bob, 201, own, "POST", "/Users", fmt.Sprintf(`{%s,"userName":"bob","externalId":"bb"}`, userSchema)},
			{"and let go of", "/Users/" + bob, 204, own, "DELETE", "/Users/" + bob, ""},
		} {
			clients := []*client{own, other}
			before := []map[string]seen{look(own), look(other)}
			step.by.want(step.status, step.method, step.path, step.body)
			changed := step.changed == ""
			for i, c := range clients {
				for path, was := range before[i] {
					again, is := c.get(path, was.tag), look(c)[path]
					switch {
					case again.Code == http.StatusNotModified && is.body != was.body:
						t.Errorf("%s: %s is told to be what it was:\n%s\nnow\n%s", step.what, path, was.body, is.body)
					case step.changed == "" && is != was:
						t.Errorf("%s: %s was\n%s\nnow\n%s", step.what, path, was.body, is.body)
					case is.body == was.body && is.tag == was.tag && is.tag != "" && again.Code != http.StatusNotModified:
						t.Errorf("%s: %s answers %d", step.what, path, again.Code)
					}
					changed = changed || path == step.changed && is.body != was.body
				}
			}
			if !changed {
				t.Errorf("%s: %s shows what it did", step.what, step.changed)
			}
		}

		doc := own.want(200, "GET", "/Users/"+ann, "")
		version := doc["meta"].(map[string]any)["version"].(string)
		if rec := own.get("/Users/"+ann, ""); rec.Header().Get("ETag") != version {
			t.Errorf("meta.version is %s, the tag %s", version, rec.Header().Get("ETag"))
		}
		for filter, n := range map[string]float64{
			fmt.Sprintf(`id eq %q and meta.version eq %q`, ann, version): 1, fmt.Sprintf(`id eq %q and meta[version eq %q]`, ann, version): 1,
			fmt.Sprintf(`id eq %q and meta.version ne %q`, ann, version): 0, fmt.Sprintf(`id eq %q and meta.version eq "W/\"99-x\""`, ann): 0,
		} {
			if got := own.want(200, "GET", "/Users?filter="+url.QueryEscape(filter), ""); got["totalResults"] != n {
				t.Errorf("%s: %v", filter, got["totalResults"])
			}
		}
		other.want(204, "DELETE", "/Groups/"+sales, "")
		r := httptest.NewRequestWithContext(context.Background(), "PATCH", "/Users/"+ann, strings.NewReader(patch(`{"op":"add","path":"title","value":"Boss"}`)))
		r.Header.Set("Content-Type", "application/scim+json")
		r.Header.Set("If-Match", version)
		rec := httptest.NewRecorder()
		if own.ServeHTTP(rec, r); rec.Code != http.StatusOK {
			t.Errorf("a group went, and a write of what was read answers %d: %s", rec.Code, rec.Body)
		}
	})
}
