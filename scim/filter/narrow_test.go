package filter_test

import (
	"fmt"
	"testing"

	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

func TestNarrow(t *testing.T) {
	user, group := scim.UserType().Attributes(), scim.GroupType().Attributes()
	both := attr.Union(user, group)
	for _, tt := range []struct{ filter, user, group string }{
		{`displayName eq "x"`, `displayName eq "x"`, `displayName eq "x"`},
		{`userName eq "x"`, `userName eq "x"`, "false"},
		{`userName ne "x"`, `userName ne "x"`, "true"},
		{`userName eq null`, `userName eq null`, "true"},
		{`userName ne null`, `userName ne null`, "false"},
		{`members.value eq "x"`, "false", `members.value eq "x"`},
		{`members[type eq "User"]`, "false", `members[type eq "User"]`},
		{`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName pr`, `urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.displayName pr`, "false"},
		{`not (userName pr)`, `not (userName pr)`, "true"},
		{`not (displayName pr)`, `not (displayName pr)`, `not (displayName pr)`},
		{`userName pr and displayName pr`, `userName pr and displayName pr`, "false"},
		{`displayName pr and userName pr`, `displayName pr and userName pr`, "false"},
		{`userName ne "x" and displayName pr`, `userName ne "x" and displayName pr`, `displayName pr`},
		{`displayName pr or userName pr`, `displayName pr or userName pr`, `displayName pr`},
		{`userName pr or members pr`, `userName pr`, `members pr`},
		{`userName ne "x" or displayName pr`, `userName ne "x" or displayName pr`, "true"},
		{`not (userName pr or members pr) and id pr`, `not (userName pr) and id pr`, `not (members pr) and id pr`},
	} {
		parsed, err := filter.Parse(tt.filter)
		if err != nil {
			t.Fatal(err)
		}
		if parsed, err = filter.Resolve(parsed, both, nil); err != nil {
			t.Fatal(err)
		}
		for _, one := range []struct {
			set  *attr.Set
			want string
		}{{user, tt.user}, {group, tt.group}} {
			e, holds := filter.Narrow(parsed, one.set)
			got := fmt.Sprint(holds)
			if e != nil {
				got = e.String()
			}
			if got != one.want {
				t.Errorf("%s for %s: %s, want %s", tt.filter, one.set.Cores()[0].Name, got, one.want)
			}
		}
	}
}
