// Package jobs owns the durable queue and the schedules: which work waits, who
// does it when, and what becomes of it when a process dies. River keeps the
// queue in the registry's own database, so that work is queued in the
// transaction that calls for it.
//
// It does not own the work: internal/app hands it functions. It does not keep
// two processes from running one source either: the lease does (internal/store);
// a queue that delivers twice only looks at the lease twice.
package jobs
