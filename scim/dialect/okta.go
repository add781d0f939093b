package dialect

// okta is what Okta says, from the app wizard and from the catalogue.
func okta() []Rewrite {
	return []Rewrite{
		{
			Name: "okta-own-id",
			Doc: "An operation without path may repeat the resource's id, schemas and meta, which nobody sets:" +
				" a group push sends {id, displayName}.",
			Operation: ownID,
		},
	}
}

func ownID(op Op) Op {
	o, ok := op.Value.(map[string]any)
	if op.Path != "" || !ok {
		return op
	}
	kept := make(map[string]any, len(o))
	for name, v := range o {
		switch name {
		case "id", "schemas", "meta":
		default:
			kept[name] = v
		}
	}
	op.Value = kept
	return op
}
