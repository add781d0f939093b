// Package admin owns the console under /admin: the pages on which the people of a
// company see what a sync will change, what it changed, what failed and why, and
// decide.
//
// It does not own what the pages do: every page stands on the Desk of one
// company, which internal/app fills with what the command line and the API use
// too. It decides one thing itself, in one table (routes): which right a page
// asks for. Pages work without script; lists are paged by key, filters stand in
// the address, and what is exported is exactly what is filtered.
package admin
