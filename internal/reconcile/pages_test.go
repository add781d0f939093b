package reconcile_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// pageReader is a source that does with its checkpoint what a test wants, and then
// breaks off.
type pageReader struct {
	source.Source
	read func(ctx context.Context, c source.Checkpoint)
}

func (p pageReader) Read(ctx context.Context, r source.Request, _ func(source.Entry) error) (source.Summary, error) {
	p.read(ctx, r.Checkpoint)
	return source.Summary{}, source.ErrUnreachable
}

// pageLedger is a ledger in whose way to keep pages a test stands.
type pageLedger struct {
	reconcile.Ledger
	keep func(write func() error) error
}

func (l pageLedger) KeepPages(ctx context.Context, f registry.Fence, pages []registry.ReadPage) error {
	return l.keep(func() error { return l.Ledger.KeepPages(ctx, f, pages) })
}

// readPages has a read of one place do so, in a run of its own, and gives the pages
// that the next read finds.
func (w *world) readPages(keep func(write func() error) error, read func(ctx context.Context, c source.Checkpoint)) (found []string) {
	w.t.Helper()
	ledger := w.engine.Ledger
	w.engine.Ledger = func(id registry.CompanyID) reconcile.Ledger { return pageLedger{ledger(id), keep} }
	for _, fn := range []func(context.Context, source.Checkpoint){read, func(ctx context.Context, c source.Checkpoint) {
		found = loadPages(ctx, c)
	}} {
		w.reader = func(*mapping.Mapper) (source.Source, error) { return pageReader{read: fn}, nil }
		w.run(registry.RunFailed)
	}
	w.engine.Ledger = ledger
	return found
}

// loadPages gives the pages that wait, by how they begin; when it returns, whatever
// was saved before is written.
func loadPages(ctx context.Context, c source.Checkpoint) (found []string) {
	_ = c.Load(ctx, "place", func(page []byte) error {
		found = append(found, string(bytes.TrimRight(page, "\x00")))
		return nil
	})
	return found
}

// TestPagesBehindAHole: when a page cannot be kept, none behind it is: the next read
// would go on with what lacks one.
func TestPagesBehindAHole(t *testing.T) {
	w := sqlite(t)
	writes := 0
	keep := func(write func() error) error {
		if writes++; writes == 3 { // the first one is of nothing
			return errors.New("the disk is full")
		}
		return write()
	}
	got := w.readPages(keep, func(ctx context.Context, c source.Checkpoint) {
		for _, page := range []string{"", "one", "two", "three"} {
			if page != "" {
				c.Save([]byte(page))
			}
			loadPages(ctx, c)
		}
	})
	want(t, "pages", got, []string{"one"})
}

// TestPagesOfADroppedRead: pages that wait to be written when the read begins anew
// are not written behind that.
func TestPagesOfADroppedRead(t *testing.T) {
	w := sqlite(t)
	const waiting = 6
	entered, release := make(chan struct{}), make(chan struct{})
	writes := 0
	keep := func(write func() error) error {
		if writes++; writes == 2 {
			close(entered)
			<-release
		}
		return write()
	}
	got := w.readPages(keep, func(ctx context.Context, c source.Checkpoint) {
		loadPages(ctx, c)
		for range waiting { // so large that each is written alone
			page := make([]byte, 1<<20)
			copy(page, "old")
			c.Save(page)
		}
		<-entered
		dropped := make(chan error)
		go func() { dropped <- c.Drop(ctx) }()
		close(release)
		w.must(<-dropped)
		c.Save([]byte("new"))
		loadPages(ctx, c)
	})
	want(t, "pages", got, []string{"new"})
}
