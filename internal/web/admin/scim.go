package admin

import (
	"fmt"
	"strconv"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var scimRoutes = []route{
	{"GET /scim", auth.RightRead, "", (*Handlers).connections},
	{"GET /scim/{key}", auth.RightRead, "", (*Handlers).connection},
	{"POST /scim/{key}/token", auth.RightManage, "token.create", (*Handlers).createToken},
	{"POST /scim/{key}/rotate", auth.RightManage, "token.rotate", (*Handlers).rotateToken},
	{"POST /scim/{key}/revoke", auth.RightManage, "token.revoke", (*Handlers).revokeToken},
}

// connectionsView lists the SCIM connections.
type connectionsView struct {
	page
	Connections []Connection
	URL         string
}

func (h *Handlers) connections(v *visit) {
	view := connectionsView{page: h.page(v), URL: v.desk.ScimURL()}
	var err error
	if view.Connections, err = v.desk.Connections(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_scim", web.Say("admin.scim.title"), view)
}

// connectionView is one connection: its address and tokens, and what it asked.
type connectionView struct {
	page
	Connection
	URL      string
	Tokens   []registry.Token
	Secret   string // a new token, shown this once
	Requests []request
	Failed   bool
	Older    string
}

// request is a row of the request log with what mends it.
type request struct {
	registry.ScimRequest
	// Fix is the key of the words for it, "" for none.
	Fix string
}

func (h *Handlers) findConnection(v *visit) (Connection, bool) {
	c, err := v.desk.Connection(v.ctx(), v.r.PathValue("key"))
	if err != nil {
		h.missing(v, err)
	}
	return c, err == nil
}

func (h *Handlers) connection(v *visit) {
	if c, ok := h.findConnection(v); ok {
		h.showConnection(v, c, "")
	}
}

func (h *Handlers) showConnection(v *visit, c Connection, secret string) {
	view := connectionView{page: h.page(v), Connection: c, URL: v.desk.ScimURL(), Secret: secret}
	query := v.r.URL.Query()
	view.Failed = query.Get("failed") != ""
	var err error
	if view.Tokens, err = v.desk.Tokens(v.ctx(), c.Origin.ID); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	q := registry.ScimRequestQuery{Origin: c.Origin.ID, Failed: view.Failed, Limit: perPage + 1}
	if at, err := strconv.ParseInt(query.Get("at"), 10, 64); err == nil {
		q.BeforeAt = time.UnixMicro(at)
		q.BeforeID, _ = strconv.ParseInt(query.Get("id"), 10, 64)
	}
	log, err := v.desk.Requests(v.ctx(), q)
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(log) > perPage {
		log = log[:perPage]
		last := log[perPage-1]
		failed := ""
		if view.Failed {
			failed = "failed=1&"
		}
		view.Older = fmt.Sprintf("%s?%sat=%d&id=%d#log", v.r.URL.Path, failed, last.At.UnixMicro(), last.ID)
	}
	for _, r := range log {
		view.Requests = append(view.Requests, request{r, fixOf(r)})
	}
	h.show(v, "admin_connection", web.Say("admin.connection.title", "Name", c.Origin.Key), view)
}

// fixOf names the words that say what mends a refused request.
func fixOf(r registry.ScimRequest) string {
	if fix := map[string]string{
		"uniqueness": "uniqueness", "invalidFilter": "filter", "invalidValue": "value", "invalidSyntax": "syntax", "invalidPath": "path",
		"noTarget": "target", "mutability": "mutability", "tooMany": "many", "sensitive": "sensitive",
	}[r.ScimType]; fix != "" {
		return fix
	}
	switch r.Status {
	case 401:
		return "token"
	case 403:
		return "forbidden"
	case 404:
		return "gone"
	case 409:
		return "conflict"
	case 412:
		return "version"
	case 413:
		return "large"
	case 429:
		return "rate"
	}
	if r.Status >= 500 {
		return "ours"
	}
	return ""
}

// Live reports whether a token opens anything now.
func (p page) Live(t registry.Token) bool { return t.Live(p.now) }

func (h *Handlers) createToken(v *visit) {
	if c, ok := h.findConnection(v); ok {
		secret, err := v.desk.CreateToken(v.ctx(), c.Origin.Key, time.Time{}, v.who.Actor)
		h.gaveToken(v, c, secret, err)
	}
}

// rotateToken gives a new token and lets the older ones work for a day more.
func (h *Handlers) rotateToken(v *visit) {
	const overlap = 24 * time.Hour
	if c, ok := h.findConnection(v); ok {
		secret, err := v.desk.RotateToken(v.ctx(), c.Origin.Key, overlap, v.who.Actor)
		h.gaveToken(v, c, secret, err)
	}
}

// gaveToken shows a new token, this once: the answer to the form itself holds it,
// and no address leads back to it.
func (h *Handlers) gaveToken(v *visit, c Connection, secret string, err error) {
	if err != nil {
		h.did(v, err, "", "scim", c.Origin.Key)
		return
	}
	h.showConnection(v, c, secret)
}

func (h *Handlers) revokeToken(v *visit) {
	c, ok := h.findConnection(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	h.did(v, v.desk.RevokeToken(v.ctx(), v.r.PostForm.Get("prefix"), v.who.Actor), "revoked", "scim", c.Origin.Key)
}
