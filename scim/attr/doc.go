// Package attr owns the definition of attributes and schemas (RFC 7643 section
// 7) and how a name that a client wrote finds its definition: names and URNs are
// case-blind, a core attribute may carry its schema's URN, the common attributes
// of section 3.1 belong to every resource type.
//
// It knows no particular schema besides those common attributes, and it does not
// check values.
package attr
