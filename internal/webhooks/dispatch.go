package webhooks

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Defaults of a dispatcher.
const (
	defaultSlots   = 32
	defaultPerHook = 8
	// defaultLease is longer than a request may take: nobody else sends a delivery
	// while one of its requests runs.
	defaultLease = attemptTimeout + 10*time.Second
	defaultPoll  = time.Second
	// failingLong is how long everything has to fail until a webhook is disabled.
	failingLong = 5 * 24 * time.Hour
	// finishTimeout bounds the recording of an outcome, which goes on after a stop.
	finishTimeout = 10 * time.Second
)

// DispatcherConfig is what a Dispatcher needs. What has no default must be set.
type DispatcherConfig struct {
	Queue  Queue
	Sender *Sender
	Vault  *auth.Vault
	Now    func() time.Time
	// Random gives numbers in [0,1) to spread retries with. It is called from
	// several goroutines.
	Random func() float64
	// MessageID makes the Message-ID of a mail.
	MessageID func() string
	Log       *slog.Logger

	// Slots is how many requests run at once (default 32), PerHook how many of one
	// webhook (default 8), Lease how long a claim holds (default 30 s), Poll how
	// often an empty queue is looked at (default 1 s).
	Slots, PerHook int
	Lease, Poll    time.Duration
}

// Dispatcher sends what is due.
type Dispatcher struct {
	DispatcherConfig
	slots chan struct{} // full while a request runs
	// ended gets a word when a request has, for there may be another to make.
	ended chan struct{}
}

// NewDispatcher makes a Dispatcher.
func NewDispatcher(c DispatcherConfig) *Dispatcher {
	for _, d := range []struct {
		v *int
		d int
	}{{&c.Slots, defaultSlots}, {&c.PerHook, defaultPerHook}} {
		if *d.v == 0 {
			*d.v = d.d
		}
	}
	for _, d := range []struct{ v, d *time.Duration }{{&c.Lease, ptr(defaultLease)}, {&c.Poll, ptr(defaultPoll)}} {
		if *d.v == 0 {
			*d.v = *d.d
		}
	}
	return &Dispatcher{DispatcherConfig: c, slots: make(chan struct{}, c.Slots), ended: make(chan struct{}, 1)}
}

func ptr[T any](v T) *T { return &v }

// Run sends until the context ends, and returns when the last request has.
func (d *Dispatcher) Run(ctx context.Context) {
	var wg sync.WaitGroup
	defer d.Sender.CloseIdle()
	defer wg.Wait()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		case <-d.ended:
		}
		n, err := d.start(ctx, &wg)
		wait := time.Duration(0)
		switch {
		case err != nil && ctx.Err() == nil:
			d.Log.WarnContext(ctx, "look for webhook deliveries", "error", err)
			wait = 10 * d.Poll
		case n == 0:
			wait = d.Poll
		}
		pause.Reset(wait)
	}
}

// Drain sends what is due now, and returns when nothing is under way.
func (d *Dispatcher) Drain(ctx context.Context) error {
	var wg sync.WaitGroup
	for {
		n, err := d.start(ctx, &wg)
		if err != nil || n == 0 {
			wg.Wait()
			return err
		}
		wg.Wait()
	}
}

// start claims as much as there are free slots, begins to send it, and tells how
// much that was. It waits for the first slot.
func (d *Dispatcher) start(ctx context.Context, wg *sync.WaitGroup) (int, error) {
	free, err := d.take(ctx)
	if err != nil {
		return 0, err
	}
	due, err := d.Queue.Claim(ctx, free, d.PerHook, d.Lease)
	if err != nil {
		due = nil
		err = fmt.Errorf("claim webhook deliveries: %w", err)
	}
	for range free - len(due) {
		<-d.slots
	}
	for _, one := range due {
		wg.Go(func() {
			defer func() {
				<-d.slots
				select {
				case d.ended <- struct{}{}:
				default: // a word is enough
				}
			}()
			if _, err := d.deliver(ctx, one); err != nil {
				d.Log.ErrorContext(ctx, "deliver webhook", "delivery", one.PublicID, "error", err)
			}
		})
	}
	return len(due), err
}

// take takes every free slot, and at least one.
func (d *Dispatcher) take(ctx context.Context) (int, error) {
	select {
	case d.slots <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for n := 1; ; n++ {
		select {
		case d.slots <- struct{}{}:
		default:
			return n, nil
		}
	}
}

// deliver makes one request and records what came of it.
func (d *Dispatcher) deliver(ctx context.Context, due Due) (Result, error) {
	r := d.attempt(ctx, due)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTimeout)
	defer cancel()
	if err := d.Queue.Finish(ctx, r); err != nil {
		return r, fmt.Errorf("record delivery: %w", err)
	}
	return r, nil
}

// attempt makes one request and draws its consequences.
func (d *Dispatcher) attempt(ctx context.Context, due Due) Result {
	at := d.Now()
	signature, err := sign(d.Vault, &due.Hook, due.PublicID, at, due.Payload)
	r := Result{ID: due.ID, Claim: due.Claim, Company: due.Hook.Company, Webhook: due.Hook.ID}
	if err != nil { // another server key: nothing a receiver could do about it
		r.State, r.Message, r.At = registry.DeliveryFailed, registry.SaidOf(err), at
		return r
	}
	a := d.Sender.send(ctx, message{url: due.Hook.URL, id: due.PublicID, signature: signature, at: at, payload: due.Payload})
	r.At, r.Status, r.Message, r.Took = d.Now(), a.Status, a.Message, a.Took
	if ctx.Err() != nil && a.Status == 0 { // we broke it off
		r.State, r.NextTry = registry.DeliveryQueued, r.At
		return r
	}
	r.Attempted = true
	d.judge(&r, &due, a)
	return r
}

// judge says what follows from an answer.
func (d *Dispatcher) judge(r *Result, due *Due, a Answer) {
	if a.arrived() {
		r.State = registry.DeliveryDelivered
		return
	}
	since := due.Hook.FailingSince
	switch {
	case a.Status == http.StatusGone:
		r.Disable = registry.DisabledGone
	case !since.IsZero() && r.At.Sub(since) >= failingLong:
		r.Disable = registry.DisabledFailing
	}
	next, again := nextTry(r.At, due.Attempts+1, a.Wait, d.Random())
	r.State, r.NextTry = registry.DeliveryQueued, next
	if !again || r.Disable != "" || due.Event == registry.EventTest {
		r.State, r.NextTry = registry.DeliveryFailed, time.Time{}
	}
	if r.Disable != "" {
		r.Notice = disabledNotice(&due.Hook, r, d.MessageID())
	}
}

// disabledNotice is the mail about a webhook that was disabled.
func disabledNotice(hook *registry.Webhook, r *Result, id string) *registry.Notice {
	data := map[string]string{"Webhook": hook.Name, "URL": hook.URL, "Code": "webhook_" + r.Disable, "Reason": string(lastAnswer(r.Status, r.Message))}
	return &registry.Notice{Kind: registry.NoticeWebhookDisabled, Data: data, MessageID: id}
}

// lastAnswer is an answer in one line.
func lastAnswer(status int, message registry.Said) registry.Said {
	switch {
	case status == 0:
		return message
	case message == "":
		return registry.Verbatim(fmt.Sprintf("%d %s", status, http.StatusText(status)))
	}
	return registry.Say("%d: %s", status, message)
}
