// Package register owns the pages by which people make an account themselves: the
// choice between User and Support staff, the two forms, and the one answer to
// both.
//
// It decides nothing: the Registration port does. It does not own the frame
// around the pages (internal/web), or what becomes of a registration
// (internal/onboard).
//
// A form is answered alike whoever and whatever exists: nothing is looked up
// before the answer. Each form carries a challenge; a script of ours does its work
// while the form is filled in. Who runs no script registers all the same, and is
// told that a person looks at it first.
package register
