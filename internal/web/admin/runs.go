package admin

import (
	"cmp"
	"errors"
	"fmt"
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
	{"GET /runs/list", auth.RightRead, "", (*Handlers).exportRuns},
	{"GET /runs/{number}/events", auth.RightRead, "", (*Handlers).events},
	{"GET /runs/{number}/rows/{row}", auth.RightRead, "", (*Handlers).detail},
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
	Modes   []string
	Filter  struct{ Source, State, Mode, From, To, Sort string }
	// Turned is this list in the other order.
	Turned string
	Older  string
	Export string
}

// oldestFirst is the order of a list of runs that begins with the first.
const oldestFirst = "number"

// runModes are those a list can be narrowed to.
var runModes = []string{registry.ModeRun, registry.ModePreview, registry.ModeOne, registry.ModeRetry}

// runStates are those a list can be narrowed to.
var runStates = []registry.RunState{
	registry.RunHeld, registry.RunDone, registry.RunPartial, registry.RunFailed, registry.RunRejected, registry.RunInterrupted,
}

func (h *Handlers) runs(v *visit) {
	view := runsView{page: h.page(v), States: runStates, Modes: runModes, Export: page{Company: v.company}.To("runs", "list") + "?" + v.only("source", "state", "mode", "from", "to", "sort").Encode()}
	sources, err := v.desk.Sources(v.ctx())
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	query := v.r.URL.Query()
	view.Filter.Source, view.Filter.State, view.Filter.Mode = query.Get("source"), query.Get("state"), query.Get("mode")
	view.Filter.From, view.Filter.To, view.Filter.Sort = query.Get("from"), query.Get("to"), query.Get("sort")
	q := registry.RunQuery{State: registry.RunState(view.Filter.State), Mode: view.Filter.Mode, OldestFirst: view.Filter.Sort == oldestFirst, Limit: perPage + 1}
	q.Since, q.Until = v.days()
	for _, s := range sources {
		view.Sources = append(view.Sources, s.Key)
		if s.Key == view.Filter.Source {
			q.Source = s.ID
		}
	}
	q.From, _ = strconv.ParseInt(query.Get("after"), 10, 64)
	turned := v.only("source", "state", "mode", "from", "to")
	if !q.OldestFirst {
		turned.Set("sort", oldestFirst)
	}
	view.Turned = view.To("runs") + "?" + turned.Encode()
	if view.Runs, err = v.desk.Runs(v.ctx(), q); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.Runs) > perPage {
		view.Runs = view.Runs[:perPage]
		view.Older = with(v.r, "after", fmt.Sprint(view.Runs[perPage-1].Number))
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
	Says     *web.Message
	Live     liveView
	Skipped  []count
	Failures []cause
	Rows     []row
	Filter   struct{ Outcome, Code, Action string }
	More     string
	Recent   []bar
	Export   string
	Input    decisionInput
	// Held is what somebody judges a held run by, nil for any other.
	Held *heldView
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
	Words *reasonWords // nil for a code that the catalogue does not know
	URL   string
}

// row is one line of the report.
type row struct {
	Outcome, Action, Kind string
	Name, URL, Detail     string
	// Full is the name at the source where Name is short for it, Who the person's
	// userName where one is known.
	Full, Who      string
	Code           registry.Code
	Message        registry.Said
	Values         []change
	Added, Removed int
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
	view.narrow(v.r.URL.Query())
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
	view.Says = saysOf(run)
	recent, err := v.desk.Runs(v.ctx(), registry.RunQuery{Source: run.Source, Mode: registry.ModeRun, Limit: 30})
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	view.Recent = view.bars(recent, run.Number)
	if view.Held, err = h.heldOf(v, run, recent); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	p := web.Page{Template: "admin_run", Title: web.Say("admin.run.title", "Number", run.Number, "Source", run.SourceKey)}
	if run.State.Active() {
		view.Live = h.liveOf(v, run, expected(recent))
		p.Script, p.Refresh = "run.js", refreshAfter
	}
	p.View, p.Problem = view, alert != nil
	h.showPage(v, p)
}

// failures are the causes of what needs somebody, with what they mean.
func (p page) failures(run *registry.Run, causes []Cause) []cause {
	var out []cause
	for _, c := range causes {
		if c.Outcome != registry.OutcomeFailed && c.Outcome != registry.OutcomeConflict && c.Outcome != registry.OutcomeWarning && c.Outcome != registry.OutcomeSkipped {
			continue
		}
		out = append(out, cause{c, p.Reason(c.Code), p.To("runs", run.Number) + "?" + url.Values{"outcome": {string(c.Outcome)}, "code": {string(c.Code)}}.Encode() + "#rows"})
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
			view.Rows = append(view.Rows, view.changed(view.Run, c))
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
	return view.addItems(v, items)
}

// addItems adds the lines of what changed nothing.
func (view *runView) addItems(v *visit, items []registry.RunItem) error {
	var users []registry.UserID
	for _, it := range items {
		if it.User != 0 {
			users = append(users, it.User)
		}
	}
	names, err := v.desk.Named(v.ctx(), users)
	for _, it := range items {
		view.Rows = append(view.Rows, view.item(view.Run, it, names))
	}
	return err
}

// changed is the line of a change.
func (p page) changed(run *registry.Run, c registry.ChangeRow) row {
	r := row{Outcome: "changed", Action: string(c.Action), Kind: "user", Name: c.Name, Code: registry.Code(c.Reason),
		Values: changesOf(c.Payload), Added: c.Payload.Added, Removed: c.Payload.Removed}
	r.URL, r.Detail = p.To("people", c.PublicID), p.To("runs", run.Number, "rows", fmt.Sprint("c", c.ID))
	if c.Group != 0 {
		r.Kind, r.URL = "group", p.To("groups", c.PublicID)
	}
	return r
}

// item is the line of what changed nothing.
func (p page) item(run *registry.Run, it registry.RunItem, names map[registry.UserID]registry.Candidate) row {
	r := row{Outcome: string(it.Outcome), Action: string(it.Action), Name: short(cmp.Or(it.Name, it.Anchor)), Full: cmp.Or(it.Name, it.Anchor), Code: it.Code, Message: it.Message, Kind: cmp.Or(it.Kind(), registry.KindUser)}
	r.Detail = p.To("runs", run.Number, "rows", fmt.Sprint("i", it.ID))
	if who, ok := names[it.User]; ok {
		r.URL, r.Who = p.To("people", who.PublicID), who.UserName
	}
	if it.Detail != nil {
		r.Values, r.Added, r.Removed = changesOf(*it.Detail), it.Detail.Added, it.Detail.Removed
	}
	return r
}

// short is the first value of a distinguished name (RFC 4514), and any other name
// as it is.
func short(name string) string {
	first, rest, more := strings.Cut(name, ",")
	_, value, named := strings.Cut(first, "=")
	if !more || !named || strings.HasSuffix(first, "\\") || !strings.Contains(rest, "=") {
		return name
	}
	return value
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
		h.show(v, "admin_refused", web.Say("admin.refused.title"), refusedView{h.page(v), because(refused), page{Company: v.company}.To(parts...)})
	case err != nil:
		h.missing(v, err)
	default:
		v.back(done, parts...)
	}
}

// refusedView says why something was not done.
type refusedView struct {
	page
	Reason *web.Message
	Back   string
}

// exportRun gives the rows that the page's filters leave, all of them.
func (h *Handlers) exportRun(v *visit) {
	run, ok := h.findRun(v)
	if !ok {
		return
	}
	h.export(v, Export{Operation: "listRows", Path: map[string]string{"run": fmt.Sprint(run.Number)}, Query: v.only("outcome", "action", "code")})
}

// exportRuns gives the runs that the list's filters leave, all of them.
func (h *Handlers) exportRuns(v *visit) {
	h.export(v, Export{Operation: "listRuns", Query: v.within(v.only("source", "state", "mode", "sort"))})
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
	if e.As = v.r.URL.Query().Get("format"); e.As != "csv" && e.As != "json" {
		h.showPage(v, web.Page{Template: "admin_refused", Title: web.Say("admin.refused.title"), Status: http.StatusBadRequest,
			View: refusedView{h.page(v), web.Say("admin.export.format", "Format", e.As), page{Company: v.company}.To()}})
		return
	}
	if err := v.desk.Export(v.w, v.r, v.who, e); err != nil {
		h.Note(v.r, "export", err)
		h.Refuse(v.w, v.r, http.StatusBadRequest)
	}
}
