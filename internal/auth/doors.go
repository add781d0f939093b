package auth

import (
	"errors"
	"time"
)

// Doors are the ways to sign in at a company.
type Doors struct {
	Password bool
	// Passkey says that browsers know passkeys at our address.
	Passkey   bool
	Providers []Door
}

// Door is an identity provider that people sign in with.
type Door struct{ Key, Name string }

// Passage is what a browser is sent to a provider with, and comes back with. The
// text is sealed: it goes into a cookie.
type Passage struct {
	Address string // where to send the browser
	Sealed  string
}

// Arrival is who came back from a provider.
type Arrival struct {
	Identity Identity
	// Next is where the person wanted to go, "" for nowhere in particular.
	Next string
	// Tied is true when somebody signed in has tied their account to the provider;
	// the identity is then empty.
	Tied bool
}

// ProviderReason says why a sign-in with a provider failed.
type ProviderReason string

// The reasons, each with its own sentence on the page.
const (
	ProviderUnavailable ProviderReason = "unavailable" // it could not be asked
	ProviderDenied      ProviderReason = "denied"      // it sent the person back unproved
	ProviderStale       ProviderReason = "stale"       // too late, or from another browser
	ProviderUnknown     ProviderReason = "unknown"     // nobody here is that person
	ProviderTieFirst    ProviderReason = "tiefirst"    // an account fits that nobody is tied to by an address
	ProviderNameTaken   ProviderReason = "nametaken"   // somebody else has the name
	ProviderNotOpen     ProviderReason = "notopen"     // the account is disabled or blocked
	ProviderTaken       ProviderReason = "taken"       // the provider's account is tied to somebody else
)

// ProviderError refuses a sign-in with a provider. What Err holds is for the log.
type ProviderError struct {
	Reason ProviderReason
	Err    error
}

func (e *ProviderError) Error() string {
	if e.Err == nil {
		return "sign-in with the provider: " + string(e.Reason)
	}
	return "sign-in with the provider: " + string(e.Reason) + ": " + e.Err.Error()
}

func (e *ProviderError) Unwrap() error { return e.Err }

// FactorKind is a kind of second factor.
type FactorKind string

// The kinds.
const (
	FactorTOTP     FactorKind = "totp"
	FactorPasskey  FactorKind = "passkey"
	FactorRecovery FactorKind = "recovery"
)

// Factor is a second factor as its owner sees it.
type Factor struct {
	ID        int64
	Kind      FactorKind
	Name      string
	CreatedAt time.Time
	UsedAt    time.Time // zero for never
}

// Factors are what a person has.
type Factors struct {
	List []Factor // without the recovery codes
	// Recovery is how many recovery codes are left.
	Recovery int
	// Passkey says that another passkey can be added at our address.
	Passkey bool
	// Needed says that the person may not be without.
	Needed bool
}

// Has reports whether there is a factor of the kind.
func (f Factors) Has(kind FactorKind) bool {
	for _, x := range f.List {
		if x.Kind == kind {
			return true
		}
	}
	return false
}

// TOTPSetup is what an authenticator app has to be told.
type TOTPSetup struct {
	Text    string // the secret, to type
	Picture []byte // the same as a QR code, PNG
	Sealed  string
}

// PasskeyAsk is what a browser's script is asked for: JSON of WebAuthn.
type PasskeyAsk struct {
	Options string
	Sealed  string
}

var (
	// ErrFactor is the one answer to every wrong code or passkey.
	ErrFactor = errors.New("second factor refused")
	// ErrLastFactor keeps the only factor of somebody who must have one.
	ErrLastFactor = errors.New("the last second factor of somebody who must have one")
)

// Added is what follows from a new factor.
type Added struct {
	// Identity is the person with the factor just shown, for a new session.
	Identity Identity
	// Recovery are the codes of a person's first factor, shown this once.
	Recovery []string
}
