// Package signin owns what stands beside the password: signing in with an
// identity provider and who that is here, second factors and recovery codes,
// passkeys, and the ends of sessions. It writes down what was done.
//
// It does not own passwords and mailed links (internal/onboard), what a code or
// an ID token proves (internal/auth/factor, internal/auth/openid), pages
// (internal/web/self) or rows (internal/store).
//
// # Who somebody from a provider is
//
// The provider's subject, tied to a person by a link at an origin of kind oidc.
// Without a tie the person may have one by an address, where the configuration
// says so, the provider calls it verified and so do we, and exactly one person
// holds it: but never somebody with rights or with a password of their own, who
// sign in with it and tie the accounts themselves.
//
// # What the browser keeps
//
// Between two requests of one proof everything is in a cookie sealed under the
// server's key, bound to its purpose, its person and a time: a stranger can make
// no rows.
package signin
