package plan

import (
	"cmp"
	"encoding/binary"
	"hash/maphash"
	"slices"
)

// match finds for each of as the one of bs with the same key and calls fn for
// every pair, and for everyone alone with -1 for the side that lacks them. Keys
// are unique on each side. It takes 6 to 12 bytes for each of bs, where a map
// would take 40.
func match(as, bs int, keyA, keyB func(int32) string, fn func(a, b int32)) {
	size := 1
	for size < bs+bs/2+1 {
		size *= 2
	}
	var (
		seed  = maphash.MakeSeed()
		slots = make([]int32, size) // indexes into bs, plus one
		found = make([]bool, bs)
	)
	// slot is where the key is, or the empty place where it would be.
	slot := func(key string) int {
		at := int(maphash.String(seed, key) & uint64(size-1)) //nolint:gosec // below size
		for slots[at] != 0 && keyB(slots[at]-1) != key {
			at = (at + 1) & (size - 1)
		}
		return at
	}
	for b := range int32(bs) { //nolint:gosec // lists are far below 2^31
		slots[slot(keyB(b))] = b + 1
	}
	for a := range int32(as) { //nolint:gosec // as above
		b := slots[slot(keyA(a))] - 1
		if b >= 0 {
			found[b] = true
		}
		fn(a, b)
	}
	for b, ok := range found {
		if !ok {
			fn(-1, int32(b)) //nolint:gosec // as above
		}
	}
}

// sorted gives a list in the order of a text key. It compares the first bytes of
// keys side by side in memory before it follows pointers, which for a million
// random keys is most of the time.
func sorted[T any](list []T, key func(*T) string) []T {
	type entry struct {
		head  uint64
		index int32
	}
	order := make([]entry, len(list))
	for i := range list {
		var head [8]byte
		copy(head[:], key(&list[i]))
		order[i] = entry{binary.BigEndian.Uint64(head[:]), int32(i)} //nolint:gosec // as above
	}
	slices.SortFunc(order, func(a, b entry) int {
		if c := cmp.Compare(a.head, b.head); c != 0 {
			return c
		}
		return cmp.Compare(key(&list[a.index]), key(&list[b.index]))
	})
	out := make([]T, len(list))
	for i, e := range order {
		out[i] = list[e.index]
	}
	return out
}
