package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/telemetry"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// vitals are those of an installation where everything happened once.
func vitals() registry.Vitals {
	return registry.Vitals{
		Sources: []registry.SourceVitals{
			{Company: "acme", Key: "corp", Schedule: "@daily", NextDue: noon.Add(time.Hour), LastSuccess: noon.Add(-time.Hour), HeldRun: 7, HeldChanges: 412},
			{Company: "acme", Key: "fresh", QuarantinedAt: noon, PausedAt: noon, Failures: 3},
		},
		Connections: []registry.ConnectionVitals{{Company: "acme", Name: "okta", LastRequest: noon, TokenEnds: noon}, {Company: "acme", Name: "new"}},
		Mails:       registry.Backlog{States: map[string]int64{"new": 2, "retrying": 1}, Oldest: noon.Add(-time.Minute)},
		Deliveries:  registry.Backlog{States: map[string]int64{"new": 0, "retrying": 0}},
		Jobs:        registry.Backlog{States: map[string]int64{"waiting": 1, "running": 2}, Oldest: noon.Add(time.Hour)},
		Processes:   2,
		LastBackup:  registry.Backup{At: noon, Problem: "no space left"},
		GoodBackup:  registry.Backup{At: noon.Add(-time.Hour), File: "/b", Bytes: 42},
	}
}

type fixture struct {
	*telemetry.Metrics
	now   time.Time
	asked int
	err   error
}

func newFixture() *fixture {
	f := &fixture{now: noon}
	f.Metrics = telemetry.NewMetrics("v1.2.3", &telemetry.Watch{
		Vitals: func(context.Context) (registry.Vitals, error) { f.asked++; return vitals(), f.err },
		Interval: func(schedule string) time.Duration {
			if schedule == "" {
				return 0
			}
			return 24 * time.Hour
		},
		Now: func() time.Time { return f.now }, Log: slog.New(slog.DiscardHandler),
	})
	return f
}

// work has something of everything counted.
func (f *fixture) work() {
	f.Scim("acme/okta", "Users", "POST", 201, time.Millisecond)
	f.Run(&registry.Run{
		SourceKey: "corp", Mode: registry.ModeRun, State: registry.RunPartial, StartedAt: noon, FinishedAt: noon.Add(time.Minute),
		Counts: registry.Counts{Created: 3, MembersRemoved: 1, Failed: 2, Conflicts: 1},
	})
	f.Run(&registry.Run{SourceKey: "corp", Mode: registry.ModePreview, State: registry.RunDone, Counts: registry.Counts{Created: 99}})
	f.Mails("sent", 5)
}

// page is what /metrics says.
func (f *fixture) page(t *testing.T) string {
	t.Helper()
	w := httptest.NewRecorder()
	f.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestMetrics(t *testing.T) {
	f := newFixture()
	f.work()
	page := f.page(t)
	for _, line := range []string{
		`usher_build_info{version="v1.2.3"} 1`,
		`usher_database_up 1`,
		`usher_sync_last_success_timestamp_seconds{source="corp"} 1.7723628e+09`,
		`usher_sync_interval_seconds{source="corp"} 86400`,
		`usher_sync_held_changes{source="corp"} 412`,
		`usher_sync_held_changes{source="fresh"} 0`,
		`usher_source_quarantined{source="fresh"} 1`,
		`usher_source_paused{source="corp"} 0`,
		`usher_sync_runs_total{outcome="partial",source="corp"} 1`,
		`usher_sync_run_duration_seconds_sum{source="corp"} 60`,
		`usher_sync_changes_total{action="create",outcome="done",source="corp"} 3`,
		`usher_sync_changes_total{action="any",outcome="failed",source="corp"} 2`,
		`usher_scim_requests_total{code="201",connection="acme/okta",method="POST",resource="Users"} 1`,
		`usher_scim_last_request_timestamp_seconds{connection="acme/okta"} 1.7723664e+09`,
		`usher_mail_queue{state="retrying"} 1`,
		`usher_mail_oldest_pending_seconds 60`,
		`usher_webhook_oldest_pending_seconds 0`,
		`usher_jobs_oldest_pending_seconds 0`, // of another clock: no age below none
		`usher_mails_total{outcome="sent"} 5`,
		`usher_processes 2`,
		`usher_backup_last_success_timestamp_seconds 1.7723628e+09`,
		`go_goroutines `,
		`process_resident_memory_bytes `,
	} {
		if !strings.Contains(page, "\n"+line) {
			t.Errorf("lacks %s", line)
		}
	}
	for _, absent := range []string{`last_success_timestamp_seconds{source="fresh"}`, `interval_seconds{source="fresh"}`, `last_request_timestamp_seconds{connection="acme/new"}`} {
		if strings.Contains(page, absent) {
			t.Errorf("tells %s, which nothing is known of", absent)
		}
	}
}

func TestMetricsKeepToTheConventions(t *testing.T) {
	f := newFixture()
	f.work()
	problems, err := testutil.GatherAndLint(f.Registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// One look at the database serves everybody who scrapes within moments, and a
// database that is gone is told as such, without old numbers.
func TestVitalsAreKeptForMoments(t *testing.T) {
	f := newFixture()
	for range 3 {
		f.page(t)
	}
	if f.asked != 1 {
		t.Errorf("asked the database %d times for three scrapes at once", f.asked)
	}
	f.now, f.err = f.now.Add(time.Minute), errors.New("gone")
	page := f.page(t)
	if f.asked != 2 || !strings.Contains(page, "\nusher_database_up 0") || strings.Contains(page, "usher_sync_held_changes") {
		t.Errorf("asked %d times; %.300s", f.asked, page)
	}
}

// serve answers one request behind the middleware, and gives the answer and what
// the log says.
func serve(t *testing.T, q telemetry.Requests, r *http.Request, h http.HandlerFunc) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	var log bytes.Buffer
	q.NewID, q.Now = func() string { return "new-id" }, func() time.Time { return noon }
	q.Log, q.Door = telemetry.NewLog(&log, "json", slog.LevelInfo), func(*http.Request) string { return "pages" }
	w := httptest.NewRecorder()
	q.Handler(h).ServeHTTP(w, r)
	line := map[string]any{}
	if log.Len() > 0 {
		if err := json.Unmarshal(log.Bytes(), &line); err != nil {
			t.Fatalf("%v: %s", err, log.String())
		}
	}
	return w, line
}

func TestRequestTrail(t *testing.T) {
	for given, want := range map[string]string{
		"": "new-id", "from-the.proxy_1": "from-the.proxy_1", "two words": "new-id", "line\nbreak": "new-id",
		"-flag": "new-id", strings.Repeat("x", 65): "new-id", strings.Repeat("x", 64): strings.Repeat("x", 64), "é": "new-id",
	} {
		r := httptest.NewRequest(http.MethodGet, "/setup/a-token?code=secret", nil)
		r.Header.Set("X-Request-Id", given)
		var inside string
		w, line := serve(t, telemetry.Requests{}, r, func(w http.ResponseWriter, r *http.Request) {
			inside = registry.RequestID(r.Context())
			registry.RequestOf(r.Context()).Route = "GET /setup/{token}"
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "tea")
		})
		if inside != want || w.Header().Get("X-Request-Id") != want || line["request_id"] != want {
			t.Errorf("%q: inside %q, out %q, log %v; want %q", given, inside, w.Header().Get("X-Request-Id"), line["request_id"], want)
		}
		if line["route"] != "GET /setup/{token}" || line["status"] != 418.0 || line["bytes"] != 3.0 || line["door"] != "pages" {
			t.Errorf("line %v", line)
		}
		if text, _ := json.Marshal(line); strings.Contains(string(text), "a-token") || strings.Contains(string(text), "secret") {
			t.Errorf("the access log tells what the path holds: %s", text)
		}
	}
}

func TestAccessLogOff(t *testing.T) {
	_, line := serve(t, telemetry.Requests{Level: slog.LevelDebug}, httptest.NewRequest(http.MethodGet, "/", nil), func(http.ResponseWriter, *http.Request) {})
	if len(line) != 0 {
		t.Errorf("a line below the level: %v", line)
	}
}

// What clients make up makes no series.
func TestRequestsAreCountedWithinBounds(t *testing.T) {
	f := newFixture()
	for range 3 {
		r := httptest.NewRequest("BREW", "/anything", nil)
		serve(t, telemetry.Requests{Metrics: f.Metrics, Level: slog.LevelDebug}, r, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(799) })
	}
	if page := f.page(t); !strings.Contains(page, `usher_http_requests_total{code="other",door="pages",method="other"} 3`) {
		t.Errorf("%.600s", page)
	}
}

func TestRunsLogTheirID(t *testing.T) {
	var log bytes.Buffer
	l := telemetry.NewLog(&log, "text", slog.LevelInfo).With("source", "corp").WithGroup("g")
	l.InfoContext(registry.WithRun(t.Context(), "0190-run"), "run ended")
	if !strings.Contains(log.String(), "run_id=0190-run") {
		t.Error(log.String())
	}
}

func TestHealth(t *testing.T) {
	var state atomic.Int32
	var down error
	h := (&telemetry.Health{
		Metrics: newFixture().Metrics, State: &state, Log: slog.New(slog.DiscardHandler), Ping: func(context.Context) error { return down },
	}).Handler()
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	for _, c := range []struct {
		state telemetry.State
		down  error
		code  int
		says  string
	}{
		{telemetry.Starting, nil, 503, "starting"},
		{telemetry.Serving, nil, 200, "ok"},
		{telemetry.Serving, errors.New("gone"), 503, "the database does not answer"},
		{telemetry.Draining, nil, 503, "draining: this process takes its leave"},
	} {
		state.Store(c.state)
		down = c.down
		if code, says := ask("/readyz"); code != c.code || says != c.says {
			t.Errorf("state %d, %v: %d %s", c.state, c.down, code, says)
		}
		if code, _ := ask("/livez"); code != 200 {
			t.Errorf("state %d: not alive: %d", c.state, code)
		}
	}
}
