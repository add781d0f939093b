package admin

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var peopleRoutes = []route{
	{"GET /people", auth.RightRead, "", (*Handlers).people},
	{"GET /people/{id}", auth.RightRead, "", (*Handlers).person},
	{"POST /people/{id}/invite", auth.RightOperate, "person.invite", (*Handlers).invite},
	{"POST /people/{id}/block", auth.RightOperate, "person.block", (*Handlers).block},
	{"POST /people/{id}/unblock", auth.RightOperate, "person.unblock", (*Handlers).unblock},
	{"POST /people/{id}/protect", auth.RightOperate, "person.protect", (*Handlers).protect},
	{"POST /people/{id}/unprotect", auth.RightOperate, "person.unprotect", (*Handlers).unprotect},
	{"POST /people/{id}/sync", auth.RightOperate, "run.one", (*Handlers).syncPerson},
	{"GET /groups", auth.RightRead, "", (*Handlers).groups},
	{"GET /groups/{id}", auth.RightRead, "", (*Handlers).group},
}

// peopleView is a page of people.
type peopleView struct {
	page
	People []PersonRow
	States []registry.State
	Counts map[registry.State]int64
	Filter struct{ Q, State, Kind string }
	Next   string
}

// peopleStates are those a list can be narrowed to.
var peopleStates = []registry.State{
	registry.StateActive, registry.StateInvited, registry.StateNew, registry.StateBlocked, registry.StateDisabled,
	registry.StateContact, registry.StateDeleted,
}

func (h *Handlers) people(v *visit) {
	view := peopleView{page: h.page(v), States: peopleStates}
	query := v.r.URL.Query()
	f := &view.Filter
	f.Q, f.State, f.Kind = strings.TrimSpace(query.Get("q")), query.Get("state"), query.Get("kind")
	q := registry.PeopleQuery{State: registry.State(f.State), Kind: registry.Kind(f.Kind), Limit: perPage + 1}
	if strings.Contains(f.Q, "@") {
		q.Email = f.Q
	} else {
		q.Name = f.Q
	}
	q.AfterKey = query.Get("after")
	id, _ := strconv.ParseInt(query.Get("id"), 10, 64)
	q.AfterID = registry.UserID(id)
	var err error
	if view.People, err = v.desk.People(v.ctx(), q); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if view.Counts, err = v.desk.PeopleCounts(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.People) > perPage {
		view.People = view.People[:perPage]
		last := view.People[perPage-1]
		view.Next = nextPage(v, registry.Key(last.UserName()), int64(last.ID))
	}
	h.show(v, "admin_people", web.Say("admin.people.title"), view)
}

// nextPage is the address of the page behind a row.
func nextPage(v *visit, key string, id int64) string {
	q := v.r.URL.Query()
	q.Del("done")
	q.Set("after", key)
	q.Set("id", fmt.Sprint(id))
	return (&url.URL{Path: v.r.URL.Path, RawQuery: q.Encode()}).String()
}

// personView is everything about one person.
type personView struct {
	page
	*Person
	Timeline []line
	Older    string
	Sources  []Source
	Single   *Single
	Looked   string // at which source
}

// line is one change in a person's history.
type line struct {
	registry.ChangeRow
	Values []change
}

func (h *Handlers) findPerson(v *visit) (*Person, bool) {
	p, err := v.desk.Person(v.ctx(), v.r.PathValue("id"))
	if err != nil {
		h.missing(v, err)
		return nil, false
	}
	return p, true
}

func (h *Handlers) person(v *visit) {
	if p, ok := h.findPerson(v); ok {
		h.showPerson(v, p, personView{page: h.page(v)})
	}
}

func (h *Handlers) showPerson(v *visit, p *Person, view personView) {
	view.Person = p
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	const lines = 20
	changes, err := v.desk.Changes(v.ctx(), registry.ChangeQuery{User: p.ID, Before: before, Limit: lines + 1})
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(changes) > lines {
		changes = changes[:lines]
		view.Older = with(v.r, "before", fmt.Sprint(changes[lines-1].ID)) + "#timeline"
	}
	for _, c := range changes {
		view.Timeline = append(view.Timeline, line{c, changesOf(c.Payload)})
	}
	if view.Sources, err = v.desk.Sources(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_person", web.Say("admin.person.title", "Name", p.DisplayName()), view)
}

// Anchored is the name by which a source would find the person, their userName
// where none is tied.
func (p *Person) Anchored(source string) string {
	for _, t := range p.Ties {
		if t.Origin.Key == source && t.Origin.Kind.Pulled() {
			return t.Link.Anchor
		}
	}
	return p.UserName()
}

// syncPerson looks at the person at one source, and does what a run would do
// unless it is a preview.
func (h *Handlers) syncPerson(v *visit) {
	p, ok := h.findPerson(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	source, preview := v.r.PostForm.Get("source"), v.r.PostForm.Get("apply") == ""
	single, err := v.desk.SyncOne(v.ctx(), source, p.Anchored(source), preview, v.who.Actor)
	view := personView{page: h.page(v), Single: single, Looked: source}
	if err != nil {
		view.Alert = web.Say("admin.refused", "Reason", err.Error())
	}
	if p, ok = h.findPerson(v); ok {
		h.showPerson(v, p, view)
	}
}

// onPerson does something to a person and leads back.
func (h *Handlers) onPerson(v *visit, done string, act func(*Person) error) {
	if p, ok := h.findPerson(v); ok {
		h.did(v, act(p), done, "people", p.PublicID)
	}
}

// operate carries one operation on a person out.
func (h *Handlers) operate(v *visit, done string, op func(registry.UserID) registry.Op) {
	h.onPerson(v, done, func(p *Person) error {
		_, err := v.desk.Do(v.ctx(), v.who.Actor, op(p.ID))
		return err
	})
}

func (h *Handlers) invite(v *visit) {
	h.operate(v, "invited", func(id registry.UserID) registry.Op { return registry.MailSetup{User: id} })
}

func (h *Handlers) block(v *visit) {
	h.operate(v, "blocked", func(id registry.UserID) registry.Op { return registry.SetBlocks{User: id, Set: registry.BlockAdmin} })
}

func (h *Handlers) unblock(v *visit) {
	h.operate(v, "unblocked", func(id registry.UserID) registry.Op {
		return registry.SetBlocks{User: id, Clear: registry.BlockAdmin}
	})
}

func (h *Handlers) protect(v *visit) {
	h.operate(v, "protected", func(id registry.UserID) registry.Op { return registry.SetProtected{User: id, On: true} })
}

func (h *Handlers) unprotect(v *visit) {
	h.operate(v, "unprotected", func(id registry.UserID) registry.Op { return registry.SetProtected{User: id} })
}

// groupsView is a page of groups.
type groupsView struct {
	page
	Groups []registry.GroupInfo
	Next   string
}

func (h *Handlers) groups(v *visit) {
	view := groupsView{page: h.page(v)}
	query := v.r.URL.Query()
	id, _ := strconv.ParseInt(query.Get("id"), 10, 64)
	var err error
	view.Groups, err = v.desk.Groups(v.ctx(), registry.GroupQuery{AfterKey: query.Get("after"), AfterID: registry.GroupID(id), Limit: perPage + 1})
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.Groups) > perPage {
		view.Groups = view.Groups[:perPage]
		last := view.Groups[perPage-1]
		view.Next = nextPage(v, registry.Key(last.DisplayName), int64(last.ID))
	}
	h.show(v, "admin_groups", web.Say("admin.groups.title"), view)
}

// groupView is one group with its members and why each is in it.
type groupView struct {
	page
	Group   registry.GroupInfo
	Members []registry.MemberRow
	Next    string
}

func (h *Handlers) group(v *visit) {
	view := groupView{page: h.page(v)}
	var err error
	if view.Group, err = v.desk.Group(v.ctx(), v.r.PathValue("id")); err != nil {
		h.missing(v, err)
		return
	}
	query := v.r.URL.Query()
	user, _ := strconv.ParseInt(query.Get("user"), 10, 64)
	group, _ := strconv.ParseInt(query.Get("group"), 10, 64)
	view.Members, err = v.desk.Members(v.ctx(), registry.MemberQuery{
		Group: view.Group.ID, AfterUser: registry.UserID(user), AfterGroup: registry.GroupID(group), Limit: perPage + 1,
	})
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.Members) > perPage {
		view.Members = view.Members[:perPage]
		last := view.Members[perPage-1]
		q := url.Values{"user": {fmt.Sprint(last.User)}, "group": {fmt.Sprint(last.Group)}}
		view.Next = v.r.URL.Path + "?" + q.Encode()
	}
	h.show(v, "admin_group", web.Say("admin.group.title", "Name", view.Group.DisplayName), view)
}
