package store

import (
	"context"
	"fmt"
	"sync"

	"github.com/usherd/usher/internal/registry"
)

// firstStatistics is how many records a company gains before PostgreSQL looks at
// them for the first time.
const firstStatistics = 500

// growth counts the people and links that each company gained while this process
// runs. It is safe for concurrent use.
type growth struct {
	mu sync.Mutex
	of map[registry.CompanyID]gain
}

// gain is how many records came, and at how many statistics are due.
type gain struct{ records, due int }

// add counts records and tells whether statistics are due: every time that what
// came has doubled, which is often enough for a plan made before to cost little,
// and seldom enough to cost nothing.
func (g *growth) add(company registry.CompanyID, records int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of == nil {
		g.of = map[registry.CompanyID]gain{}
	}
	x := g.of[company]
	x.records += records
	due := x.records >= max(x.due, firstStatistics)
	if due {
		x.due = 2 * x.records
	}
	g.of[company] = x
	return due
}

// statistics are those that decide between plans: how the rows spread over
// companies and origins.
var statistics = []string{`users (company_id, deleted_at)`, `links (company_id, origin_id)`}

// takeStatistics tells PostgreSQL how much companies and origins have. Left
// alone it looks after a minute, and in a large installation not before a tenth
// of all rows is new. Until then it believes that a company which was empty
// still is, and to find a person by name goes through everybody; and a plan made
// for a table of one page stays in force. The first run of 100,000 people spent
// four fifths of its time so.
func (s *Store) takeStatistics(ctx context.Context) error {
	for _, of := range statistics {
		if _, err := s.write.ExecContext(ctx, `ANALYZE (SKIP_LOCKED) `+of); err != nil {
			return fmt.Errorf("take statistics: %w", err)
		}
	}
	return nil
}
