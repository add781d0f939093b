package filter_test

import (
	"encoding/json"
	"testing"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/attr/attrtest"
	"github.com/usherd/usher/scim/filter"
)

func TestMatch(t *testing.T) {
	email := map[string]any{"value": "Ann@Example.com", "type": "work", "primary": true}
	things := &attr.Definition{Name: "things", Type: attr.Complex, MultiValued: true, Sub: []attr.Definition{
		{Name: "exact", Type: attr.String, CaseExact: true},
		{Name: "blind", Type: attr.String},
		{Name: "since", Type: attr.DateTime},
		{Name: "count", Type: attr.Integer},
		{Name: "price", Type: attr.Decimal},
		{Name: "kinds", Type: attr.String, MultiValued: true},
	}}
	thing := map[string]any{
		"exact": "Ab", "blind": "ΑΣ", "since": "2020-01-01T12:00:00+01:00",
		"count": json.Number("9007199254740993"), "price": json.Number("0.10"), "kinds": []any{"a", "b"},
	}
	set := attr.NewSet(attr.Schema{Attributes: []attr.Definition{*things}}, attrtest.User().Cores()[0])
	emails, _ := attrtest.User().Lookup("", "emails")
	tags, _ := attrtest.User().Lookup("", "tags")
	for _, test := range []struct {
		text    string
		of      *attr.Definition
		element map[string]any
		want    bool
	}{
		{`emails[type eq "WORK"]`, emails, email, true},
		{`emails[type ne "work"]`, emails, email, false},
		{`emails[value ew "EXAMPLE.COM" and value sw "ann" and value co "@"]`, emails, email, true},
		{`emails[type eq "home" or primary eq true]`, emails, email, true},
		{`emails[not (type eq "home")]`, emails, email, true},
		{`emails[display pr]`, emails, email, false},
		{`emails[display eq null and type ne null]`, emails, email, true},
		{`emails[display ne "x"]`, emails, email, true},
		{`emails[display gt "x"]`, emails, email, false},
		{`emails[primary eq true]`, emails, email, true},
		{`emails[primary eq false]`, emails, map[string]any{"value": "x"}, true},
		{`emails[primary ne true]`, emails, map[string]any{"value": "x"}, true},
		{`emails[primary pr]`, emails, map[string]any{"value": "x"}, false},
		{`emails[type eq "work"]`, emails, map[string]any{"type": true}, false},
		{`emails[type pr]`, emails, map[string]any{"type": ""}, false},
		{`things[exact eq "ab"]`, things, thing, false},
		{`things[exact eq "Ab"]`, things, thing, true},
		{`things[blind eq "ας"]`, things, thing, true},
		{`emails[value eq "straße"]`, emails, map[string]any{"value": "STRASSE"}, true},
		{`emails[value eq "r\u00e9ne"]`, emails, map[string]any{"value": "re\u0301ne"}, true},
		{`emails[value co "SS"]`, emails, map[string]any{"value": "straße"}, true},
		{`emails[value ne "ss"]`, emails, map[string]any{"value": "ß"}, false},
		{`things[since eq "2020-01-01T12:00:00"]`, things, map[string]any{"since": "2020-01-01T12:00:00Z"}, true},
		{`things[since gt "2020-01-01T12:00:00+01:00"]`, things, map[string]any{"since": "2020-01-01T12:00:00"}, true},
		{`things[since eq "2020-01-01T11:00:00Z"]`, things, thing, true},
		{`things[since lt "2020-01-01T11:00:00.001Z"]`, things, thing, true},
		{`things[count eq 9007199254740992]`, things, thing, false},
		{`things[count gt 9007199254740992 and count le 9007199254740993]`, things, thing, true},
		{`things[price eq 0.1]`, things, thing, true},
		{`things[price lt 1e300 and price gt 1e-300]`, things, thing, true},
		{`things[price gt 1e-2000000000]`, things, thing, true},
		{`things[kinds eq "b"]`, things, thing, true},
		{`things[kinds eq "c"]`, things, thing, false},
		{`tags[value sw "x"]`, tags, map[string]any{"value": "Xy"}, true},
	} {
		path, err := filter.ParsePath(test.text)
		if err != nil {
			t.Fatalf("%s: %v", test.text, err)
		}
		against := set
		if test.of != things {
			against = attrtest.User()
		}
		if path, err = filter.ResolvePath(path, against, nil); err != nil {
			t.Fatalf("%s: %v", test.text, err)
		}
		got, err := filter.Match(path.Filter, test.of, test.element, attr.Fold)
		if err != nil || got != test.want {
			t.Errorf("%s on %v: got %v, %v", test.text, test.element, got, err)
		}
	}
}

func TestMatchUnresolved(t *testing.T) {
	emails, _ := attrtest.User().Lookup("", "emails")
	for _, e := range []filter.Expr{
		eq(sub("kind"), "x"),
		filter.ValuePath{Attr: core("emails"), Filter: eq(sub("type"), "x")},
		filter.Or{Left: eq(sub("kind"), "x"), Right: eq(sub("type"), "x")},
		filter.Not{X: eq(sub("kind"), "x")},
	} {
		if got, err := filter.Match(e, emails, map[string]any{}, attr.Fold); err == nil || got {
			t.Errorf("%s: got %v, %v, want an error", e, got, err)
		}
	}
}
