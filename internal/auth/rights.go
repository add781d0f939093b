package auth

import (
	"slices"

	"github.com/usherd/usher/internal/registry"
)

// Role is what somebody is to a company or to the installation. A person may
// have several.
type Role string

// The roles. Each is given by the table of grants below and nothing else.
const (
	// RoleEndUser is everybody who may sign in.
	RoleEndUser Role = "end_user"
	// RoleSupport is support staff.
	RoleSupport Role = "support_staff"
	// RoleAuditor sees everything of the company and changes nothing.
	RoleAuditor Role = "auditor"
	// RoleApprover decides held runs. It is a right of its own: who plans a change
	// need not be who allows it.
	RoleApprover Role = "approver"
	// RoleAdmin administers one company.
	RoleAdmin Role = "company_admin"
	// RoleOperator runs the installation and stands outside companies.
	RoleOperator Role = "operator"
)

// Right is something that a person or a token may do.
type Right string

// The rights.
const (
	// RightSelf is one's own account.
	RightSelf Right = "self"
	// RightContacts finds and makes contacts.
	RightContacts Right = "contacts"
	// RightRead looks at everything of the company.
	RightRead Right = "read"
	// RightOperate runs, retries, syncs one person, activates, decides matches,
	// uploads, resends mails.
	RightOperate Right = "operate"
	// RightApprove approves and rejects held runs.
	RightApprove Right = "approve"
	// RightPrivacy gives out everything that is held on a person, erases it, and
	// lets somebody who was erased come back.
	RightPrivacy Right = "privacy"
	// RightManage changes who and what may reach the company: connections,
	// tokens, webhooks, admins, settings.
	RightManage Right = "manage"
	// RightInstall is the installation: companies, operators, what is vouched for.
	RightInstall Right = "install"
)

// grants is the one table between roles and rights.
var grants = map[Role][]Right{
	RoleEndUser:  {RightSelf},
	RoleSupport:  {RightSelf, RightContacts},
	RoleAuditor:  {RightSelf, RightRead},
	RoleApprover: {RightSelf, RightRead, RightApprove},
	RoleAdmin:    {RightSelf, RightContacts, RightRead, RightOperate, RightPrivacy, RightManage},
	RoleOperator: {RightSelf, RightContacts, RightRead, RightOperate, RightApprove, RightPrivacy, RightManage, RightInstall},
}

// scopes is the same for the scopes of API tokens. No token manages: what could
// make tokens would outlive its own end.
var scopes = map[string][]Right{
	"contacts": {RightContacts},
	"read":     {RightRead},
	"operate":  {RightRead, RightOperate, RightContacts},
	"approve":  {RightRead, RightApprove},
	"privacy":  {RightRead, RightPrivacy},
}

// ValidScope reports whether an API token can have the scope.
func ValidScope(scope string) bool { return scopes[scope] != nil }

// Principal is who asks: a signed-in person, or a token of the API.
type Principal struct {
	// Company is where the person or token belongs. An operator's is the
	// operators' own and bounds nothing.
	Company registry.CompanyID
	// User is the person, 0 for a token.
	User registry.UserID
	// Token is the token's key, 0 for a person.
	Token int64
	// Actor names them in changes and in the audit: "admin claire", "operator
	// olga", "token ush_abc…".
	Actor string
	// Roles are the person's, Scopes the token's.
	Roles  []Role
	Scopes []string
	// Client is where they ask from.
	Client Client
	// Request is the request's id, for the log and the audit.
	Request string
}

// Operator reports whether the principal stands outside companies.
func (p *Principal) Operator() bool { return slices.Contains(p.Roles, RoleOperator) }

// May reports whether the principal has the right in that company. It is the one
// fence for pages and API alike.
func (p *Principal) May(right Right, company registry.CompanyID) bool {
	if company != p.Company && !p.Operator() {
		return false
	}
	for _, r := range p.Roles {
		if slices.Contains(grants[r], right) {
			return true
		}
	}
	for _, s := range p.Scopes {
		if slices.Contains(scopes[s], right) {
			return true
		}
	}
	return false
}
