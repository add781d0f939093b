package reconcile

import (
	"crypto/sha256"
	"slices"

	"github.com/usherd/usher/internal/plan"
)

// ref is how a member is named while the snapshot is read: a hash of the
// source's key, because keys are long and there are many.
type ref [16]byte

func refOf(key string) ref {
	sum := sha256.Sum256([]byte(key))
	return ref(sum[:16])
}

// place is where a ref leads.
type place struct {
	index int32
	group bool
}

// table is a map for as many entries as there are people, in a third of a map's
// memory.
type table[K comparable, V any] struct {
	keys   []K
	values []V
	index  *plan.Index[K]
}

func newTable[K comparable, V any]() *table[K, V] {
	t := &table[K, V]{}
	t.index = plan.NewIndex(0, func(i int32) K { return t.keys[i] })
	return t
}

func (t *table[K, V]) set(key K, value V) {
	if i := t.index.Find(key); i >= 0 {
		t.values[i] = value
		return
	}
	t.keys, t.values = append(t.keys, key), append(t.values, value)
	t.index.Add(int32(len(t.keys) - 1)) //nolint:gosec // snapshots are far below 2^31
}

func (t *table[K, V]) find(key K) (value V, ok bool) {
	if i := t.index.Find(key); i >= 0 {
		return t.values[i], true
	}
	return value, false
}

// grow makes room for n more.
func (t *table[K, V]) grow(n int) {
	t.keys, t.values = slices.Grow(t.keys, n), slices.Grow(t.values, n)
}
