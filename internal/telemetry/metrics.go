package telemetry

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/usherd/usher/internal/registry"
)

// Metrics are what a process tells at /metrics. A nil *Metrics counts nothing.
type Metrics struct {
	reg   *prometheus.Registry
	names []string

	requests, scim, runs, changes, mails *prometheus.CounterVec
	requestTime, scimTime, runTime       *prometheus.HistogramVec
}

// quick are the buckets of what somebody waits for, in seconds; long are those
// of runs, from a second to hours.
var (
	quick = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}
	long  = []float64{.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 1800, 3600, 3 * 3600, 12 * 3600}
)

// NewMetrics makes the metrics of a process of a version. vitals are asked at
// every scrape.
func NewMetrics(version string, vitals *Watch) *Metrics {
	m := &Metrics{reg: prometheus.NewRegistry()}
	count := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
		m.reg.MustRegister(c)
		m.names = append(m.names, name)
		return c
	}
	measure := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
		m.reg.MustRegister(h)
		m.names = append(m.names, name+"_bucket", name+"_sum", name+"_count")
		return h
	}
	m.requests = count("usher_http_requests_total", "Requests answered, by door (scim, api, oauth, pages).", "door", "method", "code")
	m.requestTime = measure("usher_http_request_duration_seconds", "Time until a request was answered, by door.", quick, "door")
	m.scim = count("usher_scim_requests_total", "SCIM requests, by connection (company/name), resource, method and status code.", "connection", "resource", "method", "code")
	m.scimTime = measure("usher_scim_request_duration_seconds", "Time until a SCIM request was answered, by connection.", quick, "connection")
	m.runs = count("usher_sync_runs_total", "Runs of sources that ended, by the state they ended in.", "source", "outcome")
	m.runTime = measure("usher_sync_run_duration_seconds", "How long runs of sources took.", long, "source")
	m.changes = count("usher_sync_changes_total", "Records that runs changed, failed to change or left for somebody to decide, by action and outcome.", "source", "action", "outcome")
	m.mails = count("usher_mails_total", "Attempts at mails, by outcome (sent, refused, deferred).", "outcome")
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "usher_build_info", Help: "1, with the version as a label."}, []string{"version"})
	build.WithLabelValues(version).Set(1)
	m.names = append(m.names, "usher_build_info", "usher_database_up")
	for _, g := range vitals.gauges() {
		m.names = append(m.names, g.name)
	}
	m.reg.MustRegister(build, vitals, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Names are the series usher has of its own, as queries name them.
func (m *Metrics) Names() []string { return m.names }

// Registry is where further metrics can be put.
func (m *Metrics) Registry() *prometheus.Registry { return m.reg }

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler { return promhttp.HandlerFor(m.reg, promhttp.HandlerOpts{}) }

// served counts an answer.
func (m *Metrics) served(door, method string, code int, took time.Duration) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(door, methodOf(method), codeOf(code)).Inc()
	m.requestTime.WithLabelValues(door).Observe(took.Seconds())
}

// codeOf is a status as a label; made-up ones share one.
func codeOf(code int) string {
	if http.StatusText(code) == "" {
		return "other"
	}
	return strconv.Itoa(code)
}

// Scim counts a SCIM request of a connection, "" for a request that showed no
// token of one. resource must be of a fixed list.
func (m *Metrics) Scim(connection, resource, method string, code int, took time.Duration) {
	if m == nil {
		return
	}
	m.scim.WithLabelValues(connection, resource, methodOf(method), codeOf(code)).Inc()
	m.scimTime.WithLabelValues(connection).Observe(took.Seconds())
}

// Run counts a run that ended, other than a preview, with what it did.
func (m *Metrics) Run(r *registry.Run) {
	if m == nil || r.Mode == registry.ModePreview {
		return
	}
	m.runs.WithLabelValues(r.SourceKey, string(r.State)).Inc()
	if !r.FinishedAt.IsZero() {
		m.runTime.WithLabelValues(r.SourceKey).Observe(r.FinishedAt.Sub(r.StartedAt).Seconds())
	}
	add := func(action, outcome string, n int64) {
		if n > 0 {
			m.changes.WithLabelValues(r.SourceKey, action, outcome).Add(float64(n))
		}
	}
	outcome := "done"
	if r.State == registry.RunHeld {
		outcome = "held"
	}
	for action, n := range actionsOf(&r.Counts) {
		add(action, outcome, n)
	}
	add("any", "failed", r.Counts.Failed)
	add("any", "conflict", r.Counts.Conflicts)
}

// actionsOf are the counts of a run by action. Of those that failed or conflict
// a run keeps only the sum.
func actionsOf(c *registry.Counts) map[string]int64 {
	return map[string]int64{
		"create": c.Created, "update": c.Updated, "rename": c.Renamed, "join": c.Joined, "restore": c.Restored,
		"deactivate": c.Deactivated, "delete": c.Deleted,
		"group_create": c.GroupsCreated, "group_update": c.GroupsChanged, "group_delete": c.GroupsDeleted,
		"member_add": c.MembersAdded, "member_remove": c.MembersRemoved,
	}
}

// Mails counts what became of attempts at mails.
func (m *Metrics) Mails(outcome string, n int) {
	if m != nil && n > 0 {
		m.mails.WithLabelValues(outcome).Add(float64(n))
	}
}
