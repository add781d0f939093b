// Package slapd runs a real OpenLDAP server on loopback for tests and for the
// benchmark: its own folder, its own free port, killed at the end.
//
// It owns starting, filling and changing the server. What a directory looks
// like is internal/testkit/dirgen's; what usher makes of it is
// internal/source/ldap's. Run needs no *testing.T; Start wraps it for tests.
package slapd
