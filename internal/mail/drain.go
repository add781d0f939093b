package mail

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/usherd/usher/internal/registry"
)

// Defaults of a drainer.
const (
	defaultBatch       = 50
	defaultConnections = 2
	defaultLease       = 10 * time.Minute
	defaultGiveUp      = 72 * time.Hour
	// finishTimeout bounds the recording of outcomes, which goes on after a
	// stop: what was sent must be written down.
	finishTimeout = 15 * time.Second
)

// Sender gets mails to a mail server; Transport is the real one.
type Sender interface {
	// Send calls done once for each mail, in order, as its outcome is known; a
	// false from done ends the batch.
	Send(ctx context.Context, mails []Outgoing, done func(i int, o Outcome) bool)
	// CloseIdle ends connections kept for a next batch.
	CloseIdle()
}

// DrainerConfig is what a drainer needs. Queue, Sender, Renderer, LinkURL, Now
// and Random must be given.
type DrainerConfig struct {
	Queue    Queue
	Sender   Sender
	Renderer *Renderer
	// LinkURL makes the address of a mail's link; it is asked only for mails
	// that have one.
	LinkURL func(Queued) string
	// PageURL makes the address of a page of ours that a mail's data name as Page;
	// without it such mails have no button.
	PageURL func(path string) string
	// House stands in for the company's name where that is not to be shown.
	House string
	Now   func() time.Time
	// Random gives numbers in [0,1) to spread retries with. It is called from
	// several goroutines.
	Random func() float64

	// Batch is how many mails are claimed at once (default 50), Connections how
	// many are used side by side (default 2), Lease how long a claim holds
	// (default 10 minutes).
	Batch, Connections int
	Lease              time.Duration
	// PerMinute caps the mails sent by this process in a minute, all of which
	// may go at once; 0 is no cap.
	PerMinute int
	// GiveUp is how old a mail may get before it is no longer tried (default 3
	// days).
	GiveUp time.Duration
}

// Drainer works the mail queue off.
type Drainer struct {
	DrainerConfig
	limiter *rate.Limiter
	mu      sync.Mutex // one Drain at a time keeps to one set of connections
}

// NewDrainer fills in the defaults.
func NewDrainer(c DrainerConfig) *Drainer {
	if c.Batch <= 0 {
		c.Batch = defaultBatch
	}
	if c.Connections <= 0 {
		c.Connections = defaultConnections
	}
	if c.Lease <= 0 {
		c.Lease = defaultLease
	}
	if c.GiveUp <= 0 {
		c.GiveUp = defaultGiveUp
	}
	d := &Drainer{DrainerConfig: c, limiter: rate.NewLimiter(rate.Inf, 0)}
	if c.PerMinute > 0 {
		d.limiter = rate.NewLimiter(rate.Limit(float64(c.PerMinute)/60), c.PerMinute)
	}
	return d
}

// Drain sends what is due until nothing is, the rate limit is reached, the mail
// server fails or ctx ends. Trouble with single mails or with the mail server
// is no error; an error is the queue's.
func (d *Drainer) Drain(ctx context.Context) (Stats, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	defer d.Sender.CloseIdle()
	var stats Stats
	for ctx.Err() == nil && stats.Trouble == "" {
		n, wait := d.allowance()
		if n == 0 {
			stats.Again = wait
			break
		}
		claimed, err := d.Queue.Claim(ctx, n, d.Lease)
		if err != nil {
			return stats, fmt.Errorf("claim mails: %w", err)
		}
		if err := d.batch(ctx, claimed, &stats); err != nil {
			return stats, err
		}
		if len(claimed) < n {
			break
		}
	}
	return stats, nil
}

// allowance is how many mails may be claimed now, or how long to wait for one.
func (d *Drainer) allowance() (int, time.Duration) {
	if d.limiter.Limit() == rate.Inf {
		return d.Batch, 0
	}
	tokens := d.limiter.TokensAt(d.Now())
	if tokens < 1 {
		return 0, time.Duration((1 - tokens) / float64(d.limiter.Limit()) * float64(time.Second))
	}
	return min(d.Batch, int(tokens)), 0
}

// letter is a claimed mail with its rendering.
type letter struct {
	queued   Queued
	outgoing Outgoing
}

// batch renders and sends claimed mails and records what became of each.
func (d *Drainer) batch(ctx context.Context, claimed []Queued, stats *Stats) error {
	letters, settled := d.prepare(claimed)
	if err := d.finish(ctx, settled, stats); err != nil {
		return err
	}
	d.limiter.AllowN(d.Now(), len(letters))
	// Whatever has not had its turn when the lease nears its end goes back.
	ctx, cancel := context.WithTimeout(ctx, d.Lease*3/4)
	defer cancel()
	lanes := split(letters, d.Connections)
	sums, errs := make([]Stats, len(lanes)), make([]error, len(lanes))
	var wg sync.WaitGroup
	for i, lane := range lanes {
		wg.Go(func() { errs[i] = d.lane(ctx, lane, &sums[i]) })
	}
	wg.Wait()
	for _, s := range sums {
		stats.add(s)
	}
	return errors.Join(errs...)
}

// prepare renders what is still worth sending; the rest is settled at once.
func (d *Drainer) prepare(claimed []Queued) (letters []letter, settled []Result) {
	for _, q := range claimed {
		now := d.Now()
		if why := notWorthSending(q, now); why != "" {
			settled = append(settled, Result{ID: q.ID, State: StateCancelled, Text: why, At: now})
			continue
		}
		content, err := d.render(q)
		if err != nil {
			settled = append(settled, Result{ID: q.ID, State: StateFailed, Text: registry.SaidOf(err), At: now})
			continue
		}
		letters = append(letters, letter{q, Outgoing{To: q.To, MessageID: q.MessageID, Date: now, Content: content}})
	}
	return letters, settled
}

func (d *Drainer) render(q Queued) (Content, error) {
	m := Message{
		Kind: q.Kind, Locale: q.Locale, CompanyLocale: q.CompanyLocale, CompanyName: q.CompanyName,
		DisplayName: q.DisplayName, UserName: q.UserName, Expires: q.LinkExpires, At: q.CreatedAt, Data: q.Data,
	}
	if m.CompanyName == "" {
		m.CompanyName = d.House
	}
	if page := q.Data["Page"]; page != "" && d.PageURL != nil {
		m.URL = d.PageURL(page)
	}
	if q.LinkUID != "" {
		m.URL = d.LinkURL(q)
	}
	return d.Renderer.Render(m)
}

// lane sends mails over one connection. Each accepted one is recorded before
// the next is sent, so that a crash can repeat no more than one; the others can
// wait and are recorded together.
func (d *Drainer) lane(ctx context.Context, letters []letter, stats *Stats) error {
	outgoing := make([]Outgoing, len(letters))
	for i, l := range letters {
		outgoing[i] = l.outgoing
	}
	var others []Result
	var failure error
	d.Sender.Send(ctx, outgoing, func(i int, o Outcome) bool {
		r := resultOf(letters[i].queued, o, d.Now(), d.GiveUp, d.Random())
		if o.Status == NotTried {
			stats.Trouble = o.Text.String()
		}
		if o.Status != Delivered {
			others = append(others, r)
			return true
		}
		failure = d.finish(ctx, []Result{r}, stats)
		return failure == nil
	})
	return errors.Join(failure, d.finish(ctx, others, stats))
}

// finish records results, also when we were told to stop in the meantime.
func (d *Drainer) finish(ctx context.Context, results []Result, stats *Stats) error {
	if len(results) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if err := d.Queue.Finish(ctx, results); err != nil {
		return fmt.Errorf("record the outcome of %d mails: %w", len(results), err)
	}
	stats.count(results)
	return nil
}

// split deals letters into at most n lanes of nearly the same length.
func split(letters []letter, n int) [][]letter {
	n = min(n, len(letters))
	lanes := make([][]letter, 0, n)
	for i := range n {
		lanes = append(lanes, letters[i*len(letters)/n:(i+1)*len(letters)/n])
	}
	return lanes
}
