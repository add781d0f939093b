package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var applicantRoutes = []route{
	{"GET /applicants", auth.RightRead, "", (*Handlers).applicants},
	{"GET /applicants/report", auth.RightRead, "", (*Handlers).exportApplicants},
	{"GET /applicants/{id}", auth.RightRead, "", (*Handlers).applicant},
	{"POST /applicants/{id}/activate", auth.RightOperate, "applicant.activate", (*Handlers).activateApplicant},
	{"POST /applicants/{id}/refuse", auth.RightOperate, "applicant.refuse", (*Handlers).refuseApplicant},
}

// applicantStates are those a list can be narrowed to.
var applicantStates = []registry.ApplicationState{
	registry.ApplicationAwaiting, registry.ApplicationMailed, registry.ApplicationReceived, registry.ApplicationDone, registry.ApplicationRefused,
}

// applicantsShown is how many applicants a list has: the newest, as many as anybody
// looks through.
const applicantsShown = 200

// Applicant is who registered, as a page shows them: what they wrote is their
// claim, what was made of it is ours.
type Applicant struct{ registry.Application }

// Name is what the applicant calls themselves.
func (a Applicant) Name() string {
	name := strings.TrimSpace(a.Typed[registry.FieldGiven] + " " + a.Typed[registry.FieldFamily])
	if name == "" {
		name = a.Typed[registry.FieldLogin]
	}
	return name
}

// Mail is the address that they gave.
func (a Applicant) Mail() string { return a.Typed[registry.FieldMail] }

// Waits reports whether somebody has to decide.
func (a Applicant) Waits() bool { return a.State == registry.ApplicationAwaiting }

// Claim is one field of the form with what was made of it.
type Claim struct {
	// Field names it, Typed is what the applicant wrote.
	Field, Typed string
	// Gets is what they get, where that can differ; Wrong says that it does.
	Gets  string
	Wrong bool
}

// Claims are what the applicant wrote, field by field.
func (a Applicant) Claims() []Claim {
	facts := map[string]string{
		registry.FieldContract: registry.FactContract, registry.FieldDepartment: registry.FactDepartment, registry.FieldGroup: registry.FactGroup,
	}
	var out []Claim
	for _, field := range []string{
		registry.FieldGiven, registry.FieldFamily, registry.FieldMail, registry.FieldPhone, registry.FieldLogin, registry.FieldCompany,
		registry.FieldDepartment, registry.FieldGroup, registry.FieldContract, registry.FieldLocale,
	} {
		c := Claim{Field: field, Typed: a.Typed[field]}
		if fact := facts[field]; fact != "" {
			c.Gets = a.Resolved[fact]
			c.Wrong = c.Typed != "" && registry.Key(c.Typed) != registry.Key(c.Gets)
		}
		if c.Typed != "" || c.Gets != "" {
			out = append(out, c)
		}
	}
	return out
}

// Warnings are the words for what to look at twice, as long as that helps.
func (a Applicant) Warnings() []*web.Message {
	if !a.DecidedAt.IsZero() {
		return nil
	}
	var out []*web.Message
	if a.Waits() && !a.Proven() {
		out = append(out, web.Say("admin.applicant.unproven"))
	}
	if domain := a.Resolved[registry.FactForeign]; domain != "" {
		out = append(out, web.Say("admin.applicant.foreign", "Domain", domain))
	}
	if a.Resolved[registry.FactDefault] != "" {
		out = append(out, web.Say("admin.applicant.default"))
	}
	if a.Resolved[registry.FactContact] != "" {
		out = append(out, web.Say("admin.applicant.contact"))
	}
	if a.Resolved[registry.FactFounder] != "" {
		out = append(out, web.Say("admin.applicant.founder"))
	}
	return out
}

func asApplicants(list []registry.Application) []Applicant {
	out := make([]Applicant, len(list))
	for i, a := range list {
		out[i] = Applicant{a}
	}
	return out
}

// applicantsView lists those who registered.
type applicantsView struct {
	page
	Applicants []Applicant
	States     []registry.ApplicationState
	State      string
	Report     report
}

// exportApplicants gives those that the list's state leaves, all of them.
func (h *Handlers) exportApplicants(v *visit) {
	h.export(v, Export{Operation: "listApplicants", Query: v.only("state")})
}

func (h *Handlers) applicants(v *visit) {
	view := applicantsView{page: h.page(v), States: applicantStates, State: string(registry.ApplicationAwaiting)}
	if q := v.r.URL.Query(); q.Has("state") {
		view.State = q.Get("state")
	}
	list, err := v.desk.Applicants(v.ctx(), registry.ApplicationState(view.State), applicantsShown)
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	view.Applicants = asApplicants(list)
	view.Report = v.report(url.Values{"state": {view.State}}, "applicants", "report")
	h.show(v, "admin_applicants", web.Say("admin.applicants.title"), view)
}

// applicantView is one applicant, and the decision about them.
type applicantView struct {
	page
	Applicant
	Note string
}

func (h *Handlers) findApplicant(v *visit) (Applicant, bool) {
	a, err := v.desk.Applicant(v.ctx(), v.r.PathValue("id"))
	if err != nil {
		h.missing(v, err)
	}
	return Applicant{a}, err == nil
}

func (h *Handlers) applicant(v *visit) {
	if a, ok := h.findApplicant(v); ok {
		h.showApplicant(v, applicantView{page: h.page(v), Applicant: a})
	}
}

func (h *Handlers) showApplicant(v *visit, view applicantView) {
	h.show(v, "admin_applicant", web.Say("admin.applicant.title"), view)
}

func (h *Handlers) activateApplicant(v *visit) {
	h.judge(v, "letin", func(id, _ string) error { return v.desk.Activate(v.ctx(), v.who, id) })
}

func (h *Handlers) refuseApplicant(v *visit) {
	h.judge(v, "refused", func(id, note string) error { return v.desk.Refuse(v.ctx(), v.who, id, note) })
}

// judge decides about an applicant and leads back to them.
func (h *Handlers) judge(v *visit, done string, decide func(id, note string) error) {
	a, ok := h.findApplicant(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	view := applicantView{Applicant: a, Note: v.filled("note")}
	err := decide(a.PublicID, view.Note)
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome, view.page = refused.Code, h.page(v)
		view.Alert = web.Say("admin.refused", "Reason", refused.Reason)
		h.showApplicant(v, view)
	case err != nil:
		h.missing(v, err)
	default:
		v.written = true
		v.back(done, "applicants", a.PublicID)
	}
}

// applicantAnywhere leads from the address in the mail to admins, which names no
// company, to the applicant's page. It stands where a company's page would, so
// that the two do not meet.
func (h *Handlers) applicantAnywhere(w http.ResponseWriter, r *http.Request) {
	who, ok := h.Principal(r.Context())
	if !ok || r.PathValue("company") != "applicants" {
		h.Refuse(w, r, http.StatusNotFound)
		return
	}
	h.leadToApplicant(w, r, who, r.PathValue("id"))
}

func (h *Handlers) leadToApplicant(w http.ResponseWriter, r *http.Request, who *auth.Principal, id string) {
	c, err := h.Desks.CompanyOfApplicant(r.Context(), id)
	switch {
	case errors.Is(err, registry.ErrNotFound), err == nil && !who.May(auth.RightRead, c.ID):
		h.Refuse(w, r, http.StatusNotFound)
	case err != nil:
		h.Fail(w, r, err)
	case c.ID == 0:
		http.Redirect(w, r, root+"/"+registry.OperatorsKey+"#founders", http.StatusSeeOther)
	default:
		http.Redirect(w, r, page{Company: c}.To("applicants", id), http.StatusSeeOther)
	}
}
