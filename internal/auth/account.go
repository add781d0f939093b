package auth

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// Identity is a person who has just proved who they are.
type Identity struct {
	Company registry.CompanyID
	User    registry.UserID
	// CredentialVersion is the version the proof was made against; a session
	// begun with it dies when the person's version moves on.
	CredentialVersion int64
	// Admin chooses the shorter session life: of everybody who has rights.
	Admin bool
	// Method is how the proof was made: MethodPassword, or the provider's name.
	Method string
	// FactorAt is when a second factor was shown with it, zero for not.
	FactorAt time.Time
}

// MethodPassword and MethodPasskey are the ways to sign in that are ours; any
// other is the key of a provider, after "sso ".
const (
	MethodPassword = "password"
	MethodPasskey  = "passkey"
)

// Client is where a request came from, as far as it can be told.
type Client struct {
	// Address is the client's address after trusted proxies; it may be invalid.
	Address netip.Addr
	// Agent is the browser's own description, for the person to recognise.
	Agent string
	// Request is the request's id, for the audit.
	Request string
}

// ErrSignIn is the one answer to every failed sign-in: unknown name, wrong
// password, disabled, blocked and not yet set up are told apart nowhere.
var ErrSignIn = errors.New("sign-in failed")

// ThrottledError refuses a try that came too soon.
type ThrottledError struct {
	// RetryAfter is how long to wait before a try can succeed.
	RetryAfter time.Duration
}

func (e *ThrottledError) Error() string {
	return fmt.Sprintf("too many tries: wait %s", e.RetryAfter.Round(time.Second))
}

// LinkPurpose says what a mailed link is for.
type LinkPurpose string

const (
	// PurposeSetup sets the first password of an invited person.
	PurposeSetup LinkPurpose = "setup"
	// PurposeReset replaces a forgotten password.
	PurposeReset LinkPurpose = "reset"
)

// LinkState says what a mailed link is good for at this moment.
type LinkState string

// The states of a link; the first that applies, in this order, names it.
const (
	// LinkUnknown: no such link was ever made, or its record is gone.
	LinkUnknown LinkState = "unknown"
	// LinkUsed: a password was set with it.
	LinkUsed LinkState = "used"
	// LinkClosed: its account is deleted, disabled or blocked.
	LinkClosed LinkState = "closed"
	// LinkSuperseded: a newer link, password or address took its place.
	LinkSuperseded LinkState = "superseded"
	// LinkExpired: it was not followed in time.
	LinkExpired LinkState = "expired"
	// LinkLive: it can be used.
	LinkLive LinkState = "live"
)

// LinkView is what the holder of a link may be told.
type LinkView struct {
	State   LinkState
	Purpose LinkPurpose
	// Tag names the link without giving it away; a form carries it so that a
	// page opened for one person cannot set the password of another whose link
	// was opened in the same browser afterwards.
	Tag string
	// Company, DisplayName, UserName and Locale are empty for an unknown link.
	Company     registry.Company
	DisplayName string
	UserName    string
	Locale      string
	ExpiresAt   time.Time
}

// LinkError refuses the use of a link that is not live.
type LinkError struct{ State LinkState }

func (e *LinkError) Error() string { return "link is " + string(e.State) }
