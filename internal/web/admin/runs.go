package admin

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var runRoutes = []route{
	{"GET /runs", auth.RightRead, "", (*Handlers).runs},
	{"GET /runs/{number}", auth.RightRead, "", (*Handlers).run},
	{"GET /runs/{number}/report", auth.RightRead, "", (*Handlers).exportRun},
	{"POST /runs/{number}/approve", auth.RightApprove, "run.approve", (*Handlers).approve},
	{"POST /runs/{number}/reject", auth.RightApprove, "run.reject", (*Handlers).reject},
	{"POST /runs/{number}/cancel", auth.RightOperate, "run.cancel", (*Handlers).cancel},
	{"POST /runs/{number}/retry", auth.RightOperate, "run.retry", (*Handlers).retry},
}

// perPage is how many rows a page of a list has.
const perPage = 50

// runsView lists runs, the newest first.
type runsView struct {
	page
	Runs    []*registry.Run
	Sources []string
	States  []registry.RunState
	Filter  struct{ Source, State string }
	Older   string
}

// runStates are those a list can be narrowed to.
var runStates = []registry.RunState{
	registry.RunHeld, registry.RunDone, registry.RunPartial, registry.RunFailed, registry.RunRejected, registry.RunInterrupted,
}

func (h *Handlers) runs(v *visit) {
	view := runsView{page: h.page(v), States: runStates}
	sources, err := v.desk.Sources(v.ctx())
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	query := v.r.URL.Query()
	view.Filter.Source, view.Filter.State = query.Get("source"), query.Get("state")
	q := registry.RunQuery{State: registry.RunState(view.Filter.State), Limit: perPage + 1}
	for _, s := range sources {
		view.Sources = append(view.Sources, s.Key)
		if s.Key == view.Filter.Source {
			q.Source = s.ID
		}
	}
	q.Before, _ = strconv.ParseInt(query.Get("before"), 10, 64)
	if view.Runs, err = v.desk.Runs(v.ctx(), q); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.Runs) > perPage {
		view.Runs = view.Runs[:perPage]
		view.Older = with(v.r, "before", fmt.Sprint(view.Runs[perPage-1].Number))
	}
	h.show(v, "admin_runs", web.Say("admin.runs.title"), view)
}

// with is the present address with one parameter set, or removed by "".
func with(r *http.Request, name, value string) string {
	q := r.URL.Query()
	q.Del("done")
	if q.Set(name, value); value == "" {
		q.Del(name)
	}
	return (&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String()
}

// runView is one run: what it came to, what waits, what failed and why, and what
// changed.
type runView struct {
	page
	Run      *registry.Run
	Trail    []trail
	Counts   []count
	Skipped  []count
	Failures []cause
	Rows     []row
	Filter   struct{ Outcome, Code, Action string }
	More     string
	Recent   []bar
	Export   string
	Input    decisionInput
}

// trail is a stage of a run.
type trail struct {
	Name  string
	State string // "done", "now", "stopped" or ""
}

// count is a figure with its word.
type count struct {
	Name string
	N    int64
	// Sign is +, ~, − or "".
	Sign string
}

// cause is a reason that rows of the run have, with what it means.
type cause struct {
	Cause
	registry.Reason
	URL string
}

// row is one line of the report.
type row struct {
	Outcome, Action, Kind string
	Name, URL             string
	Code                  registry.Code
	Message               string
	Values                []change
	Added, Removed        int
}

// change is an attribute before and after.
type change struct {
	Attribute     string
	Before, After []string
}

func (h *Handlers) findRun(v *visit) (*registry.Run, bool) {
	number, err := strconv.ParseInt(v.r.PathValue("number"), 10, 64)
	if err != nil {
		h.Refuse(v.w, v.r, http.StatusNotFound)
		return nil, false
	}
	run, err := v.desk.Run(v.ctx(), number)
	if err != nil {
		h.missing(v, err)
		return nil, false
	}
	return run, true
}

func (h *Handlers) run(v *visit) {
	run, ok := h.findRun(v)
	if !ok {
		return
	}
	h.showRun(v, run, decisionInput{}, nil)
}

// showRun shows a run, and what was wrong with a decision on it.
func (h *Handlers) showRun(v *visit, run *registry.Run, input decisionInput, alert *web.Message) {
	view := runView{page: h.page(v), Run: run, Trail: trailOf(run), Counts: countsOf(run), Skipped: skippedOf(run), Input: input}
	view.Alert = alert
	query := v.r.URL.Query()
	view.Filter.Outcome, view.Filter.Code, view.Filter.Action = query.Get("outcome"), query.Get("code"), query.Get("action")
	view.Export = view.To("runs", run.Number, "report") + "?" + v.r.URL.RawQuery
	causes, err := v.desk.Causes(v.ctx(), run.ID)
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	view.Failures = view.failures(run, causes)
	if err := h.fillRows(v, &view); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	recent, err := v.desk.Runs(v.ctx(), registry.RunQuery{Source: run.Source, Mode: registry.ModeRun, Limit: 30})
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	view.Recent = view.bars(recent, run.Number)
	h.show(v, "admin_run", web.Say("admin.run.title", "Number", run.Number, "Source", run.SourceKey), view)
}

// failures are the causes of what needs somebody, with what they mean.
func (p page) failures(run *registry.Run, causes []Cause) []cause {
	var out []cause
	for _, c := range causes {
		if c.Outcome != registry.OutcomeFailed && c.Outcome != registry.OutcomeConflict && c.Outcome != registry.OutcomeWarning && c.Outcome != registry.OutcomeSkipped {
			continue
		}
		reason, _ := registry.ReasonOf(string(c.Code))
		out = append(out, cause{c, reason, p.To("runs", run.Number) + "?" + url.Values{"outcome": {string(c.Outcome)}, "code": {string(c.Code)}}.Encode() + "#rows"})
	}
	weight := map[registry.Outcome]int{registry.OutcomeFailed: 0, registry.OutcomeConflict: 1, registry.OutcomeSkipped: 2, registry.OutcomeWarning: 3}
	slices.SortStableFunc(out, func(a, b cause) int {
		return cmp.Or(cmp.Compare(weight[a.Outcome], weight[b.Outcome]), cmp.Compare(b.Count, a.Count))
	})
	return out
}

// fillRows loads one page of rows: changes first, then what changed nothing.
// The place of a page is "c" and a change's key, or "i" and an item's.
func (h *Handlers) fillRows(v *visit, view *runView) error {
	at := v.r.URL.Query().Get("after")
	n, _ := strconv.ParseInt(strings.TrimLeft(at, "ci"), 10, 64)
	left := perPage
	if !strings.HasPrefix(at, "i") && (view.Filter.Outcome == "" || view.Filter.Outcome == "changed") && view.Filter.Code == "" {
		changes, err := v.desk.Changes(v.ctx(), registry.ChangeQuery{
			Run: view.Run.ID, Action: registry.Action(view.Filter.Action), Forward: true, After: n, Limit: left + 1,
		})
		if err != nil {
			return err
		}
		if len(changes) > left {
			changes = changes[:left]
			view.More = with(v.r, "after", fmt.Sprint("c", changes[left-1].ID)) + "#rows"
		}
		for _, c := range changes {
			view.Rows = append(view.Rows, view.changed(c))
		}
		left, n = left-len(changes), 0
	}
	if view.More != "" || view.Filter.Outcome == "changed" {
		return nil
	}
	items, err := v.desk.Rows(v.ctx(), registry.RowQuery{
		Run: view.Run.ID, After: n, Outcome: registry.Outcome(view.Filter.Outcome), Action: registry.Action(view.Filter.Action),
		Code: registry.Code(view.Filter.Code), Limit: left + 1,
	})
	if err != nil {
		return err
	}
	if len(items) > left {
		items = items[:left]
		last := n
		if left > 0 {
			last = items[left-1].ID
		}
		view.More = with(v.r, "after", fmt.Sprint("i", last)) + "#rows"
	}
	for _, it := range items {
		view.Rows = append(view.Rows, view.item(it))
	}
	return nil
}

// changed is the line of a change.
func (p page) changed(c registry.ChangeRow) row {
	r := row{Outcome: "changed", Action: string(c.Action), Kind: "user", Name: c.Name, Code: registry.Code(c.Reason),
		Values: changesOf(c.Payload), Added: c.Payload.Added, Removed: c.Payload.Removed}
	r.URL = p.To("people", c.PublicID)
	if c.Group != 0 {
		r.Kind, r.URL = "group", p.To("groups", c.PublicID)
	}
	return r
}

// item is the line of what changed nothing.
func (p page) item(it registry.RunItem) row {
	r := row{Outcome: string(it.Outcome), Action: string(it.Action), Name: cmp.Or(it.Name, it.Anchor), Code: it.Code, Message: it.Message, Kind: "user"}
	if it.Group != 0 {
		r.Kind = "group"
	}
	if it.Detail != nil {
		r.Values, r.Added, r.Removed = changesOf(*it.Detail), it.Detail.Added, it.Detail.Removed
	}
	return r
}

// changesOf are the attributes of a payload, in the order of the catalogue.
func changesOf(p registry.Payload) []change {
	names := map[string]bool{}
	for _, a := range []registry.Attributes{p.Before, p.After} {
		for name := range a {
			names[name] = true
		}
	}
	var out []change
	add := func(name string) {
		out = append(out, change{name, p.Before[name], p.After[name]})
		delete(names, name)
	}
	for _, d := range registry.AttributeDefs() {
		if names[d.Name] {
			add(d.Name)
		}
	}
	rest := make([]string, 0, len(names))
	for name := range names {
		rest = append(rest, name)
	}
	slices.Sort(rest)
	for _, name := range rest {
		add(name)
	}
	return out
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
	c := run.Counts
	all := []count{
		{"created", c.Created, "+"}, {"restored", c.Restored, "+"}, {"updated", c.Updated, "~"}, {"renamed", c.Renamed, "~"}, {"joined", c.Joined, "~"},
		{"deactivated", c.Deactivated, "−"}, {"deleted", c.Deleted, "−"},
		{"groups_created", c.GroupsCreated, "+"}, {"groups_changed", c.GroupsChanged, "~"}, {"groups_deleted", c.GroupsDeleted, "−"},
		{"members_added", c.MembersAdded, "+"}, {"members_removed", c.MembersRemoved, "−"}, {"mailed", c.Mailed, ""},
	}
	return slices.DeleteFunc(all, func(c count) bool { return c.N == 0 })
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
	Number        int64
	State, URL    string
	Height, X     int
	Current       bool
	Changes, Gone int64
}

// bars draw runs, the oldest to the left; the height grows with the logarithm of
// what a run changed, so that a quiet night and a merger fit one picture.
func (p page) bars(runs []*registry.Run, current int64) []bar {
	const width, high = 12, 40
	out := make([]bar, 0, len(runs))
	for i, r := range slices.Backward(runs) {
		n := r.Counts.Changes()
		out = append(out, bar{
			Number: r.Number, State: string(r.State), URL: p.To("runs", r.Number), X: (len(runs) - 1 - i) * width,
			Height: min(high, 4+int(7*math.Log10(float64(n+1)))), Current: r.Number == current,
			Changes: n, Gone: r.Counts.Deactivated + r.Counts.Deleted,
		})
	}
	return out
}

// decisionInput is what somebody filled in to decide on a held run.
type decisionInput struct {
	Note, Count string
	Error       *web.Message
}

// approve carries a held run out, for who typed how many records it removes and
// why.
func (h *Handlers) approve(v *visit) { h.decide(v, true) }

func (h *Handlers) reject(v *visit) { h.decide(v, false) }

func (h *Handlers) decide(v *visit, approve bool) {
	run, ok := h.findRun(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	in := decisionInput{Note: strings.TrimSpace(v.r.PostForm.Get("note")), Count: strings.TrimSpace(v.r.PostForm.Get("count"))}
	d := registry.Decision{By: v.who.Actor, Note: in.Note, PlanHash: v.r.PostForm.Get("plan"), Pause: v.r.PostForm.Get("pause") != ""}
	switch {
	case in.Note == "":
		in.Error = web.Say("admin.decide.note.missing")
	case approve && in.Count != fmt.Sprint(run.Counts.Changes()):
		in.Error = web.Say("admin.decide.count.wrong", "Count", run.Counts.Changes())
	}
	if in.Error != nil {
		v.outcome = registry.CodeInvalidValue
		h.showRun(v, run, in, in.Error)
		return
	}
	done, then := "rejected", run.Number
	var err error
	if approve {
		done = "approved"
		then, err = v.desk.Approve(v.ctx(), run.Number, d)
	} else {
		err = v.desk.Reject(v.ctx(), run.Number, d)
	}
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome = refused.Code
		h.showRun(v, run, in, web.Say("admin.refused", "Reason", refused.Reason))
	case err != nil:
		h.missing(v, err)
	default:
		v.back(done, "runs", then)
	}
}

func (h *Handlers) retry(v *visit) {
	run, ok := h.findRun(v)
	if !ok {
		return
	}
	h.begun(v, "retried", "runs", run.Number)(v.desk.Retry(v.ctx(), run.Number, v.who.Actor))
}

func (h *Handlers) cancel(v *visit) {
	if run, ok := h.findRun(v); ok {
		h.did(v, v.desk.Cancel(v.ctx(), run.Number, v.who.Actor), "cancelled", "runs", run.Number)
	}
}

// begun leads to the run that was begun, or says on the way back why there is
// none.
func (h *Handlers) begun(v *visit, done string, back ...any) func(int64, error) {
	return func(run int64, err error) {
		if err == nil {
			back = []any{"runs", run}
		}
		h.did(v, err, done, back...)
	}
}

// did leads back to a page after something was done, or says why it was not.
func (h *Handlers) did(v *visit, err error, done string, parts ...any) {
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome = refused.Code
		h.show(v, "admin_refused", web.Say("admin.refused.title"), refusedView{h.page(v), refused.Reason, page{Company: v.company}.To(parts...)})
	case err != nil:
		h.missing(v, err)
	default:
		v.back(done, parts...)
	}
}

// refusedView says why something was not done.
type refusedView struct {
	page
	Reason, Back string
}

// exportRun gives the rows that the page's filters leave, all of them.
func (h *Handlers) exportRun(v *visit) {
	run, ok := h.findRun(v)
	if !ok {
		return
	}
	h.export(v, Export{Operation: "listRows", Path: map[string]string{"run": fmt.Sprint(run.Number)}, Query: v.only("outcome", "action", "code")})
}

// only are those of the present address's parameters that are set.
func (v *visit) only(names ...string) url.Values {
	out := url.Values{}
	for _, name := range names {
		if value := v.r.URL.Query().Get(name); value != "" {
			out.Set(name, value)
		}
	}
	return out
}

// export gives a whole list in the format of the address.
func (h *Handlers) export(v *visit, e Export) {
	e.As = v.r.URL.Query().Get("format")
	if err := v.desk.Export(v.w, v.r, v.who, e); err != nil {
		h.Note(v.r, "export", err)
		h.Refuse(v.w, v.r, http.StatusBadRequest)
	}
}
