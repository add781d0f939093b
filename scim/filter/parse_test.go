package filter_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/scim/attr/attrtest"
	"github.com/usherd/usher/scim/filter"
)

func core(name string) filter.Attr { return filter.Attr{Name: name} }
func sub(name string) filter.Attr  { return filter.Attr{Sub: name} }
func eq(a filter.Attr, v any) filter.Expr {
	return filter.Compare{Attr: a, Op: filter.Equal, Value: v}
}
func pr(name string) filter.Expr { return filter.Present{Attr: core(name)} }

func TestParse(t *testing.T) {
	work := filter.ValuePath{Attr: core("emails"), Filter: eq(sub("type"), "work")}
	for text, want := range map[string]filter.Expr{
		// RFC 7644 figure 1 and its neighbours.
		`userName eq "bjensen"`:           eq(core("userName"), "bjensen"),
		`name.familyName co "O'Malley"`:   filter.Compare{Attr: filter.Attr{Name: "name", Sub: "familyName"}, Op: filter.Contains, Value: "O'Malley"},
		`title pr`:                        pr("title"),
		`urn:a:2.0:User:userName sw "J"`:  filter.Compare{Attr: filter.Attr{URI: "urn:a:2.0:User", Name: "userName"}, Op: filter.StartsWith, Value: "J"},
		`meta.lastModified gt "2011-05Z"`: filter.Compare{Attr: filter.Attr{Name: "meta", Sub: "lastModified"}, Op: filter.GreaterThan, Value: "2011-05Z"},
		`title pr and userType eq "E"`:    filter.And{Left: pr("title"), Right: eq(core("userType"), "E")},
		`emails[type eq "work"]`:          work,
		`urn:a_b:c:manager.$ref eq "x"`:   eq(filter.Attr{URI: "urn:a_b:c", Name: "manager", Sub: "$ref"}, "x"),
		`userType eq "E" and (a pr or b pr)`: filter.And{
			Left: eq(core("userType"), "E"), Right: filter.Or{Left: pr("a"), Right: pr("b")},
		},
		`emails[type eq "work" and not (value co "x" or display pr) and primary eq true]`: filter.ValuePath{
			Attr: core("emails"),
			Filter: filter.And{
				Left: filter.And{
					Left: eq(sub("type"), "work"),
					Right: filter.Not{X: filter.Or{
						Left:  filter.Compare{Attr: sub("value"), Op: filter.Contains, Value: "x"},
						Right: filter.Present{Attr: sub("display")},
					}},
				},
				Right: eq(sub("primary"), true),
			},
		},
		// What clients write besides.
		`emails[type eq "work"].value eq "x"`: filter.ValuePath{
			Attr: core("emails"), Filter: filter.And{Left: eq(sub("type"), "work"), Right: eq(sub("value"), "x")},
		},
		`emails[type eq "work"].value pr`: filter.ValuePath{
			Attr: core("emails"), Filter: filter.And{Left: eq(sub("type"), "work"), Right: filter.Present{Attr: sub("value")}},
		},
		`  a   pr  `:                   pr("a"),
		`not(a pr)`:                    filter.Not{X: pr("a")},
		`NOT (a PR)`:                   filter.Not{X: pr("a")},
		`not pr`:                       pr("not"),
		`((a pr)and(b pr))`:            filter.And{Left: pr("a"), Right: pr("b")},
		`a EQ TRUE`:                    eq(core("a"), true),
		`a eQ False`:                   eq(core("a"), false),
		`a eq null`:                    eq(core("a"), nil),
		`a eq -12.50e2`:                eq(core("a"), json.Number("-12.50e2")),
		`a eq 12345678901234567890123`: eq(core("a"), json.Number("12345678901234567890123")),
		`a eq "q\"b\\s\/ \u00e9\u00E9\ud83d\ude00"`: eq(core("a"), `q"b\s/ éé😀`),
		`a eq "x) and (b pr ["`:                     eq(core("a"), "x) and (b pr ["),
		// Precedence: not, and, or; each to the left.
		`a pr or b pr and c pr`: filter.Or{Left: pr("a"), Right: filter.And{Left: pr("b"), Right: pr("c")}},
		`a pr and b pr or c pr`: filter.Or{Left: filter.And{Left: pr("a"), Right: pr("b")}, Right: pr("c")},
		`a pr Or b pr oR c pr`:  filter.Or{Left: filter.Or{Left: pr("a"), Right: pr("b")}, Right: pr("c")},
		`not (a pr) and b pr`:   filter.And{Left: filter.Not{X: pr("a")}, Right: pr("b")},
	} {
		got, err := filter.Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		again, err := filter.Parse(got.String())
		if diff := cmp.Diff(got, again); err != nil || diff != "" {
			t.Errorf("%s printed as %s: %v\n%s", text, got, err, diff)
		}
	}
}

func TestParseFaults(t *testing.T) {
	for _, test := range []struct {
		text   string
		offset int
		says   string
	}{
		{``, 0, "attribute's name, found the end"},
		{`userName`, 8, "expected an operator after userName"},
		{`userName eq`, 11, "found the end"},
		{`userName eq 'x'`, 12, "double quotes"},
		{`userName eq bjensen`, 12, "double quotes"},
		{`userName eq "x`, 12, "not closed"},
		{`userName eq "x\"`, 12, "not closed"},
		{`userName eq "\x"`, 12, "escaped"},
		{`userName eq "\ud83d"`, 12, "surrogate"},
		{`userName eq "a\u0000"`, 12, "NUL"},
		{`userName eq 01`, 12, "expected a value"},
		{`userName eq [1]`, 12, "expected a value"},
		{`userName is "x"`, 9, "expected an operator"},
		{`userName eq "x" "y"`, 16, "expected and, or"},
		{`(userName pr`, 12, "expected )"},
		{`userName pr)`, 11, "expected and, or"},
		{`not (userName pr`, 16, "expected )"},
		{`userName pr and`, 15, "found the end"},
		{`userName pr nor title pr`, 12, "expected and, or"},
		{`emails[type eq "work"`, 21, "expected ]"},
		{`emails[]`, 7, "sub-attribute's name, found ]"},
		{`emails[emails.type pr]`, 7, "within brackets"},
		{`emails[a[b pr]]`, 8, "expected an operator"},
		{`emails.value[type pr]`, 12, "sub-attribute"},
		{`emails[type pr].`, 16, "after the full stop"},
		{`emails[type pr].value`, 21, "expected an operator"},
		{`name.a.b pr`, 0, "not an attribute's name"},
		{`1a pr`, 0, "not an attribute's name"},
		{`:a pr`, 0, "not an attribute's name"},
		{"a eq \"\xff\"", 0, "UTF-8"},
		{strings.Repeat("(", 61), 60, "nested"},
		{strings.Repeat("a pr or ", 400) + "a pr", 3204, "more than 400"},
		{strings.Repeat("a", filter.MaxLength+1), filter.MaxLength, "longer"},
	} {
		_, err := filter.Parse(test.text)
		var fault *filter.Error
		if !errors.As(err, &fault) {
			t.Errorf("%.40s: got %v, want an *Error", test.text, err)
			continue
		}
		if fault.Offset != test.offset || !strings.Contains(fault.Message, test.says) {
			t.Errorf("%.40s: got %d %q, want %d …%s…", test.text, fault.Offset, fault.Message, test.offset, test.says)
		}
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	for _, unit := range []string{"(", "not(", "a[", "a eq \"", "not ", "a pr and ("} {
		text := strings.Repeat(unit, 300<<10/len(unit))
		if _, err := filter.Parse(text); err == nil {
			t.Errorf("300 KB of %s: no error", unit)
		}
		if _, err := filter.ParsePath(text); err == nil {
			t.Errorf("path of 300 KB of %s: no error", unit)
		}
	}
	deep := strings.Repeat("(", filter.MaxNesting) + "a pr" + strings.Repeat(")", filter.MaxNesting)
	if _, err := filter.Parse(deep); err != nil {
		t.Errorf("%d levels: %v", filter.MaxNesting, err)
	}
}

func TestParsePath(t *testing.T) {
	work := eq(sub("type"), "work")
	for text, want := range map[string]filter.Path{
		`members`:                      {Attr: core("members")},
		`name.familyName`:              {Attr: filter.Attr{Name: "name", Sub: "familyName"}},
		`addresses[type eq "work"]`:    {Attr: core("addresses"), Filter: work},
		`emails[type eq "work"].value`: {Attr: filter.Attr{Name: "emails", Sub: "value"}, Filter: work},
		`members[value eq "2819c223-7f76-453a-919d-413861904646"].displayName`: {
			Attr:   filter.Attr{Name: "members", Sub: "displayName"},
			Filter: eq(sub("value"), "2819c223-7f76-453a-919d-413861904646"),
		},
		attrtest.EnterpriseURI + `:manager.value`: {Attr: filter.Attr{URI: attrtest.EnterpriseURI, Name: "manager", Sub: "value"}},
		`urn:x:y:thing[type eq "work"].a`:         {Attr: filter.Attr{URI: "urn:x:y", Name: "thing", Sub: "a"}, Filter: work},
		`urn:x:ext:1.0`:                           {Attr: filter.Attr{URI: "urn:x:ext:1.0"}},
	} {
		got, err := filter.ParsePath(text)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", text, err, diff)
		}
		if got.String() != text {
			t.Errorf("%s printed as %s", text, got)
		}
	}
	for _, text := range []string{
		``, ` `, `a b`, `a[`, `a[]`, `a[b pr`, `a[b pr]x`, `a[b pr].`, `a[b pr].c.d`, `a.b[c pr]`, `[a pr]`,
		`a[b pr] `, `a.`, `.a`, `a[0]`, `(a)`, `a eq "x"`, `a..b`,
	} {
		if got, err := filter.ParsePath(text); err == nil {
			t.Errorf("%q: got %s, want an error", text, got)
		}
	}
}
