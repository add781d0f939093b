package entra

import (
	"context"
	"math"
	"sync"
	"time"
)

// The bounds of how many requests are under way at once.
const (
	firstPace = 4
	mostPace  = 8
	// slowShare is the used share of the limit from which to slow down; Graph
	// tells it from 0.8 on (concepts/throttling-limits.md).
	slowShare = 0.8
)

// pace decides how many requests may be under way: more while Graph answers
// quietly, fewer as soon as it says that its limit is near or passed.
type pace struct {
	now   func() time.Time
	sleep func(context.Context, time.Duration) error

	mu      sync.Mutex
	limit   float64
	busy    int
	waiting []chan struct{}
	until   time.Time // nobody asks before
}

func newPace(now func() time.Time, sleep func(context.Context, time.Duration) error) *pace {
	return &pace{now: now, sleep: sleep, limit: firstPace}
}

// enter waits for a turn; leave gives it back.
func (p *pace) enter(ctx context.Context) error {
	p.mu.Lock()
	if p.busy < int(p.limit) {
		p.busy++
		p.mu.Unlock()
		return p.pause(ctx)
	}
	turn := make(chan struct{})
	p.waiting = append(p.waiting, turn)
	p.mu.Unlock()
	select {
	case <-turn:
		return p.pause(ctx)
	case <-ctx.Done():
		p.abandon(turn)
		return context.Cause(ctx)
	}
}

// pause waits until Graph wants to be asked again.
func (p *pace) pause(ctx context.Context) error {
	p.mu.Lock()
	wait := p.until.Sub(p.now())
	p.mu.Unlock()
	if wait <= 0 {
		return nil
	}
	if err := p.sleep(ctx, wait); err != nil {
		p.leave()
		return err
	}
	return nil
}

// abandon takes a turn out of the queue, or gives it back if it came meanwhile.
func (p *pace) abandon(turn chan struct{}) {
	p.mu.Lock()
	for i, w := range p.waiting {
		if w == turn {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			p.mu.Unlock()
			return
		}
	}
	p.mu.Unlock()
	p.leave()
}

func (p *pace) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.busy--
	for len(p.waiting) > 0 && p.busy < int(p.limit) {
		p.busy++
		close(p.waiting[0])
		p.waiting = p.waiting[1:]
	}
}

// quiet tells of an answer, with the share of the limit used, 0 for not said.
func (p *pace) quiet(share float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if share >= slowShare {
		p.limit = math.Max(1, p.limit*slowShare)
		return
	}
	p.limit = math.Min(mostPace, p.limit+1/p.limit)
}

// throttled tells that Graph wants a rest, for everybody who asks.
func (p *pace) throttled(rest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit = math.Max(1, p.limit/2)
	if at := p.now().Add(rest); at.After(p.until) {
		p.until = at
	}
}
