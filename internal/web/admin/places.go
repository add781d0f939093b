package admin

import (
	"errors"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var placeRoutes = []route{
	{"GET /places", auth.RightRead, "", (*Handlers).places},
	{"GET /places/departments/report", auth.RightRead, "", (*Handlers).exportDepartments},
	{"GET /places/contracts/report", auth.RightRead, "", (*Handlers).exportContracts},
	{"POST /places/departments", auth.RightManage, "department.create", (*Handlers).createDepartment},
	{"POST /places/contracts", auth.RightManage, "contract.create", (*Handlers).createContract},
	{"POST /places/contracts/end", auth.RightManage, "contract.end", (*Handlers).endContract},
	{"GET /places/domains/report", auth.RightRead, "", (*Handlers).exportDomains},
	{"POST /places/domains", auth.RightManage, "domain.add", (*Handlers).addDomain},
	{"POST /places/domains/check", auth.RightManage, "domain.verify", (*Handlers).checkDomain},
	{"POST /places/vouch", auth.RightInstall, "company.verify", (*Handlers).vouch},
}

// placesView is the company with its departments, contracts and mail domains.
type placesView struct {
	page
	Info        registry.CompanyInfo
	Departments []registry.Department
	Contracts   []registry.Contract
	Domains     []Domain
	// The lists as files.
	DepartmentReport, ContractReport, DomainReport report
	// In is what was typed and could not be done.
	In struct{ Department, Contract, Title, Domain string }
}

// Vouched reports whether somebody vouched for the company.
func (v placesView) Vouched() bool { return v.Info.Vouched() }

func (h *Handlers) places(v *visit) { h.showPlaces(v, placesView{page: h.page(v)}) }

func (h *Handlers) showPlaces(v *visit, view placesView) {
	view.DepartmentReport, view.ContractReport = v.report(nil, "places", "departments", "report"), v.report(nil, "places", "contracts", "report")
	view.DomainReport = v.report(nil, "places", "domains", "report")
	var err error
	if view.Info, err = v.desk.Info(v.ctx()); err == nil {
		view.Departments, err = v.desk.Departments(v.ctx())
	}
	if err == nil {
		view.Contracts, err = v.desk.Contracts(v.ctx())
	}
	if err == nil {
		view.Domains, err = v.desk.Domains(v.ctx())
	}
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_places", web.Say("admin.places.title"), view)
}

func (h *Handlers) exportDepartments(v *visit) { h.export(v, Export{Operation: "listDepartments"}) }

func (h *Handlers) exportContracts(v *visit) { h.export(v, Export{Operation: "listContracts"}) }

func (h *Handlers) exportDomains(v *visit) { h.export(v, Export{Operation: "listDomains"}) }

// onPlaces does something that audits itself and leads back. What was refused is
// said on the page, which keeps what was typed.
func (h *Handlers) onPlaces(v *visit, done string, act func(*placesView, func(string) string) error) {
	if !h.Form(v.w, v.r) {
		return
	}
	view := placesView{}
	err := act(&view, v.filled)
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome, view.page = refused.Code, h.page(v)
		view.Alert = web.Say("admin.refused", "Reason", refused.Reason)
		h.showPlaces(v, view)
	case err != nil:
		h.missing(v, err)
	default:
		v.written = true
		v.back(done, "places")
	}
}

func (h *Handlers) createDepartment(v *visit) {
	h.onPlaces(v, "departed", func(view *placesView, form func(string) string) error {
		view.In.Department = form("name")
		return v.desk.CreateDepartment(v.ctx(), v.who.Actor, view.In.Department)
	})
}

func (h *Handlers) createContract(v *visit) {
	h.onPlaces(v, "contracted", func(view *placesView, form func(string) string) error {
		view.In.Contract, view.In.Title = form("number"), form("title")
		return v.desk.CreateContract(v.ctx(), v.who.Actor, view.In.Contract, view.In.Title)
	})
}

func (h *Handlers) endContract(v *visit) {
	h.onPlaces(v, "ended", func(_ *placesView, form func(string) string) error {
		return v.desk.EndContract(v.ctx(), v.who.Actor, form("number"))
	})
}

func (h *Handlers) addDomain(v *visit) {
	h.onPlaces(v, "domained", func(view *placesView, form func(string) string) error {
		view.In.Domain = form("name")
		return v.desk.AddDomain(v.ctx(), v.who.Actor, view.In.Domain)
	})
}

// checkDomain looks for the record now.
func (h *Handlers) checkDomain(v *visit) {
	h.onPlaces(v, "proven", func(_ *placesView, form func(string) string) error {
		proven, err := v.desk.CheckDomain(v.ctx(), v.who.Actor, form("name"))
		if err == nil && !proven {
			return &Refusal{Code: registry.CodeNotFound, Reason: registry.Say("the record is not there, or not yet; DNS can take some hours")}
		}
		return err
	})
}

func (h *Handlers) vouch(v *visit) {
	h.onPlaces(v, "vouched", func(*placesView, func(string) string) error { return v.desk.Vouch(v.ctx(), v.who.Actor) })
}
