// Package ldap reads people and groups from an LDAP directory (RFC 4511):
// OpenLDAP, Active Directory, Samba AD, 389 Directory Server and others like
// them. It implements source.Source.
//
// It owns connecting, recognising the server, paging, the proof that a listing
// is complete, and turning a server's forms of ids, flags, markers and
// references into the canonical ones of package source. It does not own what an
// attribute means to the registry (internal/mapping) or what follows from
// somebody's absence (internal/plan).
//
// # How a listing is proved complete
//
// go-ldap's own paging helpers end quietly on a cancelled context, a closing
// connection or a server that ignores paging, so this package pages by hand: a
// fresh request with a critical paging control for each page (RFC 2696), and a
// listing is complete only when the last answer said success, carried the
// paging control with an empty cookie, and context and connection still stood.
//
// # How entries are decoded
//
// Decoding a large listing into go-ldap's packet trees costs three times what
// the server needs to produce it. The connection is therefore tapped below
// go-ldap: the tap cuts the stream into messages, decodes search entries itself
// (they are the bulk, and simple) and hands every other message on, so that
// binding, controls, results and errors stay with the library.
package ldap
