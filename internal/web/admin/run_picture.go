package admin

import (
	"math"
	"slices"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// saysOf is a run in one sentence.
func saysOf(run *registry.Run) *web.Message {
	n := run.Counts.Changes()
	troubles := run.Counts.Failed + run.Counts.Conflicts
	key := "admin.run.says."
	switch {
	case run.State == registry.RunHeld && run.Counts.Deactivated+run.Counts.Deleted > 0:
		return web.Say(key+"held_gone", "Count", run.Counts.Deactivated+run.Counts.Deleted, "Changes", n)
	case run.State == registry.RunHeld:
		return web.Say(key+"held", "Count", n)
	case run.State != registry.RunDone && run.State != registry.RunPartial:
		return web.Say(key + string(run.State))
	case run.Mode == registry.ModePreview && n == 0:
		return web.Say(key + "would_nothing")
	case run.Mode == registry.ModePreview:
		return web.Say(key+"would", "Count", n)
	case run.State == registry.RunPartial && troubles > 0:
		return web.Say(key+"partial", "Count", troubles, "Changes", n)
	case run.State == registry.RunPartial:
		return web.Say(key + "incomplete")
	case n == 0:
		return web.Say(key + "nothing")
	}
	return web.Say(key+"done", "Count", n)
}

// trailOf is how far a run came.
func trailOf(run *registry.Run) []trail {
	stages := []string{"reading", "planning", "applying", "done"}
	if run.Mode == registry.ModePreview {
		stages = []string{"reading", "planning", "done"}
	}
	at := map[registry.RunState]string{
		registry.RunReading: "reading", registry.RunPlanning: "planning", registry.RunHeld: "planning", registry.RunRejected: "planning",
		registry.RunApproved: "planning", registry.RunApplying: "applying", registry.RunDone: "done", registry.RunPartial: "done",
	}[run.State]
	var out []trail
	state := "done"
	for _, name := range stages {
		t := trail{Name: name, State: state}
		if name == at || at == "" && name == stages[0] {
			switch {
			case run.State.Active():
				t.State = "now"
			case name != "done":
				t.State = "stopped"
			}
			state = ""
		}
		out = append(out, t)
	}
	return out
}

// countsOf are the figures of a run that are not zero, changes first.
func countsOf(run *registry.Run) []count {
	return slices.DeleteFunc(figuresOf(run), func(c count) bool { return c.N == 0 })
}

// figuresOf are all the figures of what a run changed, always in this order.
func figuresOf(run *registry.Run) []count {
	c := run.Counts
	return []count{
		{"created", c.Created, "+"}, {"restored", c.Restored, "+"}, {"updated", c.Updated, "~"}, {"renamed", c.Renamed, "~"}, {"joined", c.Joined, "~"},
		{"deactivated", c.Deactivated, "−"}, {"deleted", c.Deleted, "−"},
		{"groups_created", c.GroupsCreated, "+"}, {"groups_changed", c.GroupsChanged, "~"}, {"groups_deleted", c.GroupsDeleted, "−"},
		{"members_added", c.MembersAdded, "+"}, {"members_removed", c.MembersRemoved, "−"}, {"mailed", c.Mailed, ""},
	}
}

// skippedOf are the figures of what was left alone.
func skippedOf(run *registry.Run) []count {
	c := run.Counts
	all := []count{
		{"unchanged", c.Unchanged, ""}, {"out_of_scope", c.OutOfScope, ""}, {"withheld", c.Withheld, ""},
	}
	return slices.DeleteFunc(all, func(c count) bool { return c.N == 0 })
}

// bar is one run in the picture of the last thirty.
type bar struct {
	Number       int64
	State, URL   string
	Height, X, Y int // of a picture of 360 by 80, whose line is at 44
	// Depth is how far the bar hangs beneath the line, for who was taken away.
	Depth         int
	Current       bool
	Changes, Gone int64
}

// bars draw runs, the oldest to the left: what came or changed stands on the
// line, who went hangs beneath it. Both grow with the logarithm, so that a quiet
// night and a merger fit one picture.
func (p page) bars(runs []*registry.Run, current int64) []bar {
	const width, most, ground = 12, 30, 44
	out := make([]bar, 0, len(runs))
	for i, r := range slices.Backward(runs) {
		n, gone := r.Counts.Changes(), r.Counts.Deactivated+r.Counts.Deleted
		b := bar{
			Number: r.Number, State: string(r.State), URL: p.To("runs", r.Number), X: (most - 1 - i) * width, // the newest at the right
			Height: tall(n - gone), Current: r.Number == current, Changes: n, Gone: gone,
		}
		if b.Y = ground - b.Height; gone > 0 {
			b.Depth = tall(gone) * 3 / 4
		}
		out = append(out, b)
	}
	return out
}

// tall is how high a bar stands for n records.
func tall(n int64) int { return min(44, 4+int(9*math.Log10(float64(n+1)))) }
