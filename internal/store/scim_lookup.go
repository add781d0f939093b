package store

import (
	"fmt"

	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
)

// found is an attribute of a filter with its definition.
type found struct {
	name filter.Attr
	// leaf is what is compared.
	leaf *attr.Definition
	// many, when set, is the attribute of several values whose elements are
	// asked, and item the sub-attribute of theirs, nil for the element itself.
	many, item *attr.Definition
}

// sub is the name within an element of what is compared.
func (f *found) sub() string {
	if f.item != nil {
		return f.item.Name
	}
	return "value"
}

// lookup finds the definition of an attribute: at the top, or of a
// sub-attribute inside brackets.
func (c *scimCompiler) lookup(a filter.Attr) (*found, error) {
	if c.of != nil {
		return c.lookupWithin(a)
	}
	d, _ := c.set.Lookup(a.URI, a.Name)
	if d == nil || d.Returned == attr.Never {
		return nil, fmt.Errorf("%w: no attribute %s %s can be asked for", ErrScimFilter, a.URI, a.Name)
	}
	f := &found{name: a, leaf: d}
	if d.MultiValued {
		f.many = d
	}
	if a.Sub == "" {
		return f, nil
	}
	sub, err := subOf(d, a.Sub)
	if err != nil {
		return nil, err
	}
	f.leaf = sub
	switch {
	case f.many != nil:
		f.item = sub
	case sub.MultiValued:
		f.many = sub
	}
	return f, nil
}

func (c *scimCompiler) lookupWithin(a filter.Attr) (*found, error) {
	if c.of.Type != attr.Complex {
		self := *c.of
		self.Name, self.MultiValued = "value", false
		return &found{name: a, leaf: &self}, nil
	}
	sub, err := subOf(c.of, a.Sub)
	if err != nil {
		return nil, err
	}
	f := &found{name: a, leaf: sub}
	if sub.MultiValued {
		f.many = sub
	}
	return f, nil
}

func subOf(d *attr.Definition, name string) (*attr.Definition, error) {
	sub := d.SubAttribute(name)
	if sub == nil && d.Type != attr.Complex && d.MultiValued && name == "value" {
		self := *d
		self.Name, self.MultiValued = "value", false
		sub = &self
	}
	if sub == nil || sub.Returned == attr.Never {
		return nil, fmt.Errorf("%w: %s has no %s that can be asked for", ErrScimFilter, d.Name, name)
	}
	return sub, nil
}

// placeOf is an attribute's row in the tables, if it has one.
func (c *scimCompiler) placeOf(a filter.Attr) place {
	key := a.Name
	if a.URI != "" {
		key = a.URI + ":" + key
	}
	if a.Sub != "" {
		key += "." + a.Sub
	}
	if fn := c.kind.places[key]; fn != nil {
		return fn(c)
	}
	return c.commonPlace(key)
}

// keys are the names that lead to an attribute in a document.
func keysOf(a filter.Attr) []string {
	var out []string
	for _, k := range []string{a.URI, a.Name, a.Sub} {
		if k != "" {
			out = append(out, k)
		}
	}
	return out
}

// single is where one value lies.
func (c *scimCompiler) single(f *found) (place, error) {
	if f.leaf.Type == attr.Complex {
		return place{}, fmt.Errorf("%w: %s is complex", ErrScimFilter, f.leaf.Name)
	}
	p := c.singlePlace(f)
	if p.value.none() {
		p.value = raw("NULL")
	}
	return p, nil
}

func (c *scimCompiler) singlePlace(f *found) place {
	if c.of != nil {
		switch {
		case c.within.sub != nil:
			return c.within.sub(f.leaf.Name)
		case c.of.Type != attr.Complex:
			return place{value: c.typed(raw(c.within.alias+".value"), f.leaf.Type)}
		}
		return place{value: c.value(c.object(c.within.alias), f.leaf.Type, f.leaf.Name)}
	}
	p := c.placeOf(f.name)
	if p.own {
		return p
	}
	document := c.value(c.column("document"), f.leaf.Type, keysOf(f.name)...)
	if p.value.none() {
		return place{value: document}
	}
	return place{value: splice("(CASE WHEN ? IS NULL THEN ? ELSE ? END)", c.column("document"), p.value, document)}
}

// elementsOf is where the elements lie; without any, p.elements is nil.
func (c *scimCompiler) elementsOf(f *found) place {
	if c.of != nil {
		if c.within.sub != nil {
			return place{}
		}
		const nested = "s"
		array := c.part(c.object(c.within.alias), f.many.Name)
		return place{elements: &elements{alias: nested, from: c.each(array, nested)}}
	}
	whole := f.name
	if f.item != nil || whole.Sub != "" && f.many.Name != whole.Sub {
		whole.Sub = ""
	}
	p := c.placeOf(whole)
	if p.own {
		return p
	}
	array := c.part(c.column("document"), keysOf(whole)...)
	if !p.array.none() {
		array = splice("(CASE WHEN ? IS NULL THEN ? ELSE ? END)", c.column("document"), p.array, array)
	}
	const alias = "e"
	p.elements = &elements{alias: alias, from: c.each(array, alias)}
	return p
}
