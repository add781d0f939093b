package scimserver_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
)

// TestWallFromEverySide tries another company's people and groups wherever an id
// or a name may stand.
func TestWallFromEverySide(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		rival := w.connect("rival", "okta", registry.ConnectionSettings{Visible: registry.VisibleCompany})
		theirs := rival.user("secret", "s1")
		rival.user("secret2", "s2")
		group := rival.want(201, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"Theirs","externalId":"g1","members":[{"value":%q}]}`, groupSchema, theirs))["id"].(string)
		version := rival.want(200, "GET", "/", "")
		for _, visible := range []registry.Visibility{registry.VisibleOwn, registry.VisibleCompany} {
			for _, foreign := range []registry.OnForeign{registry.ForeignConflict, registry.ForeignLink, registry.ForeignPromote} {
				c := w.connect("acme", string(visible+"-")+string(foreign), registry.ConnectionSettings{Visible: visible, OnForeign: foreign, Rate: 10_000})
				besiege(t, c, theirs, group)
			}
		}
		if after := rival.want(200, "GET", "/", ""); !reflect.DeepEqual(version, after) {
			t.Errorf("another company's token changed\n%v\nto\n%v", version, after)
		}
	})
}

// besiege tries all that a token may say about somebody beyond its wall.
func besiege(t *testing.T, c *client, theirs, group string) {
	t.Helper()
	const enterprise = `"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"`
	tell := func(what string, doc map[string]any) {
		t.Helper()
		text, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(strings.ToLower(string(text)), "secret") || strings.Contains(string(text), "Theirs") {
			t.Errorf("%s of %s tells %s", what, c.origin.Key, text)
		}
	}
	own := c.user("mine-"+c.origin.Key, "own-"+c.origin.Key)
	mine := c.want(201, "POST", "/Groups", fmt.Sprintf(`{%s,"displayName":"Ours-%s","members":[{"value":%q},{"value":%q},{"$ref":"../Groups/%s"}]}`, groupSchema, c.origin.Key, theirs, group, group))
	ours := mine["id"].(string)
	unchanged := func(what string) {
		t.Helper()
		if got := c.want(200, "GET", "/Groups/"+ours, ""); len(got["members"].([]any)) != 0 {
			t.Errorf("%s of %s made members: %v", what, c.origin.Key, got)
		}
	}
	unchanged("POST")

	// As members, by every kind of PATCH, and by PUT.
	for _, op := range []string{
		`{"op":"add","path":"members","value":[{"value":%q}]}`, `{"op":"replace","path":"members","value":[%q]}`, `{"op":"add","value":{"members":[{"value":%q,"type":"User"}]}}`,
		`{"op":"remove","path":"members[value eq \"` + theirs + `\"]"}`, `{"op":"remove","path":"members","value":[{"value":%q}]}`,
	} {
		for _, id := range []string{theirs, group} {
			c.do("PATCH", "/Groups/"+ours, ops(strings.Replace(op, "%q", strconv.Quote(id), 1)))
			unchanged(op)
		}
	}
	c.want(400, "PUT", "/Groups/"+ours, fmt.Sprintf(`{%s,"displayName":"Ours-%s","members":[{"value":%q}]}`, groupSchema, c.origin.Key, theirs))
	unchanged("PUT")

	// As a manager: the id stays a word, and tells nothing about whom it means.
	for _, manager := range []string{`{"value":%q}`, `%q`, `{"$ref":"https://people.example.com/scim/v2/Users/%s"}`, `{"value":%q,"displayName":"x"}`} {
		value := strings.NewReplacer("%q", strconv.Quote(theirs), "%s", theirs).Replace(manager)
		tell("a manager by PATCH", c.want(200, "PATCH", "/Users/"+own, ops(`{"op":"replace","value":{`+enterprise+`:{"manager":`+value+`}}}`)))
		tell("a manager", c.want(200, "GET", "/Users/"+own, ""))
		tell("a manager by PUT", c.want(200, "PUT", "/Users/"+own, user(`"userName":"mine-`+c.origin.Key+`","externalId":"own-`+c.origin.Key+`",`+enterprise+`:{"manager":`+value+`}`)))
	}

	// By filter, in lists of one type and of all, by GET and by .search.
	for _, f := range []string{
		`userName sw "secret"`, `externalId eq "s1"`, `externalId eq "g1"`, `emails[value eq "secret@example.com"]`, `emails.value sw "secret"`, `id eq "` + theirs + `"`, `id eq "` + group + `"`,
		`groups.value eq "` + group + `"`, `groups[display eq "Theirs"]`, `members.value eq "` + theirs + `"`, `members[value eq "` + theirs + `"]`, `displayName eq "Theirs"`,
		`not (id eq "x")`, `meta.location ew "` + theirs + `"`, `meta.created gt "2000-01-01T00:00:00Z"`, enterprise[1:len(enterprise)-1] + `:manager.displayName pr`,
	} {
		for _, path := range []string{"/", "/Users", "/Groups"} {
			status, doc := c.do("GET", path+"?count=500&filter="+url.QueryEscape(f), "")
			tell("GET "+path+" "+f, doc)
			searched, found := c.do("POST", strings.TrimSuffix(path, "/")+"/.search", `{"count":500,"filter":`+strconv.Quote(f)+`}`)
			tell("search "+path+" "+f, found)
			if strings.Contains(f, theirs) && !strings.Contains(f, "manager") && status == 200 && doc["totalResults"] != 0.0 {
				t.Errorf("%s %s of %s finds %v", path, f, c.origin.Key, doc)
			}
			if status >= 500 || status != searched || !reflect.DeepEqual(doc["totalResults"], found["totalResults"]) {
				t.Errorf("%s %s: %d %v by GET, %d %v by .search", path, f, status, doc, searched, found)
			}
		}
	}
	storm(t, c, theirs, group)
}

// storm tries Bulk, the single resources and their versions.
func storm(t *testing.T, c *client, theirs, group string) {
	t.Helper()
	var list []string
	for _, path := range []string{"/Users/" + theirs, "/Groups/" + group, "/Users/" + group, "/Groups/" + theirs} {
		for _, method := range []string{"PUT", "PATCH", "DELETE"} {
			data := map[string]string{"PUT": `{"userName":"x","displayName":"x"}`, "PATCH": `{"Operations":[{"op":"add","path":"externalId","value":"x"}]}`, "DELETE": "null"}[method]
			list = append(list, fmt.Sprintf(`{"method":%q,"path":%q,"data":%s,"version":"*"}`, method, path, data))
			body := data
			if method == "DELETE" {
				body = ""
			}
			c.want(404, method, path, body)
		}
		c.want(404, "GET", path, "")
		c.want(404, "GET", path+"?attributes=id", "")
	}
	done := c.want(200, "POST", "/Bulk", bulk(strings.Join(list, ",")))["Operations"].([]any)
	for i, op := range done {
		if op.(map[string]any)["status"] != "404" {
			t.Errorf("%s in a Bulk of %s: %v", list[i], c.origin.Key, op)
		}
	}
	if len(done) != len(list) {
		t.Errorf("%d of %d operations were answered", len(done), len(list))
	}
}

// TestCursorsStayHome pages with another company's cursor, and with that of
// another connection of the same company.
func TestCursorsStayHome(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		settings := registry.ConnectionSettings{Visible: registry.VisibleCompany, Rate: 10_000}
		all := []*client{w.connect("rival", "okta", settings), w.connect("acme", "okta", settings), w.connect("acme", "entra", settings)}
		cursors := make([]string, len(all))
		for i, c := range all {
			for _, n := range []string{"a", "b", "c"} {
				c.user(fmt.Sprintf("%s%d", n, i), fmt.Sprint(n, i))
			}
			cursors[i] = c.want(200, "GET", "/Users?cursor&count=1", "")["nextCursor"].(string)
		}
		for i, c := range all {
			for j, cursor := range cursors {
				want := 400
				if i == j {
					want = 200
				}
				c.want(want, "GET", "/Users?count=1&cursor="+cursor, "")
				c.want(want, "POST", "/Users/.search", `{"count":1,"cursor":"`+cursor+`"}`)
			}
		}
	})
}
