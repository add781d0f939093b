// Package auth owns what proves a person: password hashing and the rules for
// new passwords, browser sessions, the assertions that identity providers sign,
// the limits that slow guessing, and the words that pages and onboarding share
// (Identity, Client, the states of a mailed link).
//
// It does not own accounts: who may sign in, what a link does and what is
// mailed are internal/onboard's, rows are internal/store's (which implements
// the SessionStore port), pages are internal/web's. It imports nothing of the
// house but registry's nouns.
package auth
