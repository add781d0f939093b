package scim

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"sync"

	"github.com/usherd/usher/scim/attr"
)

// ResourceType is a kind of resource as data (RFC 7643 section 6): users and
// groups, and whatever else an installation declares. It is used by pointer and
// must not be changed once a handler has it.
type ResourceType struct {
	// ID and Name are shown in discovery; Name is also meta.resourceType.
	ID, Name    string
	Description string
	// Endpoint is where resources live under the base: "/Users".
	Endpoint   string
	Schema     attr.Schema
	Extensions []Extension

	once sync.Once
	set  *attr.Set
}

// Extension is a schema added to a resource type.
type Extension struct {
	Schema attr.Schema
	// Required makes a resource without the extension invalid.
	Required bool
}

// Attributes is everything a resource of the type may hold, indexed by name.
func (t *ResourceType) Attributes() *attr.Set {
	t.once.Do(func() {
		extensions := make([]attr.Schema, len(t.Extensions))
		for i, e := range t.Extensions {
			extensions[i] = e.Schema
		}
		t.set = attr.NewSet(t.Schema, extensions...)
	})
	return t.set
}

// UserType is the User of RFC 7643 section 4.1 with the enterprise extension
// and whatever extensions are added.
func UserType(more ...Extension) *ResourceType {
	return &ResourceType{
		ID: "User", Name: "User", Endpoint: "/Users", Description: "User Account",
		Schema:     UserSchema(),
		Extensions: append([]Extension{{Schema: EnterpriseUserSchema()}}, more...),
	}
}

// GroupType is the Group of RFC 7643 section 4.2 with whatever extensions are
// added.
func GroupType(more ...Extension) *ResourceType {
	return &ResourceType{
		ID: "Group", Name: "Group", Endpoint: "/Groups", Description: "Group",
		Schema: GroupSchema(), Extensions: more,
	}
}

// KeepImmutable is the part of a PUT that only a backend can do, which knows
// what the resource is: it refuses another value for an immutable attribute that
// has one, and gives doc the value where doc has none. Both are documents, with
// extensions under their URN.
func (t *ResourceType) KeepImmutable(old, doc map[string]any) error {
	if err := keepImmutable(t.Schema.Attributes, old, doc); err != nil {
		return err
	}
	for _, e := range t.Extensions {
		before, _ := old[e.Schema.ID].(map[string]any)
		after, ok := doc[e.Schema.ID].(map[string]any)
		if !ok {
			after = map[string]any{}
		}
		if err := keepImmutable(e.Schema.Attributes, before, after); err != nil {
			return err
		}
		if len(after) > 0 {
			doc[e.Schema.ID] = after
		}
	}
	return nil
}

func keepImmutable(defs []attr.Definition, old, doc map[string]any) error {
	for _, d := range defs {
		if isUnassigned(old[d.Name]) {
			continue
		}
		if before, single := old[d.Name].(map[string]any); single && d.Mutability != attr.Immutable {
			after, ok := doc[d.Name].(map[string]any)
			if !ok {
				after = map[string]any{}
			}
			if err := keepImmutable(d.Sub, before, after); err != nil {
				return err
			}
			if len(after) > 0 {
				doc[d.Name] = after
			}
			continue
		}
		if d.Mutability != attr.Immutable {
			continue
		}
		if !isUnassigned(doc[d.Name]) && !reflect.DeepEqual(old[d.Name], doc[d.Name]) {
			return Errorf(Mutability, "%s is immutable and has a value", d.Name)
		}
		doc[d.Name] = old[d.Name]
	}
	return nil
}

// attributeName is ATTRNAME of RFC 7643 section 2.1, and $ref.
var attributeName = regexp.MustCompile(`^(\$ref|[A-Za-z][A-Za-z0-9_-]*)$`)

// endpointName is one path segment that no other address of the protocol has.
var endpointName = regexp.MustCompile(`^/[A-Za-z][A-Za-z0-9_-]*$`)

// check says what is wrong with a resource type that came from a
// configuration.
func (t *ResourceType) check() error {
	if t.Name == "" || t.ID == "" {
		return fmt.Errorf("resource type %q: needs an id and a name", t.ID+t.Name)
	}
	if !endpointName.MatchString(t.Endpoint) || reserved[strings.ToLower(t.Endpoint[1:])] {
		return fmt.Errorf("resource type %s: %q cannot be an endpoint", t.Name, t.Endpoint)
	}
	schemas := []attr.Schema{t.Schema}
	for _, e := range t.Extensions {
		schemas = append(schemas, e.Schema)
	}
	seen := map[string]bool{}
	for _, s := range schemas {
		id := strings.ToLower(s.ID)
		if !strings.HasPrefix(id, "urn:") || seen[id] {
			return fmt.Errorf("resource type %s: schema id %q: needs to be a URN, and its own", t.Name, s.ID)
		}
		seen[id] = true
		if err := checkDefinitions(s.Attributes, true); err != nil {
			return fmt.Errorf("resource type %s: schema %s: %w", t.Name, s.ID, err)
		}
	}
	return nil
}

// checkDefinitions says what is wrong with attribute definitions.
func checkDefinitions(list []attr.Definition, top bool) error {
	seen := map[string]bool{}
	for _, d := range list {
		name := strings.ToLower(d.Name)
		switch {
		case !attributeName.MatchString(d.Name):
			return fmt.Errorf("attribute %q: not a name of RFC 7643 section 2.1", d.Name)
		case seen[name]:
			return fmt.Errorf("attribute %s: defined twice", d.Name)
		case top && (name == "id" || name == "meta" || name == "schemas"):
			return fmt.Errorf("attribute %s: every resource has it already", d.Name)
		case (d.Type == attr.Complex) != (len(d.Sub) > 0):
			return fmt.Errorf("attribute %s: complex attributes have sub-attributes, others have none", d.Name)
		case d.Type == attr.Complex && !top:
			return fmt.Errorf("attribute %s: complex attributes do not nest", d.Name)
		}
		seen[name] = true
		if err := checkWords(d); err != nil {
			return err
		}
		if err := checkDefinitions(d.Sub, false); err != nil {
			return fmt.Errorf("attribute %s: %w", d.Name, err)
		}
	}
	return nil
}

// checkWords says which of a definition's keywords is not one.
func checkWords(d attr.Definition) error {
	switch d.Type {
	case attr.String, attr.Boolean, attr.Decimal, attr.Integer, attr.DateTime,
		attr.Binary, attr.Reference, attr.Complex:
	default:
		return fmt.Errorf("attribute %s: unknown type %q", d.Name, d.Type)
	}
	switch d.Mutability {
	case attr.ReadOnly, attr.ReadWrite, attr.Immutable, attr.WriteOnly:
	default:
		return fmt.Errorf("attribute %s: unknown mutability %q", d.Name, d.Mutability)
	}
	switch d.Returned {
	case attr.Always, attr.Never, attr.Default, attr.Request:
	default:
		return fmt.Errorf("attribute %s: unknown returned %q", d.Name, d.Returned)
	}
	return nil
}
