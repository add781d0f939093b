package mailcatcher

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emersion/go-smtp"
)

// Limits of one catcher.
const (
	defaultKeep     = 5000
	maxMessageBytes = 10 << 20
	idleTimeout     = 2 * time.Minute
)

// Options say how a catcher behaves. The zero value is a plain server that
// accepts everything.
type Options struct {
	// TLS offers STARTTLS with this certificate, or, with ImplicitTLS, speaks
	// TLS from the first byte.
	TLS         *tls.Config
	ImplicitTLS bool
	// User and Password, when set, must be given (AUTH PLAIN or LOGIN) before
	// MAIL. AUTH is offered without TLS too, so that tests can see what a
	// client does then.
	User, Password string
	// SMTPUTF8 announces support for international addresses (RFC 6531).
	SMTPUTF8 bool
	// Keep is how many messages stay in memory: the oldest make room for the
	// newest. 0 means 5,000.
	Keep int
	// Now gives the time of arrival; nil means time.Now.
	Now func() time.Time
	// Script decides about each step of a conversation; nil accepts all. It is
	// called from several goroutines.
	Script func(Step) Action
}

// Catcher is a running SMTP server with its caught messages.
type Catcher struct {
	opts   Options
	addr   net.Addr
	server *smtp.Server
	served chan error
	conns  *countingListener

	mu      sync.Mutex
	caught  []Message
	nextID  int
	changed chan struct{} // closed and replaced at each new message
}

// Start serves SMTP on l until Close. It owns l from then on.
func Start(l net.Listener, opts Options) *Catcher {
	if opts.Keep <= 0 {
		opts.Keep = defaultKeep
	}
	if opts.Now == nil {
		opts.Now = time.Now //nolint:forbidigo // whoever gives no clock wants the real one
	}
	c := &Catcher{opts: opts, addr: l.Addr(), served: make(chan error, 1), changed: make(chan struct{})}
	s := smtp.NewServer(smtp.BackendFunc(c.newSession))
	s.Domain = "mailcatcher.localhost"
	s.MaxMessageBytes = maxMessageBytes
	s.AllowInsecureAuth = true
	s.EnableSMTPUTF8 = opts.SMTPUTF8
	s.ReadTimeout, s.WriteTimeout = idleTimeout, idleTimeout
	s.ErrorLog = silence{}
	c.conns = &countingListener{Listener: l, open: map[*numberedConn]struct{}{}}
	l = c.conns
	if opts.ImplicitTLS {
		l = tls.NewListener(l, opts.TLS)
	} else {
		s.TLSConfig = opts.TLS
	}
	c.server = s
	go func() { c.served <- s.Serve(l) }()
	return c
}

// Addr is the address the catcher listens on.
func (c *Catcher) Addr() string { return c.addr.String() }

// Close stops listening and drops every connection. Caught messages stay
// readable.
func (c *Catcher) Close() error {
	err := c.server.Close()
	if errors.Is(err, smtp.ErrServerClosed) {
		return nil
	}
	// The server knows the listener only once Serve has begun, which may still be
	// ahead of us.
	_ = c.conns.Close()
	if serr := <-c.served; err == nil && serr != nil && !errors.Is(serr, net.ErrClosed) {
		err = serr
	}
	if err != nil {
		return fmt.Errorf("close mail catcher: %w", err)
	}
	return nil
}

// Connections is the number of TCP connections accepted so far.
func (c *Catcher) Connections() int { return int(c.conns.n.Load()) }

// DropConnections closes every open connection without a word, as a server that
// was restarted would.
func (c *Catcher) DropConnections() { c.conns.drop() }

// Messages returns what was caught, oldest first.
func (c *Catcher) Messages() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.caught)
}

// Message finds a caught message by its number.
func (c *Catcher) Message(id int) (Message, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	i, ok := slices.BinarySearchFunc(c.caught, id, func(m Message, id int) int { return m.ID - id })
	if !ok {
		return Message{}, false
	}
	return c.caught[i], true
}

// Wait returns the caught messages as soon as enough says they are enough. It
// is woken by each arrival and fails with what it has when ctx ends.
func (c *Catcher) Wait(ctx context.Context, enough func([]Message) bool) ([]Message, error) {
	for {
		c.mu.Lock()
		have, changed := slices.Clone(c.caught), c.changed
		c.mu.Unlock()
		if enough(have) {
			return have, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return have, fmt.Errorf("wait for mail, %d caught: %w", len(have), ctx.Err())
		}
	}
}

// AtLeast is the usual condition for Wait: n messages or more.
func AtLeast(n int) func([]Message) bool {
	return func(m []Message) bool { return len(m) >= n }
}

// keep stores a message and wakes those who wait.
func (c *Catcher) keep(m Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nextID++
	m.ID, m.At = c.nextID, c.opts.Now()
	if over := len(c.caught) - c.opts.Keep + 1; over > 0 {
		c.caught = slices.Delete(c.caught, 0, over)
	}
	c.caught = append(c.caught, m)
	close(c.changed)
	c.changed = make(chan struct{})
}

// countingListener numbers the connections it accepts and knows those that are
// open.
type countingListener struct {
	net.Listener
	n    atomic.Int64
	mu   sync.Mutex
	open map[*numberedConn]struct{}
}

func (l *countingListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &numberedConn{Conn: conn, listener: l, number: int(l.n.Add(1))}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[c] = struct{}{}
	return c, nil
}

// drop closes the open connections from this side.
func (l *countingListener) drop() {
	l.mu.Lock()
	open := slices.Collect(maps.Keys(l.open))
	l.mu.Unlock()
	for _, c := range open {
		_ = c.Close()
	}
}

type numberedConn struct {
	net.Conn
	listener *countingListener
	number   int
}

func (c *numberedConn) Close() error {
	c.listener.mu.Lock()
	delete(c.listener.open, c)
	c.listener.mu.Unlock()
	return c.Conn.Close()
}

// numberOf finds a connection's number, through TLS if need be.
func numberOf(conn net.Conn) int {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	if n, ok := conn.(*numberedConn); ok {
		return n.number
	}
	return 0
}

// silence is the library's log: broken conversations are this server's daily
// bread, and the tests that cause them look at the client's side.
type silence struct{}

// Printf implements smtp.Logger.
func (silence) Printf(string, ...any) {}

// Println implements smtp.Logger.
func (silence) Println(...any) {}
