package scim

import (
	"cmp"
	"strings"

	"github.com/elimity-com/scim/schema"

	"github.com/usherd/usher/scim/attr"
)

// The schemas of RFC 7643 that the service speaks.
const (
	UserURN           = schema.UserSchema
	GroupURN          = schema.GroupSchema
	EnterpriseUserURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
)

// Complete fills what the definitions of a schema leave open with the defaults
// of RFC 7643 section 2.2: a string, readWrite, returned by default, not unique.
// An attribute with sub-attributes is complex. A schema from a configuration goes
// through it before it becomes part of a ResourceType.
func Complete(s attr.Schema) attr.Schema {
	s.Attributes = completed(s.Attributes)
	return s
}

func completed(list []attr.Definition) []attr.Definition {
	out := make([]attr.Definition, len(list))
	for i, d := range list {
		d.Sub = completed(d.Sub)
		kind := attr.String
		if len(d.Sub) > 0 {
			kind = attr.Complex
		}
		d.Type = cmp.Or(d.Type, kind)
		d.Mutability = cmp.Or(d.Mutability, attr.ReadWrite)
		d.Returned = cmp.Or(d.Returned, attr.Default)
		d.Uniqueness = cmp.Or(d.Uniqueness, attr.None)
		out[i] = d
	}
	return out
}

// departure is where a schema of ours says otherwise than the library's: the
// attribute, by its path, and what is different about it.
type departure struct {
	path   string
	change func(*attr.Definition)
}

// depart makes the library's schema ours. A departure for an attribute that the
// library no longer has is a mistake of ours, which every start would show.
func depart(s attr.Schema, from ...departure) attr.Schema {
	for _, d := range from {
		name, sub, nested := strings.Cut(d.path, ".")
		whole := attr.Definition{Sub: s.Attributes}
		target := whole.SubAttribute(name)
		if nested && target != nil {
			target = target.SubAttribute(sub)
		}
		if target == nil {
			panic("schema " + s.ID + " has no attribute " + d.path)
		}
		d.change(target)
	}
	return s
}

func required(d *attr.Definition) { d.Required = true }
func readOnly(d *attr.Definition) { d.Mutability = attr.ReadOnly }
func exact(d *attr.Definition)    { d.CaseExact = true }

// UserSchema is the User of RFC 7643 section 4.1, every attribute of it.
func UserSchema() attr.Schema {
	return depart(attr.FromLibrary(schema.CoreUserSchema()),
		departure{"password", exact},
		departure{"groups.value", exact}, // our ids are
		departure{"groups.$ref", func(d *attr.Definition) { d.ReferenceTypes = []string{"Group"} }},
	)
}

// GroupSchema is the Group of RFC 7643 section 4.2. A member needs the id of a
// user or group here, whose name is theirs to change, not the client's.
func GroupSchema() attr.Schema {
	return depart(attr.FromLibrary(schema.CoreGroupSchema()),
		departure{"members.value", required},
		departure{"members.value", exact},
		departure{"members.display", readOnly},
	)
}

// EnterpriseUserSchema is the extension of RFC 7643 section 4.3, under the name
// that section 8.7.1 gives it.
func EnterpriseUserSchema() attr.Schema {
	s := depart(attr.FromLibrary(schema.ExtensionEnterpriseUser()),
		departure{"manager.value", exact},
	)
	s.Name = "EnterpriseUser"
	return s
}
