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
	// Asserted is the enabled flag that the origin last gave.
	Asserted bool
	// Marker and RecheckAt are those of the link.
	Marker    string
	RecheckAt time.Time
	Version   int64 // the person's
	Protected bool
	// Privileged is as in User.Privileged.
	Privileged bool
	Manager    UserID // 0 for none
}

// LinkedGroup is what a plan needs to know of a group tied to an origin.
type LinkedGroup struct {
	Anchor      string
	Group       GroupID
	Name        string
	Fingerprint Fingerprint
	Marker      string // of the link
	Missing     bool
	Owned       bool
	Deleted     bool
}

// LinkMark is what is refreshed in a link whose record is as it was: the change
// marker, the object's name and when to look again.
type LinkMark struct {
	Anchor string
	Name   string // "" keeps the present one
	Marker string
	// RecheckAt is as in Link; KeepRecheck leaves it.
	RecheckAt   time.Time
	KeepRecheck bool
}

// SourceMark is the change marker of an object to which nobody is tied: one that a
// source's scope leaves out, or, with an empty marker, one that the registry could
// not take and that is to be looked at again.
type SourceMark struct{ Anchor, Marker string }

// PagesLife is how long after its beginning a read can be gone on with: Microsoft
// promises seven days of a delta link and says nothing of the links between pages.
// A day lets the next night go on where this one was cut off, and no longer keeps
// people's data.
const PagesLife = 24 * time.Hour

// ReadPage is a page of a read that has not come to its use yet. The body is sealed.
type ReadPage struct {
	Number  int64  // from 1 within the read
	Read    string // which read it is of
	BeganAt time.Time
	Body    []byte
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
