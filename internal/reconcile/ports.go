package reconcile

import (
	"context"
	"time"

	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// Ledger is where a company's runs are kept, with the lease of each source and
// the present state a plan compares with. internal/store implements it.
type Ledger interface {
	// AcquireLease takes the lease or returns registry.ErrLeased. It marks the
	// runs a dead holder left behind as interrupted and gives the newest of
	// them that was changing things, 0 for none.
	AcquireLease(ctx context.Context, source registry.SourceID, holder string) (registry.Fence, registry.RunID, error)
	// RenewLease shows life; registry.ErrFenced when the lease is lost.
	RenewLease(ctx context.Context, f registry.Fence) error
	// ReleaseLease gives back the lease of a run that was not entered, if it is
	// still the caller's.
	ReleaseLease(ctx context.Context, f registry.Fence) error

	// CreateRun enters a run and fills in its key and number.
	CreateRun(ctx context.Context, r *registry.Run) error
	// UpdateRun writes how a run stands; registry.ErrFenced as above.
	UpdateRun(ctx context.Context, f registry.Fence, r *registry.Run) error
	// AddItems appends rows to the run's report; registry.ErrFenced as above.
	AddItems(ctx context.Context, f registry.Fence, run registry.RunID, items []registry.RunItem) error
	// EndRun writes how a run ended with what it leaves to its source (moving the
	// schedule to the next try of a quarantine), and gives the lease back, all at
	// once; registry.ErrFenced as above.
	EndRun(ctx context.Context, f registry.Fence, r *registry.Run, end registry.RunEnd) error
	// SourceMarks streams the markers of those whom the source's scope leaves out;
	// MarkSource sets and forgets some, RefreshLinks those of people and groups;
	// registry.ErrFenced as above.
	SourceMarks(ctx context.Context, source registry.SourceID, fn func(registry.SourceMark) error) error
	MarkSource(ctx context.Context, f registry.Fence, set []registry.SourceMark, forget []string) error
	RefreshLinks(ctx context.Context, f registry.Fence, origin registry.OriginID, marks []registry.LinkMark) error
	// KeptPages gives the next pages that wait of a read, in order; KeepPages adds
	// some, or registry.ErrPagesLost where those before them are gone; ForgetPages
	// forgets all. The latter two: registry.ErrFenced as above.
	KeptPages(ctx context.Context, source registry.SourceID, after int64, limit int) ([]registry.ReadPage, error)
	KeepPages(ctx context.Context, f registry.Fence, pages []registry.ReadPage) error
	ForgetPages(ctx context.Context, f registry.Fence) error
	// AllowRemovals ends Health.NoRemovals; registry.ErrFenced as above.
	AllowRemovals(ctx context.Context, f registry.Fence) error
	// Runs lists a source's runs, the newest first.
	Runs(ctx context.Context, source registry.SourceID, limit int) ([]*registry.Run, error)
	// Items streams the report rows with one of these outcomes.
	Items(ctx context.Context, run registry.RunID, fn func(registry.RunItem) error, outcomes ...registry.Outcome) error
	// DecideRun records the word on a held run, with what a rejection means for
	// its source, and reports whether it was the first.
	DecideRun(ctx context.Context, held *registry.Run, d registry.Decision) (bool, error)

	// LinkedUsers, LinkedGroups and Memberships stream what the origin has, of
	// people only those with these anchors when any are named.
	LinkedUsers(ctx context.Context, origin registry.OriginID, fn func(registry.LinkedUser) error, anchors ...string) error
	// LinkedUsersAmong is LinkedUsers for some of them.
	LinkedUsersAmong(ctx context.Context, origin registry.OriginID, among []registry.UserID, fn func(registry.LinkedUser) error) error
	LinkedGroups(ctx context.Context, origin registry.OriginID, fn func(registry.LinkedGroup) error) error
	Memberships(ctx context.Context, origin registry.OriginID, fn func(registry.Membership) error) error
	// KeptMembers is how many of these other origins have in the group.
	KeptMembers(ctx context.Context, group registry.GroupID, origin registry.OriginID, users []registry.UserID, groups []registry.GroupID) (int, error)
	// GroupsNamed finds living groups by their names in comparison form: all that
	// are called so, in the order of their keys.
	GroupsNamed(ctx context.Context, names []string) (map[string][]registry.GroupID, error)
	// FindUser finds one person by userName, verified address or id.
	FindUser(ctx context.Context, who string) (*registry.User, error)
	// Anchors are the ids by which a person is tied to the origin.
	Anchors(ctx context.Context, origin registry.OriginID, user registry.UserID) ([]string, error)
	// Twins streams the living people whom a pulled directory of another kind than
	// the origin's owns, with the id by which that one knows them, or by which it says
	// that the other kind does.
	Twins(ctx context.Context, origin registry.Origin, fn func(registry.Candidate) error) error
	// LastChange is the newest change of the company, whoever made it, and
	// ChangedSince streams the people whom later ones are about.
	LastChange(ctx context.Context) (int64, error)
	ChangedSince(ctx context.Context, change int64, fn func(registry.UserID) error) error
	// NameUsers names people, the deleted ones too.
	NameUsers(ctx context.Context, users []registry.UserID) (map[registry.UserID]registry.Candidate, error)
	// PrimaryMails are people's primary addresses in comparison form.
	PrimaryMails(ctx context.Context, users []registry.UserID) (map[registry.UserID]string, error)
	// Candidates finds whom a join rule could mean.
	Candidates(ctx context.Context, rule string, values []string) ([]registry.Candidate, error)
}

// SetupMode says what becomes of the set-up mails of a source's new people.
type SetupMode string

// The modes of set-up mails.
const (
	SetupSend SetupMode = "true"
	SetupNone SetupMode = "false"
	// SetupHoldFirst holds the mails of the first import for an admin.
	SetupHoldFirst SetupMode = "hold-first"
	// SetupHold holds the mails of every run.
	SetupHold SetupMode = "hold"
)

// Source is a configured source, compiled and connected.
type Source struct {
	State  registry.Source
	Reader source.Source
	Mapper *mapping.Mapper
	// Join are the rules, in order, by which someone without a link may be tied
	// to an existing person: userName, email, employeeNumber. The Mapper was made
	// with the same rules.
	Join []mapping.JoinRule
	// TeamsTenant is the Microsoft tenant whose object ids the anchors are, "" for
	// none: a contact who wrote in Teams from there is the person with that id.
	TeamsTenant string
	// Write says how attributes are written where that is not always.
	Write map[string]registry.WriteMode
	// Managers is true where the Reader was asked for managers.
	Managers bool
	// Policy and Recreate are as in plan.Policy.
	Policy    plan.Mode
	Recreate  plan.Recreate
	Nested    plan.Nested
	OnMissing bool // true deactivates
	// DeleteAfter is the grace, 0 for never.
	DeleteAfter time.Duration
	Setup       SetupMode
	Limits      plan.Limits
	// SettingsHash identifies the settings a run used: those that say who and what
	// is read, not the limits and the schedule.
	SettingsHash string
	// Scope is the source's scope as it was written, to be shown.
	Scope string
	// FullEvery is after how long everything is read whole again though markers
	// say what changed; 0 reads everything whole every time.
	FullEvery time.Duration
	// SettingsFree is true for a source that is not held for other settings.
	SettingsFree bool
	// List is true for a list that somebody made, as an uploaded file is: it never
	// has everybody, which is no fault, and it knows groups by their names, so that
	// people join the group of that name whoever owns it.
	List bool
}

// Request asks for one run.
type Request struct {
	Mode    string // registry.ModeRun or registry.ModePreview
	Trigger string // schedule, manual, approval, resume
	Actor   string
	// Full reads everything whole, whatever the markers say.
	Full bool
	// Approved is the held run whose changes an admin lets through. It is decided
	// under this run's lease, so that an approval is never spent on a run that
	// could not be made; Note is why, PlanHash, when set, what was looked at. A run
	// that is not held any more is refused.
	Approved *registry.Run
	Note     string
	PlanHash string
	// Entered, when set, is told the run as soon as it has a number.
	Entered func(registry.Run)
	// Progress, when set, is told how far the run is; it must return quickly.
	Progress func(Progress)
}

// Phase is a stretch of a run.
type Phase string

// The phases of a run.
const (
	PhaseRead  Phase = "reading"
	PhasePlan  Phase = "planning"
	PhaseApply Phase = "applying"
)

// Progress says how far a run is.
type Progress struct {
	Phase Phase
	// Done of Total records; Total is 0 while it is not known.
	Done, Total int64
}
