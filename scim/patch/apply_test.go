package patch_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/attr/attrtest"
	"github.com/usherd/usher/scim/dialect"
	"github.com/usherd/usher/scim/filter"
	"github.com/usherd/usher/scim/patch"
)

const ext = attrtest.EnterpriseURI

func decode(t testing.TB, text string) any {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
	return v
}

func encode(t testing.TB, v any) string {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		t.Fatalf("encode %v: %v", v, err)
	}
	return strings.TrimSpace(b.String())
}

// operations reads "kind path value" a line; the value is JSON and may be
// missing.
func operations(t testing.TB, set *attr.Set, text string) []patch.Operation {
	t.Helper()
	var ops []patch.Operation
	for line := range strings.Lines(text) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		path, value, hasValue := strings.Cut(rest, " := ")
		parsed, err := filter.ParsePath(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if parsed, err = filter.ResolvePath(parsed, set, dialect.Default().Literal); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		op := patch.Operation{Kind: patch.Kind(kind), Path: parsed}
		if hasValue {
			op.Value = decode(t, value)
		}
		ops = append(ops, op)
	}
	return ops
}

func TestApply(t *testing.T) {
	const work, home = `{"type":"work","value":"w@x"}`, `{"type":"home","value":"h@x"}`
	for _, test := range []struct{ name, doc, ops, want string }{
		// RFC 7644 section 3.5.2.1: add.
		{"add attribute", `{}`, `add nickName := "Babs"`, `{"nickName":"Babs"}`},
		{"add replaces a single value", `{"nickName":"B"}`, `add nickName := "Babs"`, `{"nickName":"Babs"}`},
		{"add the same", `{"nickName":"Babs"}`, `add nickName := "Babs"`, `same`},
		{"add merges complex", `{"name":{"givenName":"B","familyName":"J"}}`, `add name := {"givenName":"Babs"}`,
			`{"name":{"givenName":"Babs","familyName":"J"}}`},
		{"add sub-attribute to nothing", `{}`, `add name.familyName := "J"`, `{"name":{"familyName":"J"}}`},
		{"add elements", `{"emails":[` + work + `]}`, `add emails := [` + home + `]`, `{"emails":[` + work + `,` + home + `]}`},
		{"add one element, not in an array", `{"emails":[` + work + `]}`, `add emails := ` + home, `{"emails":[` + work + `,` + home + `]}`},
		{"add an element that is there", `{"emails":[` + work + `,` + home + `]}`, `add emails := [` + work + `]`, `same`},
		{"add merges into the element", `{"emails":[` + work + `]}`, `add emails := [{"type":"work","value":"W@x","display":"W"}]`,
			`{"emails":[{"type":"work","value":"W@x","display":"W"}]}`},
		{"add learns the type", `{"emails":[{"value":"w@x"}]}`, `add emails := [` + work + `]`, `{"emails":[` + work + `]}`},
		{"add the same value of another type", `{"emails":[` + work + `]}`, `add emails := [{"type":"home","value":"w@x"}]`,
			`{"emails":[` + work + `,{"type":"home","value":"w@x"}]}`},
		{"add twice the same", `{}`, `add emails := [` + work + `,` + work + `]`, `{"emails":[` + work + `]}`},
		{"add addresses, equal only when all is", `{"addresses":[{"type":"work","locality":"A"}]}`,
			`add addresses := [{"type":"work","locality":"B"},{"locality":"A","type":"work"}]`,
			`{"addresses":[{"type":"work","locality":"A"},{"type":"work","locality":"B"}]}`},
		{"add simple values", `{"tags":["a"]}`, `add tags := ["A","b"]`, `{"tags":["a","b"]}`},
		{"add nothing", `{"emails":[` + work + `]}`, `add emails := []`, `same`},
		{"add null", `{"emails":[` + work + `]}`, "add emails := null\nadd emails[type eq \"work\"] := null", `same`},
		{"add to filtered elements", `{"emails":[` + work + `,` + home + `]}`, `add emails[type eq "WORK"] := {"display":"W"}`,
			`{"emails":[{"type":"work","value":"w@x","display":"W"},` + home + `]}`},

		{"a filtered value becomes none", `{"emails":[` + work + `]}`, `replace emails[type eq "work"] := {"type":"home"}`, `{}`},
		{"a filtered value is none yet", `{"emails":[` + work + `]}`, `add emails[type eq "other"] := {"primary":true}`, `same`},
		{"a value whose label comes first", `{}`, "add emails[type eq \"work\"].primary := true\nadd emails[type eq \"work\"].value := \"w@x\"",
			`{"emails":[{"type":"work","primary":true,"value":"w@x"}]}`},

		// Lists below an attribute.
		{"add to a list below", `{"shelf":{"room":"1","books":["a","b"]}}`, `add shelf.books := ["B","c"]`, `{"shelf":{"room":"1","books":["a","b","c"]}}`},
		{"add one to a list below", `{"shelf":{"slots":[1]}}`, "add shelf.slots := 2\nadd shelf.slots := [1]", `{"shelf":{"slots":[1,2]}}`},
		{"add a list below to nothing", `{}`, `add shelf.books := ["a","A"]`, `{"shelf":{"books":["a"]}}`},
		{"add an object with a list", `{"shelf":{"room":"1","books":["a"]}}`, `add shelf := {"books":["c"],"room":"2"}`, `{"shelf":{"room":"2","books":["a","c"]}}`},
		{"add to lists of those filtered", `{"keys":[{"value":"k","doors":["p"]},{"value":"l","doors":["p"]}]}`, `add keys[value eq "k"].doors := ["q"]`,
			`{"keys":[{"value":"k","doors":["p","q"]},{"value":"l","doors":["p"]}]}`},
		{"add to the list of the same element", `{"keys":[{"value":"k","doors":["p"]}]}`, `add keys := [{"value":"k","doors":["p","q"]}]`,
			`{"keys":[{"value":"k","doors":["p","q"]}]}`},
		{"add an element that a list says", `{}`, `add keys[doors eq "p"].value := "k"`, `{"keys":[{"value":"k","doors":["p"]}]}`},
		{"add nothing to lists below", `{"shelf":{"books":["a"]},"keys":[{"value":"k","doors":["p"]}]}`, "add shelf.books := [\"A\"]\nadd keys[value eq \"k\"].doors := \"P\"", `same`},
		{"remove of a list below", `{"shelf":{"books":["a","b"],"slots":[1]}}`, "remove shelf.books := [\"A\",\"x\"]\nremove shelf.slots := 1", `{"shelf":{"books":["b"]}}`},
		{"remove of lists of those filtered", `{"keys":[{"value":"k","doors":["p","q"]},{"value":"l","doors":["p"]}]}`, `remove keys[value eq "k"].doors := "p"`,
			`{"keys":[{"value":"k","doors":["q"]},{"value":"l","doors":["p"]}]}`},
		{"remove a list below", `{"shelf":{"room":"1","books":["a"]}}`, `remove shelf.books`, `{"shelf":{"room":"1"}}`},
		{"remove nothing of a list below", `{"shelf":{"books":["a"]},"keys":[{"value":"k","doors":["p"]}]}`,
			"remove shelf.books := []\nremove keys[value eq \"k\"].doors := []\nremove keys[value eq \"x\"].doors := [\"p\"]", `same`},
		{"replace a list below", `{"shelf":{"books":["a","b"]}}`, `replace shelf.books := ["c"]`, `{"shelf":{"books":["c"]}}`},

		// One primary.
		{"a new primary", `{"emails":[{"value":"a","primary":true}]}`, `add emails := [{"value":"b","primary":true}]`,
			`{"emails":[{"value":"a","primary":false},{"value":"b","primary":true}]}`},
		{"primary by path", `{"emails":[{"value":"a","type":"work","primary":true},{"value":"b","type":"home"}]}`,
			`replace emails[type eq "home"].primary := true`,
			`{"emails":[{"value":"a","type":"work","primary":false},{"value":"b","type":"home","primary":true}]}`},
		{"primary again", `{"emails":[{"value":"a","primary":true},{"value":"b"}]}`, `add emails := {"value":"a","primary":true}`, `same`},

		// Section 3.5.2.2: remove.
		{"remove attribute", `{"nickName":"B","title":"T"}`, `remove nickName`, `{"title":"T"}`},
		{"remove what is not there", `{}`, "remove nickName\nremove emails\nremove emails[type eq \"work\"]\nremove name.givenName", `same`},
		{"remove sub-attribute", `{"name":{"givenName":"B","familyName":"J"}}`, `remove name.givenName`, `{"name":{"familyName":"J"}}`},
		{"remove the last sub-attribute", `{"name":{"givenName":"B"}}`, `remove name.givenName`, `{}`},
		{"remove all elements", `{"emails":[` + work + `,` + home + `]}`, `remove emails`, `{}`},
		{"remove by filter", `{"emails":[` + work + `,` + home + `]}`, `remove emails[type eq "work" and value ew "x"]`, `{"emails":[` + home + `]}`},
		{"remove the last by filter", `{"emails":[` + work + `]}`, `remove emails[type eq "work"]`, `{}`},
		{"remove by filter, no match", `{"emails":[` + work + `]}`, `remove emails[type eq "other"]`, `same`},
		{"remove sub-attribute by filter", `{"emails":[{"type":"work","value":"w","display":"d"}]}`, `remove emails[type eq "work"].display`,
			`{"emails":[{"type":"work","value":"w"}]}`},
		{"remove the value by filter", `{"emails":[{"type":"work","value":"w","primary":true},` + home + `]}`, `remove emails[type eq "work"].value`,
			`{"emails":[` + home + `]}`},
		{"remove what an address is", `{"addresses":[{"type":"work","locality":"A"}]}`, `remove addresses[type eq "work"].locality`, `{}`},
		{"remove part of an address", `{"addresses":[{"type":"work","locality":"A","streetAddress":"S"}]}`, `remove addresses[type eq "work"].locality`,
			`{"addresses":[{"type":"work","streetAddress":"S"}]}`},
		{"remove sub-attribute of all", `{"emails":[{"value":"a","display":"A"},{"value":"b","display":"B"}]}`, `remove emails.display`,
			`{"emails":[{"value":"a"},{"value":"b"}]}`},
		{"remove simple by filter", `{"tags":["a","b"]}`, `remove tags[value eq "A"]`, `{"tags":["b"]}`},
		{"remove listed", `{"emails":[` + work + `,` + home + `]}`, `remove emails := [{"value":"W@x"}]`, `{"emails":[` + home + `]}`},
		{"remove listed, wrong type", `{"emails":[` + work + `]}`, `remove emails := [{"value":"w@x","type":"home"}]`, `same`},
		{"remove listed by what is known", `{"emails":[` + work + `,` + home + `]}`, `remove emails := [{"type":"home"}]`, `{"emails":[` + work + `]}`},
		{"remove listed simple", `{"tags":["a","b"],"scores":[1,2]}`, "remove tags := [\"b\"]\nremove scores := 1", `{"tags":["a"],"scores":[2]}`},
		{"remove an empty list", `{"emails":[` + work + `]}`, "remove emails := []\nremove emails := \"\"\nremove emails := [{}]", `same`},
		{"remove with a value, single", `{"nickName":"B"}`, `remove nickName := "x"`, `{}`},

		// Section 3.5.2.3: replace.
		{"replace", `{"nickName":"B"}`, `replace nickName := "Babs"`, `{"nickName":"Babs"}`},
		{"replace what is not there", `{}`, `replace nickName := "Babs"`, `{"nickName":"Babs"}`},
		{"replace complex leaves the rest", `{"name":{"givenName":"B","familyName":"J"}}`, `replace name := {"givenName":"Babs"}`,
			`{"name":{"givenName":"Babs","familyName":"J"}}`},
		{"replace all elements", `{"emails":[` + work + `]}`, `replace emails := [` + home + `]`, `{"emails":[` + home + `]}`},
		{"replace all elements by the same", `{"emails":[` + work + `,` + home + `]}`, `replace emails := [` + work + `,` + home + `]`, `same`},
		{"replace by filter", `{"addresses":[{"type":"work","locality":"A","streetAddress":"S"},{"type":"home","locality":"H"}]}`,
			`replace addresses[type eq "work"] := {"type":"work","locality":"B"}`,
			`{"addresses":[{"type":"work","locality":"B"},{"type":"home","locality":"H"}]}`},
		{"replace by filter keeps what it said", `{"addresses":[{"type":"work","locality":"A","streetAddress":"S"}]}`,
			`replace addresses[type eq "work"] := [{"locality":"B"}]`, `{"addresses":[{"type":"work","locality":"B"}]}`},
		{"replace sub-attribute by filter", `{"emails":[` + work + `,` + home + `]}`, `replace emails[type eq "work"].value := "n@x"`,
			`{"emails":[{"type":"work","value":"n@x"},` + home + `]}`},
		{"replace makes two equal", `{"emails":[{"type":"work","value":"a"},{"type":"work","value":"b"}]}`, `replace emails[type eq "work"].value := "c"`,
			`{"emails":[{"type":"work","value":"c"}]}`},
		{"replace sub-attribute of all", `{"emails":[{"value":"a"},{"value":"b"}]}`, `replace emails.type := "work"`,
			`{"emails":[{"value":"a","type":"work"},{"value":"b","type":"work"}]}`},
		{"replace simple by filter", `{"tags":["a","b"]}`, `replace tags[value eq "a"] := "c"`, `{"tags":["c","b"]}`},
		{"replace by nothing", `{"emails":[` + work + `]}`, `replace emails := []`, `{}`},
		{"replace filtered by null", `{"emails":[` + work + `,` + home + `]}`, `replace emails[type eq "work"] := null`, `{"emails":[` + home + `]}`},
		{"replace filtered, clearing its value", `{"emails":[` + work + `,` + home + `]}`, `replace emails[type eq "work"] := {"value":""}`,
			`{"emails":[` + home + `]}`},

		// What identity providers send.
		{"null and empty clear", `{"nickName":"B","title":"T","name":{"givenName":"G","familyName":"F"},"active":true}`,
			"replace nickName := null\nadd title := \"\"\nreplace name := {\"givenName\":\"\"}\nreplace active := null", `{"name":{"familyName":"F"}}`},
		{"Entra makes the address", `{}`, `add emails[type eq "work"].value := "w@x"`, `{"emails":[{"type":"work","value":"w@x"}]}`},
		{"Entra adds to what is not there", `{"emails":[` + home + `]}`, "add emails[type eq \"work\"].value := \"w@x\"\nreplace emails[type eq \"work\"].display := \"W\"",
			`{"emails":[` + home + `,{"type":"work","value":"w@x","display":"W"}]}`},
		{"Entra's primary role", `{"roles":[{"value":"a","primary":true}]}`, `add roles[primary eq "True"].value := "b"`,
			`{"roles":[{"value":"b","primary":true}]}`},
		{"Entra makes a primary role", `{"roles":[{"value":"a"}]}`, `add roles[primary eq "True"].value := "b"`,
			`{"roles":[{"value":"a"},{"value":"b","primary":true}]}`},
		{"Entra makes an element of two facts", `{}`, `add addresses[type eq "work" and primary eq true].locality := "A"`,
			`{"addresses":[{"type":"work","primary":true,"locality":"A"}]}`},
		{"Entra clears what is not there", `{}`, "replace emails[type eq \"work\"].value := null\nreplace emails[type eq \"work\"].value := \"\"", `same`},
		{"Entra's manager", `{}`, `add ` + ext + `:manager := {"value":"m","$ref":null,"displayName":"ignored"}`, `{"` + ext + `":{"manager":{"value":"m"}}}`},
		{"Entra's manager, by value", `{"` + ext + `":{"manager":{"value":"m","$ref":"r"}}}`, `replace ` + ext + `:manager.value := "n"`,
			`{"` + ext + `":{"manager":{"value":"n","$ref":"r"}}}`},
		{"Entra's manager, cleared", `{"` + ext + `":{"manager":{"value":"m","$ref":"r"}},"title":"T"}`, `replace ` + ext + `:manager := {"value":""}`, `{"title":"T"}`},
		{"remove manager", `{"` + ext + `":{"manager":{"value":"m"},"department":"D"}}`, `remove ` + ext + `:manager`, `{"` + ext + `":{"department":"D"}}`},
		{"whole extension", `{"` + ext + `":{"employeeNumber":"1"}}`, `replace ` + ext + ` := {"department":"D","manager":{"value":"m"}}`,
			`{"` + ext + `":{"employeeNumber":"1","department":"D","manager":{"value":"m"}}}`},
		{"remove whole extension", `{"` + ext + `":{"employeeNumber":"1","manager":{"value":"m"}}}`, `remove ` + ext, `{}`},
		{"clear whole extension", `{"` + ext + `":{"employeeNumber":"1"}}`, `replace ` + ext + ` := null`, `{}`},
		{"core by URN", `{}`, `replace ` + attrtest.UserURI + `:title := "T"`, `{"title":"T"}`},
		{"read-only parts of a value are passed over", `{"` + ext + `":{"manager":{"value":"m"}}}`, `replace ` + ext + `:manager := {"displayName":"x"}`, `same`},

		// Sequences.
		{"one after the other", `{"emails":[` + work + `]}`, "remove emails\nadd emails := [" + home + "]\nreplace emails[type eq \"home\"].value := \"n\"",
			`{"emails":[{"type":"home","value":"n"}]}`},
		{"there and back", `{"nickName":"B"}`, "replace nickName := \"C\"\nreplace nickName := \"B\"", `same`},
		{"required, removed and set", `{"userName":"a"}`, "remove userName\nadd userName := \"b\"", `{"userName":"b"}`},
		{"immutable, first set", `{}`, `add badge := "1"`, `{"badge":"1"}`},
		{"immutable, the same", `{"badge":"1"}`, `replace badge := "1"`, `same`},
	} {
		t.Run(test.name, func(t *testing.T) {
			doc := decode(t, test.doc).(map[string]any)
			if test.want == "same" {
				test.want = test.doc
			}
			changed, err := patch.Apply(doc, operations(t, attrtest.User(), test.ops), attrtest.User())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, test.want), any(doc)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if want := test.want != test.doc; changed != want {
				t.Errorf("changed is %v", changed)
			}
		})
	}
}

func TestApplyFaults(t *testing.T) {
	const doc = `{"userName":"a","badge":"1","emails":[{"type":"work","value":"w@x"},{"type":"work","value":"v@x"}],` +
		`"groups":[{"value":"g"}],"tags":["a"],"name":{"givenName":"G"}}`
	for _, test := range []struct {
		name, ops string
		want      patch.Reason
		operation int
	}{
		{"replace, filter without match", `replace emails[type eq "home"] := {"value":"x"}`, patch.NoTarget, 0},
		{"replace sub-attribute, filter without match", `replace emails[type eq "home"].value := "x"`, patch.NoTarget, 0},
		{"add by value without match", `add emails[value eq "x"].display := "x"`, patch.NoTarget, 0},
		{"add by a filter that is not simple", `add emails[type sw "home"].value := "x"`, patch.NoTarget, 0},
		{"add by two types", `add emails[type eq "home" and type eq "other"].value := "x"`, patch.NoTarget, 0},
		{"add by alternatives", `add emails[type eq "home" or type eq "other"].value := "x"`, patch.NoTarget, 0},
		{"add by absence", `add emails[type eq null].value := "x"`, patch.NoTarget, 0},
		{"add what the filter says", `add emails[type eq "home"].type := "other"`, patch.NoTarget, 0},
		{"replace simple without match", `replace tags[value eq "b"] := "c"`, patch.NoTarget, 0},
		{"the second operation", "replace nickName := \"N\"\nreplace emails[type eq \"home\"] := {\"value\":\"x\"}", patch.NoTarget, 1},
		{"read-only", `add groups := [{"value":"h"}]`, patch.Mutability, 0},
		{"remove read-only", `remove groups[value eq "g"]`, patch.Mutability, 0},
		{"id", `replace id := "x"`, patch.Mutability, 0},
		{"meta", `replace meta.created := "2020-01-01T00:00:00Z"`, patch.Mutability, 0},
		{"schemas", `add schemas := ["x"]`, patch.Mutability, 0},
		{"read-only sub-attribute", `replace ` + ext + `:manager.displayName := "x"`, patch.Mutability, 0},
		{"remove required", `remove userName`, patch.Mutability, -1},
		{"clear required", `replace userName := ""`, patch.InvalidValue, -1},
		{"immutable", `replace badge := "2"`, patch.Mutability, -1},
		{"remove immutable", `remove badge`, patch.Mutability, -1},
		{"wrong type", `replace active := "True"`, patch.InvalidValue, 0},
		{"number for string", `replace nickName := 5`, patch.InvalidValue, 0},
		{"array for one value", `replace nickName := ["x"]`, patch.InvalidValue, 0},
		{"string for object", `replace name := "x"`, patch.InvalidValue, 0},
		{"string for element", `add emails := ["x"]`, patch.InvalidValue, 0},
		{"object for simple", `add tags := [{"value":"x"}]`, patch.InvalidValue, 0},
		{"unknown sub-attribute", `add emails := [{"value":"x","kind":"y"}]`, patch.InvalidValue, 0},
		{"unknown in extension", `add ` + ext + ` := {"frob":"y"}`, patch.InvalidValue, 0},
		{"string for extension", `add ` + ext + ` := "y"`, patch.InvalidValue, 0},
		{"two primaries", `add emails := [{"value":"x","primary":true},{"value":"y","primary":true}]`, patch.InvalidValue, 0},
		{"two primaries by filter", `replace emails[type eq "work"].primary := true`, patch.InvalidValue, 0},
		{"several values for a filter", `replace emails[type eq "work"] := [{"value":"x"},{"value":"y"}]`, patch.InvalidValue, 0},
		{"no such operation", `move nickName := "x"`, patch.InvalidSyntax, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := decode(t, doc)
			ops := "replace title := \"T\"\nadd emails[type eq \"work\"].display := \"D\"\n" + test.ops
			changed, err := patch.Apply(got.(map[string]any), operations(t, attrtest.User(), ops), attrtest.User())
			var fault *patch.Error
			if !errors.As(err, &fault) || fault.Reason != test.want {
				t.Fatalf("got %v, want %s", err, test.want)
			}
			if want := test.operation; want >= 0 && fault.Operation != want+2 || want < 0 && fault.Operation != -1 {
				t.Errorf("got operation %d", fault.Operation)
			}
			if diff := cmp.Diff(decode(t, doc), got); diff != "" || changed {
				t.Errorf("changed by a failure (-want +got):\n%s", diff)
			}
		})
	}
}

func TestApplyUnresolved(t *testing.T) {
	for _, path := range []filter.Path{
		{Attr: filter.Attr{Name: "frob"}},
		{Attr: filter.Attr{URI: "urn:x"}},
		{Attr: filter.Attr{Name: "emails", Sub: "frob"}},
		{Attr: filter.Attr{Name: "nickName"}, Filter: filter.Present{Attr: filter.Attr{Sub: "x"}}},
		{Attr: filter.Attr{Name: "emails"}, Filter: filter.Compare{Attr: filter.Attr{Sub: "x"}, Op: filter.Equal, Value: "x"}},
		{},
	} {
		doc := map[string]any{"emails": []any{map[string]any{"value": "x"}}}
		_, err := patch.Apply(doc, []patch.Operation{{Kind: patch.Add, Path: path, Value: "x"}}, attrtest.User())
		var fault *patch.Error
		if !errors.As(err, &fault) || fault.Reason != patch.InvalidPath {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestApplyImmutableParts(t *testing.T) {
	const doc = `{"displayName":"G","members":[{"value":"u1","type":"User","display":"U"}]}`
	for ops, want := range map[string]patch.Reason{
		`replace members[value eq "u1"].value := "u2"`:                   patch.Mutability,
		`remove members[value eq "u1"].type`:                             patch.Mutability,
		`replace members[value eq "u1"] := {"value":"u2"}`:               patch.Mutability,
		`replace members[value eq "u1"] := {"value":"u1","display":"V"}`: "",
		`replace members[value eq "u1"].display := "V"`:                  "",
		`replace members := [{"value":"u2"}]`:                            "",
		`remove members[value eq "u1"]`:                                  "",
	} {
		changed, err := patch.Apply(decode(t, doc).(map[string]any), operations(t, attrtest.Group(), ops), attrtest.Group())
		var fault *patch.Error
		if errors.As(err, &fault) && fault.Reason != want || err == nil && (want != "" || !changed) {
			t.Errorf("%s: got %v, %v, want %q", ops, changed, err, want)
		}
	}
}

func TestApplyDoesNotShareValues(t *testing.T) {
	value := decode(t, `[{"value":"a","type":"work"}]`)
	path := filter.Path{Attr: filter.Attr{Name: "emails"}}
	doc := map[string]any{}
	if _, err := patch.Apply(doc, []patch.Operation{{Kind: patch.Add, Path: path, Value: value}}, attrtest.User()); err != nil {
		t.Fatal(err)
	}
	value.([]any)[0].(map[string]any)["value"] = "b"
	if got := encode(t, doc); got != `{"emails":[{"type":"work","value":"a"}]}` {
		t.Errorf("got %s", got)
	}
}

func TestApplyRefusesTooMuchWork(t *testing.T) {
	items := make([]any, 20_000)
	for i := range items {
		items[i] = map[string]any{"value": strconv.Itoa(i)}
	}
	for _, text := range []string{`add emails := [{"value":"7"}]`, `remove emails := [{"value":"x"}]`, `remove emails[value eq "x" or value eq "y"]`} {
		ops := operations(t, attrtest.User(), text)
		_, err := patch.Apply(map[string]any{"emails": items}, slices.Repeat(ops, 1000), attrtest.User())
		var fault *patch.Error
		if !errors.As(err, &fault) || fault.Reason != patch.TooMany {
			t.Errorf("%s a thousand times: %v", text, err)
		}
	}
}

// What is folded costs most: an element is folded once, however many are added.
func BenchmarkAddFolded(b *testing.B) {
	items := make([]any, 1000)
	for i := range items {
		items[i] = map[string]any{"value": strings.Repeat("É", 200) + strconv.Itoa(i)}
	}
	op := patch.Operation{Kind: patch.Add, Path: filter.Path{Attr: filter.Attr{Name: "emails"}}, Value: items}
	for b.Loop() {
		if _, err := patch.Apply(map[string]any{}, []patch.Operation{op}, attrtest.User()); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	const doc = `{"userName":"a","name":{"givenName":"G","familyName":"F"},"emails":[{"type":"work","value":"w@x","primary":true}],"active":true}`
	set := attrtest.User()
	for name, text := range map[string]string{
		"active":  `replace active := false`,
		"no-op":   `replace active := true`,
		"address": `replace emails[type eq "work"].value := "n@x"`,
	} {
		ops := operations(b, set, text)
		original := decode(b, doc).(map[string]any)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				work := make(map[string]any, len(original))
				for k, v := range original {
					work[k] = v
				}
				if _, err := patch.Apply(work, ops, set); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
