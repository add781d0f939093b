package attr

import "github.com/elimity-com/scim/schema"

// FromLibrary takes over a schema of github.com/elimity-com/scim, which keeps
// those of RFC 7643 with their descriptions. Its own form hides what we look up
// for each value of each request; ours is indexed, and may be changed.
func FromLibrary(s schema.Schema) Schema {
	return Schema{
		ID: s.ID, Name: s.Name.Value(), Description: s.Description.Value(),
		Attributes: fromLibrary(s.Attributes),
	}
}

func fromLibrary(list schema.Attributes) []Definition {
	out := make([]Definition, len(list))
	for i, a := range list {
		d := Definition{
			Name: a.Name(), Type: Type(a.AttributeType()), MultiValued: a.MultiValued(),
			Description: a.Description(), Required: a.Required(), CaseExact: a.CaseExact(),
			Mutability: Mutability(a.Mutability()), Returned: Returned(a.Returned()),
			Uniqueness: Uniqueness(a.Uniqueness()), CanonicalValues: a.CanonicalValues(),
		}
		for _, t := range a.ReferenceTypes() {
			d.ReferenceTypes = append(d.ReferenceTypes, string(t))
		}
		if a.HasSubAttributes() {
			d.Sub = fromLibrary(a.SubAttributes())
		}
		out[i] = d
	}
	return out
}
