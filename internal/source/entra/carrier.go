package entra

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

const (
	connectTimeout = 10 * time.Second
	// headerTimeout is the longest silence before an answer begins.
	headerTimeout = time.Minute
	// maxBody is far above any page; it bounds memory against a server gone mad.
	maxBody = 64 << 20
	// firstWait doubles with each try up to mostWait, where Graph does not say.
	firstWait = 500 * time.Millisecond
	mostWait  = 30 * time.Second
)

// transport is what requests travel by, without http.DefaultTransport's habits.
func (s *Source) transport() http.RoundTripper {
	if s.cfg.Transport != nil {
		return s.cfg.Transport
	}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: connectTimeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   connectTimeout,
		ResponseHeaderTimeout: headerTimeout,
		IdleConnTimeout:       90 * time.Second,
		ForceAttemptHTTP2:     true,
		TLSClientConfig:       &tls.Config{RootCAs: s.roots, MinVersion: tls.VersionTLS12},
	}
}

// carrier carries the SDK's requests: it signs them, keeps them to one host,
// repeats them under one deadline, and hands an answer on only when it is whole
// and well-formed. Every other end is a *fault. The SDK's own middleware is not
// used: it neither repeats a broken connection nor knows a deadline of its own.
type carrier struct {
	base     http.RoundTripper
	graph    *url.URL
	tokens   *tokens
	pace     *pace
	patience *patience
	timeout  time.Duration
	retryFor time.Duration
	now      func() time.Time
	sleep    func(context.Context, time.Duration) error
	rand     func() float64
}

// RoundTrip implements http.RoundTripper.
func (c *carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	if !within(c.graph, r.URL) {
		return nil, &fault{doing: registry.Say("read from %s", r.URL.Host), class: source.ErrProtocol, text: registry.Say("a link leads away from %s, and is not followed", c.graph.Host)}
	}
	if r.Method != http.MethodGet {
		return nil, &fault{doing: doing(r), class: source.ErrProtocol, text: registry.Say("only reading is allowed")}
	}
	var res *http.Response
	renewed := false
	err := c.patiently(r.Context(), func() (err error) {
		res, err = c.once(r) //nolint:bodyclose // the body is in memory
		if hasStatus(err, http.StatusUnauthorized) && !renewed {
			renewed = true // a token that ended early
			c.tokens.drop()
			res, err = c.once(r) //nolint:bodyclose // as above
		}
		return err
	})
	return res, err
}

// patiently tries until it works, asking again makes no sense, or time is up.
func (c *carrier) patiently(ctx context.Context, fn func() error) error {
	failing := false
	deadline := c.now().Add(c.retryFor)
	defer func() {
		if failing {
			c.patience.regain()
		}
	}()
	for try := 0; ; try++ {
		err := fn()
		var f *fault
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx) // whatever the server answered last
		}
		if err == nil || !errors.As(err, &f) || !f.again {
			return err
		}
		if !failing {
			failing = true
			c.patience.lose()
		}
		wait := c.wait(try, f)
		if c.now().Add(wait).After(deadline) || wait > c.patience.left() {
			given := *f
			given.advice = registry.Say("given up after %d tries", try+1)
			if f.advice != "" {
				given.advice = registry.Join([]registry.Said{f.advice, given.advice}, "; ")
			}
			return &given
		}
		if f.after > 0 || f.status == http.StatusTooManyRequests {
			c.pace.throttled(wait)
		}
		if err := c.sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// wait is how long to wait before the next try: what Graph says, else twice as
// long each time, always spread so that not all come back at once.
func (c *carrier) wait(try int, f *fault) time.Duration {
	if f.after > 0 {
		return f.after + time.Duration(c.rand()*float64(time.Second))
	}
	wait := math.Min(float64(mostWait), float64(firstWait)*math.Pow(2, float64(min(try, 10))))
	return time.Duration(wait * (0.5 + c.rand()))
}

// once tries once.
func (c *carrier) once(r *http.Request) (*http.Response, error) {
	if err := c.pace.enter(r.Context()); err != nil {
		return nil, err
	}
	defer c.pace.leave()
	ctx, cancel := context.WithTimeout(r.Context(), c.timeout)
	defer cancel()
	token, err := c.tokens.get(ctx)
	if err != nil {
		return nil, err
	}
	out := r.Clone(ctx)
	out.Header.Set("Authorization", "Bearer "+token)
	res, err := c.base.RoundTrip(out)
	if err != nil {
		return nil, c.ended(r, err)
	}
	defer res.Body.Close() // it was read to its end, or is of no use
	body, err := whole(res)
	if err != nil {
		return nil, c.ended(r, err)
	}
	res.Request = r
	if res.StatusCode < 200 || res.StatusCode >= 300 {
		return nil, refused(res, body, c.now())
	}
	if !json.Valid(body) {
		return nil, &fault{doing: doing(r), class: source.ErrProtocol, text: registry.Say("the answer is not well-formed JSON"), again: true}
	}
	share, err := strconv.ParseFloat(res.Header.Get("X-Ms-Throttle-Limit-Percentage"), 64)
	if err != nil {
		share = 0
	}
	c.pace.quiet(share)
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// ended explains a request that ended without an answer.
func (c *carrier) ended(r *http.Request, err error) error {
	if r.Context().Err() != nil {
		return registry.Errorf("%s: %s", doing(r), context.Cause(r.Context()))
	}
	return broken(r, err)
}

// whole reads a body to its end.
func whole(res *http.Response) ([]byte, error) {
	var b bytes.Buffer
	if n := res.ContentLength; n > 0 && n < maxBody {
		b.Grow(int(n) + bytes.MinRead)
	}
	if _, err := b.ReadFrom(io.LimitReader(res.Body, maxBody+1)); err != nil {
		return nil, err
	}
	if b.Len() > maxBody {
		return nil, registry.Errorf("the answer is longer than %d MB", maxBody>>20)
	}
	return b.Bytes(), nil
}

// within reports whether an address lies below Graph's.
func within(graph, u *url.URL) bool {
	return u.Scheme == graph.Scheme && strings.EqualFold(u.Host, graph.Host) && u.User == nil && strings.HasPrefix(u.Path, graph.Path+"/")
}
