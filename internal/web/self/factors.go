package self

import (
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// codeField is where a code is typed.
func codeField(label string, hint *web.Message) web.Field {
	return web.Field{Name: "code", Type: "text", Label: label, Hint: hint, Autocomplete: "one-time-code", Autofocus: true}
}

// showProof asks for the second factor.
func (h *Handlers) showProof(w http.ResponseWriter, r *http.Request) {
	next := web.LocalPath(r.URL.Query().Get("next"), "/me")
	if _, in := h.Sessions.Current(r.Context()); in {
		redirect(w, r, next)
		return
	}
	h.askProof(w, r, passkeyView{Next: next}, 0)
}

func (h *Handlers) askProof(w http.ResponseWriter, r *http.Request, v passkeyView, status int) {
	s := h.session(r)
	have, err := h.Access.Factors(r.Context(), s)
	if err != nil {
		h.Fail(w, r, fmt.Errorf("read factors: %w", err))
		return
	}
	v.Action, v.CompanyKey, v.Signed = "/factor/passkey", s.Account.CompanyKey, s.Account.DisplayName
	v.CanCode = have.Has(auth.FactorTOTP) || have.Recovery > 0
	hint := web.Say("proof.hint.recovery")
	if have.Has(auth.FactorTOTP) {
		hint = web.Say("proof.hint")
	}
	field := codeField("proof.code", hint)
	field.Error, v.Code = v.Code.Error, web.Field{}
	v.Code = field
	page := web.Page{
		Template: "proof", Title: web.Say("proof.title"), Problem: status != 0, Status: status, Company: s.Account.CompanyName,
		Locale: s.Account.Locale, CompanyLocale: s.Account.CompanyLocale,
	}
	if have.Has(auth.FactorPasskey) && have.Passkey {
		ask, err := h.Access.AskPasskey(r.Context(), s)
		if err != nil {
			h.Fail(w, r, fmt.Errorf("ask for passkey: %w", err))
			return
		}
		v.CanAsk, v.Options, page.Script = true, ask.Options, passkeyScript
		h.keep(w, passkeyCookie, "/factor", ask.Sealed)
	}
	page.View = v
	h.Show(w, r, page)
}

func (h *Handlers) proveCode(w http.ResponseWriter, r *http.Request) {
	if !h.Form(w, r) {
		return
	}
	id, err := h.Access.ProveCode(r.Context(), h.session(r), r.PostForm.Get("code"), h.Client(r))
	h.proved(w, r, id, err, "proof.wrong")
}

func (h *Handlers) provePasskey(w http.ResponseWriter, r *http.Request) {
	if !h.Form(w, r) {
		return
	}
	id, err := h.Access.ProvePasskey(r.Context(), h.session(r), h.kept(r, passkeyCookie), r.PostForm.Get("answer"), h.Client(r))
	h.proved(w, r, id, err, "passkey.failed")
}

// proved goes on with a session that has both proofs, under a new token, or says
// that this one was wrong.
func (h *Handlers) proved(w http.ResponseWriter, r *http.Request, id auth.Identity, err error, wrong string) {
	v := passkeyView{Next: web.LocalPath(r.PostForm.Get("next"), "/me")}
	var slow *auth.ThrottledError
	switch {
	case err == nil:
		h.keep(w, passkeyCookie, "/factor", "")
		if err := h.Sessions.Begin(r.Context(), id, h.Client(r)); err != nil {
			h.Fail(w, r, fmt.Errorf("begin session: %w", err))
			return
		}
		redirect(w, r, v.Next)
	case errors.Is(err, auth.ErrFactor):
		v.Alert = web.Say(wrong)
		h.askProof(w, r, v, http.StatusUnprocessableEntity)
	case errors.As(err, &slow):
		v.Alert = tooSoon(w, slow)
		h.askProof(w, r, v, http.StatusTooManyRequests)
	default:
		h.Fail(w, r, fmt.Errorf("prove second factor: %w", err))
	}
}

// factorsView lists the second factors.
type factorsView struct {
	Notice   *web.Message
	Factors  auth.Factors
	List     []factorView
	Enrol    bool // one has to be set up before anything else
	Next     string
	Only     bool // the last one of somebody who must have one
	Recovery int
}

type factorView struct {
	auth.Factor
	Label *web.Message
}

func (h *Handlers) factors(w http.ResponseWriter, r *http.Request) {
	s := h.session(r)
	have, err := h.Access.Factors(r.Context(), s)
	if err != nil {
		h.Fail(w, r, fmt.Errorf("read factors: %w", err))
		return
	}
	_, in := h.Sessions.Current(r.Context())
	v := factorsView{Notice: notice(r), Factors: have, Enrol: !in, Recovery: have.Recovery, Only: have.Needed && len(have.List) == 1}
	zone := web.Zone(r, s.Account.Timezone)
	for _, f := range have.List {
		f.CreatedAt, f.UsedAt = local(f.CreatedAt, zone), local(f.UsedAt, zone)
		label := web.Say("factors.kind." + string(f.Kind))
		if f.Name != "" {
			label = web.Say("factors.named", "Name", f.Name)
		}
		v.List = append(v.List, factorView{f, label})
	}
	h.Show(w, r, web.Page{
		Template: "factors", Title: web.Say("factors.title"), View: v, Company: s.Account.CompanyName, Locale: s.Account.Locale, CompanyLocale: s.Account.CompanyLocale,
	})
}

// totpView is the page that tells an authenticator app its secret.
type totpView struct {
	Alert      *web.Message
	Text       string
	Picture    template.URL
	Code, Name web.Field
}

func nameField() web.Field {
	return web.Field{Name: "name", Type: "text", Label: "factors.name", Hint: web.Say("factors.name.hint"), Optional: true}
}

func (h *Handlers) showTOTP(w http.ResponseWriter, r *http.Request) { h.askTOTP(w, r, nil, nil, 0) }

func (h *Handlers) askTOTP(w http.ResponseWriter, r *http.Request, alert, wrong *web.Message, status int) {
	s := h.session(r)
	setup, err := h.Access.StartTOTP(r.Context(), s, h.kept(r, totpCookie))
	if err != nil {
		h.Fail(w, r, fmt.Errorf("start TOTP: %w", err))
		return
	}
	v := totpView{
		Alert: alert, Text: setup.Text, Code: codeField("totp.code", web.Say("totp.code.hint")), Name: nameField(),
		Picture: template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(setup.Picture)), //nolint:gosec // our own picture
	}
	v.Code.Error = wrong
	h.keep(w, totpCookie, "/me/factors/totp", setup.Sealed)
	h.Show(w, r, web.Page{
		Template: "totp", Title: web.Say("totp.title"), View: v, Problem: status != 0, Status: status,
		Company: s.Account.CompanyName, Locale: s.Account.Locale, CompanyLocale: s.Account.CompanyLocale,
	})
}

func (h *Handlers) addTOTP(w http.ResponseWriter, r *http.Request) {
	if !h.Form(w, r) {
		return
	}
	added, err := h.Access.FinishTOTP(r.Context(), h.session(r), h.kept(r, totpCookie), r.PostForm.Get("code"), r.PostForm.Get("name"), h.Client(r))
	var slow *auth.ThrottledError
	switch {
	case err == nil:
		h.keep(w, totpCookie, "/me/factors/totp", "")
		h.added(w, r, added)
	case errors.Is(err, auth.ErrFactor):
		h.askTOTP(w, r, nil, web.Say("totp.wrong"), http.StatusUnprocessableEntity)
	case errors.As(err, &slow):
		h.askTOTP(w, r, tooSoon(w, slow), nil, http.StatusTooManyRequests)
	default:
		h.Fail(w, r, fmt.Errorf("add TOTP: %w", err))
	}
}

func (h *Handlers) showAddPasskey(w http.ResponseWriter, r *http.Request) {
	h.askNewPasskey(w, r, nil, 0)
}

func (h *Handlers) askNewPasskey(w http.ResponseWriter, r *http.Request, alert *web.Message, status int) {
	s := h.session(r)
	have, err := h.Access.Factors(r.Context(), s)
	if err == nil && !have.Passkey {
		h.Refuse(w, r, http.StatusNotFound)
		return
	}
	var ask auth.PasskeyAsk
	if err == nil {
		ask, err = h.Access.StartPasskey(r.Context(), s)
	}
	if err != nil {
		h.Fail(w, r, fmt.Errorf("ask for a new passkey: %w", err))
		return
	}
	h.keep(w, passkeyCookie, "/me/factors/passkey", ask.Sealed)
	h.Show(w, r, web.Page{
		Template: "addpasskey", Title: web.Say("addpasskey.title"), Script: passkeyScript, Problem: status != 0, Status: status,
		View:    passkeyView{Alert: alert, Action: "/me/factors/passkey", Options: ask.Options, Name: nameField()},
		Company: s.Account.CompanyName, Locale: s.Account.Locale, CompanyLocale: s.Account.CompanyLocale,
	})
}

func (h *Handlers) addPasskey(w http.ResponseWriter, r *http.Request) {
	if !h.Form(w, r) {
		return
	}
	added, err := h.Access.FinishPasskey(r.Context(), h.session(r), h.kept(r, passkeyCookie), r.PostForm.Get("answer"), r.PostForm.Get("name"), h.Client(r))
	var slow *auth.ThrottledError
	switch {
	case err == nil:
		h.keep(w, passkeyCookie, "/me/factors/passkey", "")
		h.added(w, r, added)
	case errors.Is(err, auth.ErrFactor):
		h.askNewPasskey(w, r, web.Say("passkey.failed"), http.StatusUnprocessableEntity)
	case errors.As(err, &slow):
		h.askNewPasskey(w, r, tooSoon(w, slow), http.StatusTooManyRequests)
	default:
		h.Fail(w, r, fmt.Errorf("add passkey: %w", err))
	}
}

// added goes on with a session that has the new factor, and shows the recovery
// codes where they are new.
func (h *Handlers) added(w http.ResponseWriter, r *http.Request, a auth.Added) {
	if err := h.Sessions.Begin(r.Context(), a.Identity, h.Client(r)); err != nil {
		h.Fail(w, r, fmt.Errorf("begin session: %w", err))
		return
	}
	if a.Recovery == nil {
		redirect(w, r, "/me/factors?done=factor")
		return
	}
	h.showRecovery(w, r, a.Recovery)
}

// recoveryView shows recovery codes, this once.
type recoveryView struct {
	Codes []string
	Made  time.Time
}

func (h *Handlers) showRecovery(w http.ResponseWriter, r *http.Request, codes []string) {
	s := h.session(r)
	h.Show(w, r, web.Page{
		Template: "recovery", Title: web.Say("recovery.title"), View: recoveryView{Codes: codes, Made: local(h.Now(), web.Zone(r, s.Account.Timezone))},
	})
}

func (h *Handlers) newRecovery(w http.ResponseWriter, r *http.Request) {
	codes, err := h.Access.NewRecovery(r.Context(), h.session(r), h.Client(r))
	if err != nil {
		h.Fail(w, r, fmt.Errorf("make recovery codes: %w", err))
		return
	}
	h.showRecovery(w, r, codes)
}

func (h *Handlers) removeFactor(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.PathValue("id"), 10, 64)
	if err == nil {
		err = h.Access.RemoveFactor(r.Context(), h.session(r), id, h.Client(r))
	} else {
		err = registry.ErrNotFound
	}
	switch {
	case err == nil:
		redirect(w, r, "/me/factors?done=removed")
	case errors.Is(err, registry.ErrNotFound), errors.Is(err, auth.ErrLastFactor):
		redirect(w, r, "/me/factors") // the page says why there is no such button
	default:
		h.Fail(w, r, fmt.Errorf("remove factor: %w", err))
	}
}
