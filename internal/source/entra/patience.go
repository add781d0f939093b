package entra

import (
	"sync"
	"time"
)

// patience is how long the requests of one session may fail and be repeated, all
// together: time counts once however many fail at the same time, and not at all
// while none does.
type patience struct {
	now  func() time.Time
	most time.Duration

	mu      sync.Mutex
	failing int
	since   time.Time
	spent   time.Duration
}

// lose tells that a request began to fail, regain that it no longer does.
func (p *patience) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failing++; p.failing == 1 {
		p.since = p.now()
	}
}

func (p *patience) regain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failing--; p.failing == 0 {
		p.spent += p.now().Sub(p.since)
	}
}

// left is how much there still is while a request fails.
func (p *patience) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.most - p.spent - p.now().Sub(p.since)
}
