package registry

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// ApplicationState is how far a registration has come.
type ApplicationState string

// The states of an application.
const (
	// ApplicationReceived: nobody has looked at it yet.
	ApplicationReceived ApplicationState = "received"
	// ApplicationMailed: a contact was mailed the link that completes it.
	ApplicationMailed ApplicationState = "mailed"
	// ApplicationAwaiting: somebody has to activate or refuse it.
	ApplicationAwaiting ApplicationState = "awaiting"
	// ApplicationDone: there is an account.
	ApplicationDone ApplicationState = "done"
	// ApplicationRefused: there is none, or it stays shut.
	ApplicationRefused ApplicationState = "refused"
)

// The fields of the registration forms.
const (
	FieldLogin      = "login"
	FieldGiven      = "given"
	FieldFamily     = "family"
	FieldMail       = "mail"
	FieldPhone      = "phone"
	FieldLocale     = "locale"
	FieldContract   = "contract"
	FieldCompany    = "company"
	FieldDepartment = "department"
	FieldGroup      = "group"
)

// The facts of Application.Resolved.
const (
	// FactProven is "yes" for who sent a proof of work or was let through by an
	// operator; others wait for a person to look at them.
	FactProven = "proven"
	// FactContract, FactDepartment and FactGroup are what the person gets.
	FactContract   = "contract"
	FactDepartment = "department"
	FactGroup      = "group"
	// FactGroupID is the group's key.
	FactGroupID = "group_id"
	// FactDefault is "yes" where the default support group stands in for what was
	// typed.
	FactDefault = "default"
	// FactContact is "yes" where a contact with the address becomes the account.
	FactContact = "contact"
	// FactFounder is "yes" for who registered a new company.
	FactFounder = "founder"
	// FactForeign is the domain of an address that is not among those the company
	// proved to be its own.
	FactForeign = "foreign_domain"
)

// Application is a registration: what somebody filled in, and what became of it.
type Application struct {
	ID       int64
	PublicID string
	Kind     Kind
	State    ApplicationState
	// Code is why it was refused.
	Code Code
	// Typed is what was filled in, by field; emptied when it is over.
	Typed map[string]string
	// Resolved is what was made of it.
	Resolved map[string]string
	Company  CompanyID // 0 until it is known
	User     UserID    // 0 while there is none
	// Address is where it came from.
	Address   string
	Attempts  int
	CreatedAt time.Time
	DecidedAt time.Time
	DecidedBy string
	Note      string
}

// Resolve notes what was made of what was typed.
func (a *Application) Resolve(fact, value string) {
	if a.Resolved == nil {
		a.Resolved = map[string]string{}
	}
	if a.Resolved[fact] = value; value == "" {
		delete(a.Resolved, fact)
	}
}

// Proven reports whether nobody needs to look at it for want of a proof of work.
func (a *Application) Proven() bool { return a.Resolved[FactProven] == "yes" }

// Attributes are the person as the application has them.
func (a *Application) Attributes() Attributes {
	out := Attributes{}
	for field, name := range map[string]string{
		FieldLogin: AttrUserName, FieldGiven: AttrGivenName, FieldFamily: AttrFamilyName,
		FieldMail: AttrEmails, FieldPhone: AttrPhone, FieldLocale: AttrLocale,
	} {
		out.Set(name, a.Typed[field])
	}
	out.Set(AttrDisplayName, strings.TrimSpace(a.Typed[FieldGiven]+" "+a.Typed[FieldFamily]))
	return out
}

// FormError says which fields of a form cannot be taken, and why, in a word of
// FormFault.
type FormError struct{ Fields map[string]FormFault }

// FormFault is why a field cannot be taken.
type FormFault string

// The faults.
const (
	FaultMissing FormFault = "missing"
	FaultLong    FormFault = "long"
	FaultText    FormFault = "text"
	FaultMail    FormFault = "mail"
	FaultLogin   FormFault = "login"
	FaultPhone   FormFault = "phone"
)

func (e *FormError) Error() string {
	return "these fields cannot be taken: " + strings.Join(slices.Sorted(maps.Keys(e.Fields)), ", ")
}

// CompanyInfo is a company with what an operator wants to know of it.
type CompanyInfo struct {
	Company
	// Managed companies are kept by the configuration file.
	Managed    bool
	VerifiedAt time.Time
	VerifiedBy string
	CreatedAt  time.Time
	// Resembles is the name of another company that this one could be taken for.
	Resembles string
}

// Vouched reports whether somebody vouched for the company: the configuration
// file, an operator or a DNS record. One that nobody vouched for registered
// itself: its name is kept out of mails, and how many people it may have mailed
// is limited.
func (c *CompanyInfo) Vouched() bool { return c.Managed || !c.VerifiedAt.IsZero() }

// Contract is a service contract.
type Contract struct {
	ID        ContractID
	Number    string
	Title     string
	Users     int64 // who live under it
	CreatedAt time.Time
	EndedAt   time.Time // zero while it is live
}

// Department is a department with how many people are in it.
type Department struct {
	ID        DepartmentID
	Name      string
	Users     int64
	CreatedAt time.Time
}

// Domain is a mail domain that a company says is its own.
type Domain struct {
	Name       string // in its ASCII form
	Challenge  string // what its TXT record has to hold
	CreatedAt  time.Time
	CheckedAt  time.Time
	VerifiedAt time.Time // zero until the record was seen
}
