package self

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

//go:embed entrytemplates/*.html
var entryTemplates embed.FS

//go:embed entrylocales/*.json
var entryLocales embed.FS

// EntryFiles are the templates and words of the pages beside the password, for
// web.New.
func EntryFiles() web.Pages {
	return web.Pages{Templates: folder(entryTemplates, "entrytemplates"), Locales: folder(entryLocales, "entrylocales")}
}

// passkeyScript is the static file that asks an authenticator.
const passkeyScript = "passkey.js"

// The cookies that hold what is sealed between two requests of one proof.
const (
	totpCookie     = "usher-totp"
	passkeyCookie  = "usher-passkey"
	providerCookie = "usher-provider"
)

// proofLife is how long such a cookie lasts, in seconds; what it holds ends by
// itself.
const proofLife = 15 * 60

// keep has the browser keep what was sealed, for the pages under a path. It is
// Lax, not Strict: from a provider the browser comes back by a link.
func (h *Handlers) keep(w http.ResponseWriter, name, path, value string) {
	age := proofLife
	if value == "" {
		age = -1
	}
	http.SetCookie(w, &http.Cookie{
		Name: h.proofName(name), Value: value, Path: path, MaxAge: age, HttpOnly: true, Secure: h.Secure(), SameSite: http.SameSiteLaxMode,
	})
}

func (h *Handlers) proofName(name string) string {
	if h.Secure() {
		return "__Secure-" + name
	}
	return name
}

// kept is what the browser kept, or "".
func (h *Handlers) kept(r *http.Request, name string) string {
	if c, err := r.Cookie(h.proofName(name)); err == nil {
		return c.Value
	}
	return ""
}

func providerPath(company, provider string) string {
	return "/c/" + url.PathEscape(company) + "/sso/" + url.PathEscape(provider)
}

// toProvider sends a stranger to a provider.
func (h *Handlers) toProvider(w http.ResponseWriter, r *http.Request) {
	c, ok := h.company(w, r)
	if !ok {
		return
	}
	key := r.PathValue("provider")
	p, err := h.Access.StartProvider(r.Context(), c, key, web.LocalPath(r.URL.Query().Get("next"), ""), nil)
	if err != nil {
		h.providerFailed(w, r, c, err)
		return
	}
	h.keep(w, providerCookie, providerPath(c.Key, key), p.Sealed)
	redirect(w, r, p.Address)
}

// fromProvider lets in who comes back from a provider.
func (h *Handlers) fromProvider(w http.ResponseWriter, r *http.Request) {
	c, ok := h.company(w, r)
	if !ok {
		return
	}
	var present *auth.Session
	if v, in := h.Sessions.Current(r.Context()); in {
		present = &v
	}
	key := r.PathValue("provider")
	at, err := h.Access.FinishProvider(r.Context(), c, key, h.kept(r, providerCookie), r.URL.Query(), present, h.Client(r))
	h.keep(w, providerCookie, providerPath(c.Key, key), "") // one answer a question
	switch {
	case err != nil:
		h.providerFailed(w, r, c, err)
	case at.Tied:
		redirect(w, r, "/me?done=tied")
	default:
		h.enter(w, r, at.Identity, at.Next)
	}
}

// entryView is a page of few words.
type entryView struct {
	CompanyKey string
	Text       *web.Message
	Password   bool
	// Address leads on to a provider, Name is what it is called.
	Address, Name string
}

// providerStatus is the status of the page for each reason.
var providerStatus = map[auth.ProviderReason]int{
	auth.ProviderUnavailable: http.StatusBadGateway, auth.ProviderDenied: http.StatusForbidden, auth.ProviderStale: http.StatusBadRequest,
	auth.ProviderUnknown: http.StatusForbidden, auth.ProviderTieFirst: http.StatusForbidden, auth.ProviderNameTaken: http.StatusForbidden,
	auth.ProviderNotOpen: http.StatusForbidden, auth.ProviderTaken: http.StatusConflict,
}

// providerFailed says plainly what went wrong; the reason in detail is logged.
func (h *Handlers) providerFailed(w http.ResponseWriter, r *http.Request, c registry.Company, err error) {
	var failed *auth.ProviderError
	var slow *auth.ThrottledError
	v := entryView{CompanyKey: c.Key, Password: h.Access.Doors(c).Password}
	page := web.Page{Template: "provider", Title: web.Say("provider.title"), Problem: true, Company: c.Name, CompanyLocale: c.Locale, Anonymous: true}
	switch {
	case errors.Is(err, registry.ErrNotFound):
		h.Refuse(w, r, http.StatusNotFound)
		return
	case errors.As(err, &slow):
		v.Text, page.Status = tooSoon(w, slow), http.StatusTooManyRequests
	case errors.As(err, &failed):
		h.Note(r, "sign-in with a provider failed", err)
		v.Text, page.Status = web.Say("provider."+string(failed.Reason)), providerStatus[failed.Reason]
	default:
		h.Fail(w, r, fmt.Errorf("sign in with provider: %w", err))
		return
	}
	page.View = v
	h.Show(w, r, page)
}

// tie begins to tie the account of who is signed in to a provider. It is a form,
// so that no other site can begin it, and so answers with a link: browsers that
// honour our content policy follow no form to another site.
func (h *Handlers) tie(w http.ResponseWriter, r *http.Request) {
	s := h.session(r)
	c, err := h.People.CompanyByKey(r.Context(), s.Account.CompanyKey)
	if err != nil {
		h.Fail(w, r, fmt.Errorf("find company: %w", err))
		return
	}
	key := r.PathValue("provider")
	p, err := h.Access.StartProvider(r.Context(), c, key, "", &s)
	if err != nil {
		h.providerFailed(w, r, c, err)
		return
	}
	name := key
	for _, d := range h.Access.Doors(c).Providers {
		if d.Key == key {
			name = d.Name
		}
	}
	h.keep(w, providerCookie, providerPath(c.Key, key), p.Sealed)
	h.Show(w, r, web.Page{Template: "tie", Title: web.Say("tie.title"), View: entryView{Address: p.Address, Name: name}})
}

// passkeyView is a page that asks an authenticator.
type passkeyView struct {
	Alert              *web.Message
	Action             string
	Options            string
	Next               string
	Code               web.Field
	CanCode, CanAsk    bool
	Name               web.Field
	CompanyKey, Signed string
}

// showPasskeySignIn asks for any passkey of somebody of the company.
func (h *Handlers) showPasskeySignIn(w http.ResponseWriter, r *http.Request) {
	if c, ok := h.company(w, r); ok {
		h.askAnyPasskey(w, r, c, passkeyView{Next: web.LocalPath(r.URL.Query().Get("next"), "")}, 0)
	}
}

func (h *Handlers) askAnyPasskey(w http.ResponseWriter, r *http.Request, c registry.Company, v passkeyView, status int) {
	if !h.Access.Doors(c).Passkey {
		h.Refuse(w, r, http.StatusNotFound)
		return
	}
	ask, err := h.Access.AskAnyPasskey(r.Context(), c.ID)
	if err != nil {
		h.Fail(w, r, fmt.Errorf("ask for passkey: %w", err))
		return
	}
	v.Action, v.Options, v.CompanyKey = "/c/"+url.PathEscape(c.Key)+"/passkey", ask.Options, c.Key
	h.keep(w, passkeyCookie, v.Action, ask.Sealed)
	h.Show(w, r, web.Page{
		Template: "passkey", Title: web.Say("passkey.title"), View: v, Script: passkeyScript, Problem: v.Alert != nil, Status: status,
		Company: c.Name, CompanyLocale: c.Locale, Anonymous: true,
	})
}

// passkeySignIn lets in who has shown a passkey.
func (h *Handlers) passkeySignIn(w http.ResponseWriter, r *http.Request) {
	c, ok := h.company(w, r)
	if !ok || !h.Form(w, r) {
		return
	}
	v := passkeyView{Next: web.LocalPath(r.PostForm.Get("next"), "")}
	id, err := h.Access.SignInPasskey(r.Context(), c.ID, h.kept(r, passkeyCookie), r.PostForm.Get("answer"), h.Client(r))
	var slow *auth.ThrottledError
	switch {
	case err == nil:
		h.keep(w, passkeyCookie, "/c/"+url.PathEscape(c.Key)+"/passkey", "")
		h.enter(w, r, id, v.Next)
	case errors.Is(err, auth.ErrSignIn):
		v.Alert = web.Say("passkey.failed")
		h.askAnyPasskey(w, r, c, v, http.StatusUnprocessableEntity)
	case errors.As(err, &slow):
		v.Alert = tooSoon(w, slow)
		h.askAnyPasskey(w, r, c, v, http.StatusTooManyRequests)
	default:
		h.Fail(w, r, fmt.Errorf("sign in with passkey: %w", err))
	}
}
