package tcpfault

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// server answers every connection with n bytes and keeps it open.
func server(t *testing.T, n int) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(make([]byte, n))
		}
	}()
	return l.Addr().String()
}

func TestBreak(t *testing.T) {
	p, err := Start(server(t, 100_000))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, tc := range []struct {
		name   string
		after  int64
		action Action
		want   int64
		end    error
	}{
		{"whole", -1, Close, 100_000, os.ErrDeadlineExceeded},
		{"closed", 40_000, Close, 40_000, nil},
		{"reset", 7, Reset, 7, syscall.ECONNRESET},
		{"stalled", 1, Stall, 1, os.ErrDeadlineExceeded},
		{"at once", 0, Close, 0, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p.Break(tc.after, tc.action)
			c, err := net.Dial("tcp", p.Addr())
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.SetReadDeadline(time.Now().Add(300 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			n, err := io.Copy(io.Discard, c)
			// A reset may overtake the bytes before it.
			if n != tc.want && tc.action != Reset || !errors.Is(err, tc.end) {
				t.Errorf("read %d bytes and %v, want %d and %v", n, err, tc.want, tc.end)
			}
			if tc.after >= 0 {
				<-p.Broke()
			}
		})
	}
}
