package admin

import (
	"errors"
	"net/http"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// operatorRoutes are below /admin/operators and for those who run the
// installation. No part of them is free: it would meet a company's page.
var operatorRoutes = []route{
	{"GET ", auth.RightInstall, "", (*Handlers).operators},
	{"POST ", auth.RightInstall, "operator.create", (*Handlers).createOperator},
	{"POST /remove", auth.RightInstall, "operator.remove", (*Handlers).removeOperator},
	{"POST /activate", auth.RightInstall, "applicant.activate", (*Handlers).activateFounder},
	{"POST /refuse", auth.RightInstall, "applicant.refuse", (*Handlers).refuseFounder},
}

// installRoutes are the pages outside of companies.
func (h *Handlers) installRoutes() []web.Route {
	out := []web.Route{{Pattern: "GET " + root + "/{company}/{id}", Right: auth.RightRead, Serve: h.applicantAnywhere}}
	for _, r := range operatorRoutes {
		method, path, _ := strings.Cut(r.pattern, " ")
		out = append(out, web.Route{Pattern: method + " " + root + "/" + registry.OperatorsKey + path, Right: r.right, Serve: func(w http.ResponseWriter, req *http.Request) {
			req.SetPathValue("company", registry.OperatorsKey)
			if v := h.enter(w, req, r.right); v != nil {
				r.serve(h, v)
				h.record(v, r.deed)
			}
		}})
	}
	return out
}

// operatorsView is what concerns the installation as a whole.
type operatorsView struct {
	page
	Operators []*registry.User
	Founders  []Applicant
	Unvouched []registry.CompanyInfo
	In        NewPerson
	// Refused is whom the viewer would keep out, and why, where it was not done.
	Refused struct{ ID, Note string }
}

// Self reports whether somebody is the viewer.
func (v operatorsView) Self(u *registry.User) bool { return v.who.User == u.ID }

func (h *Handlers) operators(v *visit) { h.showOperators(v, operatorsView{page: h.page(v)}) }

func (h *Handlers) showOperators(v *visit, view operatorsView) {
	var founders []registry.Application
	var err error
	if view.Operators, err = h.Desks.Operators(v.ctx()); err == nil {
		founders, err = h.Desks.Founders(v.ctx())
	}
	if err == nil {
		view.Unvouched, err = h.Desks.Unvouched(v.ctx())
	}
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	view.Founders = asApplicants(founders)
	h.Show(v.w, v.r, web.Page{Template: "admin_operators", Title: web.Say("admin.operators.title"), View: view, Wide: true})
}

// install does something for the installation and leads back, or says on the page
// why it was not done.
func (h *Handlers) install(v *visit, done string, act func(*operatorsView) error) {
	if !h.Form(v.w, v.r) {
		return
	}
	view := operatorsView{page: h.page(v)}
	err := act(&view)
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome, view.Alert = refused.Code, web.Say("admin.refused", "Reason", refused.Reason)
		h.showOperators(v, view)
	case err != nil:
		h.missing(v, err)
	default:
		v.back(done)
	}
}

func (h *Handlers) createOperator(v *visit) {
	h.install(v, "operator", func(view *operatorsView) error {
		view.In = v.typed()
		if view.In.UserName == "" || view.In.Email == "" {
			return &Refusal{registry.CodeInvalidValue, registry.Say("an operator needs a user name, and an address for the set-up link")}
		}
		return h.Desks.CreateOperator(v.ctx(), v.who.Actor, view.In)
	})
}

// removeOperator ends another operator: nobody locks themselves out.
func (h *Handlers) removeOperator(v *visit) {
	h.install(v, "unoperator", func(*operatorsView) error {
		u, _, err := v.whom()
		switch {
		case err != nil:
			return err
		case u.ID == v.who.User:
			return &Refusal{registry.CodeForbidden, registry.Say("nobody removes themselves; another operator does")}
		}
		return h.Desks.RemoveOperator(v.ctx(), v.who.Actor, u.PublicID)
	})
}

func (h *Handlers) activateFounder(v *visit) { h.decideFounder(v, "letin", true) }

func (h *Handlers) refuseFounder(v *visit) { h.decideFounder(v, "refused", false) }

func (h *Handlers) decideFounder(v *visit, done string, activate bool) {
	h.install(v, done, func(view *operatorsView) error {
		in := &view.Refused
		in.ID, in.Note = v.filled("id"), v.filled("note")
		err := h.Desks.DecideFounder(v.ctx(), v.who, in.ID, activate, in.Note)
		v.written = err == nil
		return err
	})
}
