package scim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// mediaType is what every answer is (RFC 7644 section 8.1).
const mediaType = "application/scim+json"

// maxDepth is how deep JSON may nest. The deepest thing in SCIM, a Bulk request
// with a PATCH of a complex value, needs eight.
const maxDepth = 40

// decodeObject reads one JSON object and nothing after it. Values come as
// encoding/json gives them with UseNumber. Duplicate names, invalid UTF-8 and
// lone surrogates are refused: two readers could take them for different things.
func decodeObject(body []byte) (map[string]any, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) // some clients write a byte order mark
	d := &decoder{Decoder: jsontext.NewDecoder(bytes.NewReader(body)), left: freeValues + len(body)/bytesPerValue}
	v, err := d.value()
	if err != nil {
		return nil, badJSON(err)
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, Errorf(InvalidSyntax, "something follows the JSON object")
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, Errorf(InvalidSyntax, "the body is not a JSON object")
	}
	return o, nil
}

// badJSON tells the client what is wrong with its JSON, and where.
func badJSON(err error) error {
	var own *Error
	if errors.As(err, &own) {
		return err
	}
	if errors.Is(err, io.EOF) {
		return Errorf(InvalidSyntax, "the body is empty")
	}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return Errorf(InvalidSyntax, "the JSON names a member twice in one object")
	case errors.As(err, &syntax):
		return Errorf(InvalidSyntax, "the body is not JSON: fault at byte %d", syntax.ByteOffset)
	}
	return Errorf(InvalidSyntax, "the body is not JSON")
}

// bytesPerValue is how many bytes of a body a value takes on average at least; an
// object that is not empty counts as valuesPerObject more, as it takes that much
// memory. A member of a group with the id of a UUID takes 50 bytes; a body of
// nothing but {"a":1} would take 40 times its size in memory. The first values
// are free.
const (
	bytesPerValue   = 6
	valuesPerObject = 4
	freeValues      = 10_000
)

// decoder reads values, as many as there are left.
type decoder struct {
	*jsontext.Decoder
	left int
}

// value reads the next value.
func (d *decoder) value() (any, error) {
	t, err := d.ReadToken()
	if err != nil {
		return nil, err
	}
	if err := d.spend(1); err != nil {
		return nil, err
	}
	switch t.Kind() {
	case 'n':
		return nil, nil
	case 't', 'f':
		return t.Bool(), nil
	case '"':
		return t.String(), nil
	case '0':
		return json.Number(t.String()), nil
	}
	if d.StackDepth() > maxDepth {
		return nil, Errorf(InvalidSyntax, "the JSON is nested more than %d deep", maxDepth)
	}
	if t.Kind() == '[' {
		return d.array()
	}
	return d.object()
}

// spend counts values.
func (d *decoder) spend(n int) error {
	if d.left -= n; d.left < 0 {
		return Errorf(PayloadTooLarge, "the body holds more than %d values, and more than one for every %d bytes: split it", freeValues, bytesPerValue)
	}
	return nil
}

// array reads the rest of an array.
func (d *decoder) array() (any, error) {
	list := []any{}
	for d.PeekKind() != ']' {
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	_, err := d.ReadToken()
	return list, err
}

// object reads the rest of an object. Names that differ by case alone are one
// attribute (RFC 7643 section 2.1): two of them are as ambiguous as the same one
// twice, which the decoder refuses by itself.
func (d *decoder) object() (any, error) {
	o := map[string]any{}
	var folded map[string]bool // of names that are not their own folded form
	if d.PeekKind() == '"' {
		if err := d.spend(valuesPerObject); err != nil {
			return nil, err
		}
	}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return nil, err
		}
		key := name.String()
		plain := foldName(key)
		if _, taken := o[plain]; taken || folded[plain] {
			return nil, Errorf(InvalidSyntax, "the JSON names a member twice in one object: %q", key)
		}
		if plain != key {
			if folded == nil {
				folded = map[string]bool{}
			}
			folded[plain] = true
		}
		if o[key], err = d.value(); err != nil {
			return nil, err
		}
	}
	_, err := d.ReadToken()
	return o, err
}

// foldName is the form in which names of attributes compare. A name with a
// quoted value is a path (emails[value eq "A"]), and stays as it is.
func foldName(name string) string {
	if strings.Contains(name, `"`) {
		return name
	}
	if plain := strings.ToLower(name); isASCII(plain) {
		return plain
	}
	// Some letters beyond ASCII, as the long s, have an upper case in it.
	return strings.ToLower(strings.ToUpper(name))
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// appendJSON writes a value of the kinds that documents hold. Names go out in
// alphabetical order, so that equal documents are equal bytes.
func appendJSON(dst []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendString(dst, v)
	case json.Number:
		return append(dst, v...)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case []any:
		dst = append(dst, '[')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendJSON(dst, e)
		}
		return append(dst, ']')
	case map[string]any:
		dst = append(dst, '{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, k), ':')
			dst = appendJSON(dst, v[k])
		}
		return append(dst, '}')
	}
	b, err := json.Marshal(v)
	if err != nil {
		return append(dst, "null"...)
	}
	return append(dst, b...)
}

// appendString quotes s. Bytes that are not UTF-8, which a backend may hold,
// become the replacement character rather than broken JSON.
func appendString(dst []byte, s string) []byte {
	dst, _ = jsontext.AppendQuote(dst, s)
	return dst
}

// sortedKeys are the names of m in order.
func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
