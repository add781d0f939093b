package attr_test

import (
	"strings"
	"testing"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/attr/attrtest"
)

func TestLookup(t *testing.T) {
	user := attrtest.User()
	for _, test := range []struct{ uri, name, want, canonical string }{
		{"", "username", "userName", ""},
		{attrtest.UserURI, "USERNAME", "userName", ""},
		{strings.ToUpper(attrtest.UserURI), "ID", "id", ""},
		{"", "externalid", "externalId", ""},
		{"", "META", "meta", ""},
		{strings.ToLower(attrtest.EnterpriseURI), "Manager", "manager", attrtest.EnterpriseURI},
		{"", "manager", "", ""},
		{attrtest.EnterpriseURI, "userName", "", ""},
		{attrtest.EnterpriseURI, "id", "", ""},
		{"urn:x", "userName", "", ""},
		{"", "", "", ""},
	} {
		d, canonical := user.Lookup(test.uri, test.name)
		name := ""
		if d != nil {
			name = d.Name
		}
		if name != test.want || canonical != test.canonical {
			t.Errorf("%s %s: got %q of %q", test.uri, test.name, name, canonical)
		}
	}
}

func TestCoreMayDefineACommonAttribute(t *testing.T) {
	own := attr.Definition{Name: "externalId", Type: attr.String, Required: true}
	set := attr.NewSet(attr.Schema{ID: "urn:x", Attributes: []attr.Definition{own}})
	for _, uri := range []string{"", "urn:x"} {
		if d, _ := set.Lookup(uri, "externalId"); d == nil || !d.Required {
			t.Errorf("%q: got %+v", uri, d)
		}
	}
}

func TestUnion(t *testing.T) {
	all := attr.Union(attrtest.User(), attrtest.Group(), attrtest.User())
	if len(all.Cores()) != 2 || len(all.Extensions()) != 1 {
		t.Errorf("got %d cores and %d extensions", len(all.Cores()), len(all.Extensions()))
	}
	for _, name := range []string{"userName", "members", "displayName", "id"} {
		if d, _ := all.Lookup("", name); d == nil {
			t.Errorf("no %s", name)
		}
	}
	if !all.IsCore(attrtest.GroupURI) || all.IsCore(attrtest.EnterpriseURI) || all.Extension(strings.ToLower(attrtest.EnterpriseURI)) == nil {
		t.Error("schemas are not told apart")
	}
}

func TestSubAttribute(t *testing.T) {
	name, _ := attrtest.User().Lookup("", "name")
	if d := name.SubAttribute("FAMILYname"); d == nil || d.Name != "familyName" {
		t.Errorf("got %+v", d)
	}
	if d := name.SubAttribute("x"); d != nil {
		t.Errorf("got %+v", d)
	}
}
