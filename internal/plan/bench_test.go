package plan_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// BenchmarkMake plans a first and an unchanged day of a large directory, with a
// group of 200 for every 100 people. B/person is all that one plan allocates,
// on top of its input.
func BenchmarkMake(b *testing.B) {
	for _, people := range []int{100_000, 1_000_000} {
		snap, state := large(people)
		for _, day := range []struct {
			name  string
			state plan.State
		}{{"first", plan.State{}}, {"unchanged", state}} {
			b.Run(fmt.Sprintf("%s/%d", day.name, people), func(b *testing.B) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				for b.Loop() {
					if p := plan.Make(snap, day.state, policy); p.Empty() != (day.name == "unchanged") {
						b.Fatalf("%d changes to people, %d to groups, %d to members", len(p.Users), len(p.Groups), len(p.Members))
					}
				}
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/float64(b.N)/float64(people), "B/person")
			})
		}
	}
}

func large(people int) (plan.Snapshot, plan.State) {
	snap := plan.Snapshot{Complete: true, Users: make([]plan.Seen, people)}
	state := plan.State{Users: make([]plan.Known, people)}
	for i := range people {
		// Anchors come in no order, as they do from a directory.
		a := fmt.Sprintf("%016x-%019d", uint64(i)*0x9e3779b97f4a7c15, i)
		snap.Users[i], state.Users[i] = seen(a), known(a, registry.UserID(i+1))
	}
	for g := range people / 100 {
		a := fmt.Sprintf("group-%06d", g)
		members, users := make([]int32, 200), make([]registry.UserID, 200)
		for n := range members {
			m := (g*7919 + n*101) % people
			members[n], users[n] = int32(m), registry.UserID(m+1)
		}
		snap.Groups = append(snap.Groups, seenGroup(a, members, nil))
		state.Groups = append(state.Groups, knownGroup(a, registry.GroupID(g+1), users, nil))
	}
	return snap, state
}
