package app

import (
	"runtime/debug"
	"sync"

	"github.com/usherd/usher/internal/reconcile"
)

// What a run over a very large directory holds stays until its end, and what it
// throws away beside that is small; the collector, left alone, lets the latter grow
// with the former.
const (
	// large is how many records are many.
	large = 300_000
	// sparingPercent is how much garbage may lie beside what is held then.
	sparingPercent = 15
)

// sparing has garbage collected sooner while large runs are at work: memory for
// time. The process's own setting is put back after the last of them.
type sparing struct {
	mu    sync.Mutex
	large int
	was   int
}

// watch returns a progress function for a run that tells the given one, and the
// function that ends it.
func (s *sparing) watch(next func(reconcile.Progress)) (progress func(reconcile.Progress), end func()) {
	begun := false // the engine tells from one goroutine at a time
	progress = func(p reconcile.Progress) {
		if !begun && p.Done >= large {
			begun = true
			s.add(1)
		}
		if next != nil {
			next(p)
		}
	}
	return progress, func() {
		if begun {
			s.add(-1)
		}
	}
}

func (s *sparing) add(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.large += n
	switch {
	case s.large == 1 && n > 0:
		if s.was = debug.SetGCPercent(sparingPercent); s.was < sparingPercent { // sparing already, or off (-1) on purpose
			debug.SetGCPercent(s.was)
		}
	case s.large == 0:
		debug.SetGCPercent(s.was)
	}
}
