package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// client is one keep-alive connection that speaks as little HTTP as it takes: it
// shares the machine with the server, and what it costs the server lacks.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	head string
	out  bytes.Buffer
}

func dial(addr, token string) (*client, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, in: bufio.NewReaderSize(conn, 32<<10), head: " HTTP/1.1\r\nHost: " + addr + "\r\nAuthorization: Bearer " + token + "\r\n"}, nil
}

// request is what is sent; a body is sent as application/scim+json.
type request struct {
	method, path string
	body         []byte
}

// do sends a request and reads the answer to its end. It tells the status and
// how long the body was, and keeps the body of a failure.
func (c *client) do(r request) (status int, size int64, failure string, err error) {
	c.out.Reset()
	c.out.WriteString(r.method + " /scim/v2" + r.path + c.head)
	if r.body != nil {
		c.out.WriteString("Content-Type: application/scim+json\r\nContent-Length: " + strconv.Itoa(len(r.body)) + "\r\n")
	}
	c.out.WriteString("\r\n")
	c.out.Write(r.body)
	if _, err := c.conn.Write(c.out.Bytes()); err != nil {
		return 0, 0, "", err
	}
	status, length, err := c.readHead()
	if err != nil {
		return 0, 0, "", err
	}
	sink := io.Discard
	var kept bytes.Buffer
	if status >= 400 {
		sink = &kept
	}
	if length >= 0 {
		size, err = io.CopyN(sink, c.in, length)
	} else {
		size, err = c.readChunks(sink)
	}
	return status, size, kept.String(), err
}

// readHead reads up to the body. A length of -1 is a body in chunks.
func (c *client) readHead() (status int, length int64, err error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("answered %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, fmt.Errorf("answered %q", line)
	}
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return 0, 0, err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = textproto.TrimBytes(value); {
		case len(textproto.TrimBytes(line)) == 0:
			return status, length, nil
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil {
				return 0, 0, err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			length = -1
		}
	}
}

// readChunks reads a body in chunks (RFC 9112 section 7.1).
func (c *client) readChunks(to io.Writer) (sum int64, err error) {
	for {
		line, err := c.in.ReadSlice('\n')
		if err != nil {
			return sum, err
		}
		size, err := strconv.ParseInt(string(textproto.TrimBytes(line)), 16, 64)
		if err != nil {
			return sum, err
		}
		if size > 0 {
			if _, err := io.CopyN(to, c.in, size); err != nil {
				return sum, err
			}
		}
		if _, err := c.in.Discard(2); err != nil || size == 0 {
			return sum, err
		}
		sum += size
	}
}

// clients is how many ask at once.
const clients = 8

// load has all clients ask for the length of a window, after a short while to
// warm up, and tells how many answers came in a second. next makes the n-th
// request of a client; another status than want is an error.
func load(addr, token string, window time.Duration, want int, next func(client, n int) request) (float64, error) {
	var counted atomic.Int64
	var stop, count atomic.Bool
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		c, err := dial(addr, token)
		if err != nil {
			return 0, err
		}
		wg.Go(func() {
			defer func() { _ = c.conn.Close() }()
			for n := 0; !stop.Load(); n++ {
				r := next(i, n)
				status, _, failure, err := c.do(r)
				if err == nil && status != want {
					err = fmt.Errorf("%s %s answered %d: %s", r.method, r.path, status, failure)
				}
				if err != nil {
					errs[i] = err
					return
				}
				if count.Load() {
					counted.Add(1)
				}
			}
		})
	}
	<-time.After(window / 4)
	begin := time.Now()
	count.Store(true)
	<-time.After(window)
	count.Store(false)
	took := time.Since(begin)
	stop.Store(true)
	wg.Wait()
	return float64(counted.Load()) / took.Seconds(), errors.Join(errs...)
}
