package onboard

import (
	"context"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Link is the record of a mailed link.
type Link struct {
	UID       string
	Company   registry.CompanyID
	User      registry.UserID
	Purpose   auth.LinkPurpose
	TokenHash []byte
	// Address is where it was mailed; following the link proves that mailbox.
	Address string
	// CredentialVersion is the user's when the link was made.
	CredentialVersion int64
	// Application is the registration that following the link completes, 0 for
	// none: its person is a contact until then.
	Application  int64
	CreatedAt    time.Time
	ExpiresAt    time.Time
	UsedAt       time.Time // zero while unused
	SupersededAt time.Time // zero while none took its place
}

// Person is a user with what signing in needs.
type Person struct {
	User         registry.User
	Company      registry.Company
	PasswordHash string // argon2id PHC string, or ""
}

// StateOf says what the link is good for, its person being as given. It is the
// one rule: pages ask it before, and a store asks it after an update that
// touched no row, to say why.
func StateOf(l Link, u *registry.User, now time.Time) auth.LinkState {
	switch s := u.State(); {
	case !l.UsedAt.IsZero():
		return auth.LinkUsed
	case s == registry.StateDeleted, s == registry.StateDisabled, s == registry.StateBlocked,
		s == registry.StateContact && l.Application == 0:
		return auth.LinkClosed
	case !l.SupersededAt.IsZero(), l.CredentialVersion != u.CredentialVersion:
		return auth.LinkSuperseded
	case !now.Before(l.ExpiresAt):
		return auth.LinkExpired
	default:
		return auth.LinkLive
	}
}

// MailKind names what onboarding asks to be mailed.
type MailKind string

const (
	// MailSetup carries a set-up link.
	MailSetup MailKind = "setup"
	// MailReset carries a reset link.
	MailReset MailKind = "reset"
	// MailPasswordChanged tells the person that their password was set anew. It
	// carries no link.
	MailPasswordChanged MailKind = "password_changed"
)

// MeantMost is how many people may hold an address that means them: a mailbox
// shared by more is nobody's way to sign in.
const MeantMost = 8

// Store keeps links and passwords. Each method is one transaction. All times
// are the caller's clock. Reading a record that does not exist gives
// registry.ErrNotFound.
type Store interface {
	// FindLink looks a link up by its token's hash, in all companies, with the
	// person it belongs to as they are now (deleted ones included).
	FindLink(ctx context.Context, tokenHash []byte) (Link, Person, error)

	// FindPeople finds whom a typed name can mean: the living strong users of the
	// company whose userName has the given key (registry.Key), first, and who
	// holds the verified e-mail address with that key, in the order of their ids.
	// Where more than MeantMost hold it, none of them is meant. Nobody is no error.
	FindPeople(ctx context.Context, company registry.CompanyID, key string) ([]Person, error)

	// GetPerson returns the living user with this id.
	GetPerson(ctx context.Context, company registry.CompanyID, user registry.UserID) (Person, error)

	// IssueLink stores a new link with its mail row of the kind Mail to
	// link.Address, and supersedes the person's other unused links of that
	// purpose (their unsent mails are dropped). It does nothing and returns
	// registry.ErrNotFound when the user is gone or their credential version is
	// no longer link.CredentialVersion.
	IssueLink(ctx context.Context, link Link, mail MailKind) error

	// ConsumeLink spends a link and sets the password, by one conditional
	// update: the link is unused, not superseded, not expired at Now, and its
	// user's state is active, invited or new with the link's credential version.
	// Of two at once exactly one succeeds. With it, in the same transaction:
	// the password hash; credential "set"; credential version + 1; link.Address,
	// if it is one of the user's, marked verified; all sessions of the user
	// deleted; the user's other unused links superseded and their unsent mails
	// dropped; one change row, the user being the actor; with Notice, a mail row
	// MailPasswordChanged to the primary address. A link with an Application first
	// makes its contact the account that was applied for. Otherwise nothing changes and
	// the error is a *auth.LinkError saying why (see StateOf), LinkUnknown when
	// there is no such link.
	ConsumeLink(ctx context.Context, c ConsumeLink) (Consumed, error)

	// SetPassword replaces the password if the credential version is still
	// CredentialVersion and the user may sign in, with the same consequences as
	// ConsumeLink but for the address, and always with the notice. Else nothing
	// changes and the error is registry.ErrNotFound. It returns the new version.
	SetPassword(ctx context.Context, p SetPassword) (int64, error)

	// Audit writes down what somebody did or tried.
	Audit(ctx context.Context, company registry.CompanyID, d registry.Deed) error

	// Rehash replaces the stored hash by one of the same password at newer
	// costs, if it is still the old one; nothing else changes, and it is no
	// error if it is not.
	Rehash(ctx context.Context, company registry.CompanyID, user registry.UserID, old, renewed string) error
}

// ConsumeLink is the spending of a link.
type ConsumeLink struct {
	TokenHash    []byte
	PasswordHash string
	Notice       bool
	Now          time.Time
}

// Consumed says whose link was spent.
type Consumed struct {
	Company           registry.CompanyID
	User              registry.UserID
	CredentialVersion int64 // the new one
	Admin             bool
}

// SetPassword is the change of a password by its owner.
type SetPassword struct {
	Company           registry.CompanyID
	User              registry.UserID
	CredentialVersion int64
	PasswordHash      string
	Now               time.Time
}
