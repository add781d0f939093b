package registry

import (
	"strings"
	"time"
)

// Kind says what a person is to the helpdesk.
type Kind string

// The kinds of people.
const (
	EndUser      Kind = "end_user"
	SupportStaff Kind = "support_staff"
)

// Association says how firmly a person is tied to the installation.
type Association string

const (
	// Weak is a contact record without sign-in.
	Weak Association = "weak"
	// Strong is a full account.
	Strong Association = "strong"
)

// Credential is the state of a person's means to sign in.
type Credential string

const (
	// CredentialNone: nothing was ever mailed or set.
	CredentialNone Credential = "none"
	// CredentialInvited: a set-up link was queued and not yet followed.
	CredentialInvited Credential = "invited"
	// CredentialSet: the person chose a password.
	CredentialSet Credential = "set"
	// CredentialSSO: the person signs in with an identity provider.
	CredentialSSO Credential = "sso"
)

// Blocks are the reasons, other than the owning origin's word, that keep a
// person from signing in. They are set and lifted by people, never by a sync.
type Blocks uint8

const (
	// BlockActivation: a company admin has yet to activate the account.
	BlockActivation Blocks = 1 << iota
	// BlockAdmin: a company admin blocked the account.
	BlockAdmin
	// BlockApproval: an approval holds the account.
	BlockApproval
)

// blockNames is the one table between a block and its word.
var blockNames = []struct {
	block Blocks
	name  string
}{
	{BlockActivation, "awaiting activation"},
	{BlockAdmin, "blocked by an admin"},
	{BlockApproval, "held by approval"},
}

// String lists the blocks in words, or "" for none.
func (b Blocks) String() string {
	var out []string
	for _, n := range blockNames {
		if b&n.block != 0 {
			out = append(out, n.name)
		}
	}
	return strings.Join(out, ", ")
}

// User is one person of one company.
type User struct {
	ID       UserID
	PublicID string // UUIDv7, what the outside world sees
	Company  CompanyID

	Kind         Kind
	Association  Association
	CompanyAdmin bool
	Rights       Rights // beside CompanyAdmin

	// Attributes are the person's present values, userName and emails
	// included. Emails are ordered, primary first.
	Attributes Attributes

	// Document is what a SCIM connection said of the person, as JSON; nil for a
	// person of another door.
	Document []byte

	Enabled    bool // the owning origin's word; SCIM "active"
	Blocks     Blocks
	Credential Credential
	// CredentialVersion moves whenever a password is set or destroyed; links and
	// sessions of an older version are dead. (A changed address ends links by
	// superseding them, and leaves sessions alone.)
	CredentialVersion int64

	Owner      OriginID
	Department DepartmentID // 0 for none
	Contract   ContractID   // 0 for none
	Manager    UserID       // whom a directory names as manager; 0 for none

	// Protected people are deactivated and deleted by no origin.
	Protected bool

	Version       int64
	CreatedAt     time.Time
	UpdatedAt     time.Time
	DeactivatedAt time.Time // zero while enabled
	DeletedAt     time.Time // zero while the record lives
}

// UserName is the name the person signs in with, as typed.
func (u *User) UserName() string { return u.Attributes.First(AttrUserName) }

// Email is the primary address, or "".
func (u *User) Email() string { return u.Attributes.First(AttrEmails) }

// Locale is the person's language, or "".
func (u *User) Locale() string { return u.Attributes.First(AttrLocale) }

// DisplayName is what people call the person: the display name, else given and
// family name, else the userName.
func (u *User) DisplayName() string {
	if d := u.Attributes.First(AttrDisplayName); d != "" {
		return d
	}
	full := strings.TrimSpace(u.Attributes.First(AttrGivenName) + " " + u.Attributes.First(AttrFamilyName))
	if full != "" {
		return full
	}
	return u.UserName()
}

// State is the one word that sums up the three facts enabled, blocks and
// credential.
type State string

// The states a page or report can show for a person.
const (
	StateActive   State = "active"
	StateInvited  State = "invited"
	StateNew      State = "new"
	StateBlocked  State = "blocked"
	StateDisabled State = "disabled"
	StateContact  State = "contact"
	StateDeleted  State = "deleted"
)

// State derives the person's state; the first fact that stands in the way
// names it.
func (u *User) State() State {
	switch {
	case !u.DeletedAt.IsZero():
		return StateDeleted
	case u.Association == Weak:
		return StateContact
	case !u.Enabled:
		return StateDisabled
	case u.Blocks != 0:
		return StateBlocked
	case u.Credential == CredentialInvited:
		return StateInvited
	case u.Credential == CredentialNone:
		return StateNew
	default:
		return StateActive
	}
}

// MaySignIn reports whether all three facts allow signing in.
func (u *User) MaySignIn() bool { return u.State() == StateActive }

// MayReceiveSetup reports whether a set-up link may be mailed to the person:
// a full, enabled, unblocked account with an address and no credential yet.
func (u *User) MayReceiveSetup() bool {
	s := u.State()
	return (s == StateNew || s == StateInvited) && u.Email() != ""
}
