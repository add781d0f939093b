package dialect_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/dialect"
)

// example is what a rewrite makes of something, as JSON.
type example struct {
	// what names an attribute of a user whose value it is, or says that it is a
	// document, a message, an operation or a filter.
	what, in, out string
}

// examples has for each rewrite what it changes and what it must not.
var examples = map[string][]example{
	"entra-boolean-string": {
		{"active", `"True"`, `true`}, {"active", `"FALSE"`, `false`}, {"active", `"yes"`, `"yes"`}, {"title", `"True"`, `"True"`},
	},
	"entra-wrapped-value": {
		{"title", `[{"$ref":null,"value":"x"}]`, `"x"`}, {"title", `{"value":"x"}`, `"x"`}, {"title", `[]`, `null`},
		{"title", `["x","y"]`, `["x","y"]`}, {"manager", `[{"value":"m"}]`, `{"value":"m"}`}, {"manager", `{"value":"m"}`, `{"value":"m"}`},
		{"emails", `[{"value":"x"}]`, `[{"value":"x"}]`},
	},
	"entra-empty-clears": {{"title", `""`, `null`}, {"title", `" "`, `" "`}, {"manager", `""`, `null`}},
	"entra-single-quotes": {
		{"filter", `userName eq 'x'`, `userName eq "x"`}, {"filter", `userName eq "O'Neill's"`, `userName eq "O'Neill's"`},
		{"filter", `userName eq 'x`, `userName eq 'x`},
	},
	"okta-repeated-id": {
		{"operation", `{"Op":"replace","Path":"","Value":{"id":"1","schemas":[],"META":{},"groups":[],"displayName":"x"}}`, `{"Op":"replace","Path":"","Value":{"displayName":"x"}}`},
		{"operation", `{"Op":"replace","Path":"name","Value":{"id":"1"}}`, `{"Op":"replace","Path":"name","Value":{"id":"1"}}`},
		{"operation", `{"Op":"replace","Path":"","Value":"x"}`, `{"Op":"replace","Path":"","Value":"x"}`},
	},
	"google-nested-core": {
		{"document", `{"userName":"a","URN:ietf:params:scim:schemas:core:2.0:User":{"title":"t","userName":"b"}}`, `{"userName":"a","title":"t"}`},
		{"document", `{"urn:x":{"title":"t"}}`, `{"urn:x":{"title":"t"}}`},
	},
	"onelogin-draft-urn": {
		{"document", `{"schemas":["urn:scim:schemas:core:1.0","urn:scim:schemas:extension:enterprise:1.0"],"urn:scim:schemas:extension:enterprise:1.0":{"division":"d"}}`,
			`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"],"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"division":"d"}}`},
		{"document", `{"schemas":["urn:scim:schemas:other",1]}`, `{"schemas":["urn:scim:schemas:other",1]}`},
	},
	"missing-schemas": {
		{"document", `{"userName":"a"}`, `{"userName":"a","schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]}`},
		{"document", `{"Schemas":[]}`, `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"]}`},
		{"document", `{"SCHEMAS":["urn:x"]}`, `{"SCHEMAS":["urn:x"]}`}, {"document", `{"schemas":"x"}`, `{"schemas":"x"}`},
	},
	"bare-extension-attribute": {
		{"document", `{"userName":"a","Department":"d","urn:x:y":1,"unknown":2}`, `{"userName":"a","urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"Department":"d"},"urn:x:y":1,"unknown":2}`},
		{"document", `{"department":"d","URN:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"e"}}`, `{"URN:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"department":"e"}}`},
		{"attribute", `{"Name":"manager","Sub":"value"}`, `{"URI":"` + scim.EnterpriseUserURN + `","Name":"manager","Sub":"value"}`},
		{"attribute", `{"Name":"title"}`, `{"Name":"title"}`}, {"attribute", `{"Name":"unknown"}`, `{"Name":"unknown"}`},
		{"attribute", `{"URI":"urn:x","Name":"manager"}`, `{"URI":"urn:x","Name":"manager"}`},
	},
	"dotted-urn": {
		{"document", `{"userName":"a","` + scim.EnterpriseUserURN + `.department":"d","urn:ietf:params:scim:schemas:core:2.0:User.title":"t","x.y":1}`,
			`{"userName":"a","title":"t","` + scim.EnterpriseUserURN + `":{"department":"d"},"x.y":1}`},
		{"document", `{"` + scim.EnterpriseUserURN + `.department":"d","` + scim.EnterpriseUserURN + `":{"Department":"e"}}`, `{"` + scim.EnterpriseUserURN + `":{"Department":"e"}}`},
		{"attribute", `{"URI":"urn:ietf:params:scim:schemas:Extension:enterprise:2.0","Name":"User","Sub":"department"}`,
			`{"URI":"urn:ietf:params:scim:schemas:Extension:enterprise:2.0:User","Name":"department"}`},
		{"attribute", `{"URI":"urn:ietf:params:scim:schemas:core:2.0","Name":"User","Sub":"title"}`, `{"URI":"urn:ietf:params:scim:schemas:core:2.0:User","Name":"title"}`},
		{"attribute", `{"URI":"` + scim.EnterpriseUserURN + `","Name":"manager","Sub":"value"}`, `{"URI":"` + scim.EnterpriseUserURN + `","Name":"manager","Sub":"value"}`},
		{"attribute", `{"Name":"name","Sub":"givenName"}`, `{"Name":"name","Sub":"givenName"}`},
		{"attribute", `{"URI":"urn:ietf:params:scim:schemas:core:2.0","Name":"User"}`, `{"URI":"urn:ietf:params:scim:schemas:core:2.0","Name":"User"}`},
	},
	"bare-word": {
		{"filter", `userName eq alice`, `userName eq "alice"`}, {"filter", `userName Eq o'neill@example.com and (active eq True or title Ne x)`, `userName Eq "o'neill@example.com" and (active eq True or title Ne "x")`},
		{"filter", `emails[type eq work and value ew .org].display`, `emails[type eq "work" and value ew ".org"].display`},
		{"filter", `id eq 01a205c0-08bf and age gt 7 and x eq null`, `id eq "01a205c0-08bf" and age gt 7 and x eq null`},
		{"filter", `title eq "a eq b \" eq c" and title pr`, `title eq "a eq b \" eq c" and title pr`},
		{"filter", `a pr and gt eq "x"`, `a pr and gt eq "x"`}, {"filter", `userName eq “ann”`, `userName eq “ann”`}, {"filter", `userName eq 'ann`, `userName eq 'ann`},
		{"filter", `id eq 'a' and type ne "b"`, `id eq 'a' and type ne "b"`}, {"filter", `id eq a;`, `id eq a;`}, {"filter", `userName eq a"b"`, `userName eq a"b"`},
		{"filter", `title eq New York`, `title eq "New" York`}, {"filter", `title eq`, `title eq`}, {"filter", `title eq a\b`, `title eq a\b`},
	},
	"repeated-name": {
		{"emails", `{"Emails":[{"value":"a"}]}`, `[{"value":"a"}]`}, {"emails", `{"emails":[],"x":1}`, `{"emails":[],"x":1}`},
		{"emails", `[{"emails":{"value":"a"}}]`, `{"value":"a"}`}, {"emails", `[{"emails":"a"},{"emails":"b"}]`, `[{"emails":"a"},{"emails":"b"}]`},
		{"emails", `{"value":"a"}`, `{"value":"a"}`}, {"manager", `{"manager":"m"}`, `{"manager":"m"}`},
	},
	"bare-value": {
		{"manager", `"m"`, `{"value":"m"}`}, {"emails", `["a",{"value":"b"},1]`, `[{"value":"a"},{"value":"b"},1]`},
		{"emails", `"a"`, `{"value":"a"}`}, {"name", `"Anna"`, `"Anna"`}, {"title", `"t"`, `"t"`},
	},
	"single-value": {
		{"emails", `{"value":"a"}`, `[{"value":"a"}]`}, {"emails", `null`, `null`}, {"title", `"t"`, `"t"`},
	},
	"reference-only": {
		{"manager", `{"$ref":"https://x.example/Users/7"}`, `{"$ref":"https://x.example/Users/7","value":"7"}`},
		{"manager", `{"$ref":"../Users/7","Value":"8"}`, `{"$ref":"../Users/7","Value":"8"}`}, {"manager", `{"$ref":null}`, `{"$ref":null}`},
		{"name", `{"$ref":"a/b"}`, `{"$ref":"a/b"}`},
	},
	"missing-message-schemas": {
		{"message", `{"Operations":[]}`, `{"Operations":[],"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`},
		{"message", `{"Schemas":null}`, `{"schemas":["urn:ietf:params:scim:api:messages:2.0:PatchOp"]}`}, {"message", `{"schemas":["urn:x"]}`, `{"schemas":["urn:x"]}`},
	},
	"entra-replace-missing": {
		{"operation", `{"Op":" Replace","Path":"emails[type eq \"work\"].value","Value":"x"}`, `{"Op":"add","Path":"emails[type eq \"work\"].value","Value":"x"}`},
		{"operation", `{"Op":"replace","Path":"emails[type eq \"work\"].value","Value":null}`, `{"Op":"replace","Path":"emails[type eq \"work\"].value","Value":null}`},
		{"operation", `{"Op":"replace","Path":"emails[type eq \"].value\"]","Value":"x"}`, `{"Op":"replace","Path":"emails[type eq \"].value\"]","Value":"x"}`},
		{"operation", `{"Op":"replace","Path":"name.givenName","Value":"x"}`, `{"Op":"replace","Path":"name.givenName","Value":"x"}`},
		{"operation", `{"Op":"remove","Path":"emails[type eq \"work\"].value","Value":"x"}`, `{"Op":"remove","Path":"emails[type eq \"work\"].value","Value":"x"}`},
	},
	"operation-spelling": {{"operation", `{"Op":" Replace","Path":"a","Value":1}`, `{"Op":"replace","Path":"a","Value":1}`}},
}

func TestRewrites(t *testing.T) {
	set := scim.UserType().Attributes()
	rewrites := dialect.Default().Rewrites()
	if len(rewrites) != len(examples) {
		t.Errorf("%d rewrites, examples of %d", len(rewrites), len(examples))
	}
	for _, r := range rewrites {
		if len(examples[r.Name]) == 0 || r.Doc == "" {
			t.Errorf("%s lacks examples or a description", r.Name)
		}
		for _, e := range examples[r.Name] {
			if diff := cmp.Diff(decode(t, e.out), rewrite(t, r, set, e)); diff != "" {
				t.Errorf("%s: %s %s: %s", r.Name, e.what, e.in, diff)
			}
		}
	}
}

// rewrite is what a rewrite makes of an example.
func rewrite(t *testing.T, r dialect.Rewrite, set *attr.Set, e example) any {
	t.Helper()
	in := decode(t, e.in)
	switch e.what {
	case "filter":
		return r.Filter(e.in)
	case "attribute":
		var name dialect.Name
		if err := json.Unmarshal([]byte(e.in), &name); err != nil {
			t.Fatal(err)
		}
		out := map[string]any{}
		for part, text := range map[string]string{"URI": r.Attribute(set, name).URI, "Name": r.Attribute(set, name).Name, "Sub": r.Attribute(set, name).Sub} {
			if text != "" {
				out[part] = text
			}
		}
		return out
	case "document":
		r.Document(set, in.(map[string]any))
		return in
	case "message":
		r.Message(in.(map[string]any), "urn:ietf:params:scim:api:messages:2.0:PatchOp")
		return in
	case "operation":
		var op dialect.Op
		if err := json.Unmarshal([]byte(e.in), &op); err != nil {
			t.Fatal(err)
		}
		op = r.Operation(set, op)
		return map[string]any{"Op": op.Op, "Path": op.Path, "Value": op.Value}
	}
	d, _ := set.Lookup("", e.what)
	if d == nil {
		d, _ = set.Lookup(scim.EnterpriseUserURN, e.what)
	}
	return r.Value(d, in)
}

// decode reads JSON; what is none is a filter.
func decode(t *testing.T, text string) any {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return text
	}
	return v
}

func TestProfiles(t *testing.T) {
	for _, name := range append(dialect.Names(), "", "OKTA") {
		p, err := dialect.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if !p.PatchReturnsBody("User") || p.PatchReturnsBody("Group") != (name == "keycloak") {
			t.Errorf("%s: a PATCH is answered 200 for users, 204 for groups but to Keycloak", name)
		}
		if p.Strict != (len(p.Rewrites()) == 0) {
			t.Errorf("%s: what is strict rewrites nothing", name)
		}
	}
	if _, err := dialect.ByName("unknown"); err == nil {
		t.Error("an unknown profile was accepted")
	}
}
