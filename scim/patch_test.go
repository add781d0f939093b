package scim_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

// TestPatch applies operations to one user each.
func TestPatch(t *testing.T) {
	const before = `{"userName":"anna","displayName":"Anna","active":true,"name":{"givenName":"Anna","familyName":"Rossi"},
		"emails":[{"type":"work","value":"w@x.example","primary":true},{"type":"home","value":"h@x.example"}],
		"` + enterprise + `":{"department":"Sales","manager":{"value":"m"}}}`
	tests := map[string]struct {
		operations string
		// want has the attributes that differ from before, null for gone.
		want string
		fail string // scimType
	}{
		"add simple":                 {`{"op":"add","path":"title","value":"Dr"}`, `{"title":"Dr"}`, ""},
		"capitals and lower case":    {`{"OP":"REPLACE","Path":"DISPLAYNAME","Value":"B"}`, `{"displayName":"B"}`, ""},
		"full name":                  {`{"op":"add","path":"urn:ietf:params:scim:schemas:core:2.0:User:title","value":"Dr"}`, `{"title":"Dr"}`, ""},
		"without path":               {`{"op":"replace","value":{"title":"Dr","id":"x","schemas":[],"groups":[]}}`, `{"title":"Dr"}`, ""},
		"dotted names":               {`{"op":"replace","value":{"name.familyName":"Bianchi","` + enterprise + `:department":"IT","emails[type eq \"home\"].value":"n@x.example"}}`, `{"name":{"givenName":"Anna","familyName":"Bianchi"},"` + enterprise + `":{"department":"IT","manager":{"value":"m"}},"emails":[{"type":"work","value":"w@x.example","primary":true},{"type":"home","value":"n@x.example"}]}`, ""},
		"complex keeps the rest":     {`{"op":"replace","path":"name","value":{"familyName":"Bianchi"}}`, `{"name":{"givenName":"Anna","familyName":"Bianchi"}}`, ""},
		"null in a complex value":    {`{"op":"replace","path":"name","value":{"givenName":null}}`, `{"name":{"familyName":"Rossi"}}`, ""},
		"extension without path":     {`{"op":"add","value":{"URN:IETF:params:scim:schemas:extension:enterprise:2.0:user":{"costCenter":"1"}}}`, `{"` + enterprise + `":{"department":"Sales","costCenter":"1","manager":{"value":"m"}}}`, ""},
		"extension as path":          {`{"op":"replace","path":"` + enterprise + `","value":{"department":"IT"}}`, `{"` + enterprise + `":{"department":"IT","manager":{"value":"m"}}}`, ""},
		"extension removed":          {`{"op":"remove","path":"` + enterprise + `"}`, `{"` + enterprise + `":null}`, ""},
		"boolean as text":            {`{"op":"Replace","path":"active","value":"False"}`, `{"active":false}`, ""},
		"boolean wrapped":            {`{"op":"Replace","path":"active","value":[{"$ref":null,"value":"False"}]}`, `{"active":false}`, ""},
		"manager as text":            {`{"op":"Add","path":"` + enterprise + `:manager","value":"b"}`, `{"` + enterprise + `":{"department":"Sales","manager":{"value":"b"}}}`, ""},
		"manager as array":           {`{"op":"Add","path":"` + enterprise + `:manager","value":[{"value":"b"}]}`, `{"` + enterprise + `":{"department":"Sales","manager":{"value":"b"}}}`, ""},
		"manager by value":           {`{"op":"Add","path":"` + enterprise + `:manager.value","value":"b"}`, `{"` + enterprise + `":{"department":"Sales","manager":{"value":"b"}}}`, ""},
		"manager emptied":            {`{"op":"Replace","path":"` + enterprise + `:manager","value":""}`, `{"` + enterprise + `":{"department":"Sales"}}`, ""},
		"manager emptied inside":     {`{"op":"Replace","path":"` + enterprise + `:manager","value":{"value":""}}`, `{"` + enterprise + `":{"department":"Sales"}}`, ""},
		"manager null":               {`{"op":"Replace","path":"` + enterprise + `:manager","value":null}`, `{"` + enterprise + `":{"department":"Sales"}}`, ""},
		"cleared by null":            {`{"op":"replace","path":"displayName","value":null}`, `{"displayName":null}`, ""},
		"cleared by nothing":         {`{"op":"replace","path":"displayName","value":""}`, `{"displayName":null}`, ""},
		"removed":                    {`{"op":"remove","path":"displayName"}`, `{"displayName":null}`, ""},
		"removed twice":              {`{"op":"remove","path":"displayName"},{"op":"remove","path":"displayName"}`, `{"displayName":null}`, ""},
		"missing element made":       {`{"op":"replace","path":"phoneNumbers[type eq \"mobile\"].value","value":"1"}`, `{"phoneNumbers":[{"type":"mobile","value":"1"}]}`, ""},
		"missing element cleared":    {`{"op":"replace","path":"phoneNumbers[type eq \"mobile\"].value","value":""}`, `{}`, ""},
		"element as text":            {`{"op":"add","path":"phoneNumbers","value":"1"}`, `{"phoneNumbers":[{"value":"1"}]}`, ""},
		"element as object":          {`{"op":"add","path":"phoneNumbers","value":{"value":"1","type":"WORK"}}`, `{"phoneNumbers":[{"value":"1","type":"work"}]}`, ""},
		"add nothing":                {`{"op":"add","path":"emails","value":[]}`, `{}`, ""},
		"add null to a list":         {`{"op":"add","path":"emails","value":null}`, `{}`, ""},
		"replace by nothing":         {`{"op":"replace","path":"emails","value":[]}`, `{"emails":null}`, ""},
		"new primary":                {`{"op":"add","path":"emails","value":[{"value":"n@x.example","primary":true}]}`, `{"emails":[{"type":"work","value":"w@x.example","primary":false},{"type":"home","value":"h@x.example"},{"value":"n@x.example","primary":true}]}`, ""},
		"element removed by filter":  {`{"op":"remove","path":"emails[type eq \"home\"]"}`, `{"emails":[{"type":"work","value":"w@x.example","primary":true}]}`, ""},
		"elements removed by value":  {`{"op":"Remove","path":"emails","value":[{"value":"h@x.example"}]}`, `{"emails":[{"type":"work","value":"w@x.example","primary":true}]}`, ""},
		"nothing removed by nothing": {`{"op":"Remove","path":"emails","value":[]}`, `{}`, ""},
		"external id":                {`{"op":"add","path":"externalId","value":"e"}`, `{"externalId":"e"}`, ""},
		"unknown attribute":          {`{"op":"add","path":"shoeSize","value":44},{"op":"add","path":"title","value":"Dr"}`, `{"title":"Dr"}`, ""},
		"unknown extension":          {`{"op":"add","path":"urn:x:y:z","value":44},{"op":"add","value":{"urn:x:y":{"a":1}}}`, `{}`, ""},
		"roles by string primary":    {`{"op":"add","path":"roles","value":[{"value":"r","primary":"True"}]},{"op":"replace","path":"roles[primary eq \"True\"].value","value":"s"}`, `{"roles":[{"value":"s","primary":true}]}`, ""},
		"certificate":                {`{"op":"add","path":"x509Certificates","value":[{"value":"AAEC"}]}`, `{"x509Certificates":[{"value":"AAEC"}]}`, ""},
		"a path in single quotes":    {`{"op":"replace","path":"emails[type eq 'home'].value","value":"n@x.example"}`, `{"emails":[{"type":"work","value":"w@x.example","primary":true},{"type":"home","value":"n@x.example"}]}`, ""},
		"a path without quotes":      {`{"op":"remove","path":"emails[type eq home]"}`, `{"emails":[{"type":"work","value":"w@x.example","primary":true}]}`, ""},
		"dot after a URN":            {`{"op":"replace","path":"` + enterprise + `.department","value":"IT"}`, `{"` + enterprise + `":{"department":"IT","manager":{"value":"m"}}}`, ""},
		"an address of nothing":      {`{"op":"add","path":"phoneNumbers","value":[{"type":"work","primary":true},{"type":"home","value":"1"}]}`, `{"phoneNumbers":[{"type":"home","value":"1"}]}`, ""},
		"named once more":            {`{"op":"remove","path":"emails","value":{"emails":[{"value":"h@x.example"}]}}`, `{"emails":[{"type":"work","value":"w@x.example","primary":true}]}`, ""},

		"remove without path":          {`{"op":"remove"}`, "", "noTarget"},
		"unknown op":                   {`{"op":"move","path":"title","value":"x"}`, "", "invalidSyntax"},
		"no op":                        {`{"path":"title","value":"x"}`, "", "invalidSyntax"},
		"operation is no object":       {`"add"`, "", "invalidSyntax"},
		"path is no string":            {`{"op":"add","path":1,"value":"x"}`, "", "invalidPath"},
		"bad path":                     {`{"op":"add","path":"emails[","value":"x"}`, "", "invalidPath"},
		"bad filter in path":           {`{"op":"add","path":"emails[shoe eq 1].value","value":"x"}`, "", "invalidFilter"},
		"add without value":            {`{"op":"add","path":"title"}`, "", "invalidValue"},
		"no path and no object":        {`{"op":"add","value":"x"}`, "", "invalidValue"},
		"wrong type":                   {`{"op":"add","path":"title","value":1}`, "", "invalidValue"},
		"id":                           {`{"op":"replace","path":"id","value":"x"}`, "", "mutability"},
		"groups":                       {`{"op":"replace","path":"groups","value":[]}`, "", "mutability"},
		"read-only sub-attribute":      {`{"op":"add","path":"` + enterprise + `:manager.displayName","value":"x"}`, "", "mutability"},
		"required removed":             {`{"op":"remove","path":"userName"}`, "", "mutability"},
		"required emptied":             {`{"op":"replace","path":"userName","value":" "}`, "", "invalidValue"},
		"required null":                {`{"op":"replace","path":"userName","value":null}`, "", "invalidValue"},
		"no such element":              {`{"op":"replace","path":"emails[value eq \"x\"].display","value":"x"}`, "", "noTarget"},
		"two primaries":                {`{"op":"replace","path":"emails","value":[{"value":"a","primary":true},{"value":"b","primary":true}]}`, "", "invalidValue"},
		"nothing of it when one fails": {`{"op":"add","path":"title","value":"Dr"},{"op":"remove","path":"userName"}`, "", "mutability"},
		"another's name":               {`{"op":"replace","path":"userName","value":"TAKEN"}`, "", "uniqueness"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := newService(t, "")
			s.user(t, "taken")
			id := s.want(t, http.StatusCreated, "POST", "/Users", before)["id"].(string)
			want := s.want(t, http.StatusOK, "GET", "/Users/"+id+"?excludedAttributes=meta", "")
			status := http.StatusOK
			if tt.fail != "" {
				status = http.StatusBadRequest
			}
			if tt.fail == "uniqueness" {
				status = http.StatusConflict
			}
			m := s.want(t, status, "PATCH", "/Users/"+id, `{`+patchSchema+`,"Operations":[`+tt.operations+`]}`)
			if tt.fail != "" {
				if m["scimType"] != tt.fail {
					t.Errorf("scimType %v, want %s: %v", m["scimType"], tt.fail, m["detail"])
				}
			} else {
				apply(t, want, tt.want)
			}
			got := s.want(t, http.StatusOK, "GET", "/Users/"+id+"?excludedAttributes=meta", "")
			if diff := cmp.Diff(bare(want), bare(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// apply makes the changes to what is expected.
func apply(t *testing.T, want map[string]any, changes string) {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(changes), &m); err != nil {
		t.Fatal(err)
	}
	for name, v := range m {
		want[name] = v
		if v == nil {
			delete(want, name)
		}
	}
}

// bare is a resource without what the server adds.
func bare(m map[string]any) map[string]any {
	delete(m, "schemas")
	if e, ok := m[enterprise].(map[string]any); ok {
		if manager, ok := e["manager"].(map[string]any); ok {
			delete(manager, "$ref")
		}
	}
	return m
}
