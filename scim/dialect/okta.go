package dialect

import (
	"strings"

	"github.com/usherd/usher/scim/attr"
)

// okta is what Okta says, from the app wizard and from the catalogue.
func okta() []Rewrite {
	return []Rewrite{
		{
			Name: "okta-repeated-id",
			Doc: "An operation without path may repeat what nobody sets, as a PUT may: a group push sends" +
				" {id, displayName}.",
			Operation: repeatedID,
		},
	}
}

func repeatedID(set *attr.Set, op Op) Op {
	o, ok := op.Value.(map[string]any)
	if op.Path != "" || !ok {
		return op
	}
	kept := make(map[string]any, len(o))
	for name, v := range o {
		d, _ := set.Lookup("", strings.TrimSpace(name))
		if d == nil || d.Mutability != attr.ReadOnly {
			kept[name] = v
		}
	}
	op.Value = kept
	return op
}
