package plan_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
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
		s.Manager = int32(rng.IntN(6)) - 2 // mended below
		snap.Users = append(snap.Users, s)
	}
	for i := range snap.Users {
		if snap.Users[i].Manager > 0 {
			snap.Users[i].Manager = int32(rng.IntN(len(snap.Users))) + 1
		}
	}
	groups := rng.Perm(5)[:rng.IntN(6)]
	for _, a := range groups {
		g := seenGroup(fmt.Sprintf("g%d", a), nil, nil)
		g.Failed = rng.IntN(8) == 0
		g.OutOfScope = rng.IntN(8) == 0
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
		k.Protected = rng.IntN(6) == 0
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

// mix adds what takes both sides: managers, and joins to people who are gone.
func mix(rng *rand.Rand, snap plan.Snapshot, st *plan.State, p plan.Policy) {
	st.Managers = make([]registry.UserID, len(snap.Users))
	for i := range snap.Users {
		s := &snap.Users[i]
		at := slices.IndexFunc(st.Users, func(k plan.Known) bool { return k.Anchor == s.Anchor })
		switch {
		case at < 0:
			for _, k := range st.Users {
				if p.Recreate != plan.RecreateNew && isGone(snap, &k) && rng.IntN(10) == 0 {
					s.Join = k.User
				}
			}
		case !st.Users[at].Owned:
			st.Managers[i] = plan.NotOurs
		case !st.Users[at].Deleted:
			st.Managers[i] = registry.UserID(rng.IntN(len(st.Users) + 1))
		}
	}
}

// isGone reports whether somebody's own object is known to be gone.
func isGone(snap plan.Snapshot, k *plan.Known) bool {
	for _, s := range snap.Users {
		if s.Anchor == k.Anchor {
			return false
		}
	}
	return k.Owned && (snap.Complete || k.Deleted || !k.MissingSince.IsZero())
}

// expectPast says whom of those gone each new person was, and whom of them
// somebody else could have been too.
func expectPast(snap plan.Snapshot, st plan.State, fresh func(*plan.Seen) bool) (map[string][]*plan.Known, map[string]int) {
	past, claims := map[string][]*plan.Known{}, map[string]int{}
	for i := range snap.Users {
		s := &snap.Users[i]
		if !fresh(s) {
			continue
		}
		for j := range st.Users {
			k := &st.Users[j]
			if isGone(snap, k) && (k.Name == s.Name || k.User == s.Join) {
				past[s.Anchor] = append(past[s.Anchor], k)
			}
		}
	}
	for _, list := range past {
		for _, k := range list {
			claims[k.Anchor] += len(list) // one alone makes one
		}
	}
	return past, claims
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
	contestedName := func(s *plan.Seen) bool {
		k := registered[s.Anchor]
		return s.Standing == plan.Mapped && claims[s.Name] > 1 && (k == nil || k.Deleted || k.Name != s.Name)
	}
	past, takers := expectPast(snap, st, func(s *plan.Seen) bool {
		return p.Recreate != plan.RecreateNew && registered[s.Anchor] == nil && s.Standing == plan.Mapped && !s.Ambiguous && !contestedName(s)
	})
	adopted := map[string]bool{}
	for a, s := range people {
		k := registered[a]
		contested := contestedName(s)
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
		case len(past[a]) == 1 && takers[past[a][0].Anchor] == 1 && p.Recreate == plan.RecreateAdopt && snap.Complete:
			out[a] = cmp.Or(expectTied(s, past[a][0]), "update")
			adopted[past[a][0].Anchor] = true
		case len(past[a]) > 0:
			out[a] = "recreated"
		case k == nil && s.Join != 0:
			out[a] = "join"
		case k == nil:
			out[a] = "create"
		default:
			if out[a] = expectTied(s, k); out[a] == "deactivate" && k.Protected {
				out[a] = "protected"
			}
		}
	}
	for a, k := range registered {
		if people[a] == nil && snap.Complete && !adopted[a] {
			out[a] = expectLeaving(k, p)
		}
	}
	for a, s := range people {
		for held, k := range registered {
			if out[a] == "create" && people[held] == nil && !adopted[held] && !k.Deleted && k.Name == s.Name && out[held] != "delete" {
				out[a] = "user_name_taken"
			}
		}
	}
	maps.DeleteFunc(out, func(_, v string) bool { return v == "" })
	return out
}

func expectTied(s *plan.Seen, k *plan.Known) string {
	switch {
	case k.Owned && k.Deleted:
		return "restore"
	case k.Owned && k.Enabled != s.Enabled:
		return map[bool]string{true: "enable", false: "deactivate"}[s.Enabled]
	case k.Owned && k.Name != s.Name:
		return "rename"
	case k.Fingerprint != s.Fingerprint || !k.MissingSince.IsZero():
		return "update"
	}
	return ""
}

func expectLeaving(k *plan.Known, p plan.Policy) string {
	if k.Deleted {
		return ""
	}
	if k.Protected && k.Owned && p.Deactivate &&
		(k.Enabled || !k.MissingSince.IsZero() && p.DeleteAfter > 0 && !k.MissingSince.Add(p.DeleteAfter).After(p.Now)) {
		return "protected"
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

func shuffled(rng *rand.Rand, snap plan.Snapshot, st plan.State) (plan.Snapshot, plan.State) {
	users, groups := rng.Perm(len(snap.Users)), rng.Perm(len(snap.Groups))
	out := plan.Snapshot{Complete: snap.Complete, Users: make([]plan.Seen, len(users)), Groups: make([]plan.SeenGroup, len(groups))}
	managers := make([]registry.UserID, len(users))
	for i, j := range users {
		s := snap.Users[i]
		if s.Manager > 0 {
			s.Manager = int32(users[s.Manager-1]) + 1
		}
		out.Users[j], managers[j] = s, st.Managers[i]
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
	s2 := plan.State{Managers: managers, Users: slices.Clone(st.Users), Groups: slices.Clone(st.Groups)}
	rng.Shuffle(len(s2.Users), func(a, b int) { s2.Users[a], s2.Users[b] = s2.Users[b], s2.Users[a] })
	rng.Shuffle(len(s2.Groups), func(a, b int) { s2.Groups[a], s2.Groups[b] = s2.Groups[b], s2.Groups[a] })
	return out, s2
}

// abridged leaves out of a state who is the same in the snapshot.
func abridged(snap plan.Snapshot, st plan.State) plan.State {
	out := plan.State{Groups: st.Groups, Managers: st.Managers, Same: make([]registry.UserID, len(snap.Users))}
	for _, k := range st.Users {
		i := slices.IndexFunc(snap.Users, func(s plan.Seen) bool { return s.Anchor == k.Anchor })
		if i >= 0 && snap.Users[i].Same(&k) {
			out.Same[i], snap.Users[i].Foreign = k.User, !k.Owned
			continue
		}
		out.Users = append(out.Users, k)
	}
	return out
}

// totals are what a plan counts, and what the guard measures against.
func totals(p *plan.Plan) string {
	held := plan.Guard(p, plan.Limits{}, plan.History{}, nil)
	return fmt.Sprint(p.Unchanged, p.OutOfScope, p.Missing, p.Withheld, held)
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
		p.Recreate = []plan.Recreate{"", plan.RecreateNew, plan.RecreateAdopt}[rng.IntN(3)]
		p.Mode = []plan.Mode{"", plan.ModeUpsertOnly, plan.ModeCreateOnly, plan.ModeReportOnly}[rng.IntN(4)]
		mix(rng, snap, &st, p)
		if !holds(t, rng, snap, st, p) {
			t.Fatalf("seed %d: %+v\n%+v\n%+v", seed, snap, st, p)
		}
	}
}

func holds(t *testing.T, rng *rand.Rand, snap plan.Snapshot, st plan.State, policy plan.Policy) bool {
	t.Helper()
	whole := policy
	whole.Mode = plan.ModeSync
	all := plan.Make(snap, st, whole)
	made := plan.Make(snap, st, policy)
	restricts(t, snap, made, all, policy.Mode)
	got := map[string]string{}
	for _, c := range all.Users {
		got[c.Anchor] = string(c.Action)
	}
	for _, c := range all.Troubles { // somebody protected may also be noted as missing
		got[c.Anchor] = string(c.Code)
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
	if len(again.Managers) > 0 && len(refused) == 0 {
		t.Errorf("managers left to do: %v", lines(again, snap))
	}
	return !t.Failed()
}

// restricts checks that a mode only takes out of a plan, and takes out what it
// must.
func restricts(t *testing.T, snap plan.Snapshot, made, all *plan.Plan, mode plan.Mode) {
	t.Helper()
	may := map[string]bool{}
	words := func(p *plan.Plan) (out []string) {
		for _, c := range p.Users {
			out = append(out, fmt.Sprint(c.Action, c.Anchor, c.User, c.Was, c.Reason))
		}
		for _, c := range p.Groups {
			out = append(out, fmt.Sprint("group", c.Action, c.Anchor, c.Group))
		}
		for _, c := range p.Members {
			for _, s := range c.AddUsers {
				out = append(out, fmt.Sprint("+", c.Anchor, snap.Users[s].Anchor))
			}
			for _, s := range c.AddGroups {
				out = append(out, fmt.Sprint("+g", c.Anchor, snap.Groups[s].Anchor))
			}
			for _, id := range c.RemoveUsers {
				out = append(out, fmt.Sprint("-", c.Anchor, id))
			}
			for _, id := range c.RemoveGroups {
				out = append(out, fmt.Sprint("-g", c.Anchor, id))
			}
		}
		for _, c := range p.Managers {
			out = append(out, fmt.Sprint("m", snap.Users[c.Seen].Anchor, c.Manager))
		}
		return out
	}
	for _, w := range words(all) {
		may[w] = true
	}
	for _, c := range all.Users {
		if c.Action == registry.ActionDeactivate && c.Seen < 0 && mode == plan.ModeUpsertOnly {
			may[fmt.Sprint(registry.ActionMissing, c.Anchor, c.User, c.Was, c.Reason)] = true
		}
	}
	harmless := mode == plan.ModeUpsertOnly || mode == plan.ModeCreateOnly
	for _, w := range words(made) {
		if !may[w] {
			t.Errorf("%s adds %s", mode, w)
		}
		if harmless && (strings.HasPrefix(w, "de") || strings.HasPrefix(w, "groupde") || strings.HasPrefix(w, "groupmissing") || strings.HasPrefix(w, "-")) {
			t.Errorf("%s lets pass %s", mode, w)
		}
	}
	for _, c := range made.Users {
		if mode == plan.ModeCreateOnly && c.Action != registry.ActionCreate {
			t.Errorf("create-only lets pass %s %s", c.Action, c.Anchor)
		}
	}
	if !harmless {
		want(t, "unrestricted", lines(made, snap), lines(all, snap))
	}
}
