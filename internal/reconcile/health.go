package reconcile

import (
	"fmt"
	"strconv"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// tolerated is how many runs in a row may fail before the source goes into
// quarantine: two bad nights are weather. Refused credentials are not tolerated
// at all, because trying them again and again locks accounts.
const tolerated = 3

// The waits between tries of a source in quarantine: as long as it has been in
// there already, within these bounds.
const (
	shortestWait = time.Hour
	longestWait  = 24 * time.Hour
)

// after is the health of a source when a run of it has ended so. A run that was
// stopped, or that failed for a reason of our own, says nothing about the source.
func after(h registry.Health, r *registry.Run, now time.Time) registry.Health {
	switch {
	case r.State == registry.RunDone, r.State == registry.RunPartial, r.State == registry.RunHeld:
		return registry.Health{PausedAt: h.PausedAt, PausedBy: h.PausedBy, PausedReason: h.PausedReason, NoRemovals: h.NoRemovals, Told: h.Told}
	case r.State != registry.RunFailed || !blames[registry.Code(r.Code)]:
		return h
	}
	if h.Failures++; h.Failures == 1 {
		h.FailingSince = now
	}
	if h.QuarantinedAt.IsZero() {
		if h.Failures < tolerated && registry.Code(r.Code) != CodeSourceAuth {
			return h
		}
		h.QuarantinedAt = now
	}
	h.Code, h.Reason = registry.Code(r.Code), r.Message
	h.NextTry = now.Add(min(max(now.Sub(h.QuarantinedAt), shortestWait), longestWait))
	return h
}

// blames are the codes of failed runs that are the source's own doing.
var blames = map[registry.Code]bool{CodeSourceAuth: true, CodeSourceUnreachable: true, CodeSourceAnswer: true, CodeSourceFailed: true, CodeSourceCursor: true}

// news says what the admins are to be told of a source whose run has ended so,
// nil for nothing, and makes a note of it in the health: they hear of a state
// when it begins, and that a quarantine is over, and not of every run.
func news(h *registry.Health, r *registry.Run) *registry.Notice {
	state := h.State(r)
	was := h.Told
	switch state {
	case registry.Held, registry.Quarantined:
		h.Told = state
	case registry.Failing:
		return nil // not yet worth a mail, and not over either
	default:
		h.Told = ""
	}
	data := map[string]string{"Source": r.SourceKey, "Run": strconv.FormatInt(r.Number, 10)}
	switch {
	case h.Told == was:
		return nil
	case state == registry.Held:
		for _, l := range r.Limits {
			data["limit."+l.Name] = fmt.Sprintf("%d / %d", l.Count, l.Of)
		}
		return &registry.Notice{Kind: registry.NoticeHeld, Data: data}
	case state == registry.Quarantined:
		data["Code"], data["Reason"], data["NextTry"] = string(h.Code), string(h.Reason), h.NextTry.UTC().Format(time.RFC3339)
		return &registry.Notice{Kind: registry.NoticeQuarantined, Data: data}
	case was == registry.Quarantined:
		return &registry.Notice{Kind: registry.NoticeRecovered, Data: data}
	}
	return nil
}

// leave draws the consequences of a run for its source.
func (r *run) leave() registry.RunEnd {
	if r.req.Mode != registry.ModeRun || r.forget != nil {
		return registry.RunEnd{}
	}
	h := after(r.src.State.Health, r.row, r.Now())
	notice := news(&h, r.row)
	if notice != nil {
		notice.MessageID = "sync-" + r.NewID() + "@" + r.Registry.MessageDomain
	}
	r.src.State.Health = h
	return registry.RunEnd{Health: &h, Notice: notice, Cursor: r.cursor()}
}

// cursor is the place where the next read may start, nil for where it was. After a
// read that had to be full and was not there is none: those whom it did not show
// may be known by other settings.
func (r *run) cursor() *registry.Cursor {
	if r.src.Policy == plan.ModeReportOnly || r.row.State != registry.RunDone && r.row.State != registry.RunPartial {
		return nil
	}
	c := &registry.Cursor{SettingsHash: r.src.SettingsHash, Text: r.sum.Cursor}
	switch {
	case r.sum.Full && r.row.Complete:
		c.FullReadAt = r.row.StartedAt
	case !r.snap.known:
		c.Text = ""
	}
	return c
}
