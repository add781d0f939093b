package mapping

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
)

var named = map[string]string{"userName": "uid"}

func TestPolicyOfAPerson(t *testing.T) {
	m := compile(t, Spec{
		Attributes: named, Protect: `"cn=vips" in all("memberOf")`,
		Join: []JoinRule{{Attribute: "employeeNumber"}, {Attribute: "userName", Value: "sAMAccountName"}, {Attribute: "email", Value: `lower(mail ?? "")`}},
	})
	if want := []string{"mail", "memberof", "samaccountname", "uid"}; !slices.Equal(m.Wants(), want) {
		t.Errorf("wants %q, not %q", m.Wants(), want)
	}
	p := m.Map(values{"uid": {"ada"}, "samaccountname": {" Ada "}, "mail": {"A@x"}, "memberof": {"cn=vips"}}, false)
	if d := cmp.Diff([]string{"", "Ada", "a@x"}, p.Join); d != "" || !p.Protected || p.Problems != nil {
		t.Errorf("%+v\n%s", p, d)
	}
	if p := m.Map(values{"uid": {"bo"}}, false); p.Protected || p.Join[1] != "" || p.Problems != nil {
		t.Errorf("%+v", p)
	}
	bad := compile(t, Spec{Attributes: named, Protect: "uid"})
	if p := bad.Map(values{"uid": {"bo"}}, false); len(p.Problems) != 1 || p.Problems[0].Attribute != "protect" {
		t.Errorf("%+v", p)
	}
}

func TestScopeAndMapOfGroups(t *testing.T) {
	scoped := compile(t, Spec{Attributes: named, GroupScope: `cn startsWith "app-" and ou != "old"`})
	if want := []string{"cn", "ou"}; !slices.Equal(scoped.GroupWants(), want) {
		t.Errorf("wants %q", scoped.GroupWants())
	}
	targets := map[string]GroupTarget{"CN=VPN, OU=Groups,dc=x": {Name: "VPN users"}, "Helpdesk": {Role: registry.RoleSupport}}
	only := compile(t, Spec{Attributes: named, GroupMap: targets, OnlyMapped: true})
	also := compile(t, Spec{Attributes: named, GroupMap: targets})
	for _, tc := range []struct {
		name, dn string
		m        *Mapper
		cn       string
		want     Group
	}{
		{"in scope", "", scoped, "app-x", Group{InScope: true, DisplayName: "app-x"}},
		{"out of scope", "", scoped, "x", Group{}},
		{"mapped by DN", "cn=vpn,ou=groups,DC=x", only, "vpn", Group{InScope: true, DisplayName: "VPN users"}},
		{"mapped by DN, without a name", "cn=vpn,ou=groups,DC=x", only, "", Group{InScope: true, DisplayName: "VPN users"}},
		{"mapped by name", "cn=h,dc=y", only, "helpdesk", Group{InScope: true, DisplayName: "helpdesk", Role: registry.RoleSupport}},
		{"not mapped", "cn=vpn,ou=groups,dc=y", only, "vpn", Group{}},
		{"not mapped, all taken", "cn=vpn,ou=groups,dc=y", also, "vpn", Group{InScope: true, DisplayName: "vpn"}},
		{"an empty map takes none", "cn=x", compile(t, Spec{Attributes: named, GroupMap: map[string]GroupTarget{}, OnlyMapped: true}), "x", Group{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := values{"cn": {tc.cn}}
			if tc.cn == "" {
				in = values{}
			}
			if d := cmp.Diff(tc.want, tc.m.MapGroup(in, tc.dn), asEnglish); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	failing := compile(t, Spec{Attributes: named, GroupScope: `lower(cn) == "x"`})
	if g := failing.MapGroup(values{}, "cn=x"); !g.InScope || len(g.Problems) != 1 {
		t.Errorf("a scope that fails: %+v", g)
	}
}

func TestPolicyFaults(t *testing.T) {
	_, err := Compile(Spec{
		Source: "corp", Attributes: named, Protect: `uid +`, GroupScope: `"x"`,
		Join:     []JoinRule{{Attribute: "phone"}, {Attribute: "userName", Value: "1 +"}},
		GroupMap: map[string]GroupTarget{"cn=a,dc=x": {Role: "suport"}, "CN=a, dc=x": {}},
	})
	if err == nil {
		t.Fatal("no fault")
	}
	for _, want := range []string{
		"sources.corp.protect: ", "sources.corp.groups.scope: gives a string where a condition belongs", `sources.corp.join[0]: people cannot be looked up by "phone"`,
		"sources.corp.join[1].value: ", `sources.corp.groups.map.cn=a,dc=x: "suport" is no role of a group; did you mean`, "the group is in the map twice",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in\n%v", want, err)
		}
	}
}
