// Package tcpfault stands between a client and a server and breaks their
// connection at a chosen place: after so many bytes of the server's answer, by
// silence, by a reset, or by refusing to connect. Tests use it to cut a listing
// in the middle of a page or of a message.
//
// It owns only bytes; it knows no protocol.
package tcpfault

import (
	"io"
	"net"
	"sync"
)

// Action is what happens once the limit is reached.
type Action uint8

const (
	// Close ends the connection in good order (FIN), as a server does that
	// stops.
	Close Action = iota
	// Reset ends it with a reset (RST), as a crashed machine does.
	Reset
	// Stall keeps it open and passes nothing further on.
	Stall
)

// Proxy is a listening proxy. Its settings count for connections made after
// they are set.
type Proxy struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	after  int64 // bytes of answers to let through; negative for no limit
	action Action
	seen   int64 // bytes of answers let through on the latest connection
	total  int   // connections so far
	conns  map[net.Conn]bool
	wait   sync.WaitGroup
	broke  chan struct{} // closed when a connection reached the limit
}

// Start listens on a free loopback port and forwards to target (host:port)
// without faults until Break is called.
func Start(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, target: target, after: -1, conns: map[net.Conn]bool{}, broke: make(chan struct{})}
	p.wait.Go(p.accept)
	return p, nil
}

// Addr is the proxy's host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Break makes each further connection suffer the action after that many bytes
// from the server. A negative number heals.
func (p *Proxy) Break(after int64, action Action) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.after, p.action, p.broke = after, action, make(chan struct{})
}

// Broke is closed when a connection has reached the limit set by the last
// Break.
func (p *Proxy) Broke() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.broke
}

// Seen is how many bytes of answers the latest connection let through.
func (p *Proxy) Seen() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// Connections is how many connections were made.
func (p *Proxy) Connections() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}

// Close ends everything and waits for it.
func (p *Proxy) Close() {
	_ = p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	p.wait.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wait.Go(func() { p.serve(client) })
	}
}

// track remembers a connection for Close.
func (p *Proxy) track(c net.Conn, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if open {
		p.conns[c] = true
		return
	}
	delete(p.conns, c)
	_ = c.Close()
}

// serve forwards one connection until it breaks or ends.
func (p *Proxy) serve(client net.Conn) {
	p.track(client, true)
	defer p.track(client, false)
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		return
	}
	p.track(server, true)
	defer p.track(server, false)
	p.mu.Lock()
	after, action, broke := p.after, p.action, p.broke
	p.seen, p.total = 0, p.total+1
	p.mu.Unlock()
	up := make(chan struct{})
	p.wait.Go(func() {
		defer close(up)
		_, _ = io.Copy(server, client)
		_ = server.Close()
	})
	if p.answers(client, server, after) {
		p.once(broke)
		switch action {
		case Stall:
			<-up // until the client gives up, or Close
		case Reset:
			if tcp, ok := client.(*net.TCPConn); ok {
				_ = tcp.SetLinger(0)
			}
		case Close:
		}
	}
}

// once closes a channel that another connection may have closed already.
func (p *Proxy) once(broke chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-broke:
	default:
		close(broke)
	}
}

// answers copies from the server to the client and reports whether the limit
// ended it.
func (p *Proxy) answers(client, server net.Conn, after int64) (limit bool) {
	buf := make([]byte, 16<<10)
	for left := after; left != 0; {
		part := buf
		if after > 0 && int64(len(part)) > left {
			part = part[:left]
		}
		n, err := server.Read(part)
		if n > 0 {
			if _, werr := client.Write(part[:n]); werr != nil {
				return false
			}
			left -= int64(n)
			p.mu.Lock()
			p.seen += int64(n)
			p.mu.Unlock()
		}
		if err != nil {
			return false
		}
	}
	return true
}
