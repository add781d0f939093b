package self

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// companyView asks which company somebody belongs to.
type companyView struct {
	Alert   *web.Message
	Company web.Field
	Next    string
	// Register offers to make an account, Own to sign in to one by its login name
	// alone.
	Register, Own  bool
	Name, Password web.Field
}

func (h *Handlers) newCompanyView() companyView {
	by := h.newLoginView(registry.Company{})
	by.Name.Label, by.Name.Hint, by.Name.Autofocus = "login.ownname", nil, false
	return companyView{Register: h.Register, Own: h.CompanyOf != nil, Name: by.Name, Password: by.Password, Company: web.Field{
		Name: "company", Type: "text", Label: "company.label", Hint: web.Say("company.hint"), Autocomplete: "organization",
	}}
}

func (h *Handlers) home(w http.ResponseWriter, r *http.Request) {
	h.Show(w, r, web.Page{Template: "home", Title: web.Say("home.title"), View: h.newCompanyView()})
}

// chooseCompany asks for the company, or leads to its sign-in page.
func (h *Handlers) chooseCompany(w http.ResponseWriter, r *http.Request) {
	v := h.newCompanyView()
	v.Next = web.LocalPath(r.URL.Query().Get("next"), "")
	typed := strings.TrimSpace(r.URL.Query().Get("company"))
	page := web.Page{Template: "company", Title: web.Say("company.title")}
	if typed != "" {
		c, err := h.People.CompanyByKey(r.Context(), strings.ToLower(typed))
		if err == nil {
			redirect(w, r, loginPath(c.Key, v.Next))
			return
		}
		if !errors.Is(err, registry.ErrNotFound) {
			h.Fail(w, r, fmt.Errorf("find company: %w", err))
			return
		}
		v.Company.Value, v.Company.Error = typed, web.Say("company.unknown")
		page.Problem, page.Status = true, http.StatusNotFound
	}
	v.Company.Autofocus = true
	page.View = v
	h.Show(w, r, page)
}

// loginView is the sign-in form.
type loginView struct {
	Notice, Alert  *web.Message
	CompanyKey     string
	Name, Password web.Field
	Doors          auth.Doors
	Next           string
	Register       bool // as in companyView
}

func (h *Handlers) newLoginView(c registry.Company) loginView {
	return loginView{
		CompanyKey: c.Key, Doors: h.Access.Doors(c), Register: h.Register,
		Name: web.Field{
			Name: "name", Type: "text", Label: "login.name", Hint: web.Say("login.name.hint"),
			Autocomplete: "username", Autofocus: true,
		},
		Password: web.Field{Name: "password", Type: "password", Label: "login.password", Autocomplete: "current-password"},
	}
}

func (h *Handlers) showLogin(w http.ResponseWriter, r *http.Request) {
	c, ok := h.company(w, r)
	if !ok {
		return
	}
	v := h.newLoginView(c)
	v.Next = web.LocalPath(r.URL.Query().Get("next"), "")
	v.Notice = notice(r)
	h.Show(w, r, loginPage(c, v))
}

func (h *Handlers) login(w http.ResponseWriter, r *http.Request) {
	c, ok := h.company(w, r)
	if !ok || !h.Form(w, r) {
		return
	}
	v := h.newLoginView(c)
	if !v.Doors.Password {
		h.Refuse(w, r, http.StatusNotFound)
		return
	}
	v.Name.Value = r.PostForm.Get("name")
	v.Next = web.LocalPath(r.PostForm.Get("next"), "")
	home, err := h.homeOf(r, c, v.Name.Value)
	if err != nil {
		h.Fail(w, r, fmt.Errorf("find company: %w", err))
		return
	}
	id, err := h.Onboarding.SignIn(r.Context(), home.ID, v.Name.Value, r.PostForm.Get("password"), h.Client(r))
	if err == nil && !h.Access.Doors(home).Password {
		err = auth.ErrSignIn // the name led to a company without passwords
	}
	if err == nil {
		h.enter(w, r, id, v.Next)
		return
	}
	// The name is kept, so the password is what to type next.
	v.Name.Autofocus, v.Password.Autofocus = v.Name.Value == "", v.Name.Value != ""
	page := loginPage(c, v)
	var slow *auth.ThrottledError
	switch {
	case errors.Is(err, auth.ErrSignIn):
		v.Alert, page.Status = web.Say("login.failed"), http.StatusUnprocessableEntity
	case errors.As(err, &slow):
		v.Alert, page.Status = tooSoon(w, slow), http.StatusTooManyRequests
	default:
		h.Fail(w, r, fmt.Errorf("sign in: %w", err))
		return
	}
	page.View, page.Problem = v, true
	h.Show(w, r, page)
}

func loginPage(c registry.Company, v loginView) web.Page {
	return web.Page{
		Template: "login", Title: web.Say("login.title"), View: v,
		Company: c.Name, CompanyLocale: c.Locale, Anonymous: true,
	}
}

// enter signs the person in and leads on. Where a second factor is due, the page
// that it leads to leads there first.
func (h *Handlers) enter(w http.ResponseWriter, r *http.Request, id auth.Identity, next string) {
	if err := h.Sessions.Begin(r.Context(), id, h.Client(r)); err != nil {
		h.Fail(w, r, fmt.Errorf("begin session: %w", err))
		return
	}
	if err := h.Access.SignedIn(r.Context(), id, h.Client(r)); err != nil {
		h.Fail(w, r, errors.Join(err, h.Sessions.End(r.Context())))
		return
	}
	redirect(w, r, cmp.Or(next, "/me"))
}

func (h *Handlers) logout(w http.ResponseWriter, r *http.Request) {
	c, ok := h.company(w, r)
	if !ok {
		return
	}
	v, _, was := h.Sessions.Look(r.Context())
	if err := h.Sessions.End(r.Context()); err != nil {
		h.Fail(w, r, fmt.Errorf("end session: %w", err))
		return
	}
	if was {
		if err := h.Access.SignedOut(r.Context(), v, h.Client(r)); err != nil {
			h.Fail(w, r, err)
			return
		}
	}
	redirect(w, r, "/c/"+url.PathEscape(c.Key)+"/login?done=signedout")
}

// forgotView asks whose password is forgotten, or says that the request is in.
type forgotView struct {
	CompanyKey string
	Name       web.Field
	Sent       bool
}

func (h *Handlers) showForgot(w http.ResponseWriter, r *http.Request) {
	c, ok := h.company(w, r)
	if !ok {
		return
	}
	h.Show(w, r, web.Page{
		Template: "forgot", Title: web.Say("forgot.title"), Company: c.Name, CompanyLocale: c.Locale, Anonymous: true,
		View: forgotView{
			CompanyKey: c.Key, Sent: r.URL.Query().Get("done") == "sent",
			Name: web.Field{
				Name: "name", Type: "text", Label: "login.name", Hint: web.Say("login.name.hint"),
				Autocomplete: "username", Autofocus: true,
			},
		},
	})
}

// forgot gives one answer whoever exists; the request is worked on afterwards.
func (h *Handlers) forgot(w http.ResponseWriter, r *http.Request) {
	c, ok := h.company(w, r)
	if !ok || !h.Form(w, r) {
		return
	}
	home, err := h.homeOf(r, c, r.PostForm.Get("name"))
	if err != nil {
		h.Fail(w, r, fmt.Errorf("find company: %w", err))
		return
	}
	h.Onboarding.Forgot(r.Context(), home.ID, r.PostForm.Get("name"), h.Client(r))
	redirect(w, r, r.URL.EscapedPath()+"?done=sent")
}

// homeOf is the company that a name is looked for in: the address's, or else that
// in which somebody chose the name. Where nobody did it is nobody's company, in
// which looking takes as long and finds no one.
func (h *Handlers) homeOf(r *http.Request, c registry.Company, name string) (registry.Company, error) {
	if c.ID != 0 || h.CompanyOf == nil {
		return c, nil
	}
	return h.CompanyOf(r.Context(), name)
}

// company finds the company of the address, or shows that there is none. An
// address without one is for names that are the only ones of their kind.
func (h *Handlers) company(w http.ResponseWriter, r *http.Request) (registry.Company, bool) {
	if r.PathValue("company") == "" && h.CompanyOf != nil {
		return registry.Company{}, true
	}
	c, err := h.People.CompanyByKey(r.Context(), r.PathValue("company"))
	switch {
	case err == nil:
		return c, true
	case errors.Is(err, registry.ErrNotFound):
		h.Refuse(w, r, http.StatusNotFound)
	default:
		h.Fail(w, r, fmt.Errorf("find company: %w", err))
	}
	return c, false
}

// notices are what a page may say after a form led to it.
var notices = map[string]string{
	"signedout": "login.signedout",
	"setup":     "me.done.setup",
	"password":  "me.done.password",
	"sessions":  "me.done.sessions",
	"session":   "entry.done.session",
	"tied":      "entry.done.tied",
	"factor":    "entry.done.factor",
	"removed":   "entry.done.removed",
}

func notice(r *http.Request) *web.Message {
	if key := notices[r.URL.Query().Get("done")]; key != "" {
		return web.Say(key)
	}
	return nil
}

// tooSoon says how long to wait, to people and to programs.
func tooSoon(w http.ResponseWriter, e *auth.ThrottledError) *web.Message {
	seconds := int(math.Ceil(e.RetryAfter.Seconds()))
	w.Header().Set("Retry-After", fmt.Sprint(seconds))
	return web.Say("login.slow", "Count", seconds)
}

func loginPath(company, next string) string {
	p := "/c/" + url.PathEscape(company) + "/login"
	if next != "" {
		p += "?next=" + url.QueryEscape(next)
	}
	return p
}

func redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusSeeOther)
}
