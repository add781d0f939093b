package admin

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// peopleRoutes are the pages about people and what they belong to.
var peopleRoutes = slices.Concat([]route{
	{"GET /people", auth.RightRead, "", (*Handlers).people},
	{"GET /people/report", auth.RightRead, "", (*Handlers).exportPeople},
	{"GET /people/new", auth.RightOperate, "", (*Handlers).newPerson},
	{"POST /people/new", auth.RightOperate, "person.create", (*Handlers).createPerson},
	{"GET /people/look", auth.RightOperate, "", (*Handlers).look},
	{"POST /people/look", auth.RightOperate, "run.one", (*Handlers).lookNow},
}, personRoutes, groupRoutes, placeRoutes, applicantRoutes, teamRoutes)

// peopleView is a page of people.
type peopleView struct {
	page
	People []PersonRow
	States []registry.State
	Counts map[registry.State]int64
	Doors  []registry.Origin
	Filter peopleFilter
	// InGroup is the group that the list is narrowed to, nil for none.
	InGroup *registry.GroupInfo
	Next    string
	Report  report
}

// peopleFilter is what narrows a list of people, as the address has it.
type peopleFilter struct{ Q, State, Kind, Owner, Group, Sort string }

// peopleStates are those a list can be narrowed to.
var peopleStates = []registry.State{
	registry.StateActive, registry.StateInvited, registry.StateNew, registry.StateBlocked, registry.StateDisabled,
	registry.StateContact, registry.StateDeleted,
}

// newest sorts a list by when people were made.
const newest = "-created_at"

// ownerKey is how the address names an origin.
func ownerKey(o registry.Origin) string { return string(o.Kind) + ":" + o.Key }

// OwnerKey is how the address names an origin.
func (peopleView) OwnerKey(o registry.Origin) string { return ownerKey(o) }

func (v *visit) peopleFilter() peopleFilter {
	q := v.r.URL.Query()
	return peopleFilter{strings.TrimSpace(q.Get("q")), q.Get("state"), q.Get("kind"), q.Get("owner"), q.Get("group"), q.Get("sort")}
}

// byAddress reports whether an address is looked for and not a name.
func (f peopleFilter) byAddress() bool { return strings.Contains(f.Q, "@") }

// parameters are the filter in the words of the API.
func (f peopleFilter) parameters() url.Values {
	out := url.Values{}
	for name, value := range map[string]string{"state": f.State, "kind": f.Kind, "group": f.Group, "sort": f.Sort} {
		if value != "" {
			out.Set(name, value)
		}
	}
	if kind, key, ok := strings.Cut(f.Owner, ":"); ok {
		out.Set("origin_kind", kind)
		out.Set("origin", key)
	}
	switch {
	case f.Q == "":
	case f.byAddress():
		out.Set("email", f.Q)
	default:
		out.Set("user_name", f.Q)
	}
	return out
}

func (h *Handlers) people(v *visit) {
	view := peopleView{page: h.page(v), States: peopleStates, Filter: v.peopleFilter()}
	f := view.Filter
	q := registry.PeopleQuery{State: registry.State(f.State), Kind: registry.Kind(f.Kind), NewestFirst: f.Sort == newest, Limit: perPage + 1}
	if f.byAddress() {
		q.Email = f.Q
	} else {
		q.Name = f.Q
	}
	q.AfterKey = v.r.URL.Query().Get("after")
	id, _ := strconv.ParseInt(v.r.URL.Query().Get("id"), 10, 64)
	q.AfterID = registry.UserID(id)
	if err := h.fillPeople(v, &view, q); err != nil {
		h.missing(v, err)
		return
	}
	view.Report = v.report(v.only("q", "state", "kind", "owner", "group", "sort"), "people", "report")
	h.show(v, "admin_people", web.Say("admin.people.title"), view)
}

func (h *Handlers) fillPeople(v *visit, view *peopleView, q registry.PeopleQuery) (err error) {
	if view.Doors, err = v.desk.Doors(v.ctx()); err != nil {
		return err
	}
	for _, o := range view.Doors {
		if ownerKey(o) == view.Filter.Owner {
			q.Owner = o.ID
		}
	}
	if view.Filter.Owner != "" && q.Owner == 0 {
		return registry.ErrNotFound
	}
	if view.Filter.Group != "" {
		g, err := v.desk.Group(v.ctx(), view.Filter.Group)
		if err != nil {
			return err
		}
		view.InGroup, q.Group = &g, g.ID
	}
	if view.People, err = v.desk.People(v.ctx(), q); err != nil {
		return err
	}
	if view.Counts, err = v.desk.PeopleCounts(v.ctx()); err != nil {
		return err
	}
	if len(view.People) > perPage {
		view.People = view.People[:perPage]
		last := view.People[perPage-1]
		view.Next = nextPage(v, registry.Key(last.UserName()), int64(last.ID))
	}
	return nil
}

// nextPage is the address of the page behind a row.
func nextPage(v *visit, key string, id int64) string {
	q := v.r.URL.Query()
	q.Del("done")
	q.Set("after", key)
	q.Set("id", fmt.Sprint(id))
	return (&url.URL{Path: v.r.URL.Path, RawQuery: q.Encode()}).String()
}

// report is the address of a whole list, without the format.
type report struct {
	path  string
	query url.Values
}

// report is the address of a list of the company, with what narrows it.
func (v *visit) report(query url.Values, parts ...any) report {
	return report{page{Company: v.company}.To(parts...), query}
}

// As is the address of the list in a format: "csv" or "json".
func (r report) As(format string) string {
	q := maps.Clone(r.query)
	if q == nil {
		q = url.Values{}
	}
	q.Set("format", format)
	return r.path + "?" + q.Encode()
}

// exportPeople gives everybody whom the page's filters leave.
func (h *Handlers) exportPeople(v *visit) {
	h.export(v, Export{Operation: "listPeople", Query: v.peopleFilter().parameters()})
}

// newPersonView is the form that makes a person.
type newPersonView struct {
	page
	In          NewPerson
	GroupLines  string
	Departments []registry.Department
	Languages   []web.Language
}

// Kinds are those a person can be of.
func (newPersonView) Kinds() []string { return peopleView{}.Kinds() }

func (h *Handlers) newPerson(v *visit) {
	h.showNewPerson(v, NewPerson{Kind: registry.EndUser, Locale: v.company.Locale}, nil)
}

func (h *Handlers) showNewPerson(v *visit, in NewPerson, alert *web.Message) {
	view := newPersonView{page: h.page(v), In: in, GroupLines: strings.Join(in.Groups, "\n"), Languages: web.Languages()}
	view.Alert = alert
	var err error
	if view.Departments, err = v.desk.Departments(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_person_new", web.Say("admin.people.new"), view)
}

// filled is what a field of the form was filled in with.
func (v *visit) filled(name string) string { return strings.TrimSpace(v.r.PostFormValue(name)) }

// typed reads a person out of the form.
func (v *visit) typed() NewPerson {
	form := v.filled
	in := NewPerson{
		UserName: form("user_name"), Email: form("email"), GivenName: form("given_name"), FamilyName: form("family_name"), Locale: form("locale"),
		Kind: registry.Kind(form("kind")), Department: form("department"), Contract: form("contract"), Hold: form("mail") == "hold",
	}
	if in.Kind != registry.SupportStaff {
		in.Kind = registry.EndUser
	}
	for line := range strings.Lines(v.filled("groups")) {
		if name := strings.TrimSpace(line); name != "" {
			in.Groups = append(in.Groups, name)
		}
	}
	return in
}

func (h *Handlers) createPerson(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	in := v.typed()
	if in.UserName == "" {
		v.outcome = registry.CodeUserNameMissing
		h.showNewPerson(v, in, web.Say("admin.people.username.missing"))
		return
	}
	id, mailed, err := v.desk.CreatePerson(v.ctx(), v.who.Actor, in)
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome = refused.Code
		h.showNewPerson(v, in, web.Say("admin.refused", "Reason", refused.Reason))
	case err != nil:
		h.missing(v, err)
	default:
		v.subject = "people/" + id
		v.back(madeWord("created", in.Hold, mailed), "people", id)
	}
}

// madeWord says what became of somebody's set-up mail.
func madeWord(what string, hold, mailed bool) string {
	switch {
	case !mailed:
		return what + ".mute"
	case hold:
		return what + ".held"
	}
	return what
}

// lookView looks for somebody at a source, who need not be here yet.
type lookView struct {
	page
	Sources []Source
	Who     string
	Single  *Single
	Looked  string
}

// look offers to look for somebody at a source; a link may have filled it in.
func (h *Handlers) look(v *visit) {
	query := v.r.URL.Query()
	h.showLook(v, lookView{page: h.page(v), Who: query.Get("who"), Looked: query.Get("source")})
}

func (h *Handlers) showLook(v *visit, view lookView) {
	var err error
	if view.Sources, err = v.desk.Sources(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_look", web.Say("admin.people.look"), view)
}

// lookNow shows the five steps of somebody at a source, and does what a run would
// do where that is asked for.
func (h *Handlers) lookNow(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	view := lookView{page: h.page(v), Who: v.filled("who")}
	if view.Who == "" {
		v.outcome, view.Alert = registry.CodeInvalidValue, web.Say("admin.people.look.missing")
		h.showLook(v, view)
		return
	}
	var ok bool
	if view.Single, view.Looked, view.Alert, ok = h.single(v, view.Who); ok {
		h.showLook(v, view)
	}
}

// single looks at one person at the source that the form names. Where it cannot,
// the alert says why; ok is false when the answer was given.
func (h *Handlers) single(v *visit, who string) (single *Single, source string, alert *web.Message, ok bool) {
	source = v.filled("source")
	single, err := v.desk.SyncOne(v.ctx(), source, who, v.filled("apply") == "", v.who.Actor)
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome, alert = refused.Code, web.Say("admin.refused", "Reason", refused.Reason)
	case errors.Is(err, registry.ErrNotFound):
		v.outcome, alert = registry.CodeNotFound, web.Say("admin.people.look.nosource")
	case err != nil:
		h.missing(v, err)
		return nil, source, nil, false
	}
	return single, source, alert, true
}
