package registry

import "time"

// Deed is one thing that somebody did or tried, beside the changes to people and
// groups, which have rows of their own (Change): a sign-in, a token made, a run
// approved, a report exported.
type Deed struct {
	ID int64
	At time.Time
	// Actor names who it was, in the words of a change: "admin claire".
	Actor string
	// User is the person, 0 for a token or a command.
	User UserID
	// Action is the deed, as "token.create"; see the constants.
	Action string
	// Outcome is "" when it was done, else the code of the refusal.
	Outcome string
	// Subject is what it was done to, as "connection okta".
	Subject string
	// Address is where it came from, RequestID which request it was.
	Address   string
	RequestID string
	// Detail are further facts; no secrets, and no personal data beyond names.
	Detail map[string]string
}

// DeedQuery asks for deeds, newest first.
type DeedQuery struct {
	// Before is the id the page ends before, 0 for the newest.
	Before int64
	Limit  int
	// Action and Actor narrow the answer; "" is any. An Action that ends in a dot
	// is a prefix.
	Action, Actor string
	Since, Until  time.Time
}
