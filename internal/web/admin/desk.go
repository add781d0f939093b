package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Desks opens the companies of the installation.
type Desks interface {
	InstallDesk
	// Companies are all of them, by key.
	Companies(ctx context.Context) ([]registry.Company, error)
	// Open gives one by its key; registry.ErrNotFound when there is none.
	Open(ctx context.Context, key string) (registry.Company, Desk, error)
}

// Desk is what can be seen and done in one company, area by area. Records there
// are not are registry.ErrNotFound; what cannot be done now is a *Refusal. Actors
// are words for changes and the audit.
type Desk interface {
	SourceDesk
	PartingDesk
	RunDesk
	MatchDesk
	PeopleDesk
	ScimDesk
	ListDesk
	UploadDesk
	ContactDesk
	DoorDesk
	CompanyDesk
	MergeDesk
}

// SourceDesk is what is done with directories.
type SourceDesk interface {
	Sources(ctx context.Context) ([]Source, error)
	Source(ctx context.Context, key string) (Source, error)
	// TestSource connects to a source and maps a few of its people.
	TestSource(ctx context.Context, key string) (Test, error)
	// Start begins a run or a preview of a source, which goes on by itself.
	Start(ctx context.Context, key, mode, actor string) (run int64, err error)
	PauseSource(ctx context.Context, key, actor, why string) error
	ResumeSource(ctx context.Context, key, actor string) error
	// ScheduleTimes are the next times of a schedule, and the zone whose clock it
	// goes by; none for "".
	ScheduleTimes(schedule string) ([]time.Time, *time.Location, error)
	// SetSchedule puts a schedule, or "" for none, in place of the file's until
	// ReturnSchedule. Both write the deed down.
	SetSchedule(ctx context.Context, key, schedule string, d registry.Deed) error
	ReturnSchedule(ctx context.Context, key string, d registry.Deed) error
}

// RunDesk is what is done with runs.
type RunDesk interface {
	Runs(ctx context.Context, q registry.RunQuery) ([]*registry.Run, error)
	Run(ctx context.Context, number int64) (*registry.Run, error)
	// RunOf finds a run by its key.
	RunOf(ctx context.Context, id registry.RunID) (*registry.Run, error)
	// Causes are the rows of a run that are no changes, counted by what they say.
	Causes(ctx context.Context, run registry.RunID) ([]Cause, error)
	Rows(ctx context.Context, q registry.RowQuery) ([]registry.RunItem, error)
	Changes(ctx context.Context, q registry.ChangeQuery) ([]registry.ChangeRow, error)
	// Approve begins the run that carries a held one out.
	Approve(ctx context.Context, number int64, d registry.Decision) (run int64, err error)
	Reject(ctx context.Context, number int64, d registry.Decision) error
	// Retry begins another try of what failed or conflicted.
	Retry(ctx context.Context, number int64, actor string) (run int64, err error)
	// Cancel asks a run at work to stop.
	Cancel(ctx context.Context, number int64, actor string) error
	// Export writes a whole list of the API, as "csv" or "json", page after page, and
	// audits it. An error means that nothing was written.
	Export(w http.ResponseWriter, r *http.Request, who *auth.Principal, e Export) error
}

// ScimDesk is what is done with SCIM connections.
type ScimDesk interface {
	Connections(ctx context.Context) ([]Connection, error)
	Connection(ctx context.Context, key string) (Connection, error)
	// Owned counts people by the door that owns them.
	Owned(ctx context.Context) (map[registry.OriginID]int64, error)
	Tokens(ctx context.Context, origin registry.OriginID) ([]registry.Token, error)
	Requests(ctx context.Context, q registry.ScimRequestQuery) ([]registry.ScimRequest, error)
	CreateToken(ctx context.Context, connection string, expires time.Time, actor string) (secret string, err error)
	RotateToken(ctx context.Context, connection string, overlap time.Duration, actor string) (secret string, err error)
	RevokeToken(ctx context.Context, prefix, actor string) error
	// ScimURL is where identity providers push to.
	ScimURL() string
}

// ListDesk is what is kept of mails and deeds.
type ListDesk interface {
	Mails(ctx context.Context, q registry.MailQuery) ([]Mail, error)
	MailCounts(ctx context.Context) (map[string]int64, error)
	Deeds(ctx context.Context, q registry.DeedQuery) ([]registry.Deed, error)
	// Audit writes down what somebody did or tried.
	Audit(ctx context.Context, d registry.Deed) error
}

// Refusal says in words why something cannot be done now.
type Refusal struct {
	Code   registry.Code
	Reason registry.Said
}

// Error implements error.
func (r *Refusal) Error() string { return r.Reason.String() }

// Export says which list is wanted whole.
type Export struct {
	// Operation is the API's name of the list, Path and Query its parameters.
	Operation string
	Path      map[string]string
	Query     url.Values
	// As is "csv" or "json".
	As string
}

// Source is a directory with how it fares.
type Source struct {
	registry.Source
	Health registry.HealthState
	// Last is the last run, nil when there was none.
	Last *registry.Run
	// Recent are the last thirty, the newest first.
	Recent []*registry.Run
	// Settings are what the file says, and Mapping the expressions by attribute, in
	// the order of the catalogue.
	Settings []Fact
	Mapping  []Setting
}

// Setting is a setting and its value as written.
type Setting struct{ Name, Value string }

// Evidence is a value with its name, or what is wrong with it.
type Evidence struct{ Name, Value registry.Said }

// Test is what a look at a source showed.
type Test struct {
	// Facts are what the server is.
	Facts []Evidence
	// Sample are a few of its people as the mapping has them.
	Sample []Sample
	// Failure says what went wrong; the rest may be there all the same.
	Failure registry.Said
}

// Sample is one person of a source.
type Sample struct {
	Name, Anchor string
	InScope      bool
	Values       []Evidence
	// Problems are by attribute; "" is the whole entry's.
	Problems []Evidence
}

// Cause is one reason with how many rows of a run have it.
type Cause struct {
	Outcome registry.Outcome
	Code    registry.Code
	Count   int64
}

// PersonRow is a person in a list.
type PersonRow struct {
	*registry.User
	Origin registry.Origin // the owner
	// SignedIn is when they signed in last, as far as sessions stand; only MatchDesk
	// fills it in.
	SignedIn time.Time
}

// Person is everything that is known of one.
type Person struct {
	*registry.User
	Where  registry.Whereabouts
	Owner  registry.Origin
	Values []Value
	Ties   []Tie
	Groups []registry.PersonGroup
	// Mails are their last ones.
	Mails []Mail
	// Sessions are the browsers in which they are signed in, Factors how many
	// second factors they have.
	Sessions []auth.Session
	Factors  int
}

// Value is one attribute: what it is, who stands for it, by which rule and since
// when, and what others say.
type Value struct {
	Attribute string
	Values    []string
	Origin    registry.Origin
	Rule      registry.Said
	Actor     string
	Since     time.Time
	RunnersUp []RunnerUp
}

// RunnerUp is what another origin says.
type RunnerUp struct {
	Origin registry.Origin
	Values []string
	Why    registry.Said
}

// Tie is a link of a person.
type Tie struct {
	Link   *registry.Link
	Origin registry.Origin
}

// Single is what a look at one person of a source showed, step by step.
type Single struct {
	Steps []Step
	// Run is the run that did it, 0 for a look.
	Run int64
}

// Step is one of the five steps: found, mapped, in scope, matched, action.
type Step struct {
	Name string
	OK   bool
	// Text says what came out.
	Text     registry.Said
	Evidence []Evidence
}

// Connection is a SCIM connection with how it fares.
type Connection struct {
	registry.Connection
	// LastRequest is when it was heard of last, zero for never.
	LastRequest time.Time
	// Requests and Failures are of the last day.
	Requests, Failures int64
}

// Mail is one mail with its tries.
type Mail struct {
	ID int64
	// MessageID names the mail to the outside world.
	MessageID             string
	Kind, State           string
	UserName, To          string
	Code                  string
	Message               registry.Said
	CreatedAt, FinishedAt time.Time
	NextTry               time.Time
	Attempts              []Attempt
}

// Attempt is one try to deliver a mail.
type Attempt struct {
	At      time.Time
	Outcome string
	Code    string
	Message registry.Said
}
