package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/usherd/usher/internal/registry"
)

func (m *maker) groups() {
	match(len(m.snap.Groups), len(m.state.Groups),
		func(i int32) string { return m.snap.Groups[i].Anchor },
		func(i int32) string { return m.state.Groups[i].Anchor },
		m.group)
	sort(m.p.Groups, func(c *GroupChange) string { return c.Anchor })
	m.p.seenGroups = int64(len(m.snap.Groups))
	for i := range m.snap.Groups {
		if !m.snap.Groups[i].OutOfScope {
			m.p.groupsInScope++
		}
	}
}

func (m *maker) group(s, k int32) {
	var known *KnownGroup
	if k >= 0 {
		known = &m.state.Groups[k]
		if known.Owned && !known.Deleted && !known.Missing {
			m.p.liveGroups++
		}
		m.p.memberships += int64(len(known.Users) + len(known.Groups))
	}
	c := GroupChange{Seen: s}
	switch {
	case s < 0 && (!m.snap.Complete || known.Missing):
		return
	case s >= 0 && m.snap.Groups[s].OutOfScope && (known == nil || known.Missing):
		return
	case s >= 0 && m.snap.Groups[s].OutOfScope:
		c.Action, c.Anchor, c.Group = registry.ActionMissing, known.Anchor, known.Group
		c.Name, c.Members = known.Name, len(known.Users)+len(known.Groups)
	case s < 0:
		c.Action, c.Anchor, c.Group = registry.ActionDelete, known.Anchor, known.Group
		c.Name, c.Members = known.Name, len(known.Users)+len(known.Groups)
	case m.snap.Groups[s].Failed:
		return
	case known == nil:
		c.Action, c.Anchor = registry.ActionCreate, m.snap.Groups[s].Anchor
	case known.Missing || known.Owned && known.Deleted:
		c.Action, c.Anchor, c.Group = registry.ActionRestore, known.Anchor, known.Group
	case known.Fingerprint != m.snap.Groups[s].Fingerprint:
		c.Action, c.Anchor, c.Group = registry.ActionRename, known.Anchor, known.Group
	default:
		return
	}
	m.p.Groups = append(m.p.Groups, c)
}

// members compares what the snapshot says of each group's members with what the
// source asserts in the registry. It always compares in full: a member who
// could not be taken in yesterday may be there today though the group did not
// change.
func (m *maker) members() {
	groupOf := make(map[string]*KnownGroup, len(m.state.Groups))
	for i := range m.state.Groups {
		groupOf[m.state.Groups[i].Anchor] = &m.state.Groups[i]
	}
	groupIDs := m.groupIDs(groupOf)
	m.p.groupOf = groupIDs
	closure := newClosure(m.snap.Groups, m.policy.Nested == NestedFlatten)
	for i := range m.snap.Groups {
		g := &m.snap.Groups[i]
		if g.Failed || g.OutOfScope {
			continue
		}
		c := MemberChange{Anchor: g.Anchor, Seen: int32(i)}
		var users []registry.UserID
		var groups []registry.GroupID
		if k := groupOf[g.Anchor]; k != nil {
			c.Group, users, groups = k.Group, k.Users, k.Groups
			c.Name, c.Of = k.Name, len(k.Users)+len(k.Groups)
		}
		members, failed := closure.of(c.Seen)
		m.diffUsers(&c, members, users)
		if m.policy.Nested == NestedKeep {
			m.diffGroups(&c, g.Groups, groups, groupIDs)
		} else {
			c.RemoveGroups = slices.Sorted(slices.Values(groups))
		}
		if !m.snap.Complete || failed {
			c.RemoveUsers, c.RemoveGroups = nil, nil
		}
		if len(c.AddUsers)+len(c.AddGroups)+len(c.RemoveUsers)+len(c.RemoveGroups) > 0 {
			m.p.Members = append(m.p.Members, c)
		}
	}
	sort(m.p.Members, func(c *MemberChange) string { return c.Anchor })
}

// groupIDs is, for each seen group, its key, pending for one to be created, 0
// for one that will not be there.
func (m *maker) groupIDs(groupOf map[string]*KnownGroup) []registry.GroupID {
	out := make([]registry.GroupID, len(m.snap.Groups))
	for i := range m.snap.Groups {
		g := &m.snap.Groups[i]
		switch k := groupOf[g.Anchor]; {
		case g.OutOfScope:
		case k != nil:
			out[i] = k.Group
		case !g.Failed:
			out[i] = registry.GroupID(pending)
		}
	}
	return out
}

// diffUsers compares a group's people, both sides in the order of their keys.
func (m *maker) diffUsers(c *MemberChange, members []int32, have []registry.UserID) {
	m.have = append(m.have[:0], have...)
	slices.Sort(m.have)
	m.here = m.here[:0]
	for _, s := range members {
		switch id := m.userOf[s]; id {
		case 0:
		case pending:
			c.AddUsers = append(c.AddUsers, s)
		default:
			m.here = append(m.here, member{id, s})
		}
	}
	slices.SortFunc(m.here, func(a, b member) int { return cmp.Compare(a.id, b.id) })
	had := m.have
	for _, x := range m.here {
		for len(had) > 0 && had[0] < x.id {
			c.RemoveUsers, had = append(c.RemoveUsers, had[0]), had[1:]
		}
		if len(had) > 0 && had[0] == x.id {
			had = had[1:]
			continue
		}
		c.AddUsers = append(c.AddUsers, x.seen)
	}
	c.RemoveUsers = append(c.RemoveUsers, had...)
	slices.SortFunc(c.AddUsers, func(a, b int32) int { return cmp.Compare(m.snap.Users[a].Anchor, m.snap.Users[b].Anchor) })
}

// member is somebody of the snapshot who is in the registry.
type member struct {
	id   registry.UserID
	seen int32
}

// diffGroups compares the groups inside a group.
func (m *maker) diffGroups(c *MemberChange, inner []int32, have []registry.GroupID, ids []registry.GroupID) {
	had := make(map[registry.GroupID]bool, len(have))
	for _, id := range have {
		had[id] = true
	}
	inner = slices.Clone(inner)
	slices.Sort(inner)
	for _, s := range slices.Compact(inner) {
		id := ids[s]
		switch {
		case id == 0 || s == c.Seen:
		case had[id]:
			delete(had, id)
		default:
			c.AddGroups = append(c.AddGroups, s)
		}
	}
	c.RemoveGroups = slices.Sorted(maps.Keys(had))
	slices.SortFunc(c.AddGroups, func(a, b int32) int { return cmp.Compare(m.snap.Groups[a].Anchor, m.snap.Groups[b].Anchor) })
}

// closure finds everyone below a group. Groups may contain each other in a
// circle; each is visited once.
type closure struct {
	groups  []SeenGroup
	flatten bool
	visited []int32 // the last root that visited the group, plus one
}

func newClosure(groups []SeenGroup, flatten bool) *closure {
	return &closure{groups: groups, flatten: flatten, visited: make([]int32, len(groups))}
}

// of gives the people of a group, sorted, each once, and whether a group below
// it could not be read, in which case nobody may be removed on its account.
func (c *closure) of(root int32) (members []int32, failed bool) {
	if !c.flatten || len(c.groups[root].Groups) == 0 {
		members = slices.Clone(c.groups[root].Members)
		slices.Sort(members)
		return slices.Compact(members), false
	}
	stack := []int32{root}
	c.visited[root] = root + 1
	for len(stack) > 0 {
		g := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		failed = failed || c.groups[g].Failed
		members = append(members, c.groups[g].Members...)
		for _, inner := range c.groups[g].Groups {
			if c.visited[inner] != root+1 {
				c.visited[inner] = root + 1
				stack = append(stack, inner)
			}
		}
	}
	slices.Sort(members)
	return slices.Compact(members), failed
}
