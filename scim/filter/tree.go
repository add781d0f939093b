package filter

import "fmt"

// Expr is a filter as a tree: one of And, Or, Not, Compare, Present, ValuePath.
// Its String is filter text that parses back to the same tree.
type Expr interface {
	expr()
	fmt.Stringer
}

// And holds when both do.
type And struct{ Left, Right Expr }

// Or holds when one does.
type Or struct{ Left, Right Expr }

// Not holds when X does not.
type Not struct{ X Expr }

// Compare compares an attribute with a value.
type Compare struct {
	Attr Attr
	Op   Op
	// Value is a string, a bool, a json.Number, or nil for null. A dateTime
	// stays the string it was, checked.
	Value any
}

// Present holds when the attribute has a value (operator pr).
type Present struct{ Attr Attr }

// ValuePath holds when one element of a multi-valued complex attribute matches
// a filter over its sub-attributes: emails[type eq "work" and value co "@x"].
// Inside it, Attr.Name is empty and Attr.Sub is the sub-attribute.
type ValuePath struct {
	Attr   Attr
	Filter Expr
}

func (And) expr()       {}
func (Or) expr()        {}
func (Not) expr()       {}
func (Compare) expr()   {}
func (Present) expr()   {}
func (ValuePath) expr() {}

// Attr names an attribute. After Resolve it is canonical: URI is that of the
// extension, "" for a core attribute, and the names are spelt as in the schema.
type Attr struct {
	URI  string
	Name string
	Sub  string
}

// Op is a comparison operator, in lower case.
type Op string

// The comparison operators of RFC 7644 table 3, and pr as Present.
const (
	Equal          Op = "eq"
	NotEqual       Op = "ne"
	Contains       Op = "co"
	StartsWith     Op = "sw"
	EndsWith       Op = "ew"
	GreaterThan    Op = "gt"
	GreaterOrEqual Op = "ge"
	LessThan       Op = "lt"
	LessOrEqual    Op = "le"
)

// Path is the target of a PATCH operation: an attribute, one of its elements by
// filter, or a sub-attribute of those.
type Path struct {
	Attr Attr
	// Filter selects elements of a multi-valued attribute; nil for all of it.
	Filter Expr
}
