package api

import (
	"slices"
)

// Desk is everything the API's operations are done by. internal/app fills it. Each
// method finds nothing of another company than who's: what is not there, or not
// the company's, is registry.ErrNotFound.
type Desk interface {
	Companies
	Teams
	Sources
	Runs
	People
	Groups
	Contacts
	Merges
	Privacy
	Connections
	Mails
	Webhooks
	History
	Uploads
	Applicants
}

// Table is every route of the API, in the order of the document.
func Table(d Desk) []Route {
	return slices.Concat(
		companyRoutes(d), teamRoutes(d), sourceRoutes(d), runRoutes(d), peopleRoutes(d), groupRoutes(d), contactRoutes(d),
		mergeRoutes(d), privacyRoutes(d),
		connectionRoutes(d), mailRoutes(d), webhookRoutes(d), historyRoutes(d),
		uploadRoutes(d), applicantRoutes(d),
	)
}
