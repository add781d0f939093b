package scim

import (
	"fmt"
	"net/http"
	"strconv"
)

// flushAt is how many bytes of a body are kept before the answer begins. What
// is shorter can still become an error, and has a Content-Length.
const flushAt = 64 << 10

// usual is how long most bodies are at most.
const usual = 2 << 10

// stream writes an answer's body, holding little of it.
type stream struct {
	w     http.ResponseWriter
	a     *answer
	buf   []byte
	begun bool
	head  bool // the body is not wanted
}

// begunError is an error that came when part of the body had gone out.
type begunError struct{ err error }

func (e *begunError) Error() string { return fmt.Sprintf("write body: %v", e.err) }
func (e *begunError) Unwrap() error { return e.err }

// text adds JSON that is ready.
func (s *stream) text(t string) { s.buf = append(s.buf, t...) }

// value adds a value.
func (s *stream) value(v any) { s.buf = appendJSON(s.buf, v) }

// member adds a name and a value to an object that has members before it.
func (s *stream) member(name string, v any) {
	s.text(",")
	s.value(name)
	s.text(":")
	s.value(v)
}

// flush sends what there is once it is enough.
func (s *stream) flush() error {
	if len(s.buf) < flushAt {
		return nil
	}
	if !s.begun {
		s.begun = true
		s.headers()
	}
	return s.drain()
}

// drain sends what there is.
func (s *stream) drain() error {
	var err error
	if !s.head && len(s.buf) > 0 {
		_, err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
	if err != nil {
		return &begunError{err}
	}
	return nil
}

// headers sends status and headers.
func (s *stream) headers() {
	h := s.w.Header()
	// What an answer holds is personal, and true for one caller.
	h.Set("Cache-Control", "no-store")
	if s.a.write != nil {
		h.Set("Content-Type", mediaType)
	}
	if s.a.location != "" {
		h.Set("Location", s.a.location)
	}
	if s.a.tag != "" {
		h.Set("ETag", entityTag(s.a.tag))
	}
	s.w.WriteHeader(s.a.status)
}

// send sends an answer. An error is a *begunError when the client has part of
// it already.
func send(w http.ResponseWriter, r *http.Request, a *answer) error {
	s := &stream{w: w, a: a, head: r.Method == http.MethodHead}
	if a.write != nil {
		s.buf = make([]byte, 0, usual)
		if err := a.write(s); err != nil {
			if s.begun {
				return &begunError{err}
			}
			return err
		}
	}
	if !s.begun {
		if a.write != nil {
			w.Header().Set("Content-Length", strconv.Itoa(len(s.buf)))
		}
		s.headers()
	}
	return s.drain()
}
