package patch

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

// plural applies an operation to a multi-valued attribute.
func (w *work) plural(s *slot, sub *attr.Definition, op Operation) *Error {
	list := elements(s.now)
	var err *Error
	switch {
	case sub != nil || op.Path.Filter != nil:
		list, err = w.some(s.Definition, list, sub, op)
		s.alike = true
	case op.Kind == Remove && op.Value == nil:
		list = nil
	case op.Kind == Remove:
		list, err = w.without(s.Definition, list, op.Value)
	case op.Kind == Replace:
		list, err = w.with(s.Definition, nil, op.Value)
	default:
		list, err = w.with(s.Definition, list, op.Value)
	}
	if err != nil {
		return err
	}
	s.now = nil
	if len(list) > 0 {
		s.now = list
	}
	return nil
}

// with adds elements, merging each into the one it is the same as.
func (w *work) with(d *attr.Definition, list []any, value any) ([]any, *Error) {
	touched := make([]bool, len(list))
	known := w.register(d, list)
	if err := w.spend(8 * len(list)); err != nil {
		return nil, err
	}
	for _, item := range elements(value) {
		v, err := conform(d, []any{item})
		if err != nil {
			return nil, err
		}
		if v == nil {
			continue
		}
		element := v.([]any)[0]
		id := w.identity(d, element)
		if err := w.spend(1 + len(known[id.key])); err != nil {
			return nil, err
		}
		found := known.find(id)
		if found == nil {
			known.add(id, len(list))
			list, touched = append(list, element), append(touched, true)
			continue
		}
		touched[found.index], found.kind = true, cmp.Or(found.kind, id.kind)
		if object, ok := list[found.index].(map[string]any); ok {
			if _, err := w.overlay(Add, d, object, element.(map[string]any)); err != nil {
				return nil, err
			}
		}
	}
	return list, onePrimary(d, list, touched)
}

// without takes away the elements that the value lists: the same, or, where what it
// lists has no value, those that have everything it says.
func (w *work) without(d *attr.Definition, list []any, value any) ([]any, *Error) {
	listed, err := conform(d, elements(value))
	if err != nil {
		return nil, err
	}
	gone, vague := w.register(d, elements(listed)), []map[string]any{}
	for _, item := range elements(listed) {
		if said, ok := item.(map[string]any); ok && said["value"] == nil {
			vague = append(vague, said)
		}
	}
	var left []any
	for _, element := range list {
		id := w.identity(d, element)
		if err := w.spend(8 + len(gone[id.key]) + 8*len(vague)); err != nil {
			return nil, err
		}
		object, _ := element.(map[string]any)
		isMeant := func(said map[string]any) bool { return w.hasAll(d, object, said) }
		if gone.find(id) == nil && !slices.ContainsFunc(vague, isMeant) {
			left = append(left, element)
		}
	}
	return left, nil
}

// some applies an operation to the elements that a filter selects, or to a
// sub-attribute of all.
func (w *work) some(d *attr.Definition, list []any, sub *attr.Definition, op Operation) ([]any, *Error) {
	chosen, err := w.choose(d, list, op.Path.Filter)
	if err != nil {
		return nil, err
	}
	change := change{work: w, d: d, sub: sub, op: op}
	if err := change.read(); err != nil {
		return nil, err
	}
	if sub != nil {
		change.changes = map[string]any{sub.Name: change.value}
		if err := w.spend(len(chosen) * len(elements(change.value))); err != nil {
			return nil, err
		}
	}
	if op.Kind == Add && sub == nil && change.value == nil {
		return list, nil // nothing to add
	}
	if len(chosen) == 0 {
		if change.value == nil || op.Kind == Remove {
			return list, nil // what is not there need not be removed
		}
		element, err := change.missing()
		if err != nil {
			return nil, err
		}
		touched := append(make([]bool, len(list)), true)
		list = append(list, element)
		return list, onePrimary(d, list, touched)
	}
	touched := make([]bool, len(list))
	for _, i := range chosen {
		if list[i], err = change.apply(list[i]); err != nil {
			return nil, err
		}
		touched[i] = true
	}
	if err := onePrimary(d, list, touched); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(element any) bool { return element == nil }), nil
}

// choose lists the indexes of the elements that the filter selects; without
// filter, all.
func (w *work) choose(d *attr.Definition, list []any, where filter.Expr) ([]int, *Error) {
	// Matching and changing an element costs some eight plain comparisons.
	if err := w.spend((8*len(list) + below(d, list)) * terms(where)); err != nil {
		return nil, err
	}
	var chosen []int
	for i, element := range list {
		if where != nil {
			object, ok := element.(map[string]any)
			if !ok {
				object = map[string]any{"value": element}
			}
			ok, err := filter.Match(where, d, object, w.fold)
			if err != nil {
				return nil, fail(InvalidPath, "the filter does not fit %s", d.Name)
			}
			if !ok {
				continue
			}
		}
		chosen = append(chosen, i)
	}
	return chosen, nil
}

// change is what an operation does to each element it selects.
type change struct {
	*work
	d, sub *attr.Definition
	op     Operation
	// value is canonical after read: of the sub-attribute, else of the element;
	// nil to clear it. changes is what that means to an element that is an
	// object.
	value   any
	changes map[string]any
	// said is what the filter says of an element by eq alone; whole tells that
	// it says nothing else.
	said  map[string]any
	whole bool
}

func (c *change) read() *Error {
	c.said, c.whole = said(c.op.Path.Filter)
	if c.op.Kind == Remove && (c.sub == nil || !c.sub.MultiValued) || unassigned(c.op.Value) {
		return nil
	}
	var err *Error
	if c.sub != nil {
		c.value, err = conform(c.sub, c.op.Value)
		return err
	}
	list := elements(c.op.Value)
	if len(list) > 1 {
		return fail(InvalidValue, "%s: a filter takes one value for what it selects", c.d.Name)
	}
	if c.d.Type != attr.Complex {
		c.value, err = conformOne(c.d, list[0])
		return err
	}
	if !unassigned(list[0]) {
		if c.changes, err = conformComplex(c.d, list[0]); err == nil {
			c.value = c.changes
		}
	}
	return err
}

// apply gives what becomes of one element; nil when it goes.
func (c *change) apply(element any) (any, *Error) {
	if c.sub == nil && (c.value == nil || c.d.Type != attr.Complex) {
		return c.value, nil
	}
	object, ok := element.(map[string]any)
	if !ok {
		object = map[string]any{} // never in a sound document
	}
	replaces := c.sub == nil && c.op.Kind == Replace
	if replaces {
		object = c.kept(object)
	}
	cleared, err := c.overlay(c.op.Kind, c.d, object, c.changes)
	if err != nil {
		return nil, err
	}
	if (cleared || replaces && clears(c.changes)) && hollow(c.d, object) {
		return nil, nil
	}
	return object, nil
}

// kept is what an element keeps of the old one when it is replaced: what the
// filter said, without which the same operation would find it no more, and what
// is immutable or required.
func (c *change) kept(old map[string]any) map[string]any {
	kept := map[string]any{}
	for name, value := range old {
		sub := c.d.SubAttribute(name)
		_, isSaid := c.said[name]
		if isSaid || sub != nil && (sub.Mutability == attr.Immutable || sub.Required) {
			kept[name] = value
		}
	}
	return kept
}

// missing makes the element that a filter wanted and did not find.
func (c *change) missing() (any, *Error) {
	_, byValue := c.said["value"]
	contradicts := false
	if c.sub != nil {
		_, contradicts = c.said[c.sub.Name]
	}
	if !c.whole || byValue || contradicts || c.op.Kind == Replace {
		return nil, fail(NoTarget, "no value of %s matches the filter", c.d.Name)
	}
	element := maps.Clone(c.said)
	for name, value := range element {
		if sub := c.d.SubAttribute(name); sub != nil && sub.MultiValued {
			element[name] = []any{value}
		}
	}
	_, err := c.overlay(c.op.Kind, c.d, element, c.changes)
	return element, err
}

// said collects what a filter says by eq joined with and. whole is false when it
// says more than that.
func said(e filter.Expr) (values map[string]any, whole bool) {
	values, whole = map[string]any{}, true
	var walk func(filter.Expr)
	walk = func(e filter.Expr) {
		switch e := e.(type) {
		case nil:
		case filter.And:
			walk(e.Left)
			walk(e.Right)
		case filter.Compare:
			_, twice := values[e.Attr.Sub]
			if e.Op != filter.Equal || unassigned(e.Value) || twice {
				whole = false
				return
			}
			values[e.Attr.Sub] = e.Value
		default:
			whole = false
		}
	}
	walk(e)
	return values, whole
}

// below is how many values the lists below elements have.
func below(d *attr.Definition, list []any) (n int) {
	for _, sub := range d.Sub {
		for _, element := range list {
			if object, ok := element.(map[string]any); ok && sub.MultiValued {
				n += len(elements(object[sub.Name]))
			}
		}
	}
	return n
}

func terms(e filter.Expr) int {
	switch e := e.(type) {
	case filter.And:
		return terms(e.Left) + terms(e.Right)
	case filter.Or:
		return terms(e.Left) + terms(e.Right)
	case filter.Not:
		return terms(e.X)
	}
	return 1
}

// onePrimary keeps at most one element primary: the one that the operation
// touched (RFC 7644 section 3.5.2). Two of those cannot be.
func onePrimary(d *attr.Definition, list []any, touched []bool) *Error {
	isPrimary := func(i int) bool {
		object, ok := list[i].(map[string]any)
		return ok && object["primary"] == true
	}
	primaries := 0
	for i := range list {
		if touched[i] && isPrimary(i) {
			primaries++
		}
	}
	if primaries > 1 {
		return fail(InvalidValue, "%s has more than one primary value", d.Name)
	}
	for i := range list {
		if primaries == 1 && !touched[i] && isPrimary(i) {
			list[i].(map[string]any)["primary"] = false
		}
	}
	return nil
}

// distinct drops elements that became equal to an earlier one. Their JSON tells,
// since it is the same for the same element and comparing each with each takes
// too long.
func distinct(list []any) []any {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(element any) bool {
		text, err := json.Marshal(element)
		twice := err == nil && seen[string(text)]
		seen[string(text)] = true
		return twice
	})
}

func (w *work) spend(n int) *Error {
	if w.spent += n; w.spent > maxWork {
		return fail(TooMany, "too many values to compare: send fewer operations at once")
	}
	return nil
}
