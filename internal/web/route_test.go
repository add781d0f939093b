package web_test

import (
	"testing"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// TestRolesOfAccounts: what somebody is follows from what is stored of them now.
func TestRolesOfAccounts(t *testing.T) {
	for _, c := range []struct {
		name    string
		account auth.Account
		actor   string
		may     []auth.Right
		not     []auth.Right
	}{
		{"end user", auth.Account{UserName: "u"}, "user u", []auth.Right{auth.RightSelf}, []auth.Right{auth.RightRead, auth.RightContacts, auth.RightApprove}},
		{"support", auth.Account{UserName: "s", Kind: registry.SupportStaff}, "support s", []auth.Right{auth.RightContacts}, []auth.Right{auth.RightRead}},
		{"auditor", auth.Account{UserName: "a", Rights: registry.RightsAuditor}, "auditor a", []auth.Right{auth.RightRead}, []auth.Right{auth.RightOperate, auth.RightApprove, auth.RightManage}},
		{"approver", auth.Account{UserName: "p", Rights: registry.RightsApprover}, "approver p", []auth.Right{auth.RightRead, auth.RightApprove}, []auth.Right{auth.RightOperate, auth.RightManage}},
		{"admin", auth.Account{UserName: "c", Admin: true}, "admin c", []auth.Right{auth.RightManage, auth.RightOperate}, []auth.Right{auth.RightApprove, auth.RightInstall}},
		{"operator", auth.Account{UserName: "o", CompanyKey: registry.OperatorsKey}, "operator o", []auth.Right{auth.RightInstall, auth.RightApprove, auth.RightManage}, nil},
	} {
		p := &auth.Principal{Company: 1, Roles: c.account.Roles()}
		if got := c.account.Actor(); got != c.actor {
			t.Errorf("%s is called %q, want %q", c.name, got, c.actor)
		}
		for _, r := range c.may {
			if !p.May(r, 1) {
				t.Errorf("%s may not %s", c.name, r)
			}
			if p.May(r, 2) != p.Operator() {
				t.Errorf("%s and %s at another company: %v", c.name, r, p.May(r, 2))
			}
		}
		for _, r := range c.not {
			if p.May(r, 1) {
				t.Errorf("%s may %s", c.name, r)
			}
		}
	}
}
