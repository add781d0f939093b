package app_test

import (
	"strings"

	"github.com/usherd/usher/internal/auth"
)

// rightsOf are the rights of the roles that are led nowhere, as the design says
// them: written out here, so that a slip in the table of grants is seen.
var rightsOf = map[string][]auth.Right{
	"auditor":                  {auth.RightRead},
	"approver":                 {auth.RightRead, auth.RightApprove},
	"admin":                    {auth.RightContacts, auth.RightRead, auth.RightOperate, auth.RightManage},
	"support staff":            {auth.RightContacts},
	"admin of another company": {auth.RightContacts, auth.RightRead, auth.RightOperate, auth.RightManage}, // of the pages that are of no company
	"operator":                 {auth.RightContacts, auth.RightRead, auth.RightOperate, auth.RightApprove, auth.RightManage, auth.RightInstall},
}

// consoleRoutes says of every page of the console which right in the company it
// asks for.
var consoleRoutes = func() map[string]string {
	out := map[string]string{"GET /admin": "right read"}
	for right, patterns := range map[auth.Right][]string{
		auth.RightRead: {
			"GET /{$}", "GET /runs", "GET /runs/{number}", "GET /runs/{number}/report", "GET /sources", "GET /sources/{key}",
			"GET /people", "GET /people/{id}", "GET /groups", "GET /groups/{id}", "GET /scim", "GET /scim/{key}", "GET /mails", "GET /audit",
			"GET /reasons",
		},
		auth.RightOperate: {
			"POST /runs/{number}/cancel", "POST /runs/{number}/retry", "POST /sources/{key}/run", "POST /sources/{key}/preview",
			"POST /sources/{key}/test", "POST /sources/{key}/pause", "POST /sources/{key}/resume", "POST /people/{id}/invite",
			"POST /people/{id}/block", "POST /people/{id}/unblock", "POST /people/{id}/protect", "POST /people/{id}/unprotect",
			"POST /people/{id}/sync",
		},
		auth.RightApprove: {"POST /runs/{number}/approve", "POST /runs/{number}/reject"},
		auth.RightManage:  {"POST /scim/{key}/token", "POST /scim/{key}/rotate", "POST /scim/{key}/revoke"},
	} {
		for _, p := range patterns {
			method, path, _ := strings.Cut(p, " ")
			out[method+" /admin/{company}"+path] = "right " + string(right)
		}
	}
	return out
}()
