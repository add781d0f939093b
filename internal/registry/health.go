package registry

import "time"

// Health is how a source fares, apart from any one run.
type Health struct {
	// Failures counts the runs that failed one after another, since FailingSince.
	Failures     int
	FailingSince time.Time
	// QuarantinedAt is since when the schedule waits for NextTry instead of its
	// own times, because of Code and Reason; zero while it does not.
	QuarantinedAt time.Time
	Code          Code
	Reason        Said
	NextTry       time.Time
	// PausedAt is since when the schedule waits for somebody to resume it, by
	// whom and why; zero while it does not.
	PausedAt     time.Time
	PausedBy     string
	PausedReason string
	// NoRemovals is set by a rejection: runs change what they find and neither
	// deactivate, delete nor remove, until the guard lets a whole plan through.
	NoRemovals bool
	// Told is the state that the admins were last mailed about.
	Told HealthState
}

// HealthState is the health of a source in one word.
type HealthState string

// The states of a source, the one that needs most attention last.
const (
	Healthy     HealthState = "ok"
	NoRemovals  HealthState = "no_removals" // healthy, but see Health.NoRemovals
	Failing     HealthState = "failing"     // the last run failed
	Held        HealthState = "held"        // the last run waits for a decision
	Quarantined HealthState = "quarantined"
	Paused      HealthState = "paused"
)

// State sums up the health of a source whose last run is last, nil for one that
// never ran.
func (h *Health) State(last *Run) HealthState {
	switch {
	case !h.PausedAt.IsZero():
		return Paused
	case !h.QuarantinedAt.IsZero():
		return Quarantined
	case last != nil && last.State == RunHeld:
		return Held
	case h.Failures > 0:
		return Failing
	case h.NoRemovals:
		return NoRemovals
	}
	return Healthy
}

// Notice is a mail to the admins of a company about a source. Its data are what
// the mail's words need.
type Notice struct {
	Kind NoticeKind
	Data map[string]string
	// MessageID is what each admin's Message-ID is made of.
	MessageID string
}

// NoticeKind is what a notice is about.
type NoticeKind string

// The notices.
const (
	NoticeHeld        NoticeKind = "syncHeld"
	NoticeQuarantined NoticeKind = "syncQuarantined"
	NoticeRecovered   NoticeKind = "syncRecovered"
	// NoticeWebhookDisabled: nothing is sent to a webhook any more.
	NoticeWebhookDisabled NoticeKind = "webhookDisabled"
	// NoticeTokenExpiring: a token of a connection ends soon.
	NoticeTokenExpiring NoticeKind = "tokenExpiring"
	// NoticeDigest: what happened since the last one, and what waits.
	NoticeDigest NoticeKind = "digest"
)
