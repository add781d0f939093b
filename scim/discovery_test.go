package scim_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/attr"
)

func TestServiceProviderConfigTellsTheTruth(t *testing.T) {
	s := newService(t, "", func(c *scim.Config) {
		c.Limits = scim.Limits{BulkOperations: 7, BulkBody: 9999, MaxPage: 50}
		c.ChangePassword = func(context.Context) bool { return true }
	})
	got := s.want(t, http.StatusOK, "GET", "/ServiceProviderConfig", "")
	yes := map[string]any{"supported": true}
	want := map[string]any{
		"schemas": []any{"urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"},
		"patch":   yes, "changePassword": yes, "sort": yes, "etag": yes,
		"bulk":   map[string]any{"supported": true, "maxOperations": 7.0, "maxPayloadSize": 9999.0},
		"filter": map[string]any{"supported": true, "maxResults": 50.0},
		"pagination": map[string]any{
			"cursor": true, "index": true, "defaultPaginationMethod": "index",
			"defaultPageSize": 50.0, "maxPageSize": 50.0, "cursorTimeout": 3600.0,
		},
		"authenticationSchemes": []any{map[string]any{
			"type": "oauthbearertoken", "name": "Bearer token", "description": "A token of the connection", "primary": true,
		}},
		"meta": map[string]any{
			"resourceType": "ServiceProviderConfig",
			"location":     "https://people.example.com/scim/v2/ServiceProviderConfig",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// device is a resource type as an installation may declare it.
func device() *scim.ResourceType {
	d := func(name string, typ attr.Type, change ...func(*attr.Definition)) attr.Definition {
		def := attr.Definition{Name: name, Type: typ}
		for _, c := range change {
			c(&def)
		}
		return def
	}
	return &scim.ResourceType{
		ID: "Device", Name: "Device", Endpoint: "/Devices",
		Schema: scim.Complete(attr.Schema{ID: "urn:example:params:scim:schemas:Device", Name: "Device", Attributes: []attr.Definition{
			d("serial", attr.String, func(d *attr.Definition) { d.Required, d.Mutability, d.Uniqueness = true, attr.Immutable, attr.Server }),
			d("ports", attr.Integer, func(d *attr.Definition) { d.MultiValued = true }),
			d("weight", attr.Decimal),
			d("bought", attr.DateTime),
			d("notes", attr.String, func(d *attr.Definition) { d.Returned = attr.Request }),
			d("place", "", func(def *attr.Definition) {
				def.Sub = []attr.Definition{d("room", attr.String), d("shelves", attr.Integer, func(d *attr.Definition) { d.MultiValued = true })}
			}),
			d("owner", "", func(def *attr.Definition) {
				def.Sub = []attr.Definition{d("value", attr.String), d("$ref", attr.Reference, func(d *attr.Definition) { d.ReferenceTypes = []string{"User"} })}
			}),
		}}),
		Extensions: []scim.Extension{{Required: true, Schema: scim.Complete(attr.Schema{ID: "urn:example:params:scim:schemas:Warranty", Name: "Warranty", Attributes: []attr.Definition{
			d("until", attr.DateTime),
		}})}},
	}
}

func TestResourceTypesAreData(t *testing.T) {
	s := newService(t, "", func(c *scim.Config) { c.ResourceTypes = append(c.ResourceTypes, device()) })
	types := s.want(t, http.StatusOK, "GET", "/ResourceTypes", "")
	if types["totalResults"] != 3.0 {
		t.Errorf("resource types: %v", types)
	}
	one := s.want(t, http.StatusOK, "GET", "/ResourceTypes/Device", "")
	if one["endpoint"] != "/Devices" || one["meta"].(map[string]any)["location"] != "https://people.example.com/scim/v2/ResourceTypes/Device" {
		t.Errorf("resource type: %v", one)
	}
	warranty := `"urn:example:params:scim:schemas:Warranty":{"until":"2030-01-01T00:00:00Z"}`
	head := `{"schemas":["urn:example:params:scim:schemas:Device"],`
	s.want(t, http.StatusBadRequest, "POST", "/Devices", head+`"serial":"1"}`) // the extension is required
	s.want(t, http.StatusBadRequest, "POST", "/Devices", head+`"serial":"1","ports":[1.5],`+warranty+`}`)
	s.want(t, http.StatusBadRequest, "POST", "/Devices", head+`"serial":"1","bought":"today",`+warranty+`}`)
	made := s.want(t, http.StatusCreated, "POST", "/Devices", head+`"serial":"1","ports":[9007199254740993,2],"weight":1.25,"notes":"n","owner":"`+s.user(t, "anna")+`",`+warranty+`}`)
	id := made["id"].(string)
	if made["notes"] != "n" {
		t.Errorf("what a write sets is shown in its answer: %v", made)
	}
	if made["owner"].(map[string]any)["$ref"] != "https://people.example.com/scim/v2/Users/user-1" {
		t.Errorf("reference: %v", made["owner"])
	}
	got := s.want(t, http.StatusOK, "GET", "/Devices/"+id, "")
	if _, there := got["notes"]; there {
		t.Error("returned request is shown without being requested")
	}
	if got := s.want(t, http.StatusOK, "GET", "/Devices/"+id+"?attributes=notes", ""); got["notes"] != "n" || got["serial"] != nil {
		t.Errorf("returned request is not shown on request: %v", got)
	}
	for filter, n := range map[string]float64{
		"ports eq 9007199254740993": 1, "ports eq 9007199254740992": 0, "weight gt 1.2": 1,
		`urn:example:params:scim:schemas:Warranty:until lt "2031-01-01T00:00:00Z"`: 1,
	} {
		if got := s.want(t, http.StatusOK, "GET", "/Devices?filter="+escape(filter), ""); got["totalResults"] != n {
			t.Errorf("%s: %v, want %v", filter, got["totalResults"], n)
		}
	}
	patch := func(op string) string { return `{` + patchSchema + `,"Operations":[` + op + `]}` }
	for _, step := range [][2]string{ // a list below an attribute is one all the same
		{`{"op":"add","path":"place.shelves","value":[1,2]}`, "[1 2]"}, {`{"op":"add","path":"place.shelves","value":3}`, "[1 2 3]"},
		{`{"op":"add","path":"place.shelves","value":[]}`, "[1 2 3]"}, {`{"op":"remove","path":"place.shelves","value":[2]}`, "[1 3]"},
		{`{"op":"replace","path":"place.shelves","value":[7]}`, "[7]"}, {`{"op":"remove","path":"place.shelves"}`, "<nil>"},
	} {
		s.want(t, http.StatusNoContent, "PATCH", "/Devices/"+id, patch(step[0]))
		place, _ := s.want(t, http.StatusOK, "GET", "/Devices/"+id, "")["place"].(map[string]any)
		if got := fmt.Sprint(place["shelves"]); got != step[1] {
			t.Errorf("%s: %s, want %s", step[0], got, step[1])
		}
	}
	s.want(t, http.StatusBadRequest, "PUT", "/Devices/"+id, head+`"serial":"2",`+warranty+`}`)
	if m := s.want(t, http.StatusBadRequest, "PATCH", "/Devices/"+id, `{`+patchSchema+`,"Operations":[{"op":"replace","path":"serial","value":"2"}]}`); m["scimType"] != "mutability" {
		t.Errorf("PATCH of an immutable attribute: %v", m)
	}
}

func TestSchemasShowEveryAttribute(t *testing.T) {
	s := newService(t, "")
	list := s.want(t, http.StatusOK, "GET", "/Schemas", "")
	for _, r := range list["Resources"].([]any) {
		schema := r.(map[string]any)
		single := s.want(t, http.StatusOK, "GET", "/Schemas/"+schema["id"].(string), "")
		if diff := cmp.Diff(schema, single); diff != "" {
			t.Error(diff)
		}
		if len(schema["attributes"].([]any)) == 0 || schema["meta"] == nil || schema["schemas"] == nil {
			t.Errorf("schema %v lacks something", schema["id"])
		}
	}
	user := s.want(t, http.StatusOK, "GET", "/Schemas/URN:ietf:params:scim:schemas:core:2.0:User", "")
	if n := len(user["attributes"].([]any)); n != 22 {
		t.Errorf("the User of RFC 7643 has 21 attributes and externalId, got %d", n)
	}
}

func TestBadResourceTypesAreRefusedAtStart(t *testing.T) {
	for name, spoil := range map[string]func(*scim.ResourceType){
		"endpoint of the protocol": func(d *scim.ResourceType) { d.Endpoint = "/Bulk" },
		"endpoint of two parts":    func(d *scim.ResourceType) { d.Endpoint = "/a/b" },
		"another's endpoint":       func(d *scim.ResourceType) { d.Endpoint = "/users" },
		"no URN":                   func(d *scim.ResourceType) { d.Schema.ID = "Device" },
		"attribute name":           func(d *scim.ResourceType) { d.Schema.Attributes[0].Name = "a b" },
		"attribute twice":          func(d *scim.ResourceType) { d.Schema.Attributes[1].Name = "SERIAL" },
		"common attribute":         func(d *scim.ResourceType) { d.Schema.Attributes[0].Name = "meta" },
		"complex without parts":    func(d *scim.ResourceType) { d.Schema.Attributes[0].Type = attr.Complex },
		"type":                     func(d *scim.ResourceType) { d.Schema.Attributes[0].Type = "text" },
		"mutability":               func(d *scim.ResourceType) { d.Schema.Attributes[0].Mutability = "" },
		"returned":                 func(d *scim.ResourceType) { d.Schema.Attributes[0].Returned = "often" },
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, "")
			d := device()
			spoil(d)
			c := s.config
			c.ResourceTypes = append(c.ResourceTypes, d)
			if _, err := scim.NewHandler(c); err == nil {
				t.Error("accepted")
			}
		})
	}
}

// flattened lists the attributes of a schema as Microsoft's gallery test of
// discovery does (AzureAD/SCIMReferenceCode, Schema_Discoverability_Test).
func flattened(resource map[string]any) map[string]bool {
	all := map[string]bool{}
	id := resource["id"].(string)
	prefix := ""
	if strings.Contains(id, ":extension:") {
		prefix = id + ":"
	}
	for _, a := range resource["attributes"].([]any) {
		d := a.(map[string]any)
		name := prefix + d["name"].(string)
		subs, _ := d["subAttributes"].([]any)
		switch {
		case d["name"] == "manager" || d["name"] == "members" || d["type"] != "complex" && d["type"] != "reference":
			all[strings.ToLower(name)] = true
		case d["type"] == "complex" && d["multiValued"] == true:
			for _, of := range typesOf(subs) {
				for _, s := range subs {
					all[strings.ToLower(name+of+s.(map[string]any)["name"].(string))] = true
				}
			}
		case d["type"] == "complex":
			for _, s := range subs {
				all[strings.ToLower(name+"."+s.(map[string]any)["name"].(string))] = true
			}
		}
	}
	return all
}

// typesOf are the brackets that select the values of a multi-valued attribute.
func typesOf(subs []any) []string {
	for _, s := range subs {
		d := s.(map[string]any)
		canonical, _ := d["canonicalValues"].([]any)
		if d["name"] != "type" || len(canonical) == 0 {
			continue
		}
		out := make([]string, len(canonical))
		for i, c := range canonical {
			out[i] = `[type eq "` + c.(string) + `"].`
		}
		return out
	}
	return []string{`[primary eq "True"].`}
}

// TestSchemasListWhatEntraMaps: every target of Entra ID's default mappings can be
// discovered.
func TestSchemasListWhatEntraMaps(t *testing.T) {
	s := newService(t, "entra")
	listed := map[string]bool{}
	for _, r := range s.want(t, http.StatusOK, "GET", "/Schemas", "")["Resources"].([]any) {
		resource := r.(map[string]any)
		of := "user "
		if resource["id"] == scim.GroupURN {
			of = "group "
		}
		for name := range flattened(resource) {
			listed[of+name] = true
		}
	}
	const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:"
	for _, name := range []string{
		"user externalId", "user userName", "user active", "user displayName", "user title", "user preferredLanguage",
		"user name.givenName", "user name.familyName", "user name.formatted", `user emails[type eq "work"].value`,
		`user addresses[type eq "work"].formatted`, `user addresses[type eq "work"].streetAddress`, `user addresses[type eq "work"].locality`,
		`user addresses[type eq "work"].region`, `user addresses[type eq "work"].postalCode`, `user addresses[type eq "work"].country`,
		`user phoneNumbers[type eq "work"].value`, `user phoneNumbers[type eq "mobile"].value`, `user phoneNumbers[type eq "fax"].value`,
		`user roles[primary eq "True"].value`,
		"user " + enterprise + "employeeNumber", "user " + enterprise + "department", "user " + enterprise + "manager",
		"group externalId", "group displayName", "group members",
	} {
		if !listed[strings.ToLower(name)] {
			t.Errorf("/Schemas does not list %s", name)
		}
	}
}
