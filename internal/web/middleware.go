package web

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// maxForm is the most a submitted form may hold, in bytes.
const maxForm = 64 << 10

// headers are sent with every answer. Pages take nothing from elsewhere, tell
// nobody where a visitor came from and cannot be framed.
var headers = map[string]string{
	"Content-Security-Policy":      "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	"Referrer-Policy":              "no-referrer",
	"X-Content-Type-Options":       "nosniff",
	"X-Frame-Options":              "DENY",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Permissions-Policy":           "camera=(), geolocation=(), microphone=()",
}

// trace is what is known of a request while it is served.
type trace struct {
	id      string
	failing bool
	client  auth.Client
}

type traceKey struct{}

func traceOf(ctx context.Context) *trace {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		return t
	}
	return &trace{}
}

func requestID(ctx context.Context) string { return traceOf(ctx).id }
func route(ctx context.Context) string     { return registry.RequestOf(ctx).Route }
func failing(ctx context.Context) bool     { return traceOf(ctx).failing }

func markFailing(ctx context.Context) context.Context {
	t := *traceOf(ctx)
	t.failing = true
	return context.WithValue(ctx, traceKey{}, &t)
}

// Handler serves the mux's pages within the frame: headers, log, recovery,
// static files, sessions, preferences, protection against foreign forms, and
// our own pages where the mux has none.
func (s *Shell) Handler(mux *http.ServeMux) http.Handler {
	guard := http.NewCrossOriginProtection()
	if err := guard.AddTrustedOrigin(s.cfg.PublicURL.Scheme + "://" + s.cfg.PublicURL.Host); err != nil {
		panic(fmt.Sprintf("public URL is no origin: %v", err)) // New has looked at it
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Refuse(w, r, http.StatusForbidden)
	}))
	pages := s.Sessions.Wrap(s.preferences(guard.Handler(s.routes(mux))))
	return s.traced(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, staticPath) {
			if !s.static.serve(w, r) {
				s.Refuse(w, r, http.StatusNotFound)
			}
			return
		}
		pages.ServeHTTP(w, r)
	}))
}

// traced sets the headers and turns a panic into a clean page. The request has
// its name from whoever let it in.
func (s *Shell) traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		t := &trace{id: registry.RequestID(r.Context())}
		if t.id == "" {
			t.id = s.cfg.NewRequestID()
		}
		t.client = s.Client(r)
		t.client.Request = t.id
		r = r.WithContext(context.WithValue(r.Context(), traceKey{}, t))
		w := &statusWriter{ResponseWriter: rw}
		for k, v := range headers {
			w.Header().Set(k, v)
		}
		if s.Secure() {
			w.Header().Set("Strict-Transport-Security", "max-age=31536000")
		}
		w.Header().Set("X-Request-Id", t.id)
		defer func() {
			if p := recover(); p != nil {
				s.recovered(w, r, p)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// recovered answers for a handler that panicked.
func (s *Shell) recovered(w *statusWriter, r *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // the documented way to compare a panic value
		panic(p)
	}
	s.cfg.Log.ErrorContext(r.Context(), "handler panicked",
		"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if w.status != 0 {
		panic(http.ErrAbortHandler) // half an answer is out: the connection must not look whole
	}
	s.Fail(w, r, fmt.Errorf("panic: %v", p))
}

// routes serves the mux, notes the route, bounds forms, and shows our own pages
// where the mux would answer 404 or 405 in plain text.
func (s *Shell) routes(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, pattern := mux.Handler(r)
		registry.RequestOf(r.Context()).Route = pattern // paths and queries can hold tokens
		if pattern == "" {
			probe := &probeWriter{header: http.Header{}}
			h.ServeHTTP(probe, r)
			if allow := probe.header.Get("Allow"); allow != "" {
				w.Header().Set("Allow", allow)
			}
			if probe.status != http.StatusMethodNotAllowed {
				probe.status = http.StatusNotFound // also where only a tidier path was proposed
			}
			s.Refuse(w, r, probe.status)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, s.room(w, pattern))
		mux.ServeHTTP(w, r)
	})
}

// fileTime is how long the sending of a file may take: its largest at a megabit
// a second.
const fileTime = 10 * time.Minute

// room is how much a form may hold. One with a file gets the time for it, where
// the connection knows of time.
func (s *Shell) room(w http.ResponseWriter, pattern string) int64 {
	size, ok := s.bodies[pattern]
	if !ok {
		return maxForm
	}
	control, until := http.NewResponseController(w), time.Now().Add(fileTime) // the network keeps real time
	_ = control.SetReadDeadline(until)
	_ = control.SetWriteDeadline(until.Add(time.Minute))
	return size
}

// statusWriter notes the status that was sent.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// probeWriter learns what the mux would answer, sending nothing.
type probeWriter struct {
	header http.Header
	status int
}

// Header implements http.ResponseWriter.
func (p *probeWriter) Header() http.Header { return p.header }

// WriteHeader implements http.ResponseWriter.
func (p *probeWriter) WriteHeader(status int) { p.status = status }

// Write implements http.ResponseWriter.
func (p *probeWriter) Write(b []byte) (int, error) { return len(b), nil }
