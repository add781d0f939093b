package scimserver_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/migrated"
)

// endless is a reader of one byte over and over.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// chunked writes n bytes of a reader as the chunks of a body.
func chunked(from io.Reader, n int64) io.Reader {
	out, in := io.Pipe()
	go func() {
		w := httputil.NewChunkedWriter(in)
		_, err := io.CopyN(w, from, n)
		in.CloseWithError(errors.Join(err, w.Close()))
	}()
	return out
}

// TestHugeRequests floods the service: it answers early, and holds little.
func TestHugeRequests(t *testing.T) {
	const huge = 100 << 20
	w := newWorld(t, migrated.SQLite(t))
	l := online(t, w.connect("acme", "okta", registry.ConnectionSettings{Rate: 10_000}), 5*time.Minute)
	head := func(method, path string, headers ...string) io.Reader {
		return strings.NewReader(method + " /scim/v2" + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + l.secret + "\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n")
	}
	for name, tt := range map[string]struct {
		request io.Reader
		status  int
		most    int64 // bytes taken off the network, buffers of the kernel included
	}{
		"a body of known length":    {io.MultiReader(head("POST", "/Users", "Content-Length: 104857600"), io.LimitReader(endless(' '), huge)), 413, 8 << 20},
		"a body of unknown length":  {io.MultiReader(head("POST", "/Users", "Transfer-Encoding: chunked"), chunked(endless('{'), huge)), 413, 20 << 20},
		"a Bulk of unknown length":  {io.MultiReader(head("POST", "/Bulk", "Transfer-Encoding: chunked"), chunked(endless(' '), huge)), 413, 24 << 20},
		"a body where none belongs": {io.MultiReader(head("GET", "/Users", "Content-Length: 104857600"), io.LimitReader(endless(' '), huge)), 200, 8 << 20},
		"a flood of one header":     {io.MultiReader(head("GET", "/Users", "X: "+strings.Repeat("x", 1<<20))), 431, 2 << 20},
		"a flood of headers":        {io.MultiReader(head("GET", "/Users", strings.Repeat("X: x\r\n", 200_000)+"Y: y")), 431, 2 << 20},
		"an address of a megabyte":  {head("GET", "/Users?filter="+strings.Repeat("x", 1<<20)), 431, 2 << 20},
		"an unknown coding":         {head("POST", "/Users", "Transfer-Encoding: gzip, chunked"), 501, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			before, peak := watchHeap(t)
			res, sent := l.dial(tt.request)
			defer res.Body.Close()
			if grew := peak() - before; res.StatusCode != tt.status || sent.Load() > tt.most || grew > 64<<20 {
				t.Errorf("%d after %d bytes, of which the heap grew by %d", res.StatusCode, sent.Load(), grew)
			}
		})
	}
}

// watchHeap gives the size of the heap, and a function that ends the watching and
// gives the largest size it had meanwhile.
func watchHeap(t *testing.T) (before uint64, peak func() uint64) {
	t.Helper()
	sample := func() uint64 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	runtime.GC()
	before = sample()
	largest, stop, done := before, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(2 * time.Millisecond); ; {
			largest = max(largest, sample())
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
			}
		}
	}()
	return before, func() uint64 { close(stop); <-done; return largest }
}

// drip sends a byte whenever the clock ticks.
type drip struct {
	tick <-chan time.Time
	from io.Reader
}

func (d drip) Read(p []byte) (int, error) {
	<-d.tick
	return d.from.Read(p[:1])
}

// TestSlowBodies has clients send one byte at a time: they are cut off, and
// nobody waits for them meanwhile.
func TestSlowBodies(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		const patience = 5 * time.Second
		l := online(t, w.connect("acme", "okta", registry.ConnectionSettings{Rate: 10_000}), patience)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		var slow sync.WaitGroup
		var cut atomic.Int64
		began := time.Now()
		for range 100 {
			slow.Go(func() {
				res, _ := l.dial(io.MultiReader(
					strings.NewReader("POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+l.secret+"\r\nContent-Length: 1000000\r\n\r\n"),
					drip{tick.C, endless(' ')}))
				defer res.Body.Close()
				cut.Add(1)
				if body, err := io.ReadAll(res.Body); res.StatusCode != http.StatusBadRequest || err != nil {
					t.Errorf("%d %s %v", res.StatusCode, body, err)
				}
			})
		}
		for i := range 20 {
			if status, body := l.send("POST", "/Users", user(fmt.Sprintf(`"userName":"u%d"`, i))); status != http.StatusCreated {
				t.Fatalf("%d %s", status, body)
			}
			if n := cut.Load(); i == 0 && n > 0 {
				t.Errorf("a write waited until %d slow clients were cut off", n)
			}
		}
		slow.Wait()
		if took := time.Since(began); took > 5*time.Minute {
			t.Errorf("slow clients were cut off after %v", took)
		}
	})
}

// TestManyLargeBodies sends many large bodies at once: what they take together is
// bounded too.
func TestManyLargeBodies(t *testing.T) {
	w := newWorld(t, migrated.SQLite(t))
	l := online(t, w.connect("acme", "okta", registry.ConnectionSettings{Rate: 10_000}), 5*time.Minute)
	fill := func(one string) string {
		return bulk(strings.TrimSuffix(strings.Repeat(one+",", 8_000_000/(len(one)+1)), ","))
	}
	for _, body := range []string{fill(`{"a":1}`), fill(`0`), fill(`{"value":"0190163d-8694-739b-aea5-966c26f8ad91"}`)} {
		before, peak := watchHeap(t)
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if status, answer := l.send("POST", "/Bulk", body); status != http.StatusRequestEntityTooLarge && status != http.StatusServiceUnavailable {
					t.Errorf("%d %.200s", status, answer)
				}
			})
		}
		all.Wait()
		if grew := (peak() - before) >> 20; grew > 800 {
			t.Errorf("20 bodies of 8 MB like %.80s took %d MB", body[len(body)/2:], grew)
		} else {
			t.Logf("20 bodies of 8 MB like %.80s took %d MB", body[len(body)/2:], grew)
		}
	}
}

// TestLargeDocuments makes people whose documents are too large to be listed by
// the hundred.
func TestLargeDocuments(t *testing.T) {
	w := newWorld(t, migrated.SQLite(t))
	c := w.connect("acme", "okta", registry.ConnectionSettings{Rate: 10_000})
	id := c.user("ann", "a")
	many := ""
	for i := range 4000 {
		many += fmt.Sprintf(`{"value":"%0100d"},`, i)
	}
	for _, attribute := range []string{
		`"addresses":[{"formatted":"` + strings.Repeat("x", 3<<20) + `"}]`, `"photos":[{"value":"` + strings.Repeat("x", 3<<20) + `"}]`,
		`"entitlements":[` + strings.TrimSuffix(many, ",") + `]`, `"x509Certificates":[{"value":"` + strings.Repeat("AAAA", 1<<18) + `"}]`,
	} {
		c.want(400, "POST", "/Users", user(`"userName":"bob",`+attribute))
		c.want(400, "PUT", "/Users/"+id, user(`"userName":"ann",`+attribute))
		c.want(400, "PATCH", "/Users/"+id, ops(`{"op":"add","value":{`+attribute+`}}`))
	}
	for range 10 { // and not bit by bit either
		c.do("PATCH", "/Users/"+id, ops(`{"op":"add","path":"photos","value":[{"value":"`+newID()+strings.Repeat("x", 50<<10)+`"}]}`))
	}
	if got := fmt.Sprint(c.want(200, "GET", "/Users/"+id, "")); len(got) < 100<<10 || len(got) > 300<<10 {
		t.Errorf("a person of %d bytes", len(got))
	}
}
