package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/usherd/usher/internal/app"
)

// bar shows how far a run is, on a terminal only.
type bar struct {
	w    io.Writer
	mu   sync.Mutex
	last time.Time
	on   bool
}

func newBar(w io.Writer) *bar { return &bar{w: w, on: terminal(w)} }

// redraw is how often the bar moves at most.
const redraw = 100 * time.Millisecond

// show draws the bar.
func (b *bar) show(p app.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	if !b.on || now.Sub(b.last) < redraw && p.Done != p.Total {
		return
	}
	b.last = now
	if p.Total == 0 {
		_, _ = fmt.Fprintf(b.w, "\r\x1b[K%s… %d", p.Phase, p.Done)
		return
	}
	const width = 30
	full := int(p.Done * width / p.Total)
	_, _ = fmt.Fprintf(b.w, "\r\x1b[K%s [%s%s] %d of %d", p.Phase, strings.Repeat("█", full), strings.Repeat("░", width-full), p.Done, p.Total)
}

// clear takes the bar away.
func (b *bar) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.on {
		_, _ = fmt.Fprint(b.w, "\r\x1b[K")
	}
}
