// Package factor owns the proofs beside a password: codes of an authenticator
// app (TOTP, RFC 6238), passkeys (WebAuthn Level 3) and recovery codes. It is
// made of values: what a browser sent and what was stored goes in, a verdict and
// what to store comes out.
//
// It does not own who must show which, what is kept where, or how often somebody
// may try: that is internal/signin's.
package factor
