package scimserver_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
)

// TestCreatedIsWhatIsThere: the answer to a POST is made without reading the
// person back, and tells what a GET tells.
func TestCreatedIsWhatIsThere(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn, SetupMail: true})
		for name, body := range map[string]string{
			"little": `"userName":"Ann"`,
			"much": `"userName":"Bob Ö","externalId":"x2","active":false,"password":"secret","displayName":"Bob","title":"Engineer","nickName":"",
				"name":{"givenName":"Bob","familyName":"Ö"},"emails":[{"value":"B@example.com","type":"work"},{"value":"b@home.example","primary":true}],
				"phoneNumbers":[{"value":"+39 1","type":"mobile"}],"locale":"it-IT","preferredLanguage":"fr-CH, fr;q=0.9, en;q=0.8, de;q=0.7, *;q=0.5","timezone":"America/Argentina/ComodRivadavia","roles":[{"value":"admin"}],"groups":[{"value":"x"}],
				"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"Sales","manager":{"value":"m"}}`,
		} {
			t.Run(name, func(t *testing.T) {
				made := c.want(http.StatusCreated, http.MethodPost, "/Users", `{`+userSchema+`,`+body+`}`)
				id, _ := made["id"].(string)
				if diff := cmp.Diff(c.want(http.StatusOK, http.MethodGet, "/Users/"+id, ""), made); diff != "" {
					t.Errorf("POST (+) tells another than GET (-):\n%s", diff)
				}
			})
		}
	})
}

// TestPatchTellsTheVersion: an answer without a body is made without reading the
// group back, and its version is the one that a GET tells.
func TestPatchTellsTheVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{})
		user := c.user("ann", "a1")
		group, _ := c.want(http.StatusCreated, http.MethodPost, "/Groups", `{`+groupSchema+`,"displayName":"All"}`)["id"].(string)
		for _, op := range []string{
			`{"op":"add","path":"members","value":[{"value":"` + user + `"}]}`,
			`{"op":"add","path":"members","value":[{"value":"` + user + `"}]}`, // changes nothing
			`{"op":"replace","path":"displayName","value":"Everybody"},{"op":"remove","path":"members"}`,
		} {
			rec := httptest.NewRecorder()
			r := httptest.NewRequest(http.MethodPatch, "/Groups/"+group, strings.NewReader(`{`+patchSchema+`,"Operations":[`+op+`]}`))
			r.Header.Set("Content-Type", "application/scim+json")
			if c.ServeHTTP(rec, r); rec.Code != http.StatusNoContent {
				t.Fatalf("%s: answered %d: %s", op, rec.Code, rec.Body)
			}
			meta, _ := c.want(http.StatusOK, http.MethodGet, "/Groups/"+group, "")["meta"].(map[string]any)
			if got := rec.Header().Get("ETag"); got != meta["version"] {
				t.Errorf("%s: the version is %v, and PATCH told %q", op, meta["version"], got)
			}
		}
	})
}

// TestOrderSaysNothing: a PUT with the values that are there, in another order, is no
// change, and one with other values is.
func TestOrderSaysNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		body := func(emails string) string {
			return `{` + userSchema + `,"userName":"ann","externalId":"a","emails":[` + emails + `]}`
		}
		a, b := `{"value":"a@example.com","type":"work"}`, `{"value":"b@example.com","type":"home"}`
		made := c.want(http.StatusCreated, "POST", "/Users", body(a+","+b))
		path := "/Users/" + made["id"].(string)
		if got := c.want(http.StatusOK, "PUT", path, body(b+","+a)); fmt.Sprint(got) != fmt.Sprint(made) {
			t.Errorf("%v\nbecame\n%v", made, got)
		}
		if got := c.want(http.StatusOK, "PUT", path, body(b)); fmt.Sprint(got) == fmt.Sprint(made) {
			t.Errorf("nothing went: %v", got)
		}
	})
}
