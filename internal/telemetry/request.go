package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/usherd/usher/internal/registry"
)

// requestHeader names a request, in what comes in and in every answer.
const requestHeader = "X-Request-Id"

// goodID is what a request's name may look like. A proxy's own is kept, so that
// its log and ours speak of the same request; anything else, which could forge a
// line or fill the log, gets a new one.
var goodID = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// Requests follows requests through the process. Metrics and Traces may be nil.
type Requests struct {
	NewID func() string
	Now   func() time.Time
	Log   *slog.Logger
	// Level is that of the access log: a line for every answer.
	Level   slog.Level
	Metrics *Metrics
	Traces  *Traces
	// Door says which part of the service a request is for, in a word of a fixed
	// list.
	Door func(*http.Request) string
}

// Handler serves next with a trail: the request's id in its context and in the
// answer, the access log, the metrics and a span.
func (q *Requests) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		begun := q.Now()
		req := &registry.Request{ID: r.Header.Get(requestHeader)}
		if !goodID.MatchString(req.ID) {
			req.ID = q.NewID()
		}
		rw.Header().Set(requestHeader, req.ID)
		ctx := registry.WithRequest(r.Context(), req)
		door, w := q.Door(r), &watched{ResponseWriter: rw}
		if q.Traces != nil {
			var end func(*registry.Request, int)
			ctx, end = q.Traces.request(ctx, r, door)
			defer func() { end(req, w.code()) }()
		}
		defer func() {
			took := q.Now().Sub(begun)
			q.Metrics.served(door, r.Method, w.code(), took)
			if q.Log.Enabled(ctx, q.Level) {
				q.Log.Log(ctx, q.Level, "request", "door", door, "method", methodOf(r.Method), "route", req.Route, "status", w.code(),
					"bytes", w.sent, "duration", took.Round(time.Microsecond))
			}
		}()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// watched notes the status and the size of an answer.
type watched struct {
	http.ResponseWriter
	status int
	sent   int64
}

// WriteHeader implements http.ResponseWriter.
func (w *watched) WriteHeader(status int) {
	if w.status == 0 && status >= http.StatusOK { // those below only announce an answer
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements io.Writer.
func (w *watched) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.sent += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *watched) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// methods are the ones counted by name.
var methods = map[string]bool{
	http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true,
	http.MethodDelete: true, http.MethodOptions: true,
}

// methodOf bounds a method to those there are: a client may send any word.
func methodOf(method string) string {
	if methods[method] {
		return method
	}
	return "other"
}

// wire is how traces go from one service to the next (W3C Trace Context).
var wire propagation.TraceContext

// request begins the span of a request. It tells the route and never the path or
// the query, which can hold tokens and names.
func (t *Traces) request(ctx context.Context, r *http.Request, door string) (context.Context, func(*registry.Request, int)) {
	ctx = wire.Extract(ctx, propagation.HeaderCarrier(r.Header))
	ctx, span := t.tracer.Start(ctx, methodOf(r.Method)+" "+door, trace.WithSpanKind(trace.SpanKindServer))
	return ctx, func(req *registry.Request, status int) {
		span.SetAttributes(
			attribute.String("http.request.method", methodOf(r.Method)), attribute.String("http.route", req.Route),
			attribute.Int("http.response.status_code", status), attribute.String("usher.request_id", req.ID), attribute.String("usher.door", door))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
		span.End()
	}
}
