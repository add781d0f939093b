package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Source is a directory that is pulled, with how it fares.
type Source struct {
	Source       string     `json:"source" doc:"Name in the configuration file"`
	Kind         string     `json:"kind" doc:"ldap or entra"`
	State        string     `json:"state" enum:"ok,no_removals,failing,held,quarantined,paused"`
	Code         string     `json:"code,omitempty" doc:"Why it is not ok"`
	Reason       string     `json:"reason,omitempty"`
	Since        *time.Time `json:"since,omitempty"`
	By           string     `json:"by,omitempty" doc:"Who paused it"`
	Failures     int        `json:"failures,omitempty" doc:"Failed runs in a row"`
	NoRemovals   bool       `json:"no_removals,omitempty" doc:"Runs change what they find and remove nobody, since a rejection"`
	Schedule     string     `json:"schedule,omitempty" doc:"The one that holds; missing for a source that is only run by hand"`
	Configured   string     `json:"configured_schedule,omitempty" doc:"What the configuration file says"`
	ByHand       *ByHand    `json:"schedule_set,omitempty" doc:"Who set the schedule in place of the file's; missing while the file's holds"`
	NextRun      *time.Time `json:"next_run,omitempty"`
	NextRuns     []string   `json:"next_runs,omitempty" doc:"The schedule's next three times, by the clock of its own zone (RFC 3339)"`
	LastRun      int64      `json:"last_run,omitempty" doc:"Number of the last run"`
	LastState    string     `json:"last_state,omitempty"`
	LastFinished *time.Time `json:"last_finished,omitempty"`
}

// ByHand is since when a schedule set by hand holds, by whom and why.
type ByHand struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Note string    `json:"note,omitempty"`
}

// SourceTest is what a source showed when it was tried.
type SourceTest struct {
	Facts  map[string]string `json:"facts" doc:"What the server says of itself"`
	People []Sample          `json:"people" doc:"A few people as they would be mapped"`
}

// Sample is a person of a directory as the mapping would have them.
type Sample struct {
	Entry      string              `json:"entry" doc:"The entry's name at the directory"`
	Anchor     string              `json:"anchor,omitempty" doc:"The entry's immutable id"`
	Problems   []string            `json:"problems,omitempty" doc:"Why the entry cannot be used"`
	Warnings   []string            `json:"warnings,omitempty"`
	InScope    bool                `json:"in_scope"`
	Enabled    bool                `json:"enabled"`
	Kind       string              `json:"kind,omitempty"`
	Department string              `json:"department,omitempty"`
	Contract   string              `json:"contract,omitempty"`
	Attributes map[string][]string `json:"attributes,omitempty"`
}

// SourceInput names a source.
type SourceInput struct {
	Source string `in:"path" name:"source" doc:"Name in the configuration file"`
}

// TestInput asks for a try of a source.
type TestInput struct {
	SourceInput
	Body struct {
		Number int `json:"number,omitempty" doc:"How many people to show, 5 unless told otherwise" min:"1" max:"50"`
	} `in:"body"`
}

// PauseInput stops a schedule.
type PauseInput struct {
	SourceInput
	Body struct {
		Note string `json:"note,omitempty" doc:"Why, for the record"`
	} `in:"body"`
}

// ScheduleInput sets a schedule.
type ScheduleInput struct {
	SourceInput
	Body struct {
		Schedule string `json:"schedule,omitempty" doc:"A cron expression of five fields or a descriptor such as @daily, with CRON_TZ=Zone before it"`
		Off      bool   `json:"off,omitempty" doc:"Run it by hand only, instead of a schedule"`
		Note     string `json:"note,omitempty" doc:"Why, for the record"`
	} `in:"body"`
}

// StartInput asks for a run.
type StartInput struct {
	SourceInput
	Body struct {
		Mode string `json:"mode,omitempty" enum:"run,preview" doc:"A preview shows what a run would change and changes nothing; run unless told otherwise"`
		Full bool   `json:"full,omitempty" doc:"Read everything whole, whatever the directory's change markers say"`
	} `in:"body"`
}

// ForgetInput parts from a source.
type ForgetInput struct {
	SourceInput
	Body struct {
		How     string `json:"how" enum:"release,deactivate,to" doc:"What becomes of its people and groups: they become the company's own, are deactivated, or become those of another source"`
		To      string `json:"to,omitempty" doc:"The source that takes over"`
		Preview bool   `json:"preview,omitempty" doc:"Show what it comes to, and hold nothing"`
	} `in:"body"`
}

// OneInput asks for a single sync.
type OneInput struct {
	SourceInput
	Body struct {
		Who     string `json:"who" doc:"A login name, a mail address, an employee number, the entry's name or its id"`
		Preview bool   `json:"preview,omitempty" doc:"Show what would be done, and do nothing"`
	} `in:"body"`
}

// TieInput says who a person of a directory is.
type TieInput struct {
	SourceInput
	Body struct {
		Anchor      string `json:"anchor" doc:"The entry's immutable id, as a conflict in a report shows it"`
		Person      string `json:"person" doc:"The person's id"`
		EndPassword bool   `json:"end_password,omitempty" doc:"Destroy the person's own password and end their sessions"`
	} `in:"body"`
}

// Single is what a look at one person showed, and did.
type Single struct {
	Steps []Step `json:"steps" doc:"The way from the entry to what becomes of it; it ends at the first step that is not ok"`
	Run   *Run   `json:"run,omitempty" doc:"The run that did it; missing where the way ended before"`
}

// Step is one of found, mapped, in scope, matched, action.
type Step struct {
	Step     string     `json:"step"`
	OK       bool       `json:"ok"`
	Text     string     `json:"text"`
	Evidence []Evidence `json:"evidence,omitempty" doc:"What the step went by"`
}

// Evidence is a named value.
type Evidence struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Sources are the directories that are pulled.
type Sources interface {
	ListSources(ctx context.Context, who *Who, in Paging) (Page[Source], error)
	ShowSource(ctx context.Context, who *Who, in SourceInput) (Source, error)
	TestSource(ctx context.Context, who *Who, in TestInput) (SourceTest, error)
	PauseSource(ctx context.Context, who *Who, in PauseInput) (Source, error)
	ResumeSource(ctx context.Context, who *Who, in SourceInput) (Source, error)
	SetSchedule(ctx context.Context, who *Who, in ScheduleInput) (Source, error)
	ReturnSchedule(ctx context.Context, who *Who, in SourceInput) (Source, error)
	// StartRun begins a run and returns as soon as it has a number.
	StartRun(ctx context.Context, who *Who, in StartInput) (Run, error)
	// ForgetSource begins a run that is held until somebody approves it.
	ForgetSource(ctx context.Context, who *Who, in ForgetInput) (Run, error)
	SyncOne(ctx context.Context, who *Who, in OneInput) (Single, error)
	TiePerson(ctx context.Context, who *Who, in TieInput) (Person, error)
}

// sourceFaults are what a directory that is asked at once may answer.
var sourceFaults = []registry.Code{"source_auth", "source_unreachable", "source_answer", "source_failed"}

func sourceRoutes(d Sources) []Route {
	const tag, one = "sources", "/sources/{source}"
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/sources", Right: auth.RightRead, ID: "listSources", Tag: tag, Export: true, Summary: "The sources, how each fares, its last run and its next"}, listed(d.ListSources)),
		On(Route{Method: http.MethodGet, Pattern: one, Right: auth.RightRead, ID: "showSource", Tag: tag, Summary: "One source"}, d.ShowSource),
		On(Route{Method: http.MethodPost, Pattern: one + "/test", Right: auth.RightOperate, ID: "testSource", Tag: tag, Deed: "source.test", Codes: sourceFaults,
			Summary: "Connect, sign in, and show a few people as they would be mapped"}, d.TestSource),
		On(Route{Method: http.MethodPost, Pattern: one + "/pause", Right: auth.RightOperate, ID: "pauseSource", Tag: tag, Deed: "source.pause",
			Summary: "Stop the schedule; the source can still be run by hand"}, d.PauseSource),
		On(Route{Method: http.MethodPost, Pattern: one + "/resume", Right: auth.RightOperate, ID: "resumeSource", Tag: tag, Deed: "source.resume",
			Summary: "End a pause, and let the source remove again after a rejection"}, d.ResumeSource),
		On(Route{Method: http.MethodPut, Pattern: one + "/schedule", Right: auth.RightOperate, ID: "setSchedule", Tag: tag, Deed: "source.schedule", Told: true,
			Summary: "Put a schedule in place of the configuration file's", Notes: "It holds, in every process and whatever the file says later, until it is given back.",
			Codes: []registry.Code{registry.CodeInvalidValue}}, d.SetSchedule),
		On(Route{Method: http.MethodDelete, Pattern: one + "/schedule", Right: auth.RightOperate, ID: "returnSchedule", Tag: tag, Deed: "source.schedule_return", Told: true,
			Summary: "Let the configuration file's schedule hold again"}, d.ReturnSchedule),
		On(Route{Method: http.MethodPost, Pattern: one + "/runs", Right: auth.RightOperate, ID: "startRun", Tag: tag, Deed: "run.start", Status: http.StatusAccepted,
			Summary: "Start a run or a preview", Notes: "The answer comes when the run has begun; Location is where to see how it goes on.",
			Codes: []registry.Code{registry.CodeAlreadyRunning}}, d.StartRun),
		On(Route{Method: http.MethodPost, Pattern: one + "/forget", Right: auth.RightApprove, ID: "forgetSource", Tag: tag, Deed: "source.forget", Status: http.StatusAccepted,
			Summary: "Part from a source that was taken out of the configuration file, and say what becomes of its people",
			Notes:   "The run is held: it is carried out when it is approved. Another source knows people by the same id or user name; who is not there stays.",
			Codes:   []registry.Code{registry.CodeAlreadyRunning, registry.CodeInvalidValue}}, d.ForgetSource),
		On(Route{Method: http.MethodPost, Pattern: one + "/one", Right: auth.RightOperate, ID: "syncOne", Tag: tag, Deed: "run.one",
			Summary: "Do one person of a source now, and show each step", Notes: "Nobody is ever judged missing by this.",
			Codes: append([]registry.Code{registry.CodeAlreadyRunning, registry.CodeNoFinder}, sourceFaults...)}, d.SyncOne),
		On(Route{Method: http.MethodPost, Pattern: one + "/link", Right: auth.RightOperate, ID: "tiePerson", Tag: tag, Deed: "match.decide",
			Summary: "Say that a person is the one of an entry",
			Notes: "No join rule may decide it for admins, people with a password of their own, and entries that were made anew. The person becomes the source's: " +
				"its next run gives them the entry's values.",
			Codes: append([]registry.Code{registry.CodeAnchorTaken, registry.CodeForeignOwner, registry.CodeProtectedAdmin, registry.CodeErased}, sourceFaults...)}, d.TiePerson),
	}
}
