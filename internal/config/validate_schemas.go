package config

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// How much may be declared: far more than anybody needs, and little enough for
// every filter and every answer to stay cheap.
const (
	maxTypes      = 50
	maxSchemas    = 100
	maxExtensions = 20
	maxAttributes = 200 // of one schema, sub-attributes included
	maxValues     = 100 // of canonicalValues and referenceTypes
)

var (
	// schemaURN is a URN (RFC 8141) of the letters that a path in a filter takes.
	schemaURN = regexp.MustCompile(`^[uU][rR][nN]:[A-Za-z0-9][A-Za-z0-9-]{0,31}(:[A-Za-z0-9._-]+)+$`)
	// attributeName is ATTRNAME of RFC 7643 section 2.1.
	attributeName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,99}$`)
	typeName      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,63}$`)
	endpointForm  = regexp.MustCompile(`^/[A-Za-z][A-Za-z0-9_-]{0,63}$`)
)

// The words of RFC 7643 section 7.
var (
	attributeTypes = []string{"string", "boolean", "decimal", "integer", "dateTime", "binary", "reference", "complex"}
	mutabilities   = []string{"readOnly", "readWrite", "immutable", "writeOnly"}
	returnings     = []string{"always", "never", "default", "request"}
	uniquenesses   = []string{"none", "server", "global"}
)

// taken are the endpoints, in lower case, that the protocol and the types that
// are there already have.
var taken = []string{"/users", "/groups", "/me", "/bulk", "/schemas", "/resourcetypes", "/serviceproviderconfig", "/.search"}

// ownSchemas are the URNs, in lower case, that usher serves without being told.
var ownSchemas = []string{
	"urn:ietf:params:scim:schemas:core:2.0:user", "urn:ietf:params:scim:schemas:core:2.0:group",
	"urn:ietf:params:scim:schemas:extension:enterprise:2.0:user",
	"urn:ietf:params:scim:schemas:core:2.0:serviceproviderconfig", "urn:ietf:params:scim:schemas:core:2.0:schema",
	"urn:ietf:params:scim:schemas:core:2.0:resourcetype",
}

// common are the attributes that every resource has (RFC 7643 section 3.1).
var common = []string{"id", "externalid", "meta", "schemas"}

// builtin reports whether a resource type is one of RFC 7643.
func builtin(name string) bool { return name == "User" || name == "Group" }

// scimTypes checks schemas and resource_types, and that each needs the other.
func (v *validator) scimTypes() {
	if len(v.Schemas) > maxSchemas {
		v.bad("schemas", "more than "+strconv.Itoa(maxSchemas)+" schemas", "")
	}
	if len(v.ResourceTypes) > maxTypes {
		v.bad("resource_types", "more than "+strconv.Itoa(maxTypes)+" resource types", "")
	}
	used := map[string]bool{}
	names, endpoints := map[string]bool{}, map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(v.ResourceTypes)) {
		path := "resource_types." + name
		lower := strings.ToLower(name)
		if names[lower] || !builtin(name) && (lower == "user" || lower == "group") {
			v.bad(path, "differs from another resource type only in case", "write User and Group like this, and give others names of their own")
		}
		names[lower] = true
		v.resourceType(path, name, v.ResourceTypes[name], used, endpoints)
	}
	seen := map[string]bool{}
	for _, urn := range slices.Sorted(maps.Keys(v.Schemas)) {
		path, lower := "schemas."+urn, strings.ToLower(urn)
		v.schemaID(path, urn, seen[lower])
		seen[lower] = true
		if !used[urn] {
			v.bad(path, "belongs to no resource type", "name it under resource_types as a schema or an extension, or remove it")
		}
		v.schema(path, v.Schemas[urn])
	}
	v.ambiguous()
}

// resourceType checks one type; used collects the schemas it names.
func (v *validator) resourceType(path, name string, t ResourceType, used, endpoints map[string]bool) {
	if builtin(name) {
		if t.Endpoint != "" || t.Schema != "" || t.Description != "" {
			v.bad(path, name+" is there already and only takes extensions", "remove endpoint, schema and description")
		}
	} else {
		v.ownType(path, name, t, used, endpoints)
	}
	if len(t.Extensions) > maxExtensions {
		v.bad(path+".extensions", "more than "+strconv.Itoa(maxExtensions)+" extensions", "")
	}
	once := map[string]bool{strings.ToLower(t.Schema): true}
	for i, e := range t.Extensions {
		at := path + ".extensions[" + strconv.Itoa(i) + "]"
		switch lower := strings.ToLower(e.Schema); {
		case e.Schema == "":
			v.bad(at+".schema", "missing", "name the URN of a schema declared under schemas")
		case once[lower]:
			v.bad(at+".schema", "the type has this schema already", "remove one of the two")
		default:
			once[lower] = true
			v.knownSchema(at+".schema", e.Schema, used)
		}
		if builtin(name) {
			v.notUnique("schemas."+e.Schema, v.Schemas[e.Schema].Attributes)
		}
	}
}

// ownType checks what a type has that is not of RFC 7643.
func (v *validator) ownType(path, name string, t ResourceType, used, endpoints map[string]bool) {
	if !typeName.MatchString(name) {
		v.bad(path, "not a name for a resource type", "use up to 64 letters, digits, - and _, with a letter first")
	}
	const example = "write it as /Roles"
	if v.need(path+".endpoint", t.Endpoint, example) {
		lower := strings.ToLower(t.Endpoint)
		switch {
		case slices.Contains(taken, lower) || endpoints[lower]:
			v.bad(path+".endpoint", strconv.Quote(t.Endpoint)+" is taken", "choose another; case makes no difference")
		case !endpointForm.MatchString(t.Endpoint):
			v.bad(path+".endpoint", "not an endpoint", example)
		}
		endpoints[lower] = true
	}
	if v.need(path+".schema", t.Schema, "name the URN of a schema declared under schemas") {
		v.knownSchema(path+".schema", t.Schema, used)
	}
}

// knownSchema reports a URN that nothing declares.
func (v *validator) knownSchema(path, urn string, used map[string]bool) {
	used[urn] = true
	if slices.Contains(ownSchemas, strings.ToLower(urn)) {
		v.bad(path, "usher serves this schema by itself", "remove it here")
		return
	}
	if _, declared := v.Schemas[urn]; declared {
		return
	}
	fix := "declare it under schemas"
	if near := nearest(urn, slices.Sorted(maps.Keys(v.Schemas))); near != "" {
		fix = "did you mean " + strconv.Quote(near) + "?"
	}
	v.bad(path, "no schema "+strconv.Quote(urn)+" is declared", fix)
}

// schemaID checks a schema's URN.
func (v *validator) schemaID(path, urn string, again bool) {
	lower := strings.ToLower(urn)
	switch {
	case !schemaURN.MatchString(urn) || len(urn) > 200:
		v.bad(path, "not a URN of letters, digits, . _ - and :", "write it as urn:example:params:scim:schemas:badge")
	case slices.Contains(ownSchemas, lower) || strings.HasPrefix(lower, "urn:ietf:params:scim:api:"):
		v.bad(path, "this URN is the protocol's own", "use one of your own, as in urn:example:params:scim:schemas:badge")
	case again:
		v.bad(path, "differs from another schema only in case", "case makes no difference in URNs; remove one of the two")
	}
}

func (v *validator) schema(path string, s Schema) {
	v.need(path+".name", s.Name, "say in a word what it is, as in Badge")
	if len(s.Attributes) == 0 {
		v.bad(path+".attributes", "missing", "list at least one, as in - {name: serial}")
	}
	n := len(s.Attributes)
	for _, a := range s.Attributes {
		n += len(a.SubAttributes)
	}
	if n > maxAttributes {
		v.bad(path+".attributes", "more than "+strconv.Itoa(maxAttributes)+" attributes, sub-attributes included", "")
		return
	}
	v.attributes(path+".attributes", s.Attributes, "")
}

// attributes checks a list of definitions; within is the complex attribute they
// belong to, "" for none.
func (v *validator) attributes(path string, list []SchemaAttribute, within string) {
	seen := map[string]bool{}
	for i, a := range list {
		at := path + "[" + strconv.Itoa(i) + "]"
		name := at + ".name"
		lower := strings.ToLower(a.Name)
		switch {
		case !v.need(name, a.Name, "every attribute has one"):
		case within != "" && a.Name == "$ref":
			if a.kind() != "reference" {
				v.bad(name, "$ref is an address", "write type: reference")
			}
		case !attributeName.MatchString(a.Name):
			v.bad(name, "not an attribute's name (RFC 7643 section 2.1)", "use letters, digits, - and _, with a letter first")
		case within == "" && slices.Contains(common, lower):
			v.bad(name, strconv.Quote(a.Name)+" is an attribute that every resource has already", "remove it or give it another name")
		case seen[lower]:
			v.bad(name, strconv.Quote(a.Name)+" is defined twice", "case makes no difference in names; remove one of the two")
		}
		seen[lower] = true
		v.attribute(at, a, within)
	}
}

func (v *validator) attribute(at string, a SchemaAttribute, within string) {
	v.word(at+".type", a.Type, attributeTypes)
	v.word(at+".mutability", a.Mutability, mutabilities)
	v.word(at+".returned", a.Returned, returnings)
	v.word(at+".uniqueness", a.Uniqueness, uniquenesses)
	complex := a.kind() == "complex"
	switch {
	case complex && within != "":
		v.bad(at+".type", "complex within the complex "+strconv.Quote(within), "SCIM knows two levels; make it an attribute of its own")
		return
	case complex && len(a.SubAttributes) == 0:
		v.bad(at+".subAttributes", "missing: a complex attribute is made of them", "list them, or choose another type")
	case !complex && len(a.SubAttributes) > 0:
		v.bad(at+".subAttributes", "only a complex attribute has them", "write type: complex")
	}
	v.meaning(at, a)
	v.attributes(at+".subAttributes", a.SubAttributes, a.Name)
}

// meaning checks what the words of a definition mean together.
func (v *validator) meaning(at string, a SchemaAttribute) {
	kind := a.kind()
	unique := a.Uniqueness == "server" || a.Uniqueness == "global"
	if unique && (kind == "complex" || kind == "boolean" || kind == "binary" || a.Returned == "never") {
		v.bad(at+".uniqueness", "a value of this kind cannot be unique", "make a string, reference, number or time unique that is shown")
	}
	if a.Mutability == "writeOnly" && a.Returned != "never" {
		v.bad(at+".mutability", "what is writeOnly is never shown", "write returned: never as well")
	}
	if a.Required && a.Mutability == "readOnly" {
		v.bad(at+".required", "nobody could give a readOnly attribute the value it requires", "remove one of the two")
	}
	if len(a.CanonicalValues) > 0 && kind != "string" {
		v.bad(at+".canonicalValues", "only a string has them", "remove them")
	}
	if len(a.ReferenceTypes) > 0 && kind != "reference" {
		v.bad(at+".referenceTypes", "only a reference has them", "write type: reference")
	}
	if kind == "reference" && len(a.ReferenceTypes) == 0 {
		v.bad(at+".referenceTypes", "missing", "name resource types, external or uri, as in [User]")
	}
	if max(len(a.CanonicalValues), len(a.ReferenceTypes)) > maxValues {
		v.bad(at, "more than "+strconv.Itoa(maxValues)+" values in a list", "")
	}
	for i, name := range a.ReferenceTypes {
		if _, declared := v.ResourceTypes[name]; !declared && !builtin(name) && name != "external" && name != "uri" {
			v.bad(at+".referenceTypes["+strconv.Itoa(i)+"]", "no resource type "+strconv.Quote(name), "name User, Group, one under resource_types, external or uri")
		}
	}
}

// word reports a word that the RFC does not know; none means the default.
func (v *validator) word(path, value string, allowed []string) {
	if value != "" {
		v.oneOf(path, value, allowed...)
	}
}

// notUnique reports unique attributes in extensions of people and groups, whose
// values have no index that would hold them apart.
func (v *validator) notUnique(path string, list []SchemaAttribute) {
	for i, a := range list {
		at := path + ".attributes[" + strconv.Itoa(i) + "]"
		if a.Uniqueness == "server" || a.Uniqueness == "global" {
			v.bad(at+".uniqueness", "uniqueness is not kept for extensions of User and Group", "write none here; userName and externalId are unique")
		}
		for j, sub := range a.SubAttributes {
			if sub.Uniqueness == "server" || sub.Uniqueness == "global" {
				v.bad(at+".subAttributes["+strconv.Itoa(j)+"].uniqueness", "uniqueness is not kept for extensions of User and Group", "write none here")
			}
		}
	}
}

// ambiguous reports an attribute whose full name is the URN of another schema.
func (v *validator) ambiguous() {
	urns := map[string]bool{}
	for urn := range v.Schemas {
		urns[strings.ToLower(urn)] = true
	}
	for _, urn := range slices.Sorted(maps.Keys(v.Schemas)) {
		for i, a := range v.Schemas[urn].Attributes {
			if urns[strings.ToLower(urn+":"+a.Name)] {
				v.bad("schemas."+urn+".attributes["+strconv.Itoa(i)+"].name", "its full name is the URN of another schema", "rename one of the two")
			}
		}
	}
}
