package onboardtest

import (
	"testing"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// Fixture is a store under test with the means to arrange it and to look.
type Fixture interface {
	onboard.Store
	auth.SessionStore

	// AddCompany stores a company and returns it with its ID.
	AddCompany(t testing.TB, c registry.Company) registry.Company
	// AddUser stores a user of u.Company and returns it with its ID; verified
	// says so of all its addresses.
	AddUser(t testing.TB, u registry.User, passwordHash string, verified bool) registry.User
	// SetUser gives an existing user these Attributes, Enabled, Blocks,
	// Credential, CredentialVersion, CompanyAdmin and DeletedAt, touching
	// nothing else.
	SetUser(t testing.TB, u registry.User)
	// AddLink stores a link as it is, without a mail.
	AddLink(t testing.TB, l onboard.Link)
	// Mails returns every mail row, oldest first.
	Mails(t testing.TB) []Mail
	// Actions returns the actions of the person's change rows, oldest first;
	// ConsumeLink and SetPassword write "password".
	Actions(t testing.TB, company registry.CompanyID, user registry.UserID) []string
	// Verified reports whether the user's address is marked verified.
	Verified(t testing.TB, company registry.CompanyID, user registry.UserID, address string) bool
}

// Mail is a row of the mail queue.
type Mail struct {
	Company   registry.CompanyID
	User      registry.UserID
	Kind      onboard.MailKind
	Address   string
	LinkUID   string // "" where the mail carries no link
	Cancelled bool
}
