// Package scimserver is SCIM's way in to the registry: it fills scim.Backend for
// users and groups, decides by bearer token which connection speaks, gives
// tokens to the OAuth clients of a connection (RFC 6749 section 4.4), and keeps
// the connection's request log and rate limit.
//
// Access tokens are opaque rows and no JWTs: what is revoked, paused or deleted
// ends as soon as the store looks again, and not when a signature expires.
//
// It does not own the protocol (scim), nor what proves an assertion
// (internal/auth), nor any rule about people (internal/registry): it translates
// documents to operations, and refusals to the protocol's errors.
package scimserver
