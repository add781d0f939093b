package config

// Schema is a SCIM schema that the file declares: the attributes of a resource
// type, or what an extension adds to one (RFC 7643 section 7).
type Schema struct {
	Name        string            `yaml:"name"`
	Description string            `yaml:"description"`
	Attributes  []SchemaAttribute `yaml:"attributes"`
}

// SchemaAttribute defines one attribute, in the words of RFC 7643 section 7. What is
// left out has the default of section 2.2: a string, one value, readWrite,
// returned by default, not unique.
type SchemaAttribute struct {
	Name            string            `yaml:"name"`
	Type            string            `yaml:"type"`
	Description     string            `yaml:"description"`
	MultiValued     bool              `yaml:"multiValued"`
	Required        bool              `yaml:"required"`
	CaseExact       bool              `yaml:"caseExact"`
	CanonicalValues []string          `yaml:"canonicalValues"`
	Mutability      string            `yaml:"mutability"`
	Returned        string            `yaml:"returned"`
	Uniqueness      string            `yaml:"uniqueness"`
	ReferenceTypes  []string          `yaml:"referenceTypes"`
	SubAttributes   []SchemaAttribute `yaml:"subAttributes"`
}

// kind is the attribute's type, a default one where none is written.
func (a SchemaAttribute) kind() string {
	switch {
	case a.Type != "":
		return a.Type
	case len(a.SubAttributes) > 0:
		return "complex"
	}
	return "string"
}

// ResourceType is a kind of SCIM resource. User and Group are there already and
// only take extensions.
type ResourceType struct {
	// Endpoint is where resources live, as in /Roles.
	Endpoint    string `yaml:"endpoint"`
	Description string `yaml:"description"`
	// Schema is the URN of the schema that every resource of the type has, and
	// Extensions those that are added to it. All are declared under schemas.
	Schema     string      `yaml:"schema"`
	Extensions []Extension `yaml:"extensions"`
}

// Extension is a schema added to a resource type.
type Extension struct {
	Schema string `yaml:"schema"`
	// Required refuses resources without it.
	Required bool `yaml:"required"`
}
