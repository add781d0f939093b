package app

import (
	"runtime/debug"
	"sync"

	"github.com/usherd/usher/internal/reconcile"
)

// How much garbage may lie beside what is held before it is collected, in percent
// of it. A server holds little and its requests leave much garbage: a fifth of
// what a SCIM write costs would be collecting it. What a run over a directory
// holds grows with it and stays until its end: memory for time.
const (
	servingPercent = 200 // while no run is at work
	runPercent     = 50  // during one: a few per cent of time for a quarter of the memory
	largePercent   = 15  // during one over very many records
	// large is how many records are very many. What such a run throws away is small
	// beside what it holds; left alone, the collector lets it grow alike.
	large = 300_000
)

// RelaxCollector has garbage collected as seldom as serving allows, unless GOGC
// of the environment, as given, says something else. That is a process's own
// setting, which runs lower and put back.
func RelaxCollector(gogc string) {
	if gogc == "" {
		debug.SetGCPercent(servingPercent)
	}
}

// sparing has garbage collected sooner while runs are at work, never later than
// by the process's own setting, which is put back after the last of them.
type sparing struct {
	mu   sync.Mutex
	runs map[int]int // at each percentage
	was  int
}

// during notes that a run begins with a request. It listens to the run's
// progress. The function it returns ends it.
func (s *sparing) during(req *reconcile.Request) (end func()) {
	next, percent := req.Progress, runPercent // the engine tells from one goroutine at a time
	s.move(0, percent)
	req.Progress = func(p reconcile.Progress) {
		if percent != largePercent && p.Done >= large {
			s.move(percent, largePercent)
			percent = largePercent
		}
		if next != nil {
			next(p)
		}
	}
	return func() { s.move(percent, 0) }
}

// move counts a run at another percentage; 0 is none.
func (s *sparing) move(from, to int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.runs == nil {
		s.runs = map[int]int{}
		s.was = debug.SetGCPercent(runPercent)
	}
	if s.runs[from]--; s.runs[from] <= 0 {
		delete(s.runs, from)
	}
	if to != 0 {
		s.runs[to]++
	}
	percent := s.was
	for p := range s.runs {
		if p < percent { // -1 is off, on purpose
			percent = p
		}
	}
	if debug.SetGCPercent(percent); len(s.runs) == 0 {
		s.runs = nil
	}
}
