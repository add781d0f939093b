package dialect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/usherd/usher/scim/attr"
)

// Rewrite is one quirk and its cure. Each function may be nil.
type Rewrite struct {
	// Name is how logs and documentation call it: who says it, and what.
	Name string
	// Doc says what is sent and what is made of it, in one sentence.
	Doc string
	// Document rewrites a resource as POST and PUT send it, in place.
	Document func(set *attr.Set, doc map[string]any)
	// Message rewrites the body of a PATCH, a Bulk or a search, in place, but for its
	// operations. schema is the URN of what it is.
	Message func(body map[string]any, schema string)
	// Operation rewrites one PATCH operation, and each that one without a path,
	// or on an extension, falls into.
	Operation func(set *attr.Set, op Op) Op
	// Value rewrites the value of an attribute, or of a sub-attribute, in a
	// document or an operation. For a multi-valued attribute it is called with
	// all of the values, then with each sub-attribute of each.
	Value func(d *attr.Definition, v any) any
	// Literal rewrites the value that a filter compares an attribute with.
	Literal func(d *attr.Definition, v any) any
	// Filter rewrites the text of a filter, or of a path that may hold one.
	Filter func(text string) string
	// Attribute gives an attribute the name that its schemas have for it: in
	// filters, in paths and among attributes to show.
	Attribute func(set *attr.Set, name Name) Name
}

// Name is how a client names an attribute or a sub-attribute; URI is "" where it
// does not name the schema, Sub where it means the whole attribute.
type Name struct{ URI, Name, Sub string }

// Op is a PATCH operation as it was written, less the spelling of its members.
type Op struct {
	Op    string
	Path  string // "" when there is none
	Value any
}

// Profile is how one connection is spoken with. The zero Profile takes the RFC
// and nothing else, and answers a PATCH with 204; ByName makes the useful ones.
type Profile struct {
	Name string
	// Strict refuses unknown attributes, schemas and values that are not
	// canonical, which are otherwise passed over, and a remove whose value lists
	// what is to go, which the RFC does not have: a filter in the path does.
	Strict bool
	// Interop is draft-zollner-scim-interop-profile where that differs from the
	// RFC: PATCH operations without a path are refused, what no schema defines is
	// invalidSyntax wherever it stands, and replace of a complex attribute leaves
	// nothing of what was there.
	Interop bool
	// BodyAfterPatch names the resource types whose PATCH is answered 200 with
	// the resource rather than 204.
	BodyAfterPatch []string

	rewrites []Rewrite
}

// PatchReturnsBody reports whether a PATCH of that resource type is answered 200
// with the resource rather than 204.
func (p Profile) PatchReturnsBody(resourceType string) bool {
	return slices.Contains(p.BodyAfterPatch, resourceType)
}

// Document rewrites a whole resource in place.
func (p Profile) Document(set *attr.Set, doc map[string]any) {
	for _, r := range p.rewrites {
		if r.Document != nil {
			r.Document(set, doc)
		}
	}
}

// Message rewrites the body of a PATCH, a Bulk or a search, whose schema is given, in
// place, but for its operations.
func (p Profile) Message(body map[string]any, schema string) {
	for _, r := range p.rewrites {
		if r.Message != nil {
			r.Message(body, schema)
		}
	}
}

// Operation rewrites a PATCH operation.
func (p Profile) Operation(set *attr.Set, op Op) Op {
	for _, r := range p.rewrites {
		if r.Operation != nil {
			op = r.Operation(set, op)
		}
	}
	return op
}

// Value rewrites the value of an attribute.
func (p Profile) Value(d *attr.Definition, v any) any {
	for _, r := range p.rewrites {
		if r.Value != nil {
			v = r.Value(d, v)
		}
	}
	return v
}

// Literal rewrites the value that a filter compares an attribute with.
func (p Profile) Literal(d *attr.Definition, v any) any {
	for _, r := range p.rewrites {
		if r.Literal != nil {
			v = r.Literal(d, v)
		}
	}
	return v
}

// Filter rewrites the text of a filter, or of a path that may hold one.
func (p Profile) Filter(text string) string {
	for _, r := range p.rewrites {
		if r.Filter != nil {
			text = r.Filter(text)
		}
	}
	return text
}

// Attribute is what the attribute that a client names is called.
func (p Profile) Attribute(set *attr.Set, name Name) Name {
	for _, r := range p.rewrites {
		if r.Attribute != nil {
			name = r.Attribute(set, name)
		}
	}
	return name
}

// Rewrites lists what the profile rewrites, in the order it is done.
func (p Profile) Rewrites() []Rewrite { return slices.Clone(p.rewrites) }

// always is what cannot be misread, whoever sends it.
func always() []Rewrite {
	return slices.Concat(entra(), okta(), google(), oneLogin(), naming(), common())
}

// Default is the profile of a connection that names none.
func Default() Profile {
	return Profile{BodyAfterPatch: []string{"User"}, rewrites: always()}
}

// answering is the default profile with other resource types whose PATCH is
// answered 200.
func answering(resourceTypes ...string) Profile {
	p := Default()
	p.BodyAfterPatch = resourceTypes
	return p
}

// profiles are the profiles by name. A provider that sends nothing which only
// its own profile could read right has the default one under its own name: of
// JumpCloud, Ping, authentik, SailPoint and AWS-style clients no quirk is known
// that is not in common.go. Keycloak's extensions take an answer without a body
// for a failure.
var profiles = map[string]Profile{
	"": Default(), "entra": Default(), "okta": Default(), "google": Default(), "onelogin": Default(),
	"jumpcloud": Default(), "ping": Default(), "authentik": Default(), "keycloak": answering("User", "Group"),
	"sailpoint": Default(), "aws": Default(),
	"strict":  {Strict: true, BodyAfterPatch: []string{"User"}},
	"interop": {Strict: true, Interop: true, BodyAfterPatch: []string{"User"}},
}

// ByName is the profile of that name, "" for the default one.
func ByName(name string) (Profile, error) {
	p, ok := profiles[strings.ToLower(name)]
	if !ok {
		return Profile{}, fmt.Errorf("profile %q: not one of %s", name, strings.Join(Names(), ", "))
	}
	p.Name = strings.ToLower(name)
	return p, nil
}

// Names lists the profiles that have a name, in order.
func Names() []string {
	var names []string
	for name := range profiles {
		if name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
