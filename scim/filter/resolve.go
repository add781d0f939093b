package filter

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/usherd/usher/scim/attr"
)

// Resolve fits a parsed filter to the schemas of what is asked for, and gives
// the canonical tree that a backend may rely on:
//
//   - names are spelt as in the schemas, and URI is "" for core attributes;
//   - a complex attribute compared as such means its sub-attribute value
//     (emails co "@x", manager eq "id"); only Present has one whole;
//   - a value path stands only on a multi-valued attribute; on a single-valued
//     one it is spelt out: name[familyName pr] is name.familyName pr. On a
//     multi-valued attribute that is not complex, value is the element itself;
//   - values have the attribute's type: bool for boolean, an int64's or finite
//     json.Number, a dateTime that attr.ParseTime takes as string, or nil with eq and ne.
//
// The error is an *Error with Offset -1; Unknown names an attribute that there
// is not.
func Resolve(e Expr, s *attr.Set, read Literal) (Expr, error) {
	return resolver{set: s, read: read}.expr(e)
}

// Literal makes of the value that an attribute is compared with what is meant by it;
// nil for what stands there.
type Literal func(d *attr.Definition, v any) any

// ResolvePath fits the path of a PATCH operation to the schemas. An extension as
// a whole has its URI and no name. The error is as Resolve's.
func ResolvePath(p Path, s *attr.Set, read Literal) (Path, error) {
	if uri := p.Attr.String(); p.Filter == nil && strings.Contains(uri, ":") {
		if extension := s.Extension(uri); extension != nil {
			return Path{Attr: Attr{URI: extension.ID}}, nil
		}
		if s.IsCore(uri) {
			return Path{}, misfit("%s is the core schema, not an attribute: name the attribute", uri)
		}
	}
	a, _, err := find(p.Attr, s)
	if err != nil || p.Filter == nil {
		return Path{Attr: a}, err
	}
	d, _ := s.Lookup(a.URI, a.Name)
	if !d.MultiValued {
		return Path{}, misfit("%s has one value: a filter on it selects nothing", d.Name)
	}
	body, err := resolver{of: d, read: read}.expr(p.Filter)
	if err != nil {
		return Path{}, err
	}
	return Path{Attr: a, Filter: body}, nil
}

// resolver walks a filter: over a set of schemas, or, when of is set, over the
// brackets that follow that attribute.
type resolver struct {
	set  *attr.Set
	of   *attr.Definition
	read Literal
	// prefix is what names in brackets become part of: nothing in a value path,
	// the attribute when the value path is being spelt out.
	prefix Attr
}

func (r resolver) expr(e Expr) (Expr, error) {
	switch e := e.(type) {
	case And:
		left, right, err := r.both(e.Left, e.Right)
		return And{left, right}, err
	case Or:
		left, right, err := r.both(e.Left, e.Right)
		return Or{left, right}, err
	case Not:
		x, err := r.expr(e.X)
		return Not{x}, err
	case Present:
		a, _, err := r.find(e.Attr)
		return Present{a}, err
	case Compare:
		a, d, err := r.find(e.Attr)
		if err != nil {
			return nil, err
		}
		return r.compare(a, d, e)
	case ValuePath:
		return r.valuePath(e)
	}
	return nil, misfit("not a filter: %T", e)
}

func (r resolver) both(left, right Expr) (l, rr Expr, err error) {
	if l, err = r.expr(left); err != nil {
		return nil, nil, err
	}
	rr, err = r.expr(right)
	return l, rr, err
}

func (r resolver) valuePath(e ValuePath) (Expr, error) {
	if r.of != nil {
		return nil, misfit("within the brackets of %s no further brackets may stand", r.of.Name)
	}
	a, d, err := r.find(e.Attr)
	if err != nil {
		return nil, err
	}
	if !d.MultiValued {
		return resolver{of: d, read: r.read, prefix: a}.expr(e.Filter)
	}
	body, err := resolver{of: d, read: r.read}.expr(e.Filter)
	return ValuePath{a, body}, err
}

// find gives an attribute its canonical spelling, and the definition of what it
// names.
func (r resolver) find(a Attr) (Attr, *attr.Definition, error) {
	if r.of == nil {
		return find(a, r.set)
	}
	sub := element(r.of, a.Sub)
	if sub == nil {
		_, err := subAttribute(r.of, a.Sub)
		return Attr{}, nil, err
	}
	named := r.prefix
	named.Sub = sub.Name
	return named, sub, nil
}

// find looks an attribute up in the schemas; the definition is the
// sub-attribute's where it names one.
func find(a Attr, s *attr.Set) (Attr, *attr.Definition, error) {
	d, uri := s.Lookup(a.URI, a.Name)
	if d == nil {
		return Attr{}, nil, unknown(a, s)
	}
	a.URI, a.Name = uri, d.Name
	if a.Sub == "" {
		return a, d, nil
	}
	sub, err := subAttribute(d, a.Sub)
	if err != nil {
		return Attr{}, nil, err
	}
	a.Sub = sub.Name
	return a, sub, nil
}

func subAttribute(d *attr.Definition, name string) (*attr.Definition, error) {
	if sub := d.SubAttribute(name); sub != nil {
		return sub, nil
	}
	known := "none"
	for i, sub := range d.Sub {
		if i == 0 {
			known = sub.Name
		} else {
			known += ", " + sub.Name
		}
	}
	return nil, &Error{
		Offset:  -1,
		Message: fmt.Sprintf("%s has no sub-attribute %s (it has: %s)", d.Name, name, known),
		Unknown: d.Name + "." + name,
	}
}

// unknown says that there is no such attribute, and where one of that name is.
func unknown(a Attr, s *attr.Set) error {
	e := &Error{Offset: -1, Message: "no attribute " + a.String() + " in the schemas", Unknown: a.String()}
	if d, _ := s.Lookup("", a.Name); d != nil {
		e.Message += "; did you mean " + d.Name + "?"
		return e
	}
	for _, extension := range s.Extensions() {
		if d, uri := s.Lookup(extension.ID, a.Name); d != nil {
			e.Message += "; did you mean " + uri + ":" + d.Name + "?"
			return e
		}
	}
	return e
}

// element is the definition of a sub-attribute, and of value for an element that
// is not complex and so is its own value; nil when there is none.
func element(of *attr.Definition, name string) *attr.Definition {
	if of.Type == attr.Complex || !of.MultiValued || !strings.EqualFold(name, "value") {
		return of.SubAttribute(name)
	}
	self := *of
	self.Name, self.MultiValued = "value", false
	return &self
}

// compare checks an operator and a value against the attribute's type.
func (r resolver) compare(a Attr, d *attr.Definition, e Compare) (Expr, error) {
	if d.Type == attr.Complex {
		value := d.SubAttribute("value")
		if value == nil || a.Sub != "" {
			return nil, misfit("%s is complex: compare one of its sub-attributes", a)
		}
		a.Sub, d = value.Name, value
	}
	if e.Value == nil {
		if e.Op != Equal && e.Op != NotEqual {
			return nil, misfit("%s: null compares by eq and ne only", a)
		}
		return Compare{a, e.Op, nil}, nil
	}
	rule, ok := rules[d.Type]
	if !ok {
		return nil, misfit("%s: no filter on type %s", a, d.Type)
	}
	if rule.refuses[e.Op] {
		return nil, misfit("%s is of type %s, which operator %s does not compare", a, d.Type, e.Op)
	}
	value := e.Value
	if r.read != nil {
		value = r.read(d, value)
	}
	if value, ok = rule.value(value); !ok {
		return nil, misfit("%s is of type %s and compares with %s, not %s", a, d.Type, rule.wants, literal(e.Value))
	}
	return Compare{a, e.Op, value}, nil
}

// typeRule says how values of a type compare (RFC 7644 table 3).
type typeRule struct {
	refuses map[Op]bool
	wants   string
	// value gives the value as that of the type, if it is one.
	value func(any) (any, bool)
}

var (
	substring = map[Op]bool{Contains: true, StartsWith: true, EndsWith: true}
	unordered = map[Op]bool{
		Contains: true, StartsWith: true, EndsWith: true,
		GreaterThan: true, GreaterOrEqual: true, LessThan: true, LessOrEqual: true,
	}

	rules = map[attr.Type]typeRule{
		attr.String:    {nil, "a string in double quotes", asString},
		attr.Reference: {nil, "a string in double quotes", asString},
		attr.Binary:    {unordered, "a string in double quotes", asString},
		attr.Boolean:   {unordered, "true or false", asBoolean},
		attr.Integer:   {substring, "a whole number of 64 bits", asInteger},
		attr.Decimal:   {substring, "a number", asDecimal},
		attr.DateTime:  {substring, `a time as "2026-01-31T12:00:00Z"`, asDateTime},
	}
)

func asString(v any) (any, bool) {
	_, ok := v.(string)
	return v, ok
}

func asBoolean(v any) (any, bool) {
	_, ok := v.(bool)
	return v, ok
}

func asInteger(v any) (any, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return nil, false
	}
	_, err := strconv.ParseInt(n.String(), 10, 64)
	return n, err == nil
}

func asDecimal(v any) (any, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return nil, false
	}
	_, err := n.Float64()
	return n, err == nil
}

func asDateTime(v any) (any, bool) {
	s, ok := v.(string)
	if !ok {
		return nil, false
	}
	_, ok = attr.ParseTime(s)
	return s, ok
}
