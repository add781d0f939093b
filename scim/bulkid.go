package scim

import (
	"net/url"
	"slices"
	"strings"

	"github.com/usherd/usher/scim/patch"
)

// bulkPrefix begins a reference to what another operation of the Bulk makes.
const bulkPrefix = "bulkId:"

// resolve puts ids in the place of an operation's references, after carrying out
// what they refer to. open are the references that lead back to an operation
// whose turn is not over.
func (b *bulkRun) resolve(op *bulkOperation) (open []string, err error) {
	ids := map[string]string{}
	for _, reference := range references(op.data, op.path) {
		other := b.byID[reference]
		if other == nil {
			return nil, Errorf(InvalidValue, "no operation has the bulkId %q", reference)
		}
		b.do(other)
		switch {
		case other.state == running && other.id == "":
			open = append(open, reference)
			continue
		case other.err != nil || other.id == "":
			return nil, errBulkReference(reference)
		}
		ids[reference] = other.id
	}
	if len(open) > 0 && slices.Contains(references(nil, op.path), open[0]) {
		return nil, Errorf(Conflict, "the path refers to bulkId %q, which waits for this operation", open[0])
	}
	op.data, _ = substitute(op.data, ids).(map[string]any)
	op.path = substitutePath(op.path, ids)
	return open, nil
}

// references lists the bulkIds that data and path name, each once, in order.
func references(data map[string]any, path string) []string {
	var list []string
	seen := map[string]bool{}
	add := func(id string) {
		if !seen[id] {
			seen[id] = true
			list = append(list, id)
		}
	}
	for s := range strings.SplitSeq(path, "/") {
		if id, ok := strings.CutPrefix(s, bulkPrefix); ok {
			if plain, err := url.PathUnescape(id); err == nil {
				add(plain)
			}
		}
	}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if id, ok := strings.CutPrefix(v, bulkPrefix); ok {
				add(id)
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			for _, k := range sortedKeys(v) {
				walk(v[k])
			}
		}
	}
	walk(data)
	return list
}

// substitute puts ids in the place of references.
func substitute(v any, ids map[string]string) any {
	switch v := v.(type) {
	case string:
		if id, ok := ids[strings.TrimPrefix(v, bulkPrefix)]; ok && strings.HasPrefix(v, bulkPrefix) {
			return id
		}
	case []any:
		for i, e := range v {
			v[i] = substitute(e, ids)
		}
	case map[string]any:
		for k, e := range v {
			v[k] = substitute(e, ids)
		}
	}
	return v
}

// substitutePath puts ids in the place of references in a path.
func substitutePath(path string, ids map[string]string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if id, ok := strings.CutPrefix(s, bulkPrefix); ok {
			if plain, err := url.PathUnescape(id); err == nil {
				segments[i] = escapeSegment(ids[plain])
			}
		}
	}
	return strings.Join(segments, "/")
}

// postponed is an attribute that waits for the rest of its circle.
type postponed struct {
	name  string
	value any
}

// circle is an operation that was done without some of its references.
type circle struct {
	op    *bulkOperation
	later []postponed
}

// closeCircles adds what was postponed, now that all of the circle had its turn.
func (b *bulkRun) closeCircles() {
	for _, c := range b.circles {
		b.failed(c.op, b.complete(c.op, c.later))
	}
	b.circles = nil
}

// postpone takes out of a new resource what refers to the operations in open:
// the elements of lists, and single attributes whole.
func (b *bulkRun) postpone(op *bulkOperation, open []string) ([]postponed, error) {
	if len(open) == 0 {
		return nil, nil
	}
	if op.method != "POST" {
		return nil, Errorf(Conflict, "the operation and bulkId %q wait for each other", open[0])
	}
	waits := func(v any) bool {
		return slices.ContainsFunc(references(map[string]any{"": v}, ""), func(id string) bool {
			return slices.Contains(open, id)
		})
	}
	var later []postponed
	for _, name := range sortedKeys(op.data) {
		if inner, ok := op.data[name].(map[string]any); ok && b.isExtension(name) {
			for _, sub := range sortedKeys(inner) {
				if waits(inner[sub]) {
					later = append(later, postponed{name + ":" + sub, takeOut(inner, sub, waits)})
				}
			}
		} else if waits(op.data[name]) {
			later = append(later, postponed{name, takeOut(op.data, name, waits)})
		}
	}
	return later, nil
}

// isExtension reports whether a name is the URN of a schema.
func (b *bulkRun) isExtension(name string) bool {
	return b.h.all.Extension(name) != nil || b.h.all.IsCore(name)
}

// takeOut removes from o what waits, and gives it back.
func takeOut(o map[string]any, name string, waits func(any) bool) any {
	list, ok := o[name].([]any)
	if !ok {
		v := o[name]
		delete(o, name)
		return v
	}
	var keep, out []any
	for _, e := range list {
		if waits(e) {
			out = append(out, e)
		} else {
			keep = append(keep, e)
		}
	}
	o[name] = keep
	return out
}

// complete adds to a resource what was postponed when it was made.
func (b *bulkRun) complete(op *bulkOperation, later []postponed) error {
	ids := map[string]string{}
	for id, other := range b.byID {
		if other.id != "" && other.err == nil {
			ids[id] = other.id
		}
	}
	v := validator{t: op.t, profile: b.c.profile}
	var ops []patch.Operation
	for _, l := range later {
		value := substitute(l.value, ids)
		if left := references(map[string]any{"": value}, ""); len(left) > 0 {
			return b.undo(op, errBulkReference(left[0]))
		}
		var err error
		if ops, err = v.at(ops, patch.Add, l.name, value); err != nil {
			return b.undo(op, err)
		}
	}
	r, _, err := b.h.Backend.Patch(b.c.ctx, op.t, op.id, ops, Precondition{}, nothingWanted{})
	if err != nil {
		return b.undo(op, err)
	}
	op.answer.version = r.Meta.Version
	return nil
}
