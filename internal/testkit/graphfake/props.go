package graphfake

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// prop is one property of a resource type.
type prop[T any] struct {
	name  string
	usual bool // comes without $select
	// put appends the JSON of the value, or nothing when it is not set. Two
	// values differ when what they append does.
	put func(b []byte, v *T) []byte
	// read is the value of a text, which $filter compares.
	read func(v *T) string
}

// propTable is what a resource type consists of.
type propTable[T any] struct {
	typ  string // as in #microsoft.graph.user
	all  []prop[T]
	byLC map[string]prop[T] // by name in lower case: OData as Graph speaks it does not mind
}

func properties[T any](typ string, all ...prop[T]) propTable[T] {
	t := propTable[T]{typ: typ, all: all, byLC: map[string]prop[T]{}}
	for _, p := range all {
		t.byLC[strings.ToLower(p.name)] = p
	}
	return t
}

// pick returns the properties to show for a $select: the usual ones for none,
// and always the id.
func (t propTable[T]) pick(names []string) ([]prop[T], *odataError) {
	if len(names) == 0 {
		var usual []prop[T]
		for _, p := range t.all {
			if p.usual {
				usual = append(usual, p)
			}
		}
		return usual, nil
	}
	picked := []prop[T]{t.byLC["id"]}
	for _, name := range names {
		p, ok := t.find(name)
		switch {
		case !ok && t.typ == "user" && elsewhere[strings.ToLower(name)]:
			return nil, &odataError{501, "NotImplemented", "This operation target is not yet supported."}
		case !ok:
			return nil, badRequest("BadRequest", fmt.Sprintf("Parsing OData Select and Expand failed: "+
				"Could not find a property named '%s' on type 'microsoft.graph.%s'.", name, t.typ))
		case p.name != "id" && p.put != nil:
			picked = append(picked, p)
		}
	}
	return picked, nil
}

// relations are the navigation properties that $select may name in a delta
// query (concepts/delta-query-overview.md); elsewhere they select nothing.
var relations = map[string]string{"user": "manager", "group": "members"}

func (t propTable[T]) find(name string) (prop[T], bool) {
	low := strings.ToLower(name)
	if p, ok := t.byLC[low]; ok {
		return p, true
	}
	if low == relations[t.typ] {
		return prop[T]{name: low}, true
	}
	if user, ok := any(extensionProp(name)).(prop[T]); ok && isExtension(name) {
		return user, true
	}
	return prop[T]{}, false
}

// isExtension reports whether a name is that of a directory extension:
// extension_, the application's id without dashes, and a name.
func isExtension(name string) bool {
	rest, ok := strings.CutPrefix(name, "extension_")
	if !ok {
		return false
	}
	app, own, ok := strings.Cut(rest, "_")
	return ok && len(app) == 32 && own != "" && strings.Trim(app, "0123456789abcdefABCDEF") == ""
}

func text[T any](name string, usual bool, read func(*T) string) prop[T] {
	return prop[T]{name: name, usual: usual, read: read, put: func(b []byte, v *T) []byte {
		if s := read(v); s != "" {
			return quote(b, s)
		}
		return b
	}}
}

func list[T any](name string, usual bool, read func(*T) []string) prop[T] {
	return prop[T]{name: name, usual: usual, put: func(b []byte, v *T) []byte {
		b = append(b, '[')
		for i, s := range read(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = quote(b, s)
		}
		return append(b, ']')
	}}
}

func truth[T any](name string, usual bool, read func(*T) *bool) prop[T] {
	return prop[T]{name: name, usual: usual, put: func(b []byte, v *T) []byte {
		switch p := read(v); {
		case p == nil:
			return b
		case *p:
			return append(b, "true"...)
		default:
			return append(b, "false"...)
		}
	}}
}

func moment[T any](name string, usual bool, read func(*T) time.Time) prop[T] {
	return prop[T]{name: name, usual: usual, put: func(b []byte, v *T) []byte {
		if at := read(v); !at.IsZero() {
			b = append(b, '"')
			b = at.UTC().AppendFormat(b, "2006-01-02T15:04:05Z")
			return append(b, '"')
		}
		return b
	}}
}

func other[T any](name string, usual bool, read func(*T) any) prop[T] {
	return prop[T]{name: name, usual: usual, put: func(b []byte, v *T) []byte {
		if value := read(v); value != nil {
			return append(b, marshal(value)...)
		}
		return b
	}}
}

// extensionAttributes are the fifteen as Graph writes them: every one named,
// null where it is not set (resources/onpremisesextensionattributes.md).
func extensionAttributes(values [15]string) json.RawMessage {
	b := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `"extensionAttribute%d":`, i+1)
		if v == "" {
			b = append(b, "null"...)
		} else {
			b = quote(b, v)
		}
	}
	return append(b, '}')
}

// quote appends a JSON string. Most values need no escape, and a page has
// thousands of them.
func quote(b []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c == '"' || c == '\\' {
			return append(b, marshal(s)...)
		}
	}
	if !utf8.ValidString(s) {
		return append(b, marshal(s)...)
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// marshal is for values that always have JSON: what a test puts into Extensions
// is its own to choose well.
func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("graphfake: encode %T: %v", v, err))
	}
	return b
}

// put appends an object with the properties; those not set are null.
func put[T any](b []byte, v *T, props []prop[T], before string) []byte {
	b = append(b, '{')
	b = append(b, before...)
	for i, p := range props {
		if i > 0 {
			b = append(b, ',')
		}
		b = key(b, p.name)
		start := len(b)
		if b = p.put(b, v); len(b) == start {
			b = append(b, "null"...)
		}
	}
	return append(b, '}')
}

// key appends a property's name, which needs no escape, and its colon.
func key(b []byte, n string) []byte {
	b = append(b, '"')
	b = append(b, n...)
	return append(b, '"', ':')
}
