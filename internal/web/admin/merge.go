package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var mergeRoutes = []route{
	{"GET /people/{id}/merge", auth.RightOperate, "", (*Handlers).mergePage},
	{"POST /people/{id}/merge", auth.RightOperate, "person.merge", (*Handlers).merge},
	{"POST /people/{id}/merge/undo", auth.RightOperate, "person.unmerge", (*Handlers).undoMerge},
	{"GET /people/{id}/export", auth.RightPrivacy, "", (*Handlers).exportPage},
	{"POST /people/{id}/export", auth.RightPrivacy, "person.export", (*Handlers).exportHeld},
	{"GET /people/{id}/erase", auth.RightPrivacy, "", (*Handlers).erasePage},
	{"POST /people/{id}/erase", auth.RightPrivacy, "person.erase", (*Handlers).erase},
	{"POST /people/{id}/lift", auth.RightPrivacy, "person.lift_erasure", (*Handlers).lift},
}

// mergeView is two people side by side, and what was merged before.
type mergeView struct {
	page
	*Person
	With, Reason string // as typed
	Preview      *MergePreview
	Merges       []Merge
}

// Living reports whether there is somebody to merge into.
func (v mergeView) Living() bool { return v.DeletedAt.IsZero() }

func (h *Handlers) mergePage(v *visit) {
	if p, ok := h.findPerson(v); ok {
		q := v.r.URL.Query()
		h.showMerge(v, mergeView{page: h.page(v), Person: p, With: strings.TrimSpace(q.Get("with")), Reason: q.Get("reason")})
	}
}

// showMerge shows what merging with whom is named would do.
func (h *Handlers) showMerge(v *visit, view mergeView) {
	var err error
	if view.With != "" {
		if err = h.preview(v, &view); err != nil {
			h.Fail(v.w, v.r, err)
			return
		}
	}
	if view.Merges, err = v.desk.Merges(v.ctx(), view.ID); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_merge", web.Say("admin.merge.title", "Name", view.DisplayName()), view)
}

// preview fills in what a merge would do, or that there is no such person.
func (h *Handlers) preview(v *visit, view *mergeView) error {
	loser, err := v.desk.FindPerson(v.ctx(), view.With)
	if errors.Is(err, registry.ErrNotFound) {
		view.Alert = web.Say("admin.merge.nobody", "Who", view.With)
		return nil
	}
	if err != nil {
		return err
	}
	view.Preview, err = v.desk.PreviewMerge(v.ctx(), view.User, loser)
	return err
}

func (h *Handlers) merge(v *visit) {
	p, ok := h.findPerson(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	with, reason := v.r.PostForm.Get("with"), strings.TrimSpace(v.r.PostForm.Get("reason"))
	loser, err := v.desk.FindPerson(v.ctx(), with)
	if err == nil {
		err = v.desk.Merge(v.ctx(), v.who.Actor, p.User, loser, reason)
	}
	var refused *Refusal
	switch {
	case errors.As(err, &refused), errors.Is(err, registry.ErrNotFound):
		// The page says what stands against it, with what was typed.
		v.outcome = registry.CodeNotFound
		if refused != nil {
			v.outcome = refused.Code
		}
		h.showMerge(v, mergeView{page: h.page(v), Person: p, With: with, Reason: reason})
	default:
		h.did(v, err, "merged", "people", p.PublicID, "merge")
	}
}

func (h *Handlers) undoMerge(v *visit) {
	p, ok := h.findPerson(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	h.did(v, v.desk.UndoMerge(v.ctx(), v.who.Actor, v.r.PostForm.Get("merge")), "separated", "people", p.PublicID, "merge")
}

// leavingView is a page about what is held on a person.
type leavingView struct {
	page
	*Person
	Kept  int64
	Typed string
}

// Erased reports whether nothing of the person is left but an id.
func (v leavingView) Erased() bool { return v.WasErased() }

func (h *Handlers) exportPage(v *visit) {
	if p, ok := h.findPerson(v); ok {
		h.show(v, "admin_person_export", web.Say("admin.whole.title", "Name", p.DisplayName()), leavingView{page: h.page(v), Person: p})
	}
}

// exportHeld gives everything that is held on a person, as it is read.
func (h *Handlers) exportHeld(v *visit) {
	p, ok := h.findPerson(v)
	if !ok {
		return
	}
	v.w.Header().Set("Content-Type", "application/json")
	v.w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "person-"+p.PublicID+".json"))
	v.w.Header().Set("Cache-Control", "no-store")
	if err := v.desk.ExportPerson(v.ctx(), p.User, v.w); err != nil {
		h.Log.ErrorContext(v.ctx(), "export person", "request_id", v.who.Request, "error", err)
		panic(http.ErrAbortHandler) // a file that breaks off must not look whole
	}
}

func (h *Handlers) erasePage(v *visit) {
	if p, ok := h.findPerson(v); ok {
		h.showErase(v, leavingView{page: h.page(v), Person: p})
	}
}

func (h *Handlers) showErase(v *visit, view leavingView) {
	var err error
	if view.Kept, err = v.desk.Kept(v.ctx(), view.ID); err != nil {
		h.missing(v, err)
		return
	}
	h.show(v, "admin_person_erase", web.Say("admin.erase.title", "Name", view.DisplayName()), view)
}

// erase asks for the name to be typed: there is no undoing it.
func (h *Handlers) erase(v *visit) {
	p, ok := h.findPerson(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	typed := strings.TrimSpace(v.r.PostForm.Get("name"))
	if registry.Key(typed) != registry.Key(p.UserName()) {
		v.outcome = registry.CodeInvalidValue
		view := leavingView{page: h.page(v), Person: p, Typed: typed}
		view.Alert = web.Say("admin.erase.mistyped", "Name", p.UserName())
		h.showErase(v, view)
		return
	}
	h.did(v, v.desk.Erase(v.ctx(), v.who.Actor, p.User), "erased", "people", p.PublicID, "erase")
}

func (h *Handlers) lift(v *visit) {
	if p, ok := h.findPerson(v); ok {
		h.did(v, v.desk.LiftErasure(v.ctx(), v.who.Actor, p.User), "lifted", "people", p.PublicID, "erase")
	}
}
