package attr

import (
	"slices"
	"strings"
)

// Set is what one resource type is made of: its core schema, the common
// attributes and its extensions, indexed by name. It is safe for concurrent use.
type Set struct {
	cores      []Schema
	extensions []Schema
	index      map[key]found
}

// key is a name as it is looked up: both parts in lower case, uri "" for the
// core.
type key struct{ uri, name string }

type found struct {
	uri        string
	definition *Definition
}

// NewSet indexes the schemas of a resource type. Where the core schema defines a
// common attribute itself (externalId), its definition holds.
func NewSet(core Schema, extensions ...Schema) *Set {
	s := &Set{cores: []Schema{core}, extensions: extensions}
	s.build()
	return s
}

// Union is the set for a query over several resource types: an attribute is
// known when one of them has it. Where several define it, the first one's
// definition holds.
func Union(sets ...*Set) *Set {
	u := &Set{}
	for _, s := range sets {
		for _, core := range s.cores {
			if !hasSchema(u.cores, core.ID) {
				u.cores = append(u.cores, core)
			}
		}
		for _, extension := range s.extensions {
			if !hasSchema(u.extensions, extension.ID) {
				u.extensions = append(u.extensions, extension)
			}
		}
	}
	u.build()
	return u
}

func hasSchema(schemas []Schema, id string) bool {
	return slices.ContainsFunc(schemas, func(s Schema) bool { return strings.EqualFold(s.ID, id) })
}

func (s *Set) build() {
	s.index = map[key]found{}
	common := Common()
	for _, core := range s.cores {
		s.put("", "", core.Attributes)
		s.put(core.ID, "", core.Attributes)
		s.put(core.ID, "", common)
	}
	s.put("", "", common)
	for _, extension := range s.extensions {
		s.put(extension.ID, extension.ID, extension.Attributes)
	}
}

// put indexes attributes under a URI; canonical is the URI they are known by.
func (s *Set) put(uri, canonical string, attributes []Definition) {
	for i := range attributes {
		k := key{strings.ToLower(uri), strings.ToLower(attributes[i].Name)}
		if _, taken := s.index[k]; !taken {
			s.index[k] = found{canonical, &attributes[i]}
		}
	}
}

// Lookup finds an attribute by schema URI ("" for the core) and name, both
// case-blind. canonical is the extension's URI as its schema spells it, "" for a
// core or common attribute, whichever way it was asked for. The definition is
// nil when there is no such attribute, and must not be changed.
func (s *Set) Lookup(uri, name string) (d *Definition, canonical string) {
	f := s.index[key{strings.ToLower(uri), strings.ToLower(name)}]
	return f.definition, f.uri
}

// Extension is the extension of that URI, case-blind; nil when there is none.
func (s *Set) Extension(uri string) *Schema {
	for i := range s.extensions {
		if strings.EqualFold(s.extensions[i].ID, uri) {
			return &s.extensions[i]
		}
	}
	return nil
}

// IsCore reports whether the URI is that of the core schema, case-blind.
func (s *Set) IsCore(uri string) bool { return hasSchema(s.cores, uri) }

// Cores lists the core schemas: one, or those of a union.
func (s *Set) Cores() []Schema { return s.cores }

// Extensions lists the extensions.
func (s *Set) Extensions() []Schema { return s.extensions }

// Common is the definition of the attributes that every resource has (RFC 7643
// section 3.1). schemas is readOnly here: which extensions a resource has follows
// from its values, so that nobody sets it.
func Common() []Definition {
	readOnly := func(name string, t Type) Definition {
		return Definition{
			Name: name, Type: t, CaseExact: true,
			Mutability: ReadOnly, Returned: Default, Uniqueness: None,
		}
	}
	schemas := readOnly("schemas", Reference)
	schemas.MultiValued, schemas.Required, schemas.Returned = true, true, Always
	schemas.ReferenceTypes = []string{"uri"}
	schemas.Description = "The URIs of the schemas this resource uses."
	id := readOnly("id", String)
	id.Returned, id.Uniqueness = Always, Server
	id.Description = "The service provider's identifier of the resource."
	external := readOnly("externalId", String)
	external.Mutability = ReadWrite
	external.Description = "The client's identifier of the resource."
	meta := readOnly("meta", Complex)
	meta.Description = "What the service provider knows about the resource."
	location := readOnly("location", Reference)
	location.ReferenceTypes = []string{"uri"}
	meta.Sub = []Definition{
		readOnly("resourceType", String),
		readOnly("created", DateTime),
		readOnly("lastModified", DateTime),
		location,
		readOnly("version", String),
	}
	return []Definition{schemas, id, external, meta}
}
