package scimserver_test

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/scimserver"
)

// as makes a token of a person of the connection.
func (c *client) as(id string) *client {
	c.w.t.Helper()
	u, err := c.tenant.FindUser(c.w.t.Context(), id)
	if err != nil {
		c.w.t.Fatal(err)
	}
	secret, hash, prefix, err := scimserver.NewToken(rand.Reader)
	if err != nil {
		c.w.t.Fatal(err)
	}
	if _, err := c.tenant.CreatePersonalToken(c.w.t.Context(), c.origin.ID, u.ID, hash, prefix, time.Time{}); err != nil {
		c.w.t.Fatal(err)
	}
	me := *c
	me.secret, me.prefix = secret, prefix
	return &me
}

func TestMe(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		ann, bob := c.user("ann", "a"), c.user("bob", "b")
		group := c.want(201, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"G","members":[{"value":%q}]}`, groupSchema, bob))["id"].(string)
		c.want(404, "GET", "/Me", "")
		me := c.as(ann)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/Me", nil)
		rec := httptest.NewRecorder()
		me.ServeHTTP(rec, r)
		if location := rec.Header().Get("Location"); rec.Code != 200 || location != "https://people.example.com/scim/v2/Users/"+ann {
			t.Errorf("GET /Me: %d, Location %q", rec.Code, location)
		}
		if got := me.want(200, "PATCH", "/Me", `{`+patchSchema+`,"Operations":[{"op":"add","path":"displayName","value":"Ann A"}]}`); got["id"] != ann || got["displayName"] != "Ann A" {
			t.Errorf("PATCH /Me: %v", got)
		}
		if got := me.want(200, "PUT", "/Me", `{`+userSchema+`,"userName":"ann","externalId":"a","nickName":"A"}`); got["nickName"] != "A" || got["displayName"] != nil {
			t.Errorf("PUT /Me: %v", got)
		}
		onlyTheirs(t, c, me, ann)
		me.want(405, "POST", "/Me", `{}`)
		me.want(200, "GET", "/Users/"+ann, "")
		me.want(200, "GET", "/ServiceProviderConfig", "")

		body := `{` + patchSchema + `,"Operations":[{"op":"replace","path":"title","value":"x"}]}`
		for _, x := range []struct{ method, path, body string }{
			{"GET", "/Users/" + bob, ""}, {"PATCH", "/Users/" + bob, body}, {"PUT", "/Users/" + bob, `{` + userSchema + `,"userName":"bob"}`}, {"DELETE", "/Users/" + bob, ""},
			{"GET", "/Users", ""}, {"GET", "/Groups", ""}, {"GET", "/", ""}, {"GET", "/Groups/" + group, ""}, {"DELETE", "/Groups/" + group, ""},
			{"GET", "/Users/nobody", ""},
			{"POST", "/Users", `{` + userSchema + `,"userName":"eve"}`}, {"POST", "/Groups", `{` + groupSchema + `,"displayName":"E"}`},
			{"POST", "/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`},
			{"POST", "/Users/.search", `{"schemas":["urn:ietf:params:scim:api:messages:2.0:SearchRequest"]}`},
		} {
			if status, doc := me.do(x.method, x.path, x.body); status != http.StatusForbidden {
				t.Errorf("%s %s by a person: %d %v", x.method, x.path, status, doc)
			}
		}
		bulk := me.want(200, "POST", "/Bulk", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
			{"method":"DELETE","path":"/Users/%s"},{"method":"POST","bulkId":"1","path":"/Users","data":{%s,"userName":"eve"}}]}`, bob, userSchema))
		for _, op := range bulk["Operations"].([]any) {
			if op.(map[string]any)["status"] != "403" {
				t.Errorf("by Bulk: %v", op)
			}
		}
		if got := c.want(200, "GET", "/Users/"+bob, ""); got["title"] != nil {
			t.Errorf("bob after all: %v", got)
		}

		// A person's token does not outlive their leave, nor is it rotated away.
		tokens, err := c.tenant.Tokens(t.Context(), c.origin.ID)
		if err != nil || len(tokens) != 2 || tokens[0].Person != ann {
			t.Errorf("tokens: %+v, %v", tokens, err)
		}
		if n, err := c.tenant.ExpireTokens(t.Context(), c.origin.ID, tokens[1].ID, w.config.Now()); n != 0 || err != nil {
			t.Errorf("a rotation ended %d tokens of people: %v", n, err)
		}
		active := func(v bool) {
			t.Helper()
			c.want(200, "PATCH", "/Users/"+ann, fmt.Sprintf(`{%s,"Operations":[{"op":"replace","path":"active","value":%t}]}`, patchSchema, v))
		}
		active(false)
		me.want(401, "GET", "/Me", "")
		active(true)
		me.want(403, "DELETE", "/Me", "")
		me.want(200, "GET", "/Me", "")
		c.want(204, "DELETE", "/Users/"+ann, "")
		me.want(401, "GET", "/Me", "")
	})
}

// onlyTheirs: by nothing that people say of themselves do they become somebody
// else or get to do more.
func onlyTheirs(t *testing.T, c, me *client, id string) {
	t.Helper()
	enterprise := `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
	c.want(200, "PATCH", "/Users/"+id, `{`+patchSchema+`,"Operations":[{"op":"add","value":{"title":"Clerk","roles":[{"value":"agent"}],
		"emails":[{"value":"ann@example.com","type":"work"}],`+enterprise+`:{"department":"Sales","employeeNumber":"7"}}}]}`)
	before := c.want(200, "GET", "/Users/"+id, "")
	for _, op := range []string{
		`{"op":"add","path":"roles","value":[{"value":"admin"}]}`, `{"op":"remove","path":"roles"}`, `{"op":"add","path":"entitlements","value":[{"value":"all"}]}`,
		`{"op":"replace","path":"emails","value":[{"value":"ceo@example.com"}]}`, `{"op":"replace","path":"externalId","value":"ceo"}`, `{"op":"remove","path":"externalId"}`,
		`{"op":"replace","path":"userName","value":"boss"}`, `{"op":"replace","path":"active","value":false}`, `{"op":"add","value":{"title":"Boss"}}`,
		`{"op":"replace","value":{` + enterprise + `:{"department":"Board"}}}`, `{"op":"add","path":"x509Certificates","value":[{"value":"AAAA"}]}`,
	} {
		if status, doc := me.do("PATCH", "/Me", `{`+patchSchema+`,"Operations":[{"op":"add","path":"nickName","value":"no"},`+op+`]}`); status != http.StatusForbidden {
			t.Errorf("%s: %d %v", op, status, doc)
		}
	}
	for _, more := range []string{`"userName":"boss"`, `"userName":"ann","externalId":"ceo"`, `"userName":"ann","roles":[{"value":"admin"}]`, `"userName":"ann","active":false`} {
		if status, doc := me.do("PUT", "/Me", `{`+userSchema+`,`+more+`}`); status != http.StatusForbidden {
			t.Errorf("PUT %s: %d %v", more, status, doc)
		}
	}
	me.want(200, "PUT", "/Me", `{`+userSchema+`,"userName":"ann","nickName":"A"}`) // what it leaves out stays
	if after := c.want(200, "GET", "/Users/"+id, ""); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("after all:\n%v\nbefore:\n%v", after, before)
	}
}
