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

// Op is one operation on one record. The types in this file are all there are.
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
	// Fresh refuses with CodeAnchorTaken when the anchor belongs to somebody
	// whose account is open: what a client means as new must not change
	// somebody else. Someone disabled or deleted comes back instead.
	Fresh bool
}

// MissUser says that a complete look at the origin did not find the person, or
// that the person left the origin's scope.
type MissUser struct {
	Anchor string
	Reason string // "missing" or "out_of_scope"
	// Deactivate is false where the source keeps people who go missing.
	Deactivate bool
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
	Anchor    string
	IfVersion int64 // as in PutUser
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
	Blocks       Blocks
	Verified     bool // whoever creates vouches for the addresses
	SetupMail    SetupMail
}

// SetBlocks sets and lifts blocks on a person.
type SetBlocks struct {
	User       UserID
	Set, Clear Blocks
}

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

// Result is what became of one operation, in the order of the batch.
type Result struct {
	User  UserID
	Group GroupID
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
)

// strength orders the actions, the strongest first.
var strength = []Action{
	ActionCreate, ActionRestore, ActionDelete, ActionJoin, ActionDeactivate, ActionEnable, ActionRename, ActionUpdate,
	ActionMembers, ActionBlock, ActionUnblock, ActionInvite, ActionPassword, ActionMissing,
}

// Change is one row of history: one record in one transaction.
type Change struct {
	ID      int64
	At      time.Time
	Actor   string
	Origin  OriginID
	Run     RunID
	User    UserID
	Group   GroupID
	Action  Action
	Reason  string
	Version int64
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
	// AddedIDs and RemovedIDs are user keys, and group keys below zero.
	AddedIDs   []int64 `json:"added_ids,omitempty"`
	RemovedIDs []int64 `json:"removed_ids,omitempty"`
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
