package scimserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// journal keeps the request log and the tokens' last use, written in batches: a
// request must not cost a write.
type journal struct {
	cfg Config

	mu   sync.Mutex
	rows map[registry.CompanyID][]registry.ScimRequest
	used map[registry.CompanyID]map[registry.TokenID]time.Time
	size int
}

// journalLimit is how many rows wait in memory at most; more are dropped, and
// said so in the log.
const journalLimit = 20_000

// bodyLimit is how much of a failed request's body is kept.
const bodyLimit = 8 << 10

// flushRows is how many rows are written at once: others wait to write, too.
const flushRows = 500

// flushEvery is how often waiting rows are written.
const flushEvery = time.Second

func newJournal(cfg Config) *journal {
	return &journal{cfg: cfg, rows: map[registry.CompanyID][]registry.ScimRequest{}, used: map[registry.CompanyID]map[registry.TokenID]time.Time{}}
}

// entry is a request being served.
type entry struct {
	registry.ScimRequest
	company registry.CompanyID
	body    *capped
}

// begin notes a request. It puts an eye on the body, of which the beginning is
// kept in case the request fails.
func (j *journal) begin(conn registry.Connection, token registry.Token, r *http.Request) *entry {
	now := j.cfg.Now()
	e := &entry{company: conn.Origin.Company, body: &capped{ReadCloser: r.Body}}
	e.ScimRequest = registry.ScimRequest{Origin: conn.Origin.ID, At: now, RequestID: requestID(r.Context(), j.cfg), Method: r.Method, Path: redactURI(r.URL.RequestURI())}
	r.Body = e.body
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.used[e.company] == nil {
		j.used[e.company] = map[registry.TokenID]time.Time{}
	}
	j.used[e.company][token.ID] = now
	return e
}

// requestID is what the request is called everywhere, or a name of its own.
func requestID(ctx context.Context, cfg Config) string {
	if id := registry.RequestID(ctx); id != "" {
		return id
	}
	return cfg.NewID()
}

// end notes how the request was answered, and what the client did not see of it.
func (j *journal) end(e *entry, w *observed, broke *brokenOff) {
	e.Status = w.code()
	e.Micros = j.cfg.Now().Sub(e.At).Microseconds()
	if e.Status >= http.StatusBadRequest {
		e.Body = redact(e.body.head.Bytes())
		var answer struct{ ScimType, Detail string }
		if json.Unmarshal(w.head.Bytes(), &answer) == nil {
			e.ScimType, e.Detail = answer.ScimType, answer.Detail
		}
	}
	if broke != nil {
		e.Status, e.Detail = broke.status, broke.detail
	}
	j.add(e.company, e.ScimRequest)
}

// add puts a row with those that wait.
func (j *journal) add(company registry.CompanyID, row registry.ScimRequest) {
	row.Detail = redactDetail(row.Detail)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.size >= journalLimit {
		return
	}
	j.rows[company] = append(j.rows[company], row)
	j.size++
}

// run writes what waits until ctx ends, and once more then.
func (j *journal) run(ctx context.Context) {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	flush := func() { // what was taken from memory is written, also when told to stop
		whole, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		j.flush(whole)
	}
	for {
		select {
		case <-tick.C:
			flush()
		case <-ctx.Done():
			flush()
			return
		}
	}
}

// flush writes what waits.
func (j *journal) flush(ctx context.Context) {
	j.mu.Lock()
	rows, used, full := j.rows, j.used, j.size >= journalLimit
	j.rows, j.used, j.size = map[registry.CompanyID][]registry.ScimRequest{}, map[registry.CompanyID]map[registry.TokenID]time.Time{}, 0
	j.mu.Unlock()
	if full {
		j.cfg.Log.WarnContext(ctx, "request log overflowed; some requests are not in it")
	}
	if len(used) > 0 {
		if err := j.cfg.Tokens.UseTokens(ctx, used); err != nil {
			j.cfg.Log.WarnContext(ctx, "record use of tokens", "error", err)
		}
	}
	for company, list := range rows {
		for part := range slices.Chunk(list, flushRows) {
			if err := j.cfg.Open(company).LogScimRequests(ctx, part); err != nil {
				j.cfg.Log.WarnContext(ctx, "write request log", "error", err)
			}
		}
	}
}

// capped remembers how a body begins while it is read.
type capped struct {
	io.ReadCloser
	head bytes.Buffer
}

// Read implements io.Reader.
func (c *capped) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if room := bodyLimit - c.head.Len(); room > 0 {
		c.head.Write(p[:min(n, room)])
	}
	return n, err
}

// observed remembers how an answer begins.
type observed struct {
	http.ResponseWriter
	status int
	head   bytes.Buffer
	sent   int64
	failed error // why the network took no more
}

// WriteHeader implements http.ResponseWriter.
func (o *observed) WriteHeader(status int) {
	if o.status == 0 {
		o.status = status
	}
	o.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (o *observed) Write(p []byte) (int, error) {
	if o.code() >= http.StatusBadRequest && o.head.Len() < bodyLimit {
		o.head.Write(p[:min(len(p), bodyLimit)])
	}
	n, err := o.ResponseWriter.Write(p)
	o.sent += int64(n)
	if err != nil {
		o.failed = err
	}
	return n, err
}

// Unwrap lets http.ResponseController through.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }

func (o *observed) code() int {
	if o.status == 0 {
		return http.StatusOK
	}
	return o.status
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return s[:n]
}
