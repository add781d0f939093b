package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/usherd/usher/internal/registry"
)

// states are the queue's states, in usher's words: what a metric is to tell
// without a series that comes and goes.
func states() map[string]string {
	return map[string]string{
		"available": "waiting", "pending": "waiting", "scheduled": "scheduled", "retryable": "scheduled",
		"running": "running", "discarded": "failed", "cancelled": "failed",
	}
}

// Backlog counts the queue's jobs by state; those that are done are left out.
// Oldest is since when the first waits that could be worked on.
func Backlog(ctx context.Context, db *sql.DB, postgres bool) (registry.Backlog, error) {
	out := registry.Backlog{States: map[string]int64{}}
	for _, name := range states() {
		out.States[name] = 0
	}
	due := `strftime('%s', min(scheduled_at))`
	if postgres {
		due = `extract(epoch FROM min(scheduled_at))::bigint`
	}
	rows, err := db.QueryContext(ctx, `SELECT state, count(*), coalesce(CAST(`+due+` AS bigint), 0) FROM river_job WHERE state <> 'completed' GROUP BY state`)
	if err != nil {
		return out, fmt.Errorf("count jobs: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var state string
		var n, oldest int64
		if err := rows.Scan(&state, &n, &oldest); err != nil {
			return out, fmt.Errorf("count jobs: %w", err)
		}
		out.States[states()[state]] += n
		if state == "available" {
			out.Oldest = time.Unix(oldest, 0).UTC()
		}
	}
	return out, rows.Err()
}

// pauses is how many times of a schedule are looked at to find its longest
// pause: more than a week of working hours.
const pauses = 64

// LongestPause is how long a schedule pauses at most, as far as one can see from
// now; 0 for a schedule that is none.
func LongestPause(schedule string, now time.Time) time.Duration {
	if schedule == "" {
		return 0
	}
	s, err := cron.ParseStandard(schedule)
	if err != nil {
		return 0
	}
	var longest time.Duration
	at := s.Next(now)
	for range pauses {
		next := s.Next(at)
		if next.IsZero() {
			break
		}
		longest, at = max(longest, next.Sub(at)), next
	}
	return longest
}
