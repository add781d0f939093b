package dialect

import (
	"strings"

	"github.com/usherd/usher/scim/attr"
)

// entra is what Microsoft Entra ID says, without ?aadOptscim062020 and with it:
// on-demand provisioning ignores the flag, so that one tenant speaks both.
func entra() []Rewrite {
	return []Rewrite{
		{
			Name: "entra-wrapped-value",
			Doc: `Where an attribute takes one value, an array of one is that one, and {"value": x}` +
				` for one that is not complex is x: the manager as an array, displayName as [{"value": "x"}].`,
			Value: wrappedValue,
		},
		{
			Name:  "entra-boolean-string",
			Doc:   `A boolean attribute may be "True" or "False" as a string, in any case, and be compared with one.`,
			Value: booleanString, Literal: booleanString,
		},
		{
			Name:  "entra-empty-clears",
			Doc:   `The empty string leaves an attribute or sub-attribute unassigned, as null does: "manager": "".`,
			Value: emptyClears,
		},
		{
			Name:   "entra-single-quotes",
			Doc:    `A filter without any double quote may have its values in single ones.`,
			Filter: singleQuotes,
		},
		{
			Name: "entra-replace-missing",
			Doc: `A replace of a sub-attribute by filter is an add, which makes the value that no filter finds:` +
				` emails[type eq "work"].value, whether there is a work address or not.`,
			Operation: replaceMissing,
		},
	}
}

func booleanString(d *attr.Definition, v any) any {
	s, ok := v.(string)
	if !ok || d.Type != attr.Boolean {
		return v
	}
	switch {
	case strings.EqualFold(s, "true"):
		return true
	case strings.EqualFold(s, "false"):
		return false
	}
	return v
}

func wrappedValue(d *attr.Definition, v any) any {
	if d.MultiValued {
		return v
	}
	if list, ok := v.([]any); ok && len(list) <= 1 {
		if len(list) == 0 {
			return nil
		}
		v = list[0]
	}
	if o, ok := v.(map[string]any); ok && d.Type != attr.Complex {
		for name, inner := range o {
			if strings.EqualFold(name, "value") {
				return inner
			}
		}
	}
	return v
}

func emptyClears(_ *attr.Definition, v any) any {
	if v == "" {
		return nil
	}
	return v
}

// singleQuotes turns 'x' into "x". Where there is a double quote, a single one
// is part of a value, as in O'Neill.
func singleQuotes(text string) string {
	if strings.ContainsAny(text, `"\`) || strings.Count(text, "'")%2 != 0 {
		return text
	}
	return strings.ReplaceAll(text, "'", `"`)
}

// replaceMissing leaves a null alone: there is nothing to make.
func replaceMissing(_ *attr.Set, op Op) Op {
	filtered := strings.HasPrefix(op.Path[strings.LastIndexByte(op.Path, ']')+1:], ".")
	if filtered && op.Value != nil && strings.EqualFold(strings.TrimSpace(op.Op), "replace") {
		op.Op = "add"
	}
	return op
}
