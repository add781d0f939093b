package admin

import (
	"context"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var companyRoutes = []route{
	{"POST /settings", auth.RightManage, "company.change", (*Handlers).changeCompany},
}

// CompanyDesk is what is done with the company itself.
type CompanyDesk interface {
	// ByHand reports whether the company is none of the configuration file: what it is
	// called and speaks is changed here.
	ByHand() bool
	// ChangeCompany gives a company that is not of the file another name and language,
	// and writes the deed down.
	ChangeCompany(ctx context.Context, name, locale string, d registry.Deed) error
}

// companyForm is what somebody filled in.
type companyForm struct {
	Name, Locale string
	Error        *web.Message
}

// Languages are those that pages and mails speak.
func (settingsView) Languages() []web.Language { return web.Languages() }

func (h *Handlers) showSettings(v *visit, form companyForm) {
	view := settingsView{page: h.page(v), Chapters: v.desk.Settings(v.installs()), ByHand: v.desk.ByHand(), Installs: v.installs(), Form: form}
	h.showPage(v, web.Page{Template: "admin_settings", Title: web.Say("admin.settings.title"), View: view, Problem: form.Error != nil})
}

// changeCompany changes the company's language. Its name stands in mails to
// strangers once somebody vouched for it: only who runs the installation, and
// vouches, gives it another.
func (h *Handlers) changeCompany(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	form := companyForm{Name: v.company.Name, Locale: v.field("locale")}
	if v.installs() {
		form.Name = v.field("name")
	}
	err := v.desk.ChangeCompany(v.ctx(), form.Name, form.Locale, v.by())
	if form.Error = v.refusal(err); form.Error != nil {
		h.showSettings(v, form)
		return
	}
	v.written = err == nil
	h.did(v, err, "changed", "settings")
}
