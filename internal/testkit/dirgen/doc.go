// Package dirgen writes believable directories as LDIF: the same people and
// groups for the same options, whatever the machine. Tests load a few hundred,
// the benchmark a hundred thousand.
//
// It owns the content only; internal/testkit/slapd loads it into a server.
package dirgen
