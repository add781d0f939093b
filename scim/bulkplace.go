package scim

import (
	"net/http"
	"strings"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

// places visits the references of an operation's data and puts in the place of
// each what become makes of its bulkId. A reference stands in a sub-attribute
// value or $ref, in an attribute of type reference, in a string that stands for a
// complex value ("manager": "bulkId:x"), and in a comparison of one of those in
// the filter of a path. Whatever else begins with bulkId: is text.
type places struct {
	v      validator
	become func(id string) string
}

// data visits what an operation of that method sends.
func (p places) data(method string, data map[string]any) {
	if method != http.MethodPatch {
		p.members("", data)
		return
	}
	_, v := lookupFold(data, "Operations")
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, e := range list {
		if o, ok := e.(map[string]any); ok {
			p.operation(o)
		}
	}
}

// operation visits one operation of a PATCH.
func (p places) operation(o map[string]any) {
	pathKey, v := lookupFold(o, "path")
	path, _ := v.(string)
	valueKey, value := lookupFold(o, "value")
	if path = strings.TrimSpace(path); path != "" {
		o[pathKey], value = p.at(path, value)
	} else if inner, ok := value.(map[string]any); ok {
		p.members("", inner)
	}
	if valueKey != "" {
		o[valueKey] = value
	}
}

// members visits an object whose names are paths behind the prefix: a resource,
// an extension, or the value of an operation without path.
func (p places) members(prefix string, o map[string]any) {
	for _, name := range sortedKeys(o) {
		inner, nested := o[name].(map[string]any)
		if nested && p.v.t.Attributes().IsCore(name) {
			p.members("", inner)
			continue
		}
		path, value := p.at(prefix+name, o[name])
		delete(o, name)
		o[strings.TrimPrefix(path, prefix)] = value
	}
}

// at visits a path and the value that stands or comes there. What cannot be
// written is left alone: it is refused or passed over whatever it refers to.
func (p places) at(text string, value any) (string, any) {
	path, d, err := p.v.path(text)
	switch {
	case err != nil:
		return text, value
	case d == nil && path.Attr.URI != "":
		if o, ok := value.(map[string]any); ok {
			p.members(path.Attr.URI+":", o)
		}
		return text, value
	case path.Filter != nil:
		whole, _ := p.v.t.Attributes().Lookup(path.Attr.URI, path.Attr.Name)
		if where := p.filter(whole, path.Filter); where.String() != path.Filter.String() {
			written, _ := filter.ParsePath(text) // as path has
			written.Filter = where
			text = written.String()
		}
	}
	return text, p.value(d, path.Attr.Sub, value)
}

// filter visits the filter of a path to d.
func (p places) filter(d *attr.Definition, e filter.Expr) filter.Expr {
	switch e := e.(type) {
	case filter.And:
		return filter.And{Left: p.filter(d, e.Left), Right: p.filter(d, e.Right)}
	case filter.Or:
		return filter.Or{Left: p.filter(d, e.Left), Right: p.filter(d, e.Right)}
	case filter.Not:
		return filter.Not{X: p.filter(d, e.X)}
	case filter.Compare:
		e.Value = p.value(d.SubAttribute(e.Attr.Sub), e.Attr.Sub, e.Value)
		return e
	}
	return e
}

// value visits a value of the attribute d, or of the sub-attribute of that name.
// d is nil where the schemas have none of that name, which may be what a dialect
// calls it.
func (p places) value(d *attr.Definition, sub string, value any) any {
	switch v := value.(type) {
	case string:
		if id, ok := strings.CutPrefix(v, bulkPrefix); ok && mayRefer(d, sub) {
			return p.become(id)
		}
	case []any:
		for i, e := range v {
			v[i] = p.value(d, sub, e)
		}
	case map[string]any:
		for _, name := range sortedKeys(v) {
			switch {
			case d == nil:
				v[name] = p.value(nil, name, v[name])
			case d.Type == attr.Complex:
				v[name] = p.value(d.SubAttribute(name), name, v[name])
			default: // a dialect's {"value": x} for x
				v[name] = p.value(d, sub, v[name])
			}
		}
	}
	return value
}

// mayRefer reports whether a string there may be a reference.
func mayRefer(d *attr.Definition, sub string) bool {
	switch {
	case strings.EqualFold(sub, "value"), strings.EqualFold(sub, "$ref"):
		return true
	case d == nil:
		return strings.EqualFold(sub, "manager")
	case d.Type == attr.Complex:
		return d.SubAttribute("value") != nil
	}
	return d.Type == attr.Reference
}

// collector is places that change nothing and list the bulkIds they meet, each
// once, in order.
func collector(v validator, into *[]string) places {
	seen := map[string]bool{}
	for _, id := range *into {
		seen[id] = true
	}
	return places{v, func(id string) string {
		if !seen[id] {
			seen[id] = true
			*into = append(*into, id)
		}
		return bulkPrefix + id
	}}
}

// replacer is places that put ids where references are; one that has none stays.
func replacer(v validator, ids map[string]string) places {
	return places{v, func(reference string) string {
		if id, ok := ids[reference]; ok {
			return id
		}
		return bulkPrefix + reference
	}}
}
