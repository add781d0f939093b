package admin

import (
	"errors"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var teamRoutes = []route{
	{"GET /team", auth.RightRead, "", (*Handlers).team},
	{"GET /team/report", auth.RightRead, "", (*Handlers).exportTeam},
	{"POST /team", auth.RightManage, "person.rights", (*Handlers).setRights},
}

// teamView lists those with rights, and gives and takes them.
type teamView struct {
	page
	Team   []*registry.User
	Report report
	// In is what was asked for and needs a second word; Warning says why.
	In      rightsInput
	Warning *web.Message
}

// rightsInput is what somebody is to have from now on.
type rightsInput struct {
	Who                      string
	Admin, Auditor, Approver bool
}

// Auditor reports whether somebody sees everything.
func (teamView) Auditor(u *registry.User) bool { return u.Rights&registry.RightsAuditor != 0 }

// Approver reports whether somebody decides held runs.
func (teamView) Approver(u *registry.User) bool { return u.Rights&registry.RightsApprover != 0 }

// Self reports whether somebody is the viewer.
func (v teamView) Self(u *registry.User) bool {
	return v.who.User == u.ID && v.who.Company == u.Company
}

func (h *Handlers) team(v *visit) { h.showTeam(v, teamView{page: h.page(v)}) }

func (h *Handlers) showTeam(v *visit, view teamView) {
	var err error
	if view.Team, err = v.desk.Team(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	view.Report = v.report(nil, "team", "report")
	h.show(v, "admin_team", web.Say("admin.team.title"), view)
}

func (h *Handlers) exportTeam(v *visit) { h.export(v, Export{Operation: "listTeam"}) }

func (in rightsInput) rights() (out registry.Rights) {
	if in.Auditor {
		out |= registry.RightsAuditor
	}
	if in.Approver {
		out |= registry.RightsApprover
	}
	return out
}

// raises reports whether somebody would have a right that they do not have.
func (in rightsInput) raises(u *registry.User) bool {
	return in.Admin && !u.CompanyAdmin || in.rights()&^u.Rights != 0
}

// setRights gives somebody exactly the rights of the form. Nobody raises
// themselves; taking one's own administration, or the last admin's, asks twice.
func (h *Handlers) setRights(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	u, who, err := v.whom()
	in := rightsInput{who, v.filled("admin") != "", v.filled("auditor") != "", v.filled("approver") != ""}
	view := teamView{page: h.page(v), In: in}
	if errors.Is(err, registry.ErrNotFound) {
		v.outcome, view.Alert = registry.CodeNotFound, web.Say("admin.people.nobody", "Who", in.Who)
		h.showTeam(v, view)
		return
	}
	if err == nil {
		err = h.mayGrant(v, &view, u, v.filled("sure") != "")
	}
	if err == nil {
		_, err = v.desk.Do(v.ctx(), v.who.Actor, registry.SetRights{User: u.ID, Admin: in.Admin, Rights: in.rights(), ByOperator: v.who.Operator()})
	}
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome = refused.Code
		if view.Warning == nil {
			view.Alert = web.Say("admin.refused", "Reason", refused.Reason)
		}
		h.showTeam(v, view)
	case err != nil:
		h.missing(v, err)
	default:
		v.back("rights", "team")
	}
}

// mayGrant refuses what nobody may do, and what has to be said twice.
func (h *Handlers) mayGrant(v *visit, view *teamView, u *registry.User, sure bool) error {
	in := view.In
	self := view.Self(u)
	switch {
	case self && in.raises(u):
		return &Refusal{registry.CodeForbidden, registry.Say("nobody gives themselves a right; another admin or an operator does")}
	case in.Admin || !u.CompanyAdmin || sure:
		return nil
	case self:
		view.Warning = web.Say("admin.team.warn.self")
		return &Refusal{registry.CodeInvalidValue, registry.Say("it takes your own administration away")}
	}
	team, err := v.desk.Team(v.ctx())
	if err != nil {
		return err
	}
	admins := 0
	for _, x := range team {
		if x.CompanyAdmin {
			admins++
		}
	}
	if admins == 1 && v.who.Operator() {
		view.Warning = web.Say("admin.team.warn.last", "Who", u.DisplayName())
		return &Refusal{registry.CodeLastAdmin, registry.Say("the company would be without an admin")}
	}
	return nil
}
