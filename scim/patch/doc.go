// Package patch owns the meaning of PATCH (RFC 7644 section 3.5.2): canonical
// operations, and applying them to one resource document.
//
// It does not own the dialects in which clients write operations (scim/dialect
// turns them into canonical ones first), nor how members of a large group are
// stored: a backend takes operations on members apart before it applies the
// rest to a document.
package patch
