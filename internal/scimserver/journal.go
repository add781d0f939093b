package scimserver

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
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
	// refused are the rows of requests that were refused at the door.
	refused map[knock]*refusals
}

// knock is what refusals at the door are alike in.
type knock struct {
	company registry.CompanyID
	origin  registry.OriginID
	status  int
	token   bool // for a token, and not for a resource
}

// refusals are those of one flush: where the last one that was kept stands among
// the company's rows, and how many came after it until when.
type refusals struct {
	kept, last, more int
	until            time.Time
}

// journalLimit is how many rows wait in memory at most; more are dropped, and
// said so in the log.
const journalLimit = 20_000

// bodyLimit is how much of a failed request's body is kept.
const bodyLimit = 8 << 10

// refusedKept is how many refusals at the door are kept one by one in a flush, of
// a connection and status: a client that is told to wait must not fill the log
// as fast as it can knock.
const refusedKept = 10

// flushRows is how many rows are written at once: others wait to write, too.
const flushRows = 500

// flushEvery is how often waiting rows are written.
const flushEvery = time.Second

func newJournal(cfg Config) *journal {
	j := &journal{cfg: cfg}
	j.clear()
	return j
}

// clear forgets what waits.
func (j *journal) clear() {
	j.rows, j.used, j.size = map[registry.CompanyID][]registry.ScimRequest{}, map[registry.CompanyID]map[registry.TokenID]time.Time{}, 0
	j.refused = map[knock]*refusals{}
}

// entry is a request being served.
type entry struct {
	registry.ScimRequest
	company registry.CompanyID
	body    *capped
	refused bool   // at the door
	reason  string // what the log says instead of what the client was told
	noted   string // what the log says of a request that was served
}

type entryKey struct{}

// note has the log say something of the request being served that its answer has
// no place for; once, however often it is tried.
func note(ctx context.Context, what string) {
	e, ok := ctx.Value(entryKey{}).(*entry)
	if !ok || strings.Contains(e.noted, what) {
		return
	}
	if e.noted != "" {
		what = e.noted + "; " + what
	}
	e.noted = clip(what, 2048)
}

// begin notes a request. It puts an eye on the body, of which the beginning is
// kept in case the request fails.
func (j *journal) begin(conn registry.Connection, r *http.Request) *entry {
	e := &entry{company: conn.Origin.Company, body: &capped{ReadCloser: r.Body}}
	e.ScimRequest = registry.ScimRequest{Origin: conn.Origin.ID, At: j.cfg.Now(), RequestID: requestID(r.Context(), j.cfg), Method: r.Method, Path: redactURI(r.URL.RequestURI())}
	r.Body = e.body
	return e
}

// use notes that a token was used.
func (j *journal) use(conn registry.Connection, token registry.Token) {
	company, now := conn.Origin.Company, j.cfg.Now()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.used[company] == nil {
		j.used[company] = map[registry.TokenID]time.Time{}
	}
	j.used[company][token.ID] = now
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
	e.Detail = cmp.Or(e.reason, e.Detail, e.noted)
	if broke != nil {
		e.Status, e.Detail = broke.status, broke.detail
	}
	if e.refused {
		j.addRefused(e.company, e.ScimRequest)
	} else {
		j.add(e.company, e.ScimRequest)
	}
}

// add puts a row with those that wait.
func (j *journal) add(company registry.CompanyID, row registry.ScimRequest) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.put(company, row)
}

// addRefused puts in a row of a request that was refused at the door, or counts
// it where there are enough like it.
func (j *journal) addRefused(company registry.CompanyID, row registry.ScimRequest) {
	j.mu.Lock()
	defer j.mu.Unlock()
	key := knock{company, row.Origin, row.Status, row.Path == "/"+tokenPath}
	like := j.refused[key]
	if like == nil {
		like = &refusals{}
		j.refused[key] = like
	}
	switch {
	case like.kept == refusedKept:
		like.more, like.until = like.more+1, row.At
	case j.put(company, row):
		like.kept, like.last = like.kept+1, len(j.rows[company])-1
	}
}

// put reports whether there was room for a row.
func (j *journal) put(company registry.CompanyID, row registry.ScimRequest) bool {
	if j.size >= journalLimit {
		return false
	}
	row.Detail = redactDetail(row.Detail)
	j.rows[company] = append(j.rows[company], row)
	j.size++
	return true
}

// tell says in the last row of its kind how many were refused after it.
func (j *journal) tell() {
	for key, like := range j.refused {
		if like.more > 0 {
			row := &j.rows[key.company][like.last]
			row.Detail += fmt.Sprintf("; %d more like it until %s", like.more, like.until.UTC().Format(time.RFC3339))
		}
	}
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
	j.tell()
	rows, used, full := j.rows, j.used, j.size >= journalLimit
	j.clear()
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
