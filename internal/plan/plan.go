package plan

import (
	"slices"
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
	Join     registry.UserID
	Standing Standing
	Enabled  bool
	// Ambiguous is set when a join rule found more than one.
	Ambiguous bool
}

// SeenGroup is a group of the snapshot.
type SeenGroup struct {
	Anchor      string
	Fingerprint registry.Fingerprint
	Failed      bool
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
}

// Same reports whether the plan has nothing to do about somebody: owned, living,
// and as the source says in every respect.
func (s *Seen) Same(k *Known) bool {
	return s.Standing == Mapped && k.Owned && !k.Deleted && k.Enabled == s.Enabled && k.Name == s.Name &&
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

// Policy shapes a plan.
type Policy struct {
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
	// Follows is true when the change takes the userName that the change before
	// it gives up: the two belong in one transaction, where names change hands.
	Follows bool
}

// GroupChange is one change to a group.
type GroupChange struct {
	Action registry.Action
	Anchor string
	Seen   int32 // index in Snapshot.Groups, -1 when it is not there
	Group  registry.GroupID
	// Name and Members are, for a group that goes, what it is called and how
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
}

// Trouble is a record that the plan leaves alone, and why.
type Trouble struct {
	Seen    int32
	Code    registry.Code
	Message string
}

// Plan is what would make the registry agree with the snapshot, sorted so that
// the same input always gives the same plan.
type Plan struct {
	Users    []UserChange
	Groups   []GroupChange
	Members  []MemberChange
	Troubles []Trouble

	Unchanged, OutOfScope, Missing int64

	userOf  []registry.UserID
	groupOf []registry.GroupID

	// What the guard measures against.
	activeUsers, liveGroups, memberships int64
	livingUsers                          int64
	seenUsers, inScope, seenGroups       int64
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Users)+len(p.Groups)+len(p.Members) == 0 }

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
	m.p.userOf = m.userOf
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
	// givers are the names that changes give up, by the changes' anchors.
	givers map[string]uint64
	// have and here are room for the two sides of a group's members.
	have []registry.UserID
	here []member
}

// pending stands in userOf for a person who gets a key when the plan is applied.
const pending registry.UserID = -1

func (m *maker) users() {
	if m.userOf = m.state.Same; m.userOf == nil {
		m.userOf = make([]registry.UserID, len(m.snap.Users))
	}
	m.same()
	m.p.Users = make([]UserChange, 0, max(0, len(m.snap.Users)-len(m.state.Users)-int(m.p.Unchanged)))
	refused := m.contested()
	match(len(m.snap.Users), len(m.state.Users),
		func(i int32) string { return m.snap.Users[i].Anchor },
		func(i int32) string { return m.state.Users[i].Anchor },
		func(s, k int32) { m.user(s, k, refused) })
	sort(m.p.Users, func(c *UserChange) string { return c.Anchor })
	sort(m.p.Troubles, func(t *Trouble) string { return m.snap.Users[t.Seen].Anchor })
	m.p.seenUsers = int64(len(m.snap.Users))
	for i := range m.snap.Users {
		if m.snap.Users[i].Standing != OutOfScope {
			m.p.inScope++
		}
	}
}

// same counts the people who need no comparison.
func (m *maker) same() {
	for s, id := range m.userOf {
		if id == 0 {
			continue
		}
		m.p.Unchanged++
		m.p.livingUsers++
		if m.snap.Users[s].Enabled {
			m.p.activeUsers++
		}
	}
}

// user compares one person; s or k is -1 where one side lacks them.
func (m *maker) user(s, k int32, refused map[int32]bool) {
	if k >= 0 {
		m.count(&m.state.Users[k])
	}
	switch {
	case s >= 0 && m.userOf[s] != 0: // the same
	case s < 0:
		m.absent(&m.state.Users[k])
	case k < 0:
		m.unknown(s, refused)
	default:
		m.both(s, &m.state.Users[k], refused)
	}
}

func (m *maker) count(k *Known) {
	if k.Owned && !k.Deleted {
		m.p.livingUsers++
	}
	if k.Owned && k.Enabled && !k.Deleted {
		m.p.activeUsers++
	}
}

// unknown is someone seen who is not tied to the source.
func (m *maker) unknown(s int32, refused map[int32]bool) {
	x := &m.snap.Users[s]
	switch {
	case x.Standing == OutOfScope:
		m.p.OutOfScope++
	case x.Standing == Failed:
	case x.Ambiguous:
		m.trouble(s, registry.CodeAmbiguous, "more than one person matches the source's join rules")
	case refused[s]:
		m.trouble(s, registry.CodeUserNameTaken, "another entry of this source has the same userName")
	case x.Join != 0:
		m.userOf[s] = pending
		m.change(nil, UserChange{Action: registry.ActionJoin, Anchor: x.Anchor, Seen: s, User: x.Join})
	default:
		m.userOf[s] = pending
		m.change(nil, UserChange{Action: registry.ActionCreate, Anchor: x.Anchor, Seen: s})
	}
}

// both is someone seen and tied.
func (m *maker) both(s int32, k *Known, refused map[int32]bool) {
	x := &m.snap.Users[s]
	if !k.Deleted {
		m.userOf[s] = k.User
	}
	switch {
	case x.Standing == Failed:
		return
	case x.Standing == OutOfScope:
		if !k.Deleted {
			m.p.OutOfScope++
		}
		m.userOf[s] = 0
		m.leave(k, "out_of_scope")
		return
	case refused[s]:
		m.trouble(s, registry.CodeUserNameTaken, "another entry of this source has the same userName")
		return
	}
	action := m.action(x, k)
	if action == "" {
		m.p.Unchanged++
		return
	}
	if action == registry.ActionRestore {
		m.userOf[s] = k.User
	}
	m.change(k, UserChange{Action: action, Anchor: x.Anchor, Seen: s, User: k.User})
}

// action names what has to happen to someone seen and tied, "" for nothing.
func (m *maker) action(x *Seen, k *Known) registry.Action {
	switch {
	case k.Owned && k.Deleted:
		return registry.ActionRestore
	case k.Owned && k.Enabled && !x.Enabled:
		return registry.ActionDeactivate
	case k.Owned && !k.Enabled && x.Enabled:
		return registry.ActionEnable
	case k.Owned && x.Name != k.Name:
		return registry.ActionRename
	case x.Fingerprint != k.Fingerprint || !k.MissingSince.IsZero():
		return registry.ActionUpdate
	}
	return ""
}

// absent is someone tied whom the snapshot does not show.
func (m *maker) absent(k *Known) {
	if !m.snap.Complete || k.Deleted {
		return
	}
	m.p.Missing++
	m.leave(k, "missing")
}

// leave draws the consequence of an absence or of leaving the scope, once, and
// the deletion when the grace is over.
func (m *maker) leave(k *Known, reason string) {
	c := UserChange{Anchor: k.Anchor, Seen: -1, User: k.User, Reason: reason}
	gone, ends := !k.MissingSince.IsZero(), k.Owned && m.policy.Deactivate
	switch {
	case k.Deleted:
		return
	case ends && k.Enabled:
		// Also who is gone already: kept until now because the policy was
		// another, or protected then.
		c.Action = registry.ActionDeactivate
	case !gone:
		c.Action = registry.ActionMissing
	case ends && m.policy.DeleteAfter > 0 && m.policy.Now.Sub(k.MissingSince) >= m.policy.DeleteAfter:
		c.Action, c.Reason = registry.ActionDelete, "grace_over"
	default:
		return
	}
	m.change(k, c)
}

// contested finds the people of the snapshot who ask for a userName that another
// one asks for too. Whoever holds the name already keeps it; of several who do
// not, none gets it: which one it belongs to is not for a machine to guess.
func (m *maker) contested() map[int32]bool {
	names := make([]uint64, 0, len(m.snap.Users))
	for i := range m.snap.Users {
		if x := &m.snap.Users[i]; x.Standing == Mapped {
			names = append(names, x.Name)
		}
	}
	slices.Sort(names)
	double := map[uint64]bool{}
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			double[names[i]] = true
		}
	}
	refused := map[int32]bool{}
	if len(double) == 0 {
		return refused
	}
	holder := map[uint64]string{}
	for i := range m.state.Users {
		if k := &m.state.Users[i]; !k.Deleted && double[k.Name] {
			holder[k.Name] = k.Anchor
		}
	}
	for i, id := range m.userOf {
		if x := &m.snap.Users[i]; id != 0 && double[x.Name] {
			holder[x.Name] = x.Anchor
		}
	}
	for i := range m.snap.Users {
		x := &m.snap.Users[i]
		if h, held := holder[x.Name]; x.Standing == Mapped && double[x.Name] && (!held || h != x.Anchor) {
			refused[int32(i)] = true
		}
	}
	return refused
}

// change enters a change to a person; k is nil for someone new to the source.
func (m *maker) change(k *Known, c UserChange) {
	if k != nil && (c.Action == registry.ActionDelete || m.wants(&c) != 0 && k.Owned && !k.Deleted && k.Name != m.wants(&c)) {
		m.givers[c.Anchor] = k.Name
	}
	m.p.Users = append(m.p.Users, c)
}

func (m *maker) trouble(s int32, code registry.Code, message string) {
	m.p.Troubles = append(m.p.Troubles, Trouble{Seen: s, Code: code, Message: message})
}
