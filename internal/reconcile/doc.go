// Package reconcile owns one run of a source, end to end: take the lease, read
// a snapshot, map it, match it, plan, let the guard judge, apply, report, commit
// the cursor. A preview is this very path, stopped after the guard.
//
// It does not own how a directory is read (internal/source), what an entry
// means (internal/mapping), what follows from the snapshot (internal/plan), nor
// what a change may do (internal/registry): it carries values between them, in
// bounded memory, and survives being killed at any point. What was applied
// stands; the next run plans only the rest.
package reconcile
