package registry

import "time"

// LinkedUser is what a plan needs to know of a person tied to an origin.
type LinkedUser struct {
	Anchor      string
	User        UserID
	Fingerprint Fingerprint
	NameKey     string // the present userName in comparison form
	// MissingSince is from when the grace counts, zero for someone who is there:
	// when they went missing, or were deactivated, whichever was later.
	MissingSince time.Time
	Owned        bool // the origin owns the person
	Enabled      bool
	Deleted      bool
	Protected    bool
	Manager      UserID // 0 for none
}

// LinkedGroup is what a plan needs to know of a group tied to an origin.
type LinkedGroup struct {
	Anchor      string
	Group       GroupID
	Name        string
	Fingerprint Fingerprint
	Missing     bool
	Owned       bool
	Deleted     bool
}

// Candidate is a person whom a join rule could mean.
type Candidate struct {
	User UserID
	// UserName and PublicID name the person.
	UserName, PublicID string
	// Value, of a candidate, is what was looked for and found, in comparison form.
	Value string
}

// Words name the person for a report: the userName, and the id, which is theirs
// alone.
func (c Candidate) Words() string { return c.UserName + " (" + c.PublicID + ")" }

// GroupInfo is a living group as a list shows it.
type GroupInfo struct {
	Group
	Origin Origin // the owner
	// Members is how many people and groups are in it, each once.
	Members int64
}

// GroupMember is a person or a group in a group, with the origins that say so.
type GroupMember struct {
	User    UserID  // 0 when a group is the member
	Group   GroupID // 0 when a user is the member
	Name    string
	Origins []Origin
}
