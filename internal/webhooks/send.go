package webhooks

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/usherd/usher/internal/registry"
)

const (
	// attemptTimeout is how long a request may take, from the look-up of the name
	// to the end of the answer: within the 15 to 30 s of the specification.
	attemptTimeout = 20 * time.Second
	// keptAnswer is how many bytes of an answer are read and shown.
	keptAnswer = 500
	// shortAnswer is the longest answer that is read off to use the connection
	// again; a longer one ends it.
	shortAnswer = 4 << 10
)

// Answer is what became of a request.
type Answer struct {
	// Status is the answer's, 0 when there was none.
	Status int
	// Message says what went wrong: the beginning of the answer, or our own words.
	Message registry.Said
	// Wait is how long the receiver asks to be left alone.
	Wait time.Duration
	Took time.Duration
}

// arrived reports whether the receiver took the delivery.
func (a *Answer) arrived() bool { return a.Status >= 200 && a.Status < 300 }

// Sender makes the requests. It is safe for concurrent use.
type Sender struct {
	clients map[string]*http.Client // by scheme
	timeout time.Duration
	now     func() time.Time
}

// SenderConfig is what a Sender needs.
type SenderConfig struct {
	Gate Gate
	Now  func() time.Time
	// Timeout bounds a request; 20 seconds when 0.
	Timeout time.Duration
	// Roots are the authorities to trust; nil trusts the system's.
	Roots *x509.CertPool
}

// NewSender makes a Sender.
func NewSender(c SenderConfig) *Sender {
	s := &Sender{clients: map[string]*http.Client{}, timeout: c.Timeout, now: c.Now}
	if s.timeout == 0 {
		s.timeout = attemptTimeout
	}
	for _, scheme := range []string{"https", "http"} {
		s.clients[scheme] = c.client(scheme == "https", s.timeout)
	}
	return s
}

// client goes where the gate lets it and nowhere else: it asks no proxy, follows
// no redirect, and judges each address a name resolves to before it connects, so
// that a name cannot be checked as one address and dialled as another. It leaves
// compressed answers as they are: nobody reads them.
func (c SenderConfig) client(secure bool, timeout time.Duration) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("judge address: %w", err)
		}
		if err := c.Gate.Judge(to, secure); err != nil {
			return &forbidden{err}
		}
		return nil
	}}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Roots},
			TLSHandshakeTimeout: timeout, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 2, MaxIdleConns: 100,
			MaxResponseHeaderBytes: 16 << 10, DisableCompression: true, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// forbidden is the gate's refusal, to be found again in what the dialer makes of
// it.
type forbidden struct{ err error }

func (f *forbidden) Error() string { return f.err.Error() }
func (f *forbidden) Unwrap() error { return f.err }

// CloseIdle ends connections that were kept for a next request.
func (s *Sender) CloseIdle() {
	for _, c := range s.clients {
		c.CloseIdleConnections()
	}
}

// message is one request to be made.
type message struct {
	url, id, signature string
	at                 time.Time
	payload            []byte
}

// send makes a request and says what came of it. It ends with the context or its
// own time, whichever is first.
func (s *Sender) send(ctx context.Context, m message) Answer {
	begin := s.now()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	a := s.exchange(ctx, m)
	a.Took = s.now().Sub(begin)
	return a
}

func (s *Sender) exchange(ctx context.Context, m message) Answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.url, bytes.NewReader(m.payload))
	if err != nil {
		return Answer{Message: registry.Say("the address cannot be used")}
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "User-Agent": "usher-webhooks/1",
		"webhook-id": m.id, "webhook-timestamp": fmt.Sprint(m.at.Unix()), "webhook-signature": m.signature,
	} {
		req.Header.Set(name, value)
	}
	client := s.clients[req.URL.Scheme]
	if client == nil {
		return Answer{Message: registry.Say("the address cannot be used")}
	}
	res, err := client.Do(req)
	if err != nil {
		return Answer{Message: s.trouble(ctx, err)}
	}
	defer func() { _ = res.Body.Close() }()
	return read(res, s.now())
}

// read judges an answer by its status. What follows a good one is of no interest,
// be it cut short, endless or packed.
func read(res *http.Response, now time.Time) Answer {
	a := Answer{Status: res.StatusCode, Wait: askedWait(res, now)}
	if a.arrived() {
		if 0 <= res.ContentLength && res.ContentLength <= shortAnswer {
			_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, shortAnswer))
		}
		return a
	}
	if where := res.Header.Get("Location"); res.StatusCode/100 == 3 && where != "" {
		a.Message = registry.Say("redirects are not followed; it points to %s", clean([]byte(where)))
		return a
	}
	beginning, _ := io.ReadAll(io.LimitReader(res.Body, keptAnswer)) // as much as there is
	if res.Header.Get("Content-Encoding") == "" {
		a.Message = registry.Verbatim(clean(beginning))
	}
	return a
}

// trouble says in words what kept an answer from coming.
func (s *Sender) trouble(ctx context.Context, err error) registry.Said {
	var refused *forbidden
	var dns *net.DNSError
	var late net.Error
	var in *url.Error
	switch {
	case errors.As(err, &refused):
		return registry.SaidOf(refused)
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return registry.Say("no answer within %s", s.timeout)
	case errors.As(err, &dns):
		return registry.Say("the name %s cannot be looked up", clean([]byte(dns.Name)))
	case errors.As(err, &in):
		err = in.Err // without the method and the address
	}
	return registry.Verbatim(clean([]byte(err.Error())))
}

// clean makes text that can be shown of what a stranger sent.
func clean(b []byte) string {
	text := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
			return -1
		}
		return r
	}, strings.ToValidUTF8(string(b), ""))
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > keptAnswer {
		text = string(r[:keptAnswer])
	}
	return text
}
