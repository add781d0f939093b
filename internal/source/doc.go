// Package source owns what a directory is to usher: a thing that can be probed
// and read, entry by entry, and that says whether what it told was everything.
// One package below it speaks each protocol (source/ldap, source/entra).
//
// It does not own what an entry means to the registry (internal/mapping), nor
// what follows from its presence or absence (internal/plan).
package source
