package patch

import (
	"maps"
	"reflect"
	"slices"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

// maxWork bounds the comparisons of one Apply to about half a second.
const maxWork = 10_000_000

// Apply carries out operations, in their order, on a resource document: core
// attributes by name, those of extensions in an object under the URN. The
// document is changed in place, and not at all when there is an error, which is
// an *Error. changed is false when it ends as it began.
//
// Where RFC 7644 section 3.5.2 leaves room, or identity providers need more:
//
//   - null and "" clear, alone and inside complex values (Microsoft's tests);
//   - what is left of a complex value without its value, or with nothing but
//     type and primary, goes too: clearing emails[type eq "work"].value leaves no
//     nameless address behind. A sub-attribute that is required cannot be cleared
//     (section 3.5.2.2);
//   - add of emails[type eq "work"].value makes the element that is missing (Entra
//     ID), if the filter says by eq alone what it is, and not by its value;
//     replace by filter is then noTarget, as the RFC has it;
//   - an element replaced by filter keeps what the filter said of it, and what is
//     required;
//   - removing what is not there is no error;
//   - remove with a value removes from a multi-valued attribute or sub-attribute
//     those elements only (Entra ID), and none when the array is empty;
//   - an element added whose value is there already (and whose type does not
//     differ) is merged into it.
func Apply(doc map[string]any, ops []Operation, s *attr.Set) (changed bool, err error) {
	w := &work{doc: doc, set: s, slots: map[string]*slot{}, folded: map[string]string{}}
	for i, op := range ops {
		if failure := w.operation(op); failure != nil {
			failure.Operation = i
			return false, failure
		}
	}
	return w.commit()
}

// work is the state of one Apply: what was touched, as it was and as it is.
type work struct {
	doc   map[string]any
	set   *attr.Set
	slots map[string]*slot
	order []*slot
	spent int
	// folded has what strings were folded to.
	folded map[string]string
}

// slot is one attribute that operations touch.
type slot struct {
	*attr.Definition
	uri         string // of the extension; "" in the core
	before, now any
	last        Kind
	alike       bool // elements may have become alike, or say nothing any more
}

func (w *work) operation(op Operation) *Error {
	switch op.Kind {
	case Add, Remove, Replace:
	default:
		return fail(InvalidSyntax, "%q is not add, remove or replace", op.Kind)
	}
	if op.Path.Attr.Name == "" {
		return w.extension(op)
	}
	d, uri := w.set.Lookup(op.Path.Attr.URI, op.Path.Attr.Name)
	if d == nil {
		return fail(InvalidPath, "no attribute %s in the schemas", op.Path.Attr)
	}
	if d.Mutability == attr.ReadOnly {
		return fail(Mutability, "%s is read-only", d.Name)
	}
	var sub *attr.Definition
	if name := op.Path.Attr.Sub; name != "" {
		if sub = d.SubAttribute(name); sub == nil {
			return fail(InvalidPath, "%s has no sub-attribute %s", d.Name, name)
		}
		if sub.Mutability == attr.ReadOnly {
			return fail(Mutability, "%s.%s is read-only", d.Name, sub.Name)
		}
	}
	if op.Kind == Remove && sub != nil && sub.MultiValued && op.Value != nil && unassigned(op.Value) {
		return nil // an empty list removes none
	}
	s := w.slot(uri, d)
	s.last = op.Kind
	if d.MultiValued {
		return w.plural(s, sub, op)
	}
	if op.Path.Filter != nil {
		return fail(InvalidPath, "%s has one value: a filter on it selects nothing", d.Name)
	}
	return w.singular(s, sub, op)
}

// extension applies an operation on a whole extension to its attributes: to
// those that the value has, or to all when it is to have none.
func (w *work) extension(op Operation) *Error {
	schema := w.set.Extension(op.Path.Attr.URI)
	if schema == nil {
		return fail(InvalidPath, "no extension %s", op.Path.Attr.URI)
	}
	values, ok := op.Value.(map[string]any)
	switch {
	case op.Kind == Remove || op.Kind == Replace && unassigned(op.Value):
		values = map[string]any{}
		for _, d := range schema.Attributes {
			values[d.Name] = nil
		}
	case !ok && !unassigned(op.Value):
		return fail(InvalidValue, "%s takes an object of its attributes", schema.ID)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		d, uri := w.set.Lookup(schema.ID, name)
		if d == nil {
			return fail(InvalidValue, "%s has no attribute %s", schema.ID, name)
		}
		if d.Mutability == attr.ReadOnly {
			continue
		}
		target := filter.Path{Attr: filter.Attr{URI: uri, Name: d.Name}}
		if err := w.operation(Operation{Kind: op.Kind, Path: target, Value: values[name]}); err != nil {
			return err
		}
	}
	return nil
}

// slot gives the attribute's working copy.
func (w *work) slot(uri string, d *attr.Definition) *slot {
	name := uri + ":" + d.Name
	if s, ok := w.slots[name]; ok {
		return s
	}
	within := w.doc
	if uri != "" {
		within, _ = w.doc[uri].(map[string]any)
	}
	s := &slot{Definition: d, uri: uri, before: within[d.Name], now: clone(within[d.Name])}
	w.slots[name] = s
	w.order = append(w.order, s)
	return s
}

// commit checks the outcome and only then changes the document.
func (w *work) commit() (changed bool, err error) {
	var moved []*slot
	for _, s := range w.order {
		if s.unchanged() {
			continue
		}
		if list, ok := s.now.([]any); ok && s.alike {
			if s.now = distinct(slices.DeleteFunc(list, s.SaysNothing)); s.unchanged() {
				continue
			}
		}
		if s.Mutability == attr.Immutable && !unassigned(s.before) {
			return false, fail(Mutability, "%s is immutable and has a value", s.Name)
		}
		if name := s.changesImmutable(); name != "" {
			return false, fail(Mutability, "%s.%s is immutable and has a value", s.Name, name)
		}
		if s.Required && unassigned(s.now) {
			// RFC 7644 section 3.5.2.2 names the reason for remove alone.
			if s.last == Remove {
				return false, fail(Mutability, "%s is required", s.Name)
			}
			return false, fail(InvalidValue, "%s is required", s.Name)
		}
		moved = append(moved, s)
	}
	for _, s := range moved {
		s.write(w.doc)
	}
	return len(moved) > 0, nil
}

// changesImmutable names a sub-attribute of a single value that had a value and must
// not have another, "" for none.
func (s *slot) changesImmutable() string {
	before, _ := s.before.(map[string]any)
	now, _ := s.now.(map[string]any)
	for _, sub := range s.Sub {
		if sub.Mutability == attr.Immutable && !unassigned(before[sub.Name]) && !reflect.DeepEqual(before[sub.Name], now[sub.Name]) {
			return sub.Name
		}
	}
	return ""
}

func (s *slot) unchanged() bool {
	return unassigned(s.before) && unassigned(s.now) || reflect.DeepEqual(s.before, s.now)
}

func (s *slot) write(doc map[string]any) {
	within := doc
	if s.uri != "" {
		var ok bool
		if within, ok = doc[s.uri].(map[string]any); !ok {
			within = map[string]any{}
			doc[s.uri] = within
		}
	}
	if unassigned(s.now) {
		delete(within, s.Name)
	} else {
		within[s.Name] = s.now
	}
	if s.uri != "" && len(within) == 0 {
		delete(doc, s.uri)
	}
}

// singular applies an operation to an attribute with one value.
func (w *work) singular(s *slot, sub *attr.Definition, op Operation) *Error {
	value := op.Value
	if op.Kind == Remove && (sub == nil || !sub.MultiValued) {
		value = nil
	}
	if sub == nil && s.Type != attr.Complex || sub == nil && unassigned(value) {
		now, err := conform(s.Definition, value)
		if err == nil {
			s.now = now
		}
		return err
	}
	if sub != nil {
		value = map[string]any{sub.Name: value}
	}
	changes, err := conformComplex(s.Definition, value)
	if err != nil {
		return err
	}
	object, ok := s.now.(map[string]any)
	if !ok {
		object = map[string]any{}
	}
	cleared, err := w.overlay(op.Kind, s.Definition, object, changes)
	if err != nil {
		return err
	}
	s.now = object
	if cleared && hollow(s.Definition, object) {
		s.now = nil
	}
	return nil
}
