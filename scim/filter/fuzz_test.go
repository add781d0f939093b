package filter_test

import (
	"reflect"
	"testing"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/attr/attrtest"
	"github.com/usherd/usher/scim/filter"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`userName eq "bjensen"`, `emails[type eq "work" and (value co "x" or not (primary eq true))]`,
		`emails[type eq "a" or type eq "b"].value eq "c"`, `not(a pr)and b ge -1.5e3 or c eq null`,
		attrtest.EnterpriseURI + `:manager.value eq "\u00e9\n"`, `active gt true`, `meta.lastModified gt "2020-01-01T00:00:00Z"`,
	} {
		f.Add(seed)
	}
	user := attrtest.User()
	emails, _ := user.Lookup("", "emails")
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := filter.Parse(text)
		if err != nil {
			return
		}
		printed := parsed.String()
		if len(printed) > filter.MaxLength {
			return // rewriting a[f].b made it longer than may be read
		}
		again, err := filter.Parse(printed)
		if err != nil || !reflect.DeepEqual(parsed, again) {
			t.Fatalf("%q printed as %q: %v, %v", text, printed, again, err)
		}
		resolved, err := filter.Resolve(parsed, user, nil)
		if err != nil {
			return
		}
		twice, err := filter.Resolve(resolved, user, nil)
		if err != nil || !reflect.DeepEqual(resolved, twice) {
			t.Fatalf("%q resolved to %q: %v, %v", text, resolved, twice, err)
		}
		if path, ok := resolved.(filter.ValuePath); ok && path.Attr.Name == "emails" {
			if _, err := filter.Match(path.Filter, emails, map[string]any{"type": "work"}, attr.Fold); err != nil {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

func FuzzParsePath(f *testing.F) {
	for _, seed := range []string{
		`members`, `name.familyName`, `emails[type eq "work"].value`, `members[value eq "x" or value eq "y"]`,
		attrtest.EnterpriseURI, attrtest.EnterpriseURI + `:manager.value`, `urn:x:1.0`, `a[b pr].$ref`,
	} {
		f.Add(seed)
	}
	user := attrtest.User()
	f.Fuzz(func(t *testing.T, text string) {
		parsed, err := filter.ParsePath(text)
		if err != nil {
			return
		}
		again, err := filter.ParsePath(parsed.String())
		if err != nil || !reflect.DeepEqual(parsed, again) {
			t.Fatalf("%q printed as %q: %v, %v", text, parsed, again, err)
		}
		resolved, err := filter.ResolvePath(parsed, user, nil)
		if err != nil {
			return
		}
		twice, err := filter.ResolvePath(resolved, user, nil)
		if err != nil || !reflect.DeepEqual(resolved, twice) {
			t.Fatalf("%q resolved to %q: %v, %v", text, resolved, twice, err)
		}
	})
}

func BenchmarkParseAndResolve(b *testing.B) {
	user := attrtest.User()
	for _, text := range []string{`userName eq "bjensen@example.com"`, `emails[type eq "work"].value eq "bjensen@example.com"`} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				parsed, err := filter.Parse(text)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := filter.Resolve(parsed, user, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
