package reconcile

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// Codes of report rows that no other room has a word for.
const (
	// CodeBadEntry: the source could read the entry but not understand it.
	CodeBadEntry registry.Code = "bad_entry"
	// CodeDuplicateAnchor: a person and a group of one read have one id.
	CodeDuplicateAnchor registry.Code = "duplicate_anchor"
	// CodeSharedMail: two people have one address.
	CodeSharedMail registry.Code = "shared_mail"
	// CodeChangedMeanwhile: somebody else changed the record during the run.
	CodeChangedMeanwhile registry.Code = "changed_meanwhile"
	// CodeUnknownMembers: a group names members that the source does not read.
	CodeUnknownMembers registry.Code = "unknown_members"
	// CodeNotThere: a record to be tried again is not there to be read.
	CodeNotThere registry.Code = "not_there"
)

// Codes of runs that failed because of their source.
const (
	CodeSourceAuth        registry.Code = "source_auth"
	CodeSourceUnreachable registry.Code = "source_unreachable"
	CodeSourceAnswer      registry.Code = "source_answer"
	CodeSourceFailed      registry.Code = "source_failed"
	CodeSourceCursor      registry.Code = "source_cursor"
)

// report collects rows and writes them in batches. An error is kept and ends
// the run at the next step that looks at it.
type report struct {
	ledger Ledger
	fence  registry.Fence
	run    *registry.Run
	now    func() time.Time
	rows   []registry.RunItem
	err    error
}

// reportBatch is how many rows one transaction writes.
const reportBatch = 500

func (r *report) add(ctx context.Context, item registry.RunItem) {
	item.At = r.now()
	// Rows wait here; a name may share memory with a whole page of the source.
	item.Anchor, item.Name = strings.Clone(item.Anchor), strings.Clone(item.Name)
	if r.rows = append(r.rows, item); len(r.rows) >= reportBatch {
		r.flush(ctx)
	}
}

func (r *report) flush(ctx context.Context) {
	if r.err == nil && len(r.rows) > 0 {
		r.err = r.ledger.AddItems(ctx, r.fence, r.run.ID, r.rows)
	}
	r.rows = r.rows[:0]
}

func (r *report) failed(ctx context.Context, item registry.RunItem) {
	item.Outcome = registry.OutcomeFailed
	r.run.Counts.Failed++
	r.add(ctx, item)
}

func (r *report) warning(ctx context.Context, item registry.RunItem) {
	item.Outcome = registry.OutcomeWarning
	r.run.Counts.Warnings++
	r.add(ctx, item)
}

func (r *report) skipped(ctx context.Context, item registry.RunItem) {
	item.Outcome = registry.OutcomeSkipped
	r.add(ctx, item)
}

func (r *report) conflict(ctx context.Context, item registry.RunItem) {
	item.Outcome = registry.OutcomeConflict
	r.run.Counts.Conflicts++
	r.add(ctx, item)
}

// explain turns an error into a code and a sentence that says what to do; the
// error itself goes to the log only where it could hold internals.
func explain(err error) (code registry.Code, message registry.Said) {
	switch {
	case errors.Is(err, source.ErrAuth):
		return CodeSourceAuth, registry.SaidOf(err)
	case errors.Is(err, source.ErrUnreachable):
		return CodeSourceUnreachable, registry.SaidOf(err)
	case errors.Is(err, source.ErrCursor):
		return CodeSourceCursor, registry.SaidOf(err)
	case errors.Is(err, source.ErrProtocol):
		return CodeSourceAnswer, registry.SaidOf(err)
	case errors.As(err, new(guardError)):
		return "guard", registry.SaidOf(err)
	case errors.Is(err, errTemporary):
		return "temporary_file", registry.Say("%s; people wait there between reading and writing, see to its space and rights (TMPDIR)", registry.SaidOf(err))
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "cancelled", registry.Say("the run was stopped; what it had done stands, and the next run goes on from there")
	case errors.As(err, new(readError)):
		return CodeSourceFailed, registry.Say("the source could not be read, for a reason it has no word for. The log has the details")
	default:
		return "store_failed", registry.Say("the registry's database did not take a change; what was done before stands. The log has the details; run the source again")
	}
}
