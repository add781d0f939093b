package plan

import "github.com/usherd/usher/internal/registry"

// managers compares whom the snapshot names as people's managers with whom the
// registry has. It comes after everybody else is settled, because a manager may
// be new; that two are each other's is nothing special.
func (m *maker) managers() {
	leaving := map[registry.UserID]bool{}
	for i := range m.p.Users {
		if c := &m.p.Users[i]; c.Seen < 0 {
			leaving[c.User] = true
		}
	}
	for i := range m.snap.Users {
		m.manager(int32(i), leaving)
	}
	sort(m.p.Managers, func(c *ManagerChange) string { return m.snap.Users[c.Seen].Anchor })
	sort(m.p.Unmanaged, func(i *int32) string { return m.snap.Users[*i].Anchor })
}

func (m *maker) manager(i int32, leaving map[registry.UserID]bool) {
	x := &m.snap.Users[i]
	var have registry.UserID
	if m.state.Managers != nil {
		have = m.state.Managers[i]
	}
	if x.Standing != Mapped || m.userOf[i] == 0 || have == NotOurs {
		return
	}
	if x.Manager == ManagerUnsaid {
		if leaving[have] {
			m.p.Managers = append(m.p.Managers, ManagerChange{Seen: i, Manager: -1})
		}
		return
	}
	if x.Manager == ManagerUnknown && !m.snap.Complete {
		return // who was not read may be there
	}
	var id registry.UserID
	if x.Manager > 0 {
		id = m.userOf[x.Manager-1]
	}
	switch {
	case id == 0:
		if x.Manager != ManagerNone {
			m.p.Unmanaged = append(m.p.Unmanaged, i)
		}
		if have != 0 {
			m.p.Managers = append(m.p.Managers, ManagerChange{Seen: i, Manager: -1})
		}
	case id != have:
		m.p.Managers = append(m.p.Managers, ManagerChange{Seen: i, Manager: x.Manager - 1})
	}
}
