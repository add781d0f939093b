package scimserver_test

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"sync"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// directory does with the people of a directory what its runs do.
func (w *world) directory(ops ...registry.Op) []registry.Result {
	w.t.Helper()
	company, err := w.store.CompanyByKey(w.t.Context(), "acme")
	if err != nil {
		w.t.Fatal(err)
	}
	origin, err := w.store.For(company.ID).EnsureOrigin(w.t.Context(), registry.OriginLDAP, "corp")
	if err != nil {
		w.t.Fatal(err)
	}
	return w.applied(registry.Batch{Company: company.ID, Origin: origin, Actor: "source corp", Ops: ops})
}

func (w *world) applied(b registry.Batch) []registry.Result {
	w.t.Helper()
	res, err := w.reg.Apply(w.t.Context(), b)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range res {
		if r.Refused != nil {
			w.t.Fatal(r.Refused)
		}
	}
	return res
}

// found are the ids of people whom a filter finds.
func (c *client) found(filter string) []string {
	c.w.t.Helper()
	list, _ := c.want(200, "GET", "/Users?attributes=id&filter="+url.QueryEscape(filter), "")["Resources"].([]any)
	ids := make([]string, len(list))
	for i, r := range list {
		ids[i] = r.(map[string]any)["id"].(string)
	}
	return ids
}

// TestManagerOfDirectory: whom a directory names as manager is read and found by
// connections that see both, and by no other.
func TestManagerOfDirectory(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		put := func(name string) registry.Op {
			return registry.PutUser{Anchor: name, Name: name, Enabled: true, Attributes: registry.Attributes{registry.AttrUserName: {name}}}
		}
		made := w.directory(put("boss"), put("ann"))
		boss, ann := made[0].PublicID, made[1].PublicID
		w.directory(registry.SetManager{User: made[1].User, Manager: made[0].User})

		all := w.connect("acme", "all", registry.ConnectionSettings{Visible: registry.VisibleCompany})
		const urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
		manager, _ := all.want(200, "GET", "/Users/"+ann, "")[urn].(map[string]any)["manager"].(map[string]any)
		if manager["value"] != boss || manager["$ref"] != "https://people.example.com/scim/v2/Users/"+boss {
			t.Errorf("the manager is %v, want %s", manager, boss)
		}
		if got := all.want(200, "GET", "/Users/"+boss, "")[urn]; got != nil {
			t.Errorf("who has no manager has %v", got)
		}
		for _, filter := range []string{urn + `:manager eq "` + boss + `"`, "manager.value pr", `schemas eq "` + urn + `"`} {
			if got := all.found(filter); len(got) != 1 || got[0] != ann {
				t.Errorf("%s finds %v, want %s", filter, got, ann)
			}
		}
		link := w.connect("acme", "link", registry.ConnectionSettings{OnForeign: registry.ForeignLink})
		link.want(201, "POST", "/Users", fmt.Sprintf(`{%s,"userName":"ann","externalId":"1"}`, userSchema))
		if got := link.want(200, "GET", "/Users/"+ann, "")[urn]; got != nil {
			t.Errorf("who does not see the manager reads %v", got)
		}
		if got := link.found("manager pr"); len(got) != 0 {
			t.Errorf("who does not see the manager finds %v", got)
		}
	})
}

// TestManyChangeOne: changes of one person that come at once are all made.
func TestManyChangeOne(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Rate: 10_000})
		id := c.user("ann", "1")
		const n = 40
		var statuses [n]int
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				statuses[i], _ = c.do("PATCH", "/Users/"+id, ops(fmt.Sprintf(`{"op":"add","path":"emails","value":[{"value":"a%d@example.com","type":"other"}]}`, i)))
			})
		}
		all.Wait()
		for i, status := range statuses {
			if status != 200 {
				t.Errorf("change %d is answered %d", i, status)
			}
		}
		if got := c.want(200, "GET", "/Users/"+id, "")["emails"].([]any); len(got) != n+1 {
			t.Errorf("%d addresses are left of %d", len(got), n+1)
		}
	})
}

// TestExternalIDIsAVersion: another externalId is another version of the
// resource, with a row that says so; the same one is not.
func TestExternalIDIsAVersion(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{})
		user := c.user("ann", "u1")
		group := c.want(201, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"G","externalId":"g1"}`, groupSchema))["id"].(string)
		for _, path := range []string{"/Users/" + user, "/Groups/" + group} {
			version := func() string { return c.want(200, "GET", path, "")["meta"].(map[string]any)["version"].(string) }
			first := version()
			change := ops(`{"op":"replace","path":"externalId","value":"new"}`)
			c.do("PATCH", path, change)
			second := version()
			if first == second {
				t.Errorf("%s is at %s with another externalId", path, second)
			}
			if c.do("PATCH", path, change); version() != second {
				t.Errorf("%s moved from %s by the same externalId", path, second)
			}
		}
		u, err := c.tenant.FindUser(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := c.tenant.ChangePage(t.Context(), registry.ChangeQuery{User: u.ID, Limit: 9})
		if err != nil || len(rows) != 2 || rows[0].Payload.Before.First("anchor") != "u1" || rows[0].Payload.After.First("anchor") != "new" {
			t.Errorf("rows: %+v, %v", rows, err)
		}
	})
}

// TestErasedIsRefused: an identity provider does not bring back whom an admin
// erased, neither as they were nor as somebody new of that name, by POST or in a
// Bulk, until an admin lifts it.
func TestErasedIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		w.reg.Blind = func(value string) []byte {
			h := sha256.Sum256([]byte("key" + value))
			return h[:]
		}
		c := w.connect("acme", "okta", registry.ConnectionSettings{})
		other := w.connect("acme", "entra", registry.ConnectionSettings{OnForeign: registry.ForeignPromote})
		id := c.user("claire", "c1")
		u, err := c.tenant.FindUser(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		admin, err := c.tenant.EnsureOrigin(t.Context(), registry.OriginAdmin, "admin")
		if err != nil {
			t.Fatal(err)
		}
		by := registry.Batch{Company: u.Company, Origin: admin, Actor: "admin"}
		by.Ops = []registry.Op{registry.EraseUser{User: u.ID}}
		w.applied(by)

		c.want(404, "GET", "/Users/"+id, "")
		post := func(c *client, name, external, address string) (int, map[string]any) {
			return c.do("POST", "/Users", fmt.Sprintf(`{%s,"userName":%q,"externalId":%q,"emails":[{"value":%q}]}`, userSchema, name, external, address))
		}
		for what, try := range map[string][3]string{
			"as they were": {"claire", "c1", "claire@example.com"}, "the object": {"clara", "c1", "new@example.com"},
			"the name": {"CLAIRE", "c2", "new@example.com"}, "the address": {"clara", "c3", "Claire@example.com"},
		} {
			if status, doc := post(c, try[0], try[1], try[2]); status != 409 || doc["scimType"] != nil {
				t.Errorf("%s: %d %v", what, status, doc)
			}
		}
		if status, _ := post(other, "claire", "x1", "claire@example.com"); status != 409 {
			t.Errorf("another connection: %d", status)
		}
		bulk := c.want(200, "POST", "/Bulk", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],"Operations":[{"method":"POST","path":"/Users","bulkId":"a","data":{%s,"userName":"claire","externalId":"c1"}}]}`, userSchema))
		if got := bulk["Operations"].([]any)[0].(map[string]any)["status"]; got != "409" {
			t.Errorf("in a Bulk: %v", got)
		}
		by.Ops = []registry.Op{registry.LiftErasure{User: u.ID}}
		w.applied(by)
		status, doc := post(c, "claire", "c1", "claire@example.com")
		if status != 201 || doc["id"] == id {
			t.Errorf("after it was lifted: %d %v", status, doc)
		}
	})
}
