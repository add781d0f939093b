package filter

import (
	"encoding/json"
	"fmt"
	"strings"
)

// String writes and; an or on either side, or an and on the right, stands in
// parentheses, because and binds tighter and to the left.
func (e And) String() string {
	_, nested := e.Right.(And)
	return group(e.Left, isOr(e.Left)) + " and " + group(e.Right, nested || isOr(e.Right))
}

func (e Or) String() string { return e.Left.String() + " or " + group(e.Right, isOr(e.Right)) }

func (e Not) String() string { return "not (" + e.X.String() + ")" }

func (e Compare) String() string {
	return e.Attr.String() + " " + string(e.Op) + " " + literal(e.Value)
}

func (e Present) String() string { return e.Attr.String() + " pr" }

func (e ValuePath) String() string { return e.Attr.String() + "[" + e.Filter.String() + "]" }

// String is the attribute as one writes it: URN:name.sub, or the sub-attribute
// alone when it stands in a value path, or the URN alone for an extension.
func (a Attr) String() string {
	var parts []string
	if a.URI != "" {
		parts = append(parts, a.URI)
	}
	switch {
	case a.Name == "" && a.Sub != "":
		parts = append(parts, a.Sub)
	case a.Sub != "":
		parts = append(parts, a.Name+"."+a.Sub)
	case a.Name != "":
		parts = append(parts, a.Name)
	}
	return strings.Join(parts, ":")
}

// String is the path as one writes it.
func (p Path) String() string {
	if p.Filter == nil {
		return p.Attr.String()
	}
	whole := p.Attr
	whole.Sub = ""
	s := whole.String() + "[" + p.Filter.String() + "]"
	if p.Attr.Sub != "" {
		s += "." + p.Attr.Sub
	}
	return s
}

func isOr(e Expr) bool {
	_, or := e.(Or)
	return or
}

func group(e Expr, parentheses bool) string {
	if parentheses {
		return "(" + e.String() + ")"
	}
	return e.String()
}

func literal(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case string:
		return quote(v)
	case json.Number:
		return v.String()
	default:
		return fmt.Sprint(v)
	}
}

// quote writes a JSON string with no escape that it could do without, so that
// printing never makes a filter longer than its author could have written it.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		if short, ok := escapes[r]; ok {
			b.WriteString(short)
		} else if r < ' ' {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

var escapes = map[rune]string{
	'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`,
}
