package admin

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var auditRoutes = []route{
	{"GET /audit", auth.RightRead, "", (*Handlers).audit},
	{"GET /audit/export", auth.RightRead, "", (*Handlers).exportAudit},
}

// areas are the beginnings that deeds have; a dot at the end takes all of them.
var areas = []string{
	"session.", "password.", "factor.", "token.", "client.", "connection.", "webhook.", "run.", "source.", "person.", "group.", "mail.", "upload.", "export.",
	"contact.", "company.", "domain.",
}

// auditView is a page of what was done, the newest first.
type auditView struct {
	page
	Deeds  []registry.Deed
	Areas  []string
	Filter struct{ Action, Actor, From, To string }
	// CSV and JSON are where the same list is given whole.
	CSV, JSON string
	Older     string
}

// auditQuery is what the address asks of the audit.
func (v *visit) auditQuery() registry.DeedQuery {
	query := v.r.URL.Query()
	q := registry.DeedQuery{Action: query.Get("action"), Actor: query.Get("actor"), Limit: perPage + 1}
	q.Since, q.Until = v.days()
	q.Before, _ = strconv.ParseInt(query.Get("before"), 10, 64)
	return q
}

func (h *Handlers) audit(v *visit) {
	view, q, query := auditView{page: h.page(v), Areas: areas}, v.auditQuery(), v.r.URL.Query()
	view.Filter.Action, view.Filter.Actor, view.Filter.From, view.Filter.To = q.Action, q.Actor, query.Get("from"), query.Get("to")
	var err error
	if view.Deeds, err = v.desk.Deeds(v.ctx(), q); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.Deeds) > perPage {
		view.Deeds = view.Deeds[:perPage]
		view.Older = with(v.r, "before", fmt.Sprint(view.Deeds[perPage-1].ID))
	}
	view.CSV, view.JSON = v.whole(view.To("audit", "export"), "action", "actor", "from", "to")
	h.show(v, "admin_audit", web.Say("admin.audit.title"), view)
}

func (h *Handlers) exportAudit(v *visit) {
	h.export(v, Export{Operation: "listDeeds", Query: v.within(v.only("action", "actor"))})
}

// days are the first and the last day of the address as moments, by the viewer's
// clock; the last day counts whole.
func (v *visit) days() (since, until time.Time) {
	query := v.r.URL.Query()
	if until = v.day(query.Get("to")); !until.IsZero() {
		until = until.AddDate(0, 0, 1)
	}
	return v.day(query.Get("from")), until
}

// within adds the days of the address to what the API is asked.
func (v *visit) within(out url.Values) url.Values {
	since, until := v.days()
	setTimes(out, since, until)
	return out
}

// setTimes adds the moments that are set to what the API is asked.
func setTimes(out url.Values, since, until time.Time) {
	for name, at := range map[string]time.Time{"since": since, "until": until} {
		if !at.IsZero() {
			out.Set(name, at.UTC().Format(time.RFC3339))
		}
	}
}
