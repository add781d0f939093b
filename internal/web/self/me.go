package self

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// meView is what is known of the person.
type meView struct {
	Notice      *web.Message
	DisplayName string
	Kind        registry.Kind
	Admin       bool
	Console     bool // may look at the console
	HasPassword bool
	Values      []valueView
	Groups      []groupView
	Sessions    []sessionView
	HasFactor   bool
	Providers   []auth.Door
}

type valueView struct {
	Attribute string
	Values    []string
	Origin    *web.Message
	Since     time.Time
}

type groupView struct {
	Name    string
	Origins []*web.Message
	Since   time.Time
}

type sessionView struct {
	Browser   *web.Message
	Address   string
	CreatedAt time.Time
	SeenAt    time.Time
	Current   bool
	ID        string
}

func (h *Handlers) me(w http.ResponseWriter, r *http.Request) {
	s := h.session(r)
	p, err := h.People.Profile(r.Context(), s.Company, s.User)
	if errors.Is(err, registry.ErrNotFound) {
		redirect(w, r, loginPath(s.Account.CompanyKey, "")) // deleted a moment ago
		return
	}
	if err != nil {
		h.Fail(w, r, fmt.Errorf("read profile: %w", err))
		return
	}
	sessions, err := h.Sessions.List(r.Context(), s)
	if err != nil {
		h.Fail(w, r, fmt.Errorf("list sessions: %w", err))
		return
	}
	v := newMeView(p, sessions, s, web.Zone(r, s.Account.Timezone))
	v.Providers = h.Access.Doors(registry.Company{ID: s.Company, Key: s.Account.CompanyKey}).Providers
	v.Notice = notice(r)
	if who, ok := h.Principal(r.Context()); ok {
		v.Console = who.May(auth.RightRead, s.Company)
	}
	h.Show(w, r, web.Page{Template: "me", Title: web.Say("me.title"), View: v})
}

func newMeView(p Profile, sessions []auth.Session, present auth.Session, zone *time.Location) meView {
	v := meView{
		DisplayName: p.User.DisplayName(), Kind: p.User.Kind, Admin: p.User.CompanyAdmin,
		HasPassword: p.User.Credential == registry.CredentialSet, HasFactor: present.Account.HasFactor,
	}
	for _, d := range registry.AttributeDefs() {
		i := slices.IndexFunc(p.Values, func(x Value) bool { return x.Attribute == d.Name })
		if i < 0 || len(p.Values[i].Values) == 0 {
			continue
		}
		x := p.Values[i]
		v.Values = append(v.Values, valueView{d.Name, x.Values, origin(x.Origin), local(x.Since, zone)})
	}
	for _, g := range p.Groups {
		gv := groupView{Name: g.Name, Since: local(g.Since, zone)}
		for _, o := range g.Origins {
			gv.Origins = append(gv.Origins, origin(o))
		}
		v.Groups = append(v.Groups, gv)
	}
	for _, s := range sessions {
		v.Sessions = append(v.Sessions, sessionView{
			Browser: browser(s.Agent), Address: s.Address, Current: s.ID == present.ID, ID: s.ID,
			CreatedAt: local(s.CreatedAt, zone), SeenAt: local(s.SeenAt, zone),
		})
	}
	return v
}

func (h *Handlers) endOthers(w http.ResponseWriter, r *http.Request) {
	s := h.session(r)
	n, err := h.Sessions.EndOthers(r.Context(), s)
	if err == nil {
		err = h.Access.SessionsEnded(r.Context(), s, n, h.Client(r))
	}
	if err != nil {
		h.Fail(w, r, fmt.Errorf("end other sessions: %w", err))
		return
	}
	redirect(w, r, "/me?done=sessions")
}

// endOne signs another browser of the person out. One that is gone already is
// what was asked for.
func (h *Handlers) endOne(w http.ResponseWriter, r *http.Request) {
	s := h.session(r)
	ended, err := h.Sessions.EndOne(r.Context(), s, r.PathValue("id"))
	if err == nil && ended {
		err = h.Access.SessionsEnded(r.Context(), s, 1, h.Client(r))
	}
	if err != nil {
		h.Fail(w, r, fmt.Errorf("end session: %w", err))
		return
	}
	redirect(w, r, "/me?done=session")
}

// origin names the door something came through.
func origin(o registry.Origin) *web.Message {
	if o.Kind == "" {
		return web.Say("origin.unknown")
	}
	return web.Say("origin."+string(o.Kind), "Key", o.Key)
}

func local(t time.Time, zone *time.Location) time.Time {
	if t.IsZero() {
		return t
	}
	return t.In(zone)
}

// The marks by which a browser and a system are known in a User-Agent, the more
// particular first: nearly all claim to be Chrome and Safari.
var (
	browsers = [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"YaBrowser/", "Yandex Browser"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}}
	systems  = [][2]string{{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"}}
)

// browser names what a User-Agent is, well enough for its owner to know it.
func browser(agent string) *web.Message {
	b, s := mark(browsers, agent), mark(systems, agent)
	switch {
	case b != "" && s != "":
		return web.Say("browser.on", "Browser", b, "System", s)
	case b+s != "":
		return web.Say("browser.only", "Name", b+s)
	default:
		return web.Say("browser.unknown")
	}
}

func mark(table [][2]string, agent string) string {
	for _, m := range table {
		if strings.Contains(agent, m[0]) {
			return m[1]
		}
	}
	return ""
}
