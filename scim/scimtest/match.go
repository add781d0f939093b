package scimtest

import (
	"fmt"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

// matches evaluates a resolved filter on one document. nil matches everything.
func matches(e filter.Expr, set *attr.Set, doc map[string]any) (bool, error) {
	switch e := e.(type) {
	case nil:
		return true, nil
	case filter.And:
		left, err := matches(e.Left, set, doc)
		if err != nil || !left {
			return false, err
		}
		return matches(e.Right, set, doc)
	case filter.Or:
		left, err := matches(e.Left, set, doc)
		if err != nil || left {
			return left, err
		}
		return matches(e.Right, set, doc)
	case filter.Not:
		x, err := matches(e.X, set, doc)
		return !x && err == nil, err
	case filter.Present:
		return one(e.Attr, filter.Present{Attr: filter.Attr{Sub: e.Attr.Sub}}, set, doc)
	case filter.Compare:
		return one(e.Attr, filter.Compare{Attr: filter.Attr{Sub: e.Attr.Sub}, Op: e.Op, Value: e.Value}, set, doc)
	case filter.ValuePath:
		d, list := elementsOf(e.Attr, set, doc)
		if d == nil {
			return false, nil
		}
		return anyElement(e.Filter, d, list)
	}
	return false, fmt.Errorf("match document: unknown filter %T", e)
}

// one evaluates a test of one attribute, which is given as a test of a
// sub-attribute.
func one(a filter.Attr, test filter.Expr, set *attr.Set, doc map[string]any) (bool, error) {
	d, list := elementsOf(a, set, doc)
	if d == nil {
		return false, nil // another resource type's attribute
	}
	if a.Sub == "" {
		if p, ok := test.(filter.Present); ok && d.Type == attr.Complex {
			return len(list) > 0, nil
		} else if ok {
			p.Attr.Sub = "value"
			test = p
		}
		if c, ok := test.(filter.Compare); ok {
			c.Attr.Sub = "value"
			test = c
		}
	}
	if len(list) == 0 {
		list = []any{map[string]any{}}
	}
	return anyElement(test, d, list)
}

// elementsOf is an attribute's values as a list of objects; a simple value
// stands under "value".
func elementsOf(a filter.Attr, set *attr.Set, doc map[string]any) (*attr.Definition, []any) {
	d, uri := set.Lookup(a.URI, a.Name)
	if d == nil {
		return nil, nil
	}
	several := *d
	several.MultiValued = true
	within := doc
	if uri != "" {
		within, _ = doc[uri].(map[string]any)
	}
	list, ok := within[d.Name].([]any)
	if v := within[d.Name]; !ok && v != nil {
		list = []any{v}
	}
	objects := make([]any, 0, len(list))
	for _, v := range list {
		if _, ok := v.(map[string]any); !ok {
			v = map[string]any{"value": v}
		}
		objects = append(objects, v)
	}
	return &several, objects
}

func anyElement(e filter.Expr, d *attr.Definition, list []any) (bool, error) {
	for _, v := range list {
		o, _ := v.(map[string]any)
		ok, err := filter.Match(e, d, o, attr.Fold)
		if err != nil || ok {
			return ok, err
		}
	}
	return false, nil
}
