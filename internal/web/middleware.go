package web

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"
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

// ScriptsOwn is the header that lets a page run scripts of ours, which is for a
// page that can do without them.
func ScriptsOwn(w http.ResponseWriter) {
	w.Header().Set("Content-Security-Policy", "script-src 'self'; "+headers["Content-Security-Policy"])
}

// trace is what is known of a request while it is served.
type trace struct {
	id      string
	route   string // the mux pattern: paths and queries can hold tokens
	failing bool
}

type traceKey struct{}

func traceOf(ctx context.Context) *trace {
	if t, ok := ctx.Value(traceKey{}).(*trace); ok {
		return t
	}
	return &trace{}
}

func requestID(ctx context.Context) string { return traceOf(ctx).id }
func route(ctx context.Context) string     { return traceOf(ctx).route }
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

// traced names the request, sets the headers, logs the outcome and turns a
// panic into a clean page.
func (s *Shell) traced(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		t := &trace{id: s.cfg.NewRequestID()}
		r = r.WithContext(context.WithValue(r.Context(), traceKey{}, t))
		w := &statusWriter{ResponseWriter: rw}
		start := s.cfg.Now()
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
			s.cfg.Log.InfoContext(r.Context(), "request", "request_id", t.id, "method", r.Method,
				"route", t.route, "status", w.status, "duration", s.cfg.Now().Sub(start).Round(time.Microsecond))
		}()
		next.ServeHTTP(w, r)
	})
}

// recovered answers for a handler that panicked.
func (s *Shell) recovered(w *statusWriter, r *http.Request, p any) {
	if p == http.ErrAbortHandler { //nolint:errorlint // the documented way to compare a panic value
		panic(p)
	}
	s.cfg.Log.ErrorContext(r.Context(), "handler panicked", "request_id", requestID(r.Context()),
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
		traceOf(r.Context()).route = pattern
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
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		mux.ServeHTTP(w, r)
	})
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
