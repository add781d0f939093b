package store

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// SQLite commits to its write-ahead log, and a checkpoint copies from there into
// the file. By itself it is the writer who does so, in the middle of its work, and
// everybody waits while the disk is flushed twice. Here a goroutine does it beside
// the writer, which is left what came in meanwhile: a log can only begin anew when
// all of it was copied (sqlite.org/wal.html#ckpt).

// In pages of the log, of 4 KB each.
const (
	// worthCopying is how many have to wait: a page that many commits write goes to
	// the file once a checkpoint.
	worthCopying = 2000
	// longestLog is when the writer copies the rest itself.
	longestLog = 8000
)

// checkpointPause is the least time between two looks at the log.
const checkpointPause = 50 * time.Millisecond

// checkpointer makes checkpoints of one SQLite file.
type checkpointer struct {
	pool *sql.DB
	wake chan struct{}
	end  context.CancelFunc
	wg   sync.WaitGroup
}

func newCheckpointer(pool *sql.DB) *checkpointer {
	ctx, end := context.WithCancel(context.Background())
	c := &checkpointer{pool: pool, wake: make(chan struct{}, 1), end: end}
	c.wg.Go(func() { c.run(ctx) })
	return c
}

// committed says that the log may have grown.
func (c *checkpointer) committed() {
	select {
	case c.wake <- struct{}{}:
	default: // it will look anyway
	}
}

func (c *checkpointer) close() {
	c.end()
	c.wg.Wait()
}

// run looks at the log after commits. Failures are not told: the writer meets them
// at its own checkpoint, and until then nothing depends on this.
func (c *checkpointer) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.wake:
		}
		if log, copied, err := c.checkpoint(ctx, "NOOP"); err == nil && log-copied >= worthCopying {
			_, _, _ = c.checkpoint(ctx, "PASSIVE")
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(checkpointPause):
		}
	}
}

// checkpoint tells how many pages the log has and how many of them are in the file;
// NOOP copies none (sqlite.org/pragma.html#pragma_wal_checkpoint).
func (c *checkpointer) checkpoint(ctx context.Context, mode string) (log, copied int, err error) {
	var busy int
	err = c.pool.QueryRowContext(ctx, `PRAGMA wal_checkpoint(`+mode+`)`).Scan(&busy, &log, &copied)
	return log, copied, err
}
