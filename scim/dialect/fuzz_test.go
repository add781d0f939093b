package dialect_test

import (
	"reflect"
	"testing"

	"github.com/usherd/usher/scim/dialect"
	"github.com/usherd/usher/scim/filter"
)

// FuzzFilter: what is a filter, or a path, by the RFC means the same after all
// rewrites: they are on for everybody.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`userName eq "bjensen"`, `userName eq alice`, `title eq 'x' or age ge -1.5e3`, `emails[type eq work and not(primary eq TRUE)].value`,
		`a co "b eq c \" eq d" and e eq null`, `not (a eq true)`, `userName sw "eq "`, `a pr and gt eq "x"`, `lt pr or eq ne null`, `emails[type eq 'work'].value`,
	} {
		f.Add(seed)
	}
	profile := dialect.Default()
	f.Fuzz(func(t *testing.T, text string) {
		if want, err := filter.Parse(text); err == nil {
			if got, err := filter.Parse(profile.Filter(text)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%q became %q: %v, %v", text, profile.Filter(text), got, err)
			}
		}
		if want, err := filter.ParsePath(text); err == nil {
			if got, err := filter.ParsePath(profile.Filter(text)); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("path %q became %q: %v, %v", text, profile.Filter(text), got, err)
			}
		}
	})
}
