package scimserver_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// membersPatch is a PATCH of members.
func membersPatch(op string, ids ...string) string {
	list := make([]string, len(ids))
	for i, id := range ids {
		list[i] = fmt.Sprintf(`{"value":%q}`, id)
	}
	return fmt.Sprintf(`{%s,"Operations":[{"op":%q,"path":"members","value":[%s]}]}`, patchSchema, op, strings.Join(list, ","))
}

// TestRemovedWhileDeleted: who was taken out of a group while they were deleted is not
// in it again when they come back, and who was not is.
func TestRemovedWhileDeleted(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		ann := c.user("ann", "a")
		member := fmt.Sprintf(`"members":[{"value":%q}]`, ann)
		for what, removal := range map[string]string{
			"by value":  membersPatch("remove", ann),
			"by filter": `{` + patchSchema + `,"Operations":[{"op":"remove","path":"members[value eq \"` + ann + `\"]"}]}`,
			"":          membersPatch("remove", "nobody"),
		} {
			path := "/Groups/" + c.want(201, "POST", "/Groups", `{`+groupSchema+`,"displayName":"G`+what+`",`+member+`}`)["id"].(string)
			c.want(204, "DELETE", "/Users/"+ann, "")
			c.want(204, "PATCH", path, removal)
			c.want(201, "POST", "/Users", `{`+userSchema+`,"userName":"ann","externalId":"a"}`)
			if got := len(c.want(200, "GET", path, "")["members"].([]any)); (got == 0) != (what != "") {
				t.Errorf("removed %q, the group has %d members", what, got)
			}
		}
	})
}

// TestLinkedAndLetGo: a connection that owns nobody ties a person once; letting go
// ends that, and what it said of their groups; and when the owner deletes them, it may
// make somebody of its own.
func TestLinkedAndLetGo(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		owner := w.connect("acme", "owner", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		c := w.connect("acme", "linked", registry.ConnectionSettings{Visible: registry.VisibleOwn, OnForeign: registry.ForeignLink})
		ann := owner.user("ann", "a")
		post := func(status int, external string) map[string]any {
			return c.want(status, "POST", "/Users", fmt.Sprintf(`{%s,"userName":"ann"%s}`, userSchema, external))
		}
		if got := post(201, `,"externalId":"x1"`); got["id"] != ann {
			t.Fatalf("somebody else was linked: %v", got)
		}
		for _, external := range []string{`,"externalId":"x2"`, ``, `,"externalId":"x1"`} {
			if got := post(409, external); got["scimType"] != "uniqueness" {
				t.Errorf("tied again by %q: %v", external, got)
			}
		}
		group := "/Groups/" + c.want(201, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"G","members":[{"value":%q}]}`, groupSchema, ann))["id"].(string)
		c.want(204, "DELETE", "/Users/"+ann, "")
		c.want(404, "GET", "/Users/"+ann, "")
		if got := owner.want(200, "GET", "/Users/"+ann, ""); got["groups"] != nil {
			t.Errorf("still in %v", got["groups"])
		}
		if got := post(201, `,"externalId":"x3"`); got["id"] != ann || got["groups"] != nil {
			t.Errorf("linked anew: %v", got)
		}
		if got := c.want(200, "GET", group, "")["members"].([]any); len(got) != 0 {
			t.Errorf("a membership came back: %v", got)
		}

		owner.want(204, "DELETE", "/Users/"+ann, "")
		if got := c.want(200, "GET", "/Users?filter="+url.QueryEscape(`externalId eq "x3"`), ""); got["totalResults"] != 0.0 {
			t.Errorf("a deleted person: %v", got)
		}
		own := post(201, `,"externalId":"x3"`)
		if own["id"] == ann || own["externalId"] != "x3" {
			t.Errorf("whom the owner deleted: %v", own)
		}
		c.want(200, "PATCH", "/Users/"+own["id"].(string), `{`+patchSchema+`,"Operations":[{"op":"add","path":"title","value":"Boss"}]}`)
		if got := owner.want(409, "POST", "/Users", `{`+userSchema+`,"userName":"ann","externalId":"a"}`); got["scimType"] != "uniqueness" {
			t.Errorf("the name is taken: %v", got)
		}
	})
}

// TestForsakenMemberStaysOut: who makes somebody anew by the id of a person whom the
// owner deleted has let go of that person, who comes back to none of its groups.
func TestForsakenMemberStaysOut(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		owner := w.connect("acme", "owner", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		c := w.connect("acme", "linked", registry.ConnectionSettings{Visible: registry.VisibleOwn, OnForeign: registry.ForeignLink})
		all := w.connect("acme", "all", registry.ConnectionSettings{Visible: registry.VisibleCompany})
		ann := owner.user("ann", "a")
		c.want(201, "POST", "/Users", `{`+userSchema+`,"userName":"ann","externalId":"x"}`)
		path := "/Groups/" + c.want(201, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"Admins","members":[{"value":%q}]}`, groupSchema, ann))["id"].(string)
		owner.want(204, "DELETE", "/Users/"+ann, "")
		if got := c.want(201, "POST", "/Users", `{`+userSchema+`,"userName":"ann2","externalId":"x"}`); got["id"] == ann {
			t.Fatalf("whom the owner deleted: %v", got)
		}
		if got := owner.want(201, "POST", "/Users", `{`+userSchema+`,"userName":"ann","externalId":"a"}`); got["id"] != ann || got["groups"] != nil {
			t.Errorf("restored as %v", got)
		}
		c.want(404, "GET", "/Users/"+ann, "")
		for _, who := range []*client{c, all} {
			if got := who.want(200, "GET", path, "")["members"].([]any); len(got) != 0 {
				t.Errorf("%s sees the members %v", who.origin.Key, got)
			}
		}
	})
}

// TestContactsAreNotMatchedByName: nobody becomes a contact by the name that was made
// up for them.
func TestContactsAreNotMatchedByName(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{OnForeign: registry.ForeignPromote})
		contact := w.writesMail("c@acme.example", true)
		for _, more := range []string{``, `,"emails":[{"value":"mallory@acme.example"}]`} {
			if got := c.want(409, "POST", "/Users", fmt.Sprintf(`{%s,"userName":"contact-%s","externalId":"m"%s}`, userSchema, contact.PublicID, more)); got["scimType"] != "uniqueness" {
				t.Errorf("%v", got)
			}
		}
	})
}

// TestDeletingAnAdmin: what their own connection says outright ends an admin, as
// disabling them does.
func TestDeletingAnAdmin(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		id := c.user("ann", "a")
		user, err := c.tenant.FindUser(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		set := func(op registry.Op) {
			t.Helper()
			res, err := w.reg.Apply(t.Context(), registry.Batch{Company: c.origin.Company, Origin: c.origin, Actor: "test", Ops: []registry.Op{op}})
			if err != nil || res[0].Refused != nil {
				t.Fatalf("%v, %v", err, res)
			}
		}
		set(registry.SetRights{User: user.ID, Admin: true, ByOperator: true})
		c.want(204, "DELETE", "/Users/"+id, "")
		c.want(404, "GET", "/Users/"+id, "")

		bob := c.user("bob", "b")
		if user, err = c.tenant.FindUser(t.Context(), bob); err != nil {
			t.Fatal(err)
		}
		set(registry.SetProtected{User: user.ID, On: true})
		c.want(http.StatusConflict, "DELETE", "/Users/"+bob, "")
	})
}

// TestNobodyLeft: a group is not emptied because none of those who are to be its only
// members is known.
func TestNobodyLeft(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		ann := c.user("ann", "a")
		path := "/Groups/" + c.want(201, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"G","members":[{"value":%q}]}`, groupSchema, ann))["id"].(string)
		for _, r := range []struct {
			method, body string
			status, left int
		}{
			{"PATCH", membersPatch("replace", "ghost", "spectre"), 400, 1},
			{"PUT", `{` + groupSchema + `,"displayName":"G","members":[{"value":"ghost"}]}`, 400, 1},
			{"PATCH", membersPatch("replace", "ghost", ann), 204, 1},
			{"PATCH", membersPatch("replace"), 204, 0},
		} {
			c.want(r.status, r.method, path, r.body)
			if got := len(c.want(200, "GET", path, "")["members"].([]any)); got != r.left {
				t.Errorf("%s %s: %d members, want %d", r.method, r.body, got, r.left)
			}
		}
	})
}

// TestManagersName: a manager whom the connection knows is shown by name, and found by
// it; one whom it does not know, or who is gone, is an id.
func TestManagersName(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
		c := w.connect("acme", "idp", registry.ConnectionSettings{})
		boss := c.want(201, "POST", "/Users", `{`+userSchema+`,"userName":"boss","externalId":"b","displayName":"The Boss"}`)["id"].(string)
		report := func(name, manager string) map[string]any {
			return c.want(201, "POST", "/Users", fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User",%q],"userName":%q,%q:{"manager":{"value":%q,"displayName":"x"}}}`, enterprise, name, enterprise, manager))
		}
		shown := func(doc map[string]any) any {
			return doc[enterprise].(map[string]any)["manager"].(map[string]any)["displayName"]
		}
		made, stranger := report("ann", boss), report("eve", "nobody")
		path := "/Users/" + made["id"].(string)
		if got := c.want(200, "GET", path, ""); shown(made) != "The Boss" || fmt.Sprint(got) != fmt.Sprint(made) {
			t.Errorf("%v\nwas made, and is\n%v", made, got)
		}
		if shown(stranger) != nil {
			t.Errorf("a stranger is called %v", shown(stranger))
		}
		find := func(filter string) float64 {
			return c.want(200, "GET", "/Users?sortBy="+enterprise+":manager.displayName&filter="+url.QueryEscape(enterprise+":manager.displayName "+filter), "")["totalResults"].(float64)
		}
		if find(`eq "the boss"`) != 1 || find(`pr`) != 1 || find(`ne "the boss"`) != 2 {
			t.Error("the manager's name does not find the report")
		}
		if got := c.want(200, "GET", path+"?attributes="+enterprise+":manager.displayName", ""); shown(got) != "The Boss" {
			t.Errorf("alone: %v", got)
		}
		c.want(204, "DELETE", "/Users/"+boss, "")
		if got := c.want(200, "GET", path, ""); shown(got) != nil || find(`pr`) != 0 {
			t.Errorf("who is gone is called %v", shown(got))
		}
	})
}
