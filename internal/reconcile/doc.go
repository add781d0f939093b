// Package reconcile owns one run of a source, end to end: take the lease, read
// a snapshot, map it, match it, plan, let the guard judge, apply, report, commit
// the cursor. A preview is this very path, stopped after the guard.
//
// It does not own how a directory is read (internal/source), what an entry
// means (internal/mapping), what follows from the snapshot (internal/plan), nor
// what a change may do (internal/registry): it carries values between them, in
// bounded memory, and survives being killed at any point. What was applied
// stands; the next run plans only the rest.
//
// # Nights by markers
//
// Where the settings are those of the last finished run and its full read is not
// too long ago, a run reads by change markers: the source gives whole only who is
// not known (see known). What an unread entry means is what the link says, and the
// registry must still agree with it. So that a scan can tell, the marker of a link
// is a stamp: the directory's marker with hashes of what it does not cover. Stamps
// are trusted only after what they vouch for is written: groups lose theirs before
// their people change and get new ones after their members did. Warnings concern
// what was read, so that they come back with the next full read.
package reconcile
