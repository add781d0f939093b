package store

import (
	"errors"
	"fmt"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

// ErrScimFilter: a filter or an order that cannot be asked of this type of
// resource. What scim/filter resolved can be, but for attributes that are never
// returned.
var ErrScimFilter = errors.New("not a filter on this resource")

// scimCompiler turns a resolved filter into a condition. The rules, which are
// also those of filter.Match:
//
//   - an attribute without a value, "" or an empty list is absent; a missing
//     primary is false;
//   - x eq null means absent, x ne null present;
//   - an absent attribute is unequal to every value, and of no comparison else;
//   - of several values any one decides: x ne "a" holds when one value is not
//     "a", or when there is none;
//   - text compares by its bytes, folded unless it is caseExact; times to the
//     microsecond.
//
// Every condition is true or false, never null, so that not means not.
type scimCompiler struct {
	scimSQL
	company int64
	view    registry.ScimView
	set     *attr.Set
	kind    *scimKind
	// of and within are set inside the brackets of a value path: the attribute,
	// and its elements.
	of     *attr.Definition
	within *elements
}

// cond is a condition. It is narrow when an index finds the few records it may
// hold for.
type cond struct {
	fragment
	narrow bool
}

func (c *scimCompiler) expr(e filter.Expr) (cond, error) {
	switch e := e.(type) {
	case filter.And:
		return c.both("(? AND ?)", e.Left, e.Right, func(l, r bool) bool { return l || r })
	case filter.Or:
		return c.both("(? OR ?)", e.Left, e.Right, func(l, r bool) bool { return l && r })
	case filter.Not:
		x, err := c.expr(e.X)
		return cond{splice("(NOT ?)", x.fragment), false}, err
	case filter.Compare:
		return c.compare(e)
	case filter.Present:
		return c.present(e.Attr)
	case filter.ValuePath:
		return c.valuePath(e)
	}
	return cond{}, fmt.Errorf("%w: %T", ErrScimFilter, e)
}

func (c *scimCompiler) both(text string, left, right filter.Expr, narrow func(l, r bool) bool) (cond, error) {
	l, err := c.expr(left)
	if err != nil {
		return cond{}, err
	}
	r, err := c.expr(right)
	return cond{splice(text, l.fragment, r.fragment), narrow(l.narrow, r.narrow)}, err
}

// compare is a comparison of one value, or of any of several.
func (c *scimCompiler) compare(e filter.Compare) (cond, error) {
	d, err := c.lookup(e.Attr)
	if err != nil {
		return cond{}, err
	}
	if d.many != nil {
		return c.compareAny(d, e)
	}
	p, err := c.single(d)
	if err != nil {
		return cond{}, err
	}
	if v, ok := e.Value.(string); ok && e.Op == filter.Equal && p.find != nil && !notText(v) {
		return cond{p.find(v), true}, nil
	}
	f, err := c.operation(d.leaf, p, e.Op, e.Value)
	return cond{f, false}, err
}

// compareAny compares elements: what holds for one holds for the attribute.
func (c *scimCompiler) compareAny(d *found, e filter.Compare) (cond, error) {
	if e.Value == nil {
		any, err := c.exists(d, filter.Present{Attr: filter.Attr{Sub: d.sub()}})
		if e.Op == filter.Equal {
			any.fragment = splice("(NOT ?)", any.fragment)
		}
		return any, err
	}
	any, err := c.exists(d, filter.Compare{Attr: filter.Attr{Sub: d.sub()}, Op: e.Op, Value: e.Value})
	if err != nil || e.Op != filter.NotEqual {
		return any, err
	}
	one, err := c.exists(d, nil)
	return cond{splice("(? OR NOT ?)", any.fragment, one.fragment), false}, err
}

func (c *scimCompiler) present(a filter.Attr) (cond, error) {
	d, err := c.lookup(a)
	if err != nil {
		return cond{}, err
	}
	switch {
	case d.many != nil && d.item == nil:
		return c.exists(d, nil)
	case d.many != nil:
		return c.exists(d, filter.Present{Attr: filter.Attr{Sub: d.sub()}})
	case d.leaf.Type == attr.Complex:
		return cond{c.anySub(a, d.leaf), false}, nil
	}
	p, err := c.single(d)
	return cond{splice("(? IS NOT NULL)", p.value), false}, err
}

// anySub is the condition that a complex attribute has any sub-attribute.
func (c *scimCompiler) anySub(a filter.Attr, d *attr.Definition) fragment {
	any := raw("FALSE")
	for i := range d.Sub {
		if d.Sub[i].Returned != attr.Never {
			one, err := c.present(filter.Attr{URI: a.URI, Name: a.Name, Sub: d.Sub[i].Name})
			if err == nil { // there is no other error than an unknown attribute
				any = splice("? OR ?", any, one.fragment)
			}
		}
	}
	return splice("(?)", any)
}

// presentIn is the condition that an attribute of an extension has a value.
func (c *scimCompiler) presentIn(uri string, d *attr.Definition) fragment {
	one, err := c.present(filter.Attr{URI: uri, Name: d.Name})
	if err != nil {
		return raw("FALSE")
	}
	return one.fragment
}

// valuePath is the condition that one element matches.
func (c *scimCompiler) valuePath(e filter.ValuePath) (cond, error) {
	d, err := c.lookup(e.Attr)
	if err != nil {
		return cond{}, err
	}
	if d.many == nil || c.of != nil {
		return cond{}, fmt.Errorf("%w: brackets behind %s, which has one value", ErrScimFilter, d.leaf.Name)
	}
	return c.exists(d, e.Filter)
}

// exists is the condition that one element matches a filter, nil for any. Where
// the filter asks for a value that an index knows, the index is asked first.
func (c *scimCompiler) exists(d *found, inner filter.Expr) (cond, error) {
	p := c.elementsOf(d)
	if p.elements == nil {
		return cond{raw("FALSE"), true}, nil
	}
	where := cond{fragment: raw("TRUE")}
	if inner != nil {
		in := *c
		in.of, in.within = d.many, p.elements
		var err error
		if where, err = in.expr(inner); err != nil {
			return cond{}, err
		}
	}
	if p.elements.sub == nil {
		where.fragment = splice("? AND ?", c.there(p.elements.alias), where.fragment)
	}
	from := p.elements.from
	v, ok := wantedValue(inner)
	if ok && p.elements.having != nil {
		from = p.elements.having(v)
	}
	f := splice("EXISTS (SELECT 1 FROM ? WHERE ?)", from, where.fragment)
	if ok && p.find != nil {
		return cond{splice("(? AND ?)", p.find(v), f), true}, nil
	}
	return cond{f, false}, nil
}

// wantedValue is the value that an element must have to match a filter.
func wantedValue(e filter.Expr) (string, bool) {
	switch e := e.(type) {
	case filter.And:
		if v, ok := wantedValue(e.Left); ok {
			return v, true
		}
		return wantedValue(e.Right)
	case filter.Compare:
		v, ok := e.Value.(string)
		return v, ok && e.Op == filter.Equal && e.Attr.Sub == "value" && !notText(v)
	}
	return "", false
}

// operation is one comparison of one value.
func (c *scimCompiler) operation(d *attr.Definition, p place, op filter.Op, v any) (fragment, error) {
	have := p.value
	if d.Name == "primary" && d.Type == attr.Boolean {
		have = splice("COALESCE(?, FALSE)", have)
	}
	if v == nil {
		if op == filter.NotEqual {
			return splice("(? IS NOT NULL)", have), nil
		}
		return splice("(? IS NULL)", have), nil
	}
	if text, ok := v.(string); ok && p.spelt != nil {
		v = p.spelt(text)
	}
	want, err := c.argument(v, d.Type)
	if err != nil {
		return fragment{}, err
	}
	if isText(d.Type) {
		have, want = c.comparable(d, p, want)
	}
	cmp, ok := comparisons[op]
	if !ok {
		return fragment{}, fmt.Errorf("%w: operator %s", ErrScimFilter, op)
	}
	return splice("(?)", cmp(c.scimSQL, have, want)), nil
}

// comparable brings texts into the form in which they compare.
func (c *scimCompiler) comparable(d *attr.Definition, p place, want fragment) (have, folded fragment) {
	switch {
	case d.CaseExact:
		return c.text(d, p), want
	case p.key.none():
		return c.text(d, p), c.fold(want)
	}
	v, _ := want.args[0].(string) // argument bound it
	return c.text(d, p), splice("CAST(? AS text)", registry.Key(v))
}

// text is a text in the form in which it compares.
func (c *scimCompiler) text(d *attr.Definition, p place) fragment {
	switch {
	case d.CaseExact:
		return c.ordered(p.value)
	case p.key.none():
		return c.fold(p.value)
	}
	return c.ordered(p.key)
}

func isText(t attr.Type) bool {
	return t == attr.String || t == attr.Reference || t == attr.Binary
}

// comparisons are the operators, each true or false and never null.
var comparisons = map[filter.Op]func(d scimSQL, have, want fragment) fragment{
	filter.Equal:          infix("(? = ?) IS TRUE"),
	filter.NotEqual:       infix("(? = ?) IS NOT TRUE"),
	filter.GreaterThan:    infix("(? > ?) IS TRUE"),
	filter.GreaterOrEqual: infix("(? >= ?) IS TRUE"),
	filter.LessThan:       infix("(? < ?) IS TRUE"),
	filter.LessOrEqual:    infix("(? <= ?) IS TRUE"),
	filter.Contains:       isTrue(scimSQL.contains),
	filter.StartsWith:     isTrue(scimSQL.begins),
	filter.EndsWith:       isTrue(scimSQL.ends),
}

func infix(text string) func(d scimSQL, have, want fragment) fragment {
	return func(_ scimSQL, have, want fragment) fragment { return splice(text, have, want) }
}

func isTrue(fn func(d scimSQL, have, want fragment) fragment) func(d scimSQL, have, want fragment) fragment {
	return func(d scimSQL, have, want fragment) fragment { return splice("(?) IS TRUE", fn(d, have, want)) }
}
