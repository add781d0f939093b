package admin

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed locales/*.json
var localeFiles embed.FS

// Files are the templates and words of the console, for web.New.
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

// Handlers are the pages. All fields are required but Closing.
type Handlers struct {
	*web.Shell
	Desks Desks
	Log   *slog.Logger
	// Closing is closed when the server is about to end: pages that stay open end
	// then.
	Closing <-chan struct{}
}

// route is one page of a company, or one thing to do there.
type route struct {
	pattern string // below /admin/{company}
	right   auth.Right
	deed    string // what the audit calls it, "" for a mere look
	serve   func(*Handlers, *visit)
}

// routes is the one table of pages, and of who may see them. Each area has its
// own part beside its pages.
var routes = slices.Concat(overviewRoutes, runRoutes, matchRoutes, peopleRoutes, sourceRoutes, forgetRoutes, scheduleRoutes, scimRoutes, reasonRoutes, uploadRoutes, contactRoutes,
	tokenRoutes, hookRoutes, mailRoutes, auditRoutes, standingRoutes, companyRoutes, mergeRoutes, listRoutes, changeRoutes)

// root is where the console begins.
const root = "/admin"

// Routes is the table of pages for the frame, and for the test that asks for each
// as everybody.
func (h *Handlers) Routes() []web.Route {
	pages := linked(routes)
	out := append([]web.Route{{Pattern: "GET " + root, Right: auth.RightRead, Serve: h.choose}}, h.installRoutes()...)
	for _, r := range routes {
		method, path, _ := strings.Cut(r.pattern, " ")
		out = append(out, web.Route{Pattern: method + " " + root + "/{company}" + path, Right: r.right, Body: formSize(r.pattern), Serve: func(w http.ResponseWriter, req *http.Request) {
			if v := h.enter(w, req, r.right); v != nil {
				v.pages = pages
				r.serve(h, v)
				h.record(v, r.deed)
			}
		}})
	}
	return out
}

// Mount registers the pages.
func (h *Handlers) Mount(mux *http.ServeMux) { h.Shell.Mount(mux, h.Routes()) }

// visit is one request of somebody who may make it.
type visit struct {
	w       http.ResponseWriter
	r       *http.Request
	who     *auth.Principal
	company registry.Company
	desk    Desk
	zone    *time.Location
	// pages are the groups of pages there are.
	pages []navGroup
	// outcome is why nothing was done, "" for what was; written says that whoever
	// did it has audited it.
	outcome registry.Code
	written bool
	// subject is what the deed was done to, where the address does not tell.
	subject string
}

// ctx is the request's.
func (v *visit) ctx() context.Context { return v.r.Context() }

// enter lets somebody in who has the right in the company of the address. A
// company that they may not see looks like one that does not exist.
func (h *Handlers) enter(w http.ResponseWriter, r *http.Request, right auth.Right) *visit {
	who, ok := h.Principal(r.Context())
	if !ok {
		h.Forbid(w, r)
		return nil
	}
	c, desk, err := h.Desks.Open(r.Context(), r.PathValue("company"))
	switch {
	case errors.Is(err, registry.ErrNotFound), err == nil && !who.May(auth.RightRead, c.ID):
		h.Refuse(w, r, http.StatusNotFound)
		return nil
	case err != nil:
		h.Fail(w, r, fmt.Errorf("open company: %w", err))
		return nil
	case !who.May(right, c.ID):
		h.Forbid(w, r)
		return nil
	}
	v := &visit{w: w, r: r, who: who, company: c, desk: desk, zone: web.Zone(r, "")}
	if s, ok := h.Sessions.Current(r.Context()); ok {
		v.zone = web.Zone(r, s.Account.Timezone)
	}
	return v
}

// record writes down what somebody did or tried. A failure to do so is no reason
// to answer that nothing was done.
func (h *Handlers) record(v *visit, deed string) {
	if deed == "" || v.written {
		return
	}
	subject := cmp.Or(v.subject, strings.Trim(strings.TrimPrefix(v.r.URL.Path, root+"/"+v.company.Key), "/"))
	ctx := context.WithoutCancel(v.ctx())
	err := v.desk.Audit(ctx, registry.Deed{
		Actor: v.who.Actor, Action: deed, Outcome: string(v.outcome), Subject: subject, Address: v.who.Client.Address.String(), RequestID: v.who.Request,
	})
	if err != nil {
		h.Log.ErrorContext(ctx, "write audit", "request_id", v.who.Request, "error", err)
	}
}

// choose leads to the only company somebody administers, or lists them.
func (h *Handlers) choose(w http.ResponseWriter, r *http.Request) {
	who, ok := h.Principal(r.Context())
	if !ok {
		h.Forbid(w, r)
		return
	}
	all, err := h.Desks.Companies(r.Context())
	if err != nil {
		h.Fail(w, r, fmt.Errorf("list companies: %w", err))
		return
	}
	var mine []registry.Company
	for _, c := range all {
		if who.May(auth.RightRead, c.ID) {
			mine = append(mine, c)
		}
	}
	switch {
	case len(mine) == 0 && !who.Operator():
		h.Forbid(w, r)
	case len(mine) == 1 && !who.Operator():
		http.Redirect(w, r, root+"/"+mine[0].Key+"/", http.StatusSeeOther)
	default:
		h.Show(w, r, web.Page{Template: "admin_companies", Title: web.Say("admin.companies.title"), View: companiesView{mine, who.Operator()}, Wide: true})
	}
}

type companiesView struct {
	Companies []registry.Company
	Operator  bool
}

// page is what every page of a company has. Views embed it.
type page struct {
	Company registry.Company
	Notice  *web.Message
	Alert   *web.Message
	who     *auth.Principal
	zone    *time.Location
	now     time.Time
}

// At is a time in the viewer's zone.
func (p page) At(t time.Time) time.Time { return t.In(p.zone) }

// May reports whether the viewer has a right, for what a page offers.
func (p page) May(right string) bool { return p.who.May(auth.Right(right), p.Company.ID) }

// To is the address of another page of the company.
func (p page) To(parts ...any) string {
	out := root + "/" + p.Company.Key
	for _, s := range parts {
		out += "/" + url.PathEscape(fmt.Sprint(s))
	}
	return out
}

// Ago says how long ago something was, in the largest unit that fits.
func (p page) Ago(t time.Time) *web.Message { return span("admin.ago.", p.now.Sub(t)) }

// In says how long it is until something.
func (p page) In(t time.Time) *web.Message { return span("admin.in.", t.Sub(p.now)) }

// Took says how long something lasted.
func (p page) Took(from, to time.Time) *web.Message { return span("admin.took.", to.Sub(from)) }

// span puts a length of time into words.
func span(prefix string, d time.Duration) *web.Message {
	switch {
	case d < time.Second:
		return web.Say(prefix + "now")
	case d < 2*time.Minute:
		return web.Say(prefix+"seconds", "Count", int(d.Seconds()))
	case d < 2*time.Hour:
		return web.Say(prefix+"minutes", "Count", int(d.Minutes()))
	case d < 48*time.Hour:
		return web.Say(prefix+"hours", "Count", int(d.Hours()))
	}
	return web.Say(prefix+"days", "Count", int(d.Hours()/24))
}

func (h *Handlers) page(v *visit) page {
	p := page{Company: v.company, who: v.who, zone: v.zone, now: h.Now()}
	if done := v.r.URL.Query().Get("done"); doneWords[done] {
		p.Notice = web.Say("admin.done." + done)
	}
	return p
}

// doneWords are what a page may say was done before it was opened.
var doneWords = map[string]bool{
	"approved": true, "cancelled": true, "rejected": true, "retried": true, "started": true, "previewed": true, "paused": true, "resumed": true,
	"created": true, "created.held": true, "created.mute": true, "linked": true, "joined": true, "left": true,
	"signedout": true, "factorless": true, "removed": true, "grouped": true, "default": true, "departed": true, "contracted": true, "ended": true,
	"domained": true, "proven": true, "vouched": true, "letin": true, "refused": true, "rights": true, "operator": true, "unoperator": true,
	"invited": true, "blocked": true, "unblocked": true, "protected": true, "unprotected": true, "synced": true, "revoked": true, "tied": true,
	"changed": true, "closed": true, "opened": true, "deleted": true, "client_revoked": true, "hook_enabled": true, "hook_disabled": true, "replayed": true,
	"replayed_none": true, "released": true, "mail_cancelled": true, "resent": true,
	"scheduled": true, "unscheduled": true, "schedule_returned": true, "parting": true,
	"merged": true, "separated": true, "erased": true, "lifted": true,
}

// show renders a page of the company.
func (h *Handlers) show(v *visit, template string, title *web.Message, view any) {
	h.showPage(v, web.Page{Template: template, Title: title, View: view})
}

// showPage is show for a page with more to say about itself.
func (h *Handlers) showPage(v *visit, p web.Page) {
	p.Wide, p.Nav = true, v.nav()
	h.Show(v.w, v.r, p)
}

// missing answers for something there is not, or an error.
func (h *Handlers) missing(v *visit, err error) {
	v.outcome = registry.CodeInternal
	if errors.Is(err, registry.ErrNotFound) {
		v.outcome = registry.CodeNotFound
		h.Refuse(v.w, v.r, http.StatusNotFound)
		return
	}
	v.outcome = registry.CodeInternal
	h.Fail(v.w, v.r, err)
}

// back leads to a page after something was done.
func (v *visit) back(done string, parts ...any) {
	to := page{Company: v.company}.To(parts...)
	if done != "" {
		to += "?done=" + url.QueryEscape(done)
	}
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
}
