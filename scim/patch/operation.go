package patch

import "github.com/usherd/usher/scim/filter"

// Kind is what an operation does.
type Kind string

// The operations of RFC 7644 section 3.5.2.
const (
	Add     Kind = "add"
	Remove  Kind = "remove"
	Replace Kind = "replace"
)

// Operation is one canonical operation: it always has a path, resolved against
// the schemas. What clients send without one is split into one operation an
// attribute before it gets here.
type Operation struct {
	Kind Kind
	Path filter.Path
	// Value is nil for a removal without value. Values are as in a resource
	// document.
	Value any
}
