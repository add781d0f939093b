package plan

import (
	"cmp"
	"slices"

	"github.com/usherd/usher/internal/registry"
)

func (m *maker) users() {
	if m.userOf = m.state.Same; m.userOf == nil {
		m.userOf = make([]registry.UserID, len(m.snap.Users))
	}
	m.same()
	m.p.Users = make([]UserChange, 0, max(0, len(m.snap.Users)-len(m.state.Users)-int(m.p.Unchanged)))
	m.contested()
	match(len(m.snap.Users), len(m.state.Users),
		func(i int32) string { return m.snap.Users[i].Anchor },
		func(i int32) string { return m.state.Users[i].Anchor },
		m.user)
	m.recreated()
	for _, k := range m.gone {
		if !m.adopts(k) {
			m.absent(&m.state.Users[k])
		}
	}
	m.keepNames()
	for _, s := range m.strangers {
		m.unknown(s)
	}
	sort(m.p.Users, func(c *UserChange) string { return c.Anchor })
	sort(m.p.Troubles, func(t *Trouble) string { return t.Anchor })
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
		if m.snap.Users[s].Foreign {
			continue
		}
		m.p.livingUsers++
		if m.snap.Users[s].Enabled {
			m.p.activeUsers++
		}
	}
}

// user compares one person; s or k is -1 where one side lacks them.
func (m *maker) user(s, k int32) {
	if k >= 0 {
		m.count(&m.state.Users[k])
	}
	switch {
	case s >= 0 && m.userOf[s] != 0: // the same
	case s < 0:
		m.gone = append(m.gone, k)
	case k < 0:
		m.strangers = append(m.strangers, s)
	default:
		m.both(s, &m.state.Users[k])
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

// keepNames finds the names that people keep who are not seen: nobody new gets one
// while they are there.
func (m *maker) keepNames() {
	if len(m.strangers) == 0 {
		return
	}
	m.kept = map[uint64]registry.UserID{}
	for _, i := range m.gone {
		k := &m.state.Users[i]
		if _, given := m.givers[k.Anchor]; !given && !k.Deleted && !m.adopts(i) {
			m.kept[k.Name] = k.User
		}
	}
}

// unknown is someone seen who is not tied to the source.
func (m *maker) unknown(s int32) {
	x := &m.snap.Users[s]
	past := m.past[s]
	switch {
	case x.Standing == OutOfScope:
		m.p.OutOfScope++
	case x.Standing == Failed:
	case x.Ambiguous:
		m.trouble(s, registry.CodeAmbiguous, 0)
	case m.isRefused(s):
		m.trouble(s, registry.CodeUserNameTaken, 0)
	case len(past) == 1 && m.adopts(past[0]):
		k := &m.state.Users[past[0]]
		m.userOf[s] = k.User
		m.change(k, UserChange{Action: cmp.Or(m.action(x, k), registry.ActionUpdate), Anchor: x.Anchor, Seen: s, User: k.User, Was: k.Anchor})
	case len(past) > 0:
		m.trouble(s, registry.CodeRecreated, m.state.Users[past[0]].User)
	case x.Join != 0:
		m.userOf[s] = pending
		m.change(nil, UserChange{Action: registry.ActionJoin, Anchor: x.Anchor, Seen: s, User: x.Join})
	case m.kept[x.Name] != 0:
		m.trouble(s, registry.CodeUserNameTaken, m.kept[x.Name])
	default:
		m.userOf[s] = pending
		m.change(nil, UserChange{Action: registry.ActionCreate, Anchor: x.Anchor, Seen: s})
	}
}

// both is someone seen and tied.
func (m *maker) both(s int32, k *Known) {
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
	case m.isRefused(s):
		m.trouble(s, registry.CodeUserNameTaken, 0)
		return
	}
	action := m.action(x, k)
	switch {
	case action == "":
		m.p.Unchanged++
		return
	case action == registry.ActionDeactivate && k.Protected:
		m.trouble(s, registry.CodeProtected, k.User)
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
	gone, ends := !k.MissingSince.IsZero(), k.Owned && m.policy.Deactivate
	c := UserChange{Anchor: k.Anchor, Seen: -1, User: k.User, Reason: reason, gone: gone}
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
	if k.Protected && c.Action != registry.ActionMissing {
		m.p.Troubles = append(m.p.Troubles, Trouble{Seen: -1, Anchor: k.Anchor, Code: registry.CodeProtected, User: k.User, Other: -1})
		if gone {
			return
		}
		c.Action, c.Reason = registry.ActionMissing, reason
	}
	m.change(k, c)
}

// contested finds the people of the snapshot who ask for a userName that another
// one asks for too. Whoever holds the name already keeps it; of several who do
// not, none gets it: which one it belongs to is not for a machine to guess.
func (m *maker) contested() {
	names := make([]uint64, 0, len(m.snap.Users))
	for i := range m.snap.Users {
		if x := &m.snap.Users[i]; x.Standing == Mapped {
			names = append(names, x.Name)
		}
	}
	slices.Sort(names)
	double := map[uint64]bool{}
	m.refused = map[int32]int32{}
	for i := 1; i < len(names); i++ {
		if names[i] == names[i-1] {
			double[names[i]] = true
		}
	}
	if len(double) == 0 {
		return
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
	claimants := map[uint64][]int32{}
	for i := range m.snap.Users {
		x := &m.snap.Users[i]
		if x.Standing != Mapped || !double[x.Name] {
			continue
		}
		claimants[x.Name] = append(claimants[x.Name], int32(i))
		if h, held := holder[x.Name]; !held || h != x.Anchor {
			m.refused[int32(i)] = -1
		}
	}
	for i := range m.refused {
		m.refused[i] = m.rival(i, claimants[m.snap.Users[i].Name], holder[m.snap.Users[i].Name])
	}
}

// rival is the entry that stands in somebody's way to a name: its holder, or
// else the first of the others.
func (m *maker) rival(i int32, claimants []int32, holder string) int32 {
	out := int32(-1)
	for _, c := range claimants {
		a := m.snap.Users[c].Anchor
		if c != i && (out < 0 || a == holder || m.snap.Users[out].Anchor != holder && a < m.snap.Users[out].Anchor) {
			out = c
		}
	}
	return out
}

func (m *maker) isRefused(s int32) bool {
	_, refused := m.refused[s]
	return refused
}

// recreated finds the strangers who are, by userName or by the join rules,
// somebody whose own object is gone.
func (m *maker) recreated() {
	if m.policy.Recreate == RecreateNew || len(m.strangers) == 0 || len(m.gone) == 0 {
		return
	}
	byName, byUser := map[uint64][]int32{}, map[registry.UserID]int32{}
	for _, k := range m.gone {
		if x := &m.state.Users[k]; x.Owned && (m.snap.Complete || x.Deleted || !x.MissingSince.IsZero()) {
			byName[x.Name] = append(byName[x.Name], k)
			byUser[x.User] = k
		}
	}
	m.past, m.claims = map[int32][]int32{}, map[int32]int{}
	for _, s := range m.strangers {
		x := &m.snap.Users[s]
		if x.Standing != Mapped || x.Ambiguous || m.isRefused(s) {
			continue
		}
		past := byName[x.Name]
		if k, ok := byUser[x.Join]; ok && !slices.Contains(past, k) {
			past = append(slices.Clone(past), k)
		}
		if len(past) == 0 {
			continue
		}
		slices.SortFunc(past, func(a, b int32) int { return cmp.Compare(m.state.Users[a].Anchor, m.state.Users[b].Anchor) })
		m.past[s] = past
		for _, k := range past {
			m.claims[k]++
		}
	}
	for _, past := range m.past { // of several whom one could have been, none is meant
		if len(past) > 1 {
			for _, k := range past {
				m.claims[k]++
			}
		}
	}
}

// adopts reports whether somebody gone is taken over by the one who was
// recreated.
func (m *maker) adopts(k int32) bool {
	return m.policy.Recreate == RecreateAdopt && m.snap.Complete && m.claims[k] == 1
}

// change enters a change to a person; k is nil for someone new to the source.
func (m *maker) change(k *Known, c UserChange) {
	if k != nil && (c.Action == registry.ActionDelete || m.wants(&c) != 0 && k.Owned && !k.Deleted && k.Name != m.wants(&c)) {
		m.givers[c.Anchor] = k.Name
	}
	m.p.Users = append(m.p.Users, c)
}

func (m *maker) trouble(s int32, code registry.Code, user registry.UserID) {
	other := int32(-1)
	if rival, ok := m.refused[s]; ok {
		other = rival
	}
	m.p.Troubles = append(m.p.Troubles, Trouble{Seen: s, Anchor: m.snap.Users[s].Anchor, Code: code, User: user, Other: other})
}
