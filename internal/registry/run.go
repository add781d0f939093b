package registry

import (
	"slices"
	"time"
)

// SourceID is the key of a source.
type SourceID = int64

// Source is the state of a directory that is pulled. Its settings live in the
// configuration file.
type Source struct {
	ID      SourceID
	Company CompanyID
	Origin  Origin
	Key     string
	// Schedule is a cron expression, "" for a source that is only run by hand. It
	// is Configured, what the configuration file says, unless ByHand is set.
	Schedule, Configured string
	ByHand               ScheduleByHand
	NextDue              time.Time
	// SettingsHash is that of the settings the last finished run used.
	SettingsHash string
	RetiredAt    time.Time
	// Cursor is where the next read may start, committed last.
	Cursor string
	Health Health
	// FullReadAt is when everything was last read whole, zero for never.
	FullReadAt time.Time
}

// ScheduleByHand is since when a schedule holds that somebody set in place of the
// configuration file's, who it was, and why; At is zero while the file's holds.
type ScheduleByHand struct {
	At      time.Time
	By, Why string
}

// RunState says where a run stands.
type RunState string

// The states of a run. A run ends in one of the last six.
const (
	RunReading     RunState = "reading"
	RunPlanning    RunState = "planning"
	RunApplying    RunState = "applying"
	RunHeld        RunState = "held"        // the guard stopped it; waits for a decision
	RunApproved    RunState = "approved"    // decided; the run that resumes it carries it out
	RunRejected    RunState = "rejected"    // decided; its plan is discarded
	RunDone        RunState = "done"        // all went through
	RunPartial     RunState = "partial"     // done, but some records failed or conflict
	RunFailed      RunState = "failed"      // nothing could be based on the read, or the store gave up
	RunInterrupted RunState = "interrupted" // the process died or lost its lease
)

// Active reports whether a process should be at work on the run.
func (s RunState) Active() bool { return s == RunReading || s == RunPlanning || s == RunApplying }

// The modes of a run.
const (
	ModeRun     = "run"
	ModePreview = "preview"
	// ModeOne and ModeRetry are about single people; neither proves an absence.
	ModeOne   = "one"
	ModeRetry = "retry"
)

// Run is one read, plan, guard, apply and report.
type Run struct {
	ID       RunID
	PublicID string
	Company  CompanyID
	Source   SourceID
	Origin   OriginID
	// SourceKey is the source's name in the configuration.
	SourceKey string
	// Number counts from 1 within the company; it is what people type.
	Number  int64
	Mode    string
	Trigger string // schedule, manual, approval, resume
	Actor   string
	State   RunState
	Fence   int64
	// Resumes is the interrupted or approved run this one takes further.
	Resumes RunID
	// Complete is true when the read proved that it saw everything.
	Complete bool
	// Full is true when everything was read whole, not only what the markers
	// showed to have changed.
	Full   bool
	Counts Counts
	// Limits are the guard's limits that were passed.
	Limits   []Limit
	PlanHash string
	// Code and Message say why a run failed or was held.
	Code    string
	Message Said
	Notes   []Said

	DecidedBy    string
	DecisionNote string
	DecidedAt    time.Time
	CreatedAt    time.Time
	StartedAt    time.Time
	FinishedAt   time.Time
}

// Counts are the totals of a run.
type Counts struct {
	Users  int64 `json:"users"`  // read
	Groups int64 `json:"groups"` // read

	Created     int64 `json:"created"`
	Updated     int64 `json:"updated"`
	Renamed     int64 `json:"renamed"`
	Joined      int64 `json:"joined"`
	Restored    int64 `json:"restored"`
	Deactivated int64 `json:"deactivated"`
	Deleted     int64 `json:"deleted"`

	GroupsCreated  int64 `json:"groups_created"`
	GroupsChanged  int64 `json:"groups_changed"`
	GroupsDeleted  int64 `json:"groups_deleted"`
	MembersAdded   int64 `json:"members_added"`
	MembersRemoved int64 `json:"members_removed"`

	Unchanged  int64 `json:"unchanged"`
	OutOfScope int64 `json:"out_of_scope"`
	Missing    int64 `json:"missing"`
	Conflicts  int64 `json:"conflicts"`
	Failed     int64 `json:"failed"`
	Warnings   int64 `json:"warnings"`
	Mailed     int64 `json:"mailed"`

	// InScope is how many of the people read were in scope, 0 in runs before
	// this was counted; Withheld how many changes the source's policy left out.
	InScope  int64 `json:"in_scope,omitempty"`
	Withheld int64 `json:"withheld,omitempty"`
}

// Changes is how many records the run changes or would change.
func (c Counts) Changes() int64 {
	return c.Created + c.Updated + c.Renamed + c.Joined + c.Restored + c.Deactivated + c.Deleted +
		c.GroupsCreated + c.GroupsChanged + c.GroupsDeleted
}

// Limit is one limit of the guard that a plan passes, with the figures that say
// so.
type Limit struct {
	// Name is the limit, one of those of package plan.
	Name string `json:"name"`
	// Count is how many the plan would touch, Of how many there are.
	Count int64 `json:"count"`
	Of    int64 `json:"of"`
	// Rule is the limit in words: "more than 50", "more than 10 %".
	Rule Said `json:"rule"`
	// Group is the group the limit is about, where it is about one.
	Group string `json:"group,omitempty"`
	// Reasons are what the count consists of, the most frequent first: "412
	// missing".
	Reasons []Said `json:"reasons,omitempty"`
}

// InEnglish are limits with their words as plain text.
func InEnglish(limits []Limit) []Limit {
	out := slices.Clone(limits)
	for i := range out {
		l := &out[i]
		l.Rule = Said(l.Rule.String())
		l.Reasons = slices.Clone(l.Reasons)
		for j, r := range l.Reasons {
			l.Reasons[j] = Said(r.String())
		}
	}
	return out
}

// Outcome says what became of a row of a report.
type Outcome string

// The outcomes of items. What was changed is a Change, not an item.
const (
	OutcomePlanned  Outcome = "planned"
	OutcomeHeld     Outcome = "held"
	OutcomeSkipped  Outcome = "skipped"
	OutcomeConflict Outcome = "conflict"
	OutcomeFailed   Outcome = "failed"
	OutcomeWarning  Outcome = "warning"
)

// RunItem is a row of a run's report that is not a change.
type RunItem struct {
	ID      int64
	Outcome Outcome
	Action  Action
	Code    Code
	Anchor  string
	Name    string
	User    UserID
	Group   GroupID
	Message Said
	// Detail is what the row would change.
	Detail *Payload
	At     time.Time
}

// What a row is about.
const (
	KindUser  = "user"
	KindGroup = "group"
)

// Kind is what the row is about, "" for an entry that has become nothing yet.
func (it *RunItem) Kind() string {
	switch {
	case it.Group != 0:
		return KindGroup
	case it.User != 0:
		return KindUser
	case it.Detail != nil:
		return it.Detail.Kind
	}
	return ""
}

// Decision is the word of an admin on a held run.
type Decision struct {
	// State is RunApproved or RunRejected.
	State RunState
	// By and Note are who decided and why; both are needed.
	By, Note string
	// PlanHash, when set, must be that of the run: the plan that was looked at.
	PlanHash string
	// Pause, of a rejection, stops the source's schedule until somebody resumes
	// it. Otherwise the source goes on without removals.
	Pause bool
}

// RunEnd is what a run leaves to its source when it ends.
type RunEnd struct {
	// Health is how the source fares now, nil where the run says nothing of it. Its
	// pause and NoRemovals are not written: an admin may have changed them meanwhile.
	Health *Health
	// Notice is what the admins are mailed of it, nil for nothing.
	Notice *Notice
	// Cursor is where the next read may start, nil where the run changes nothing
	// of that.
	Cursor *Cursor
}

// Cursor is the place where the next read of a source may start.
type Cursor struct {
	// SettingsHash identifies the settings the read was made with.
	SettingsHash string
	// Text is the source's own word for the place, "" for none.
	Text string
	// FullReadAt is when everything was read whole, zero to leave that as it is.
	FullReadAt time.Time
}
