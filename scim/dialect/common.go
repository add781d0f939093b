package dialect

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"

	"github.com/usherd/usher/scim/attr"
)

// common is what clients of several makers say.
func common() []Rewrite {
	return []Rewrite{
		{
			Name:     "missing-schemas",
			Doc:      "A resource without schemas, or with an empty list, has the core schema's.",
			Document: missingSchemas,
		},
		{
			Name:    "missing-message-schemas",
			Doc:     "The body of a PATCH, a Bulk or a search without schemas, or with an empty list, has those of one.",
			Message: fillSchemas,
		},
		{
			Name: "bare-word",
			Doc: "What a filter, or one in a path, compares with may stand without quotes if it is one word of letters," +
				" digits and _.@+:/- that is nothing in JSON: userName eq alice.",
			Filter: bareWords,
		},
		{
			Name: "repeated-name",
			Doc: `The value of an attribute may be an object that names the attribute once more:` +
				` the path members with the value {"members": [{"value": "id"}]}.`,
			Value: repeatedName,
		},
		{
			Name: "bare-value",
			Doc: `Where an attribute is complex and has a value, a bare string means that value:` +
				` members ["id"] is members [{"value": "id"}].`,
			Value: bareValue,
		},
		{
			Name:  "single-value",
			Doc:   "Where an attribute takes several values, one that is not in an array is the only one.",
			Value: singleValue,
		},
		{
			Name:  "reference-only",
			Doc:   "A value that has a $ref and no value has the last segment of the $ref as its value.",
			Value: referenceOnly,
		},
		{
			Name:      "operation-spelling",
			Doc:       `The name of an operation is case-blind and may have blanks around it: "Add", "REPLACE".`,
			Operation: operationSpelling,
		},
	}
}

// bareWord finds strings, and comparisons with what does not begin as one.
var bareWord = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|(?i:(\s(?:eq|ne|co|sw|ew|gt|ge|lt|le)\s+)([^\s"()\[\]][^\s()\[\]]*))`)

// isWord is what a word may be made of. Other quotes, or half of one, are a mistake
// that must not become a search for nobody.
var isWord = regexp.MustCompile(`^[\p{L}\p{N}_.@+:/-](?:[\p{L}\p{N}_.@+:/'-]*[\p{L}\p{N}_.@+:/-])?$`)

// bareWords puts words in quotes.
func bareWords(text string) string {
	return bareWord.ReplaceAllStringFunc(text, func(found string) string {
		at := bareWord.FindStringSubmatch(found)
		lower := strings.ToLower(at[2])
		if !isWord.MatchString(at[2]) || slices.Contains(operators, lower) || json.Valid([]byte(lower)) {
			return found
		}
		return at[1] + `"` + at[2] + `"`
	})
}

// operators are words that compare, and no values.
var operators = []string{"eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr"}

func repeatedName(d *attr.Definition, v any) any {
	inside := v
	if list, ok := v.([]any); ok && len(list) == 1 {
		inside = list[0]
	}
	o, ok := inside.(map[string]any)
	if !ok || len(o) != 1 || !d.MultiValued || d.SubAttribute(d.Name) != nil {
		return v
	}
	for name, inner := range o {
		if strings.EqualFold(name, d.Name) {
			return inner
		}
	}
	return v
}

func missingSchemas(set *attr.Set, doc map[string]any) { fillSchemas(doc, set.Cores()[0].ID) }

// fillSchemas makes a URN the only schema of an object that names none.
func fillSchemas(doc map[string]any, uri string) {
	for name, v := range doc {
		if !strings.EqualFold(name, "schemas") {
			continue
		}
		if list, ok := v.([]any); v != nil && (!ok || len(list) > 0) {
			return
		}
		delete(doc, name)
	}
	doc["schemas"] = []any{uri}
}

// bareValue wraps strings of complex attributes that have a value.
func bareValue(d *attr.Definition, v any) any {
	if d.Type != attr.Complex || d.SubAttribute("value") == nil {
		return v
	}
	if s, ok := v.(string); ok {
		return map[string]any{"value": s}
	}
	list, ok := v.([]any)
	if !ok || !d.MultiValued {
		return v
	}
	for i, e := range list {
		if s, ok := e.(string); ok {
			list[i] = map[string]any{"value": s}
		}
	}
	return list
}

func singleValue(d *attr.Definition, v any) any {
	if _, several := v.([]any); !d.MultiValued || several || v == nil {
		return v
	}
	return []any{v}
}

// referenceOnly fills in values from references.
func referenceOnly(d *attr.Definition, v any) any {
	if d.Type != attr.Complex || d.SubAttribute("$ref") == nil || d.SubAttribute("value") == nil {
		return v
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		if o, ok := e.(map[string]any); ok {
			fillValue(o)
		}
	}
	return v
}

func fillValue(o map[string]any) {
	reference := ""
	for name, v := range o {
		if strings.EqualFold(name, "value") {
			return
		}
		if s, ok := v.(string); ok && strings.EqualFold(name, "$ref") {
			reference = s
		}
	}
	if i := strings.LastIndexByte(reference, '/'); i >= 0 && i+1 < len(reference) {
		o["value"] = reference[i+1:]
	}
}

func operationSpelling(_ *attr.Set, op Op) Op {
	op.Op = strings.ToLower(strings.TrimSpace(op.Op))
	return op
}
