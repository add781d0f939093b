// Package registry owns the nouns and the rules of the user registry:
// companies, users, groups, memberships, origins and the links that tie a
// record to its object at an origin. Apply is the only way anything writes to
// them: it takes a batch of operations, decides each against the present
// state, and hands the store the rows to write in one transaction together
// with the change row and, where due, the queued mail.
//
// It does not own storage (internal/store implements its Store port), the
// protocols people arrive by (scim, internal/source), what a run should change
// (internal/plan), or the pages and mails people see. It imports no technology:
// no SQL, no HTTP, no LDAP.
package registry
