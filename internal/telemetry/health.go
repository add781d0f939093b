package telemetry

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// State is how far a process is in its life.
type State = int32

// The states of a process, in order.
const (
	Starting State = iota
	Serving
	Draining
)

// Health serves the three addresses. Ready means that the process serves and
// that the database answers: a source that fails or a mail server that is down
// makes work late, not this process useless.
type Health struct {
	Metrics *Metrics
	// Ping asks the database for a sign of life.
	Ping  func(context.Context) error
	State *atomic.Int32
	Log   *slog.Logger
}

// readyWait is how long the database may take to answer.
const readyWait = 2 * time.Second

// Handler is a mux with the addresses.
func (h *Health) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, "") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answer(w, h.trouble(r.Context())) })
	mux.Handle("GET /metrics", h.Metrics.Handler())
	return mux
}

// trouble says why this process should get no requests, "" for no reason.
func (h *Health) trouble(ctx context.Context) string {
	switch h.State.Load() {
	case Starting:
		return "starting"
	case Draining:
		return "draining: this process takes its leave"
	}
	ctx, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	if err := h.Ping(ctx); err != nil {
		h.Log.WarnContext(ctx, "not ready", "error", err)
		return "the database does not answer"
	}
	return ""
}

func answer(w http.ResponseWriter, trouble string) {
	status, text := http.StatusOK, "ok"
	if trouble != "" {
		status, text = http.StatusServiceUnavailable, trouble
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}
