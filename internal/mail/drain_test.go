package mail_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/mail"
	"github.com/usherd/usher/internal/mailcatcher"
)

// clock is a time that moves when told to.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// memoryQueue keeps mails as the store would, without leases running out.
type memoryQueue struct {
	clock *clock

	mu       sync.Mutex
	mails    []*queuedMail
	finishes [][]mail.Result
	fail     func(results []mail.Result) error
}

type queuedMail struct {
	mail.Queued
	due     time.Time
	claimed bool
	last    mail.Result
}

func (q *memoryQueue) add(n int, change func(i int, m *mail.Queued)) {
	for i := range n {
		id := int64(len(q.mails) + 1)
		m := mail.Queued{
			ID: id, Kind: mail.KindSetup, To: fmt.Sprintf("p%d@x.example", id), CompanyName: "Acme", CompanyKey: "acme",
			DisplayName: "Anna", UserName: fmt.Sprintf("p%d", id), MessageID: fmt.Sprintf("setup-%d@x", id),
			LinkUID: fmt.Sprintf("uid%d", id), LinkExpires: q.clock.Now().Add(7 * 24 * time.Hour), CreatedAt: q.clock.Now(),
		}
		if change != nil {
			change(i, &m)
		}
		q.mails = append(q.mails, &queuedMail{Queued: m, due: q.clock.Now(), last: mail.Result{ID: id}})
	}
}

func (q *memoryQueue) Claim(_ context.Context, n int, _ time.Duration) ([]mail.Queued, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []mail.Queued
	for _, m := range q.mails {
		if len(out) < n && !m.claimed && !m.due.After(q.clock.Now()) {
			m.claimed = true
			out = append(out, m.Queued)
		}
	}
	return out, nil
}

// Finish refuses who was told to stop, as a database does.
func (q *memoryQueue) Finish(ctx context.Context, results []mail.Result) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail != nil {
		if err := q.fail(results); err != nil {
			return err
		}
	}
	q.finishes = append(q.finishes, results)
	for _, r := range results {
		m := q.mails[r.ID-1]
		if !m.claimed {
			return fmt.Errorf("mail %d finished without a claim", r.ID)
		}
		if r.Attempted {
			m.Attempts++
		}
		m.last = r
		if r.State == mail.StateRetry {
			m.claimed, m.due = false, r.NextTry
		}
	}
	return nil
}

func (q *memoryQueue) states() map[mail.State]int {
	q.mu.Lock()
	defer q.mu.Unlock()
	out := map[mail.State]int{}
	for _, m := range q.mails {
		out[m.last.State]++
	}
	return out
}

func newDrainer(t *testing.T, q *memoryQueue, s mail.Sender, change func(*mail.DrainerConfig)) *mail.Drainer {
	t.Helper()
	c := mail.DrainerConfig{
		Queue: q, Sender: s, Renderer: newRenderer(t), Now: q.clock.Now,
		Random:  func() float64 { return 0.5 },
		LinkURL: func(m mail.Queued) string { return "https://people.example.com/setup/" + m.LinkUID },
	}
	if change != nil {
		change(&c)
	}
	return mail.NewDrainer(c)
}

func drain(t *testing.T, d *mail.Drainer) mail.Stats {
	t.Helper()
	stats, err := d.Drain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

func TestThousandMailsOverTwoConnections(t *testing.T) {
	q := &memoryQueue{clock: newClock()}
	q.add(1000, nil)
	c := start(t, mailcatcher.Options{})
	stats := drain(t, newDrainer(t, q, transport(t, c), nil))
	if stats.Sent != 1000 || len(c.Messages()) != 1000 || q.states()[mail.StateSent] != 1000 {
		t.Errorf("%+v, %d arrived", stats, len(c.Messages()))
	}
	if c.Connections() > 2 {
		t.Errorf("%d connections", c.Connections())
	}
	seen := map[string]bool{}
	for _, m := range c.Messages() {
		id := strings.TrimSuffix(strings.TrimPrefix(m.Header("Message-Id"), "<setup-"), "@x>")
		if seen[id] || m.To[0] != "p"+id+"@x.example" || !strings.Contains(m.Text, "/setup/uid"+id+"\r\n") {
			t.Errorf("mail %s to %s is wrong or came twice", id, m.To[0])
		}
		seen[id] = true
	}
}

// An accepted mail is on record before the next one goes out.
func TestEachDeliveryIsRecordedAtOnce(t *testing.T) {
	q := &memoryQueue{clock: newClock()}
	q.add(5, nil)
	broken := errors.New("database is gone")
	q.fail = func(results []mail.Result) error {
		if results[0].ID == 3 {
			return broken
		}
		return nil
	}
	c := start(t, mailcatcher.Options{})
	d := newDrainer(t, q, transport(t, c), func(c *mail.DrainerConfig) { c.Connections = 1 })
	stats, err := d.Drain(t.Context())
	if !errors.Is(err, broken) || stats.Sent != 2 {
		t.Errorf("%+v, %v", stats, err)
	}
	if got := len(c.Messages()); got != 3 {
		t.Errorf("%d mails went out, want the two recorded and the one in between", got)
	}
}

func TestOneBadMailFailsAlone(t *testing.T) {
	q := &memoryQueue{clock: newClock()}
	q.add(6, func(i int, m *mail.Queued) {
		switch i {
		case 0:
			m.Kind = "lottery"
		case 1:
			m.LinkUID = "" // a set-up mail without its link
		case 2:
			m.Stale = "the person was deactivated"
		case 3:
			m.LinkExpires = q.clock.Now()
		case 4:
			m.To = "nobody@x.example"
		}
	})
	c := start(t, mailcatcher.Options{Script: func(s mailcatcher.Step) mailcatcher.Action {
		if s.Stage == mailcatcher.StageRcpt && s.To == "nobody@x.example" {
			return mailcatcher.Action{Code: 550, Enhanced: [3]int{5, 1, 1}, Text: "No such user"}
		}
		return mailcatcher.Action{}
	}})
	drain(t, newDrainer(t, q, transport(t, c), nil))
	for i, want := range []struct {
		state     mail.State
		attempted bool
		text      string
	}{
		{mail.StateFailed, false, `unknown kind "lottery"`},
		{mail.StateFailed, false, "not a web address"},
		{mail.StateCancelled, false, "the person was deactivated"},
		{mail.StateCancelled, false, "expired"},
		{mail.StateFailed, true, "5.1.1 No such user"},
		{mail.StateSent, true, "queued"},
	} {
		r := q.mails[i].last
		if r.State != want.state || r.Attempted != want.attempted || !strings.Contains(r.Text.String(), want.text) || r.At.IsZero() {
			t.Errorf("mail %d: %+v, want %+v", i, r, want)
		}
	}
	if len(c.Messages()) != 1 {
		t.Errorf("%d mails arrived", len(c.Messages()))
	}
}

func TestBackOffUntilGivenUp(t *testing.T) {
	q := &memoryQueue{clock: newClock()}
	q.add(1, nil)
	begin := q.clock.Now()
	c := start(t, mailcatcher.Options{Script: func(s mailcatcher.Step) mailcatcher.Action {
		if s.Stage == mailcatcher.StageRcpt {
			return mailcatcher.Action{Code: 450, Enhanced: [3]int{4, 2, 1}, Text: "Busy"}
		}
		return mailcatcher.Action{}
	}})
	d := newDrainer(t, q, transport(t, c), nil)
	var waits []time.Duration
	for range 100 {
		drain(t, d)
		last := q.mails[0].last
		if last.State != mail.StateRetry {
			break
		}
		waits = append(waits, last.NextTry.Sub(q.clock.Now()))
		q.clock.Advance(last.NextTry.Sub(q.clock.Now()))
	}
	want := []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 6 * time.Hour}
	if len(waits) < 7 || !slices.Equal(waits[:7], want) {
		t.Errorf("waits %v", waits)
	}
	last := q.mails[0].last
	if last.State != mail.StateFailed || last.Text.String() != "given up: 4.2.1 Busy" || last.Code != 450 {
		t.Errorf("%+v", last)
	}
	if age := q.clock.Now().Sub(begin); age < 60*time.Hour || age > 72*time.Hour {
		t.Errorf("given up after %v", age)
	}
}

func TestNoRetryBeyondTheLink(t *testing.T) {
	q := &memoryQueue{clock: newClock()}
	q.add(1, func(_ int, m *mail.Queued) { m.Kind, m.LinkExpires = mail.KindReset, q.clock.Now().Add(3*time.Minute) })
	c := start(t, mailcatcher.Options{Script: func(s mailcatcher.Step) mailcatcher.Action {
		return mailcatcher.Action{Hangup: s.Stage == mailcatcher.StageData}
	}})
	d := newDrainer(t, q, transport(t, c), nil)
	drain(t, d)
	q.clock.Advance(time.Minute)
	drain(t, d)
	if r := q.mails[0].last; r.State != mail.StateFailed || q.mails[0].Attempts != 2 {
		t.Errorf("%+v after %d attempts", r, q.mails[0].Attempts)
	}
}

// A server that is down costs no mail an attempt, is not hammered, and gets
// everything once it is back.
func TestServerDownForAWhile(t *testing.T) {
	q := &memoryQueue{clock: newClock()}
	q.add(200, nil)
	var down sync.Map
	down.Store("is", true)
	c := start(t, mailcatcher.Options{Script: func(s mailcatcher.Step) mailcatcher.Action {
		_, is := down.Load("is")
		if is && s.Stage == mailcatcher.StageHello {
			return mailcatcher.Action{Code: 421, Enhanced: [3]int{4, 3, 2}, Text: "Going down", Hangup: true}
		}
		return mailcatcher.Action{}
	}})
	d := newDrainer(t, q, transport(t, c), nil)
	stats := drain(t, d)
	if !strings.Contains(stats.Trouble, "4.3.2 Going down") || stats.Retried != 50 || c.Connections() > 2 {
		t.Errorf("%+v over %d connections", stats, c.Connections())
	}
	down.Delete("is")
	q.clock.Advance(2 * time.Minute)
	if stats = drain(t, d); stats.Sent != 200 || stats.Trouble != "" {
		t.Errorf("%+v", stats)
	}
	for _, m := range q.mails {
		if m.Attempts != 1 {
			t.Errorf("mail %d: %d attempts", m.ID, m.Attempts)
		}
	}
}

func TestRateLimit(t *testing.T) {
	q := &memoryQueue{clock: newClock()}
	q.add(100, nil)
	c := start(t, mailcatcher.Options{})
	d := newDrainer(t, q, transport(t, c), func(c *mail.DrainerConfig) { c.PerMinute = 30 })
	if stats := drain(t, d); stats.Sent != 30 || stats.Again != 2*time.Second {
		t.Errorf("first: %+v", stats)
	}
	q.clock.Advance(20 * time.Second)
	if stats := drain(t, d); stats.Sent != 10 {
		t.Errorf("after 20 seconds: %+v", stats)
	}
	q.clock.Advance(time.Hour)
	if stats := drain(t, d); stats.Sent != 30 {
		t.Errorf("after an hour: %+v", stats)
	}
}

func TestStopReturnsWhatWasNotSent(t *testing.T) {
	q := &memoryQueue{clock: newClock()}
	q.add(40, nil)
	ctx, cancel := context.WithCancel(t.Context())
	c := start(t, mailcatcher.Options{Script: func(s mailcatcher.Step) mailcatcher.Action {
		if s.To == "p5@x.example" {
			cancel()
		}
		return mailcatcher.Action{}
	}})
	d := newDrainer(t, q, transport(t, c), func(c *mail.DrainerConfig) { c.Connections = 1 })
	stats, err := d.Drain(ctx)
	if err != nil || stats.Sent != 5 || stats.Retried != 35 || len(c.Messages()) != 5 {
		t.Errorf("%+v, %v, %d arrived", stats, err, len(c.Messages()))
	}
}
