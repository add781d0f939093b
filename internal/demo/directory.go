package demo

import (
	"sync"
	"time"
)

// Directory is the sample company. It is safe for concurrent use.
type Directory struct {
	mu sync.RWMutex
	b  *builder
}

// New makes the directory that follows from the seed; begin is the time its
// entries carry.
func New(seed uint64, begin time.Time) *Directory {
	begin = begin.UTC().Truncate(time.Second)
	b := newBuilder(&store{now: begin}, seed)
	b.build()
	return &Directory{b: b}
}

// People is the number of people a search would find now.
func (d *Directory) People() int { return d.count((*object).isPerson) }

// Groups is the number of groups a search would find now.
func (d *Directory) Groups() int { return d.count((*object).isGroup) }

func (d *Directory) count(keep func(*object) bool) int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	n := 0
	for _, o := range d.b.objects {
		if keep(o) && !o.hidden {
			n++
		}
	}
	return n
}
