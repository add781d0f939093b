package self

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/web"
)

// linkCookieLife is how long a followed link waits in the browser, in seconds.
const linkCookieLife = 30 * 60

// maxToken bounds what is taken over from an address into a cookie; a token has
// 43 characters.
const maxToken = 64

// linkCookie holds the token between the mailed address and the form, seen by
// the pages under /setup only. It is Lax, not Strict: the visit begins in a
// mail program, and a Strict cookie would not survive the redirect.
func (h *Handlers) linkCookie(value string, age int) *http.Cookie {
	name := "usher-link"
	if h.Secure() {
		name = "__Secure-usher-link"
	}
	return &http.Cookie{
		Name: name, Value: value, Path: "/setup", MaxAge: age,
		HttpOnly: true, Secure: h.Secure(), SameSite: http.SameSiteLaxMode,
	}
}

// token is the link this browser followed, or "".
func (h *Handlers) token(r *http.Request) string {
	if c, err := r.Cookie(h.linkCookie("", 0).Name); err == nil {
		return c.Value
	}
	return ""
}

// followLink moves the token of a mailed link out of the address. It asks
// nothing and changes nothing: mail scanners come here first.
func (h *Handlers) followLink(w http.ResponseWriter, r *http.Request) {
	if t := r.PathValue("token"); len(t) <= maxToken {
		http.SetCookie(w, h.linkCookie(t, linkCookieLife))
	}
	redirect(w, r, "/setup")
}

// setupView is the form that sets a password.
type setupView struct {
	Alert       *web.Message
	DisplayName string
	CompanyName string
	Tag         string
	UserName    web.Field
	Password    web.Field
	Repeat      web.Field
	Until       time.Time
}

func newSetupView(l auth.LinkView) setupView {
	v := setupView{
		DisplayName: l.DisplayName, CompanyName: l.Company.Name, Tag: l.Tag, Until: l.ExpiresAt.UTC(),
		UserName: userNameField(l.UserName),
	}
	v.Password, v.Repeat = newPasswordFields()
	v.Password.Autofocus = true
	return v
}

// linkView says why a link cannot be used and what to do.
type linkView struct {
	Text       *web.Message
	Offer      bool // a new link can be asked for
	CompanyKey string
}

func (h *Handlers) showSetup(w http.ResponseWriter, r *http.Request) {
	l, ok := h.open(w, r)
	if !ok {
		return
	}
	h.Show(w, r, setupPage(l, newSetupView(l)))
}

func (h *Handlers) setup(w http.ResponseWriter, r *http.Request) {
	l, ok := h.open(w, r)
	if !ok || !h.Form(w, r) {
		return
	}
	v := newSetupView(l)
	page := setupPage(l, v)
	page.Problem, page.Status = true, http.StatusUnprocessableEntity
	if r.PostForm.Get("link") != l.Tag {
		// Another link was opened in this browser since the form was shown.
		v.Alert = web.Say("setup.other")
		page.View = v
		h.Show(w, r, page)
		return
	}
	password := r.PostForm.Get("password")
	if password != r.PostForm.Get("repeat") {
		v.Repeat.Error = web.Say("weak.repeat")
		page.View = v
		h.Show(w, r, page)
		return
	}
	id, err := h.Onboarding.Complete(r.Context(), h.token(r), password)
	var weak *auth.PasswordError
	var dead *auth.LinkError
	switch {
	case err == nil:
		http.SetCookie(w, h.linkCookie("", -1))
		h.enter(w, r, id, "/me?done=setup")
	case errors.As(err, &weak):
		v.Password.Error = weakness(weak)
		page.View = v
		h.Show(w, r, page)
	case errors.As(err, &dead):
		l.State = dead.State
		h.showDead(w, r, l)
	default:
		h.Fail(w, r, fmt.Errorf("complete link: %w", err))
	}
}

func setupPage(l auth.LinkView, v setupView) web.Page {
	return web.Page{
		Template: "setup", Title: web.Say("setup.title." + string(l.Purpose)), View: v,
		Company: l.Company.Name, Locale: l.Locale, CompanyLocale: l.Company.Locale, Anonymous: true,
	}
}

// open looks at the browser's link; if it is not live, the page saying so has
// been shown.
func (h *Handlers) open(w http.ResponseWriter, r *http.Request) (auth.LinkView, bool) {
	token := h.token(r)
	if token == "" {
		h.Show(w, r, web.Page{
			Template: "link", Title: web.Say("link.lost.title"), Status: http.StatusNotFound, Anonymous: true,
			View: linkView{Text: web.Say("link.lost.text")},
		})
		return auth.LinkView{}, false
	}
	l, err := h.Onboarding.Open(r.Context(), token)
	if err != nil {
		h.Fail(w, r, fmt.Errorf("open link: %w", err))
		return l, false
	}
	if l.State != auth.LinkLive {
		h.showDead(w, r, l)
		return l, false
	}
	return l, true
}

// deadStatus is the status of the page for each link that is not live.
var deadStatus = map[auth.LinkState]int{
	auth.LinkUnknown: http.StatusNotFound, auth.LinkClosed: http.StatusForbidden,
	auth.LinkUsed: http.StatusGone, auth.LinkExpired: http.StatusGone, auth.LinkSuperseded: http.StatusGone,
}

func (h *Handlers) showDead(w http.ResponseWriter, r *http.Request, l auth.LinkView) {
	status := deadStatus[l.State]
	h.Show(w, r, web.Page{
		Template: "link", Title: web.Say("link." + string(l.State) + ".title"), Status: status,
		Company: l.Company.Name, Locale: l.Locale, CompanyLocale: l.Company.Locale, Anonymous: true,
		View: linkView{
			Text: web.Say("link." + string(l.State) + ".text"), Offer: status == http.StatusGone, CompanyKey: l.Company.Key,
		},
	})
}

// newLink asks for another link in place of the one followed. The answer is
// always the same.
func (h *Handlers) newLink(w http.ResponseWriter, r *http.Request) {
	if t := h.token(r); t != "" {
		h.Onboarding.RequestNew(r.Context(), t, h.Client(r))
	}
	redirect(w, r, "/setup/sent")
}

func (h *Handlers) linkSent(w http.ResponseWriter, r *http.Request) {
	page := web.Page{Template: "link", Title: web.Say("link.sent.title"), Anonymous: true}
	v := linkView{Text: web.Say("link.sent.text")}
	// Only to greet in the right name and language; a failure changes nothing.
	if l, err := h.Onboarding.Open(r.Context(), h.token(r)); err == nil {
		page.Company, page.Locale, page.CompanyLocale = l.Company.Name, l.Locale, l.Company.Locale
		v.CompanyKey = l.Company.Key
	}
	page.View = v
	h.Show(w, r, page)
}
