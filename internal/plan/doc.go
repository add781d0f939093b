// Package plan owns the decision what a run should change: from a snapshot and
// the present state to a sorted list of changes, and from the list to the
// guard's verdict on it. It is pure: values in, values out, no clock, no
// database, no log.
//
// It does not own how a directory is read (internal/source), what a record may
// become (internal/registry, which decides every change once more when it is
// applied), nor the order of a run's steps (internal/reconcile).
//
// Four states of a person must not be confused: seen and understood; seen and
// failed (a bad record: nothing follows from it); seen and out of scope; and
// missing, which only a complete snapshot can prove.
package plan
