// Package telemetry owns what tells others how usher fares while it works: the
// log and the ids its lines carry, the trail of a request through this process
// (X-Request-Id in and out, the access log, spans), the metrics, and the three
// addresses /livez, /readyz and /metrics.
//
// It does not own what the numbers mean: registry.Vitals come from the database,
// counts from those who do the work, and app introduces them.
//
// What describes the registry is a gauge read from the database at scrape time,
// so that every process of an installation tells the same; what describes work
// is a counter of the process that did it, to be summed. Labels are names from
// the configuration, words of a fixed list, or status codes: no request can make
// a new series.
package telemetry
