package scimserver_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// TestIfMatchAtOnce: of many who patch members of one version, one wins, and the
// others are told that the group is at another version.
func TestIfMatchAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		const clients = 6
		var users [clients]string
		for i := range users {
			users[i] = c.user(fmt.Sprint("name", i), fmt.Sprint("external", i))
		}
		doc := c.want(http.StatusCreated, "POST", "/Groups", `{`+groupSchema+`,"displayName":"Sales"}`)
		id, version := doc["id"].(string), doc["meta"].(map[string]any)["version"].(string)
		var wg sync.WaitGroup
		var codes [clients]int
		for i := range clients {
			wg.Go(func() {
				r := httptest.NewRequestWithContext(context.Background(), "PATCH", "/Groups/"+id, strings.NewReader(fmt.Sprintf(
					`{%s,"Operations":[{"op":"add","path":"members","value":[{"value":%q}]}]}`, patchSchema, users[i])))
				r.Header.Set("Content-Type", "application/scim+json")
				r.Header.Set("If-Match", version)
				rec := httptest.NewRecorder()
				c.ServeHTTP(rec, r)
				codes[i] = rec.Code
			})
		}
		wg.Wait()
		won := 0
		for _, code := range codes {
			if code == http.StatusNoContent {
				won++
			} else if code != http.StatusPreconditionFailed {
				t.Errorf("answered %d", code)
			}
		}
		members, _ := c.want(http.StatusOK, "GET", "/Groups/"+id, "")["members"].([]any)
		if won != 1 || len(members) != 1 {
			t.Errorf("%d won, and the group has %d members: %v", won, len(members), codes)
		}
	})
}

// TestPatchGroupShowsWhatIsThere: whatever is left out of the answer, the rest is
// what a GET would show.
func TestPatchGroupShowsWhatIsThere(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		ann := c.user("ann", "a")
		id := c.want(http.StatusCreated, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"G","externalId":"g","members":[{"value":%q}]}`, groupSchema, ann))["id"].(string)
		for n, query := range []string{"attributes=members", "attributes=externalId", "attributes=meta", "attributes=id", "excludedAttributes=displayName", "excludedAttributes=members", "attributes=displayName"} {
			path := "/Groups/" + id + "?" + query
			got := c.want(http.StatusOK, "PATCH", path, fmt.Sprintf(`{%s,"Operations":[{"op":"replace","path":"displayName","value":"G%d"}]}`, patchSchema, n))
			if want := c.want(http.StatusOK, "GET", path, ""); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s:\n%v\nwant\n%v", query, got, want)
			}
		}
	})
}

// TestClearingActive: whoever was disabled is not brought back by saying nothing.
func TestClearingActive(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		path := "/Users/" + c.user("ann", "a")
		for _, active := range []bool{false, true} {
			was := c.want(http.StatusOK, "PATCH", path, fmt.Sprintf(`{%s,"Operations":[{"op":"replace","path":"active","value":%t}]}`, patchSchema, active))
			for _, op := range []string{`{"op":"remove","path":"active"}`, `{"op":"replace","path":"active","value":null}`, `{"op":"replace","path":"active","value":""}`, `{"op":"replace","value":{"active":null}}`} {
				got := c.want(http.StatusOK, "PATCH", path, `{`+patchSchema+`,"Operations":[`+op+`]}`)
				if fmt.Sprint(got) != fmt.Sprint(was) {
					t.Errorf("%s:\n%v\nwant\n%v", op, got, was)
				}
			}
			if got := c.want(http.StatusOK, "PUT", path, `{`+userSchema+`,"userName":"ann","externalId":"a","active":null}`); got["active"] != active {
				t.Errorf("PUT: %v", got)
			}
		}
	})
}

// TestMembersNobodyKnows: who cannot be found does not void the others, and the
// log says who it was; a strict connection refuses.
func TestMembersNobodyKnows(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		ann := c.user("ann", "a")
		members := func(ids ...string) string {
			list := make([]string, len(ids))
			for i, id := range ids {
				list[i] = fmt.Sprintf(`{"value":%q}`, id)
			}
			return `"members":[` + strings.Join(list, ",") + `]`
		}
		made := c.want(http.StatusCreated, "POST", "/Groups", `{`+groupSchema+`,"displayName":"G",`+members("ghost", ann)+`}`)
		path := "/Groups/" + made["id"].(string)
		c.want(http.StatusNoContent, "PATCH", path, `{`+patchSchema+`,"Operations":[{"op":"add","value":{`+members("g1", "g2", "g3", "g4", "g5", "g6", "g7")+`}}]}`)
		c.want(http.StatusNoContent, "PATCH", path, `{`+patchSchema+`,"Operations":[{"op":"remove","path":"members[value eq \"ghost\"]"}]}`)
		c.want(http.StatusOK, "PUT", path, `{`+groupSchema+`,"displayName":"G",`+members(ann, "spectre")+`}`)
		if got, _ := c.want(http.StatusOK, "GET", path, "")["members"].([]any); len(got) != 1 {
			t.Errorf("members: %v", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w.server.Run(ctx)
		rows, err := c.tenant.ScimRequests(t.Context(), c.origin.ID, false, 10)
		if err != nil {
			t.Fatal(err)
		}
		var said []string
		for _, row := range rows {
			if row.Detail != "" {
				said = append(said, row.Method+" "+strings.TrimPrefix(row.Detail, "members were passed over whom this connection does not know: "))
			}
		}
		if got, want := strings.Join(said, "|"), "PUT spectre|PATCH g1, g2, g3, g4, g5 and 2 more|POST ghost"; got != want {
			t.Errorf("the log says %q, want %q", got, want)
		}

		strict := w.connect("acme", "strict", registry.ConnectionSettings{Profile: "strict"})
		for _, r := range []struct{ method, path, body string }{
			{"POST", "/Groups", `{` + groupSchema + `,"displayName":"S",` + members("ghost") + `}`},
			{"PATCH", "/Groups/" + strict.want(http.StatusCreated, "POST", "/Groups", `{`+groupSchema+`,"displayName":"S"}`)["id"].(string), `{` + patchSchema + `,"Operations":[{"op":"add","value":{` + members("ghost") + `}}]}`},
		} {
			if got := strict.want(http.StatusBadRequest, r.method, r.path, r.body); got["scimType"] != "invalidValue" || !strings.Contains(fmt.Sprint(got["detail"]), "ghost") {
				t.Errorf("%s: %v", r.method, got)
			}
		}
	})
}
