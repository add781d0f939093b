package plan_test

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// registryModel carries a plan out as the registry would.
type registryModel struct {
	snap  plan.Snapshot
	users map[string]*plan.Known
	next  registry.UserID
	// refused are the anchors whose name somebody else holds.
	refused map[string]bool
}

// transaction carries out changes together; who asks for a name that somebody
// keeps is refused, which may refuse others.
func (m *registryModel) transaction(changes []plan.UserChange) {
	refused := map[string]bool{}
	for again := true; again; {
		again = false
		wishes := map[string]uint64{} // who takes another name
		frees := map[string]bool{}
		for _, c := range changes {
			at := cmp.Or(c.Was, c.Anchor)
			k := m.users[at]
			switch {
			case refused[at]:
			case c.Action == registry.ActionDelete:
				frees[at] = true
			case c.Seen >= 0 && (k == nil || k.Owned && (k.Deleted || k.Name != m.snap.Users[c.Seen].Name)):
				wishes[at], frees[at] = m.snap.Users[c.Seen].Name, true
			}
		}
		kept := map[uint64]bool{}
		for a, k := range m.users {
			kept[k.Name] = kept[k.Name] || !k.Deleted && !frees[a]
		}
		for a, name := range wishes {
			if kept[name] {
				refused[a], again = true, true
			}
		}
	}
	for _, c := range changes {
		if refused[cmp.Or(c.Was, c.Anchor)] {
			m.refused[c.Anchor] = true
			continue
		}
		m.apply(c)
	}
}

func (m *registryModel) apply(c plan.UserChange) {
	if c.Was != "" {
		m.users[c.Anchor] = m.users[c.Was]
		m.users[c.Anchor].Anchor = c.Anchor
		delete(m.users, c.Was)
	}
	k := m.users[c.Anchor]
	if k == nil {
		k = &plan.Known{Anchor: c.Anchor, User: c.User, Owned: true}
		if k.User == 0 {
			m.next++
			k.User = m.next
		}
		m.users[c.Anchor] = k
	}
	switch {
	case c.Action == registry.ActionDelete:
		k.Deleted, k.Enabled = true, false
	case c.Seen < 0:
		k.MissingSince = now // of someone gone before, the day of the deactivation
		if c.Action == registry.ActionDeactivate {
			k.Enabled = false
		}
	default:
		s := &m.snap.Users[c.Seen]
		k.Fingerprint, k.MissingSince = s.Fingerprint, time.Time{}
		if k.Owned {
			k.Name, k.Enabled, k.Deleted = s.Name, s.Enabled, false
		}
	}
}

// chains cuts a plan's people where no name changes hands.
func chains(changes []plan.UserChange) [][]plan.UserChange {
	var out [][]plan.UserChange
	for _, c := range changes {
		if !c.Follows {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], c)
	}
	return out
}

func newModel(snap plan.Snapshot, st plan.State) *registryModel {
	m := &registryModel{snap: snap, users: map[string]*plan.Known{}, next: 1000, refused: map[string]bool{}}
	for _, k := range st.Users {
		m.users[k.Anchor] = &k
	}
	return m
}

// applied is the state after a plan.
func applied(p *plan.Plan, snap plan.Snapshot, st plan.State) (plan.State, *registryModel) {
	m := newModel(snap, st)
	for _, chain := range chains(p.Users) {
		m.transaction(chain)
	}
	for _, c := range p.Users {
		if c.Seen >= 0 && !m.refused[c.Anchor] {
			p.SetUser(c.Seen, m.users[c.Anchor].User)
		} else if c.Seen >= 0 && p.UserOf(c.Seen) == 0 || c.Action == registry.ActionRestore || c.Was != "" {
			p.SetUser(c.Seen, 0)
		}
	}
	out := plan.State{}
	for _, a := range slices.Sorted(maps.Keys(m.users)) {
		out.Users = append(out.Users, *m.users[a])
	}
	out.Groups = appliedGroups(p, snap, st)
	out.Managers = appliedManagers(p, st)
	return out, m
}

func appliedManagers(p *plan.Plan, st plan.State) []registry.UserID {
	out := slices.Clone(st.Managers)
	for _, c := range p.Managers {
		switch {
		case p.UserOf(c.Seen) == 0:
		case c.Manager < 0:
			out[c.Seen] = 0
		case p.UserOf(c.Manager) != 0:
			out[c.Seen] = p.UserOf(c.Manager)
		}
	}
	return out
}

func appliedGroups(p *plan.Plan, snap plan.Snapshot, st plan.State) []plan.KnownGroup {
	groups := map[string]*plan.KnownGroup{}
	for _, g := range st.Groups {
		g.Users, g.Groups = slices.Clone(g.Users), slices.Clone(g.Groups)
		groups[g.Anchor] = &g
	}
	for i, c := range p.Groups {
		g := groups[c.Anchor]
		if g == nil {
			g = &plan.KnownGroup{LinkedGroup: registry.LinkedGroup{Anchor: c.Anchor, Group: registry.GroupID(1000 + i), Owned: true}}
			groups[c.Anchor] = g
		}
		if c.Action == registry.ActionMissing {
			g.Missing, g.Users, g.Groups = true, nil, nil
			continue
		}
		if c.Action == registry.ActionDelete {
			g.Missing, g.Deleted, g.Users, g.Groups = true, true, nil, nil
			continue
		}
		g.Missing, g.Deleted, g.Fingerprint = false, false, snap.Groups[c.Seen].Fingerprint
		p.SetGroup(c.Seen, g.Group)
	}
	for _, c := range p.Members {
		g := groups[c.Anchor]
		g.Users = slices.DeleteFunc(g.Users, func(id registry.UserID) bool { return slices.Contains(c.RemoveUsers, id) })
		g.Groups = slices.DeleteFunc(g.Groups, func(id registry.GroupID) bool { return slices.Contains(c.RemoveGroups, id) })
		for _, s := range c.AddUsers {
			if id := p.UserOf(s); id != 0 {
				g.Users = append(g.Users, id)
			}
		}
		for _, s := range c.AddGroups {
			if id := p.GroupOf(s); id != 0 {
				g.Groups = append(g.Groups, id)
			}
		}
	}
	var out []plan.KnownGroup
	for _, a := range slices.Sorted(maps.Keys(groups)) {
		out = append(out, *groups[a])
	}
	return out
}
