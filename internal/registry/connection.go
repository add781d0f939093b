package registry

import "time"

// Connection is a SCIM origin with its settings. Its tokens can change without
// touching what it owns.
type Connection struct {
	Origin    Origin
	CreatedAt time.Time
	ConnectionSettings
}

// ConnectionSettings are what an admin decides about a connection. They are kept
// as JSON; the field names are a contract.
type ConnectionSettings struct {
	// Profile names the identity provider whose dialect is spoken: entra, okta,
	// strict, …; "" for the rewrites that cannot be misread.
	Profile string `json:"profile,omitempty"`
	// Visible says what reads show: own (what the connection is tied to) or
	// company (everybody).
	Visible Visibility `json:"visible,omitempty"`
	// OnForeign says what becomes of a push about somebody another origin owns.
	OnForeign OnForeign `json:"on_foreign,omitempty"`
	// SetupMail is true when people the connection creates are mailed a set-up
	// link.
	SetupMail bool `json:"setup_mail,omitempty"`
	// Rate is the most requests a second, 0 for the default.
	Rate int `json:"rate,omitempty"`
	// AllowFrom are the networks requests may come from, none for all.
	AllowFrom []string `json:"allow_from,omitempty"`
	// TokenSeconds is how long the tokens of its OAuth clients are good, 0 for
	// the default.
	TokenSeconds int `json:"token_seconds,omitempty"`
	// Passwords is true when a password that the client sends becomes the
	// person's; else it is taken and forgotten.
	Passwords bool `json:"passwords,omitempty"`
	// Paused refuses every request and keeps everything.
	Paused bool `json:"paused,omitempty"`
}

// Visibility is what a connection's reads show.
type Visibility string

// The visibilities.
const (
	VisibleOwn     Visibility = "own"
	VisibleCompany Visibility = "company"
)

// OnForeign is what becomes of a push about a person of another origin.
type OnForeign string

// The answers to a foreign person.
const (
	// ForeignConflict refuses with 409.
	ForeignConflict OnForeign = "conflict"
	// ForeignLink ties the person to the connection, which reads and asserts
	// but does not own.
	ForeignLink OnForeign = "link"
	// ForeignPromote makes a contact without an account the connection's own.
	ForeignPromote OnForeign = "promote"
)

// DefaultConnection are the settings of a connection nobody decided about.
func DefaultConnection() ConnectionSettings {
	return ConnectionSettings{Visible: VisibleOwn, OnForeign: ForeignConflict}
}

// TokenID is the key of a token.
type TokenID int64

// Token is a bearer token, without its secret.
type Token struct {
	ID     TokenID
	Origin OriginID
	// User is the person it speaks for, 0 for the connection itself; Person is
	// their public id, where it was looked up.
	User   UserID `json:",omitzero"`
	Person string `json:",omitempty"`
	// Prefix is how the token begins, to tell tokens apart.
	Prefix string
	// Scopes are what a token of the API may do, Name what it is for; a
	// connection's token has neither.
	Scopes     []string `json:",omitempty"`
	Name       string   `json:",omitempty"`
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero for never
	LastUsedAt time.Time
	RevokedAt  time.Time
}

// Live reports whether the token opens anything now.
func (t Token) Live(now time.Time) bool {
	return t.RevokedAt.IsZero() && (t.ExpiresAt.IsZero() || now.Before(t.ExpiresAt))
}

// ScimRequest is a row of a connection's request log: what an identity engineer
// reads when something fails. Bodies are redacted and capped.
type ScimRequest struct {
	ID        int64
	Origin    OriginID
	At        time.Time
	RequestID string
	Method    string
	Path      string
	Status    int
	ScimType  string
	Detail    string // the error as it was answered
	Resource  string // id of the resource, where there is one
	Micros    int64  // how long it took
	Body      string // the request's body, redacted and capped, kept for failures
}

// ScimTraffic says when the traffic of a connection first showed each part of its
// set-up to work; zero for what it has not shown.
type ScimTraffic struct {
	Request time.Time // with a token that is good
	Lookup  time.Time // a read that was answered
	User    time.Time // somebody was made
	Group   time.Time // a group was made
	Leaver  time.Time // somebody was deactivated or deleted
}
