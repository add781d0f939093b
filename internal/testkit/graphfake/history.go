package graphfake

import "slices"

// state is where an object is in its life.
type state uint8

const (
	absent  state = iota // not created yet
	present              // in the collection
	deleted              // in the deleted items, can be restored
	gone                 // deleted for good
)

// revision is what an object is from a version on.
type revision[T any] struct {
	version int64
	state   state
	value   *T
}

// history is a collection with its past. An object is known by its slot: the
// generated ones come first and are computed by made until they change.
type history[T any] struct {
	made  func(slot int) *T
	count int // generated
	extra int // created later
	slots map[string]int
	revs  map[int][]revision[T] // oldest first
}

func newHistory[T any](count int, made func(int) *T) history[T] {
	return history[T]{made: made, count: count, slots: map[string]int{}, revs: map[int][]revision[T]{}}
}

// length is how many slots there are.
func (h *history[T]) length() int { return h.count + h.extra }

// at returns what the object in a slot was at a version.
func (h *history[T]) at(slot int, version int64) (*T, state) {
	revs, changed := h.revs[slot]
	if !changed {
		if slot < 0 || slot >= h.count {
			return nil, absent
		}
		return h.made(slot), present
	}
	for _, r := range slices.Backward(revs) {
		if r.version <= version {
			return r.value, r.state
		}
	}
	return nil, absent
}

// set gives the object in a slot a new revision.
func (h *history[T]) set(slot int, r revision[T]) {
	revs := h.revs[slot]
	if revs == nil && slot < h.count {
		revs = []revision[T]{{version: 0, state: present, value: h.made(slot)}}
	}
	if n := len(revs); n > 0 && revs[n-1].version == r.version {
		revs[n-1] = r // several changes of one mutation are one revision
		return
	}
	h.revs[slot] = append(revs, r)
}

// add makes a slot for a new object.
func (h *history[T]) add(id string, r revision[T]) int {
	slot := h.length()
	h.extra++
	h.slots[id] = slot
	h.revs[slot] = []revision[T]{r}
	return slot
}

// present counts the objects that are there at a version.
func (h *history[T]) present(version int64) int {
	n := h.count
	for slot := range h.revs {
		if slot < h.count {
			n--
		}
		if _, s := h.at(slot, version); s == present {
			n++
		}
	}
	return n
}

// wasSet reports whether a property had a value at or before a version: a
// property that never had one does not appear in a delta, one that was cleared
// is null (api/user-delta.md).
func (h *history[T]) wasSet(slot int, version int64, p prop[T]) bool {
	return slices.ContainsFunc(h.revs[slot], func(r revision[T]) bool {
		return r.version <= version && len(p.put(nil, r.value)) > 0
	})
}

// returned reports whether the object was away, or not there yet, at some
// moment after from and is there at to: then it is told as if it were new.
func (h *history[T]) returned(slot int, from, to int64) bool {
	_, before := h.at(slot, from)
	if before != present {
		return true
	}
	return slices.ContainsFunc(h.revs[slot], func(r revision[T]) bool {
		return r.version > from && r.version <= to && r.state != present
	})
}
