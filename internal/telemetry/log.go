package telemetry

import (
	"context"
	"io"
	"log/slog"

	"go.opentelemetry.io/otel/trace"

	"github.com/usherd/usher/internal/registry"
)

// NewLog makes the log of a process: JSON, or text for people. Lines about a
// request or a run carry its id, and that of the trace they belong to.
func NewLog(w io.Writer, format string, level slog.Level) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == "text" {
		return slog.New(trailing{slog.NewTextHandler(w, o)})
	}
	return slog.New(trailing{slog.NewJSONHandler(w, o)})
}

// trailing adds the ids in a line's context to the line.
type trailing struct{ slog.Handler }

// Handle implements slog.Handler.
func (h trailing) Handle(ctx context.Context, r slog.Record) error {
	if id := registry.RequestID(ctx); id != "" {
		r.AddAttrs(slog.String("request_id", id))
	}
	if id := registry.RunOf(ctx); id != "" {
		r.AddAttrs(slog.String("run_id", id))
	}
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h trailing) WithAttrs(attrs []slog.Attr) slog.Handler {
	return trailing{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h trailing) WithGroup(name string) slog.Handler { return trailing{h.Handler.WithGroup(name)} }
