package api

import (
	"context"
	"sync"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// flushEvery is how often the tokens' last use is written: a request must not cost
// a write.
const flushEvery = time.Second

// uses are the tokens that were used and not yet written down.
type uses struct {
	mu   sync.Mutex
	used map[registry.CompanyID]map[registry.TokenID]time.Time
}

func (u *uses) note(company registry.CompanyID, token registry.TokenID, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.used == nil {
		u.used = map[registry.CompanyID]map[registry.TokenID]time.Time{}
	}
	if u.used[company] == nil {
		u.used[company] = map[registry.TokenID]time.Time{}
	}
	u.used[company][token] = at
}

func (u *uses) take() map[registry.CompanyID]map[registry.TokenID]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	used := u.used
	u.used = nil
	return used
}

// Run writes the tokens' last use until ctx ends, and once more then.
func (s *Server) Run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.flush(ctx)
		case <-ctx.Done():
			s.flush(ctx)
			return
		}
	}
}

// flush writes what waits, also when told to stop.
func (s *Server) flush(ctx context.Context) {
	used := s.uses.take()
	if len(used) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err := s.cfg.Tokens.UseTokens(ctx, used); err != nil {
		s.cfg.Log.WarnContext(ctx, "record use of tokens", "error", err)
	}
}
