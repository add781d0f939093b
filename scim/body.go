package scim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"
)

// What large bodies may take together, so that many at once are bounded as well
// as one is. A body of up to smallBody bytes is never refused or kept waiting.
const (
	smallBody = 64 << 10
	// heldBodies is how many bytes of them may have been read and wait. One that
	// comes when it is spent is told to come again: the client decides how fast
	// its body comes, and nobody must wait for that.
	heldBodies = 64 << 20
	// workedBodies is how many bytes of them are worked on at a time, where they
	// take some 12 times as much; the others wait.
	workedBodies = 16 << 20
)

// bodies counts what large bodies take.
type bodies struct {
	held, worked *semaphore.Weighted
}

func newBodies(l Limits) bodies {
	most := max(workedBodies, l.Body, l.BulkBody)
	return bodies{held: semaphore.NewWeighted(max(heldBodies, most)), worked: semaphore.NewWeighted(most)}
}

// read reads the body of a request. The caller calls done when nothing needs the
// object any more; it is never nil.
// length is what the client says of it, -1 for nothing.
func (b bodies) read(ctx context.Context, body io.Reader, length int64) (o map[string]any, done func(), err error) {
	done = func() {}
	m := &metered{Reader: body, held: b.held, free: smallBody}
	defer func() { b.held.Release(m.taken) }()
	var whole bytes.Buffer
	whole.Grow(int(min(max(length, 0), usual)) + bytes.MinRead)
	_, err = whole.ReadFrom(m)
	text := whole.Bytes()
	var own *Error
	var tooBig *http.MaxBytesError
	switch {
	case errors.As(err, &tooBig), errors.As(err, &own):
		return nil, done, err
	case err != nil:
		return nil, done, Errorf(InvalidSyntax, "the body ended before it was whole")
	}
	if n := int64(len(text)); n > smallBody {
		if err := b.worked.Acquire(ctx, n); err != nil {
			return nil, done, err
		}
		done = func() { b.worked.Release(n) }
	}
	o, err = decodeObject(text)
	return o, done, err
}

// metered takes from held what it reads beyond the free bytes.
type metered struct {
	io.Reader
	held        *semaphore.Weighted
	free, taken int64
}

// Read implements io.Reader.
func (m *metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	if m.free -= int64(n); m.free < 0 {
		if !m.held.TryAcquire(-m.free) {
			return n, &Error{Kind: Unavailable, Detail: "too many large bodies at once; try again", RetryAfter: time.Second}
		}
		m.taken -= m.free
		m.free = 0
	}
	return n, err
}

// readBody reads the JSON object that a request carries. The caller calls done
// when nothing needs it any more.
func (h *handler) readBody(w http.ResponseWriter, r *http.Request, segments []string) (o map[string]any, done func(), err error) {
	none := func() {}
	if t := r.Header.Get("Content-Type"); !isJSON(t) {
		return nil, none, Errorf(UnsupportedMediaType, "the body must be %s or application/json, not %q", mediaType, t)
	}
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return nil, none, Errorf(UnsupportedMediaType, "the body must not be compressed, as %q is", e)
	}
	limit := h.Limits.Body
	if len(segments) == 1 && segments[0] == "Bulk" {
		limit = h.Limits.BulkBody
	}
	if r.ContentLength > limit {
		return nil, none, &http.MaxBytesError{Limit: limit}
	}
	return h.bodies.read(r.Context(), http.MaxBytesReader(w, r.Body, limit), r.ContentLength)
}
