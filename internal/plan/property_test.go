package plan_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// The properties hold for any state and any snapshot, so both are thrown
// together here from a handful of anchors and names, so that they collide.

func randomSnapshot(rng *rand.Rand) plan.Snapshot {
	snap := plan.Snapshot{Complete: rng.IntN(4) > 0}
	for _, a := range rng.Perm(10)[:rng.IntN(11)] {
		s := seen(fmt.Sprintf("p%d", a), called(fmt.Sprintf("n%d", rng.IntN(12))))
		s.Enabled = rng.IntN(5) > 0
		switch rng.IntN(12) {
		case 0:
			s.Standing = plan.Failed
		case 1:
			s.Standing = plan.OutOfScope
		case 2:
			s.Ambiguous = true
		case 3:
			s.Join = registry.UserID(100 + a)
		}
		snap.Users = append(snap.Users, s)
	}
	groups := rng.Perm(5)[:rng.IntN(6)]
	for _, a := range groups {
		g := seenGroup(fmt.Sprintf("g%d", a), nil, nil)
		g.Failed = rng.IntN(8) == 0
		if rng.IntN(4) == 0 {
			g.Fingerprint = print("other")
		}
		for range rng.IntN(6) {
			if len(snap.Users) > 0 {
				g.Members = append(g.Members, int32(rng.IntN(len(snap.Users))))
			}
			if rng.IntN(2) == 0 {
				g.Groups = append(g.Groups, int32(rng.IntN(len(groups))))
			}
		}
		snap.Groups = append(snap.Groups, g)
	}
	return snap
}

func randomState(rng *rand.Rand) plan.State {
	var st plan.State
	names := rng.Perm(12) // living people have names of their own
	for i, a := range rng.Perm(10)[:rng.IntN(11)] {
		k := known(fmt.Sprintf("p%d", a), registry.UserID(i+1), named(fmt.Sprintf("n%d", names[i])))
		k.Fingerprint = print(fmt.Sprintf("n%d", names[i]))
		k.Owned = rng.IntN(6) > 0
		k.Enabled = rng.IntN(4) > 0
		if rng.IntN(4) == 0 {
			missing([]time.Duration{time.Hour, month}[rng.IntN(2)])(&k)
		}
		if rng.IntN(6) == 0 {
			deleted(&k)
		}
		st.Users = append(st.Users, k)
	}
	for i, a := range rng.Perm(5)[:rng.IntN(6)] {
		g := knownGroup(fmt.Sprintf("g%d", a), registry.GroupID(i+1), nil, nil)
		if g.Missing = rng.IntN(5) == 0; g.Missing {
			g.Deleted = true
		} else {
			for u := range st.Users {
				if rng.IntN(3) == 0 {
					g.Users = append(g.Users, st.Users[u].User)
				}
			}
			for j := range i {
				if rng.IntN(3) == 0 {
					g.Groups = append(g.Groups, registry.GroupID(j+1))
				}
			}
		}
		st.Groups = append(st.Groups, g)
	}
	return st
}

// expect says, person by person and with no thought for speed, what should
// happen to each: the rules of the plan once more, in other words.
func expect(snap plan.Snapshot, st plan.State, p plan.Policy) map[string]string {
	out := map[string]string{}
	people := map[string]*plan.Seen{}
	claims := map[uint64]int{}
	for i := range snap.Users {
		s := &snap.Users[i]
		people[s.Anchor] = s
		if s.Standing == plan.Mapped {
			claims[s.Name]++
		}
	}
	registered := map[string]*plan.Known{}
	for i := range st.Users {
		registered[st.Users[i].Anchor] = &st.Users[i]
	}
	for a, s := range people {
		k := registered[a]
		holds := k != nil && !k.Deleted && k.Name == s.Name
		contested := s.Standing == plan.Mapped && claims[s.Name] > 1 && !holds
		switch {
		case s.Standing == plan.Failed:
		case s.Standing == plan.OutOfScope:
			if k != nil {
				out[a] = expectLeaving(k, p)
			}
		case k == nil && s.Ambiguous:
			out[a] = "ambiguous_match"
		case contested:
			out[a] = "user_name_taken"
		case k == nil && s.Join != 0:
			out[a] = "join"
		case k == nil:
			out[a] = "create"
		case k.Owned && k.Deleted:
			out[a] = "restore"
		case k.Owned && k.Enabled != s.Enabled:
			out[a] = map[bool]string{true: "enable", false: "deactivate"}[s.Enabled]
		case k.Owned && k.Name != s.Name:
			out[a] = "rename"
		case k.Fingerprint != s.Fingerprint || !k.MissingSince.IsZero():
			out[a] = "update"
		}
	}
	for a, k := range registered {
		if people[a] == nil && snap.Complete {
			out[a] = expectLeaving(k, p)
		}
	}
	maps.DeleteFunc(out, func(_, v string) bool { return v == "" })
	return out
}

func expectLeaving(k *plan.Known, p plan.Policy) string {
	if k.Deleted {
		return ""
	}
	if k.Owned && p.Deactivate && k.Enabled {
		return "deactivate"
	}
	if k.MissingSince.IsZero() {
		return "missing"
	}
	if k.Owned && p.Deactivate && p.DeleteAfter > 0 && !k.MissingSince.Add(p.DeleteAfter).After(p.Now) {
		return "delete"
	}
	return ""
}

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
			k := m.users[c.Anchor]
			switch {
			case refused[c.Anchor]:
			case c.Action == registry.ActionDelete:
				frees[c.Anchor] = true
			case c.Seen >= 0 && (k == nil || k.Owned && (k.Deleted || k.Name != m.snap.Users[c.Seen].Name)):
				wishes[c.Anchor], frees[c.Anchor] = m.snap.Users[c.Seen].Name, true
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
		if refused[c.Anchor] {
			m.refused[c.Anchor] = true
			continue
		}
		m.apply(c)
	}
}

func (m *registryModel) apply(c plan.UserChange) {
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
		} else if c.Seen >= 0 && p.UserOf(c.Seen) == 0 || c.Action == registry.ActionRestore {
			p.SetUser(c.Seen, 0)
		}
	}
	out := plan.State{}
	for _, a := range slices.Sorted(maps.Keys(m.users)) {
		out.Users = append(out.Users, *m.users[a])
	}
	out.Groups = appliedGroups(p, snap, st)
	return out, m
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

func shuffled(rng *rand.Rand, snap plan.Snapshot, st plan.State) (plan.Snapshot, plan.State) {
	users, groups := rng.Perm(len(snap.Users)), rng.Perm(len(snap.Groups))
	out := plan.Snapshot{Complete: snap.Complete, Users: make([]plan.Seen, len(users)), Groups: make([]plan.SeenGroup, len(groups))}
	for i, j := range users {
		out.Users[j] = snap.Users[i]
	}
	for i, j := range groups {
		g := snap.Groups[i]
		g.Members, g.Groups = slices.Clone(g.Members), slices.Clone(g.Groups)
		for n := range g.Members {
			g.Members[n] = int32(users[g.Members[n]])
		}
		for n := range g.Groups {
			g.Groups[n] = int32(groups[g.Groups[n]])
		}
		rng.Shuffle(len(g.Members), func(a, b int) { g.Members[a], g.Members[b] = g.Members[b], g.Members[a] })
		out.Groups[j] = g
	}
	s2 := plan.State{Users: slices.Clone(st.Users), Groups: slices.Clone(st.Groups)}
	rng.Shuffle(len(s2.Users), func(a, b int) { s2.Users[a], s2.Users[b] = s2.Users[b], s2.Users[a] })
	rng.Shuffle(len(s2.Groups), func(a, b int) { s2.Groups[a], s2.Groups[b] = s2.Groups[b], s2.Groups[a] })
	return out, s2
}

// abridged leaves out of a state who is the same in the snapshot.
func abridged(snap plan.Snapshot, st plan.State) plan.State {
	out := plan.State{Groups: st.Groups, Same: make([]registry.UserID, len(snap.Users))}
	for _, k := range st.Users {
		i := slices.IndexFunc(snap.Users, func(s plan.Seen) bool { return s.Anchor == k.Anchor })
		if i >= 0 && snap.Users[i].Same(&k) {
			out.Same[i] = k.User
			continue
		}
		out.Users = append(out.Users, k)
	}
	return out
}

// totals are what a plan counts, and what the guard measures against.
func totals(p *plan.Plan) string {
	held := plan.Guard(p, plan.Limits{}, nil)
	return fmt.Sprint(p.Unchanged, p.OutOfScope, p.Missing, held)
}

func TestProperties(t *testing.T) {
	rounds := 5_000
	if os.Getenv("USHER_SOAK") == "1" {
		rounds = 500_000
	}
	for seed := range rounds {
		rng := rand.New(rand.NewPCG(uint64(seed), 1))
		snap, st := randomSnapshot(rng), randomState(rng)
		p := policy
		p.Deactivate = rng.IntN(3) > 0
		p.Nested = []plan.Nested{plan.NestedFlatten, plan.NestedKeep, plan.NestedIgnore}[rng.IntN(3)]
		if !holds(t, rng, snap, st, p) {
			t.Fatalf("seed %d: %+v\n%+v\n%+v", seed, snap, st, p)
		}
	}
}

func holds(t *testing.T, rng *rand.Rand, snap plan.Snapshot, st plan.State, policy plan.Policy) bool {
	t.Helper()
	made := plan.Make(snap, st, policy)
	got := map[string]string{}
	for _, c := range made.Users {
		got[c.Anchor] = string(c.Action)
	}
	for _, c := range made.Troubles {
		got[snap.Users[c.Seen].Anchor] = string(c.Code)
	}
	want(t, "against the model", got, expect(snap, st, policy))

	s2, st2 := shuffled(rng, snap, st)
	other := plan.Make(s2, st2, policy)
	want(t, "from shuffled input", lines(other, s2), lines(made, snap))
	want(t, "hash of shuffled input", other.Hash(s2), made.Hash(snap))

	short := plan.Make(snap, abridged(snap, st), policy)
	want(t, "without those who are the same", lines(short, snap), lines(made, snap))
	want(t, "totals without those who are the same", totals(short), totals(made))

	// In one transaction or in many: names end with the same people.
	once := newModel(snap, st)
	once.transaction(made.Users)
	next, model := applied(made, snap, st)
	want(t, "refused", model.refused, once.refused)

	// Planned again, only what was refused is left to do.
	again := plan.Make(snap, next, policy)
	var left, refused []string
	for _, c := range again.Users {
		left = append(left, c.Anchor)
	}
	refused = slices.Sorted(maps.Keys(model.refused))
	slices.SortFunc(left, cmp.Compare[string])
	want(t, "left to do", left, refused)
	if len(again.Groups) > 0 {
		t.Errorf("groups left to do: %v", lines(again, snap))
	}
	for _, c := range again.Members {
		if again.Joining(&c)+len(c.RemoveUsers)+len(c.RemoveGroups) > 0 && len(refused) == 0 {
			t.Errorf("members left to do: %v", lines(again, snap))
		}
	}
	return !t.Failed()
}
