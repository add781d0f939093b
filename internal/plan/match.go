package plan

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// Index finds the place of a key in a list that holds the keys itself. It takes
// 6 to 12 bytes an entry, where a map would take 40 and hold the keys again.
type Index[K comparable] struct {
	key   func(int32) K
	seed  maphash.Seed
	slots []int32 // places, plus one; 0 is free
	n     int
}

// NewIndex makes an index with room for n entries, more if need be; key gives
// the key at a place of the list.
func NewIndex[K comparable](n int, key func(int32) K) *Index[K] {
	x := &Index[K]{key: key, seed: maphash.MakeSeed()}
	x.resize(n)
	return x
}

func (x *Index[K]) resize(n int) {
	size := 16
	for size < n+n/2+1 {
		size *= 2
	}
	old := x.slots
	x.slots = make([]int32, size)
	for _, at := range old {
		if at != 0 {
			x.slots[x.slot(x.key(at-1))] = at
		}
	}
}

// slot is where the key is, or the free slot where it would be.
func (x *Index[K]) slot(key K) int {
	last := len(x.slots) - 1
	at := int(maphash.Comparable(x.seed, key)) & last //nolint:gosec // only the low bits are of use
	for x.slots[at] != 0 && x.key(x.slots[at]-1) != key {
		at = (at + 1) & last
	}
	return at
}

// Find is the place of the key, -1 when it is not there.
func (x *Index[K]) Find(key K) int32 { return x.slots[x.slot(key)] - 1 }

// Add enters a place whose key is not there yet.
func (x *Index[K]) Add(at int32) {
	if x.n++; x.n*3 > len(x.slots)*2 {
		x.resize(len(x.slots))
	}
	x.slots[x.slot(x.key(at))] = at + 1
}

// match finds for each of as the one of bs with the same key and calls fn for
// every pair, and for everyone alone with -1 for the side that lacks them. Keys
// are unique on each side.
func match(as, bs int, keyA, keyB func(int32) string, fn func(a, b int32)) {
	index, found := NewIndex(bs, keyB), make([]bool, bs)
	for b := range int32(bs) { //nolint:gosec // lists are far below 2^31
		index.Add(b)
	}
	for a := range int32(as) { //nolint:gosec // as above
		b := index.Find(keyA(a))
		if b >= 0 {
			found[b] = true
		}
		fn(a, b)
	}
	for b, ok := range found {
		if !ok {
			fn(-1, int32(b))
		}
	}
}

// sort puts a list into the order of a text key. It compares the first bytes of
// keys side by side in memory before it follows pointers, which for a million
// random keys is most of the time.
func sort[T any](list []T, key func(*T) string) {
	type entry struct {
		head  uint64
		index int32
	}
	order := make([]entry, len(list))
	for i := range list {
		var head [8]byte
		copy(head[:], key(&list[i]))
		order[i] = entry{binary.BigEndian.Uint64(head[:]), int32(i)}
	}
	slices.SortFunc(order, func(a, b entry) int {
		if c := cmp.Compare(a.head, b.head); c != 0 {
			return c
		}
		return cmp.Compare(key(&list[a.index]), key(&list[b.index]))
	})
	// Each round of the permutation is moved in place, by one spare element.
	for i := range order {
		spare, at := list[i], int32(i)
		for from := order[at].index; from != int32(i) && from >= 0; from = order[at].index {
			list[at], order[at].index = list[from], -1
			at = from
		}
		if order[at].index >= 0 {
			list[at], order[at].index = spare, -1
		}
	}
}
