// Package self owns the pages by which people help themselves: signing in and
// out, setting a password by a mailed link, a forgotten or changed password,
// and what is known of them (/me).
//
// It does not decide anything: the Onboarding and People ports do. It does not
// own the frame around the pages (internal/web) or sessions (internal/auth).
//
// A mailed link's GET changes nothing. It moves the token out of the address
// into a short-lived cookie and leads to /setup, where a form shows whom it is
// for; only that form's POST spends the link.
package self
