package patch

import (
	"encoding/json"

	"github.com/usherd/usher/scim/attr"
)

// identity is what tells the elements of a list apart: their values, as long as
// their types do not differ; of those without a value, everything.
type identity struct{ key, kind string }

// register finds the elements of a list by their identity. Comparing each with each
// would take too long, and folding is slow: so each is folded once.
type register map[string][]registered

type registered struct {
	index int
	kind  string
}

// register enters a list.
func (w *work) register(d *attr.Definition, list []any) register {
	r := make(register, len(list))
	for i, element := range list {
		r.add(w.identity(d, element), i)
	}
	return r
}

func (r register) add(id identity, index int) {
	r[id.key] = append(r[id.key], registered{index, id.kind})
}

// find is the element that is the same, nil for none. One of the same type goes
// before one whose type is not known.
func (r register) find(id identity) *registered {
	same := r[id.key]
	var loose *registered
	for i := range same {
		x := &same[i]
		if x.kind == id.kind {
			return x
		}
		if loose == nil && (x.kind == "" || id.kind == "") {
			loose = x
		}
	}
	return loose
}

func (w *work) identity(d *attr.Definition, element any) identity {
	object, ok := element.(map[string]any)
	if !ok {
		return identity{key: w.comparable(d, element)}
	}
	value := d.SubAttribute("value")
	if value == nil || object["value"] == nil {
		return identity{key: "o" + text(object)}
	}
	kind, _ := object["type"].(string)
	return identity{key: w.comparable(value, object["value"]), kind: w.fold(kind)}
}

// comparable is a text that two simple values have in common when they are equal.
func (w *work) comparable(d *attr.Definition, value any) string {
	s, ok := value.(string)
	switch {
	case !ok:
		return "j" + text(value)
	case d.CaseExact:
		return "s" + s
	}
	return "s" + w.fold(s)
}

// text is a value as JSON, which is the same for the same value.
func text(value any) string {
	b, _ := json.Marshal(value) //nolint:errchkjson // it was read from JSON
	return string(b)
}

// fold is attr.Fold, which remembers what it folded: an operation asks for the same
// strings over and over.
func (w *work) fold(s string) string {
	folded, ok := w.folded[s]
	if !ok {
		folded = attr.Fold(s)
		w.folded[s] = folded
	}
	return folded
}

// hasAll reports whether an object has everything that another says.
func (w *work) hasAll(d *attr.Definition, object, said map[string]any) bool {
	for name, value := range said {
		sub := d.SubAttribute(name)
		if sub == nil || object[name] == nil || w.comparable(sub, object[name]) != w.comparable(sub, value) {
			return false
		}
	}
	return len(said) > 0
}
