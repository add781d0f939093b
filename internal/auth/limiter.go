package auth

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is how often something may happen: Burst times at once, then once Every.
type Rate struct {
	Burst int
	Every time.Duration
}

// Limiter keeps one token bucket a key, in bounded memory: beyond its size the
// bucket touched longest ago is forgotten.
type Limiter struct {
	rate Rate
	size int
	now  func() time.Time

	mu      sync.Mutex
	buckets map[string]*list.Element
	recent  *list.List // of *bucket, most recent first
}

type bucket struct {
	key   string
	limit *rate.Limiter
}

// NewLimiter makes a Limiter that remembers at most size keys.
func NewLimiter(r Rate, size int, now func() time.Time) *Limiter {
	return &Limiter{rate: r, size: size, now: now, buckets: map[string]*list.Element{}, recent: list.New()}
}

// Take spends one token of the key and returns 0, or spends nothing and returns
// how long to wait for the next.
func (l *Limiter) Take(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	res := l.bucket(key).limit.ReserveN(now, 1)
	wait := res.DelayFrom(now)
	if wait > 0 {
		res.CancelAt(now)
	}
	return wait
}

// Wait returns how long Take would have the key wait, and spends nothing: for
// limits that only failures spend.
func (l *Limiter) Wait(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	e, ok := l.buckets[key]
	if !ok {
		return 0
	}
	missing := 1 - e.Value.(*bucket).limit.TokensAt(l.now()) //nolint:forcetypeassert // the list holds nothing else
	return max(0, time.Duration(missing*float64(l.rate.Every)))
}

func (l *Limiter) bucket(key string) *bucket {
	if e, ok := l.buckets[key]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*bucket) //nolint:forcetypeassert // the list holds nothing else
	}
	if l.recent.Len() >= l.size {
		last := l.recent.Back()
		delete(l.buckets, l.recent.Remove(last).(*bucket).key) //nolint:forcetypeassert // as above
	}
	b := &bucket{key: key, limit: rate.NewLimiter(rate.Every(l.rate.Every), l.rate.Burst)}
	l.buckets[key] = l.recent.PushFront(b)
	return b
}

// Throttle slows one kind of try by where it comes from, by whom it is aimed at
// and altogether. A nil limiter does not limit.
type Throttle struct {
	Address *Limiter
	Account *Limiter
	Global  *Limiter
}

// Take spends a token of each limit, the address's first so that a flood from
// one place spends nobody else's; it returns 0 or how long to wait. Success
// gives nothing back: a shared limit reset by success is no limit.
func (t Throttle) Take(account string, from netip.Addr) time.Duration {
	return t.each(account, from, (*Limiter).Take)
}

// Wait returns what Take would, and spends nothing.
func (t Throttle) Wait(account string, from netip.Addr) time.Duration {
	return t.each(account, from, (*Limiter).Wait)
}

func (t Throttle) each(account string, from netip.Addr, ask func(*Limiter, string) time.Duration) time.Duration {
	for _, l := range []struct {
		limit *Limiter
		key   string
	}{{t.Address, Prefix(from)}, {t.Account, account}, {t.Global, ""}} {
		if l.limit == nil {
			continue
		}
		if wait := ask(l.limit, l.key); wait > 0 {
			return wait
		}
	}
	return 0
}

// Prefix is the network an address is counted under: /24 for IPv4, /56 for
// IPv6, where one household or host commands that much. Unknown addresses share
// one key.
func Prefix(a netip.Addr) string {
	if !a.IsValid() {
		return "unknown"
	}
	a = a.Unmap().WithZone("")
	bits := 56
	if a.Is4() {
		bits = 24
	}
	return netip.PrefixFrom(a, bits).Masked().String()
}
