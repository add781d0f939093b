package scimserver_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// groupBody is a group with what it is called, and its externalId unless that is "".
func groupBody(name, external string) string {
	if external != "" {
		external = fmt.Sprintf(`,"externalId":%q`, external)
	}
	return fmt.Sprintf(`{%s,"displayName":%q%s}`, groupSchema, name, external)
}

// group makes a group and gives its id.
func (c *client) group(name, external string) string {
	c.w.t.Helper()
	return c.want(http.StatusCreated, "POST", "/Groups", groupBody(name, external))["id"].(string)
}

// taken makes a request that must be refused because group id has the name.
func (c *client) taken(id, method, path, body string) {
	c.w.t.Helper()
	doc := c.want(http.StatusConflict, method, path, body)
	detail := fmt.Sprint(doc["detail"])
	if doc["scimType"] != "uniqueness" || !strings.Contains(detail, id) || !strings.Contains(detail, "displayName") {
		c.w.t.Errorf("%s %s: %v, want uniqueness and a detail with %s", method, path, doc, id)
	}
}

// named are the ids of the groups that a filter by name finds.
func (c *client) named(name string) []string {
	c.w.t.Helper()
	doc := c.want(http.StatusOK, "GET", "/Groups?filter=displayName%20eq%20%22"+name+"%22", "")
	list, _ := doc["Resources"].([]any)
	var out []string
	for _, g := range list {
		out = append(out, g.(map[string]any)["id"].(string))
	}
	return out
}

func patchOf(ops string) string { return `{` + patchSchema + `,"Operations":[` + ops + `]}` }

func renaming(name string) string {
	return patchOf(fmt.Sprintf(`{"op":"replace","path":"displayName","value":%q}`, name))
}

// TestGroupNameOnce: a client that makes a group once more is led to the one it has.
func TestGroupNameOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		sales := c.group("Sales", "")
		c.taken(sales, "POST", "/Groups", groupBody("Sales", ""))
		c.taken(sales, "POST", "/Groups", groupBody("SALES", ""))
		c.taken(sales, "POST", "/Groups", groupBody("Sales", "s-1"))
		if got := c.named("sales"); len(got) != 1 || got[0] != sales {
			t.Errorf("found %v, want %s", got, sales)
		}

		first := c.group("Devs", "d-1")
		second := c.group("Devs", "d-2")
		c.taken(first, "POST", "/Groups", groupBody("Devs", ""))
		c.taken(first, "PUT", "/Groups/"+second, groupBody("Devs", ""))
		c.taken(first, "PATCH", "/Groups/"+second, patchOf(`{"op":"remove","path":"externalId"}`))
		c.want(http.StatusOK, "PUT", "/Groups/"+second, groupBody("Devs", "d-3"))

		other := c.group("Other", "")
		c.taken(sales, "PATCH", "/Groups/"+other, renaming("Sales"))
		c.taken(sales, "PUT", "/Groups/"+other, groupBody("sales", ""))
		c.taken(sales, "PATCH", "/Groups/"+first, renaming("Sales"))
		c.want(http.StatusNoContent, "PATCH", "/Groups/"+other, renaming("Others"))
		c.want(http.StatusNoContent, "PATCH", "/Groups/"+other, renaming("OTHERS"))
		c.group("Other", "")

		bulk := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[
			{"method":"POST","path":"/Groups","bulkId":"a","data":%s},{"method":"POST","path":"/Groups","bulkId":"b","data":%s}]}`,
			groupBody("Bulk", ""), groupBody("Bulk", ""))
		list := c.want(http.StatusOK, "POST", "/Bulk", bulk)["Operations"].([]any)
		if got := fmt.Sprint(list[0].(map[string]any)["status"], " ", list[1].(map[string]any)["status"]); got != "201 409" {
			t.Errorf("the two of a Bulk are answered %s", got)
		}

		for _, who := range []*client{
			w.connect("acme", "second", registry.ConnectionSettings{Visible: registry.VisibleCompany}), w.connect("rival", "idp", registry.ConnectionSettings{}),
		} {
			own := who.group("Sales", "")
			who.taken(own, "POST", "/Groups", groupBody("Sales", ""))
		}
	})
}

// TestGroupNameOfTheDeleted: a deleted group frees its name, and comes back only to a
// name that is free, or that another has with an externalId of its own.
func TestGroupNameOfTheDeleted(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		gone := c.group("Sales", "s-1")
		c.want(http.StatusNoContent, "DELETE", "/Groups/"+gone, "")
		between := c.group("Sales", "")
		c.taken(between, "POST", "/Groups", groupBody("Sales", "s-1"))
		if got := c.named("Sales"); len(got) != 1 || got[0] != between {
			t.Errorf("found %v, want %s", got, between)
		}
		c.want(http.StatusNoContent, "DELETE", "/Groups/"+between, "")
		with := c.group("Sales", "s-2")
		if got := c.group("Sales", "s-1"); got != gone {
			t.Errorf("%s came back as %s", gone, got)
		}
		c.want(http.StatusNoContent, "DELETE", "/Groups/"+with, "")
		c.want(http.StatusOK, "PUT", "/Groups/"+gone, groupBody("Sales", "")) // it is alone now
	})
}

// TestGroupTwinsFromBefore: what an older release let through stays operable.
func TestGroupTwinsFromBefore(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		ann := c.user("ann", "a")
		a, b, d := c.group("Sales", "a"), c.group("Sales", "b"), c.group("Sales", "d")
		// As if two of them had been made without an externalId.
		if _, err := w.store.WriteDB().ExecContext(t.Context(), `UPDATE links SET anchor = '~' || anchor WHERE anchor IN ('a', 'b') AND group_id IS NOT NULL`); err != nil {
			t.Fatal(err)
		}
		add := patchOf(fmt.Sprintf(`{"op":"add","path":"members","value":[{"value":%q}]}`, ann))
		for _, id := range []string{a, b, d} {
			c.want(http.StatusNoContent, "PATCH", "/Groups/"+id, add)
		}
		c.want(http.StatusOK, "PUT", "/Groups/"+a, groupBody("Sales", ""))
		c.want(http.StatusNoContent, "PATCH", "/Groups/"+a, renaming("Sales"))
		c.want(http.StatusNoContent, "PATCH", "/Groups/"+a, renaming("SALES"))
		c.want(http.StatusOK, "PUT", "/Groups/"+b, groupBody("Sales", "b"))
		c.taken(a, "POST", "/Groups", groupBody("Sales", ""))
		c.taken(a, "POST", "/Groups", groupBody("Sales", "e"))
		c.want(http.StatusNoContent, "PATCH", "/Groups/"+a, renaming("Retail"))
		c.taken(b, "PATCH", "/Groups/"+a, renaming("Sales"))
		c.want(http.StatusNoContent, "DELETE", "/Groups/"+a, "")
		c.want(http.StatusNoContent, "DELETE", "/Groups/"+b, "")
		c.want(http.StatusNoContent, "DELETE", "/Groups/"+d, "")
		c.group("Sales", "")
	})
}

// TestGroupNameAtOnce: of many who make, rename and bring back groups to one name at
// once, one wins.
func TestGroupNameAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		const clients, rounds = 8, 5
		for round := range rounds {
			name := fmt.Sprint("Sales ", round)
			requests := [][3]string{}
			for range clients {
				requests = append(requests, [3]string{"POST", "/Groups", groupBody(name, "")})
			}
			if round > 0 { // else they all POST
				renamed := c.group(fmt.Sprint("Old ", round), "")
				requests[1] = [3]string{"PATCH", "/Groups/" + renamed, renaming(name)}
				external := fmt.Sprint("gone ", round)
				c.want(http.StatusNoContent, "DELETE", "/Groups/"+c.group(fmt.Sprint("Gone ", round), external), "")
				requests[2] = [3]string{"POST", "/Groups", groupBody(name, external)}
			}
			var codes [clients]int
			var wg sync.WaitGroup
			start := make(chan struct{})
			for i, r := range requests {
				wg.Go(func() {
					<-start
					codes[i], _ = c.do(r[0], r[1], r[2])
				})
			}
			close(start)
			wg.Wait()
			won := 0
			for _, code := range codes {
				if code == http.StatusCreated || code == http.StatusNoContent {
					won++
				} else if code != http.StatusConflict {
					t.Errorf("answered %d", code)
				}
			}
			if got := c.named(strings.ReplaceAll(name, " ", "%20")); won != 1 || len(got) != 1 {
				t.Errorf("%d won, and %d have the name: %v", won, len(got), codes)
			}
		}
	})
}
