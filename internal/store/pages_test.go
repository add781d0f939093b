package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

func page(n int, read string, began time.Time) registry.ReadPage {
	return registry.ReadPage{Number: int64(n), Read: read, BeganAt: began, Body: fmt.Appendf(nil, "page %d of %s", n, read)}
}

// TestPages: what is kept of a read comes back in order, is written by the holder of
// the lease alone, and goes when it has to.
func TestPages(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		w := newMergeWorld(t, s)
		ctx, tenant := t.Context(), s.For(w.src.Company)
		old, _ := acquire(t, w, "a")
		must(t, tenant.ReleaseLease(ctx, old))
		f, _ := acquire(t, w, "b")
		bodies := func() (out []string) {
			t.Helper()
			for after := int64(0); ; {
				pages, err := tenant.KeptPages(ctx, w.src.ID, after, 3)
				must(t, err)
				if len(pages) == 0 {
					return out
				}
				for _, p := range pages {
					if !p.BeganAt.Equal(w.now) {
						t.Errorf("began %v", p.BeganAt)
					}
					out, after = append(out, string(p.Body)), p.Number
				}
			}
		}
		keep := func(f registry.Fence, from, to int) error {
			var pages []registry.ReadPage
			for n := from; n <= to; n++ {
				pages = append(pages, page(n, "r", w.now))
			}
			return tenant.KeepPages(ctx, f, pages)
		}
		lost := func(what string, err error, want error) {
			t.Helper()
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", what, err, want)
			}
		}
		lost("another holder", keep(old, 1, 1), registry.ErrFenced)
		lost("forgetting by another", tenant.ForgetPages(ctx, old), registry.ErrFenced)
		lost("not from the first", keep(f, 2, 2), registry.ErrPagesLost)
		must(t, keep(f, 1, 1))
		must(t, keep(f, 2, 7))
		lost("another read", tenant.KeepPages(ctx, f, []registry.ReadPage{page(8, "other", w.now)}), registry.ErrPagesLost)
		lost("with a hole", keep(f, 9, 9), registry.ErrPagesLost)
		want(t, "pages", bodies(), []string{"page 1 of r", "page 2 of r", "page 3 of r", "page 4 of r", "page 5 of r", "page 6 of r", "page 7 of r"})

		must(t, s.Sweep(ctx, w.now.Add(registry.PagesLife-time.Second), func(string) time.Duration { return 0 }))
		want(t, "pages within a day", len(bodies()), 7)
		must(t, s.Sweep(ctx, w.now.Add(registry.PagesLife), func(string) time.Duration { return 0 }))
		want(t, "pages after a day", bodies(), nil)
		lost("after the sweep", keep(f, 8, 8), registry.ErrPagesLost)

		must(t, keep(f, 1, 250))
		must(t, tenant.ForgetPages(ctx, f))
		want(t, "forgotten", bodies(), nil)

		id := w.create1(person("erased", "erased"))
		must(t, keep(f, 1, 2))
		if res := w.admin(registry.EraseUser{User: id}); res.Refused != nil {
			t.Fatal(res.Refused)
		}
		want(t, "after an erasure", bodies(), nil)
		lost("the read during which somebody was erased", keep(f, 3, 3), registry.ErrPagesLost)

		must(t, keep(f, 1, 2))
		must(t, s.Settle(ctx, store.Settled{Companies: []registry.Company{{Key: "acme"}}}))
		want(t, "after the source was taken out of the file", bodies(), nil)
	})
}

// TestPagesAreCopied: usher copy takes what was read along.
func TestPagesAreCopied(t *testing.T) {
	if !slices.Contains(store.Tables(), "read_pages") {
		t.Error("read_pages is no table that is copied and backed up")
	}
}
