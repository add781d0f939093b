package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Origin is a door that people come through.
type Origin struct {
	Kind string `json:"kind" doc:"scim, ldap, entra, registration, upload, admin, mail, teams, api or oidc"`
	Key  string `json:"key" doc:"Its name among those of its kind"`
}

// OriginOf is an origin as programs see it, nil for none.
func OriginOf(o registry.Origin) *Origin {
	if o.Kind == "" {
		return nil
	}
	return &Origin{string(o.Kind), o.Key}
}

// Person is one person of the company.
type Person struct {
	ID            string              `json:"id"`
	UserName      string              `json:"user_name"`
	DisplayName   string              `json:"display_name"`
	Email         string              `json:"email,omitempty" doc:"The primary address"`
	State         string              `json:"state" enum:"active,invited,new,blocked,disabled,contact,deleted"`
	Blocks        string              `json:"blocks,omitempty" doc:"What keeps them from signing in, in words"`
	Kind          string              `json:"kind" enum:"end_user,support_staff"`
	Association   string              `json:"association" enum:"weak,strong"`
	Enabled       bool                `json:"enabled" doc:"The owning origin's word"`
	CompanyAdmin  bool                `json:"company_admin"`
	Protected     bool                `json:"protected,omitempty" doc:"No origin deactivates or deletes them"`
	Owner         *Origin             `json:"owner,omitempty" doc:"The origin that owns them"`
	Attributes    map[string][]string `json:"attributes" doc:"All values by attribute, the primary first"`
	Version       int64               `json:"version" doc:"Moves with every change; the ETag"`
	CreatedAt     time.Time           `json:"created_at"`
	UpdatedAt     time.Time           `json:"updated_at"`
	DeactivatedAt *time.Time          `json:"deactivated_at,omitempty"`
	DeletedAt     *time.Time          `json:"deleted_at,omitempty"`
}

func (p Person) version() int64   { return p.Version }
func (p Person) location() string { return "/people/" + p.ID }

// PersonDetail is a person with where each value came from.
type PersonDetail struct {
	Person
	Values []Value       `json:"values" doc:"Each value with who stands for it, and since when"`
	Groups []PersonGroup `json:"groups" doc:"The groups they are directly in"`
	// MergedInto leads whoever kept an old id on.
	MergedInto string `json:"merged_into,omitempty" doc:"The id of the person who took their place"`
}

// Value is an attribute's value with where it came from.
type Value struct {
	Attribute string     `json:"attribute"`
	Values    []string   `json:"values"`
	From      *Origin    `json:"from,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
}

// PersonGroup is a group that a person is in, and who says so.
type PersonGroup struct {
	Name  string     `json:"name"`
	From  []Origin   `json:"from"`
	Since *time.Time `json:"since,omitempty"`
}

// Explanation says of everything known of a person where it came from.
type Explanation struct {
	ID       string      `json:"id"`
	UserName string      `json:"user_name"`
	State    string      `json:"state"`
	Values   []Explained `json:"values"`
	Ties     []Tie       `json:"origins" doc:"The objects that the person is tied to"`
}

// Explained is an attribute: its value, who stands for it, by which rule, since
// when, and what others say.
type Explained struct {
	Attribute string     `json:"attribute"`
	Values    []string   `json:"values"`
	From      *Origin    `json:"from,omitempty"`
	Rule      string     `json:"rule,omitempty" doc:"How the value came about: an expression of the mapping, or words"`
	Since     *time.Time `json:"since,omitempty"`
	By        string     `json:"by,omitempty" doc:"Who made the last change"`
	RunnersUp []RunnerUp `json:"runners_up,omitempty"`
}

// RunnerUp is what another origin says of an attribute.
type RunnerUp struct {
	From   *Origin  `json:"from,omitempty"`
	Values []string `json:"values"`
	Why    string   `json:"why" doc:"Why it is not the value"`
}

// Tie is an object at an origin that a person is tied to.
type Tie struct {
	Origin  *Origin    `json:"origin,omitempty"`
	Owner   bool       `json:"owner"`
	Anchor  string     `json:"anchor" doc:"The object's immutable id there"`
	Name    string     `json:"name,omitempty"`
	Enabled bool       `json:"enabled"`
	Missing *time.Time `json:"missing_since,omitempty"`
}

// PersonInput names a person.
type PersonInput struct {
	Person string `in:"path" name:"person" doc:"The person's id"`
}

// PersonChangeInput names a person who is to be changed.
type PersonChangeInput struct {
	PersonInput
	IfMatch
}

// ListPeopleInput filters people.
type ListPeopleInput struct {
	Paging
	UserName   string `in:"query" name:"user_name" doc:"How the userName begins"`
	Email      string `in:"query" name:"email" doc:"One of the addresses, whole"`
	State      string `in:"query" name:"state" enum:"active,invited,new,blocked,disabled,contact,deleted" doc:"The deleted are shown only when they are asked for"`
	Kind       string `in:"query" name:"kind" enum:"end_user,support_staff"`
	OriginKind string `in:"query" name:"origin_kind" doc:"The kind of the owning origin, with origin"`
	Origin     string `in:"query" name:"origin" doc:"The key of the owning origin, with origin_kind"`
	Group      string `in:"query" name:"group" doc:"The id of a group they are directly in"`
	Sort       string `in:"query" name:"sort" enum:"user_name,-created_at" doc:"user_name unless told otherwise"`
}

// CreatePersonInput makes a person.
type CreatePersonInput struct {
	Body struct {
		UserName   string `json:"user_name" doc:"What the person signs in with"`
		Email      string `json:"email,omitempty" doc:"Where the set-up link is mailed"`
		GivenName  string `json:"given_name,omitempty"`
		FamilyName string `json:"family_name,omitempty"`
		Locale     string `json:"locale,omitempty" doc:"Language of mails and pages, such as it"`
		NewAccount
	} `in:"body"`
}

// NewAccount is what is chosen for somebody who gets an account.
type NewAccount struct {
	Kind       string   `json:"kind,omitempty" enum:"end_user,support_staff" doc:"end_user unless told otherwise"`
	Department string   `json:"department,omitempty" doc:"Name of a department that there is"`
	Contract   string   `json:"contract,omitempty" doc:"Number of the service contract"`
	Groups     []string `json:"groups,omitempty" doc:"Ids or names of groups that there are"`
	Mail       string   `json:"mail,omitempty" enum:"send,hold" doc:"What becomes of the set-up mail: send unless told otherwise"`
}

// PersonChangesInput asks for a person's history.
type PersonChangesInput struct {
	PersonInput
	Paging
}

// People are the company's people.
type People interface {
	ListPeople(ctx context.Context, who *Who, in ListPeopleInput) (Page[Person], error)
	ShowPerson(ctx context.Context, who *Who, in PersonInput) (PersonDetail, error)
	ExplainPerson(ctx context.Context, who *Who, in PersonInput) (Explanation, error)
	ListPersonChanges(ctx context.Context, who *Who, in PersonChangesInput) (Page[Change], error)
	CreatePerson(ctx context.Context, who *Who, in CreatePersonInput) (Person, error)
	InvitePerson(ctx context.Context, who *Who, in PersonInput) (Person, error)
	BlockPerson(ctx context.Context, who *Who, in PersonChangeInput) (Person, error)
	UnblockPerson(ctx context.Context, who *Who, in PersonChangeInput) (Person, error)
	ActivatePerson(ctx context.Context, who *Who, in PersonChangeInput) (Person, error)
	ProtectPerson(ctx context.Context, who *Who, in PersonChangeInput) (Person, error)
	UnprotectPerson(ctx context.Context, who *Who, in PersonChangeInput) (Person, error)
}

// accountCodes are what stands against an account.
var accountCodes = []registry.Code{registry.CodeUserNameTaken, registry.CodeUnknownContract, registry.CodeUnvouched}

func peopleRoutes(d People) []Route {
	const tag, one = "people", "/people/{person}"
	change := func(word, summary string) Route {
		return Route{Method: http.MethodPost, Pattern: one + "/" + word, Right: auth.RightOperate, ID: word + "Person", Tag: tag, Deed: "person." + word, Summary: summary}
	}
	invite := change("invite", "Mail a fresh set-up link; older links stop working")
	invite.Codes = []registry.Code{registry.CodeNotInvitable, registry.CodeUnvouched}
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/people", Right: auth.RightRead, ID: "listPeople", Tag: tag, Export: true, Codes: []registry.Code{registry.CodeNotFound}, Summary: "The people"}, d.ListPeople),
		On(Route{Method: http.MethodPost, Pattern: "/people", Right: auth.RightOperate, ID: "createPerson", Tag: tag, Deed: "person.create", Status: http.StatusCreated,
			Summary: "Make a person, and mail them their set-up link or hold it", Codes: accountCodes}, d.CreatePerson),
		On(Route{Method: http.MethodGet, Pattern: one, Right: auth.RightRead, ID: "showPerson", Tag: tag, Summary: "One person, with where each value came from"}, d.ShowPerson),
		On(Route{Method: http.MethodGet, Pattern: one + "/explain", Right: auth.RightRead, ID: "explainPerson", Tag: tag,
			Summary: "Each value of a person: where it came from, by which rule, and what others say"}, d.ExplainPerson),
		On(Route{Method: http.MethodGet, Pattern: one + "/changes", Right: auth.RightRead, ID: "listPersonChanges", Tag: tag, Export: true,
			Summary: "What changed of a person, the newest first"}, d.ListPersonChanges),
		On(invite, d.InvitePerson),
		On(change("block", "Keep a person from signing in; their sessions end"), d.BlockPerson),
		On(change("unblock", "Lift what block did"), d.UnblockPerson),
		On(change("activate", "Let a person in who awaits activation"), d.ActivatePerson),
		On(change("protect", "Have no origin deactivate or delete a person"), d.ProtectPerson),
		On(change("unprotect", "Lift what protect did"), d.UnprotectPerson),
	}
}
