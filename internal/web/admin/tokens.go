package admin

import (
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var tokenRoutes = []route{
	{"GET /tokens", auth.RightRead, "", (*Handlers).tokens},
	{"POST /tokens", auth.RightManage, "token.create", (*Handlers).createAPIToken},
	{"POST /tokens/rotate", auth.RightManage, "token.rotate", (*Handlers).rotateAPIToken},
	{"POST /tokens/revoke", auth.RightManage, "token.revoke", (*Handlers).revokeAPIToken},
}

// scopes are what a token of the API may do, from the least.
var scopes = []string{"contacts", "read", "operate", "approve", "privacy"}

// tokensView lists the tokens of the company's programs, with a form for another.
type tokensView struct {
	page
	Tokens []registry.Token
	Form   struct {
		Name   string
		Scopes map[string]bool
		Error  *web.Message
	}
	New *newSecret
}

// Scopes are what the form offers.
func (tokensView) Scopes() []string { return scopes }

func (h *Handlers) tokens(v *visit) { h.showTokens(v, func(*tokensView) {}) }

func (h *Handlers) showTokens(v *visit, add func(*tokensView)) {
	view := tokensView{page: h.page(v)}
	view.Form.Scopes = map[string]bool{"read": true}
	var err error
	if view.Tokens, err = v.desk.APITokens(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	add(&view)
	h.show(v, "admin_tokens", web.Say("admin.token.title"), view)
}

func (h *Handlers) createAPIToken(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	expires, ok := h.life(v)
	if !ok {
		return
	}
	name, wanted := v.field("name"), v.form()["scope"]
	secret, err := v.desk.CreateAPIToken(v.ctx(), v.who.Actor, name, wanted, expires)
	problem := v.refusal(err)
	if err != nil && problem == nil {
		h.missing(v, err)
		return
	}
	v.written = err == nil
	h.showTokens(v, func(view *tokensView) {
		if problem == nil {
			view.New = &newSecret{Secret: secret}
			return
		}
		view.Form.Name, view.Form.Error, view.Form.Scopes = name, problem, map[string]bool{}
		for _, s := range wanted {
			view.Form.Scopes[s] = true
		}
	})
}

func (h *Handlers) rotateAPIToken(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	var overlap time.Duration
	var ok bool
	if overlap, ok = h.overlap(v); !ok {
		return
	}
	secret, err := v.desk.RotateAPIToken(v.ctx(), v.who.Actor, v.field("prefix"), overlap)
	if err != nil {
		h.did(v, err, "", "tokens")
		return
	}
	v.written = true
	h.showTokens(v, func(view *tokensView) { view.New = &newSecret{Secret: secret} })
}

func (h *Handlers) revokeAPIToken(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	err := v.desk.RevokeToken(v.ctx(), v.field("prefix"), v.who.Actor)
	v.written = err == nil
	h.did(v, err, "revoked", "tokens")
}
