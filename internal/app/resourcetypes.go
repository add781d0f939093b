package app

import (
	"maps"
	"slices"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/attr"
)

// resourceTypes are the types of SCIM as the configuration has them: people and
// groups with their extensions, and the others in the order of their names.
func resourceTypes(cfg *config.Config) (users, groups *scim.ResourceType, more []*scim.ResourceType) {
	users = scim.UserType(extensions(cfg, "User")...)
	groups = scim.GroupType(extensions(cfg, "Group")...)
	for _, name := range slices.Sorted(maps.Keys(cfg.ResourceTypes)) {
		if t := cfg.ResourceTypes[name]; name != users.Name && name != groups.Name {
			more = append(more, &scim.ResourceType{
				ID: name, Name: name, Description: t.Description, Endpoint: t.Endpoint,
				Schema: schemaOf(cfg, t.Schema), Extensions: extensions(cfg, name),
			})
		}
	}
	return users, groups, more
}

func extensions(cfg *config.Config, name string) []scim.Extension {
	var out []scim.Extension
	for _, e := range cfg.ResourceTypes[name].Extensions {
		out = append(out, scim.Extension{Schema: schemaOf(cfg, e.Schema), Required: e.Required})
	}
	return out
}

func schemaOf(cfg *config.Config, urn string) attr.Schema {
	s := cfg.Schemas[urn]
	return scim.Complete(attr.Schema{ID: urn, Name: s.Name, Description: s.Description, Attributes: definitions(s.Attributes)})
}

func definitions(list []config.SchemaAttribute) []attr.Definition {
	out := make([]attr.Definition, len(list))
	for i, a := range list {
		kind := attr.Type(a.Type)
		out[i] = attr.Definition{
			Name: a.Name, Type: kind, MultiValued: a.MultiValued, Description: a.Description, Required: a.Required,
			// RFC 7643 sections 2.3.6 and 2.3.7 have these two compared exactly.
			CaseExact:  a.CaseExact || kind == attr.Reference || kind == attr.Binary,
			Mutability: attr.Mutability(a.Mutability), Returned: attr.Returned(a.Returned), Uniqueness: attr.Uniqueness(a.Uniqueness),
			CanonicalValues: a.CanonicalValues, ReferenceTypes: a.ReferenceTypes, Sub: definitions(a.SubAttributes),
		}
	}
	return out
}
