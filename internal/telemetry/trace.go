package telemetry

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	api "go.opentelemetry.io/otel/trace"

	"github.com/usherd/usher/internal/registry"
)

// Traces sends spans to a collector. A nil *Traces makes none, and costs
// nothing.
type Traces struct {
	provider *trace.TracerProvider
	tracer   api.Tracer
}

// TraceConfig says where spans go.
type TraceConfig struct {
	// Endpoint is the collector's base address, to which /v1/traces is added, as
	// the OTLP specification has it for OTEL_EXPORTER_OTLP_ENDPOINT; "" leaves
	// the address to the standard variables.
	Endpoint string
	// Percent is how many of a hundred requests and runs are traced unless the
	// caller decided already; 0 leaves it to OTEL_TRACES_SAMPLER, which means all.
	Percent int
	Version string
}

// NewTraces begins to trace. Headers, certificates and what else the standard
// variables say are the exporter's own business.
func NewTraces(ctx context.Context, c TraceConfig) (*Traces, error) {
	var to []otlptracehttp.Option
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil {
			return nil, fmt.Errorf("parse address of traces: %w", err)
		}
		u.Path = strings.TrimSuffix(u.Path, "/") + "/v1/traces"
		to = append(to, otlptracehttp.WithEndpointURL(u.String()))
	}
	exporter, err := otlptracehttp.New(ctx, to...)
	if err != nil {
		return nil, fmt.Errorf("begin traces: %w", err)
	}
	what, err := resource.New(ctx, resource.WithAttributes(
		attribute.String("service.name", "usher"), attribute.String("service.version", c.Version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("begin traces: %w", err)
	}
	options := []trace.TracerProviderOption{trace.WithBatcher(exporter), trace.WithResource(what)}
	if c.Percent > 0 {
		options = append(options, trace.WithSampler(trace.ParentBased(trace.TraceIDRatioBased(float64(c.Percent)/100))))
	}
	provider := trace.NewTracerProvider(options...)
	return &Traces{provider: provider, tracer: provider.Tracer("github.com/usherd/usher")}, nil
}

// Phase begins the span of a part of a run; what it returns ends it.
func (t *Traces) Phase(ctx context.Context, r *registry.Run, name string) (context.Context, func(error)) {
	if t == nil {
		return ctx, func(error) {}
	}
	ctx, span := t.tracer.Start(ctx, "sync "+name, api.WithAttributes(
		attribute.String("usher.source", r.SourceKey), attribute.String("usher.run_id", r.PublicID),
		attribute.Int64("usher.run", r.Number), attribute.String("usher.trigger", r.Trigger), attribute.String("usher.mode", r.Mode)))
	return ctx, func(err error) {
		span.SetAttributes(attribute.String("usher.state", string(r.State)))
		if err != nil {
			// The error's own words can name people and servers: the log has them.
			span.SetStatus(codes.Error, "see the log")
		}
		span.End()
	}
}

// Stop sends what waits and ends.
func (t *Traces) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send last traces: %w", err)
	}
	return nil
}
