package admin

import (
	"errors"
	"slices"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var sourceRoutes = []route{
	{"GET /sources", auth.RightRead, "", (*Handlers).sources},
	{"GET /sources/{key}", auth.RightRead, "", (*Handlers).source},
	{"POST /sources/{key}/run", auth.RightOperate, "run.start", (*Handlers).startRun},
	{"POST /sources/{key}/preview", auth.RightOperate, "run.start", (*Handlers).startPreview},
	{"POST /sources/{key}/test", auth.RightOperate, "source.test", (*Handlers).testSource},
	{"POST /sources/{key}/pause", auth.RightOperate, "source.pause", (*Handlers).pauseSource},
	{"POST /sources/{key}/resume", auth.RightOperate, "source.resume", (*Handlers).resumeSource},
}

// sourcesView lists the directories that are pulled.
type sourcesView struct {
	page
	Sources []Source
	// Retired were taken out of the file.
	Retired []Retired
}

func (h *Handlers) sources(v *visit) {
	view := sourcesView{page: h.page(v)}
	var err error
	if view.Sources, err = v.desk.Sources(v.ctx()); err == nil {
		view.Retired, err = v.desk.RetiredSources(v.ctx())
	}
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_sources", web.Say("admin.sources.title"), view)
}

// sourceView is one directory: how it fares, what the file says of it, and what
// the mapping makes of its people.
type sourceView struct {
	page
	Source
	Bars []bar
	Test *Test
	// Schedules is when it runs.
	Schedules scheduleView
	// Table is the mapping on the people of the test.
	Table []mapped
}

// mapped is an attribute with its expression and what it gives for each person of
// a sample.
type mapped struct {
	Attribute, Expression string
	Cells                 []cell
}

// cell is what an expression gives for one person, and what is wrong with it.
type cell struct{ Value, Problem registry.Said }

// tableOf lays a sample out under the mapping: a row an attribute. What is wrong
// with an attribute that has no expression gets a row of its own, too.
func tableOf(mapping []Setting, sample []Sample) (out []mapped) {
	rows := slices.Clone(mapping)
	for _, s := range sample {
		for _, x := range slices.Concat(s.Values, s.Problems) {
			if x.Name != "" && !slices.ContainsFunc(rows, func(r Setting) bool { return r.Name == string(x.Name) }) {
				rows = append(rows, Setting{Name: string(x.Name)})
			}
		}
	}
	for _, r := range rows {
		m := mapped{Attribute: r.Name, Expression: r.Value}
		for _, s := range sample {
			m.Cells = append(m.Cells, cell{of(s.Values, r.Name), of(s.Problems, r.Name)})
		}
		out = append(out, m)
	}
	return out
}

// of joins what a list says of a name.
func of(list []Evidence, name string) registry.Said {
	var out []registry.Said
	for _, x := range list {
		if string(x.Name) == name {
			out = append(out, x.Value)
		}
	}
	return registry.Join(out, "; ")
}

// Suspects are what to look at where a test finds nobody.
func (v sourceView) Suspects() []string {
	if v.Origin.Kind == registry.OriginEntra {
		return []string{"scope", "consent"}
	}
	return []string{"base", "filter", "rights"}
}

// Broken is what is wrong with the entry as such, "" for nothing.
func (s Sample) Broken() registry.Said { return of(s.Problems, "") }

func (h *Handlers) findSource(v *visit) (Source, bool) {
	s, err := v.desk.Source(v.ctx(), v.r.PathValue("key"))
	if err != nil {
		h.missing(v, err)
	}
	return s, err == nil
}

func (h *Handlers) source(v *visit) {
	s, err := v.desk.Source(v.ctx(), v.r.PathValue("key"))
	switch {
	case errors.Is(err, registry.ErrNotFound):
		h.retired(v)
	case err != nil:
		h.missing(v, err)
	default:
		h.showSource(v, s, nil, nil)
	}
}

func (h *Handlers) showSource(v *visit, s Source, test *Test, refused *scheduleForm) {
	view := sourceView{page: h.page(v), Source: s, Test: test}
	view.Bars = view.bars(s.Recent, 0)
	if test != nil {
		view.Table = tableOf(s.Mapping, test.Sample)
	}
	if err := h.fillSchedule(v, &view, refused); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.showPage(v, web.Page{Template: "admin_source", Title: web.Say("admin.source.title", "Name", s.Key), View: view, Problem: view.Schedules.Form.Error != nil})
}

// testSource connects now and shows what came of it on the source's page.
func (h *Handlers) testSource(v *visit) {
	s, ok := h.findSource(v)
	if !ok {
		return
	}
	test, err := v.desk.TestSource(v.ctx(), s.Key)
	if err != nil {
		h.missing(v, err)
		return
	}
	h.showSource(v, s, &test, nil)
}

func (h *Handlers) startRun(v *visit) { h.start(v, registry.ModeRun, "started") }

func (h *Handlers) startPreview(v *visit) { h.start(v, registry.ModePreview, "previewed") }

func (h *Handlers) start(v *visit, mode, done string) {
	if s, ok := h.findSource(v); ok {
		h.begun(v, done, "sources", s.Key)(v.desk.Start(v.ctx(), s.Key, mode, v.who.Actor))
	}
}

func (h *Handlers) pauseSource(v *visit) {
	s, ok := h.findSource(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	h.did(v, v.desk.PauseSource(v.ctx(), s.Key, v.who.Actor, v.field("why")), "paused", "sources", s.Key)
}

func (h *Handlers) resumeSource(v *visit) {
	if s, ok := h.findSource(v); ok {
		h.did(v, v.desk.ResumeSource(v.ctx(), s.Key, v.who.Actor), "resumed", "sources", s.Key)
	}
}
