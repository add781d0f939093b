package admin

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var matchRoutes = []route{
	{"GET /matches", auth.RightRead, "", (*Handlers).matches},
	{"POST /matches", auth.RightOperate, "match.decide", (*Handlers).tie},
}

// matchLimit is how many records of one source the page shows; the run's report
// has the rest.
const matchLimit = 50

// matchesView are the records of directories whose person nobody is sure of, by
// source.
type matchesView struct {
	page
	Sources []matchSource
	// Tied is how many were just tied.
	Tied int
}

// matchSource are those of one source.
type matchSource struct {
	Key     string
	Run     *registry.Run
	Matches []match
	// More is true where the run's report has more than are shown.
	More bool
	// CSV and JSON are the run's conflicts, all of them.
	CSV, JSON string
}

// match is one record and whom it could be.
type match struct {
	Item registry.RunItem
	// Name is what the record is called at the source, shortened.
	Name string
	// Field names it in the form: the run's number and the row's key.
	Field      string
	Candidates []PersonRow
	// Beside are they side by side, nil where there are none.
	Beside *comparison
	// Chosen and Other are what was filled in, Error what was wrong with it.
	Chosen, Other string
	EndPassword   bool
	Error         *web.Message
}

// Empty reports whether nothing is left to decide.
func (v matchesView) Empty() bool {
	return !slices.ContainsFunc(v.Sources, func(s matchSource) bool { return len(s.Matches) > 0 })
}

func (h *Handlers) matches(v *visit) { h.showMatches(v, nil, 0) }

// showMatches shows what is left to decide, with what was filled in before.
func (h *Handlers) showMatches(v *visit, filled map[string]match, tied int) {
	view := matchesView{page: h.page(v), Tied: tied}
	sources, err := v.desk.Sources(v.ctx())
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	for _, s := range sources {
		run := judged(s.Recent)
		if run == nil || run.Counts.Conflicts == 0 {
			continue
		}
		of, err := h.matchesOf(v, s, run, filled)
		if err != nil {
			h.Fail(v.w, v.r, err)
			return
		}
		view.Sources = append(view.Sources, of)
	}
	h.show(v, "admin_matches", web.Say("admin.matches.title"), view)
}

// judged is the newest of some runs that came as far as matching people.
func judged(recent []*registry.Run) *registry.Run {
	for _, r := range recent {
		switch r.State {
		case registry.RunDone, registry.RunPartial, registry.RunHeld, registry.RunApproved, registry.RunRejected:
			return r
		case registry.RunReading, registry.RunPlanning, registry.RunApplying, registry.RunFailed, registry.RunInterrupted:
		}
	}
	return nil
}

// matchesOf are the conflicts of a run about records that are tied to nobody yet.
func (h *Handlers) matchesOf(v *visit, s Source, run *registry.Run, filled map[string]match) (matchSource, error) {
	all := page{Company: v.company}.To("runs", run.Number, "report") + "?outcome=conflict&format="
	out := matchSource{Key: s.Key, Run: run, CSV: all + "csv", JSON: all + "json"}
	items, err := v.desk.Rows(v.ctx(), registry.RowQuery{Run: run.ID, Outcome: registry.OutcomeConflict, Limit: matchLimit + 1})
	if err != nil {
		return out, err
	}
	if len(items) > matchLimit {
		items, out.More = items[:matchLimit], true
	}
	var anchors []string
	var users []registry.UserID
	for _, it := range items {
		if it.Anchor != "" {
			anchors = append(anchors, it.Anchor)
		}
		users = append(users, candidatesOf(it)...)
	}
	tied, err := v.desk.Tied(v.ctx(), s.Origin.ID, anchors)
	if err != nil {
		return out, err
	}
	people, err := v.desk.Suggested(v.ctx(), users)
	if err != nil {
		return out, err
	}
	for _, it := range items {
		if it.Anchor == "" || it.Group != 0 || tied[it.Anchor] != 0 {
			continue // about somebody who is known already
		}
		m := match{Item: it, Name: short(cmp.Or(it.Name, it.Anchor)), Field: fmt.Sprintf("%d.%d", run.Number, it.ID)}
		if f, ok := filled[m.Field]; ok {
			m.Chosen, m.Other, m.EndPassword, m.Error = f.Chosen, f.Other, f.EndPassword, f.Error
		}
		for _, id := range candidatesOf(it) {
			if p, ok := people[id]; ok {
				m.Candidates = append(m.Candidates, p)
			}
		}
		m.Beside = compare(saidBy(it), m.Candidates)
		out.Matches = append(out.Matches, m)
	}
	return out, nil
}

// saidBy is what the report kept of what a record says.
func saidBy(it registry.RunItem) registry.Attributes {
	if it.Detail == nil {
		return nil
	}
	return it.Detail.After
}

// candidatesOf are the people whom a row is about.
func candidatesOf(it registry.RunItem) []registry.UserID {
	var out []registry.UserID
	if it.Detail != nil {
		for _, id := range it.Detail.Candidates {
			out = append(out, registry.UserID(id))
		}
	}
	if it.User != 0 && !slices.Contains(out, it.User) {
		out = append(out, it.User)
	}
	return out
}

// otherPerson is the choice of somebody who is not among the candidates.
const otherPerson = "other"

// tie ties every record for which somebody was chosen. Those that cannot be are
// shown again with the reason, and the others stay done.
func (h *Handlers) tie(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	filled, done, r := map[string]match{}, 0, v.r
	for name, values := range r.PostForm {
		field, ok := strings.CutPrefix(name, "who.")
		if !ok || len(values) != 1 || values[0] == "" {
			continue // left as it is
		}
		m := match{Field: field, Chosen: values[0], Other: strings.TrimSpace(v.r.PostFormValue("other." + field)), EndPassword: v.r.PostFormValue("end."+field) != ""}
		err := h.tieOne(v, m)
		var refused *Refusal
		switch {
		case errors.As(err, &refused):
			v.outcome = refused.Code
			m.Error = because(refused)
			filled[field] = m
		case err != nil:
			h.missing(v, err)
			return
		default:
			done++
		}
	}
	if len(filled) > 0 {
		h.showMatches(v, filled, done)
		return
	}
	v.back("tied", "matches")
}

// tieOne carries out one choice.
func (h *Handlers) tieOne(v *visit, m match) error {
	run, it, err := findItem(v, m.Field)
	if err != nil {
		return err
	}
	who := m.Chosen
	if who == otherPerson {
		who = m.Other
	}
	return v.desk.Tie(v.ctx(), run.SourceKey, it.Anchor, who, v.who.Actor, m.EndPassword)
}

// findItem finds a row by its run's number and its key.
func findItem(v *visit, field string) (*registry.Run, registry.RunItem, error) {
	number, key, _ := strings.Cut(field, ".")
	n, _ := strconv.ParseInt(number, 10, 64)
	id, _ := strconv.ParseInt(key, 10, 64)
	run, err := v.desk.Run(v.ctx(), n)
	if err != nil {
		return nil, registry.RunItem{}, err
	}
	it, err := rowOf(v, run, id)
	return run, it, err
}

// rowOf finds a row of a run that is no change.
func rowOf(v *visit, run *registry.Run, id int64) (registry.RunItem, error) {
	items, err := v.desk.Rows(v.ctx(), registry.RowQuery{Run: run.ID, After: id - 1, Limit: 1})
	if err != nil {
		return registry.RunItem{}, err
	}
	if len(items) == 0 || items[0].ID != id {
		return registry.RunItem{}, registry.ErrNotFound
	}
	return items[0], nil
}
