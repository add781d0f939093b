package filter_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

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
		if diff := cmp.Diff(parsed, again); err != nil || diff != "" {
			t.Fatalf("%q printed as %q: %v\n%s", text, printed, err, diff)
		}
		resolved, err := filter.Resolve(parsed, user)
		if err != nil {
			return
		}
		twice, err := filter.Resolve(resolved, user)
		if diff := cmp.Diff(resolved, twice); err != nil || diff != "" {
			t.Fatalf("%q resolved to %q: %v\n%s", text, resolved, err, diff)
		}
		if path, ok := resolved.(filter.ValuePath); ok && path.Attr.Name == "emails" {
			if _, err := filter.Match(path.Filter, emails, map[string]any{"type": "work"}); err != nil {
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
		if diff := cmp.Diff(parsed, again); err != nil || diff != "" {
			t.Fatalf("%q printed as %q: %v\n%s", text, parsed, err, diff)
		}
		resolved, err := filter.ResolvePath(parsed, user)
		if err != nil {
			return
		}
		twice, err := filter.ResolvePath(resolved, user)
		if diff := cmp.Diff(resolved, twice); err != nil || diff != "" {
			t.Fatalf("%q resolved to %q: %v\n%s", text, resolved, err, diff)
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
				if _, err := filter.Resolve(parsed, user); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
