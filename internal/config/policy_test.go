package config_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/config"
)

func TestPolicy(t *testing.T) {
	s := load(t, "testdata/policy.yaml", nil).Sources["corp"]
	want := config.Source{
		Company: "acme", Kind: config.KindLDAP, KindOfUser: "end_user", OnMissing: config.MissingKeep, SetupMail: config.SetupMailNow, FullReadEvery: config.Interval(7 * 24 * time.Hour),
		Join:       []config.JoinRule{{Attribute: "employeeNumber"}, {Attribute: "userName", Value: "sAMAccountName"}, {Attribute: "email"}},
		OnRecreate: config.RecreateAdopt, Policy: config.PolicyUpsertOnly, Protect: `"cn=vips" in all("memberOf")`,
		Guard: config.Guard{
			Deactivate: config.Limit{Count: 20, Percent: 10, Floor: 5}, Delete: config.Limit{Count: 20, Percent: 10},
			GroupDelete: config.Limit{Count: 5, Percent: 10, Floor: 1}, MembershipRemove: config.Limit{Count: 200, Percent: 20, Floor: 10},
			MembershipRemovePerGroup: config.Limit{Count: 100, Percent: 30, Floor: 10},
			Rename:                   config.Limit{Count: 100, Percent: 10, Floor: 10}, MailChange: config.Limit{Count: 100, Percent: 10, Floor: 10},
			Create: config.Limit{Count: 500, Percent: 300, Floor: 50}, Adopt: config.Limit{Count: 20, Percent: 25, Floor: 5}, Minimum: config.Limit{Count: 10, Percent: 50, Floor: 5},
			SettingsChange: config.SettingsAllow,
		},
		LDAP: &config.LDAP{
			URLs: config.URLs{"ldap://127.0.0.1:3890"},
			Users: config.LDAPUsers{Base: "ou=people,dc=example,dc=com", Manager: "manager", Mapped: config.Mapped{Attributes: map[string]config.Attribute{
				"userName": {Value: "uid"}, "emails": {Value: "mail"}, "title": {Value: `title ?? "-"`, Write: config.WriteIfEmpty},
				"locale": {Value: "preferredLanguage", Write: config.WriteNever},
			}}},
			Groups: config.LDAPGroups{
				Base: "ou=groups,dc=example,dc=com", Nested: config.NestedFlatten, Scope: `cn startsWith "app-"`,
				Map: map[string]config.GroupTarget{
					"cn=vpn,ou=groups,dc=example,dc=com": {Name: "VPN users"}, "Helpdesk": {Name: "The helpdesk", Role: "support"}, "keep": {},
				},
			},
		},
	}
	if d := cmp.Diff(want, s); d != "" {
		t.Errorf("source (-want +got):\n%s", d)
	}
}
