package admin

import (
	"context"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// PeopleDesk is what is done with people, and with what they belong to.
type PeopleDesk interface {
	PersonDesk
	GroupDesk
	PlaceDesk
	ApplicantDesk
	TeamDesk
}

// PersonDesk is what is done with people.
type PersonDesk interface {
	People(ctx context.Context, q registry.PeopleQuery) ([]PersonRow, error)
	// PeopleCounts are how many there are by state.
	PeopleCounts(ctx context.Context) (map[registry.State]int64, error)
	Person(ctx context.Context, publicID string) (*Person, error)
	// FindPerson finds one by userName, verified address or id.
	FindPerson(ctx context.Context, who string) (*registry.User, error)
	// Doors are the origins that people of the company may belong to.
	Doors(ctx context.Context) ([]registry.Origin, error)
	// Do carries one operation out through the door of the company's admins.
	Do(ctx context.Context, actor string, op registry.Op) (registry.Result, error)
	// CreatePerson makes a person by hand. It tells their id, and whether a set-up
	// mail waits.
	CreatePerson(ctx context.Context, actor string, n NewPerson) (publicID string, mailed bool, err error)
	// Invite mails a fresh set-up link; older ones end.
	Invite(ctx context.Context, actor string, id registry.UserID) error
	// Link ties a person to an entry of a source. Older passwords and sessions end
	// with endPassword, a contact's in any case.
	Link(ctx context.Context, actor, source, anchor string, id registry.UserID, endPassword bool) error
	// SyncOne looks at one person at a source and, unless it is only to be looked
	// at, does what a run would do.
	SyncOne(ctx context.Context, source, who string, preview bool, actor string) (*Single, error)
	// EndSessions signs a person out everywhere, ResetFactors takes their second
	// factors too. Both audit it and tell how many there were.
	EndSessions(ctx context.Context, by *auth.Principal, id registry.UserID) (int, error)
	ResetFactors(ctx context.Context, by *auth.Principal, id registry.UserID) (int, error)
}

// NewPerson is a person to be made by hand.
type NewPerson struct {
	UserName, Email, GivenName, FamilyName, Locale string
	Kind                                           registry.Kind
	// Department and Contract are the company's own; Groups are found by name or id.
	Department, Contract string
	Groups               []string
	// Hold keeps the set-up mail back until somebody releases it.
	Hold bool
}

// GroupDesk is what is done with groups.
type GroupDesk interface {
	Groups(ctx context.Context, q registry.GroupQuery) ([]registry.GroupInfo, error)
	Group(ctx context.Context, publicID string) (registry.GroupInfo, error)
	// FindGroup finds one by name or id; a name that several have is a Refusal.
	FindGroup(ctx context.Context, who string) (*registry.Group, error)
	Members(ctx context.Context, q registry.MemberQuery) ([]registry.MemberRow, error)
	// CreateGroup makes a group by hand; the default one is a support group.
	CreateGroup(ctx context.Context, actor, name string, support, isDefault bool) (publicID string, err error)
	// ChooseDefault makes a support group the company's default.
	ChooseDefault(ctx context.Context, actor string, group registry.GroupID) error
}

// PlaceDesk is what is done with the company and its places. What is changed here
// is audited here.
type PlaceDesk interface {
	// Info is the company with who vouches for it.
	Info(ctx context.Context) (registry.CompanyInfo, error)
	Vouch(ctx context.Context, actor string) error
	Departments(ctx context.Context) ([]registry.Department, error)
	CreateDepartment(ctx context.Context, actor, name string) error
	Contracts(ctx context.Context) ([]registry.Contract, error)
	CreateContract(ctx context.Context, actor, number, title string) error
	EndContract(ctx context.Context, actor, number string) error
	Domains(ctx context.Context) ([]Domain, error)
	AddDomain(ctx context.Context, actor, name string) error
	// CheckDomain looks for the record and tells whether it was there.
	CheckDomain(ctx context.Context, actor, name string) (bool, error)
}

// Domain is a mail domain with the DNS record that proves it.
type Domain struct {
	registry.Domain
	RecordName, RecordValue string
}

// ApplicantDesk is what is done with those who registered themselves. Decisions
// are audited here.
type ApplicantDesk interface {
	// Applicants are up to limit of them, the newest first; a state other than ""
	// leaves out all others.
	Applicants(ctx context.Context, state registry.ApplicationState, limit int) ([]registry.Application, error)
	Applicant(ctx context.Context, publicID string) (registry.Application, error)
	Activate(ctx context.Context, by *auth.Principal, publicID string) error
	Refuse(ctx context.Context, by *auth.Principal, publicID, note string) error
}

// TeamDesk is what is done with rights.
type TeamDesk interface {
	// Team are those with rights beyond their own account, by userName.
	Team(ctx context.Context) ([]*registry.User, error)
}

// InstallDesk is what operators do outside of companies.
type InstallDesk interface {
	// CompanyOfApplicant is whose applicant somebody is; no company for who would
	// found one.
	CompanyOfApplicant(ctx context.Context, publicID string) (registry.Company, error)
	// Unvouched are the companies that nobody vouched for.
	Unvouched(ctx context.Context) ([]registry.CompanyInfo, error)
	// Founders are those who wait to found a company. Decisions are audited here.
	Founders(ctx context.Context) ([]registry.Application, error)
	DecideFounder(ctx context.Context, by *auth.Principal, publicID string, activate bool, note string) error
	Operators(ctx context.Context) ([]*registry.User, error)
	CreateOperator(ctx context.Context, actor string, n NewPerson) error
	RemoveOperator(ctx context.Context, actor, publicID string) error
}
