package admin

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strconv"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var groupRoutes = []route{
	{"GET /groups", auth.RightRead, "", (*Handlers).groups},
	{"GET /groups/report", auth.RightRead, "", (*Handlers).exportGroups},
	{"POST /groups", auth.RightOperate, "group.create", (*Handlers).createGroup},
	{"GET /groups/{id}", auth.RightRead, "", (*Handlers).group},
	{"GET /groups/{id}/report", auth.RightRead, "", (*Handlers).exportMembers},
	{"POST /groups/{id}/add", auth.RightOperate, "group.add", (*Handlers).addMember},
	{"POST /groups/{id}/remove", auth.RightOperate, "group.remove", (*Handlers).removeMember},
	{"POST /groups/{id}/default", auth.RightOperate, "group.default", (*Handlers).chooseDefault},
}

// groupsView is a page of groups.
type groupsView struct {
	page
	Groups []registry.GroupInfo
	Role   string
	Next   string
	Report report
	// In is what was typed to make one.
	In struct {
		Name             string
		Support, Default bool
	}
}

func (h *Handlers) groups(v *visit) { h.showGroups(v, groupsView{page: h.page(v)}) }

func (h *Handlers) showGroups(v *visit, view groupsView) {
	query := v.r.URL.Query()
	view.Role = query.Get("role")
	view.Report = v.report(v.only("role"), "groups", "report")
	id, _ := strconv.ParseInt(query.Get("id"), 10, 64)
	var err error
	view.Groups, err = v.desk.Groups(v.ctx(), registry.GroupQuery{
		Role: registry.GroupRole(view.Role), AfterKey: query.Get("after"), AfterID: registry.GroupID(id), Limit: perPage + 1,
	})
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

func (h *Handlers) exportGroups(v *visit) {
	h.export(v, Export{Operation: "listGroups", Query: v.only("role")})
}

func (h *Handlers) createGroup(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	view := groupsView{page: h.page(v)}
	in := &view.In
	in.Name, in.Default = v.filled("name"), v.filled("default") != ""
	in.Support = in.Default || v.filled("support") != ""
	id, err := "", error(&Refusal{registry.CodeGroupNameMissing, registry.Say("the group needs a name")})
	if in.Name != "" {
		id, err = v.desk.CreateGroup(v.ctx(), v.who.Actor, in.Name, in.Support, in.Default)
	}
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome, view.Alert = refused.Code, web.Say("admin.refused", "Reason", refused.Reason)
		h.showGroups(v, view)
	case err != nil:
		h.missing(v, err)
	default:
		v.subject = "groups/" + id
		v.back("grouped", "groups", id)
	}
}

// groupView is one group with its members and why each is in it.
type groupView struct {
	page
	Group   registry.GroupInfo
	Members []registry.MemberRow
	Next    string
	Report  report
	Who     string // was typed to be added
}

func (h *Handlers) findGroup(v *visit) (registry.GroupInfo, bool) {
	g, err := v.desk.Group(v.ctx(), v.r.PathValue("id"))
	if err != nil {
		h.missing(v, err)
	}
	return g, err == nil
}

func (h *Handlers) group(v *visit) {
	if g, ok := h.findGroup(v); ok {
		h.showGroup(v, groupView{page: h.page(v), Group: g})
	}
}

func (h *Handlers) showGroup(v *visit, view groupView) {
	here := page{Company: v.company}.To("groups", view.Group.PublicID)
	view.Report = v.report(nil, "groups", view.Group.PublicID, "report")
	query := v.r.URL.Query()
	user, _ := strconv.ParseInt(query.Get("user"), 10, 64)
	group, _ := strconv.ParseInt(query.Get("group"), 10, 64)
	var err error
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
		view.Next = here + "?" + q.Encode()
	}
	h.show(v, "admin_group", web.Say("admin.group.title", "Name", view.Group.DisplayName), view)
}

func (h *Handlers) exportMembers(v *visit) {
	if g, ok := h.findGroup(v); ok {
		h.export(v, Export{Operation: "listMembers", Path: map[string]string{"group": g.PublicID}})
	}
}

// addMember pins somebody to the group, removeMember takes that back: what
// directories say of the group stays.
func (h *Handlers) addMember(v *visit) {
	h.patchMembers(v, "joined", func(op *registry.PatchMembers, id registry.UserID) { op.AddUsers = []registry.UserID{id} })
}

func (h *Handlers) removeMember(v *visit) {
	h.patchMembers(v, "left", func(op *registry.PatchMembers, id registry.UserID) { op.RemoveUsers = []registry.UserID{id} })
}

func (h *Handlers) patchMembers(v *visit, done string, what func(*registry.PatchMembers, registry.UserID)) {
	g, ok := h.findGroup(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	u, who, err := v.whom()
	if err == nil {
		v.subject = "groups/" + g.PublicID + " " + v.subject
		op := registry.PatchMembers{Group: g.ID}
		what(&op, u.ID)
		_, err = v.desk.Do(v.ctx(), v.who.Actor, op)
	}
	h.changedGroup(v, g, err, done, who)
}

func (h *Handlers) chooseDefault(v *visit) {
	if g, ok := h.findGroup(v); ok {
		h.changedGroup(v, g, v.desk.ChooseDefault(v.ctx(), v.who.Actor, g.ID), "default", "")
	}
}

// whom finds the person of the form: by the id of a row, else by what was typed.
// An id is never taken for a name.
func (v *visit) whom() (u *registry.User, who string, err error) {
	id := v.filled("id")
	who = cmp.Or(id, v.filled("who"))
	u, err = v.desk.FindPerson(v.ctx(), who)
	switch {
	case err != nil:
		return nil, who, err
	case id != "" && u.PublicID != id:
		return nil, who, registry.ErrNotFound
	}
	v.subject = "people/" + u.PublicID
	return u, who, nil
}

// changedGroup leads back to the group, or says there why nothing was done.
func (h *Handlers) changedGroup(v *visit, g registry.GroupInfo, err error, done, who string) {
	view := groupView{page: h.page(v), Group: g, Who: who}
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome, view.Alert = refused.Code, web.Say("admin.refused", "Reason", refused.Reason)
		h.showGroup(v, view)
	case errors.Is(err, registry.ErrNotFound) && who != "":
		v.outcome, view.Alert = registry.CodeNotFound, web.Say("admin.people.nobody", "Who", who)
		h.showGroup(v, view)
	case err != nil:
		h.missing(v, err)
	default:
		v.back(done, "groups", g.PublicID)
	}
}
