package register

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// Registration takes forms. onboard.Registrar implements it.
type Registration interface {
	// Challenge is a fresh challenge for a form, with how many zero bits it asks for.
	Challenge() (challenge string, bits int)
	// Register takes a filled-in form. The error is a *registry.FormError, a
	// *auth.ThrottledError, auth.ErrProof, or a failure.
	Register(ctx context.Context, kind registry.Kind, typed map[string]string, p auth.Proof, c auth.Client) error
}

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Files are the templates and words of these pages, for web.New.
func Files() web.Pages {
	return web.Pages{Templates: folder(templateFiles, "templates"), Locales: folder(localeFiles, "locales")}
}

func folder(f embed.FS, dir string) fs.FS {
	out, err := fs.Sub(f, dir)
	if err != nil {
		panic(err) // the name is a constant: only an invalid one fails
	}
	return out
}

// Handlers are the pages.
type Handlers struct {
	*web.Shell
	Registration Registration
	// Users and Staff say which of the two forms are open.
	Users, Staff bool
}

// form is one of the two forms.
type form struct {
	path   string
	kind   registry.Kind
	fields []field
}

// field is an input of a form before it is filled in.
type field struct {
	name, kind, autocomplete string
	required, hint           bool
}

// person are the fields of both forms.
func person(more ...field) []field {
	return append([]field{
		{registry.FieldLogin, "text", "username", true, true},
		{registry.FieldGiven, "text", "given-name", true, false},
		{registry.FieldFamily, "text", "family-name", true, false},
		{registry.FieldMail, "email", "email", true, true},
		{registry.FieldPhone, "tel", "tel", false, false},
		{registry.FieldLocale, "select", "", false, true},
	}, more...)
}

// forms are the forms that are open.
func (h *Handlers) forms() (out []form) {
	if h.Users {
		out = append(out, form{"/register/user", registry.EndUser, person(field{registry.FieldContract, "text", "off", true, true})})
	}
	if h.Staff {
		out = append(out, form{"/register/staff", registry.SupportStaff, person(
			field{registry.FieldCompany, "text", "organization", true, true},
			field{registry.FieldDepartment, "text", "off", false, false},
			field{registry.FieldGroup, "text", "off", false, true},
		)})
	}
	return out
}

// Routes is the table of the pages of the forms that are open, all of them for
// strangers.
func (h *Handlers) Routes() []web.Route {
	forms := h.forms()
	if len(forms) == 0 {
		return nil
	}
	out := []web.Route{{Pattern: "GET /register", Open: true, Serve: h.choose}, {Pattern: "GET /register/sent", Open: true, Serve: h.sent}}
	for _, f := range forms {
		out = append(out,
			web.Route{Pattern: "GET " + f.path, Open: true, Serve: func(w http.ResponseWriter, r *http.Request) { h.show(w, r, f, h.blank(f), 0) }},
			web.Route{Pattern: "POST " + f.path, Open: true, Serve: func(w http.ResponseWriter, r *http.Request) { h.send(w, r, f) }})
	}
	return out
}

// Mount registers the pages.
func (h *Handlers) Mount(mux *http.ServeMux) { h.Shell.Mount(mux, h.Routes()) }

// chooseView says which forms are open.
type chooseView struct{ Users, Staff bool }

func (h *Handlers) choose(w http.ResponseWriter, r *http.Request) {
	h.Show(w, r, web.Page{Template: "register", Title: web.Say("register.title"), Anonymous: true, View: chooseView{h.Users, h.Staff}})
}

func (h *Handlers) sent(w http.ResponseWriter, r *http.Request) {
	h.Show(w, r, web.Page{Template: "register-sent", Title: web.Say("register.sent.title"), Anonymous: true})
}

// formView is a form on its page.
type formView struct {
	Alert     *web.Message
	Action    string
	Intro     *web.Message
	Fields    []fieldView
	Challenge string
	Bits      int
}

// fieldView is an input on its page.
type fieldView struct {
	web.Field
	Required bool
	// Options are those of a select, in each language's own words.
	Options []option
}

type option struct {
	Value, Name string
	Selected    bool
}

// blank is a form that nobody has filled in.
func (h *Handlers) blank(f form) formView {
	v := formView{Action: f.path, Intro: web.Say("register.intro." + string(f.kind))}
	for _, x := range f.fields {
		in := fieldView{Required: x.required, Field: web.Field{
			Name: x.name, Type: x.kind, Label: "register." + x.name, Autocomplete: x.autocomplete,
		}}
		if x.hint {
			in.Hint = web.Say("register." + x.name + ".hint")
		}
		v.Fields = append(v.Fields, in)
	}
	v.Fields[0].Autofocus = true
	return v
}

// show renders a form with a fresh challenge; a status other than 0 says that it
// was refused.
func (h *Handlers) show(w http.ResponseWriter, r *http.Request, f form, v formView, status int) {
	v.Challenge, v.Bits = h.Registration.Challenge()
	for i := range v.Fields {
		if x := &v.Fields[i]; x.Type == "select" {
			if x.Value == "" {
				x.Value = h.Language(r)
			}
			for _, l := range web.Languages() {
				x.Options = append(x.Options, option{Value: l.Code, Name: l.Name, Selected: l.Code == x.Value})
			}
		}
	}
	h.Show(w, r, web.Page{
		Template: "register-form", Title: web.Say("register.title." + string(f.kind)), View: v, Anonymous: true, Form: "register",
		Status: status, Problem: status != 0, Script: "register.js",
	})
}

// send takes a form. Its answer is the same whatever exists: only the form itself,
// and how many have come, can have it refused here.
func (h *Handlers) send(w http.ResponseWriter, r *http.Request, f form) {
	if !h.Form(w, r) {
		return
	}
	v, typed := h.blank(f), map[string]string{}
	for i := range v.Fields {
		x := &v.Fields[i]
		x.Value = r.PostForm.Get(x.Name)
		typed[x.Name] = x.Value
	}
	if r, only := h.Chosen(w, r); only {
		if lang := r.PostForm.Get("lang"); lang != "" { // who chooses a language for the page wants mails in it
			for i := range v.Fields {
				if v.Fields[i].Type == "select" {
					v.Fields[i].Value = lang
				}
			}
		}
		h.show(w, r, f, v, 0)
		return
	}
	proof := auth.Proof{Challenge: r.PostForm.Get("challenge"), Nonce: r.PostForm.Get("nonce")}
	err := h.Registration.Register(r.Context(), f.kind, typed, proof, h.Client(r))
	if err == nil {
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "/register/sent", http.StatusSeeOther)
		return
	}
	status := http.StatusUnprocessableEntity
	var faults *registry.FormError
	var slow *auth.ThrottledError
	switch {
	case errors.As(err, &faults):
		mark(&v, faults)
	case errors.Is(err, auth.ErrProof):
		v.Alert = web.Say("register.again")
	case errors.As(err, &slow):
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", fmt.Sprint(int(slow.RetryAfter.Seconds())+1))
		v.Alert = web.Say("register.slow")
	default:
		h.Fail(w, r, fmt.Errorf("register: %w", err))
		return
	}
	h.show(w, r, f, v, status)
}

// mark says at each field what is wrong with it, and puts the cursor into the
// first of them.
func mark(v *formView, faults *registry.FormError) {
	v.Alert = web.Say("register.faults", "Count", len(faults.Fields))
	first := true
	for i := range v.Fields {
		x := &v.Fields[i]
		x.Autofocus = false
		if fault, bad := faults.Fields[x.Name]; bad {
			x.Error = web.Say("register.fault." + string(fault))
			x.Autofocus, first = first, false
		}
	}
}
