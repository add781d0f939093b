// Package filter owns the SCIM filter and path grammar (RFC 7644 sections
// 3.4.2.2 and 3.5.2): text to tree, and the rules that a tree must hold to
// against the schemas it is asked of. The tree is what a backend compiles to its
// own query language.
//
// It does not evaluate filters over tables: that is the backend's work. The
// small evaluator here is for the filters inside one resource's multi-valued
// attributes, which PATCH needs.
package filter
