package app

import (
	"runtime/debug"
	"testing"

	"github.com/usherd/usher/internal/reconcile"
)

// TestSparing: two large runs that overlap leave the process's setting as it was,
// a small one never changes it, and who watches progress is told as before.
func TestSparing(t *testing.T) {
	was := debug.SetGCPercent(77)
	defer debug.SetGCPercent(was)
	percent := func(when string, want int) {
		t.Helper()
		got := debug.SetGCPercent(77)
		debug.SetGCPercent(got)
		if got != want {
			t.Errorf("%s: %d percent, want %d", when, got, want)
		}
	}
	var s sparing
	var told int
	first, endFirst := s.watch(func(reconcile.Progress) { told++ })
	second, endSecond := s.watch(nil)
	small, endSmall := s.watch(nil)
	small(reconcile.Progress{Done: large - 1})
	percent("a small run", 77)
	first(reconcile.Progress{Done: large})
	first(reconcile.Progress{Done: large + 1})
	second(reconcile.Progress{Done: large})
	percent("two large ones", sparingPercent)
	endFirst()
	percent("one is left", sparingPercent)
	endSecond()
	endSmall()
	percent("after all", 77)
	debug.SetGCPercent(-1)
	off, endOff := s.watch(nil)
	off(reconcile.Progress{Done: large})
	percent("switched off on purpose", -1)
	endOff()
	if told != 2 {
		t.Errorf("told %d times, want 2", told)
	}
}
