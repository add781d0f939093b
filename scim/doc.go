// Package scim owns the SCIM 2.0 protocol (RFC 7643, RFC 7644 and the cursor
// paging of RFC 9865) as a service provider speaks it: requests and responses,
// discovery, validation against schemas, projection, lists, PATCH, Bulk, entity
// tags and errors, over a Backend that keeps the resources.
//
// It knows no database, no company and no token: who asks is decided before a
// request gets here and travels in the context. The filter grammar is
// scim/filter's, the meaning of PATCH scim/patch's, attribute definitions
// scim/attr's, and what each identity provider says differently scim/dialect's.
package scim
