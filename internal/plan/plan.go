package plan

import (
	"cmp"
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
	Name     uint64
	Standing Standing
	Enabled  bool
	// Join is the existing person the source's join rules found, 0 for none.
	Join registry.UserID
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
	registry.LinkedUser
	// Name is a hash of the present userName, as in Seen.
	Name uint64
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
}

// GroupChange is one change to a group.
type GroupChange struct {
	Action registry.Action
	Anchor string
	Seen   int32 // index in Snapshot.Groups, -1 when it is not there
	Group  registry.GroupID
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

	userOf    []registry.UserID
	groupOf   []registry.GroupID
	groupName map[string]string

	// What the guard measures against.
	activeUsers, liveGroups, memberships int64
	seenUsers, seenGroups                int64
	knewUsers, knewGroups                int64
}

// Empty reports whether there is nothing to do.
func (p *Plan) Empty() bool { return len(p.Users)+len(p.Groups)+len(p.Members) == 0 }

// UserOf is the key of a person of the snapshot who was tied before the plan, 0
// for anybody else.
func (p *Plan) UserOf(seen int32) registry.UserID { return max(p.userOf[seen], 0) }

// GroupOf is the key of a group of the snapshot that was tied before the plan, 0
// for any other.
func (p *Plan) GroupOf(seen int32) registry.GroupID { return max(p.groupOf[seen], 0) }

// GroupName is the present name of a group that the plan deletes.
func (p *Plan) GroupName(anchor string) string { return p.groupName[anchor] }

// Make compares. It sorts nothing it was given.
func Make(snap Snapshot, state State, policy Policy) *Plan {
	m := &maker{snap: snap, state: state, policy: policy, p: &Plan{}}
	m.users()
	m.groups()
	m.members()
	m.p.sort()
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
}

// pending stands in userOf for a person who gets a key when the plan is applied.
const pending registry.UserID = -1

func (m *maker) users() {
	m.userOf = make([]registry.UserID, len(m.snap.Users))
	known := order(m.state.Users, func(k Known) string { return k.Anchor })
	seen := order(m.snap.Users, func(s Seen) string { return s.Anchor })
	refused := m.contested()
	merge(seen, known,
		func(i int32) string { return m.snap.Users[i].Anchor },
		func(i int32) string { return m.state.Users[i].Anchor },
		func(s, k int32) { m.user(s, k, refused) })
	m.p.seenUsers = int64(len(m.snap.Users))
}

// user compares one person; s or k is -1 where one side lacks them.
func (m *maker) user(s, k int32, refused map[int32]bool) {
	if k >= 0 {
		m.count(&m.state.Users[k])
	}
	switch {
	case s < 0:
		m.absent(&m.state.Users[k])
	case k < 0:
		m.unknown(s, refused)
	default:
		m.both(s, &m.state.Users[k], refused)
	}
}

func (m *maker) count(k *Known) {
	m.p.knewUsers++
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
		m.change(UserChange{Action: registry.ActionJoin, Anchor: x.Anchor, Seen: s, User: x.Join})
	default:
		m.userOf[s] = pending
		m.change(UserChange{Action: registry.ActionCreate, Anchor: x.Anchor, Seen: s})
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
		m.p.OutOfScope++
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
	m.userOf[s] = k.User
	m.change(UserChange{Action: action, Anchor: x.Anchor, Seen: s, User: k.User})
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
	if !m.snap.Complete {
		return
	}
	m.p.Missing++
	m.leave(k, "missing")
}

// leave draws the consequence of an absence or of leaving the scope, once, and
// the deletion when the grace is over.
func (m *maker) leave(k *Known, reason string) {
	gone := !k.MissingSince.IsZero()
	switch {
	case k.Deleted:
	case !gone && k.Owned && m.policy.Deactivate && k.Enabled:
		m.change(UserChange{Action: registry.ActionDeactivate, Anchor: k.Anchor, Seen: -1, User: k.User, Reason: reason})
	case !gone:
		m.change(UserChange{Action: registry.ActionMissing, Anchor: k.Anchor, Seen: -1, User: k.User, Reason: reason})
	case k.Owned && k.Enabled && m.policy.Deactivate:
		// Kept until now because the policy was another, or protected then.
		m.change(UserChange{Action: registry.ActionDeactivate, Anchor: k.Anchor, Seen: -1, User: k.User, Reason: reason})
	case k.Owned && m.policy.Deactivate && m.policy.DeleteAfter > 0 && m.policy.Now.Sub(k.MissingSince) >= m.policy.DeleteAfter:
		m.change(UserChange{Action: registry.ActionDelete, Anchor: k.Anchor, Seen: -1, User: k.User, Reason: "grace_over"})
	}
}

// contested finds the people of the snapshot who ask for a userName that another
// one asks for too. Whoever holds the name already keeps it; of several who do
// not, none gets it: which one it belongs to is not for a machine to guess.
func (m *maker) contested() map[int32]bool {
	first := make(map[uint64]int32, len(m.snap.Users))
	double := map[uint64][]int32{}
	for i := range m.snap.Users {
		x := &m.snap.Users[i]
		if x.Standing != Mapped {
			continue
		}
		if j, ok := first[x.Name]; ok {
			if double[x.Name] == nil {
				double[x.Name] = []int32{j}
			}
			double[x.Name] = append(double[x.Name], int32(i)) //nolint:gosec // snapshots are far below 2^31
			continue
		}
		first[x.Name] = int32(i) //nolint:gosec // as above
	}
	refused := map[int32]bool{}
	if len(double) == 0 {
		return refused
	}
	holds := make(map[string]uint64, len(m.state.Users))
	for i := range m.state.Users {
		if k := &m.state.Users[i]; !k.Deleted {
			holds[k.Anchor] = k.Name
		}
	}
	for name, all := range double {
		for _, s := range all {
			if h, ok := holds[m.snap.Users[s].Anchor]; !ok || h != name {
				refused[s] = true
			}
		}
	}
	return refused
}

func (m *maker) change(c UserChange) { m.p.Users = append(m.p.Users, c) }

func (m *maker) trouble(s int32, code registry.Code, message string) {
	m.p.Troubles = append(m.p.Troubles, Trouble{Seen: s, Code: code, Message: message})
}

// rank orders changes: first what frees names, then what moves names (together,
// so that names which change hands meet in one batch), then the rest.
var rank = map[registry.Action]int{registry.ActionDelete: 0, registry.ActionRename: 1}

func (p *Plan) sort() {
	rankOf := func(a registry.Action) int {
		if r, ok := rank[a]; ok {
			return r
		}
		return len(rank)
	}
	slices.SortStableFunc(p.Users, func(a, b UserChange) int {
		return cmp.Or(cmp.Compare(rankOf(a.Action), rankOf(b.Action)), cmp.Compare(a.Anchor, b.Anchor))
	})
	slices.SortStableFunc(p.Troubles, func(a, b Trouble) int { return cmp.Compare(a.Seen, b.Seen) })
}

// order gives the indexes of a list sorted by a key.
func order[T any](list []T, key func(T) string) []int32 {
	out := make([]int32, len(list))
	for i := range out {
		out[i] = int32(i) //nolint:gosec // lists are far below 2^31
	}
	slices.SortFunc(out, func(a, b int32) int { return cmp.Compare(key(list[a]), key(list[b])) })
	return out
}

// merge walks two sorted lists of indexes side by side; -1 stands for a side
// that lacks the key.
func merge(as, bs []int32, keyA, keyB func(int32) string, fn func(a, b int32)) {
	for len(as) > 0 || len(bs) > 0 {
		var c int
		switch {
		case len(bs) == 0:
			c = -1
		case len(as) == 0:
			c = 1
		default:
			c = cmp.Compare(keyA(as[0]), keyB(bs[0]))
		}
		a, b := int32(-1), int32(-1)
		if c <= 0 {
			a, as = as[0], as[1:]
		}
		if c >= 0 {
			b, bs = bs[0], bs[1:]
		}
		fn(a, b)
	}
}
