package filter

import "github.com/usherd/usher/scim/attr"

// Selection is a filter and an order over the resources of one type, for a
// backend to compile. Both are resolved against Set.
type Selection struct {
	Type   string // the resource type's name, where several are asked
	Set    *attr.Set
	Filter Expr  // nil for all
	SortBy *Attr // nil for the backend's own stable order
}
