package ldap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
	"unsafe"
)

// maxMessage is the largest message accepted, in bytes. A group of a million
// members with long names is about 100 MB.
const maxMessage = 256 << 20

// errTooLarge: a message is larger than maxMessage.
var errTooLarge = errors.New("LDAP message too large")

// tap is a connection that takes the search entries out of what go-ldap would
// otherwise read: Read gives every other message unchanged. It also is where
// the idle time-out lives, because go-ldap's own counts the whole request, the
// consumer's work included.
type tap struct {
	net.Conn
	in   *bufio.Reader
	idle time.Duration
	dec  decoder

	buf     []byte // the present message
	pending []byte // what of it go-ldap has yet to read

	mu     sync.Mutex
	sink   func(rawEntry) error // nil while no listing is under way
	active bool                 // a request is unanswered
	err    error                // why reading ended
}

func newTap(c net.Conn, idle time.Duration) *tap {
	return &tap{Conn: c, in: bufio.NewReaderSize(c, 1<<16), idle: idle}
}

// begin opens a request: entries go to sink, which runs on the connection's
// reading goroutine, and silence longer than the idle time ends the connection.
// A nil sink leaves entries to go-ldap.
func (t *tap) begin(sink func(rawEntry) error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sink, t.active = sink, true
	_ = t.Conn.SetDeadline(time.Now().Add(t.idle)) //nolint:forbidigo // a socket deadline is wall-clock time
}

// end closes the request and returns the error that ended reading, if any.
func (t *tap) end() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sink, t.active = nil, false
	_ = t.Conn.SetDeadline(time.Time{})
	return t.err
}

// renew pushes the idle deadline on while a request is unanswered.
func (t *tap) renew() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.active {
		_ = t.Conn.SetDeadline(time.Now().Add(t.idle)) //nolint:forbidigo // as above
	}
}

// Read gives go-ldap the next bytes that are not search entries.
func (t *tap) Read(p []byte) (int, error) {
	for len(t.pending) == 0 {
		if err := t.next(); err != nil {
			t.mu.Lock()
			if t.err == nil {
				t.err = err
			}
			t.mu.Unlock()
			return 0, err
		}
	}
	n := copy(p, t.pending)
	t.pending = t.pending[n:]
	return n, nil
}

// next reads one message and either decodes it or leaves it pending.
func (t *tap) next() error {
	t.renew()
	if err := t.message(); err != nil {
		return err
	}
	t.mu.Lock()
	sink := t.sink
	t.mu.Unlock()
	if sink == nil {
		t.pending = t.buf
		return nil
	}
	// Looking at the tag needs no copy; the view does not outlive this call.
	tag, pos, err := operation(unsafe.String(unsafe.SliceData(t.buf), len(t.buf)))
	if err != nil {
		return err
	}
	if tag != tagSearchEntry {
		t.pending = t.buf
		return nil
	}
	entry, err := t.dec.entry(string(t.buf), pos)
	if err != nil {
		return err
	}
	return sink(entry)
}

// message reads one whole message into buf.
func (t *tap) message() error {
	head, err := t.in.Peek(2)
	if err != nil {
		return err
	}
	if head[0] != tagSequence {
		return fmt.Errorf("%w: it starts with %#x", errMalformed, head[0])
	}
	size, length := 2, int(head[1])
	if length >= 0x80 {
		octets := length & 0x7f
		if octets == 0 || octets > 4 {
			return fmt.Errorf("%w: impossible length", errMalformed)
		}
		size += octets
		if head, err = t.in.Peek(size); err != nil {
			return err
		}
		length = 0
		for _, b := range head[2:] {
			length = length<<8 | int(b)
		}
	}
	if length > maxMessage {
		return fmt.Errorf("%w: %d bytes, at most %d are accepted", errTooLarge, length, maxMessage)
	}
	return t.fill(size + length)
}

// fill reads n bytes into buf. It grows buf as bytes arrive, so that a length
// that is a lie costs no memory, and renews the deadline as it goes, so that a
// large message on a slow line is not taken for silence.
func (t *tap) fill(n int) error {
	const step = 1 << 20
	if cap(t.buf) > step && n < step {
		t.buf = nil // one huge group must not stay in memory for the whole read
	}
	t.buf = t.buf[:0]
	for len(t.buf) < n {
		have := len(t.buf)
		want := min(n, have+step)
		if want > cap(t.buf) {
			grown := make([]byte, have, min(n, max(want, 2*cap(t.buf))))
			copy(grown, t.buf)
			t.buf = grown
		}
		t.buf = t.buf[:want]
		if _, err := io.ReadFull(t.in, t.buf[have:want]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		if want < n {
			t.renew()
		}
	}
	return nil
}
