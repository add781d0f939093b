package self

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// newPasswordFields are the two inputs of a new password. Two, because without
// JavaScript it cannot be shown, and a password mistyped once locks out.
func newPasswordFields() (password, repeat web.Field) {
	return web.Field{
			Name: "password", Type: "password", Label: "setup.password", Autocomplete: "new-password",
			Hint: web.Say("setup.rules", "Min", auth.MinPassword),
		}, web.Field{
			Name: "repeat", Type: "password", Label: "setup.repeat", Autocomplete: "new-password",
		}
}

// userNameField shows the name to the person and to their password manager.
func userNameField(name string) web.Field {
	return web.Field{Name: "username", Type: "text", Label: "setup.username", Value: name, Autocomplete: "username", ReadOnly: true}
}

// weakness says why a password is refused.
func weakness(e *auth.PasswordError) *web.Message {
	return web.Say("weak."+string(e.Weakness), "Min", auth.MinPassword)
}

// passwordView is the form that changes a password.
type passwordView struct {
	Alert                               *web.Message
	UserName, Present, Password, Repeat web.Field
}

func newPasswordView(v auth.Session) passwordView {
	out := passwordView{
		UserName: userNameField(v.Account.UserName),
		Present:  web.Field{Name: "present", Type: "password", Label: "password.present", Autocomplete: "current-password", Autofocus: true},
	}
	out.Password, out.Repeat = newPasswordFields()
	return out
}

func (h *Handlers) showPassword(w http.ResponseWriter, r *http.Request) {
	v := h.session(r)
	h.Show(w, r, web.Page{Template: "password", Title: web.Say("password.title"), View: newPasswordView(v)})
}

func (h *Handlers) changePassword(w http.ResponseWriter, r *http.Request) {
	s := h.session(r)
	if !h.Form(w, r) {
		return
	}
	v := newPasswordView(s)
	page := web.Page{Template: "password", Title: web.Say("password.title"), Problem: true, Status: http.StatusUnprocessableEntity}
	wanted := r.PostForm.Get("password")
	if wanted != r.PostForm.Get("repeat") {
		v.Repeat.Error = web.Say("weak.repeat")
		page.View = v
		h.Show(w, r, page)
		return
	}
	id := auth.Identity{
		Company: s.Company, User: s.User, CredentialVersion: s.CredentialVersion, Admin: s.Account.Privileged(), Method: s.Method, FactorAt: s.FactorAt,
	}
	id, err := h.Onboarding.ChangePassword(r.Context(), id, r.PostForm.Get("present"), wanted)
	var weak *auth.PasswordError
	var slow *auth.ThrottledError
	switch {
	case err == nil:
		if err := h.Sessions.Begin(r.Context(), id, h.Client(r)); err != nil {
			h.Fail(w, r, fmt.Errorf("begin session: %w", err))
			return
		}
		redirect(w, r, "/me?done=password")
		return
	case errors.Is(err, auth.ErrSignIn):
		v.Present.Error = web.Say("password.wrong")
	case errors.As(err, &weak):
		v.Password.Error = weakness(weak)
	case errors.As(err, &slow):
		v.Alert, page.Status = tooSoon(w, slow), http.StatusTooManyRequests
	case errors.Is(err, registry.ErrNotFound):
		// The password was changed elsewhere meanwhile: this session is over.
		redirect(w, r, loginPath(s.Account.CompanyKey, "/me/password"))
		return
	default:
		h.Fail(w, r, fmt.Errorf("change password: %w", err))
		return
	}
	page.View = v
	h.Show(w, r, page)
}

// session is who asks for a page behind the fence.
func (h *Handlers) session(r *http.Request) auth.Session {
	v, _, _ := h.Sessions.Look(r.Context())
	return v
}
