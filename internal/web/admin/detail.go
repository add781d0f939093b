package admin

import (
	"cmp"
	"net/http"
	"strconv"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// The five steps of a record, from the directory to what became of it. They are
// those of a look at a single person.
const (
	stepFound   = "found"
	stepMapped  = "mapped"
	stepScope   = "scope"
	stepMatched = "matched"
	stepAction  = "action"
)

var fiveSteps = []string{stepFound, stepMapped, stepScope, stepMatched, stepAction}

// endsAt says at which step the way of a record ends that has one of these
// codes. With any other code it ends at the action.
var endsAt = map[registry.Code]string{
	"bad_entry": stepFound, "duplicate_anchor": stepFound, "changed_meanwhile": stepFound, "not_there": stepFound, "missing": stepFound, "grace_over": stepFound,
	"bad_row": stepFound, "key_missing": stepFound, "duplicate_row": stepFound,
	"user_name_missing": stepMapped, "group_name_missing": stepMapped, "bad_result": stepMapped, "expression_failed": stepMapped, "unknown_kind": stepMapped,
	"out_of_scope":           stepScope,
	registry.CodeAmbiguous:   stepMatched,
	registry.CodeOwnPassword: stepMatched, registry.CodeProtectedAdmin: stepMatched, registry.CodeForeignOwner: stepMatched, registry.CodeUserNameTaken: stepMatched,
	registry.CodeRecreated: stepMatched, registry.CodeAlreadyLinked: stepMatched, registry.CodeAnchorTaken: stepMatched, "owned_by_twin": stepMatched,
	registry.CodeValueTaken: stepMatched,
}

// detailStep is one of the five.
type detailStep struct {
	Name string
	// State is "ok", "no" where the way ends, "" for a step that was not come to.
	State string
	Text  *web.Message
}

// detailView is one row of a run's report.
type detailView struct {
	page
	Run   *registry.Run
	Row   row
	Steps []detailStep
	// Anchor is the record's id at the source, Actor and Request who made the change.
	Anchor, Actor, Request string
	Candidates             []PersonRow
	// Given is what the source last said of the person, nil where nobody is tied to
	// the record, of whom nothing is kept.
	Given *given
	// Uploaded is the row of the file, nil for a run of none.
	Uploaded *uploaded
	// History are the last changes of the same record.
	History []registry.ChangeRow
}

// detail shows one row of a report step by step. Its place in the address is "c"
// and a change's key, or "i" and an item's.
func (h *Handlers) detail(v *visit) {
	run, ok := h.findRun(v)
	if !ok {
		return
	}
	place := v.r.PathValue("row")
	id, err := strconv.ParseInt(cmp.Or(place, "?")[1:], 10, 64)
	if err != nil {
		h.Refuse(v.w, v.r, http.StatusNotFound)
		return
	}
	view := detailView{page: h.page(v), Run: run}
	switch place[0] {
	case 'c':
		err = view.ofChange(v, id)
	case 'i':
		err = view.ofItem(v, id)
	default:
		err = registry.ErrNotFound
	}
	if err == nil && view.Row.Kind == "user" {
		err = view.lookUp(v)
	}
	if err != nil {
		h.missing(v, err)
		return
	}
	h.show(v, "admin_row", web.Say("admin.row.title", "Name", registry.NameWord(view.Row.Name)), view)
}

// ofChange fills in what a change tells.
func (d *detailView) ofChange(v *visit, id int64) error {
	found, err := v.desk.Changes(v.ctx(), registry.ChangeQuery{Run: d.Run.ID, Forward: true, After: id - 1, Limit: 1})
	if err != nil {
		return err
	}
	if len(found) == 0 || found[0].ID != id {
		return registry.ErrNotFound
	}
	c := found[0]
	d.Row, d.Actor, d.Request = d.changed(d.Run, c), c.Actor, c.Payload.Request
	if c.User != 0 {
		if d.Anchor, err = v.desk.AnchorOf(v.ctx(), d.Run.Origin, c.User); err != nil {
			return err
		}
		if err = d.hear(v, c.PublicID); err != nil {
			return err
		}
	}
	d.Steps = stepsOf(d.Row, 0)
	return d.remember(v, c.User, c.Group)
}

// ofItem fills in what a row tells that is no change.
func (d *detailView) ofItem(v *visit, id int64) error {
	it, err := rowOf(v, d.Run, id)
	if err != nil {
		return err
	}
	var names map[registry.UserID]registry.Candidate
	if it.User != 0 {
		if names, err = v.desk.Named(v.ctx(), []registry.UserID{it.User}); err != nil {
			return err
		}
	}
	d.Row, d.Anchor = d.item(d.Run, it, names), it.Anchor
	if it.Outcome != registry.OutcomeConflict { // of somebody it may not be
		if err = d.hear(v, names[it.User].PublicID); err != nil {
			return err
		}
	}
	if it.Outcome == registry.OutcomeConflict {
		people, err := v.desk.Suggested(v.ctx(), candidatesOf(it))
		if err != nil {
			return err
		}
		for _, id := range candidatesOf(it) {
			if p, ok := people[id]; ok {
				d.Candidates = append(d.Candidates, p)
			}
		}
	}
	d.Steps = stepsOf(d.Row, len(d.Candidates))
	return d.remember(v, it.User, it.Group)
}

// historyLength is how many changes a row is shown with.
const historyLength = 6

// remember loads what happened to the record last.
func (d *detailView) remember(v *visit, user registry.UserID, group registry.GroupID) (err error) {
	if user == 0 && group == 0 {
		return nil
	}
	d.History, err = v.desk.Changes(v.ctx(), registry.ChangeQuery{User: user, Group: group, Limit: historyLength})
	return err
}

// stepsOf tells how far a record came.
func stepsOf(r row, candidates int) []detailStep {
	end := stepAction
	if r.Code != "" {
		if at, ok := endsAt[r.Code]; ok {
			end = at
		}
	}
	gone := r.Outcome == "changed" || r.Outcome == string(registry.OutcomePlanned) || r.Outcome == string(registry.OutcomeHeld)
	var out []detailStep
	state := "ok"
	for _, name := range fiveSteps {
		s := detailStep{Name: name, State: state}
		if name == end && (name != stepAction || !gone && r.Outcome != string(registry.OutcomeWarning)) {
			s.State, state = "no", ""
		}
		if name == stepAction && gone {
			s.State = "ok" // also of who went missing: the action is what came of it
		}
		s.Text = stepText(s, r, candidates)
		out = append(out, s)
	}
	return out
}

// stepText says what a step came to.
func stepText(s detailStep, r row, candidates int) *web.Message {
	known := r.Action != string(registry.ActionCreate) && r.Action != string(registry.ActionJoin)
	switch {
	case s.State == "":
		return web.Say("admin.row.not_reached")
	case s.State == "no" && s.Name == stepMatched && candidates > 0:
		return web.Say("admin.row.candidates", "Count", candidates)
	case s.State == "no" && s.Name == stepFound && r.Code == "missing":
		return web.Say("admin.row.gone")
	case s.State == "no":
		return web.Say("admin.row.ends")
	case s.Name == stepFound:
		return web.Say("admin.row.found")
	case s.Name == stepMapped && len(r.Values) == 0:
		return web.Say("admin.row.mapped.same")
	case s.Name == stepMapped:
		return web.Say("admin.row.mapped", "Count", len(r.Values))
	case s.Name == stepScope:
		return web.Say("admin.row.scope")
	case s.Name == stepMatched && r.Action == string(registry.ActionJoin):
		return web.Say("admin.row.joined")
	case s.Name == stepMatched && known:
		return web.Say("admin.row.known")
	case s.Name == stepMatched:
		return web.Say("admin.row.stranger")
	case r.Action != "" && r.Outcome == "changed":
		return web.Say("admin.action." + r.Action)
	}
	return web.Say("admin.outcome." + r.Outcome)
}
