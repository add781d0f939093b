// Package openid signs people in with an identity provider by OpenID Connect
// Core 1.0: the authorization code flow with PKCE (RFC 7636), state, nonce and,
// where the provider gives it, the issuer of RFC 9207. It says what the provider
// says of somebody.
//
// It does not own who that is here, or what they may do: internal/signin ties
// subjects to people.
package openid
