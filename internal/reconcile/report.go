package reconcile

import (
	"context"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
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
