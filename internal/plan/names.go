package plan

import "slices"

// wants is the name that a change gives its person, 0 for one that leaves the
// name alone.
func (m *maker) wants(c *UserChange) uint64 {
	if c.Seen < 0 {
		return 0
	}
	return m.snap.Users[c.Seen].Name
}

// passNames puts changes that hand a userName on one behind the other: first who
// gives the name up, then who takes it, and so on along the chain; a circle, in
// which nobody could be the first, begins anywhere. All other changes stay
// sorted by anchor, as they were made.
//
// Contested names are out of the plan by now, so nobody hands a name to two.
func (m *maker) passNames() {
	if len(m.givers) == 0 {
		return
	}
	all := m.p.Users
	gives := map[uint64]int32{}
	for i := range all {
		if name, ok := m.givers[all[i].Anchor]; ok {
			gives[name] = int32(i)
		}
	}
	giver := make([]int32, len(all)) // the change that each one waits for, -1 for none
	wanted := make([]bool, len(all))
	for i := range all {
		giver[i] = -1
		if g, ok := gives[m.wants(&all[i])]; ok && g != int32(i) {
			giver[i], wanted[g] = g, true
		}
	}
	out := make([]UserChange, 0, len(all))
	done := make([]bool, len(all))
	emit := func(i int32) {
		chain := len(out)
		for ; i >= 0 && !done[i]; i = giver[i] {
			done[i] = true
			out = append(out, all[i])
		}
		slices.Reverse(out[chain:])
		for j := chain + 1; j < len(out); j++ {
			out[j].Follows = true
		}
	}
	for i := range all {
		if !wanted[i] {
			emit(int32(i))
		}
	}
	for i := range all { // what is left goes round in circles
		emit(int32(i))
	}
	m.p.Users = out
}
