package patch

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"

	"github.com/usherd/usher/scim/attr"
)

// unassigned reports whether a value is none: null, "", an empty array or
// object (RFC 7643 section 2.5, and Microsoft's tests for "").
func unassigned(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// elements takes a value as a list: one that is no list is its only element.
func elements(value any) []any {
	if list, ok := value.([]any); ok {
		return list
	}
	if value == nil {
		return nil
	}
	return []any{value}
}

// conform copies a value as its definition wants it: nil when it is unassigned,
// sub-attributes by their canonical names, read-only ones left out. It checks
// kinds (string, number, object), not formats, which whoever made the operation
// has checked.
func conform(d *attr.Definition, value any) (any, *Error) {
	if unassigned(value) {
		return nil, nil
	}
	if !d.MultiValued {
		return conformOne(d, value)
	}
	var list []any
	for _, item := range elements(value) {
		v, err := conformOne(d, item)
		if err != nil {
			return nil, err
		}
		if v != nil {
			list = append(list, v)
		}
	}
	if list == nil {
		return nil, nil
	}
	return list, nil
}

func conformOne(d *attr.Definition, value any) (any, *Error) {
	if unassigned(value) {
		return nil, nil
	}
	if d.Type != attr.Complex {
		if !fits(d.Type, value) {
			return nil, fail(InvalidValue, "%s takes a value of type %s", d.Name, d.Type)
		}
		return value, nil
	}
	values, err := conformComplex(d, value)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(values, func(_ string, v any) bool { return v == nil })
	if len(values) == 0 {
		return nil, nil
	}
	return values, nil
}

// conformComplex is conform for an object, in which sub-attributes to be cleared
// stay as nil.
func conformComplex(d *attr.Definition, value any) (map[string]any, *Error) {
	object, ok := value.(map[string]any)
	if !ok {
		return nil, fail(InvalidValue, "%s takes an object", d.Name)
	}
	values := make(map[string]any, len(object))
	for name, v := range object {
		sub := d.SubAttribute(name)
		if sub == nil {
			return nil, fail(InvalidValue, "%s has no sub-attribute %s", d.Name, name)
		}
		if sub.Mutability == attr.ReadOnly {
			continue
		}
		v, err := conform(sub, v)
		if err != nil {
			return nil, err
		}
		values[sub.Name] = v
	}
	return values, nil
}

func fits(t attr.Type, value any) bool {
	switch value.(type) {
	case string:
		return t == attr.String || t == attr.Reference || t == attr.Binary || t == attr.DateTime
	case bool:
		return t == attr.Boolean
	case json.Number:
		return t == attr.Integer || t == attr.Decimal
	}
	return false
}

// overlay sets and, where nil, clears sub-attributes of an object; of those that
// are lists, add and remove with a value mean those values alone. cleared tells
// that there was something to clear.
func (w *work) overlay(kind Kind, d *attr.Definition, object, changes map[string]any) (cleared bool, err *Error) {
	for name, value := range changes {
		old, had := object[name]
		sub := d.SubAttribute(name)
		if sub != nil && sub.MultiValued && value != nil && kind != Replace {
			value = w.merged(kind, sub, elements(old), elements(value))
		}
		if had && sub != nil && sub.Mutability == attr.Immutable && !reflect.DeepEqual(old, value) {
			return false, fail(Mutability, "%s.%s is immutable and has a value", d.Name, sub.Name)
		}
		if value == nil {
			if had && sub != nil && sub.Required {
				return false, fail(Mutability, "%s.%s is required", d.Name, sub.Name)
			}
			delete(object, name)
			cleared = cleared || had
			continue
		}
		object[name] = value
	}
	return cleared, nil
}

// merged is a list of simple values with others added that it does not hold yet,
// or without others that are removed; nil when nothing is left.
func (w *work) merged(kind Kind, d *attr.Definition, list, said []any) any {
	key := func(value any) string { return w.comparable(d, value) }
	others := map[string]bool{}
	if kind == Remove {
		for _, value := range said {
			others[key(value)] = true
		}
		said = nil
	}
	var out []any
	for _, value := range slices.Concat(list, said) {
		if k := key(value); !others[k] {
			others[k] = kind == Add
			out = append(out, value)
		}
	}
	if out == nil {
		return nil
	}
	return out
}

// clears reports whether changes for an overlay clear anything.
func clears(changes map[string]any) bool {
	for _, value := range changes {
		if value == nil {
			return true
		}
	}
	return false
}

// hollow reports whether nothing worth keeping is left of a complex value.
func hollow(d *attr.Definition, object map[string]any) bool {
	if d.SubAttribute("value") != nil {
		return object["value"] == nil
	}
	for name := range object {
		if name != "type" && name != "primary" {
			return false
		}
	}
	return true
}

func clone(value any) any {
	switch v := value.(type) {
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = clone(v[i])
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name := range v {
			object[name] = clone(v[name])
		}
		return object
	}
	return value
}
