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
	if _, err := b.target(op); err != nil {
		return nil, err
	}
	v := validator{t: op.t, profile: b.c.profile}
	inPath := pathReferences(op.path)
	all := slices.Clone(inPath)
	collector(v, &all).data(op.method, op.data)
	ids := map[string]string{}
	for _, reference := range all {
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
	if len(open) > 0 && slices.Contains(inPath, open[0]) {
		return nil, Errorf(Conflict, "the path refers to bulkId %q, which waits for this operation", open[0])
	}
	replacer(v, ids).data(op.method, op.data)
	op.path = substitutePath(op.path, ids)
	return open, nil
}

// pathReferences lists the bulkIds that an operation's path names.
func pathReferences(path string) []string {
	var list []string
	for s := range strings.SplitSeq(path, "/") {
		if id, ok := strings.CutPrefix(s, bulkPrefix); ok {
			if plain, err := url.PathUnescape(id); err == nil {
				list = append(list, plain)
			}
		}
	}
	return list
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
	waits := func(name string, value any) bool {
		var list []string
		collector(validator{t: op.t, profile: b.c.profile}, &list).at(name, value)
		return slices.ContainsFunc(list, func(id string) bool { return slices.Contains(open, id) })
	}
	var later []postponed
	for _, name := range sortedKeys(op.data) {
		if inner, ok := op.data[name].(map[string]any); ok && b.isExtension(name) {
			for _, sub := range sortedKeys(inner) {
				path := name + ":" + sub
				if waits(path, inner[sub]) {
					later = append(later, postponed{path, takeOut(inner, sub, func(e any) bool { return waits(path, e) })})
				}
			}
		} else if waits(name, op.data[name]) {
			later = append(later, postponed{name, takeOut(op.data, name, func(e any) bool { return waits(name, e) })})
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
		_, value := replacer(v, ids).at(l.name, l.value)
		var left []string
		collector(v, &left).at(l.name, value)
		if len(left) > 0 {
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
	op.answer.tag = r.Meta.tag()
	return nil
}
