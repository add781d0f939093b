// Package filter owns the SCIM filter and path grammar (RFC 7644 sections
// 3.4.2.2 and 3.5.2): text to tree, and the rules that a tree must hold to
// against the schemas it is asked of. The tree is what a backend compiles to its
// own query language.
//
// It does not evaluate filters over tables: that is the backend's work. The
// small evaluator here is for the filters inside one resource's multi-valued
// attributes, which PATCH needs.
//
// The parser is our own. github.com/scim2/filter-parser (v2.2.1, tried) carries
// too little of the grammar to be worth bending: brackets hold two terms at most
// and no parentheses, a[f].b op v is an error, strings keep their escapes,
// lower-case hex escapes are refused, numbers may pass through float64, URNs
// with an underscore are refused, and deep nesting overflows the stack, which
// ends the process. Here length, nesting and terms are limited, the first two
// before anything recursive runs. What it does read, this one reads as the same
// tree: a test holds the two against each other.
package filter
