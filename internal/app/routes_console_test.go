package app_test

import (
	"strings"

	"github.com/usherd/usher/internal/auth"
)

// rightsOf are the rights of the roles that are led nowhere, as the design says
// them: written out here, so that a slip in the table of grants is seen.
var rightsOf = map[string][]auth.Right{
	"auditor":       {auth.RightRead},
	"approver":      {auth.RightRead, auth.RightApprove},
	"admin":         {auth.RightContacts, auth.RightRead, auth.RightOperate, auth.RightPrivacy, auth.RightManage},
	"support staff": {auth.RightContacts},
	// Of the pages that are of no company.
	"admin of another company": {auth.RightContacts, auth.RightRead, auth.RightOperate, auth.RightPrivacy, auth.RightManage},
	"operator":                 {auth.RightContacts, auth.RightRead, auth.RightOperate, auth.RightApprove, auth.RightPrivacy, auth.RightManage, auth.RightInstall},
}

// consoleRights says which right in the company each page of the console asks for.
// What is no look is marked.
var consoleRights = map[auth.Right]string{
	auth.RightRead: `
		/{$} /runs /runs/list /runs/{number} /runs/{number}/report /runs/{number}/events /runs/{number}/rows/{row} /matches /sources
		/sources/{key}
		/people /people/report /people/{id} /people/{id}/report /people/{id}/changes/{change} /groups /groups/report /groups/{id} /groups/{id}/report /places
		/places/departments/report /places/contracts/report /places/domains/report /applicants/report /team/report
		/applicants /applicants/{id} /team /scim /scim/{key} /scim/{key}/guide /scim/{key}/log /scim/{key}/log/export /scim/{key}/log/{id} /tokens
		/webhooks /webhooks/{hook} /webhooks/{hook}/deliveries /lists/{list}
		/mails /mails/export /mails/{mail} /audit /audit/export /settings /reasons /uploads /uploads/export /uploads/template /uploads/{id}
		/uploads/{id}/rows
		/contacts /contacts/export /contacts/messages /contacts/messages/export /contacts/{id}
`,
	auth.RightOperate: `
		/people/new /people/look /people/{id}/merge /uploads/{id}/failed
		POST:/matches POST:/runs/{number}/cancel POST:/runs/{number}/retry POST:/sources/{key}/run POST:/sources/{key}/preview
		POST:/sources/{key}/test POST:/sources/{key}/pause POST:/sources/{key}/resume POST:/sources/{key}/schedule POST:/sources/{key}/schedule/return
		POST:/people/new POST:/people/look POST:/people/{id}/sync POST:/people/{id}/invite POST:/people/{id}/block POST:/people/{id}/unblock
		POST:/people/{id}/activate POST:/people/{id}/protect POST:/people/{id}/unprotect POST:/people/{id}/join POST:/people/{id}/leave
		POST:/people/{id}/signout POST:/people/{id}/merge POST:/people/{id}/merge/undo
		POST:/groups POST:/groups/{id}/add POST:/groups/{id}/remove POST:/groups/{id}/default
		POST:/applicants/{id}/activate POST:/applicants/{id}/refuse
		POST:/webhooks/{hook}/test POST:/webhooks/{hook}/replay POST:/mails/release POST:/mails/{mail}/release POST:/mails/{mail}/cancel
		POST:/mails/{mail}/resend
		POST:/uploads POST:/uploads/{id}/read POST:/uploads/{id}/preview POST:/uploads/{id}/confirm POST:/uploads/{id}/discard POST:/contacts
		POST:/contacts/{id}/promote
`,
	auth.RightApprove: `
		POST:/runs/{number}/approve POST:/runs/{number}/reject POST:/sources/{key}/forget
`,
	auth.RightPrivacy: `
		/people/{id}/export /people/{id}/erase POST:/people/{id}/export POST:/people/{id}/erase POST:/people/{id}/lift
`,
	auth.RightManage: `
		/diagnostics
		POST:/people/{id}/link POST:/people/{id}/factors POST:/people/{id}/remove
		POST:/places/departments POST:/places/contracts POST:/places/contracts/end POST:/places/domains POST:/places/domains/check POST:/team
		POST:/scim POST:/scim/{key}/settings POST:/scim/{key}/pause POST:/scim/{key}/resume POST:/scim/{key}/delete POST:/scim/{key}/token
		POST:/scim/{key}/rotate POST:/scim/{key}/revoke
		POST:/scim/{key}/clients POST:/scim/{key}/clients/rotate POST:/scim/{key}/clients/revoke POST:/tokens POST:/tokens/rotate
		POST:/tokens/revoke
		POST:/webhooks POST:/webhooks/{hook}/change POST:/webhooks/{hook}/enable POST:/webhooks/{hook}/disable POST:/webhooks/{hook}/rotate
		POST:/webhooks/{hook}/delete POST:/diagnostics POST:/settings
`,
	auth.RightInstall: `
		POST:/places/vouch
`,
}

// installRights are the pages outside of companies.
var installRights = map[string]string{
	"GET /admin": "right read", "GET /admin/{company}/{id}": "anywhere",
	"GET /admin/operators": "right install", "POST /admin/operators": "right install", "POST /admin/operators/remove": "right install",
	"POST /admin/operators/activate": "right install", "POST /admin/operators/refuse": "right install",
}

// consoleRoutes says of every page of the console who may open it.
func consoleRoutes() map[string]string {
	out := map[string]string{}
	for pattern, rule := range installRights {
		out[pattern] = rule
	}
	for right, paths := range consoleRights {
		for path := range strings.FieldsSeq(paths) {
			method := "GET"
			if rest, ok := strings.CutPrefix(path, "POST:"); ok {
				method, path = "POST", rest
			}
			out[method+" /admin/{company}"+path] = "right " + string(right)
		}
	}
	return out
}
