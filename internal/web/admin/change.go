package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var changeRoutes = []route{{"GET /people/{id}/changes/{change}", auth.RightRead, "", (*Handlers).change}}

// changeView is one change of a person that no run made: who made it through which
// door, and where that is an identity provider's, the request as it came.
type changeView struct {
	page
	*Person
	Row  line
	Door registry.Origin
	// Logged is the request, nil where the log has none, of which Log is the address:
	// "" where there is no log to look into.
	Logged *request
	Log    string
	// Given is what the identity provider last said of the person, nil for nothing.
	Given *given
}

// Code is why the change was made.
func (view changeView) Code() registry.Code { return registry.Code(view.Row.Reason) }

// Pushed reports whether an identity provider made the change.
func (view changeView) Pushed() bool { return view.Door.Kind == registry.OriginSCIM }

// change shows one change of a person. One that a run made is shown in its report.
func (h *Handlers) change(v *visit) {
	p, ok := h.findPerson(v)
	if !ok {
		return
	}
	id, err := strconv.ParseInt(v.r.PathValue("change"), 10, 64)
	if err != nil {
		h.Refuse(v.w, v.r, http.StatusNotFound)
		return
	}
	found, err := v.desk.Changes(v.ctx(), registry.ChangeQuery{User: p.ID, Forward: true, After: id - 1, Limit: 1})
	if err == nil && (len(found) == 0 || found[0].ID != id) {
		err = registry.ErrNotFound
	}
	if err != nil {
		h.missing(v, err)
		return
	}
	view := changeView{page: h.page(v), Person: p, Row: line{found[0], changesOf(found[0].Payload)}}
	if run := view.Row.Run; run != 0 {
		h.toReport(v, run, id)
		return
	}
	if err := view.trace(v); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_change", web.Say("admin.change.title", "Name", p.DisplayName()), view)
}

// toReport leads to a change in the report of its run.
func (h *Handlers) toReport(v *visit, id registry.RunID, change int64) {
	run, err := v.desk.RunOf(v.ctx(), id)
	if err != nil {
		h.missing(v, err)
		return
	}
	http.Redirect(v.w, v.r, page{Company: v.company}.To("runs", run.Number, "rows", "c"+strconv.FormatInt(change, 10)), http.StatusSeeOther)
}

// trace finds the door of the change, and what is kept of what came through it.
func (view *changeView) trace(v *visit) error {
	doors, err := v.desk.Doors(v.ctx())
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(doors, func(o registry.Origin) bool { return o.ID == view.Row.Origin }); i >= 0 {
		view.Door = doors[i]
	}
	if !view.Pushed() {
		return nil
	}
	for _, t := range view.Ties {
		if t.Link.Origin == view.Door.ID && len(t.Link.Asserted) > 0 {
			view.Given = givenBy(t.Link, 0)
		}
	}
	return view.findRequest(v)
}

// How long before its change a request may have come in, and how far the clocks of
// two processes may stand apart.
const (
	longRequest = 10 * time.Minute
	clocksApart = 5 * time.Second
)

// findRequest looks for the request in the log of its connection. Clients may name
// requests themselves and use a name twice: the last one before the change is it.
func (view *changeView) findRequest(v *visit) error {
	if _, err := v.desk.Connection(v.ctx(), view.Door.Key); errors.Is(err, registry.ErrNotFound) {
		return nil
	} else if err != nil {
		return err
	}
	since, until := view.Row.At.Add(-longRequest), view.Row.At.Add(clocksApart)
	asked := url.Values{"since": {since.In(v.zone).Format(minute)}, "until": {until.In(v.zone).Format(minute)}}
	id := view.Row.Payload.Request
	if id != "" {
		asked.Set("text", id)
	}
	view.Log = view.To("scim", view.Door.Key, "log") + "?" + asked.Encode()
	if id == "" {
		return nil
	}
	list, err := v.desk.Requests(v.ctx(), registry.ScimRequestQuery{Origin: view.Door.ID, ID: id, Since: since, Until: until, Limit: 1})
	for _, r := range list {
		view.Logged = &request{r, fixOf(r)}
	}
	return err
}
