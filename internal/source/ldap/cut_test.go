package ldap_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/usherd/usher/internal/source"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
	"github.com/usherd/usher/internal/testkit/slapd"
	"github.com/usherd/usher/internal/testkit/tcpfault"
)

// TestCut breaks the connection at many places: every one is an error that
// says the server could not be reached, and none looks complete.
func TestCut(t *testing.T) {
	s := slapd.Start(t, slapd.Options{TLS: true, LDIF: people(200, 4, 50)})
	p, err := tcpfault.Start(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	src := open(t, config(s, func(c *sourceldap.Config) {
		c.URLs, c.PageSize, c.Timeout = []string{"ldap://" + p.Addr()}, 50, 200*time.Millisecond
	}))
	whole := mustRead(t, src)
	total := p.Seen()
	if len(whole) != 204 {
		t.Fatalf("%d entries", len(whole))
	}
	offsets := []int64{0, 1, 13, total - 1}
	for i := range int64(24) {
		offsets = append(offsets, total*(i+1)/25)
	}
	for _, action := range []tcpfault.Action{tcpfault.Close, tcpfault.Reset, tcpfault.Stall} {
		for i, at := range offsets {
			if action == tcpfault.Stall && i%6 != 0 {
				continue // each costs the time-out
			}
			p.Break(at, action)
			entries, sum, err := readAll(t.Context(), src)
			if !errors.Is(err, source.ErrUnreachable) || sum.Complete {
				t.Errorf("action %d at byte %d of %d: %d entries, %+v, %v", action, at, total, len(entries), sum, err)
			}
		}
	}
	p.Break(-1, tcpfault.Close)
	if got := mustRead(t, src); len(got) != 204 {
		t.Errorf("healed: %d entries", len(got))
	}
}

func TestServerKilledInTheMiddle(t *testing.T) {
	s := slapd.Start(t, slapd.Options{LDIF: people(3000, 0, 0)})
	src := open(t, config(s, func(c *sourceldap.Config) { c.PageSize = 100 }))
	n := 0
	sum, err := src.Read(t.Context(), source.Request{}, func(source.Entry) error {
		if n++; n == 1 {
			s.Kill()
		}
		return nil
	})
	if !errors.Is(err, source.ErrUnreachable) || sum.Complete {
		t.Errorf("%d entries, %+v, %v", n, sum, err)
	}
}

func TestCancelAndEmitError(t *testing.T) {
	s := slapd.Start(t, slapd.Options{LDIF: people(3000, 0, 0)})
	p, err := tcpfault.Start(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	src := open(t, config(s, func(c *sourceldap.Config) { c.URLs = []string{"ldap://" + p.Addr()} }))

	stop := errors.New("enough")
	sum, err := src.Read(t.Context(), source.Request{}, func(source.Entry) error { return stop })
	if !errors.Is(err, stop) || sum.Complete {
		t.Errorf("a refusing consumer: %+v, %v", sum, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	_, sum, err = readAllWith(ctx, src, cancel)
	if !errors.Is(err, context.Canceled) || sum.Complete {
		t.Errorf("cancelled by the consumer: %+v, %v", sum, err)
	}

	// Silence of the server must not hold a cancelled read up.
	p.Break(2000, tcpfault.Stall)
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	broke := p.Broke()
	go func() { <-broke; cancel() }()
	start := time.Now()
	_, sum, err = readAll(ctx, src)
	if !errors.Is(err, context.Canceled) || sum.Complete || time.Since(start) > 5*time.Minute {
		t.Errorf("cancelled in silence: %+v, %v after %v", sum, err, time.Since(start))
	}
}

// readAllWith cancels on the first entry.
func readAllWith(ctx context.Context, src *sourceldap.Source, cancel func()) (int, source.Summary, error) {
	n := 0
	sum, err := src.Read(ctx, source.Request{}, func(source.Entry) error { n++; cancel(); return nil })
	return n, sum, err
}
