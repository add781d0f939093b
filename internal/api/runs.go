package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Run is one read, plan, guard, apply and report.
type Run struct {
	Run          int64            `json:"run" doc:"Number within the company, which people type"`
	ID           string           `json:"id"`
	Source       string           `json:"source"`
	Mode         string           `json:"mode" doc:"run, preview, one or retry"`
	Trigger      string           `json:"trigger"`
	Actor        string           `json:"actor,omitempty"`
	State        string           `json:"state" enum:"reading,planning,applying,held,approved,rejected,done,partial,failed,interrupted"`
	Complete     bool             `json:"complete" doc:"The read proved that it saw everything"`
	Full         bool             `json:"full" doc:"Everything was read whole, not only what the markers showed to have changed"`
	Counts       registry.Counts  `json:"counts"`
	Limits       []registry.Limit `json:"limits,omitempty" doc:"The guard's limits that were passed"`
	PlanHash     string           `json:"plan_hash,omitempty" doc:"Identifies what a held run would do"`
	Code         string           `json:"code,omitempty" doc:"Why it failed or was held"`
	Message      string           `json:"message,omitempty"`
	Notes        []string         `json:"notes,omitempty"`
	DecidedBy    string           `json:"decided_by,omitempty"`
	DecisionNote string           `json:"decision_note,omitempty"`
	StartedAt    time.Time        `json:"started_at"`
	FinishedAt   *time.Time       `json:"finished_at,omitempty"`
}

func (r Run) location() string { return "/runs/" + r.ID }

// Row is a row of a run's report: a change that was made, or what was planned,
// held, skipped, in conflict, failed or warned of.
type Row struct {
	Outcome string              `json:"outcome" enum:"changed,planned,held,skipped,conflict,failed,warning"`
	Action  string              `json:"action,omitempty"`
	Kind    string              `json:"kind,omitempty" doc:"user or group; missing for an entry that has become nothing yet"`
	ID      string              `json:"id,omitempty" doc:"The person's or group's id"`
	Name    string              `json:"name"`
	Code    string              `json:"code,omitempty"`
	Message string              `json:"message,omitempty"`
	Anchor  string              `json:"anchor,omitempty" doc:"The entry's id at the directory"`
	Before  map[string][]string `json:"before,omitempty"`
	After   map[string][]string `json:"after,omitempty"`
	Added   int                 `json:"members_added,omitempty"`
	Removed int                 `json:"members_removed,omitempty"`
	At      time.Time           `json:"at"`
}

// RunInput names a run.
type RunInput struct {
	Run string `in:"path" name:"run" doc:"The run's id, or its number"`
}

// ListRunsInput filters runs.
type ListRunsInput struct {
	Paging
	Source string    `in:"query" name:"source"`
	State  string    `in:"query" name:"state" enum:"reading,planning,applying,held,approved,rejected,done,partial,failed,interrupted"`
	Mode   string    `in:"query" name:"mode" enum:"run,preview,one,retry"`
	Since  time.Time `in:"query" name:"since" doc:"Begun from this moment on"`
	Until  time.Time `in:"query" name:"until" doc:"Begun before this moment"`
	Sort   string    `in:"query" name:"sort" enum:"number,-number" doc:"-number, the newest first, unless told otherwise"`
}

// ListRowsInput filters a report.
type ListRowsInput struct {
	RunInput
	Paging
	Outcome string `in:"query" name:"outcome" enum:"changed,planned,held,skipped,conflict,failed,warning"`
	Action  string `in:"query" name:"action" doc:"create, deactivate, …"`
	Code    string `in:"query" name:"code"`
}

// DecisionInput is the word on a held run.
type DecisionInput struct {
	RunInput
	Body struct {
		Note     string `json:"note" doc:"Why, for the record"`
		PlanHash string `json:"plan_hash,omitempty" doc:"Decide only if the run has this plan: what was looked at"`
	} `in:"body"`
}

// RejectInput is a rejection.
type RejectInput struct {
	RunInput
	Body struct {
		Note     string `json:"note" doc:"Why, for the record"`
		PlanHash string `json:"plan_hash,omitempty" doc:"Decide only if the run has this plan"`
		Pause    bool   `json:"pause,omitempty" doc:"Stop the source's schedule; otherwise it goes on without removals"`
	} `in:"body"`
}

// Runs are the runs of sources, with their reports and decisions.
type Runs interface {
	ListRuns(ctx context.Context, who *Who, in ListRunsInput) (Page[Run], error)
	ShowRun(ctx context.Context, who *Who, in RunInput) (Run, error)
	ListRows(ctx context.Context, who *Who, in ListRowsInput) (Page[Row], error)
	// ApproveRun and RetryRun return the run that carries it out, begun.
	ApproveRun(ctx context.Context, who *Who, in DecisionInput) (Run, error)
	RejectRun(ctx context.Context, who *Who, in RejectInput) (Run, error)
	RetryRun(ctx context.Context, who *Who, in RunInput) (Run, error)
	CancelRun(ctx context.Context, who *Who, in RunInput) (Run, error)
}

func runRoutes(d Runs) []Route {
	const tag, one = "runs", "/runs/{run}"
	decided := []registry.Code{registry.CodeNotHeld, registry.CodeHeldTooLong, registry.CodeSuperseded, registry.CodeOtherPlan}
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/runs", Right: auth.RightRead, ID: "listRuns", Tag: tag, Export: true, Codes: []registry.Code{registry.CodeNotFound}, Summary: "The runs, the newest first"}, d.ListRuns),
		On(Route{Method: http.MethodGet, Pattern: one, Right: auth.RightRead, ID: "showRun", Tag: tag, Summary: "One run"}, d.ShowRun),
		On(Route{Method: http.MethodGet, Pattern: one + "/rows", Right: auth.RightRead, ID: "listRows", Tag: tag, Export: true,
			Summary: "The report of a run: what was not changed and why, then what was"}, d.ListRows),
		On(Route{Method: http.MethodPost, Pattern: one + "/approve", Right: auth.RightApprove, ID: "approveRun", Tag: tag, Deed: "run.approve", Status: http.StatusAccepted,
			Summary: "Let a held run through: what it listed passes the guard, and what came since is judged anew",
			Codes:   append([]registry.Code{registry.CodeAlreadyRunning}, decided...)}, d.ApproveRun),
		On(Route{Method: http.MethodPost, Pattern: one + "/reject", Right: auth.RightApprove, ID: "rejectRun", Tag: tag, Deed: "run.reject",
			Summary: "Discard a held run", Codes: decided}, d.RejectRun),
		On(Route{Method: http.MethodPost, Pattern: one + "/retry", Right: auth.RightOperate, ID: "retryRun", Tag: tag, Deed: "run.retry", Status: http.StatusAccepted,
			Summary: "Do again what failed or conflicted in a run, and nothing else",
			Codes:   []registry.Code{registry.CodeAlreadyRunning, registry.CodeNothingToRetry, registry.CodeNoFinder}}, d.RetryRun),
		On(Route{Method: http.MethodPost, Pattern: one + "/cancel", Right: auth.RightOperate, ID: "cancelRun", Tag: tag, Deed: "run.cancel",
			Summary: "Stop a run that is at work; what it has done stands", Codes: []registry.Code{registry.CodeNotRunning}}, d.CancelRun),
	}
}
