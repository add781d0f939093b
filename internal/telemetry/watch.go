package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/usherd/usher/internal/registry"
)

// How long an answer of the database is good, so that several who scrape cost
// one look, and how long a scrape waits for it.
const (
	vitalsLife = 5 * time.Second
	vitalsWait = 5 * time.Second
)

// Watch tells the registry's vitals as gauges.
type Watch struct {
	// Vitals asks the database.
	Vitals func(ctx context.Context) (registry.Vitals, error)
	// Interval is how long the schedule of a source may pause at most, 0 for a
	// source without one.
	Interval func(schedule string) time.Duration
	Now      func() time.Time
	Log      *slog.Logger

	mu    sync.Mutex
	asked time.Time
	last  registry.Vitals
	err   error
}

// gauge is a number the vitals tell.
type gauge struct {
	name string
	desc *prometheus.Desc
	tell func(v *registry.Vitals, put func(value float64, labels ...string))
}

func newGauge(name, help string, labels []string, tell func(v *registry.Vitals, put func(float64, ...string))) gauge {
	return gauge{name, prometheus.NewDesc(name, help, labels, nil), tell}
}

// up tells whether the database answered; where it did not, the others are left
// out: no number is better than an old one.
var up = prometheus.NewDesc("usher_database_up", "1 when the database answered this scrape.", nil, nil)

// gauges are all of them.
func (w *Watch) gauges() []gauge {
	source := func(name, help string, of func(s *registry.SourceVitals) (float64, bool)) gauge {
		return newGauge(name, help, []string{"source"}, func(v *registry.Vitals, put func(float64, ...string)) {
			for i := range v.Sources {
				if n, ok := of(&v.Sources[i]); ok {
					put(n, v.Sources[i].Key)
				}
			}
		})
	}
	connection := func(name, help string, of func(c *registry.ConnectionVitals) (float64, bool)) gauge {
		return newGauge(name, help, []string{"connection"}, func(v *registry.Vitals, put func(float64, ...string)) {
			for i := range v.Connections {
				if n, ok := of(&v.Connections[i]); ok {
					put(n, v.Connections[i].Company+"/"+v.Connections[i].Name)
				}
			}
		})
	}
	return append([]gauge{
		source("usher_sync_last_success_timestamp_seconds", "When a source was last read completely and its changes carried out.",
			func(s *registry.SourceVitals) (float64, bool) { return seconds(s.LastSuccess) }),
		source("usher_sync_next_run_timestamp_seconds", "When the schedule of a source comes up next; absent without a schedule.",
			func(s *registry.SourceVitals) (float64, bool) { return seconds(s.NextDue) }),
		source("usher_sync_interval_seconds", "The longest pause in the schedule of a source; absent without a schedule.",
			func(s *registry.SourceVitals) (float64, bool) {
				d := w.Interval(s.Schedule)
				return d.Seconds(), d > 0
			}),
		source("usher_sync_consecutive_failures", "Runs of a source that failed one after another.",
			func(s *registry.SourceVitals) (float64, bool) { return float64(s.Failures), true }),
		source("usher_sync_held_changes", "Changes of a source that wait for somebody to approve or reject them.",
			func(s *registry.SourceVitals) (float64, bool) { return float64(s.HeldChanges), true }),
		source("usher_source_quarantined", "1 while a source is in quarantine: it failed so often that its schedule waits longer.",
			func(s *registry.SourceVitals) (float64, bool) { return flag(!s.QuarantinedAt.IsZero()), true }),
		source("usher_source_paused", "1 while the schedule of a source waits for somebody to resume it.",
			func(s *registry.SourceVitals) (float64, bool) { return flag(!s.PausedAt.IsZero()), true }),
		connection("usher_scim_last_request_timestamp_seconds", "When a connection made its last request.",
			func(c *registry.ConnectionVitals) (float64, bool) { return seconds(c.LastRequest) }),
		connection("usher_scim_credentials_end_timestamp_seconds", "When the last token or client of a connection ends; absent when one never does.",
			func(c *registry.ConnectionVitals) (float64, bool) { return seconds(c.TokenEnds) }),
		newGauge("usher_processes", "Processes of usher that show life on this database.", nil,
			func(v *registry.Vitals, put func(float64, ...string)) { put(float64(v.Processes)) }),
		backupGauge(),
	}, w.queues()...)
}

func backupGauge() gauge {
	return newGauge("usher_backup_last_success_timestamp_seconds", "When `usher backup` last made a copy that was found whole; absent before the first, and on PostgreSQL.", nil,
		func(v *registry.Vitals, put func(float64, ...string)) {
			if at, ok := seconds(v.GoodBackup.At); ok {
				put(at)
			}
		})
}

// queues are the gauges of what waits.
func (w *Watch) queues() []gauge {
	var out []gauge
	for _, q := range []struct {
		count, oldest, what string
		of                  func(*registry.Vitals) registry.Backlog
	}{
		{"usher_mail_queue", "usher_mail_oldest_pending_seconds", "mails", func(v *registry.Vitals) registry.Backlog { return v.Mails }},
		{"usher_webhook_queue", "usher_webhook_oldest_pending_seconds", "webhook deliveries", func(v *registry.Vitals) registry.Backlog { return v.Deliveries }},
		{"usher_jobs", "usher_jobs_oldest_pending_seconds", "jobs", func(v *registry.Vitals) registry.Backlog { return v.Jobs }},
	} {
		out = append(out,
			newGauge(q.count, "How many "+q.what+" wait, by state.", []string{"state"}, func(v *registry.Vitals, put func(float64, ...string)) {
				for state, n := range q.of(v).States {
					put(float64(n), state)
				}
			}),
			newGauge(q.oldest, "How long the oldest of the "+q.what+" that wait has waited; 0 when none does.", nil,
				func(v *registry.Vitals, put func(float64, ...string)) {
					age := 0.0
					if at := q.of(v).Oldest; !at.IsZero() {
						age = max(0, w.Now().Sub(at).Seconds())
					}
					put(age)
				}))
	}
	return out
}

// seconds is a time as Prometheus has it, and whether there is one.
func seconds(t time.Time) (float64, bool) { return float64(t.UnixMicro()) / 1e6, !t.IsZero() }

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// Describe implements prometheus.Collector.
func (w *Watch) Describe(ch chan<- *prometheus.Desc) {
	ch <- up
	for _, g := range w.gauges() {
		ch <- g.desc
	}
}

// Collect implements prometheus.Collector.
func (w *Watch) Collect(ch chan<- prometheus.Metric) {
	v, err := w.look()
	ch <- prometheus.MustNewConstMetric(up, prometheus.GaugeValue, flag(err == nil))
	if err != nil {
		return
	}
	for _, g := range w.gauges() {
		g.tell(&v, func(value float64, labels ...string) {
			ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, value, labels...)
		})
	}
}

// look gives the vitals, at most vitalsLife old. Who comes while somebody asks
// waits for that answer.
func (w *Watch) look() (registry.Vitals, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if age := w.Now().Sub(w.asked); !w.asked.IsZero() && age >= 0 && age < vitalsLife {
		return w.last, w.err
	}
	ctx, cancel := context.WithTimeout(context.Background(), vitalsWait)
	defer cancel()
	w.last, w.err = w.Vitals(ctx)
	w.asked = w.Now()
	if w.err != nil {
		w.Log.WarnContext(ctx, "read vitals", "error", w.err)
	}
	return w.last, w.err
}
