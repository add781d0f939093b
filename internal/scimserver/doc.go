// Package scimserver is SCIM's way into the registry: it fills scim.Backend for
// users, groups and resources of the declared types, decides by bearer token
// which connection speaks, and keeps the connection's request log and rate limit.
//
// It does not own the protocol (scim), nor any rule about people
// (internal/registry): it translates documents to operations, and refusals to
// the protocol's errors.
package scimserver
