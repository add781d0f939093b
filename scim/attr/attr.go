package attr

import (
	"slices"
	"strings"
)

// Type is the data type of an attribute (RFC 7643 section 2.3).
type Type string

// The data types, spelt as in schemas.
const (
	String    Type = "string"
	Boolean   Type = "boolean"
	Decimal   Type = "decimal"
	Integer   Type = "integer"
	DateTime  Type = "dateTime"
	Binary    Type = "binary"
	Reference Type = "reference"
	Complex   Type = "complex"
)

// Mutability says who may change an attribute (RFC 7643 section 7).
type Mutability string

// The mutabilities, spelt as in schemas.
const (
	ReadOnly  Mutability = "readOnly"
	ReadWrite Mutability = "readWrite"
	Immutable Mutability = "immutable"
	WriteOnly Mutability = "writeOnly"
)

// Returned says when an attribute is shown (RFC 7643 section 7).
type Returned string

// The ways of being returned, spelt as in schemas.
const (
	Always  Returned = "always"
	Never   Returned = "never"
	Default Returned = "default"
	Request Returned = "request"
)

// Uniqueness says among whom a value may occur once (RFC 7643 section 7).
type Uniqueness string

// The scopes of uniqueness, spelt as in schemas.
const (
	None   Uniqueness = "none"
	Server Uniqueness = "server"
	Global Uniqueness = "global"
)

// Definition defines one attribute. Its JSON is that of RFC 7643 section 7.
type Definition struct {
	Name            string       `json:"name"`
	Type            Type         `json:"type"`
	MultiValued     bool         `json:"multiValued"`
	Description     string       `json:"description"`
	Required        bool         `json:"required"`
	CaseExact       bool         `json:"caseExact"`
	Mutability      Mutability   `json:"mutability"`
	Returned        Returned     `json:"returned"`
	Uniqueness      Uniqueness   `json:"uniqueness,omitempty"`
	CanonicalValues []string     `json:"canonicalValues,omitempty"`
	ReferenceTypes  []string     `json:"referenceTypes,omitempty"`
	Sub             []Definition `json:"subAttributes,omitempty"`
}

// SaysNothing reports whether one of the values of a multi-valued attribute says of
// what type it is, or that it is the primary one, and nothing else: an address that
// somebody does not have.
func (d *Definition) SaysNothing(value any) bool {
	isLabel := func(name string) bool { return name == "type" || name == "primary" }
	o, ok := value.(map[string]any)
	for name := range o {
		ok = ok && isLabel(name)
	}
	return ok && slices.ContainsFunc(d.Sub, func(sub Definition) bool { return !isLabel(sub.Name) })
}

// SubAttribute is the sub-attribute of that name, case-blind; nil when there is
// none.
func (d *Definition) SubAttribute(name string) *Definition {
	for i := range d.Sub {
		if strings.EqualFold(d.Sub[i].Name, name) {
			return &d.Sub[i]
		}
	}
	return nil
}

// Schema is a named set of attributes.
type Schema struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Attributes  []Definition `json:"attributes"`
}
