package plan_test

import (
	"testing"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

func TestPeople(t *testing.T) {
	keep := policy
	keep.Deactivate = false
	anew, adopt := policy, policy
	anew.Recreate, adopt.Recreate = plan.RecreateNew, plan.RecreateAdopt
	upsert, create, keepUpsert := policy, policy, keep
	upsert.Mode, create.Mode, keepUpsert.Mode = plan.ModeUpsertOnly, plan.ModeCreateOnly, plan.ModeUpsertOnly
	never := policy
	never.DeleteAfter = 0
	for _, tc := range []struct {
		name    string
		seen    []plan.Seen
		known   []plan.Known
		partial bool
		policy  *plan.Policy
		want    []string
	}{
		{name: "nothing at all"},
		{name: "new", seen: []plan.Seen{seen("b"), seen("a")}, want: []string{"create a", "create b"}},
		{name: "new and disabled", seen: []plan.Seen{seen("a", disabled)}, want: []string{"create a"}},
		{name: "new but failed", seen: []plan.Seen{seen("a", failed)}},
		{name: "new but out of scope", seen: []plan.Seen{seen("a", outOfScope)}},
		{name: "joined", seen: []plan.Seen{seen("a", joins(7))}, want: []string{"join a #7"}},
		{name: "ambiguous", seen: []plan.Seen{seen("a", joins(7), ambiguous)}, want: []string{"ambiguous_match a"}},
		{name: "unchanged", seen: []plan.Seen{seen("a")}, known: []plan.Known{known("a", 1)}},
		{name: "changed", seen: []plan.Seen{seen("a", changed)}, known: []plan.Known{known("a", 1)}, want: []string{"update a #1"}},
		{name: "changed at a foreign owner", seen: []plan.Seen{seen("a", changed, disabled, called("x"))}, known: []plan.Known{known("a", 1, foreign)},
			want: []string{"update a #1"}},
		{name: "renamed", seen: []plan.Seen{seen("a", called("x"))}, known: []plan.Known{known("a", 1)}, want: []string{"rename a #1"}},
		{name: "failed keeps all", seen: []plan.Seen{seen("a", failed, disabled)}, known: []plan.Known{known("a", 1)}},
		{name: "disabled", seen: []plan.Seen{seen("a", disabled)}, known: []plan.Known{known("a", 1)}, want: []string{"deactivate a #1"}},
		{name: "still disabled", seen: []plan.Seen{seen("a", disabled)}, known: []plan.Known{known("a", 1, off)}},
		{name: "enabled again", seen: []plan.Seen{seen("a")}, known: []plan.Known{known("a", 1, off)}, want: []string{"enable a #1"}},
		{name: "returned", seen: []plan.Seen{seen("a")}, known: []plan.Known{known("a", 1, off, missing(time.Hour))}, want: []string{"enable a #1"}},
		{name: "returned under keep", seen: []plan.Seen{seen("a")}, known: []plan.Known{known("a", 1, missing(time.Hour))}, want: []string{"update a #1"}},
		{name: "returned after deletion", seen: []plan.Seen{seen("a")}, known: []plan.Known{known("a", 1, deleted, missing(time.Hour))},
			want: []string{"restore a #1"}},
		{name: "deleted by hand, still there", seen: []plan.Seen{seen("a")}, known: []plan.Known{known("a", 1, deleted)}, want: []string{"restore a #1"}},

		{name: "missing", known: []plan.Known{known("a", 1)}, want: []string{"deactivate a #1 missing"}},
		{name: "missing, kept", known: []plan.Known{known("a", 1)}, policy: &keep, want: []string{"missing a #1 missing"}},
		{name: "missing still, kept", known: []plan.Known{known("a", 1, missing(time.Hour))}, policy: &keep},
		{name: "missing for years, kept", known: []plan.Known{known("a", 1, missing(24*month))}, policy: &keep},
		{name: "missing, disabled before", known: []plan.Known{known("a", 1, off)}, want: []string{"missing a #1 missing"}},
		{name: "missing, of another owner", known: []plan.Known{known("a", 1, foreign)}, want: []string{"missing a #1 missing"}},
		{name: "missing still, of another owner", known: []plan.Known{known("a", 1, foreign, missing(2*month))}},
		{name: "kept until the policy changed", known: []plan.Known{known("a", 1, missing(2*month))}, want: []string{"deactivate a #1 missing"}},
		{name: "within the grace", known: []plan.Known{known("a", 1, off, missing(month-time.Second))}},
		{name: "grace over", known: []plan.Known{known("a", 1, off, missing(month))}, want: []string{"delete a #1 grace_over"}},
		{name: "grace over, deletion never", known: []plan.Known{known("a", 1, off, missing(24*month))}, policy: &never},
		{name: "deleted and missing", known: []plan.Known{known("a", 1, deleted, missing(2*month))}},
		{name: "deleted, missing unsaid", known: []plan.Known{known("a", 1, deleted)}},

		{name: "left the scope", seen: []plan.Seen{seen("a", outOfScope)}, known: []plan.Known{known("a", 1)}, want: []string{"deactivate a #1 out_of_scope"}},
		{name: "left the scope, kept", seen: []plan.Seen{seen("a", outOfScope)}, known: []plan.Known{known("a", 1)}, policy: &keep,
			want: []string{"missing a #1 out_of_scope"}},
		{name: "left the scope, of another owner", seen: []plan.Seen{seen("a", outOfScope)}, known: []plan.Known{known("a", 1, foreign)},
			want: []string{"missing a #1 out_of_scope"}},
		{name: "out of scope beyond the grace", seen: []plan.Seen{seen("a", outOfScope)}, known: []plan.Known{known("a", 1, off, missing(month))},
			want: []string{"delete a #1 grace_over"}},
		{name: "back in scope", seen: []plan.Seen{seen("a")}, known: []plan.Known{known("a", 1, off, missing(time.Hour))}, want: []string{"enable a #1"}},

		{name: "an incomplete read proves no absence", partial: true, known: []plan.Known{known("a", 1), known("b", 2, off, missing(2*month))}},
		{name: "an incomplete read still tells", partial: true, seen: []plan.Seen{seen("a", changed), seen("b"), seen("c", disabled), seen("d", outOfScope)},
			known: []plan.Known{known("a", 1), known("c", 3), known("d", 4)},
			want:  []string{"update a #1", "create b", "deactivate c #3", "deactivate d #4 out_of_scope"}},

		{name: "two new ones ask for one name", seen: []plan.Seen{seen("a", called("x")), seen("b", called("x")), seen("c")},
			want: []string{"create c", "user_name_taken a beside b", "user_name_taken b beside a"}},
		{name: "the holder keeps a contested name", seen: []plan.Seen{seen("a", called("x")), seen("b", called("x")), seen("c", called("x"))},
			known: []plan.Known{known("b", 2, named("x"))}, want: []string{"update b #2", "user_name_taken a beside b", "user_name_taken c beside b"}},
		{name: "a contested name is no claim of the failed", seen: []plan.Seen{seen("a", called("x")), seen("b", called("x"), failed), seen("c", called("x"), outOfScope)},
			want: []string{"create a"}},
		{name: "a deleted one holds no name", seen: []plan.Seen{seen("a", called("x")), seen("b", called("x"))},
			known: []plan.Known{known("a", 1, deleted, named("x"))}, want: []string{"user_name_taken a beside b", "user_name_taken b beside a"}},

		{name: "recreated", seen: []plan.Seen{seen("b", called("a"))}, known: []plan.Known{known("a", 1)},
			want: []string{"deactivate a #1 missing", "recreated b #1"}},
		{name: "recreated after the deletion", seen: []plan.Seen{seen("b", called("a"))}, known: []plan.Known{known("a", 1, deleted)}, want: []string{"recreated b #1"}},
		{name: "recreated, to be new", seen: []plan.Seen{seen("b", called("a"))}, known: []plan.Known{known("a", 1, deleted)}, policy: &anew, want: []string{"create b"}},
		{name: "recreated, to be adopted", seen: []plan.Seen{seen("b", called("a"))}, known: []plan.Known{known("a", 1)}, policy: &adopt, want: []string{"update b #1 was a"}},
		{name: "adopted after the deletion", seen: []plan.Seen{seen("b", called("a"))}, known: []plan.Known{known("a", 1, deleted)}, policy: &adopt,
			want: []string{"restore b #1 was a"}},
		{name: "adopted under another name, by a join rule", seen: []plan.Seen{seen("b", called("x"), joins(1))}, known: []plan.Known{known("a", 1, off, missing(1))}, policy: &adopt,
			want: []string{"enable b #1 was a"}},
		{name: "an incomplete read adopts nobody", seen: []plan.Seen{seen("b", called("a"))}, known: []plan.Known{known("a", 1, off, missing(1))}, policy: &adopt, partial: true,
			want: []string{"recreated b #1"}},
		{name: "who is still there is no one's past", seen: []plan.Seen{seen("b", called("a")), seen("a", called("z"))}, known: []plan.Known{known("a", 1)}, policy: &adopt,
			want: []string{"rename a #1", "create b follows"}},
		{name: "two who could be one", seen: []plan.Seen{seen("b", called("a")), seen("c", joins(1))}, known: []plan.Known{known("a", 1)}, policy: &adopt,
			want: []string{"deactivate a #1 missing", "recreated b #1", "recreated c #1"}},
		{name: "one who could be two", seen: []plan.Seen{seen("b", called("a"))}, known: []plan.Known{known("a", 1, deleted), known("q", 2, deleted, named("a"))}, policy: &adopt,
			want: []string{"recreated b #1"}},

		{name: "protected and missing", known: []plan.Known{known("a", 1, protected)}, want: []string{"missing a #1 missing", "protected a #1"}},
		{name: "protected and missing still", known: []plan.Known{known("a", 1, protected, missing(2*month))}, want: []string{"protected a #1"}},
		{name: "protected and kept", known: []plan.Known{known("a", 1, protected)}, policy: &keep, want: []string{"missing a #1 missing"}},
		{name: "protected and disabled", seen: []plan.Seen{seen("a", disabled)}, known: []plan.Known{known("a", 1, protected)}, want: []string{"protected a #1"}},
		{name: "protected beyond the grace", known: []plan.Known{known("a", 1, protected, off, missing(month))}, want: []string{"protected a #1"}},
		{name: "protected and changed", seen: []plan.Seen{seen("a", changed)}, known: []plan.Known{known("a", 1, protected)}, want: []string{"update a #1"}},

		{name: "upsert-only", policy: &upsert,
			seen:  []plan.Seen{seen("a", changed), seen("b", disabled), seen("c"), seen("d", outOfScope)},
			known: []plan.Known{known("a", 1), known("b", 2), known("d", 4), known("e", 5, off, missing(month)), known("f", 6, protected)},
			want:  []string{"update a #1", "create c", "missing d #4 out_of_scope", "missing f #6 missing"}},
		{name: "upsert-only, missing still", policy: &upsert, known: []plan.Known{known("a", 1, missing(1))}},
		{name: "upsert-only and keep", policy: &keepUpsert, known: []plan.Known{known("a", 1)}, want: []string{"missing a #1 missing"}},
		{name: "create-only", policy: &create, seen: []plan.Seen{seen("a", changed), seen("b", joins(7)), seen("c"), seen("d", called("x"))},
			known: []plan.Known{known("a", 1), known("d", 4), known("e", 5)}, want: []string{"create c"}},

		{name: "managers", seen: []plan.Seen{seen("a", managedBy(2)), seen("b", managedBy(1)), seen("n", managedBy(3)), seen("u", managedBy(plan.ManagerUnknown))},
			known: []plan.Known{known("a", 1), known("b", 2), known("u", 3)},
			want:  []string{"create n", "manager of a b", "manager of b a", "manager of n n"}},
		{name: "a manager out of scope", seen: []plan.Seen{seen("a", managedBy(2)), seen("b", outOfScope)}, known: []plan.Known{known("a", 1)}},

		{name: "two swap names", seen: []plan.Seen{seen("a", called("b")), seen("b", called("a")), seen("aa")},
			known: []plan.Known{known("a", 1), known("b", 2)}, want: []string{"create aa", "rename b #2", "rename a #1 follows"}},
		{name: "a name goes along a chain", seen: []plan.Seen{seen("a", called("b")), seen("b", called("c")), seen("c", called("d")), seen("n", called("a"))},
			known: []plan.Known{known("a", 1), known("b", 2), known("c", 3)},
			want:  []string{"rename c #3", "rename b #2 follows", "rename a #1 follows", "create n follows"}},
		{name: "a name comes from someone who is also disabled", seen: []plan.Seen{seen("a", called("b")), seen("b", called("c"), disabled)},
			known: []plan.Known{known("a", 1), known("b", 2)}, want: []string{"deactivate b #2", "rename a #1 follows"}},
		{name: "a name comes from the deleted", seen: []plan.Seen{seen("a", called("z"))}, known: []plan.Known{known("z", 9, off, missing(month))}, policy: &anew,
			want: []string{"delete z #9 grace_over", "create a follows"}},
		{name: "nobody waits for the name of someone unchanged", seen: []plan.Seen{seen("a", called("z")), seen("z", changed)},
			known: []plan.Known{known("a", 1, named("q")), known("z", 9)}, want: []string{"update z #9", "user_name_taken a beside z"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := policy
			if tc.policy != nil {
				p = *tc.policy
			}
			snap := plan.Snapshot{Users: tc.seen, Complete: !tc.partial}
			want(t, "plan", lines(plan.Make(snap, plan.State{Users: tc.known}, p), snap), tc.want)
		})
	}
}

func TestTotals(t *testing.T) {
	snap := plan.Snapshot{Complete: true, Users: []plan.Seen{
		seen("new"), seen("same"), seen("gone-deleted", outOfScope), seen("out", outOfScope), seen("stranger", outOfScope), seen("bad", failed),
	}}
	p := plan.Make(snap, plan.State{Users: []plan.Known{
		known("same", 1), known("out", 2), known("gone-deleted", 3, deleted), known("missing", 4), known("long-gone", 5, deleted, missing(2*month)),
		known("still-missing", 6, off, missing(time.Hour)),
	}}, policy)
	want(t, "unchanged, out of scope, missing", [3]int64{p.Unchanged, p.OutOfScope, p.Missing}, [3]int64{1, 2, 2})
	if p.Empty() {
		t.Error("the plan calls itself empty")
	}
}

// TestWithheld: what a mode leaves out is counted.
func TestWithheld(t *testing.T) {
	create := policy
	create.Mode = plan.ModeCreateOnly
	snap := plan.Snapshot{Complete: true, Users: []plan.Seen{seen("a", changed), seen("n"), seen("b")},
		Groups: []plan.SeenGroup{seenGroup("g", []int32{0, 1, 2}, nil, groupRenamed), seenGroup("h", []int32{0, 1}, nil)}}
	p := plan.Make(snap, plan.State{
		Users:  []plan.Known{known("a", 1), known("b", 2), known("gone", 3)},
		Groups: []plan.KnownGroup{knownGroup("g", 1, []registry.UserID{1, 3}, nil)},
	}, create)
	want(t, "plan", lines(p, snap), []string{"create n", "create group h", "members g +n", "members h +a +n"})
	want(t, "withheld", p.Withheld, []plan.Withheld{
		{What: "%d deactivations", Count: 1}, {What: "%d group renames", Count: 1}, {What: "%d members added", Count: 1}, {What: "%d members removed", Count: 1}, {What: "%d updates", Count: 1},
	})
}

// TestManagerWhoLeaves: who is not looked at again loses a manager who leaves.
func TestManagerWhoLeaves(t *testing.T) {
	snap := plan.Snapshot{Complete: true, Users: []plan.Seen{seen("a"), seen("b"), seen("c", managedBy(plan.ManagerNone)), seen("d", managedBy(1)), seen("e")}}
	state := plan.State{
		Users:    []plan.Known{known("a", 1), known("b", 2), known("c", 3), known("d", 4), known("e", 5, foreign), known("boss", 9)},
		Managers: []registry.UserID{9, 1, 1, 1, plan.NotOurs},
	}
	p := plan.Make(snap, state, policy)
	want(t, "plan", lines(p, snap), []string{"deactivate boss #9 missing", "manager of a nobody", "manager of c nobody"})
	want(t, "unmanaged", len(p.Unmanaged), 0)
	snap.Users[1].Manager = plan.ManagerUnknown
	want(t, "unmanaged", plan.Make(snap, state, policy).Unmanaged, []int32{1})

	// Who was not read may be there: nobody loses a manager by half a read.
	snap.Complete, snap.Users[0].Manager = false, plan.ManagerUnknown
	p = plan.Make(snap, state, policy)
	want(t, "plan of half a read", lines(p, snap), []string{"manager of c nobody"})
	want(t, "unmanaged by half a read", len(p.Unmanaged), 0)
}

func TestGroups(t *testing.T) {
	people := []plan.Seen{seen("p1"), seen("p2"), seen("p3"), seen("bad", failed), seen("out", outOfScope), seen("new")}
	registered := []plan.Known{known("p1", 1), known("p2", 2), known("p3", 3), known("bad", 4)}
	ids := func(list ...registry.UserID) []registry.UserID { return list }
	gids := func(list ...registry.GroupID) []registry.GroupID { return list }
	at := func(list ...int32) []int32 { return list }
	const created = "create new"
	for _, tc := range []struct {
		name    string
		nested  plan.Nested
		seen    []plan.SeenGroup
		known   []plan.KnownGroup
		partial bool
		want    []string
	}{
		{name: "new with members old and new", seen: []plan.SeenGroup{seenGroup("g", at(5, 0), nil)},
			want: []string{created, "create group g", "members g +new +p1"}},
		{name: "unchanged", seen: []plan.SeenGroup{seenGroup("g", at(1, 0), nil)}, known: []plan.KnownGroup{knownGroup("g", 1, ids(2, 1), nil)}, want: []string{created}},
		{name: "renamed", seen: []plan.SeenGroup{seenGroup("g", nil, nil, groupRenamed)}, known: []plan.KnownGroup{knownGroup("g", 1, nil, nil)},
			want: []string{created, "rename group g"}},
		{name: "missing", known: []plan.KnownGroup{knownGroup("g", 1, ids(1), nil)}, want: []string{created, "delete group g"}},
		{name: "missing from an incomplete read", partial: true, known: []plan.KnownGroup{knownGroup("g", 1, ids(1), nil)}, want: []string{created}},
		{name: "missing still", known: []plan.KnownGroup{knownGroup("g", 1, nil, nil, groupMissing, groupDeleted)}, want: []string{created}},
		{name: "returned", seen: []plan.SeenGroup{seenGroup("g", at(0), nil)}, known: []plan.KnownGroup{knownGroup("g", 1, nil, nil, groupMissing, groupDeleted)},
			want: []string{created, "restore group g", "members g +p1"}},
		{name: "failed keeps all", seen: []plan.SeenGroup{seenGroup("g", nil, nil, groupFailed)}, known: []plan.KnownGroup{knownGroup("g", 1, ids(1, 2), nil)},
			want: []string{created}},
		{name: "failed and new", seen: []plan.SeenGroup{seenGroup("g", at(0), nil, groupFailed)}, want: []string{created}},
		{name: "members come and go", seen: []plan.SeenGroup{seenGroup("g", at(2, 5), nil)}, known: []plan.KnownGroup{knownGroup("g", 1, ids(2, 1), nil)},
			want: []string{created, "members g +new +p3 -1 -2"}},
		{name: "members of an incomplete read only come", partial: true, seen: []plan.SeenGroup{seenGroup("g", at(2), nil)},
			known: []plan.KnownGroup{knownGroup("g", 1, ids(1), gids(9))}, want: []string{created, "members g +p3"}},
		{name: "a person with a bad record is still a member", seen: []plan.SeenGroup{seenGroup("g", at(3), nil), seenGroup("h", at(3), nil)},
			known: []plan.KnownGroup{knownGroup("g", 1, ids(4), nil), knownGroup("h", 2, nil, nil)}, want: []string{created, "members h +bad"}},
		{name: "one out of scope is a member of nothing", seen: []plan.SeenGroup{seenGroup("g", at(4), nil)}, known: []plan.KnownGroup{knownGroup("g", 1, nil, nil)},
			want: []string{created}},

		{name: "out of scope and new", seen: []plan.SeenGroup{seenGroup("g", at(0), nil, groupOutside)}, want: []string{created}},
		{name: "left the scope", seen: []plan.SeenGroup{seenGroup("g", at(0), nil, groupOutside)}, known: []plan.KnownGroup{knownGroup("g", 1, ids(1, 2), nil)},
			want: []string{created, "missing group g"}},
		{name: "out of scope still", seen: []plan.SeenGroup{seenGroup("g", at(0), nil, groupOutside)}, known: []plan.KnownGroup{knownGroup("g", 1, nil, nil, groupMissing)},
			want: []string{created}},
		{name: "back in scope", seen: []plan.SeenGroup{seenGroup("g", at(0), nil)}, known: []plan.KnownGroup{knownGroup("g", 1, nil, nil, groupMissing)},
			want: []string{created, "restore group g", "members g +p1"}},
		{name: "flattened through a group out of scope", seen: []plan.SeenGroup{seenGroup("g", nil, at(1)), seenGroup("h", at(0), nil, groupOutside)},
			known: []plan.KnownGroup{knownGroup("g", 1, nil, nil)}, want: []string{created, "members g +p1"}},
		{name: "kept, an inner group out of scope", nested: plan.NestedKeep, seen: []plan.SeenGroup{seenGroup("g", nil, at(1)), seenGroup("h", nil, nil, groupOutside)},
			known: []plan.KnownGroup{knownGroup("g", 1, nil, gids(2)), knownGroup("h", 2, nil, nil)}, want: []string{created, "missing group h", "members g -group:2"}},

		{name: "flattened", seen: []plan.SeenGroup{seenGroup("g", at(0), at(1)), seenGroup("h", at(0, 1), at(2)), seenGroup("i", at(2), at(0))},
			known: []plan.KnownGroup{knownGroup("g", 1, nil, nil), knownGroup("h", 2, nil, nil), knownGroup("i", 3, nil, gids(1))},
			want:  []string{created, "members g +p1 +p2 +p3", "members h +p1 +p2 +p3", "members i +p1 +p2 +p3 -group:1"}},
		{name: "flattened around a failed group nobody leaves", seen: []plan.SeenGroup{seenGroup("g", at(0), at(1)), seenGroup("h", nil, at(2)), seenGroup("i", nil, nil, groupFailed)},
			known: []plan.KnownGroup{knownGroup("g", 1, ids(3), nil), knownGroup("h", 2, ids(2), nil)},
			want:  []string{created, "members g +p1"}},
		{name: "flattened into itself", seen: []plan.SeenGroup{seenGroup("g", at(0), at(0))}, known: []plan.KnownGroup{knownGroup("g", 1, ids(1), nil)}, want: []string{created}},
		{name: "kept", nested: plan.NestedKeep, seen: []plan.SeenGroup{seenGroup("g", at(0), at(1, 2, 1)), seenGroup("h", nil, at(0)), seenGroup("n", nil, nil)},
			known: []plan.KnownGroup{knownGroup("g", 1, ids(1), gids(2, 7)), knownGroup("h", 2, nil, nil)},
			want:  []string{created, "create group n", "members g +group:n -group:7", "members h +group:g"}},
		{name: "kept, named twice", nested: plan.NestedKeep, seen: []plan.SeenGroup{seenGroup("g", at(0, 0), at(1, 1)), seenGroup("h", nil, nil)},
			known: []plan.KnownGroup{knownGroup("g", 1, ids(1), gids(2)), knownGroup("h", 2, nil, nil)}, want: []string{created}},
		{name: "kept, itself", nested: plan.NestedKeep, seen: []plan.SeenGroup{seenGroup("g", nil, at(0))}, known: []plan.KnownGroup{knownGroup("g", 1, nil, nil)}, want: []string{created}},
		{name: "kept, a failed inner group stays", nested: plan.NestedKeep, seen: []plan.SeenGroup{seenGroup("g", nil, at(1, 2)), seenGroup("h", nil, nil, groupFailed), seenGroup("i", nil, nil, groupFailed)},
			known: []plan.KnownGroup{knownGroup("g", 1, nil, gids(2)), knownGroup("h", 2, nil, nil)}, want: []string{created}},
		{name: "ignored", nested: plan.NestedIgnore, seen: []plan.SeenGroup{seenGroup("g", at(0), at(1)), seenGroup("h", at(1), nil)},
			known: []plan.KnownGroup{knownGroup("g", 1, ids(1, 2), gids(2)), knownGroup("h", 2, ids(2), nil)}, want: []string{created, "members g -2 -group:2"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := policy
			if tc.nested != "" {
				p.Nested = tc.nested
			}
			snap := plan.Snapshot{Users: people, Groups: tc.seen, Complete: !tc.partial}
			want(t, "plan", lines(plan.Make(snap, plan.State{Users: registered, Groups: tc.known}, p), snap), tc.want)
		})
	}
}

func TestKeysAfterApplying(t *testing.T) {
	snap := plan.Snapshot{Complete: true, Users: []plan.Seen{seen("a"), seen("b"), seen("c")},
		Groups: []plan.SeenGroup{seenGroup("g", []int32{0, 1, 2}, nil), seenGroup("h", nil, nil)}}
	p := plan.Make(snap, plan.State{Users: []plan.Known{known("c", 3)}, Groups: []plan.KnownGroup{knownGroup("h", 8, nil, nil)}}, policy)
	want(t, "before", []registry.UserID{p.UserOf(0), p.UserOf(1), p.UserOf(2)}, []registry.UserID{0, 0, 3})
	want(t, "groups before", []registry.GroupID{p.GroupOf(0), p.GroupOf(1)}, []registry.GroupID{0, 8})
	want(t, "joining before", p.Joining(&p.Members[0]), 3)
	p.SetUser(0, 11)
	p.SetUser(1, 0) // refused
	p.SetGroup(0, 12)
	want(t, "after", []registry.UserID{p.UserOf(0), p.UserOf(1)}, []registry.UserID{11, 0})
	want(t, "group after", p.GroupOf(0), registry.GroupID(12))
	want(t, "joining after", p.Joining(&p.Members[0]), 2)
}

func TestWhatGoesWithAGroup(t *testing.T) {
	p := plan.Make(plan.Snapshot{Complete: true}, plan.State{Groups: []plan.KnownGroup{
		knownGroup("g", 1, []registry.UserID{1, 2}, []registry.GroupID{3}),
	}}, policy)
	want(t, "changes", p.Groups, []plan.GroupChange{{Action: registry.ActionDelete, Anchor: "g", Seen: -1, Group: 1, Name: "g", Members: 3}})
}
