package mail

import (
	"context"
	"net/mail"
	"sync"
	"time"
)

// defaultTimeout is how long one mail may take. RFC 5321 section 4.5.3.2 would
// let the last answer alone take ten minutes; a lease does not last that long.
const defaultTimeout = time.Minute

// fruitless is how many connections in a row may end without one accepted mail
// before a batch is given up.
const fruitless = 2

// Transport sends mails over connections that it keeps for the next batch. It
// is safe for concurrent use: each Send at work has a connection of its own.
type Transport struct {
	server  Server
	from    *mail.Address
	timeout time.Duration

	mu   sync.Mutex
	idle []*connection
}

// NewTransport makes a transport that sends as from. A timeout of 0 means one
// minute for each mail.
func NewTransport(server Server, from *mail.Address, timeout time.Duration) *Transport {
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	return &Transport{server: server, from: from, timeout: timeout}
}

// Send sends the mails one after the other over one connection and calls done
// exactly once for each, in order, as soon as its outcome is known; a false
// from done ends the batch. A connection that breaks is replaced, so that one
// mail on which a server hangs up does not stop the others; when two
// connections in a row carried nothing, the rest is NotTried.
func (t *Transport) Send(ctx context.Context, mails []Outgoing, done func(i int, o Outcome) bool) {
	var conn *connection
	var lost Outcome // why there is no connection
	misses, next := 0, 0
	for ; next < len(mails) && ctx.Err() == nil; next++ {
		if conn == nil && misses < fruitless {
			var err error
			if conn, err = t.connect(ctx); err != nil {
				lost, _ = judge(atConnect, err)
				misses = fruitless // a server that cannot be reached is not tried again at once
			}
		}
		if conn == nil {
			break
		}
		o, usable := conn.send(ctx, t.from, mails[next])
		if o.Status == Delivered {
			misses = 0
		}
		if !usable {
			conn.close()
			conn, lost = nil, o
			misses++
		}
		if !done(next, o) {
			next++
			break
		}
	}
	if ctx.Err() != nil {
		lost = Outcome{Text: describe(ctx.Err())}
	}
	lost.Status = NotTried
	for ; next < len(mails); next++ {
		if !done(next, lost) {
			break
		}
	}
	t.keep(conn)
}

// CloseIdle says goodbye on the connections that wait for another batch.
func (t *Transport) CloseIdle() {
	t.mu.Lock()
	idle := t.idle
	t.idle = nil
	t.mu.Unlock()
	for _, c := range idle {
		c.quit()
	}
}

func (t *Transport) keep(c *connection) {
	if c == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.idle = append(t.idle, c)
}

// connect takes a waiting connection that still answers, or makes a new one.
func (t *Transport) connect(ctx context.Context) (*connection, error) {
	for {
		t.mu.Lock()
		var c *connection
		if n := len(t.idle); n > 0 {
			c, t.idle = t.idle[n-1], t.idle[:n-1]
		}
		t.mu.Unlock()
		if c == nil {
			return dial(ctx, t.server, t.timeout)
		}
		if c.alive() {
			return c, nil
		}
		c.close()
	}
}
