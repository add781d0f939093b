package scim

import (
	"errors"
	"strings"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/dialect"
	"github.com/usherd/usher/scim/filter"
	"github.com/usherd/usher/scim/patch"
)

// patchSchema is the schema of a PATCH body.
const patchSchema = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

// operations turns a PATCH body into canonical operations: dialect undone, one
// attribute each, path resolved, value checked.
func (h *handler) operations(v validator, body map[string]any) ([]patch.Operation, error) {
	if err := checkMessage(v.profile, body, patchSchema); err != nil {
		return nil, err
	}
	_, value := lookupFold(body, "Operations")
	list, ok := value.([]any)
	if one, is := value.(map[string]any); is && !v.profile.Strict {
		list, ok = []any{one}, true
	}
	if !ok || len(list) == 0 && v.profile.Strict {
		return nil, Errorf(InvalidSyntax, "Operations must be an array of operations")
	}
	if len(list) > h.Limits.PatchOps {
		return nil, Errorf(PayloadTooLarge, "more than %d operations in one PATCH", h.Limits.PatchOps)
	}
	var ops []patch.Operation
	for _, e := range list {
		op, err := readOperation(e)
		if err != nil {
			return nil, err
		}
		op.Op = v.profile.Operation(v.t.Attributes(), op.Op)
		if ops, err = v.operation(ops, op); err != nil {
			return nil, err
		}
	}
	return ops, nil
}

// written is an operation as it was written, and whether it had a value: null
// is one.
type written struct {
	dialect.Op
	hasValue bool
}

// readOperation reads the members of one operation.
func readOperation(v any) (written, error) {
	o, ok := v.(map[string]any)
	if !ok {
		return written{}, Errorf(InvalidSyntax, "an operation must be an object")
	}
	var w written
	_, op := lookupFold(o, "op")
	if w.Op.Op, ok = op.(string); !ok {
		return w, Errorf(InvalidSyntax, "an operation must have an op")
	}
	if _, path := lookupFold(o, "path"); path != nil {
		if w.Path, ok = path.(string); !ok {
			return w, Errorf(InvalidPath, "path must be a string")
		}
		w.Path = strings.TrimSpace(w.Path)
	}
	key, value := lookupFold(o, "value")
	w.Value, w.hasValue = value, key != ""
	return w, nil
}

// operation adds what one operation means.
func (v validator) operation(to []patch.Operation, w written) ([]patch.Operation, error) {
	kind := patch.Kind(w.Op.Op)
	switch {
	case kind != patch.Add && kind != patch.Remove && kind != patch.Replace:
		return nil, Errorf(InvalidSyntax, "op must be add, remove or replace, not %q", w.Op.Op)
	case kind != patch.Remove && !w.hasValue:
		return nil, Errorf(InvalidValue, "%s needs a value", kind)
	case w.Path != "":
		return v.at(to, kind, w.Path, w.Value)
	case kind == patch.Remove:
		return nil, Errorf(NoTarget, "remove needs a path")
	case v.profile.Interop:
		return nil, Errorf(InvalidSyntax, "an operation needs a path")
	}
	o, ok := w.Value.(map[string]any)
	if !ok {
		return nil, Errorf(InvalidValue, "without a path the value must be an object")
	}
	return v.split(to, kind, o)
}

// split makes one operation an attribute of what has no path. The names are
// paths, as Entra ID writes them ("name.familyName", "emails[…].value").
func (v validator) split(to []patch.Operation, kind patch.Kind, o map[string]any) ([]patch.Operation, error) {
	var err error
	for _, name := range sortedKeys(o) {
		inner, nested := o[name].(map[string]any)
		if nested && v.t.Attributes().IsCore(name) {
			to, err = v.split(to, kind, inner)
		} else {
			to, err = v.part(to, kind, name, o[name])
		}
		if err != nil {
			return nil, err
		}
	}
	return to, nil
}

// part adds what an operation does to one of several paths, as if that had come
// by itself.
func (v validator) part(to []patch.Operation, kind patch.Kind, path string, value any) ([]patch.Operation, error) {
	op := v.profile.Operation(v.t.Attributes(), dialect.Op{Op: string(kind), Path: path, Value: value})
	return v.at(to, patch.Kind(op.Op), op.Path, op.Value)
}

// at adds the operation on one path.
func (v validator) at(to []patch.Operation, kind patch.Kind, text string, value any) ([]patch.Operation, error) {
	path, d, err := v.path(text)
	if err != nil {
		return nil, err
	}
	if d == nil && path.Attr.URI == "" {
		return to, nil // unknown, and this profile passes over it
	}
	if d == nil {
		return v.extension(to, kind, path, value)
	}
	if kind == patch.Remove {
		return v.removal(to, path, d, value)
	}
	checked, err := v.target(kind, path, d, value)
	if err != nil {
		return nil, err
	}
	if v.profile.Interop && kind == patch.Replace && d.Type == attr.Complex && !d.MultiValued {
		to = append(to, patch.Operation{Kind: patch.Remove, Path: path})
	}
	if checked != nil {
		return append(to, patch.Operation{Kind: kind, Path: path, Value: checked}), nil
	}
	if kind == patch.Add && isList(path, d) {
		return to, nil // adds none, and takes none away
	}
	return append(to, patch.Operation{Kind: patch.Replace, Path: path}), nil
}

// path reads a path. The definition is that of the attribute or sub-attribute
// it names, nil for an extension as a whole; both are zero for an attribute that
// is unknown and passed over.
func (v validator) path(text string) (filter.Path, *attr.Definition, error) {
	set := v.t.Attributes()
	path, err := filter.ParsePath(v.profile.Filter(text))
	if err != nil {
		return filter.Path{}, nil, Errorf(InvalidPath, "path %q: %v", text, err)
	}
	path.Attr = spelling(v.profile, set)(path.Attr)
	resolved, err := filter.ResolvePath(filter.Path{Attr: path.Attr}, set, nil)
	if err != nil {
		var fault *filter.Error
		if errors.As(err, &fault) && fault.Unknown != "" && !v.profile.Strict {
			return filter.Path{}, nil, nil
		}
		return filter.Path{}, nil, Errorf(v.undefined(InvalidPath), "path %q: %v", text, err)
	}
	if path.Filter != nil {
		if resolved, err = filter.ResolvePath(path, set, v.profile.Literal); err == nil {
			err = mayFilter(resolved.Filter, resolved.Attr, set)
		}
		if err != nil {
			return filter.Path{}, nil, Errorf(InvalidFilter, "path %q: %v", text, err)
		}
	}
	d, _ := set.Lookup(resolved.Attr.URI, resolved.Attr.Name)
	if d == nil {
		return resolved, nil, nil
	}
	if d.Mutability == attr.ReadOnly {
		return resolved, nil, Errorf(Mutability, "%s is read-only", resolved.Attr)
	}
	if resolved.Attr.Sub != "" {
		if d = d.SubAttribute(resolved.Attr.Sub); d.Mutability == attr.ReadOnly {
			return resolved, nil, Errorf(Mutability, "%s is read-only", resolved.Attr)
		}
	}
	return resolved, d, nil
}

// extension adds what an operation on a whole extension means: one an
// attribute, or its removal.
func (v validator) extension(to []patch.Operation, kind patch.Kind, path filter.Path, value any) ([]patch.Operation, error) {
	if kind == patch.Remove || value == nil {
		return append(to, patch.Operation{Kind: patch.Remove, Path: path}), nil
	}
	o, ok := value.(map[string]any)
	if !ok {
		return nil, Errorf(InvalidValue, "the value of %s must be an object", path.Attr.URI)
	}
	var err error
	for _, name := range sortedKeys(o) {
		d, _ := v.t.Attributes().Lookup(path.Attr.URI, name)
		if d != nil && d.Mutability == attr.ReadOnly && !v.profile.Strict {
			continue // as in a PUT
		}
		if to, err = v.part(to, kind, path.Attr.URI+":"+name, o[name]); err != nil {
			return nil, err
		}
	}
	return to, nil
}

// removal adds the removal of what a path names: all of it, or of a
// multi-valued attribute the values that are given, which is Entra ID's way and
// not the RFC's.
func (v validator) removal(to []patch.Operation, path filter.Path, d *attr.Definition, value any) ([]patch.Operation, error) {
	op := patch.Operation{Kind: patch.Remove, Path: path}
	if isList(path, d) && value != nil {
		if v.profile.Strict {
			return nil, Errorf(InvalidValue, "remove takes no value: a filter in the path says which of %s go", path.Attr)
		}
		v.partial = true
		checked, err := v.value(d, path.Attr.String(), value)
		if err != nil {
			return nil, err
		}
		if checked == nil {
			return to, nil // an empty list removes none, and never all
		}
		op.Value = checked
		return append(to, op), nil
	}
	return append(to, op), nil
}

// target checks the value that an add or replace puts at a path. nil means that
// what is there becomes unassigned.
func (v validator) target(kind patch.Kind, path filter.Path, d *attr.Definition, value any) (any, error) {
	if isList(path, d) {
		if _, several := value.([]any); !several && value != nil && kind == patch.Add {
			value = []any{value} // RFC 7644 section 3.5.2.1 adds one value as well as several
		}
		return v.required(d, path.Attr.String(), value)
	}
	v.partial = true
	// One value, or each that the filter selects.
	one := *d
	one.MultiValued = false
	return v.required(&one, path.Attr.String(), value)
}

// isList reports whether what a path names is a list, and not one of its values.
func isList(path filter.Path, d *attr.Definition) bool {
	return d.MultiValued && (path.Filter == nil || path.Attr.Sub != "")
}

// required checks a value, and that a required attribute keeps one.
func (v validator) required(d *attr.Definition, name string, value any) (any, error) {
	checked, err := v.value(d, name, value)
	if err == nil && d.Required && isUnassigned(checked) {
		return nil, Errorf(InvalidValue, "%s is required", name)
	}
	return checked, err
}

// sentBy lists the attributes that operations set, as a document has them.
func sentBy(ops []patch.Operation) map[string]any {
	sent := map[string]any{}
	for _, op := range ops {
		a := op.Path.Attr
		if a.URI == "" {
			sent[a.Name] = true
			continue
		}
		inner, ok := sent[a.URI].(map[string]any)
		if !ok {
			inner = map[string]any{}
			sent[a.URI] = inner
		}
		inner[a.Name] = true
	}
	return sent
}
