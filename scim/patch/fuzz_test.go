package patch_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/usherd/usher/scim/attr/attrtest"
	"github.com/usherd/usher/scim/filter"
	"github.com/usherd/usher/scim/patch"
)

// FuzzApply applies whatever operations to whatever document. The document stays
// JSON, a failure leaves it alone, changed tells the truth, and an operation
// without filter done again changes nothing.
func FuzzApply(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"emails":[{"type":"work","value":"w"}]}`, `add|emails[type eq "work"].value|"x"`},
		{`{"emails":[{"value":"w","primary":true}]}`, "add|emails|[{\"value\":\"x\",\"primary\":true}]\nremove|emails|[{\"value\":\"w\"}]"},
		{`{"name":{"givenName":"G"}}`, "replace|name|{\"givenName\":\"\"}\nreplace|name.familyName|null"},
		{`{"tags":["a"],"scores":[1]}`, "replace|tags[value eq \"a\"]|\"b\"\nremove|scores|1"},
		{`{"` + ext + `":{"manager":{"value":"m"}}}`, "remove|" + ext + "|\nadd|" + ext + ":manager|{\"value\":\"n\"}"},
		{`{"emails":"oops","name":[1],"tags":{"a":null},"` + ext + `":5}`, "add|emails|{\"value\":\"x\"}\nadd|name.givenName|\"x\"\nadd|tags|\"x\"\nadd|" + ext + ":department|\"x\""},
	} {
		f.Add(seed[0], seed[1])
	}
	set := attrtest.User()
	f.Fuzz(func(t *testing.T, document, script string) {
		doc, ok := read(document).(map[string]any)
		if !ok {
			return
		}
		before := read(document)
		ops := parseScript(script)
		changed, err := patch.Apply(doc, ops, set)
		same := reflect.DeepEqual(before, any(doc))
		if err != nil {
			if !same || changed {
				t.Fatalf("%s\n%s\nfailed with %v and left %v", document, script, err, doc)
			}
			return
		}
		if changed == same {
			t.Fatalf("%s\n%s\nchanged is %v: %v", document, script, changed, doc)
		}
		after, err := json.Marshal(doc)
		if err != nil {
			t.Fatalf("%s\n%s\nleft %v: %v", document, script, doc, err)
		}
		if len(ops) != 1 || ops[0].Path.Filter != nil {
			return
		}
		if again, err := patch.Apply(doc, ops, set); err != nil || again {
			t.Fatalf("%s\n%s\nleft %s and again: %v, %v: %v", document, script, after, again, err, doc)
		}
	})
}

func read(text string) any {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return nil
	}
	return v
}

// parseScript reads kind|path|value lines, passing over what cannot be.
func parseScript(script string) []patch.Operation {
	var ops []patch.Operation
	for line := range strings.Lines(script) {
		kind, rest, _ := strings.Cut(strings.TrimSpace(line), "|")
		text, value, _ := strings.Cut(rest, "|")
		path, err := filter.ParsePath(text)
		if err != nil {
			continue
		}
		if path, err = filter.ResolvePath(path, attrtest.User(), nil); err != nil {
			continue
		}
		ops = append(ops, patch.Operation{Kind: patch.Kind(kind), Path: path, Value: read(value)})
	}
	return ops
}
