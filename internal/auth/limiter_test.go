package auth

import (
	"fmt"
	"net/netip"
	"testing"
	"time"
)

type clock struct{ t time.Time }

func (c *clock) now() time.Time { return c.t }

func TestLimiter(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	l := NewLimiter(Rate{Burst: 3, Every: time.Minute}, 10, c.now)
	for i := range 3 {
		if w := l.Take("a"); w != 0 {
			t.Fatalf("try %d waits %s", i, w)
		}
	}
	for range 5 { // refusals cost nothing
		if w := l.Take("a"); w <= 0 || w > time.Minute {
			t.Fatalf("fourth try waits %s", w)
		}
	}
	if l.Take("b") != 0 {
		t.Error("keys share a bucket")
	}
	c.t = c.t.Add(time.Minute)
	if l.Take("a") != 0 {
		t.Error("no token after a minute")
	}
	if l.Take("a") == 0 {
		t.Error("two tokens after a minute")
	}
}

func TestLimiterForgetsTheOldest(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	l := NewLimiter(Rate{Burst: 1, Every: time.Hour}, 2, c.now)
	l.Take("a")
	l.Take("b")
	l.Take("a") // refused, but touched
	l.Take("c") // forgets b
	if len(l.buckets) != 2 || l.recent.Len() != 2 {
		t.Fatalf("%d buckets, %d in order", len(l.buckets), l.recent.Len())
	}
	if l.Take("a") == 0 || l.Take("b") != 0 {
		t.Error("forgot another than the one touched longest ago")
	}
}

func TestThrottle(t *testing.T) {
	c := &clock{time.Unix(1e9, 0)}
	r := func(n int) *Limiter { return NewLimiter(Rate{Burst: n, Every: time.Hour}, 100, c.now) }
	th := Throttle{Address: r(3), Account: r(2)}
	from := netip.MustParseAddr("192.0.2.1")
	for range 2 {
		if th.Take("x", from) != 0 {
			t.Fatal("refused within the limits")
		}
	}
	if th.Take("x", netip.MustParseAddr("198.51.100.1")) == 0 {
		t.Error("an account is not limited across addresses")
	}
	th.Take("y", from)
	if th.Take("z", netip.MustParseAddr("192.0.2.200")) == 0 {
		t.Error("a network is not limited across accounts")
	}
	if (Throttle{}).Take("x", from) != 0 {
		t.Error("no limits limit")
	}
}

func TestPrefix(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24",
		"2001:db8:1:2ff:3::1": "2001:db8:1:200::/56", "fe80::1%eth0": "fe80::/56",
	} {
		if got := Prefix(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := Prefix(netip.Addr{}); got != "unknown" {
		t.Errorf("no address: %s", got)
	}
}

func BenchmarkLimiter(b *testing.B) {
	l := NewLimiter(Rate{Burst: 1, Every: time.Hour}, 1000, time.Now)
	for i := range b.N {
		l.Take(fmt.Sprint(i % 5000))
	}
}

// TestWaitSpendsNothing: what asks may ask for ever.
func TestWaitSpendsNothing(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := NewLimiter(Rate{Burst: 2, Every: time.Minute}, 10, func() time.Time { return now })
	for range 10 {
		if wait := l.Wait("a"); wait != 0 {
			t.Fatalf("an unused limit asks to wait %s", wait)
		}
	}
	l.Take("a")
	if wait := l.Wait("a"); wait != 0 {
		t.Errorf("one of two spent, and it asks to wait %s", wait)
	}
	l.Take("a")
	if wait := l.Wait("a"); wait != time.Minute {
		t.Errorf("all spent: wait %s", wait)
	}
	now = now.Add(30 * time.Second)
	if wait := l.Wait("a"); wait != 30*time.Second {
		t.Errorf("half a minute later: wait %s", wait)
	}
	if wait := l.Wait("b"); wait != 0 {
		t.Errorf("another key: wait %s", wait)
	}
}
