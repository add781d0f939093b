package auth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// keysAge is how old known keys may get. A key that was taken back is
	// believed that long.
	keysAge = time.Hour
	// maxKeySet is how many bytes of a key set are read.
	maxKeySet = 512 << 10
	// keysTimeout bounds a fetch from its dial to its last byte.
	keysTimeout = 10 * time.Second
)

// keysRate is how often a key set is fetched: an assertion with an unknown kid
// asks for it, and anybody can make one up.
func keysRate() Rate { return Rate{Burst: 3, Every: 20 * time.Second} }

// keyRing keeps the key sets of issuers: fetched when first needed, for a kid
// that is not known, and when they have become old.
type keyRing struct {
	client *http.Client
	now    func() time.Time

	mu   sync.Mutex
	sets map[string]agedKeys
}

type agedKeys struct {
	oidc.KeySet
	since time.Time
}

func newKeyRing(now func() time.Time) *keyRing {
	const remembered = 10_000 // addresses, which admins set
	door := &keysDoor{limit: NewLimiter(keysRate(), remembered, now), next: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: keysTimeout / 2}).DialContext,
		TLSHandshakeTimeout: keysTimeout / 2, ResponseHeaderTimeout: keysTimeout, MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}}
	return &keyRing{now: now, sets: map[string]agedKeys{}, client: &http.Client{
		Transport: door, Timeout: keysTimeout,
		// A redirect leads where nobody decided to believe anything.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// set is the key set at an address.
func (k *keyRing) set(address string) oidc.KeySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	s, ok := k.sets[address]
	if now := k.now(); !ok || now.Sub(s.since) > keysAge {
		s = agedKeys{oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), k.client), address), now}
		k.sets[address] = s
	}
	return s
}

// keysDoor is the way out to key sets.
type keysDoor struct {
	limit *Limiter
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (d *keysDoor) RoundTrip(r *http.Request) (*http.Response, error) {
	address := r.URL.String()
	if err := CheckJWKSURI(address); err != nil {
		return nil, err
	}
	if wait := d.limit.Take(address); wait > 0 {
		return nil, fmt.Errorf("they were fetched too often; again in %s", wait.Round(time.Second))
	}
	res, err := d.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if res.ContentLength > maxKeySet {
		return nil, errors.Join(fmt.Errorf("they are more than %d bytes", maxKeySet), res.Body.Close())
	}
	res.Body = http.MaxBytesReader(nil, res.Body, maxKeySet)
	return res, nil
}
