package entra

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// round is one of the two queries of a read.
type round uint8

const (
	ofGroups round = iota + 1
	ofUsers
)

// step heads a page that is kept: which query it answers and where that goes on, or
// ended.
type step struct {
	Round       round
	Next, Delta string
}

// trail is what a read leaves behind for one that goes on where it is cut off: the
// pages of its two queries, in slim form. What is read by ids besides is asked again.
type trail struct {
	at source.Checkpoint // nil keeps nothing
	// legs are how far each query came in reads before this one, and pages how many
	// of their pages are kept.
	legs  map[round]step
	pages int
	quiet bool // keeps nothing more
}

// trailFormat changes when pages are written otherwise.
const trailFormat = 1

// errStale: Graph does not go on from where the last read stopped.
var errStale = errors.New("graph does not go on from where the last read stopped")

// resume takes in what is kept of a read that began at start: "" for a whole one,
// else a cursor. Pages that cannot be used are dropped; begin is called before the
// first page, and again where all begins anew.
func (r *reading) resume(ctx context.Context, start string, begin func(), take func(round, *gob.Decoder) error) error {
	begin()
	r.trail = trail{at: r.req.Checkpoint, legs: map[round]step{}}
	if r.trail.at == nil {
		return nil
	}
	err := r.load(ctx, start, func(s step, body *gob.Decoder) error {
		for _, link := range []string{s.Next, s.Delta} {
			if link != "" && !r.ours(link) {
				return errStale
			}
		}
		r.trail.legs[s.Round] = s
		r.trail.pages++
		return take(s.Round, body)
	})
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	begin()
	return r.drop(ctx)
}

// load gives the pages that are kept.
func (r *reading) load(ctx context.Context, start string, take func(step, *gob.Decoder) error) error {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %q %q", trailFormat, r.settings(), start))
	return r.trail.at.Load(ctx, hex.EncodeToString(sum[:12]), func(page []byte) error {
		var s step
		body := gob.NewDecoder(bytes.NewReader(page))
		if err := body.Decode(&s); err != nil {
			return fmt.Errorf("decode page: %w", err)
		}
		return take(s, body)
	})
}

// drop forgets what is kept, so that the read begins anew.
func (r *reading) drop(ctx context.Context) error {
	if r.trail.at == nil {
		return nil
	}
	r.trail.legs, r.trail.pages = map[round]step{}, 0
	return r.trail.at.Drop(ctx)
}

// goOn follows a query from where it is kept that it came to, or from the first
// request on, and returns the delta link. take gets each page that was not there yet
// with what keeps it.
func goOn[T any](ctx context.Context, r *reading, n round, first request, ask func(context.Context, request) (page[T], error), take func([]T, func(any)) error) (string, error) {
	leg := r.trail.legs[n]
	if leg.Delta != "" {
		return leg.Delta, nil
	}
	if leg.Next != "" {
		first = request{link: leg.Next, minimal: first.minimal}
	}
	var p page[T]
	asking := func(ctx context.Context, q request) (_ page[T], err error) {
		p, err = ask(ctx, q)
		return p, stale(err, leg.Next != "" && q.link == leg.Next)
	}
	keep := func(body any) { r.trail.keep(step{n, p.next, p.delta}, body) }
	return follow(ctx, r.session, first, asking, func(items []T) error { return take(items, keep) })
}

// stale marks an answer of no use to the first request of a read that goes on: where
// the last one stopped is then no place to go on from. Trouble on the way and with
// permissions is none of it.
func stale(err error, first bool) error {
	if first && errors.Is(err, source.ErrProtocol) {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	return err
}

// keep keeps a page. One that says neither where it goes on nor that it ends is
// about to end the read.
func (t *trail) keep(s step, body any) {
	if t.at == nil || t.quiet || s.Next == "" && s.Delta == "" {
		return
	}
	var b bytes.Buffer
	to := gob.NewEncoder(&b)
	if to.Encode(s) == nil && to.Encode(body) == nil { // writing to memory
		t.at.Save(b.Bytes())
	}
}

// pageUser is somebody of a page: one who is there, or the reason why not any more.
type pageUser struct {
	Entry   source.Entry
	Removed string
}

// notes is what a page of a round of changes told.
type notes struct {
	There   []string
	Removed map[string]string
}

func (t *told) take(n notes) {
	for _, id := range n.There {
		t.there[id] = true
	}
	maps.Copy(t.removed, n.Removed)
}

// wentOn ends the going on: what is asked from here is asked anew and not kept.
func (r *reading) wentOn() {
	r.trail.legs, r.trail.quiet = nil, true
	r.sum.Notes = append(r.sum.Notes, registry.Say("Went on where an earlier read was cut off: %d pages were not asked for again", r.trail.pages))
}

// recall gives the people of the pages that are kept, those of this read too. It asks
// first what changed since the first of them, so that a read that went on is no older
// than one that began now: of whom something newer was told is left to late and
// lateGroups. Until then nobody was given.
func (r *reading) recall(ctx context.Context, c *cursor, groups *gathering, late, lateGroups *told, removed map[string]string, give func(source.Entry) error) error {
	r.wentOn()
	err := r.rounds(ctx, c, late, lateGroups)
	if errors.Is(err, source.ErrProtocol) || errors.Is(err, source.ErrCursor) {
		return fmt.Errorf("%w: %w", errStale, err)
	}
	if err != nil {
		return err
	}
	groups.forget(lateGroups)
	if err := r.toldGroups(ctx, lateGroups, groups); err != nil {
		return err
	}
	r.giving()
	return stream(ctx, func(ctx context.Context, send func([]source.Entry) error) error {
		err := r.load(ctx, "", func(s step, body *gob.Decoder) error {
			if s.Round != ofUsers {
				return nil
			}
			var page []pageUser
			if err := body.Decode(&page); err != nil {
				return fmt.Errorf("decode people: %w", err)
			}
			page = slices.DeleteFunc(page, func(u pageUser) bool { return late.named(u.Entry.Anchor) })
			return send(r.entries(page, removed))
		})
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%w: %w", errStale, err)
		}
		return err
	}, give)
}
