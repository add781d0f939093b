package app

import (
	"testing"

	"github.com/usherd/usher/internal/config"
)

// TestSettingsHash: what says only when a run is made and when it is held is no
// other setting, or whoever loosens a limit for a held run would be held for it.
func TestSettingsHash(t *testing.T) {
	base := func() config.Source {
		return config.Source{Company: "acme", Policy: config.PolicySync, LDAP: &config.LDAP{Users: config.LDAPUsers{Base: "dc=x"}}}
	}
	hash := func(change func(*config.Source)) string {
		s := base()
		change(&s)
		h, err := settingsHash(s)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := hash(func(*config.Source) {})
	for name, tc := range map[string]struct {
		change func(*config.Source)
		same   bool
	}{
		"schedule": {func(s *config.Source) { s.Schedule = "@daily" }, true},
		"guard":    {func(s *config.Source) { s.Guard.Deactivate.Count = 900 }, true},
		"mail":     {func(s *config.Source) { s.SetupMail = config.SetupMailNever }, true},
		"policy":   {func(s *config.Source) { s.Policy = config.PolicyUpsertOnly }, false},
		"scope":    {func(s *config.Source) { s.LDAP.Users.Scope = "true" }, false},
		"attribute": {func(s *config.Source) {
			s.LDAP.Users.Attributes = map[string]config.Attribute{"title": {Value: "title"}}
		}, false},
		"write": {func(s *config.Source) {
			s.LDAP.Users.Attributes = map[string]config.Attribute{"title": {Write: config.WriteNever}}
		}, false},
		"group map": {func(s *config.Source) { s.LDAP.Groups.Map = map[string]config.GroupTarget{} }, false},
	} {
		if got := hash(tc.change) == first; got != tc.same {
			t.Errorf("%s: the same hash is %v", name, got)
		}
	}
}

// TestWiring: nothing of the policy is lost between the file and the rooms.
func TestWiring(t *testing.T) {
	modes := writeModes(map[string]config.Attribute{"USERNAME": {Value: "uid", Write: config.WriteAlways}, "TITLE": {Write: config.WriteIfEmpty}, "locale": {}})
	if len(modes) != 1 || modes["title"] != "if-empty" {
		t.Errorf("modes %v", modes)
	}
	if writeModes(map[string]config.Attribute{"title": {}}) != nil {
		t.Error("modes where there are none")
	}
	if groupMap(nil) != nil || groupMap(map[string]config.GroupTarget{}) == nil {
		t.Error("no map and an empty one are two things")
	}
	if to := groupMap(map[string]config.GroupTarget{"a": {Name: "A", Role: "support"}})["a"]; to.Name != "A" || to.Role != "support" {
		t.Errorf("target %+v", to)
	}
	one := config.Limit{Count: 1, Percent: 2, Floor: 3}
	l := limits(config.Guard{
		Deactivate: one, Delete: one, GroupDelete: one, MembershipRemove: one, MembershipRemovePerGroup: one, Rename: one, MailChange: one, Create: one, Adopt: one, Minimum: one,
	})
	for name, got := range map[string]any{
		"deactivate": l.Deactivate, "delete": l.Delete, "group_delete": l.GroupDelete, "membership_remove": l.MembershipRemove,
		"per group": l.MembershipRemovePerGroup, "rename": l.Rename, "mail_change": l.MailChange, "create": l.Create, "adopt": l.Adopt, "minimum": l.Minimum,
	} {
		if got != threshold(one) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
