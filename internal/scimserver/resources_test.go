package scimserver_test

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/scimserver"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/scimtest"
)

const badgeSchema = `"schemas":["urn:example:params:scim:schemas:core_1.0:Badge"]`

// declare gives the service resource types of its own.
func (w *world) declare(profile string) (own, rival, company *client) {
	w.t.Helper()
	w.config.Users, w.config.Groups, w.config.Types = scimtest.UserType(), scimtest.GroupType(), []*scim.ResourceType{scimtest.BadgeType()}
	var err error
	if w.server, err = scimserver.New(w.config); err != nil {
		w.t.Fatal(err)
	}
	w.handler = w.server
	settings := registry.ConnectionSettings{Profile: profile, Visible: registry.VisibleOwn}
	own, rival = w.connect("acme", "own", settings), w.connect("rival", "own", registry.ConnectionSettings{Visible: registry.VisibleCompany})
	settings.Visible = registry.VisibleCompany
	return own, rival, w.connect("acme", "company", settings)
}

// TestResourcesBelong: a connection changes what it made, sees what its setting
// lets it, and another company's never.
func TestResourcesBelong(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		own, rival, all := w.declare("")
		id := own.want(201, "POST", "/Badges", `{`+badgeSchema+`,"serial":"1","externalId":"x"}`)["id"].(string)
		theirs := all.want(201, "POST", "/Badges", `{`+badgeSchema+`,"serial":"2","externalId":"x"}`)["id"].(string)
		if got := all.want(200, "GET", "/Badges/"+id, ""); got["serial"] != "1" || got["externalId"] != nil {
			t.Errorf("another connection's badge: %v", got)
		}
		own.want(404, "GET", "/Badges/"+theirs, "")
		for c, n := range map[*client]float64{own: 1, all: 2, rival: 0} {
			if got := c.want(200, "GET", "/Badges", ""); got["totalResults"] != n {
				t.Errorf("%s sees %v, want %v", c.origin.Key, got["totalResults"], n)
			}
		}
		level := `{` + patchSchema + `,"Operations":[{"op":"add","path":"level","value":1}]}`
		for _, c := range []struct {
			client *client
			status int
		}{{all, 409}, {rival, 404}} {
			c.client.want(c.status, "PATCH", "/Badges/"+id, level)
			c.client.want(c.status, "PUT", "/Badges/"+id, `{`+badgeSchema+`,"serial":"1"}`)
			c.client.want(c.status, "DELETE", "/Badges/"+id, "")
		}
		if got := all.want(409, "POST", "/Badges", `{`+badgeSchema+`,"serial":"1"}`); got["scimType"] != "uniqueness" {
			t.Errorf("a serial of the company: %v", got)
		}
		if got := own.want(409, "POST", "/Badges", `{`+badgeSchema+`,"serial":"3","externalId":"x"}`); got["scimType"] != "uniqueness" {
			t.Errorf("an externalId of the connection: %v", got)
		}
		rival.want(201, "POST", "/Badges", `{`+badgeSchema+`,"serial":"1","externalId":"x"}`)
		own.want(204, "PATCH", "/Badges/"+id, level)
		own.want(400, "POST", "/Badges", `{`+badgeSchema+`,"serial":"a\u0000b"}`)
	})
}

// TestStrictTypes: a strict connection refuses what a type does not know.
func TestStrictTypes(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c, _, _ := w.declare("strict")
		for what, body := range map[string]string{
			"attribute":       `{` + badgeSchema + `,"serial":"1","nothing":1}`,
			"canonical value": `{` + badgeSchema + `,"serial":"1","colour":"green"}`,
			"sub-attribute":   `{` + badgeSchema + `,"serial":"1","doors":[{"value":"a","lock":1}]}`,
			"schema":          `{"schemas":["urn:example:params:scim:schemas:core_1.0:Badge","urn:x:y"],"serial":"1"}`,
		} {
			if code, _ := c.do("POST", "/Badges", body); code != 400 {
				t.Errorf("unknown %s: %d", what, code)
			}
		}
		id := c.want(201, "POST", "/Badges", `{`+badgeSchema+`,"serial":"1"}`)["id"]
		c.want(400, "PATCH", fmt.Sprint("/Badges/", id), `{`+patchSchema+`,"Operations":[{"op":"add","path":"nothing","value":1}]}`)
	})
}

// TestImmutableParts: a part of a value that was set once stays, whatever is done to
// the whole.
func TestImmutableParts(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c, _, _ := w.declare("")
		path := "/Badges/" + c.want(201, "POST", "/Badges", `{`+badgeSchema+`,"serial":"1","lock":{"code":"1","maker":"A"}}`)["id"].(string)
		put := func(lock string) string { return `{` + badgeSchema + `,"serial":"1"` + lock + `}` }
		for _, r := range []struct {
			method, body string
			status       int
			want         string
		}{
			{"PUT", put(`,"lock":{"code":"2","maker":"B"}`), 400, "map[code:1 maker:A]"},
			{"PUT", put(`,"lock":{"code":"2"}`), 200, "map[code:2 maker:A]"},
			{"PUT", put(``), 200, "map[maker:A]"},
			{"PATCH", `{` + patchSchema + `,"Operations":[{"op":"remove","path":"lock"}]}`, 400, "map[maker:A]"},
			{"PATCH", `{` + patchSchema + `,"Operations":[{"op":"remove","path":"lock"},{"op":"add","path":"lock","value":{"maker":"B"}}]}`, 400, "map[maker:A]"},
			{"PATCH", `{` + patchSchema + `,"Operations":[{"op":"remove","path":"lock"},{"op":"add","path":"lock","value":{"code":"3","maker":"A"}}]}`, 204, "map[code:3 maker:A]"},
		} {
			if got := c.want(r.status, r.method, path, r.body); r.status == 400 && got["scimType"] != "mutability" {
				t.Errorf("%s: %v", r.body, got)
			}
			if got := fmt.Sprint(c.want(200, "GET", path, "")["lock"]); got != r.want {
				t.Errorf("%s %s: %s, want %s", r.method, r.body, got, r.want)
			}
		}
	})
}

// TestTimesWithoutZone: a time that names no zone is UTC's, wherever it stands.
func TestTimesWithoutZone(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c, _, _ := w.declare("")
		for _, made := range []string{"2024-05-05T00:00:00", "2024-05-05T00:00:00.5", "2024-05-05T02:00:01+02:00"} {
			c.want(201, "POST", "/Badges", fmt.Sprintf(`{%s,"serial":%q,"made":%q}`, badgeSchema, made, made))
		}
		for filter, n := range map[string]float64{
			`made pr`: 3, `made eq null`: 0, `made eq "2024-05-05T00:00:00"`: 1, `made eq "2024-05-04T23:00:00-01:00"`: 1,
			`made ge "2024-05-05T00:00:00.5Z"`: 2, `made lt "2024-05-05T00:00:01"`: 2, `made ne "2024-05-05T00:00:01Z"`: 2,
		} {
			if got := c.want(200, "GET", "/Badges?filter="+url.QueryEscape(filter), ""); got["totalResults"] != n {
				t.Errorf("%s: %v, want %v", filter, got["totalResults"], n)
			}
		}
		for _, made := range []string{"2020-01-01T00:00:00,5Z", "2020-01-01T00:00:00-14:30", "2020-01-01", "2020-02-30T00:00:00"} {
			c.want(400, "POST", "/Badges", fmt.Sprintf(`{%s,"serial":"x","made":%q}`, badgeSchema, made))
		}
	})
}
