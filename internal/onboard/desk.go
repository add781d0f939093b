package onboard

import (
	"context"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Registrations keeps applications. Its methods are a transaction each.
type Registrations interface {
	// Receive stores an application, if every limit lets it and its challenge was
	// not used before; else nothing at all changes. The error is a
	// *auth.ThrottledError, registry.ErrSpent, or about the store.
	Receive(ctx context.Context, in Intake) error
	// ClaimApplications takes up to n received applications that are due until the
	// lease ends, by the database's clock. Of two processes each gets others.
	ClaimApplications(ctx context.Context, n int, lease time.Duration) ([]string, error)
	// Decide runs fn on an application as it is at that moment, held against
	// others, and stores what fn leaves of it, in one transaction with everything
	// that fn does at the desk. An error of fn undoes all of it.
	Decide(ctx context.Context, publicID string, fn func(Desk, *registry.Application) error) error
	// Postpone has an application tried again at next; its last try failed.
	Postpone(ctx context.Context, publicID string, next time.Time) error
}

// Intake is an application on its way in.
type Intake struct {
	Application registry.Application
	Challenge   auth.Spent
	// Takes are the limits that each lose a token, in this order; the first that
	// has none refuses.
	Takes []Take
	Now   time.Time
}

// Take is a token taken of a bucket that all processes share. The bucket is named
// by a keyed hash.
type Take struct {
	Bucket []byte
	Rate   auth.Rate
}

// Desk is where an application is decided: one transaction across companies. A
// record that does not exist is registry.ErrNotFound.
type Desk interface {
	// ContractCompany finds the company that has the live contract with this key.
	ContractCompany(ctx context.Context, numberKey string) (registry.CompanyID, error)
	Companies(ctx context.Context) ([]registry.CompanyInfo, error)
	// Found makes a company that nobody has vouched for.
	Found(ctx context.Context, c registry.CompanyInfo) (registry.CompanyID, error)
	// TakeName takes a login name for ever; false where anybody in the whole
	// installation has it or had it. The holder, if it is not 0, may have it as a
	// userName already.
	TakeName(ctx context.Context, n Name) (bool, error)
	// HoldName says whose a name that was taken is.
	HoldName(ctx context.Context, hash []byte, user registry.UserID) error
	// Places looks up what an applicant names in a company.
	Places(ctx context.Context, company registry.CompanyID, departmentKey, groupKey string) (Places, error)
	// Contact finds the only contact of the company that has the address.
	Contact(ctx context.Context, company registry.CompanyID, addressKey string) (registry.UserID, error)
	// Domains are those that the company proved to be its own, in ASCII.
	Domains(ctx context.Context, company registry.CompanyID) ([]string, error)
	// Door finds or makes the company's door for registrations.
	Door(ctx context.Context, company registry.CompanyID) (registry.Origin, error)
	// Apply is registry.Apply in this transaction. An operation that is refused is
	// the error, a *registry.Error.
	Apply(ctx context.Context, b registry.Batch) ([]registry.Result, error)
	// InviteContact stores the link that completes an application with its mail.
	InviteContact(ctx context.Context, l Link) error
	// Tell mails a notice to the company's admins, and to the operators where no
	// admin of it can sign in; to the operators alone for company 0.
	Tell(ctx context.Context, company registry.CompanyID, n registry.Notice) error
	// TellPerson mails somebody a notice.
	TellPerson(ctx context.Context, company registry.CompanyID, user registry.UserID, n registry.Notice) error
	// Audit writes down who decided.
	Audit(ctx context.Context, company registry.CompanyID, d registry.Deed) error
	// Take takes a token, false where there is none.
	Take(ctx context.Context, t Take, now time.Time) (bool, error)
}

// Name is a login name that is asked for.
type Name struct {
	Hash    []byte
	Key     string
	Company registry.CompanyID
	Holder  registry.UserID
}

// Places are what a company has of what an applicant named; zero for what it has
// not.
type Places struct {
	Department     registry.DepartmentID
	DepartmentName string
	Group          registry.GroupID
	GroupName      string
	// GroupDepartment is the department that the group belongs to, 0 for any.
	GroupDepartment registry.DepartmentID
	// Default is the default support group, deleted or not; DefaultLives says that
	// it is there.
	Default      registry.GroupID
	DefaultName  string
	DefaultLives bool
}

// The notices of registration.
const (
	// NoticeApplicant tells who decides that somebody waits.
	NoticeApplicant registry.NoticeKind = "applicantWaits"
	// NoticeWaiting tells an applicant that somebody has to look at it.
	NoticeWaiting registry.NoticeKind = "registrationWaits"
	// NoticeRefused tells an applicant that it came to nothing.
	NoticeRefused registry.NoticeKind = "registrationRefused"
)
