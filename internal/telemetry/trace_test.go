package telemetry_test

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	spans "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/telemetry"
)

// otlp is a collector: it keeps the spans it is sent.
type otlp struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*spans.Span
	paths []string
}

func newOTLP(t *testing.T) *otlp {
	t.Helper()
	c := &otlp{}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	return c
}

// ServeHTTP takes an export (OTLP over HTTP, protobuf).
func (c *otlp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in io.Reader = r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		in = z
	}
	body, err := io.ReadAll(in)
	var req collector.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &req)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.paths = append(c.paths, r.URL.Path)
	for _, rs := range req.ResourceSpans {
		for _, ss := range rs.ScopeSpans {
			c.spans = append(c.spans, ss.Spans...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// names are the spans by name, the attributes of each as one text.
func (c *otlp) names() map[string]*spans.Span {
	out := map[string]*spans.Span{}
	for _, s := range c.spans {
		out[s.Name] = s
	}
	return out
}

func TestTraces(t *testing.T) {
	c := newOTLP(t)
	traces, err := telemetry.NewTraces(t.Context(), telemetry.TraceConfig{Endpoint: c.URL, Version: "v1"})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/setup/a-token?name=ada", nil)
	r.Header.Set("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	r.Header.Set("X-Request-Id", "req-1")
	_, line := serve(t, telemetry.Requests{Traces: traces, Level: slog.LevelInfo}, r, func(w http.ResponseWriter, r *http.Request) {
		registry.RequestOf(r.Context()).Route = "POST /setup/{token}"
		w.WriteHeader(http.StatusInternalServerError)
	})
	if line["trace_id"] != "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("the log does not know the trace: %v", line)
	}
	run := &registry.Run{PublicID: "run-1", SourceKey: "corp", Number: 3, State: registry.RunFailed}
	ctx, end := traces.Phase(t.Context(), run, "run")
	_, endRead := traces.Phase(ctx, run, "read")
	endRead(errors.New("uid=ada,ou=people is not there"))
	end(nil)
	if err := traces.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := c.names()
	for _, name := range []string{"POST pages", "sync run", "sync read"} {
		if got[name] == nil {
			t.Fatalf("no span %q among %d, sent to %v", name, len(c.spans), c.paths)
		}
	}
	if !slices.Equal(c.paths, []string{"/v1/traces"}) {
		t.Errorf("sent to %v", c.paths)
	}
	if string(got["sync read"].ParentSpanId) != string(got["sync run"].SpanId) {
		t.Error("the read is not a part of its run")
	}
	if got["POST pages"].Status.GetCode() != spans.Status_STATUS_CODE_ERROR || got["sync read"].Status.GetCode() != spans.Status_STATUS_CODE_ERROR {
		t.Error("what failed does not say so")
	}
	var all strings.Builder
	for _, s := range c.spans {
		all.WriteString(s.String())
	}
	for _, want := range []string{"POST /setup/{token}", "req-1", "run-1", "corp"} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no span tells %q", want)
		}
	}
	for _, secret := range []string{"a-token", "ada"} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("a span tells %q", secret)
		}
	}
}

// The standard variables alone are enough, and headers come from them.
func TestTracesFromTheEnvironment(t *testing.T) {
	c := newOTLP(t)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.URL)
	traces, err := telemetry.NewTraces(t.Context(), telemetry.TraceConfig{})
	if err != nil {
		t.Fatal(err)
	}
	_, end := traces.Phase(t.Context(), &registry.Run{}, "run")
	end(nil)
	if err := traces.Stop(t.Context()); err != nil || len(c.spans) != 1 {
		t.Errorf("%d spans, %v", len(c.spans), err)
	}
}

func TestNoTraces(t *testing.T) {
	var off *telemetry.Traces
	ctx, end := off.Phase(t.Context(), &registry.Run{}, "run")
	end(nil)
	if ctx != t.Context() || off.Stop(context.Background()) != nil {
		t.Error("off is not off")
	}
}

// BenchmarkRequests is what the trail of a request costs with traces off.
func BenchmarkRequests(b *testing.B) {
	q := telemetry.Requests{
		NewID: func() string { return "id" }, Now: func() time.Time { return noon }, Log: slog.New(slog.DiscardHandler),
		Level: slog.LevelDebug, Metrics: newFixture().Metrics, Door: func(*http.Request) string { return "scim" },
	}
	h := q.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	r := httptest.NewRequest(http.MethodGet, "/scim/v2/Users/1", nil)
	b.ReportAllocs()
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
