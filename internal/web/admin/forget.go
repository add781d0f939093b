package admin

import (
	"context"
	"slices"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// A parting comes to a held run, and goes through by the approval of that run: who
// may not approve has no use for it.
var forgetRoutes = []route{
	{"POST /sources/{key}/forget", auth.RightApprove, "source.forget", (*Handlers).forgetSource},
}

// PartingDesk is what is done with sources that were taken out of the
// configuration file.
type PartingDesk interface {
	// RetiredSources are those that still have people or groups, by key.
	RetiredSources(ctx context.Context) ([]Retired, error)
	// ForgetSource begins a run that parts from a source in one of the partings, or a
	// preview of one. Heir is the source that takes over, for "to".
	ForgetSource(ctx context.Context, key, how, heir, mode, actor string) (run int64, err error)
}

// Retired is a source that is in the configuration file no more.
type Retired struct {
	registry.Source
	// People are how many it owns, the deactivated among them.
	People int64
	// Last is its last run, nil when there was none.
	Last *registry.Run
}

// Held reports whether its last run waits for somebody.
func (r Retired) Held() bool { return r.Last != nil && r.Last.State == registry.RunHeld }

// partTrigger begins the trigger of a run that parts from a source.
const partTrigger = "forget-"

// partTo is the way to part that needs another source.
const partTo = "to"

// partings are the ways to part from a source, as `usher source forget` has them.
var partings = []string{"release", "deactivate", partTo}

// partingForm is what somebody filled in.
type partingForm struct {
	How, Heir string
	Error     *web.Message
}

// retiredView is a source that was taken out of the file, and the ways to part
// from it.
type retiredView struct {
	page
	Retired
	// Heirs are the sources that could take over.
	Heirs []string
	Form  partingForm
}

// Partings are the ways there are: nobody can take over where there is no source.
func (v retiredView) Partings() []string {
	if len(v.Heirs) == 0 {
		return partings[:len(partings)-1]
	}
	return partings
}

// findRetired finds a source that was taken out of the file.
func (h *Handlers) findRetired(v *visit) (Retired, bool) {
	all, err := v.desk.RetiredSources(v.ctx())
	key := v.r.PathValue("key")
	i := slices.IndexFunc(all, func(r Retired) bool { return r.Key == key })
	switch {
	case err != nil:
		h.missing(v, err)
	case i < 0:
		h.missing(v, registry.ErrNotFound)
	default:
		return all[i], true
	}
	return Retired{}, false
}

func (h *Handlers) retired(v *visit) {
	if r, ok := h.findRetired(v); ok {
		h.showRetired(v, r, partingForm{How: partings[0]})
	}
}

func (h *Handlers) showRetired(v *visit, r Retired, form partingForm) {
	view := retiredView{page: h.page(v), Retired: r, Form: form}
	sources, err := v.desk.Sources(v.ctx())
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	for _, s := range sources {
		view.Heirs = append(view.Heirs, s.Key)
	}
	h.showPage(v, web.Page{Template: "admin_retired", Title: web.Say("admin.source.title", "Name", r.Key), View: view, Problem: form.Error != nil})
}

func (h *Handlers) forgetSource(v *visit) {
	r, ok := h.findRetired(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	form := partingForm{How: v.field("how"), Heir: v.field("heir")}
	mode, done := registry.ModeRun, "parting"
	if v.field("preview") != "" {
		mode, done = registry.ModePreview, "previewed"
	}
	switch {
	case !slices.Contains(partings, form.How):
		form.Error = web.Say("admin.retired.how.missing")
	case form.How == partTo && form.Heir == "":
		form.Error = web.Say("admin.retired.heir.missing")
	}
	if form.Error == nil {
		run, err := v.desk.ForgetSource(v.ctx(), r.Key, form.How, form.Heir, mode, v.who.Actor)
		if form.Error = v.refusal(err); form.Error == nil {
			h.begun(v, done, "sources", r.Key)(run, err)
			return
		}
	} else {
		v.outcome = registry.CodeInvalidValue
	}
	h.showRetired(v, r, form)
}

// retiredNeeds says that people wait for a word about their source.
func (p page) retiredNeeds(all []Retired) (out []attention) {
	for _, r := range all {
		if r.Held() {
			out = append(out, attention{heldNeeds(r.Key, r.Last), p.To("runs", r.Last.Number), "decide", true})
			continue
		}
		out = append(out, attention{web.Say("admin.needs.retired", "Name", r.Key, "Count", r.People), p.To("sources", r.Key), "decide", false})
	}
	return out
}
