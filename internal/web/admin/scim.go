package admin

import (
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var scimRoutes = []route{
	{"GET /scim", auth.RightRead, "", (*Handlers).connections},
	{"POST /scim", auth.RightManage, "connection.create", (*Handlers).createConnection},
	{"GET /scim/{key}", auth.RightRead, "", (*Handlers).connection},
	{"POST /scim/{key}/settings", auth.RightManage, "connection.change", (*Handlers).changeConnection},
	{"POST /scim/{key}/pause", auth.RightManage, "connection.pause", (*Handlers).pauseConnection},
	{"POST /scim/{key}/resume", auth.RightManage, "connection.resume", (*Handlers).resumeConnection},
	{"POST /scim/{key}/delete", auth.RightManage, "connection.delete", (*Handlers).deleteConnection},
	{"POST /scim/{key}/token", auth.RightManage, "token.create", (*Handlers).createToken},
	{"POST /scim/{key}/rotate", auth.RightManage, "token.rotate", (*Handlers).rotateToken},
	{"POST /scim/{key}/revoke", auth.RightManage, "token.revoke", (*Handlers).revokeToken},
	{"POST /scim/{key}/clients", auth.RightManage, "client.create", (*Handlers).createClient},
	{"POST /scim/{key}/clients/rotate", auth.RightManage, "client.rotate", (*Handlers).rotateClient},
	{"POST /scim/{key}/clients/revoke", auth.RightManage, "client.revoke", (*Handlers).revokeClient},
	{"GET /scim/{key}/guide", auth.RightRead, "", (*Handlers).guide},
	{"GET /scim/{key}/log", auth.RightRead, "", (*Handlers).log},
	{"GET /scim/{key}/log/export", auth.RightRead, "", (*Handlers).exportLog},
	{"GET /scim/{key}/log/{id}", auth.RightRead, "", (*Handlers).request},
}

// connectionsView lists the SCIM connections, with a form for another.
type connectionsView struct {
	page
	Connections []Connection
	// Owned is how many people each owns.
	Owned map[registry.OriginID]int64
	URL   string
	Form  connectionForm
}

// connectionForm is what is filled in about a connection.
type connectionForm struct {
	Name, Visible, OnForeign, Profile string
	SetupMail, Passwords              bool
	Rate, AllowFrom, TokenHours       string
	Profiles                          []string
	Error                             *web.Message
}

// Visibilities are the answers to what reads show.
func (connectionForm) Visibilities() []string {
	return []string{string(registry.VisibleOwn), string(registry.VisibleCompany)}
}

// Foreigners are the answers to a push about somebody of another origin.
func (connectionForm) Foreigners() []string {
	return []string{string(registry.ForeignConflict), string(registry.ForeignLink), string(registry.ForeignPromote)}
}

// formOf shows settings in a form.
func formOf(name string, s registry.ConnectionSettings, profiles []string) connectionForm {
	f := connectionForm{
		Name: name, Profile: s.Profile, Visible: string(s.Visible), OnForeign: string(s.OnForeign), SetupMail: s.SetupMail, Passwords: s.Passwords,
		AllowFrom: strings.Join(s.AllowFrom, "\n"), Profiles: profiles,
	}
	if s.Rate != 0 {
		f.Rate = strconv.Itoa(s.Rate)
	}
	if s.TokenSeconds != 0 {
		f.TokenHours = strconv.Itoa(s.TokenSeconds / 3600)
	}
	return f
}

// connectionForm reads the form back, and the settings it says. The form's Error is
// set where it says none.
func (v *visit) connectionForm(name string) (connectionForm, registry.ConnectionSettings) {
	f := connectionForm{
		Name: name, Profile: v.field("profile"), Visible: v.field("visible"), OnForeign: v.field("on_foreign"), SetupMail: v.field("setup_mail") != "",
		Passwords: v.field("passwords") != "", Rate: v.field("rate"), AllowFrom: v.field("allow_from"), TokenHours: v.field("token_hours"), Profiles: v.desk.Profiles(),
	}
	s := registry.ConnectionSettings{
		Profile: f.Profile, Visible: registry.Visibility(f.Visible), OnForeign: registry.OnForeign(f.OnForeign), SetupMail: f.SetupMail, Passwords: f.Passwords,
		AllowFrom: v.listed("allow_from"),
	}
	s.Rate = v.number(f.Rate, &f.Error, "admin.scim.rate")
	s.TokenSeconds = 3600 * v.number(f.TokenHours, &f.Error, "admin.scim.token_hours")
	switch s.Visible {
	case registry.VisibleOwn, registry.VisibleCompany:
	default:
		f.Error = web.Say("admin.scim.choose")
	}
	switch s.OnForeign {
	case registry.ForeignConflict, registry.ForeignLink, registry.ForeignPromote:
	default:
		f.Error = web.Say("admin.scim.choose")
	}
	return f, s
}

// number reads a whole number that may be missing. A text that is none is said.
func (v *visit) number(text string, problem **web.Message, what string) int {
	if text == "" {
		return 0
	}
	const most = 1_000_000
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		*problem = web.Say(what + ".wrong")
		return 0
	}
	return n
}

func (h *Handlers) connections(v *visit) {
	h.showConnections(v, formOf("", registry.DefaultConnection(), v.desk.Profiles()))
}

func (h *Handlers) showConnections(v *visit, form connectionForm) {
	view := connectionsView{page: h.page(v), URL: v.desk.ScimURL(), Form: form}
	var err error
	if view.Connections, err = v.desk.Connections(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if view.Owned, err = v.desk.Owned(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_scim", web.Say("admin.scim.title"), view)
}

// createConnection makes a connection and leads on to its guide, which shows the
// first token this once.
func (h *Handlers) createConnection(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	form, settings := v.connectionForm(v.field("name"))
	if form.Error != nil {
		v.outcome = registry.CodeInvalidValue
		h.showConnections(v, form)
		return
	}
	secret, err := v.desk.CreateConnection(v.ctx(), form.Name, settings)
	if form.Error = v.refusal(err); form.Error != nil {
		h.showConnections(v, form)
		return
	}
	var c Connection
	if err == nil {
		c, err = v.desk.Connection(v.ctx(), form.Name)
	}
	if err != nil {
		h.missing(v, err)
		return
	}
	h.showGuide(v, c, secret)
}

// connectionView is one connection: its tokens, clients and settings.
type connectionView struct {
	page
	Connection
	URL, TokenURL string
	Tokens        []registry.Token
	Clients       []registry.OAuthClient
	Form          connectionForm
	// New is a credential that was made now and is shown this once.
	New *newSecret
	// Owned is how many people it owns.
	Owned int64
	// Confirm is what was wrong with the name typed to delete it.
	Confirm *web.Message
}

// newSecret is a secret with what it is to be pasted as.
type newSecret struct{ Client, Secret string }

func (h *Handlers) findConnection(v *visit) (Connection, bool) {
	c, err := v.desk.Connection(v.ctx(), v.r.PathValue("key"))
	if err != nil {
		h.missing(v, err)
	}
	return c, err == nil
}

func (h *Handlers) connection(v *visit) {
	c, ok := h.findConnection(v)
	switch {
	case !ok:
	case v.r.URL.Query().Get("failed") != "":
		h.redirectToLog(v, c)
	default:
		h.showConnection(v, c, func(*connectionView) {})
	}
}

// showConnection shows a connection, with what a form that was sent adds to it.
func (h *Handlers) showConnection(v *visit, c Connection, add func(*connectionView)) {
	view := connectionView{page: h.page(v), Connection: c, URL: v.desk.ScimURL(), TokenURL: v.desk.TokenURL(), Form: formOf(c.Origin.Key, c.ConnectionSettings, v.desk.Profiles())}
	var err error
	if view.Tokens, err = v.desk.Tokens(v.ctx(), c.Origin.ID); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if view.Clients, err = v.desk.Clients(v.ctx(), c.Origin.Key); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	owned, err := v.desk.Owned(v.ctx())
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	view.Owned = owned[c.Origin.ID]
	add(&view)
	h.show(v, "admin_connection", web.Say("admin.connection.title", "Name", c.Origin.Key), view)
}

func (h *Handlers) changeConnection(v *visit) {
	c, ok := h.findConnection(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	form, settings := v.connectionForm(c.Origin.Key)
	var err error
	if form.Error == nil {
		err = v.desk.ChangeConnection(v.ctx(), c.Origin.Key, settings)
		form.Error = v.refusal(err)
	} else {
		v.outcome = registry.CodeInvalidValue
	}
	if form.Error != nil {
		h.showConnection(v, c, func(view *connectionView) { view.Form = form })
		return
	}
	h.did(v, err, "changed", "scim", c.Origin.Key)
}

func (h *Handlers) pauseConnection(v *visit) {
	if c, ok := h.findConnection(v); ok {
		h.did(v, v.desk.PauseConnection(v.ctx(), c.Origin.Key, true), "closed", "scim", c.Origin.Key)
	}
}

func (h *Handlers) resumeConnection(v *visit) {
	if c, ok := h.findConnection(v); ok {
		h.did(v, v.desk.PauseConnection(v.ctx(), c.Origin.Key, false), "opened", "scim", c.Origin.Key)
	}
}

// deleteConnection ends a connection for who typed its name.
func (h *Handlers) deleteConnection(v *visit) {
	c, ok := h.findConnection(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	if v.field("name") != c.Origin.Key {
		v.outcome = registry.CodeInvalidValue
		h.showConnection(v, c, func(view *connectionView) { view.Confirm = web.Say("admin.confirm.wrong", "Name", c.Origin.Key) })
		return
	}
	h.did(v, v.desk.DeleteConnection(v.ctx(), c.Origin.Key), "deleted", "scim")
}

// Live reports whether a token opens anything now.
func (p page) Live(t registry.Token) bool { return t.Live(p.now) }

// LiveClient reports whether an OAuth client may be given tokens now.
func (p page) LiveClient(c registry.OAuthClient) bool { return c.Live(p.now) }

// Ends reports whether something ends within three weeks.
func (p page) Ends(at time.Time) bool {
	const soon = 21 * 24 * time.Hour
	return !at.IsZero() && at.Sub(p.now) < soon
}

func (h *Handlers) createToken(v *visit) {
	c, ok := h.findConnection(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	if expires, ok := h.life(v); ok {
		secret, err := v.desk.CreateToken(v.ctx(), c.Origin.Key, expires, v.who.Actor)
		h.gave(v, c, newSecret{Secret: secret}, err)
	}
}

// rotateToken gives a new token and lets the older ones work for as long as was
// chosen.
func (h *Handlers) rotateToken(v *visit) {
	c, ok := h.findConnection(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	if overlap, ok := h.overlap(v); ok {
		secret, err := v.desk.RotateToken(v.ctx(), c.Origin.Key, overlap, v.who.Actor)
		h.gave(v, c, newSecret{Secret: secret}, err)
	}
}

// gave shows a new credential, this once: the answer to the form itself holds it,
// and no address leads back to it.
func (h *Handlers) gave(v *visit, c Connection, s newSecret, err error) {
	if err != nil {
		h.did(v, err, "", "scim", c.Origin.Key)
		return
	}
	h.showConnection(v, c, func(view *connectionView) { view.New = &s })
}

func (h *Handlers) revokeToken(v *visit) {
	c, ok := h.findConnection(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	err := v.desk.RevokeToken(v.ctx(), v.field("prefix"), v.who.Actor)
	v.written = err == nil
	h.did(v, err, "revoked", "scim", c.Origin.Key)
}

// createClient makes an OAuth client, with a secret or for who signs assertions.
func (h *Handlers) createClient(v *visit) {
	c, ok := h.findConnection(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	rules := ClientRules{JWKSURI: v.field("jwks_uri"), Issuer: v.field("issuer"), Subject: v.field("subject"), Audience: v.field("audience")}
	if expires, ok := h.life(v); ok {
		client, secret, err := v.desk.CreateClient(v.ctx(), c.Origin.Key, rules, expires)
		h.gave(v, c, newSecret{client.Name, secret}, err)
	}
}

func (h *Handlers) rotateClient(v *visit) {
	c, ok := h.findConnection(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	if overlap, ok := h.overlap(v); ok {
		client, secret, err := v.desk.RotateClient(v.ctx(), v.field("client"), overlap)
		h.gave(v, c, newSecret{client.Name, secret}, err)
	}
}

func (h *Handlers) revokeClient(v *visit) {
	c, ok := h.findConnection(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	h.did(v, v.desk.RevokeClient(v.ctx(), v.field("client")), "client_revoked", "scim", c.Origin.Key)
}
