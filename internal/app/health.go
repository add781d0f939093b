package app

import (
	"context"
	"io"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/usherd/usher/internal/config"
	"github.com/usherd/usher/internal/jobs"
	usermail "github.com/usherd/usher/internal/mail"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/scimserver"
	"github.com/usherd/usher/internal/telemetry"
)

// NewLog makes the server's log as the file says; verbose lets everything
// through.
func NewLog(cfg *config.Config, w io.Writer, verbose bool) *slog.Logger {
	level := levelOf(cfg.Log.Level)
	if verbose {
		level = slog.LevelDebug
	}
	return telemetry.NewLog(w, cfg.Log.Format, level)
}

// CommandLog is the log of a command that was told to be verbose.
func CommandLog(w io.Writer) *slog.Logger { return telemetry.NewLog(w, "text", slog.LevelDebug) }

// levelOf is a level by its name; "off" is above all there are.
func levelOf(name string) slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(name)) != nil {
		return math.MaxInt
	}
	return level
}

// newTraces begins to trace where the configuration or the environment says so.
func newTraces(ctx context.Context, cfg *config.Config, version string) (*telemetry.Traces, error) {
	if !cfg.Tracing.On() {
		return nil, nil //nolint:nilnil // nil is who traces nothing
	}
	return telemetry.NewTraces(ctx, telemetry.TraceConfig{Endpoint: cfg.Tracing.Endpoint, Percent: cfg.Tracing.Percent, Version: version})
}

// health is what the telemetry address serves.
func (s *Server) health() *telemetry.Health {
	return &telemetry.Health{Metrics: s.metrics, Ping: s.Store.Ping, State: &s.state, Log: s.Log}
}

func (s *Server) newMetrics(version string) *telemetry.Metrics {
	return telemetry.NewMetrics(version, &telemetry.Watch{Vitals: s.vitals, Interval: s.longestPause(), Now: s.Now, Log: s.Log})
}

// vitals are those of the database with its durable queue.
func (c *Core) vitals(ctx context.Context) (registry.Vitals, error) {
	v, err := c.Store.Vitals(ctx)
	if err != nil {
		return v, err
	}
	v.Jobs, err = jobs.Backlog(ctx, c.Store.ReadDB(), c.Store.Postgres())
	return v, err
}

// longestPause tells how long a schedule may pause, as seen from the first time
// it was asked.
func (s *Server) longestPause() func(schedule string) time.Duration {
	var known sync.Map
	return func(schedule string) time.Duration {
		if d, ok := known.Load(schedule); ok {
			return d.(time.Duration)
		}
		d := jobs.LongestPause(schedule, s.Now())
		known.Store(schedule, d)
		return d
	}
}

// requests follows the requests of this process.
func (s *Server) requests() *telemetry.Requests {
	return &telemetry.Requests{
		NewID: newID, Now: s.Now, Log: s.Log, Level: levelOf(s.Config.Log.Requests), Metrics: s.metrics, Traces: s.traces, Door: doorOf,
	}
}

// doorOf is the part of the service a request is for.
func doorOf(r *http.Request) string {
	for _, d := range []struct{ prefix, name string }{{scimPath, "scim"}, {"/api/", "api"}, {"/oauth/", "oauth"}} {
		if strings.HasPrefix(r.URL.Path, d.prefix) {
			return d.name
		}
	}
	return "pages"
}

// scimServed counts SCIM requests by the connection's name, with its company's:
// connections of two companies may share one.
func (s *Server) scimServed() func(scimserver.Served) {
	var names sync.Map // of companies, by key
	return func(r scimserver.Served) {
		connection := ""
		if id := r.Connection.Company; id != 0 {
			name, ok := names.Load(id)
			if !ok {
				if name = s.labelOf(id); name != "unknown" {
					names.Store(id, name)
				}
			}
			connection = name.(string) + "/" + r.Connection.Key
		}
		s.metrics.Scim(connection, r.Resource, r.Method, r.Status, r.Took)
	}
}

// labelOf is the key of a company, "unknown" while the database does not
// tell.
func (s *Server) labelOf(id registry.CompanyID) string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	key, err := s.companyKey(ctx, id)
	if err != nil {
		s.Log.WarnContext(ctx, "name company", "error", err)
		return "unknown"
	}
	return key
}

// countMails counts what became of attempts at mails.
func (s *Server) countMails(stats usermail.Stats) {
	for outcome, n := range map[string]int{"sent": stats.Sent, "deferred": stats.Retried, "refused": stats.Failed, "cancelled": stats.Cancelled} {
		s.metrics.Mails(outcome, n)
	}
}

// logChanges tells who debugs of each change by its number, the same that
// reports and exports show. A batch of a run has many: nothing is made of them
// unless somebody looks.
func (c *Core) logChanges(ctx context.Context, changes []registry.PendingChange) {
	if !c.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	for _, p := range changes {
		c.Log.DebugContext(ctx, "changed", "change_id", p.Change.ID, "action", p.Change.Action, "actor", p.Change.Actor)
	}
}
