package admin

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
)

// TestCompare: people stand side by side, and what differs is marked by a sign.
func TestCompare(t *testing.T) {
	person := func(name string, a registry.Attributes) PersonRow {
		a.Set(registry.AttrUserName, name)
		return PersonRow{User: &registry.User{Attributes: a}}
	}
	vera := person("vera", registry.Attributes{"emails": {"b@x.com", "A@x.com"}, "title": {"Clerk"}})
	other := person("VERA", registry.Attributes{"emails": {"a@x.com", "b@x.com"}, "employeeNumber": {"7"}})
	for about, test := range map[string]struct {
		said   registry.Attributes
		people []PersonRow
		want   []string
	}{
		"nobody":         {nil, nil, nil},
		"one":            {nil, []PersonRow{vera}, []string{"userName: vera", "emails: b@x.com,A@x.com", "title: Clerk"}},
		"two":            {nil, []PersonRow{vera, other}, []string{"userName: vera VERA", "emails: b@x.com,A@x.com a@x.com,b@x.com", "employeeNumber≠:  7", "title≠: Clerk "}},
		"with its words": {registry.Attributes{"title": {"clerk"}, "department": {"IT"}}, []PersonRow{vera, other}, []string{"userName:  vera VERA", "emails:  b@x.com,A@x.com a@x.com,b@x.com", "employeeNumber≠:   7", "title≠: clerk =Clerk ≠", "department≠: IT ≠ ≠"}},
	} {
		var got []string
		if c := compare(test.said, test.people); c != nil {
			for _, r := range c.Rows {
				line := r.Attribute + map[bool]string{true: "≠"}[r.Differs] + ":"
				for _, cell := range r.Cells {
					line += " " + cell.Mark + strings.Join(cell.Values, ",")
				}
				got = append(got, line)
			}
		}
		if d := cmp.Diff(test.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", about, d)
		}
	}
}
