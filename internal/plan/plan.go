package plan

import (
	"time"

	"github.com/usherd/usher/internal/registry"
)

// Standing says how far a person of the snapshot was understood.
type Standing uint8

const (
	// Mapped: in scope and valid.
	Mapped Standing = iota
	// Failed: there, but the record could not be used. It keeps what it has.
	Failed
	// OutOfScope: there, but the source's scope leaves it out.
	OutOfScope
)

// Seen is a person of the snapshot, reduced to what a plan needs.
type Seen struct {
	Anchor      string
	Fingerprint registry.Fingerprint
	// Name is a hash of the userName in comparison form.
	Name uint64
	// Join is the existing person the source's join rules found, 0 for none.
	Join registry.UserID
	// Manager is the place of the person's manager in Snapshot.Users plus one, or
	// one of the words below.
	Manager  int32
	Standing Standing
	Enabled  bool
	// Foreign is set for somebody who is as the source says and whom another origin
	// owns: the guard counts them among nobody.
	Foreign bool
	// Ambiguous is set when a join rule found more than one.
	Ambiguous bool
}

// What Seen.Manager may be besides a place.
const (
	ManagerUnsaid  int32 = 0  // the read did not look: what is there stays
	ManagerNone    int32 = -1 // the directory names nobody
	ManagerUnknown int32 = -2 // the directory names somebody it did not give
)

// SeenGroup is a group of the snapshot.
type SeenGroup struct {
	Anchor      string
	Fingerprint registry.Fingerprint
	Failed      bool
	// OutOfScope is set for a group that the source's scope leaves out. Its
	// members still count as members of the groups around it.
	OutOfScope bool
	// Members are indexes of Snapshot.Users, Groups of Snapshot.Groups.
	Members, Groups []int32
}

// Snapshot is what a source said in one read.
type Snapshot struct {
	Users  []Seen
	Groups []SeenGroup
	// Complete is true when the source proved that it gave everything; only
	// then does an absence mean anything.
	Complete bool
}

// Known is a person tied to the source.
type Known struct {
	Anchor      string
	User        registry.UserID
	Fingerprint registry.Fingerprint
	// Name is a hash of the present userName, as in Seen.
	Name uint64
	// MissingSince, Owned, Enabled and Deleted are as in registry.LinkedUser.
	MissingSince            time.Time
	Owned, Enabled, Deleted bool
	// Protected people are not deactivated and not deleted. The privileged have rights
	// in the company.
	Protected, Privileged bool
}

// KnownGroup is a group tied to the source with the members it asserts.
type KnownGroup struct {
	registry.LinkedGroup
	Users  []registry.UserID
	Groups []registry.GroupID
}

// State is the registry as the source knows it.
type State struct {
	Users  []Known
	Groups []KnownGroup
	// Same are, by their index in Snapshot.Users, people of whom there is nothing
	// more to say than their key (see Seen.Same); 0 for everybody else. On most
	// nights that is nearly everybody, and Users may leave them out. The plan
	// takes the list over; nil is none.
	Same []registry.UserID
	// Managers are, by their index in Snapshot.Users, whom the registry has as
	// people's managers; NotOurs for somebody whom another origin owns. nil is
	// nobody.
	Managers []registry.UserID
}

// NotOurs stands in State.Managers for somebody whom another origin owns.
const NotOurs registry.UserID = -1

// Same reports whether the plan has nothing to do about somebody: living, and as
// the source says in every respect, of which what they are called and whether they
// are enabled is the owner's to say.
func (s *Seen) Same(k *Known) bool {
	return s.Standing == Mapped && !k.Deleted && (!k.Owned || k.Enabled == s.Enabled && k.Name == s.Name) &&
		k.Fingerprint == s.Fingerprint && k.MissingSince.IsZero()
}

// Nested says what becomes of groups inside groups.
type Nested string

// The ways with nested groups.
const (
	NestedFlatten Nested = "flatten" // everyone below is a member
	NestedKeep    Nested = "keep"    // the group is a member
	NestedIgnore  Nested = "ignore"
)

// Recreate says what becomes of somebody new who is, by userName or by the join
// rules, a person whose own object is gone.
type Recreate string

// The answers to a person who was recreated.
const (
	RecreateConflict Recreate = "conflict" // an admin decides
	RecreateNew      Recreate = "new"      // another person, once the name is free
	RecreateAdopt    Recreate = "adopt"    // the same person, if a complete read lacks the old object
)

// Policy shapes a plan.
type Policy struct {
	// Mode is what the source may do, "" for all.
	Mode Mode
	// Recreate is "" for RecreateConflict.
	Recreate Recreate
	// Deactivate is what happens to people who go missing; false keeps them.
	Deactivate bool
	// DeleteAfter is the grace from going missing to deletion, 0 for never.
	DeleteAfter time.Duration
	Nested      Nested
	// Now is the time the grace is measured to.
	Now time.Time
}

// UserChange is one change to a person.
type UserChange struct {
	Action registry.Action
	Anchor string
	// Seen is the index in Snapshot.Users, -1 for someone who is not there.
	Seen   int32
	User   registry.UserID // 0 for someone new
	Reason string
	// Was is the anchor of the object that is gone, for a person whom a recreated
	// object takes over.
	Was string
	// Mail is for the caller to set: the change gives another primary address.
	Mail bool
	// Moot is for the caller to set: the registry would refuse the change or make
	// nothing of it, and the guard does not count it.
	Moot bool
	// Follows is true when the change takes the userName that the change before
	// it gives up: the two belong in one transaction, where names change hands.
	Follows bool
	// gone is true for somebody whose absence was noted before.
	gone bool
}

// GroupChange is one change to a group.
type GroupChange struct {
	// Action is ActionMissing for a group that left the source's scope.
	Action registry.Action
	Anchor string
	Seen   int32 // index in Snapshot.Groups, -1 when it is not there
	Group  registry.GroupID
	// Name and Members are, for a group that goes or leaves the scope, what it is called and how
	// many members the source gave it.
	Name    string
	Members int
}

// MemberChange is what changes in one group's members.
type MemberChange struct {
	Anchor string
	Seen   int32
	Group  registry.GroupID // 0 for a group that is yet to be created
	// AddUsers and AddGroups are indexes into the snapshot, because a member
	// may be new itself.
	AddUsers, AddGroups []int32
	RemoveUsers         []registry.UserID
	RemoveGroups        []registry.GroupID
	// Name is what the registry calls the group, Of how many members the source
	// gave it.
	Name string
	Of   int
}

// ManagerChange gives a person another manager.
type ManagerChange struct {
	Seen    int32
	Manager int32 // index in Snapshot.Users, -1 for nobody
}

// Trouble is a record that the plan leaves alone, and why.
type Trouble struct {
	Seen   int32 // index in Snapshot.Users, -1 for someone who is not there
	Anchor string
	Code   registry.Code
	// User is the person who stands in the way, or is protected; 0 for none.
	User registry.UserID
	// Other is the entry that stands in the way, as an index in Snapshot.Users;
	// -1 for none.
	Other int32
}

// Plan is what would make the registry agree with the snapshot, sorted so that
// the same input always gives the same plan.
type Plan struct {
	Users    []UserChange
	Groups   []GroupChange
	Members  []MemberChange
	Managers []ManagerChange
	Troubles []Trouble
	// Unmanaged are people whose manager is not in the registry.
	Unmanaged []int32
	// Withheld is what the policy's mode left out.
	Withheld []Withheld

	Unchanged, OutOfScope, Missing int64

	userOf  []registry.UserID
	groupOf []registry.GroupID

	// What the guard measures against.
	activeUsers, liveGroups, memberships int64
	livingUsers                          int64
	seenUsers, inScope                   int64
	seenGroups, groupsInScope            int64
	complete                             bool
}

// Sort puts changes to people and groups that a caller entered into the order of
// plans.
func (p *Plan) Sort() {
	sort(p.Users, func(c *UserChange) string { return c.Anchor })
	sort(p.Groups, func(c *GroupChange) string { return c.Anchor })
}

// InScope is how many people of the snapshot are in the source's scope.
func (p *Plan) InScope() int64 { return p.inScope }

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool {
	return len(p.Users)+len(p.Groups)+len(p.Members)+len(p.Managers) == 0
}

// UserOf is the key of a person of the snapshot, 0 for someone who has none
// (yet): who is new gets one by SetUser.
func (p *Plan) UserOf(seen int32) registry.UserID { return max(p.userOf[seen], 0) }

// SetUser enters what became of a person when the plan was applied: the key, or
// 0 for someone refused, who can be a member of nothing.
func (p *Plan) SetUser(seen int32, id registry.UserID) { p.userOf[seen] = id }

// GroupOf and SetGroup are the same for groups.
func (p *Plan) GroupOf(seen int32) registry.GroupID { return max(p.groupOf[seen], 0) }

// SetGroup enters the key of a group that the plan made.
func (p *Plan) SetGroup(seen int32, id registry.GroupID) { p.groupOf[seen] = id }

// Joining is how many members the change adds: those of AddUsers and AddGroups
// who are, or will be, in the registry.
func (p *Plan) Joining(c *MemberChange) int {
	n := 0
	for _, s := range c.AddUsers {
		if p.userOf[s] != 0 {
			n++
		}
	}
	for _, s := range c.AddGroups {
		if p.groupOf[s] != 0 {
			n++
		}
	}
	return n
}

// Make compares. It sorts nothing it was given.
func Make(snap Snapshot, state State, policy Policy) *Plan {
	m := &maker{snap: snap, state: state, policy: policy, p: &Plan{}, givers: map[string]uint64{}}
	m.users()
	m.passNames()
	m.groups()
	m.members()
	m.managers()
	m.p.userOf, m.p.complete = m.userOf, snap.Complete
	m.p.restrict(policy.Mode)
	return m.p
}

// maker is a comparison at work.
type maker struct {
	snap   Snapshot
	state  State
	policy Policy
	p      *Plan
	// userOf is, for each seen person, the key it is tied to, or -1 for one that
	// the plan creates or joins, or 0 for one that will not be in the registry.
	userOf []registry.UserID
	// strangers are the seen who are not tied, gone the tied who are not seen.
	strangers, gone []int32
	// refused are the seen who do not get the name they ask for, with the entry
	// that stands in the way or -1.
	refused map[int32]int32
	// past is, for somebody recreated, who they were: indexes in State.Users.
	past map[int32][]int32
	// kept are the names of people who are not seen and keep them.
	kept map[uint64]registry.UserID
	// claims is how many of the seen would be one of the gone.
	claims map[int32]int
	// givers are the names that changes give up, by the changes' anchors.
	givers map[string]uint64
	// have and here are room for the two sides of a group's members.
	have []registry.UserID
	here []member
}

// pending stands in userOf for a person who gets a key when the plan is applied.
const pending registry.UserID = -1
