package plan_test

import (
	"fmt"
	"testing"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// loose never holds; tests tighten one limit of it.
var (
	unlimited = plan.Threshold{Count: 1 << 40, Percent: 100}
	loose     = plan.Limits{
		Deactivate: unlimited, Delete: unlimited, GroupDelete: unlimited, MembershipRemove: unlimited, MembershipRemovePerGroup: unlimited, Rename: unlimited, MailChange: unlimited, Create: unlimited, Adopt: unlimited,
	}
)

// leavers is a plan in which gone of all people, groups and memberships go, and
// deleted people are over their grace.
func leavers(all, gone, deleted int) *plan.Plan {
	var snap plan.Snapshot
	var state plan.State
	snap.Complete = true
	for i := range all {
		a := fmt.Sprintf("p%03d", i)
		if i >= gone {
			snap.Users = append(snap.Users, seen(a))
		}
		state.Users = append(state.Users, known(a, registry.UserID(i+1)))
	}
	for i := range deleted {
		state.Users = append(state.Users, known(fmt.Sprintf("d%03d", i), registry.UserID(1000+i), off, missing(month)))
	}
	return plan.Make(snap, state, policy)
}

// groupsGone is a plan that deletes gone of all groups.
func groupsGone(all, gone int) *plan.Plan {
	snap := plan.Snapshot{Complete: true, Users: []plan.Seen{seen("p")}}
	state := plan.State{Users: []plan.Known{known("p", 1)}}
	for i := range all {
		a := fmt.Sprintf("g%03d", i)
		if i >= gone {
			snap.Groups = append(snap.Groups, seenGroup(a, nil, nil))
		}
		state.Groups = append(state.Groups, knownGroup(a, registry.GroupID(i+1), nil, nil))
	}
	return plan.Make(snap, state, policy)
}

// membersGone is a plan that removes gone of all members of one group.
func membersGone(all, gone int) *plan.Plan {
	snap := plan.Snapshot{Complete: true, Groups: []plan.SeenGroup{seenGroup("g", nil, nil)}}
	g := knownGroup("g", 1, nil, nil)
	var state plan.State
	for i := range all {
		a, id := fmt.Sprintf("p%03d", i), registry.UserID(i+1)
		snap.Users, state.Users = append(snap.Users, seen(a)), append(state.Users, known(a, id))
		if g.Users = append(g.Users, id); i >= gone {
			snap.Groups[0].Members = append(snap.Groups[0].Members, int32(i))
		}
	}
	state.Groups = []plan.KnownGroup{g}
	return plan.Make(snap, state, policy)
}

// reasonless leaves out why.
func reasonless(limits []registry.Limit) []registry.Limit {
	limits = registry.InEnglish(limits)
	for i := range limits {
		limits[i].Reasons = nil
	}
	return limits
}

func TestGuard(t *testing.T) {
	limit := func(name string, count, of int64, rule registry.Said) []registry.Limit {
		return []registry.Limit{{Name: name, Count: count, Of: of, Rule: rule}}
	}
	people := func(th plan.Threshold) plan.Limits { l := loose; l.Deactivate = th; return l }
	deletions := func(th plan.Threshold) plan.Limits { l := loose; l.Delete = th; return l }
	groups := func(th plan.Threshold) plan.Limits { l := loose; l.GroupDelete = th; return l }
	members := func(th plan.Threshold) plan.Limits { l := loose; l.MembershipRemove = th; return l }
	for _, tc := range []struct {
		name   string
		plan   *plan.Plan
		limits plan.Limits
		want   []registry.Limit
	}{
		{"nothing", leavers(100, 0, 0), people(plan.Threshold{}), nil},
		{"count reached", leavers(100, 50, 0), people(plan.Threshold{Count: 50, Percent: 100}), nil},
		{"count passed", leavers(100, 51, 0), people(plan.Threshold{Count: 50, Percent: 100}), limit("deactivate", 51, 100, "more than 50")},
		{"percent reached", leavers(100, 10, 0), people(plan.Threshold{Count: 50, Percent: 10, Floor: 5}), nil},
		{"percent passed", leavers(100, 11, 0), people(plan.Threshold{Count: 50, Percent: 10, Floor: 5}), limit("deactivate", 11, 100, "more than 10 %")},
		{"percent of a fraction passed", leavers(200, 1, 0), people(plan.Threshold{Count: 50, Percent: 0.4}), limit("deactivate", 1, 200, "more than 0.4 %")},
		{"percent passed at the floor", leavers(20, 5, 0), people(plan.Threshold{Count: 50, Percent: 10, Floor: 5}), nil},
		{"percent passed above the floor", leavers(20, 6, 0), people(plan.Threshold{Count: 50, Percent: 10, Floor: 5}), limit("deactivate", 6, 20, "more than 10 %")},
		{"nobody may", leavers(100, 1, 0), people(plan.Threshold{}), limit("deactivate", 1, 100, "more than 0")},
		{"deletions reached", leavers(10, 0, 3), deletions(plan.Threshold{Count: 3, Percent: 100}), nil},
		{"deletions passed", leavers(10, 0, 4), deletions(plan.Threshold{Count: 3, Percent: 100}), limit("delete", 4, 14, "more than 3")},
		{"deletions and deactivations are counted apart", leavers(10, 3, 3), people(plan.Threshold{Count: 3, Percent: 100}), nil},
		{"groups reached", groupsGone(10, 1), groups(plan.Threshold{Count: 5, Percent: 10, Floor: 0}), nil},
		{"groups passed by percent", groupsGone(10, 2), groups(plan.Threshold{Count: 5, Percent: 10, Floor: 1}), limit("group_delete", 2, 10, "more than 10 %")},
		{"groups passed by count", groupsGone(10, 6), groups(plan.Threshold{Count: 5, Percent: 100}), limit("group_delete", 6, 10, "more than 5")},
		{"members reached", membersGone(100, 20), members(plan.Threshold{Count: 200, Percent: 20}), nil},
		{"members passed by percent", membersGone(100, 21), members(plan.Threshold{Count: 200, Percent: 20, Floor: 10}), limit("membership_remove", 21, 100, "more than 20 %")},
		{"members passed by count", membersGone(100, 3), members(plan.Threshold{Count: 2, Percent: 100}), limit("membership_remove", 3, 100, "more than 2")},
		{"nobody at all", leavers(3, 3, 0), loose, limit("empty", 0, 3, "the source gave no person at all")},
		{"nobody on the first day", leavers(0, 0, 0), loose, limit("empty", 0, 0, "the source gave no person at all")},
		{"no group at all", groupsGone(2, 2), loose, limit("empty", 0, 2, "the source gave no group at all")},
		{"no group where there was none", groupsGone(0, 0), loose, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			want(t, "limits", reasonless(plan.Guard(tc.plan, tc.limits, plan.History{}, nil)), tc.want)
		})
	}
	t.Run("a scope that fits nobody", func(t *testing.T) {
		p := plan.Make(plan.Snapshot{Complete: true, Users: []plan.Seen{seen("a", outOfScope), seen("b", outOfScope)}}, plan.State{Users: []plan.Known{known("a", 1)}}, policy)
		want(t, "limits", registry.InEnglish(plan.Guard(p, loose, plan.History{}, nil)), limit("empty", 0, 1, "the scope leaves out everyone, all 2 people of the source"))
	})
	t.Run("the inactive are no reason for more", func(t *testing.T) {
		snap := plan.Snapshot{Complete: true, Users: []plan.Seen{seen("a"), seen("b", disabled), seen("c"), seen("d")}}
		state := plan.State{Users: []plan.Known{known("a", 1), known("b", 2), known("c", 3, foreign), known("d", 4, deleted), known("e", 5, off, missing(1))}}
		want(t, "limits", reasonless(plan.Guard(plan.Make(snap, state, policy), people(plan.Threshold{Count: 9, Percent: 49}), plan.History{}, nil)),
			limit("deactivate", 1, 2, "more than 49 %"))
	})
}

func TestAllowance(t *testing.T) {
	strict := plan.Limits{MembershipRemovePerGroup: unlimited}
	snap := plan.Snapshot{Complete: true, Users: []plan.Seen{seen("stay")}, Groups: []plan.SeenGroup{seenGroup("g", nil, nil)}}
	state := plan.State{
		Users: []plan.Known{known("stay", 1), known("go", 2), known("also", 3), known("old", 4, off, missing(month))},
		Groups: []plan.KnownGroup{
			knownGroup("g", 1, []registry.UserID{1, 3}, []registry.GroupID{2}), knownGroup("h", 2, nil, nil),
		},
	}
	all := func() *plan.Allowance {
		return &plan.Allowance{
			Deactivate: map[string]bool{"go": true, "also": true}, Delete: map[string]bool{"old": true}, GroupDelete: map[string]bool{"h": true},
			Remove:      map[string]map[registry.UserID]bool{"g": {1: true, 3: true}},
			RemoveGroup: map[string]map[registry.GroupID]bool{"g": {2: true}},
		}
	}
	for _, tc := range []struct {
		name   string
		change func(*plan.Allowance)
		want   []string
	}{
		{"all", func(*plan.Allowance) {}, nil},
		{"one more leaver", func(a *plan.Allowance) { delete(a.Deactivate, "also") }, []string{"deactivate 1"}},
		{"one more deletion", func(a *plan.Allowance) { delete(a.Delete, "old") }, []string{"delete 1"}},
		{"an approved deactivation is no approved deletion", func(a *plan.Allowance) { a.Delete, a.Deactivate["old"] = nil, true }, []string{"delete 1"}},
		{"one more group", func(a *plan.Allowance) { a.GroupDelete = nil }, []string{"group_delete 1"}},
		{"one more member", func(a *plan.Allowance) { delete(a.Remove["g"], 3) }, []string{"membership_remove 1"}},
		{"the member of another group", func(a *plan.Allowance) { a.Remove["h"] = a.Remove["g"]; delete(a.Remove, "g") }, []string{"membership_remove 2"}},
		{"one more inner group", func(a *plan.Allowance) { a.RemoveGroup = nil }, []string{"membership_remove 1"}},
		{"nothing", func(a *plan.Allowance) { *a = plan.Allowance{} }, []string{"deactivate 2", "delete 1", "group_delete 1", "membership_remove 3"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := all()
			tc.change(a)
			var got []string
			for _, l := range plan.Guard(plan.Make(snap, state, policy), strict, plan.History{}, a) {
				got = append(got, fmt.Sprintf("%s %d", l.Name, l.Count))
			}
			want(t, "limits", got, tc.want)
		})
	}
	t.Run("emptiness", func(t *testing.T) {
		p := leavers(2, 2, 0)
		want(t, "allowed", len(plan.Guard(p, loose, plan.History{}, &plan.Allowance{Empty: true})), 0)
		want(t, "of leavers only", len(plan.Guard(p, loose, plan.History{}, &plan.Allowance{Deactivate: map[string]bool{"p000": true, "p001": true}})), 1)
	})
}

// TestHash changes a plan one thing at a time and expects another hash each time.
func TestHash(t *testing.T) {
	type input struct {
		snap  plan.Snapshot
		state plan.State
	}
	base := func() input {
		return input{
			snap: plan.Snapshot{Complete: true,
				Users:  []plan.Seen{seen("new"), seen("join", joins(7)), seen("upd", changed), seen("same"), seen("off", disabled)},
				Groups: []plan.SeenGroup{seenGroup("g", []int32{0, 1}, nil), seenGroup("h", nil, []int32{0}), seenGroup("n", []int32{3}, nil)}},
			state: plan.State{
				Users:  []plan.Known{known("upd", 3), known("same", 4), known("off", 5), known("gone", 6)},
				Groups: []plan.KnownGroup{knownGroup("g", 1, []registry.UserID{3}, []registry.GroupID{2}), knownGroup("h", 2, nil, nil), knownGroup("x", 3, nil, nil)},
			},
		}
	}
	nested := policy
	nested.Nested = plan.NestedKeep
	hash := func(in input) string { return plan.Make(in.snap, in.state, nested).Hash(in.snap) }
	first := hash(base())
	if again := hash(base()); again != first {
		t.Fatalf("the same plan hashes to %s and %s", first, again)
	}
	hashes := map[string]string{first: "the plan itself"}
	for what, change := range map[string]func(*input){
		"a person more":             func(in *input) { in.snap.Users = append(in.snap.Users, seen("more")) },
		"another value":             func(in *input) { in.snap.Users[2].Fingerprint = print("other") },
		"joined to another":         func(in *input) { in.snap.Users[1].Join = 8 },
		"nobody disabled":           func(in *input) { in.snap.Users[4].Enabled = true },
		"nobody gone":               func(in *input) { in.state.Users = in.state.Users[:3] },
		"out of scope, not missing": func(in *input) { in.snap.Users = append(in.snap.Users, seen("gone", outOfScope)) },
		"a member more":             func(in *input) { in.snap.Groups[0].Members = []int32{0, 1, 3} },
		"a member fewer":            func(in *input) { in.snap.Groups[0].Members = []int32{0} },
		"another member":            func(in *input) { in.snap.Groups[0].Members = []int32{0, 4} },
		"nobody leaves":             func(in *input) { in.snap.Groups[0].Members = []int32{0, 1, 2} },
		"another leaves":            func(in *input) { in.state.Groups[0].Users = []registry.UserID{4} },
		"a group stays inside":      func(in *input) { in.snap.Groups[0].Groups = []int32{1} },
		"a group fewer inside":      func(in *input) { in.snap.Groups[1].Groups = nil },
		"a group renamed":           func(in *input) { in.snap.Groups[0].Fingerprint = print("renamed") },
		"no group deleted":          func(in *input) { in.state.Groups = in.state.Groups[:2] },
		"somebody's manager":        func(in *input) { in.snap.Users[2].Manager = 1 },
		"another's manager":         func(in *input) { in.snap.Users[2].Manager = 2 },
		"a group out of scope":      func(in *input) { in.snap.Groups[1].OutOfScope = true },
		"a group known":             func(in *input) { in.state.Groups = append(in.state.Groups, knownGroup("n", 9, nil, nil)) },
	} {
		in := base()
		change(&in)
		h := hash(in)
		if other, ok := hashes[h]; ok {
			t.Errorf("%q hashes like %q", what, other)
		}
		hashes[h] = what
	}
}

// TestEachLimit: every limit alone, with its figures and its reasons.
func TestEachLimit(t *testing.T) {
	people := func(n int) (plan.Snapshot, plan.State) {
		snap, state := plan.Snapshot{Complete: true}, plan.State{}
		for i := range n {
			a := fmt.Sprintf("p%03d", i)
			snap.Users, state.Users = append(snap.Users, seen(a)), append(state.Users, known(a, registry.UserID(i+1)))
		}
		return snap, state
	}
	only := func(set func(*plan.Limits)) plan.Limits { l := loose; set(&l); return l }
	for _, tc := range []struct {
		name    string
		change  func(*plan.Snapshot, *plan.State)
		mark    func(*plan.Plan)
		limits  plan.Limits
		history plan.History
		// recreate is what becomes of entries made anew.
		recreate plan.Recreate
		want     []registry.Limit
	}{
		{name: "renames reached", limits: only(func(l *plan.Limits) { l.Rename = plan.Threshold{Count: 2, Percent: 100} }),
			change: func(s *plan.Snapshot, _ *plan.State) { called("x")(&s.Users[0]); called("y")(&s.Users[1]) }},
		{name: "renames passed", limits: only(func(l *plan.Limits) { l.Rename = plan.Threshold{Count: 9, Percent: 10, Floor: 1} }),
			change: func(s *plan.Snapshot, _ *plan.State) { called("x")(&s.Users[0]); called("y")(&s.Users[1]) },
			want:   []registry.Limit{{Name: "rename", Count: 2, Of: 10, Rule: "more than 10 %", Reasons: []registry.Said{"2 renamed in the directory"}}}},
		{name: "mail changes passed", limits: only(func(l *plan.Limits) { l.MailChange = plan.Threshold{Count: 1, Percent: 100} }),
			change: func(s *plan.Snapshot, _ *plan.State) {
				changed(&s.Users[0])
				changed(&s.Users[1])
				changed(&s.Users[2])
			},
			mark: func(p *plan.Plan) { p.Users[0].Mail, p.Users[2].Mail = true, true },
			want: []registry.Limit{{Name: "mail_change", Count: 2, Of: 10, Rule: "more than 1", Reasons: []registry.Said{"2 with another address in the directory"}}}},
		{name: "a burst", limits: only(func(l *plan.Limits) { l.Create = plan.Threshold{Count: 1, Percent: 100} }),
			change: func(s *plan.Snapshot, _ *plan.State) { s.Users = append(s.Users, seen("x"), seen("y")) },
			want:   []registry.Limit{{Name: "create", Count: 2, Of: 10, Rule: "more than 1", Reasons: []registry.Said{"2 new in the directory"}}}},
		{name: "a burst of names that are not free", limits: only(func(l *plan.Limits) { l.Create = plan.Threshold{} }), recreate: plan.RecreateNew,
			change: func(s *plan.Snapshot, _ *plan.State) { s.Users[0], s.Users[1] = anew("p000"), anew("p001") }},
		{name: "a burst of names that become free", limits: only(func(l *plan.Limits) { l.Create = plan.Threshold{Count: 1, Percent: 100} }), recreate: plan.RecreateNew,
			change: func(s *plan.Snapshot, st *plan.State) {
				s.Users[0], s.Users[1] = anew("p000"), anew("p001")
				for i := range 2 {
					off(&st.Users[i])
					missing(month)(&st.Users[i])
				}
			},
			want: []registry.Limit{{Name: "create", Count: 2, Of: 10, Rule: "more than 1", Reasons: []registry.Said{"2 new in the directory"}}}},
		{name: "no burst on the first run", limits: only(func(l *plan.Limits) { l.Create = plan.Threshold{} }), history: plan.History{First: true},
			change: func(s *plan.Snapshot, _ *plan.State) { s.Users = append(s.Users, seen("x"), seen("y")) }},
		{name: "adoptions reached", limits: only(func(l *plan.Limits) { l.Adopt = plan.Threshold{Count: 9, Percent: 20} }), recreate: plan.RecreateAdopt,
			change: func(s *plan.Snapshot, _ *plan.State) { s.Users[0], s.Users[1] = anew("p000"), anew("p001") }},
		{name: "adoptions passed", limits: only(func(l *plan.Limits) { l.Adopt = plan.Threshold{Count: 9, Percent: 10, Floor: 1} }), recreate: plan.RecreateAdopt,
			change: func(s *plan.Snapshot, _ *plan.State) { s.Users[0], s.Users[1] = anew("p000"), anew("p001") },
			want:   []registry.Limit{{Name: "adopt", Count: 2, Of: 10, Rule: "more than 10 %", Reasons: []registry.Said{"2 made anew under another id"}}}},
		{name: "what is not carried out", limits: plan.Limits{}, recreate: plan.RecreateAdopt, change: func(s *plan.Snapshot, _ *plan.State) {
			s.Users[0] = anew("p000")
			called("x")(&s.Users[1])
			disabled(&s.Users[2])
			s.Users[9] = seen("new")
		}, mark: func(p *plan.Plan) {
			for i := range p.Users {
				p.Users[i].Moot = true
			}
		}},
		{name: "too few", limits: only(func(l *plan.Limits) { l.Minimum = plan.Threshold{Count: 10} }),
			change: func(s *plan.Snapshot, _ *plan.State) { outOfScope(&s.Users[0]) },
			want:   []registry.Limit{{Name: "minimum_population", Count: 9, Rule: "fewer than 10"}}},
		{name: "enough", limits: only(func(l *plan.Limits) { l.Minimum = plan.Threshold{Count: 10} }), change: func(*plan.Snapshot, *plan.State) {}},
		{name: "half of the last run's", limits: only(func(l *plan.Limits) { l.Minimum = plan.Threshold{Percent: 50, Floor: 5} }),
			history: plan.History{InScope: 20}, change: func(*plan.Snapshot, *plan.State) {}},
		{name: "less than half of the last run's", limits: only(func(l *plan.Limits) { l.Minimum = plan.Threshold{Percent: 50, Floor: 5} }),
			history: plan.History{InScope: 21}, change: func(*plan.Snapshot, *plan.State) {},
			want: []registry.Limit{{Name: "minimum_population", Count: 10, Of: 21, Rule: "fewer than 50 % of the last run's"}}},
		{name: "less than half, of few", limits: only(func(l *plan.Limits) { l.Minimum = plan.Threshold{Percent: 90, Floor: 5} }),
			history: plan.History{InScope: 15}, change: func(*plan.Snapshot, *plan.State) {}},
		{name: "fewer in an incomplete read", limits: only(func(l *plan.Limits) { l.Minimum = plan.Threshold{Count: 99} }),
			change: func(s *plan.Snapshot, _ *plan.State) { s.Complete = false }},
		{name: "one group loses too many", limits: only(func(l *plan.Limits) { l.MembershipRemovePerGroup = plan.Threshold{Count: 9, Percent: 50, Floor: 1} }),
			change: func(s *plan.Snapshot, st *plan.State) {
				s.Groups = []plan.SeenGroup{seenGroup("g", []int32{0}, nil), seenGroup("h", []int32{0, 1}, nil)}
				st.Groups = []plan.KnownGroup{
					knownGroup("g", 1, []registry.UserID{1, 2, 3}, nil), knownGroup("h", 2, []registry.UserID{1, 2, 3, 4}, nil),
				}
			},
			want: []registry.Limit{{Name: "membership_remove_per_group", Count: 2, Of: 3, Rule: "more than 50 %", Group: "g"}}},
		{name: "a group out of scope", limits: only(func(l *plan.Limits) { l.MembershipRemove = plan.Threshold{Count: 2, Percent: 100} }),
			change: func(s *plan.Snapshot, st *plan.State) {
				g := seenGroup("g", []int32{0, 1, 2}, nil)
				g.OutOfScope = true
				s.Groups = []plan.SeenGroup{g, seenGroup("h", []int32{0}, nil)}
				st.Groups = []plan.KnownGroup{knownGroup("g", 1, []registry.UserID{1, 2, 3}, nil), knownGroup("h", 2, []registry.UserID{1, 2}, nil)}
			},
			want: []registry.Limit{{Name: "membership_remove", Count: 4, Of: 5, Rule: "more than 2",
				Reasons: []registry.Said{"3 as their group is out of scope", "1 from h"}}}},
		{name: "every group out of scope", limits: loose,
			change: func(s *plan.Snapshot, st *plan.State) {
				g := seenGroup("g", nil, nil)
				g.OutOfScope = true
				s.Groups, st.Groups = []plan.SeenGroup{g}, []plan.KnownGroup{knownGroup("g", 1, nil, nil)}
			},
			want: []registry.Limit{{Name: "empty", Of: 1, Rule: "the scope leaves out every group, all 1 of the source"}}},
		{name: "why people go", limits: only(func(l *plan.Limits) { l.Deactivate = plan.Threshold{} }),
			change: func(s *plan.Snapshot, _ *plan.State) {
				outOfScope(&s.Users[0])
				disabled(&s.Users[1])
				disabled(&s.Users[2])
				s.Users = s.Users[:7]
			},
			want: []registry.Limit{{Name: "deactivate", Count: 6, Of: 10, Rule: "more than 0", Reasons: []registry.Said{"3 missing", "2 disabled in the directory", "1 out of scope"}}}},
		{name: "other settings, within the floors", limits: only(func(l *plan.Limits) { l.Deactivate.Floor = 1 }), history: plan.History{SettingsChanged: true},
			change: func(s *plan.Snapshot, _ *plan.State) { s.Users = s.Users[:9] }},
		{name: "other settings, beyond the floors", limits: only(func(l *plan.Limits) { l.Deactivate.Floor = 1 }), history: plan.History{SettingsChanged: true},
			change: func(s *plan.Snapshot, _ *plan.State) { s.Users = s.Users[:8] },
			want: []registry.Limit{{Name: "settings_changed", Count: 2, Of: 10,
				Rule:    "the source's settings are not those of the last finished run, and it would remove more than the floors let pass",
				Reasons: []registry.Said{"2 deactivations"}}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			snap, state := people(10)
			tc.change(&snap, &state)
			policy := policy
			policy.Recreate = tc.recreate
			p := plan.Make(snap, state, policy)
			if tc.mark != nil {
				tc.mark(p)
			}
			want(t, "limits", registry.InEnglish(plan.Guard(p, tc.limits, tc.history, nil)), tc.want)
			everything := &plan.Allowance{
				Empty: true, Population: p.InScope(), Rename: map[string]bool{}, MailChange: map[string]bool{}, Create: map[string]bool{}, Deactivate: map[string]bool{}, Adopt: map[string]bool{},
				GroupDelete: map[string]bool{}, Remove: map[string]map[registry.UserID]bool{},
			}
			for _, c := range p.Users {
				everything.Rename[c.Anchor], everything.MailChange[c.Anchor] = true, true
				everything.Adopt[c.Anchor] = true
				everything.Create[c.Anchor], everything.Deactivate[c.Anchor] = true, true
			}
			for _, c := range p.Groups {
				everything.GroupDelete[c.Anchor] = true
			}
			for _, c := range p.Members {
				everything.Remove[c.Anchor] = map[registry.UserID]bool{}
				for _, id := range c.RemoveUsers {
					everything.Remove[c.Anchor][id] = true
				}
			}
			want(t, "limits once approved", plan.Guard(p, tc.limits, tc.history, everything), nil)
		})
	}
}
