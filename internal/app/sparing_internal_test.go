package app

import (
	"runtime/debug"
	"testing"

	"github.com/usherd/usher/internal/reconcile"
)

// TestSparing: runs lower the collector's setting, large ones more; who watches
// progress is told as before; after the last the process has its own again.
func TestSparing(t *testing.T) {
	const own = 177
	was := debug.SetGCPercent(own)
	defer debug.SetGCPercent(was)
	percent := func(when string, want int) {
		t.Helper()
		got := debug.SetGCPercent(own)
		debug.SetGCPercent(got)
		if got != want {
			t.Errorf("%s: %d percent, want %d", when, got, want)
		}
	}
	var s sparing
	var told int
	begin := func(next func(reconcile.Progress)) (tell func(reconcile.Progress), end func()) {
		req := reconcile.Request{Progress: next}
		end = s.during(&req)
		return req.Progress, end
	}
	small, endSmall := begin(nil)
	small(reconcile.Progress{Done: large - 1})
	percent("a small run", runPercent)
	first, endFirst := begin(func(reconcile.Progress) { told++ })
	second, endSecond := begin(nil)
	first(reconcile.Progress{Done: large})
	first(reconcile.Progress{Done: large + 1})
	second(reconcile.Progress{Done: large})
	percent("two large ones", largePercent)
	endFirst()
	percent("one is left", largePercent)
	endSecond()
	percent("the small one is left", runPercent)
	endSmall()
	percent("after all", own)
	for _, kept := range []int{-1, 20} { // off on purpose, and sparing already
		debug.SetGCPercent(kept)
		_, end := begin(nil)
		percent("an own setting below", kept)
		end()
		percent("an own setting below, after", kept)
	}
	if told != 2 {
		t.Errorf("told %d times, want 2", told)
	}
}

// TestRelaxCollector: what the environment says counts.
func TestRelaxCollector(t *testing.T) {
	was := debug.SetGCPercent(77)
	defer debug.SetGCPercent(was)
	RelaxCollector("77")
	if got := debug.SetGCPercent(77); got != 77 {
		t.Errorf("GOGC is set: %d percent", got)
	}
	RelaxCollector("")
	if got := debug.SetGCPercent(77); got != servingPercent {
		t.Errorf("GOGC is not set: %d percent", got)
	}
}
