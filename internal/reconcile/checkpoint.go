package reconcile

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// Sealer keeps what lies in the database from whoever reads it there: each purpose
// has a key of its own. auth.Vault is one.
type Sealer interface {
	Seal(purpose string, secret []byte) ([]byte, error)
	Open(purpose string, sealed []byte) ([]byte, error)
}

const (
	// pagesWaiting is how many pages may wait to be written before the reading does.
	pagesWaiting = 16
	// pagesBytes ends a transaction of pages, and pagesLoaded are given at once.
	pagesBytes  = 1 << 20
	pagesLoaded = 16
)

// checkpoint is the source.Checkpoint of one read. Pages are packed, sealed and
// written beside the reading, as many in a transaction as came meanwhile.
type checkpoint struct {
	ledger   Ledger
	fence    registry.Fence
	sealer   Sealer
	log      *slog.Logger
	settings string
	now      time.Time
	// ctx outlives the read: what was read when it was stopped is kept.
	ctx     context.Context //nolint:containedctx // of the one goroutine
	pages   chan savedPage
	written sync.WaitGroup

	mu     sync.Mutex // of whoever works on the pages that are kept
	read   string
	began  time.Time
	last   int64 // the number of the last page
	packer *flate.Writer

	drops  atomic.Int64
	failed atomic.Bool
}

// savedPage is a page on its way; one from before a Drop is let go. One without a
// page asks to be told when those before it are written.
type savedPage struct {
	body    []byte
	drops   int64
	written chan struct{}
}

// newCheckpoint begins the writing, which close ends.
func (r *run) newCheckpoint(ctx context.Context) (*checkpoint, error) {
	packer, err := flate.NewWriter(nil, flate.BestSpeed)
	if err != nil {
		return nil, fmt.Errorf("pack pages of a read: %w", err)
	}
	c := &checkpoint{ledger: r.ledger, fence: r.fence, sealer: r.Sealer, log: r.Log, settings: r.src.SettingsHash,
		packer: packer, now: r.Now(), ctx: context.WithoutCancel(ctx), pages: make(chan savedPage, pagesWaiting)}
	c.written.Go(c.write)
	return c, nil
}

// The checkpoint is what a source asks for.
var _ source.Checkpoint = (*checkpoint)(nil)

// purpose binds a page to its place.
func (c *checkpoint) purpose(number int64) string {
	return fmt.Sprintf("page %d of read %s of source %d", number, c.read, c.fence.Source)
}

// errPages are pages that cannot be gone on with.
var errPages = errors.New("the pages kept of the last read are of no use")

// Load implements source.Checkpoint.
func (c *checkpoint) Load(ctx context.Context, read string, fn func([]byte) error) error {
	c.flush()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed.Load() {
		return errPages
	}
	first := c.read == ""
	if first {
		c.read, c.began = read+"."+c.settings, c.now
	}
	for after := int64(0); first || after < c.last; {
		pages, err := c.ledger.KeptPages(ctx, c.fence.Source, after, pagesLoaded)
		if err != nil {
			return fmt.Errorf("load pages of the last read: %w", err)
		}
		if first && after == 0 && len(pages) > 0 && pages[0].Number == 1 && !c.fits(&pages[0]) {
			return c.drop(ctx)
		}
		for i := range pages {
			if err := c.open(&pages[i], after+1, fn); err != nil {
				return err
			}
			after++
		}
		c.last = max(c.last, after)
		if len(pages) < pagesLoaded {
			if after < c.last {
				return errPages // somebody was erased meanwhile
			}
			break
		}
	}
	return nil
}

// flush waits until everything that was saved is written, or is known not to be.
func (c *checkpoint) flush() {
	done := make(chan struct{})
	c.pages <- savedPage{written: done}
	<-done
}

// fits reports whether the first page is of this read, and not too old. It sets
// when the read began.
func (c *checkpoint) fits(p *registry.ReadPage) bool {
	age := c.now.Sub(p.BeganAt)
	if p.Read != c.read || age < 0 || age >= registry.PagesLife {
		return false
	}
	c.began = p.BeganAt
	return true
}

// open gives a page as it was saved.
func (c *checkpoint) open(p *registry.ReadPage, number int64, fn func([]byte) error) error {
	if p.Number != number || p.Read != c.read {
		return errPages
	}
	packed, err := c.sealer.Open(c.purpose(number), p.Body)
	if err != nil {
		return fmt.Errorf("%w: %w", errPages, err)
	}
	body, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return fmt.Errorf("%w: %w", errPages, err)
	}
	return fn(body)
}

// Save implements source.Checkpoint.
func (c *checkpoint) Save(page []byte) {
	if !c.failed.Load() {
		c.pages <- savedPage{body: page, drops: c.drops.Load()}
	}
}

// Drop implements source.Checkpoint.
func (c *checkpoint) Drop(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drop(ctx)
}

func (c *checkpoint) drop(ctx context.Context) error {
	c.last, c.began = 0, c.now
	c.drops.Add(1)
	c.failed.Store(false)
	return c.ledger.ForgetPages(ctx, c.fence)
}

// close ends the writing, when everything that came is written.
func (c *checkpoint) close() {
	close(c.pages)
	c.written.Wait()
}

// write writes pages until there will be no more.
func (c *checkpoint) write() {
	for first := range c.pages {
		batch := []savedPage{first}
		for size, more := len(first.body), true; more && size < pagesBytes; {
			select {
			case p, ok := <-c.pages:
				if more = ok; ok {
					batch, size = append(batch, p), size+len(p.body)
				}
			default:
				more = false
			}
		}
		c.writeBatch(batch)
		for _, p := range batch {
			if p.written != nil {
				close(p.written)
			}
		}
	}
}

// writeBatch writes some pages. When it cannot, no more are: they would have a hole
// before them. The read goes on.
func (c *checkpoint) writeBatch(batch []savedPage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed.Load() {
		return
	}
	var pages []registry.ReadPage
	for _, p := range batch {
		if p.body == nil || p.drops != c.drops.Load() {
			continue
		}
		number := c.last + int64(len(pages)) + 1
		body, err := c.seal(number, p.body)
		if err != nil {
			c.fail(err)
			return
		}
		pages = append(pages, registry.ReadPage{Number: number, Read: c.read, BeganAt: c.began, Body: body})
	}
	if err := c.ledger.KeepPages(c.ctx, c.fence, pages); err != nil {
		c.fail(err)
		return
	}
	c.last += int64(len(pages))
}

func (c *checkpoint) fail(err error) {
	c.failed.Store(true)
	if !errors.Is(err, registry.ErrFenced) && !errors.Is(err, registry.ErrPagesLost) {
		c.log.WarnContext(c.ctx, "keep pages of a read", "error", err)
	}
	if errors.Is(err, registry.ErrPagesLost) { // what is left of them is of no use
		if err := c.ledger.ForgetPages(c.ctx, c.fence); err != nil {
			c.log.WarnContext(c.ctx, "forget pages of a read", "error", err)
		}
	}
}

// seal packs a page, as fast as can be, and seals it.
func (c *checkpoint) seal(number int64, page []byte) ([]byte, error) {
	var b bytes.Buffer
	c.packer.Reset(&b)
	_, err := c.packer.Write(page)
	if err := errors.Join(err, c.packer.Close()); err != nil {
		return nil, fmt.Errorf("pack page of a read: %w", err)
	}
	return c.sealer.Seal(c.purpose(number), b.Bytes())
}

// fromSource reads the source, going on where the last read of the same was cut off.
func (r *run) fromSource(ctx context.Context, k *known, cursor string, progress func(int64)) (err error) {
	give := r.src.Reader.Read
	if r.Sealer != nil {
		c, err := r.newCheckpoint(ctx)
		if err != nil {
			return err
		}
		defer c.close()
		give = func(ctx context.Context, req source.Request, emit func(source.Entry) error) (source.Summary, error) {
			req.Checkpoint = c
			return r.src.Reader.Read(ctx, req, emit)
		}
		defer func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			r.kept = r.kept || c.read != ""
		}()
	}
	r.sum, err = r.snap.read(ctx, k, give, cursor, progress)
	return err
}

// forgetPages forgets what a read left that came to its use. It is no reason for a
// run to fail that it cannot: a day later they go by themselves.
func (r *run) forgetPages(ctx context.Context) {
	if !r.kept {
		return
	}
	if err := r.ledger.ForgetPages(ctx, r.fence); err != nil {
		r.Log.WarnContext(ctx, "forget pages of a read", "source", r.src.State.Key, "error", err)
	}
}
