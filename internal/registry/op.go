package registry

import (
	"slices"
	"time"
)

// Batch is a set of operations that come through one door, decided together
// and written in one transaction. An operation that a rule refuses does not
// touch the others. Operations on one record are carried out in their order,
// but an object at the origin may come only once.
type Batch struct {
	Company CompanyID
	Origin  Origin
	// Actor is who asked, in words a report can show: "source corp",
	// "admin claire".
	Actor string
	// Run is the run the changes belong to, 0 outside one.
	Run RunID
	// Fence, when set, is checked inside the transaction: a holder that lost
	// its lease writes nothing.
	Fence *Fence
	Ops   []Op
}

// Fence is the number a lease was taken under.
type Fence struct {
	Source int64 // the source's key
	Number int64
}

// Op is one operation on one record. The types in this file, in enrol_ops.go,
// hand_over.go and resource.go are all there are.
type Op interface{ op() }

// SetupMail says what becomes of the set-up mail of a person who may get one.
type SetupMail uint8

const (
	// SetupNone mails nothing.
	SetupNone SetupMail = iota
	// SetupSend queues the mail.
	SetupSend
	// SetupHold queues it held: an admin has to release it.
	SetupHold
)

// PutUser is what an origin says of one person now. It creates, updates,
// renames, disables, enables or restores, whatever makes the registry agree.
type PutUser struct {
	Anchor string
	Name   string // the object's name at the origin
	Marker string
	// Attributes are everything the origin asserts; what it asserted before and
	// no longer does is cleared, what it never asserted is left alone.
	Attributes  Attributes
	Enabled     bool
	Kind        Kind
	Department  string // name; created where the company lacks it
	Contract    string // number; one the company lacks is left out
	Fingerprint Fingerprint
	SetupMail   SetupMail
	// Join names an existing user to tie to this anchor when none is tied yet.
	Join UserID
	// LinkOnly ties the person named by Join to the anchor without owning them:
	// the origin may then read and assert, and changes nothing.
	LinkOnly bool
	// Twin is the id by which a directory of another kind knows the person, "" for
	// none. It is kept with what the origin asserts.
	Twin string
	// RecheckAt, when set, is when to look again without a marker.
	RecheckAt time.Time
	// WasAnchor is the anchor the person is tied by until now, for origins whose
	// external ids can change (SCIM's externalId); "" when it did not.
	WasAnchor string
	// Document is the person as a SCIM connection said them, for reading back;
	// nil leaves what there is.
	Document []byte
	// PasswordHash, when set, becomes the person's password, with all that
	// follows: older sessions and set-up links end.
	PasswordHash string
	// IfVersion, when set, refuses with CodeStale unless the person is still at
	// this version.
	IfVersion int64
	// Adopt says that the object is another one than that of WasAnchor, which is
	// gone, and takes its person over. Like a join it destroys older passwords
	// and sessions, and is refused for admins.
	Adopt bool
	// Write says how the values of an attribute are written where that is not
	// WriteAlways. Batches may share one map.
	Write map[string]WriteMode
	// Protect has the person protected for as long as the origin says so. What an
	// admin protected stays so until an admin lifts it.
	Protect bool
	// SSO says that the origin is an identity provider with which the person
	// signs in: who is new needs no password, and their addresses are vouched for.
	SSO bool
	// Fresh refuses with CodeAnchorTaken when the anchor belongs to somebody
	// whose account is open: what a client means as new must not change
	// somebody else. Someone disabled or deleted comes back instead.
	Fresh bool
}

// WriteMode says when an origin's values of an attribute are written to the
// person. They are kept as asserted in any case.
type WriteMode string

// The ways to write an attribute.
const (
	WriteAlways WriteMode = "always"
	// WriteIfEmpty writes where the person has no value, or one that this origin
	// gave.
	WriteIfEmpty WriteMode = "if-empty"
	WriteNever   WriteMode = "never"
)

// MissUser says that a complete look at the origin did not find the person, or
// that the person left the origin's scope.
type MissUser struct {
	Anchor string
	Reason string // "missing" or "out_of_scope"
	// Deactivate is false where the source keeps people who go missing.
	Deactivate bool
	IfVersion  int64 // as in PutUser
}

// DeleteUser ends a person who has been missing for the whole grace period. The
// row is kept, the name is free, and the same anchor restores the same person.
// It is also what an origin that deletes outright asks for.
type DeleteUser struct {
	Anchor    string
	IfVersion int64 // as in PutUser
}

// UnlinkUser ends the tie between an origin and a person it does not own.
type UnlinkUser struct{ Anchor string }

// PutGroup is what an origin says of one group now.
type PutGroup struct {
	Anchor      string
	Name        string
	Marker      string
	DisplayName string
	// Role is what the origin has the group be for; RoleNone leaves what it is.
	Role GroupRole
	// Document are the group's extension values as JSON, {} for none; nil leaves
	// what there is.
	Document    []byte
	Fingerprint Fingerprint
	WasAnchor   string // as in PutUser
	IfVersion   int64  // as in PutUser
	Fresh       bool   // as in PutUser
	// Users and Groups are the members of a group that is made or comes back.
	Users  []UserID
	Groups []GroupID
}

// MissGroup says that a complete look at the origin did not find the group. It
// is deleted, with what the origin said of its members; a return restores it.
type MissGroup struct {
	Anchor string
	// OutOfScope is for a group that is there and that the origin's scope leaves
	// out now: what the origin said of its members ends, the group stays.
	OutOfScope bool
	IfVersion  int64 // as in PutUser
}

// PatchMembers adds and removes members as this origin asserts them. What other
// origins assert stays.
type PatchMembers struct {
	Group                   GroupID
	AddUsers, RemoveUsers   []UserID
	AddGroups, RemoveGroups []GroupID
	// Exactly makes the members to add the only ones this origin asserts.
	Exactly   bool
	IfVersion int64 // as in PutUser
}

// CreateUser makes a person by hand or by another door that has no anchors.
type CreateUser struct {
	Attributes   Attributes
	Kind         Kind
	Association  Association
	CompanyAdmin bool
	Rights       Rights
	Blocks       Blocks
	Verified     bool // whoever creates vouches for the addresses
	SetupMail    SetupMail
	Department   string // name; created where the company lacks it
	// Contract is the number of a live contract of the company; another refuses
	// with CodeUnknownContract.
	Contract string
}

// SetBlocks sets and lifts blocks on a person.
type SetBlocks struct {
	User       UserID
	Set, Clear Blocks
	IfVersion  int64 // as in PutUser
}

// LinkUser ties a person to an object of the batch's origin on the word of an
// admin, who decides what no join rule may: the person may be an admin, or have
// a password of their own, and becomes the origin's. Whom another directory owns
// stays there. Somebody tied to an object of this origin that has gone missing
// is tied to the new one instead.
type LinkUser struct {
	User   UserID
	Anchor string
	Name   string // the object's name at the origin
	// EndPassword destroys the password and ends the sessions. A contact's end
	// in any case.
	EndPassword bool
}

// SetProtected protects a person from every origin, or lifts that.
type SetProtected struct {
	User      UserID
	On        bool
	IfVersion int64 // as in PutUser
}

// SetManager says whom the owning origin names as a person's manager, 0 for
// nobody.
type SetManager struct{ User, Manager UserID }

// MailSetup mails a person a fresh set-up link; older ones end.
type MailSetup struct{ User UserID }

func (PutUser) op()      {}
func (MissUser) op()     {}
func (DeleteUser) op()   {}
func (UnlinkUser) op()   {}
func (PutGroup) op()     {}
func (MissGroup) op()    {}
func (PatchMembers) op() {}
func (CreateUser) op()   {}
func (SetBlocks) op()    {}
func (MailSetup) op()    {}
func (LinkUser) op()     {}
func (SetProtected) op() {}
func (SetManager) op()   {}
func (Enrol) op()        {}
func (CreateGroup) op()  {}
func (SetDefault) op()   {}

// Result is what became of one operation, in the order of the batch.
type Result struct {
	User     UserID
	Group    GroupID
	Resource ResourceID
	// PublicID is the record's id for the outside world.
	PublicID string
	// Name is what a report calls the record.
	Name string
	// Change is the row written, nil when nothing visible changed.
	Change *Change
	// Refused is the rule that stood in the way, nil when the operation went
	// through.
	Refused *Error
	// Warning is a remark for the report about an operation that went through.
	Warning *Error
	// Mailed is true when a set-up mail was queued.
	Mailed bool
	// Withheld is true when it waits because nobody has vouched for the company.
	Withheld bool
	// Subject is the person as they are now, nil for none; not to be changed.
	Subject *User
	// Merge is what a merge, or its undoing, wrote down.
	Merge *Merge
	// Candidates are who a meeting could have been with, where that is ambiguous.
	Candidates []Candidate
	// Words are what named somebody who was erased.
	Words []string
}

// Action says what a change did, in one word.
type Action string

// The actions of changes. A change that did several things is called by the one
// that comes first in strength.
const (
	ActionCreate     Action = "create"
	ActionRestore    Action = "restore"
	ActionDelete     Action = "delete"
	ActionJoin       Action = "join"
	ActionDeactivate Action = "deactivate"
	ActionEnable     Action = "enable"
	ActionRename     Action = "rename"
	ActionUpdate     Action = "update"
	ActionMembers    Action = "members"
	ActionBlock      Action = "block"
	ActionUnblock    Action = "unblock"
	ActionInvite     Action = "invite"
	ActionPassword   Action = "password"
	ActionMissing    Action = "missing"
	ActionProtect    Action = "protect"
	ActionUnprotect  Action = "unprotect"
	ActionRights     Action = "rights"
)

// strength orders the actions, the strongest first.
var strength = []Action{
	ActionCreate, ActionRestore, ActionDelete, ActionJoin, ActionDeactivate, ActionEnable, ActionRename, ActionUpdate,
	ActionMembers, ActionRights, ActionBlock, ActionUnblock, ActionInvite, ActionPassword, ActionProtect, ActionUnprotect, ActionMissing,
}

// Change is one row of history: one record in one transaction.
type Change struct {
	ID       int64
	At       time.Time
	Actor    string
	Origin   OriginID
	Run      RunID
	User     UserID
	Group    GroupID
	Resource ResourceID
	Action   Action
	Reason   string
	Version  int64
	// Payload holds the personal part, which erasure can empty.
	Payload Payload
}

// Payload is what changed: the values before and after by attribute, and the
// members added and removed by public name.
type Payload struct {
	Before  Attributes `json:"before,omitempty"`
	After   Attributes `json:"after,omitempty"`
	Added   int        `json:"added,omitempty"`
	Removed int        `json:"removed,omitempty"`
	// Kept is how many of the removed stay, because another origin has them in the
	// group as well: by hand, mostly.
	Kept int `json:"kept,omitempty"`
	// AddedIDs and RemovedIDs are user keys, and group keys below zero.
	AddedIDs   []int64 `json:"added_ids,omitempty"`
	RemovedIDs []int64 `json:"removed_ids,omitempty"`
	// Candidates are, for a conflict, the keys of the people it is about.
	Candidates []int64 `json:"candidates,omitempty"`
	// Kind is, of a report's row, what it is about: KindUser or KindGroup. Who is
	// not in the registry yet has no key that would tell.
	Kind string `json:"kind,omitempty"`
	// Request is the id of the request that made the change, "" for none.
	Request string `json:"request,omitempty"`
}

// fold adds what a later operation of the same transaction did to the same
// record: the row says where the record came from and where it ended.
func (c *Change) fold(action Action, reason string, version int64, p Payload) {
	if slices.Index(strength, action) < slices.Index(strength, c.Action) {
		c.Action = action
	}
	if c.Reason == "" {
		c.Reason = reason
	}
	c.Version = version
	c.Payload.fold(p)
}

func (p *Payload) fold(later Payload) {
	before, after := p.Before.Clone(), p.After.Clone()
	for name := range later.touched() {
		if !p.touched()[name] {
			before.Set(name, later.Before[name]...)
		}
		after.Set(name, later.After[name]...)
		if slices.Equal(before[name], after[name]) {
			delete(before, name)
			delete(after, name)
		}
	}
	p.Before, p.After = before, after
	p.Added += later.Added
	p.Removed += later.Removed
	p.Kept += later.Kept
	p.AddedIDs = append(p.AddedIDs, later.AddedIDs...)
	p.RemovedIDs = append(p.RemovedIDs, later.RemovedIDs...)
}

// touched are the attributes that the payload speaks of.
func (p *Payload) touched() map[string]bool {
	out := make(map[string]bool, len(p.Before)+len(p.After))
	for name := range p.Before {
		out[name] = true
	}
	for name := range p.After {
		out[name] = true
	}
	return out
}
