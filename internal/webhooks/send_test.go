package webhooks

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// here allows requests to this machine, where the tests' receivers are.
func here() Gate {
	return NewGate([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")})
}

func newSender(t *testing.T, c SenderConfig) *Sender {
	t.Helper()
	if c.Now = time.Now; c.Timeout == 0 {
		c.Timeout = 10 * time.Second
	}
	s := NewSender(c)
	t.Cleanup(s.CloseIdle)
	return s
}

// raw answers every connection with these bytes, cut off at their end.
func raw(t *testing.T, answer func(net.Conn)) string {
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
			go func() {
				defer func() { _ = c.Close() }()
				_, _ = c.Read(make([]byte, 64<<10))
				answer(c)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func post(ctx context.Context, s *Sender, url string) Answer {
	return s.send(ctx, message{url: url, id: "id", signature: "v1,x", at: time.Unix(1, 0), payload: []byte(`{}`)})
}

// TestReceiversThatFailAndLie: each answer is judged by its status, in bounded
// time and memory, whatever stands behind it.
func TestReceiversThatFailAndLie(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(make([]byte, 32<<20))
	_ = z.Close()
	endless := func(status string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 "+status+"\r\n\r\n")
			for line := bytes.Repeat([]byte("spam "), 1000); ; {
				if _, err := c.Write(line); err != nil {
					return
				}
			}
		}
	}
	bomb := func(status string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = fmt.Fprintf(c, "HTTP/1.1 %s\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", status, packed.Len())
			_, _ = c.Write(packed.Bytes())
		}
	}
	text := func(s string) func(net.Conn) {
		return func(c net.Conn) { _, _ = io.WriteString(c, strings.ReplaceAll(s, "\n", "\r\n")) }
	}
	for name, c := range map[string]struct {
		answer  func(net.Conn)
		status  int
		message string // that the answer's begins with
	}{
		"takes it":            {text("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), 200, ""},
		"takes it silently":   {text("HTTP/1.1 204 No Content\n\n"), 204, ""},
		"lies and is cut":     {text("HTTP/1.1 200 OK\nContent-Length: 1000\n\nhalf"), 200, ""},
		"takes it, endlessly": {endless("200 OK"), 200, ""},
		"takes it, packed":    {bomb("200 OK"), 200, ""},
		"fails":               {text("HTTP/1.1 500 Oops\nContent-Length: 11\n\nno \x1b[31m\tluck"), 500, "no [31m lu"},
		"fails endlessly":     {endless("503 Busy"), 503, "spam spam"},
		"fails, packed":       {bomb("500 Oops"), 500, ""},
		"is gone":             {text("HTTP/1.1 410 Gone\nContent-Length: 0\n\n"), 410, ""},
		"redirects":           {text("HTTP/1.1 302 Found\nLocation: http://169.254.169.254/latest\nContent-Length: 0\n\n"), 302, "redirects are not followed; it points to http://169.254.169.254/latest"},
		"continues for ever":  {text(strings.Repeat("HTTP/1.1 100 Continue\n\n", 20)), 0, ""},
		"speaks otherwise":    {text("SSH-2.0-OpenSSH\n"), 0, ""},
		"hangs up":            {func(net.Conn) {}, 0, "EOF"},
		"has large headers":   {text("HTTP/1.1 200 OK\nX: " + strings.Repeat("x", 1<<20) + "\n\n"), 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			a := post(t.Context(), newSender(t, SenderConfig{Gate: here()}), raw(t, c.answer))
			if a.Status != c.status || !strings.HasPrefix(a.Message.String(), c.message) || len(a.Message.String()) > keptAnswer {
				t.Errorf("%+v", a)
			}
			if a.Status == 0 && a.Message == "" {
				t.Error("no answer and no word why")
			}
			if time.Since(begin) > 8*time.Second {
				t.Errorf("took %s", time.Since(begin))
			}
		})
	}
}

// TestReceiversThatHang: a request ends with its time, wherever it hangs.
func TestReceiversThatHang(t *testing.T) {
	hang := make(chan struct{})
	t.Cleanup(func() { close(hang) })
	for name, answer := range map[string]func(net.Conn){
		"before the answer": func(net.Conn) { <-hang },
		"in the headers":    func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 500 x\r\nA: "); <-hang },
		"in the body":       func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 500 x\r\n\r\nhalf a w"); <-hang },
		"after taking it":   func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 200 x\r\nContent-Length: 10\r\n\r\n"); <-hang },
	} {
		t.Run(name, func(t *testing.T) {
			s := newSender(t, SenderConfig{Gate: here(), Timeout: 300 * time.Millisecond})
			a := post(t.Context(), s, raw(t, answer))
			if a.Took > 5*time.Second {
				t.Errorf("took %s", a.Took)
			}
			if name == "before the answer" && a.Message.String() != "no answer within 300ms" {
				t.Errorf("%+v", a)
			}
			if name == "after taking it" && !a.arrived() {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestWhereRequestsMayGo: the gate is asked with what a name resolves to, for each
// scheme, and a redirect is not followed into what it forbids.
func TestWhereRequestsMayGo(t *testing.T) {
	var asked atomic.Int32
	handler := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	_, port, _ := net.SplitHostPort(plain.Listener.Addr().String())
	elsewhere := NewGate([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	for name, c := range map[string]struct {
		gate    Gate
		url     string
		message string
	}{
		"this machine":                   {NewGate(nil), secure.URL, "127.0.0.1 is no public address"},
		"a name of it":                   {NewGate(nil), "https://localhost:" + port, "is no public address"},
		"another network is allowed":     {elsewhere, plain.URL, "127.0.0.1 is no public address"},
		"a number that is an address":    {NewGate(nil), "https://2130706433:" + port, ""},
		"allowed":                        {here(), secure.URL, "taken"},
		"allowed, without https":         {here(), plain.URL, "taken"},
		"allowed by name, without https": {here(), "http://localhost:" + port, "taken"},
		"no such scheme":                 {here(), "gopher://127.0.0.1/", "the address cannot be used"},
		"no such name":                   {here(), "http://nobody.invalid/", ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := asked.Load()
			a := post(t.Context(), newSender(t, SenderConfig{Gate: c.gate, Roots: roots}), c.url)
			taken := asked.Load() > before
			if taken != (c.message == "taken") || taken != a.arrived() || !taken && !strings.Contains(a.Message.String(), c.message) {
				t.Errorf("%+v, asked %t", a, taken)
			}
		})
	}
	t.Run("a certificate nobody vouches for", func(t *testing.T) {
		if a := post(t.Context(), newSender(t, SenderConfig{Gate: here()}), secure.URL); a.arrived() || !strings.Contains(a.Message.String(), "certificate") {
			t.Errorf("%+v", a)
		}
	})
}

// TestNoProxy: a proxy of the environment would make the gate's judgement about
// the proxy and not about where the request goes.
func TestNoProxy(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, "http://127.0.0.1:1")
	}
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	if a := post(t.Context(), newSender(t, SenderConfig{Gate: here()}), srv.URL); !a.arrived() {
		t.Errorf("%+v", a)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		status int
		value  string
		want   time.Duration
	}{
		{429, "120", 2 * time.Minute},
		{503, "Sun, 01 Mar 2026 10:00:00 GMT", time.Hour},
		{503, "Sun, 01 Mar 2026 08:00:00 GMT", 0},
		{503, "-5", 0},
		{503, "soon", 0},
		{503, "99999999999999999999", 0},
		{500, "120", 0},
		{200, "120", 0},
	} {
		res := &http.Response{StatusCode: c.status, Header: http.Header{"Retry-After": {c.value}}}
		if got := askedWait(res, now); got != c.want {
			t.Errorf("%d %q: %s", c.status, c.value, got)
		}
	}
}

func TestSchedule(t *testing.T) {
	now := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	var sum time.Duration
	attempts := 1
	for ; ; attempts++ {
		at, again := nextTry(now, attempts, 0, 0)
		if !again {
			break
		}
		late, _ := nextTry(now, attempts, 0, 0.999)
		wait := at.Sub(now)
		if d := late.Sub(at); d < 0 || d > wait/5 {
			t.Errorf("attempt %d: %s of jitter on %s", attempts, d, wait)
		}
		sum += wait
	}
	if attempts != 10 || sum < 72*time.Hour || sum > 80*time.Hour {
		t.Errorf("%d attempts in %s", attempts, sum)
	}
	for asked, want := range map[time.Duration]time.Duration{time.Second: 5 * time.Second, time.Hour: time.Hour, 240 * time.Hour: 24 * time.Hour} {
		if at, _ := nextTry(now, 1, asked, 0); at.Sub(now) != want {
			t.Errorf("asked for %s: %s", asked, at.Sub(now))
		}
	}
}
