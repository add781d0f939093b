package admin

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// sampled is how many of the people whom a held plan touches its page names.
const sampled = 8

// heldView is what somebody needs to judge a held plan without reading all of it:
// whom it would touch, and what of it is unlike the runs before.
type heldView struct {
	page
	// Newer is a later run of the source, after which this one cannot be decided
	// on; 0 for none.
	Newer int64
	// Limits are those that the plan passes, and Groups those of single groups,
	// of which there can be hundreds.
	Limits, Groups []registry.Limit
	// Parting is set for a run that parts from a source: its one limit names who
	// takes over, not a group.
	Parting bool
	// Action is what the sample is about, "" when no person is touched; Of is how
	// many there are, All lists them.
	Action string
	Sample []sampledRow
	// Why is the reason that all of the sample have, nil where they differ.
	Why *reasonWords
	Of  int64
	All string
	// Beside sets the plan's figures beside those of Runs earlier runs.
	Beside []beside
	Runs   int
}

// sampledRow is a person of the sample.
type sampledRow struct {
	row
	Person PersonRow
	Words  *reasonWords
}

// beside is a figure of a plan, and what the runs before had there.
type beside struct {
	count
	Usual, Most int64
	// Run had the most.
	Run int64
}

// Unusual reports whether no run before had as many.
func (b beside) Unusual() bool { return b.N > b.Most }

// narrow takes the filters of the address. A held run's rows are those that wait,
// unless somebody asks for others: remarks are read after them.
func (view *runView) narrow(query url.Values) {
	f := &view.Filter
	f.Outcome, f.Code, f.Action = query.Get("outcome"), query.Get("code"), query.Get("action")
	if view.Run.State == registry.RunHeld && !query.Has("outcome") {
		f.Outcome = string(registry.OutcomeHeld)
	}
	view.Export = view.To("runs", view.Run.Number, "report") + "?" + url.Values{"outcome": {f.Outcome}, "code": {f.Code}, "action": {f.Action}}.Encode()
}

// heldOf gathers what the page of a held run shows first.
func (h *Handlers) heldOf(v *visit, run *registry.Run, recent []*registry.Run) (*heldView, error) {
	if run.State != registry.RunHeld {
		return nil, nil
	}
	out := &heldView{page: h.page(v), Parting: strings.HasPrefix(run.Trigger, partTrigger)}
	for _, l := range run.Limits {
		if l.Group == "" || out.Parting {
			out.Limits = append(out.Limits, l)
		} else {
			out.Groups = append(out.Groups, l)
		}
	}
	if len(recent) > 0 && recent[0].Number > run.Number {
		out.Newer = recent[0].Number
	}
	out.Beside, out.Runs = besideOf(run, recent)
	return out, out.choose(v, run)
}

// choose names the first of those whom the plan would hit hardest.
func (out *heldView) choose(v *visit, run *registry.Run) error {
	for _, hit := range []struct {
		action registry.Action
		n      int64
	}{
		{registry.ActionDelete, run.Counts.Deleted}, {registry.ActionDeactivate, run.Counts.Deactivated}, {registry.ActionRename, run.Counts.Renamed},
		{registry.ActionCreate, run.Counts.Created}, {registry.ActionUpdate, run.Counts.Updated},
	} {
		if hit.n > 0 {
			out.Action, out.Of = string(hit.action), hit.n
			break
		}
	}
	if out.Action == "" {
		return nil
	}
	out.All = out.To("runs", run.Number) + "?outcome=held&action=" + out.Action + "#rows"
	items, err := v.desk.Rows(v.ctx(), registry.RowQuery{Run: run.ID, Outcome: registry.OutcomeHeld, Action: registry.Action(out.Action), Limit: sampled})
	if err != nil {
		return err
	}
	users := make([]registry.UserID, 0, len(items))
	for _, it := range items {
		if it.User != 0 {
			users = append(users, it.User)
		}
	}
	known, err := v.desk.Suggested(v.ctx(), users)
	if err != nil {
		return err
	}
	for _, it := range items {
		line := sampledRow{row: out.item(run, it, nil), Person: known[it.User], Words: out.Reason(it.Code)}
		if line.Person.User != nil {
			line.URL = out.To("people", line.Person.PublicID)
		}
		out.Sample = append(out.Sample, line)
	}
	if len(items) > 0 && !slices.ContainsFunc(items, func(it registry.RunItem) bool { return it.Code != items[0].Code }) {
		out.Why = out.Sample[0].Words
	}
	return nil
}

// besideOf sets the figures of a plan beside those of the runs before it that
// were carried out, and counts these.
func besideOf(run *registry.Run, recent []*registry.Run) ([]beside, int) {
	before := slices.DeleteFunc(slices.Clone(recent), func(r *registry.Run) bool {
		return r.Number >= run.Number || r.State != registry.RunDone && r.State != registry.RunPartial
	})
	var out []beside
	for i, c := range figuresOf(run) {
		if c.N == 0 || c.Sign == "" {
			continue
		}
		line := beside{count: c}
		all := make([]int64, 0, len(before))
		for _, r := range before {
			n := figuresOf(r)[i].N
			if all = append(all, n); n > line.Most {
				line.Most, line.Run = n, r.Number
			}
		}
		if slices.Sort(all); len(all) > 0 {
			line.Usual = all[len(all)/2]
		}
		out = append(out, line)
	}
	// What was never seen is read first, the largest of it at the top.
	slices.SortStableFunc(out, func(a, b beside) int {
		return cmp.Or(cmp.Compare(b.excess(), a.excess()), cmp.Compare(b.N, a.N))
	})
	return out, len(before)
}

// excess is by how many a figure is larger than ever, 0 where it is not.
func (b beside) excess() int64 { return max(0, b.N-b.Most) }

// heldNeeds says of a held run what is at stake.
func heldNeeds(name string, run *registry.Run) *web.Message {
	if gone := run.Counts.Deactivated + run.Counts.Deleted; gone > 0 {
		return web.Say("admin.needs.held_gone", "Name", name, "Run", run.Number, "Count", gone)
	}
	return web.Say("admin.needs.held", "Name", name, "Run", run.Number)
}

// limitsView are some of the limits that a plan passes.
type limitsView struct {
	page
	List    []registry.Limit
	Parting bool
}

// Passing are limits for a table.
func (out *heldView) Passing(list []registry.Limit) limitsView {
	return limitsView{out.page, list, out.Parting}
}
