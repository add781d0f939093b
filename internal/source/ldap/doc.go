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
// # How a night without changes is recognised
//
// A scan lists ids, change markers and names only, paged and proved like any
// other listing, and whoever the caller does not know at that marker is then
// fetched whole: by name, several at a time, by id where they moved meanwhile,
// and by a listing of everything where too many changed. Markers are compared,
// never ordered, so that an entry restored from a backup differs as well.
//
// entryCSN is unique to a change. uSNChanged counts at each controller for
// itself, so it carries the controller's database. modifyTimestamp has whole
// seconds: one that is younger than ten minutes is not trusted, and the entry is
// read again the next time.
//
// Some attributes change beside the marker: a lock by a role in 389 Directory
// Server, memberOf in Active Directory. A scan asks for those, too, and their sum is
// part of the marker (aside.go). What is left stays unseen until the next full read:
// other attributes that a server makes up (classes of service, collective
// attributes) and entries rewritten offline under their old marker.
//
// # How entries are decoded
//
// Decoding a large listing into go-ldap's packet trees costs three times what
// the server needs to produce it. The connection is therefore tapped below
// go-ldap: the tap cuts the stream into messages, decodes search entries itself
// (they are the bulk, and simple) and hands every other message on, so that
// binding, controls, results and errors stay with the library.
package ldap
