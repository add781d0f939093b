package admin

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var personRoutes = []route{
	{"GET /people/{id}", auth.RightRead, "", (*Handlers).person},
	{"GET /people/{id}/report", auth.RightRead, "", (*Handlers).exportPerson},
	{"POST /people/{id}/invite", auth.RightOperate, "person.invite", (*Handlers).invite},
	{"POST /people/{id}/block", auth.RightOperate, "person.block", (*Handlers).block},
	{"POST /people/{id}/unblock", auth.RightOperate, "person.unblock", (*Handlers).unblock},
	{"POST /people/{id}/activate", auth.RightOperate, "person.activate", (*Handlers).letIn},
	{"POST /people/{id}/protect", auth.RightOperate, "person.protect", (*Handlers).protect},
	{"POST /people/{id}/unprotect", auth.RightOperate, "person.unprotect", (*Handlers).unprotect},
	{"POST /people/{id}/link", auth.RightManage, "person.link", (*Handlers).linkPerson},
	{"POST /people/{id}/sync", auth.RightOperate, "run.one", (*Handlers).syncPerson},
	{"POST /people/{id}/join", auth.RightOperate, "group.add", (*Handlers).joinGroup},
	{"POST /people/{id}/leave", auth.RightOperate, "group.remove", (*Handlers).leaveGroup},
	{"POST /people/{id}/signout", auth.RightOperate, registry.DeedSessionEnd, (*Handlers).signOut},
	{"POST /people/{id}/factors", auth.RightManage, registry.DeedFactorReset, (*Handlers).resetFactors},
	{"POST /people/{id}/remove", auth.RightManage, "person.remove", (*Handlers).removePerson},
}

// personView is everything about one person.
type personView struct {
	page
	*Person
	Timeline []line
	Older    string
	Sources  []Source
	Single   *Single
	Looked   string // at which source
	Report   report
	// Typed is what was filled in on the page and could not be done.
	Typed struct{ Group, Source, Anchor string }
}

// line is one change in a person's history.
type line struct {
	registry.ChangeRow
	Values []change
}

func (h *Handlers) findPerson(v *visit) (*Person, bool) {
	p, err := v.desk.Person(v.ctx(), v.r.PathValue("id"))
	if err != nil {
		h.missing(v, err)
		return nil, false
	}
	return p, true
}

func (h *Handlers) person(v *visit) {
	if p, ok := h.findPerson(v); ok {
		h.showPerson(v, p, personView{page: h.page(v)})
	}
}

func (h *Handlers) showPerson(v *visit, p *Person, view personView) {
	view.Person, view.Report = p, v.report(nil, "people", p.PublicID, "report")
	if err := h.fillPerson(v, p, &view); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	h.show(v, "admin_person", web.Say("admin.person.title", "Name", p.DisplayName()), view)
}

func (h *Handlers) fillPerson(v *visit, p *Person, view *personView) error {
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	const lines = 20
	changes, err := v.desk.Changes(v.ctx(), registry.ChangeQuery{User: p.ID, Before: before, Limit: lines + 1})
	if err != nil {
		return fmt.Errorf("list changes: %w", err)
	}
	if len(changes) > lines {
		changes = changes[:lines]
		view.Older = with(v.r, "before", fmt.Sprint(changes[lines-1].ID)) + "#timeline"
	}
	for _, c := range changes {
		view.Timeline = append(view.Timeline, line{c, changesOf(c.Payload)})
	}
	if view.Sources, err = v.desk.Sources(v.ctx()); err != nil {
		return fmt.Errorf("list sources: %w", err)
	}
	return nil
}

// exportPerson gives the whole history of a person.
func (h *Handlers) exportPerson(v *visit) {
	if p, ok := h.findPerson(v); ok {
		h.export(v, Export{Operation: "listPersonChanges", Path: map[string]string{"person": p.PublicID}})
	}
}

// Gone reports whether the person is deleted.
func (v personView) Gone() bool { return !v.DeletedAt.IsZero() }

// Erased reports whether nothing of a deleted person is left but an id.
func (v personView) Erased() bool { return erased(v.User) }

// Erased reports whether nothing of a deleted person is left but an id.
func (r PersonRow) Erased() bool { return erased(r.User) }

// erased: what is left then is a userName made of the id.
func erased(u *registry.User) bool { return !u.DeletedAt.IsZero() && len(u.Attributes) <= 1 }

// Contact reports whether the person is a living contact without an account.
func (v personView) Contact() bool { return v.State() == registry.StateContact }

// Awaits reports whether the person has yet to be activated.
func (v personView) Awaits() bool { return v.Blocks&registry.BlockActivation != 0 }

// Barred reports whether an admin blocked the person.
func (v personView) Barred() bool { return v.Blocks&registry.BlockAdmin != 0 }

// Removable reports whether the person was made by hand and can be ended by hand.
func (v personView) Removable() bool { return !v.Gone() && v.Owner.Kind == registry.OriginAdmin }

// Setup is the last set-up mail, nil for none.
func (v personView) Setup() *Mail {
	for i, m := range v.Mails {
		if m.Kind == "setup" {
			return &v.Mails[i]
		}
	}
	return nil
}

// ByHand reports whether an admin says so, among others.
func (p page) ByHand(origins []registry.Origin) bool {
	return slices.ContainsFunc(origins, func(o registry.Origin) bool { return o.Kind == registry.OriginAdmin })
}

// Anchored is the name by which a source would find the person, their userName
// where none is tied.
func (p *Person) Anchored(source string) string {
	for _, t := range p.Ties {
		if t.Origin.Key == source && t.Origin.Kind.Pulled() {
			return t.Link.Anchor
		}
	}
	return p.UserName()
}

// syncPerson looks at the person at one source, and does what a run would do
// unless it is a preview.
func (h *Handlers) syncPerson(v *visit) {
	p, ok := h.findPerson(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	view := personView{page: h.page(v)}
	if view.Single, view.Looked, view.Alert, ok = h.single(v, p.Anchored(v.filled("source"))); !ok {
		return
	}
	if p, ok = h.findPerson(v); ok {
		h.showPerson(v, p, view)
	}
}

// tried leads back after something was done to a person; what was refused is said
// on the page, which keeps what was typed.
func (h *Handlers) tried(v *visit, p *Person, err error, done string, view personView) {
	var refused *Refusal
	switch {
	case errors.As(err, &refused):
		v.outcome, view.page = refused.Code, h.page(v)
		view.Alert = web.Say("admin.refused", "Reason", refused.Reason)
		h.showPerson(v, p, view)
	case err != nil:
		h.missing(v, err)
	default:
		v.back(done, "people", p.PublicID)
	}
}

// onPerson does something to a person and leads back.
func (h *Handlers) onPerson(v *visit, done string, act func(*Person) error) {
	if p, ok := h.findPerson(v); ok {
		h.tried(v, p, act(p), done, personView{})
	}
}

// operate carries one operation on a person out.
func (h *Handlers) operate(v *visit, done string, op func(registry.UserID) registry.Op) {
	h.onPerson(v, done, func(p *Person) error {
		_, err := v.desk.Do(v.ctx(), v.who.Actor, op(p.ID))
		return err
	})
}

func (h *Handlers) invite(v *visit) {
	h.onPerson(v, "invited", func(p *Person) error { return v.desk.Invite(v.ctx(), v.who.Actor, p.ID) })
}

func (h *Handlers) block(v *visit) {
	h.operate(v, "blocked", func(id registry.UserID) registry.Op { return registry.SetBlocks{User: id, Set: registry.BlockAdmin} })
}

func (h *Handlers) unblock(v *visit) {
	h.operate(v, "unblocked", func(id registry.UserID) registry.Op {
		return registry.SetBlocks{User: id, Clear: registry.BlockAdmin}
	})
}

func (h *Handlers) letIn(v *visit) {
	h.operate(v, "unblocked", func(id registry.UserID) registry.Op {
		return registry.SetBlocks{User: id, Clear: registry.BlockActivation}
	})
}

func (h *Handlers) protect(v *visit) {
	h.operate(v, "protected", func(id registry.UserID) registry.Op { return registry.SetProtected{User: id, On: true} })
}

func (h *Handlers) unprotect(v *visit) {
	h.operate(v, "unprotected", func(id registry.UserID) registry.Op { return registry.SetProtected{User: id} })
}

// linkPerson ties a person to an entry of a directory.
func (h *Handlers) linkPerson(v *visit) {
	p, ok := h.findPerson(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	view := personView{}
	view.Typed.Source, view.Typed.Anchor = v.filled("source"), v.filled("anchor")
	err := v.desk.Link(v.ctx(), v.who.Actor, view.Typed.Source, view.Typed.Anchor, p.ID, v.filled("end_password") != "")
	h.tried(v, p, err, "linked", view)
}

// joinGroup pins a person to a group; no directory takes that back.
func (h *Handlers) joinGroup(v *visit) {
	h.changeGroup(v, "joined", func(op *registry.PatchMembers, id registry.UserID) { op.AddUsers = []registry.UserID{id} })
}

// leaveGroup takes back that an admin pinned a person to a group.
func (h *Handlers) leaveGroup(v *visit) {
	h.changeGroup(v, "left", func(op *registry.PatchMembers, id registry.UserID) { op.RemoveUsers = []registry.UserID{id} })
}

func (h *Handlers) changeGroup(v *visit, done string, what func(*registry.PatchMembers, registry.UserID)) {
	p, ok := h.findPerson(v)
	if !ok || !h.Form(v.w, v.r) {
		return
	}
	view := personView{}
	view.Typed.Group = v.filled("group")
	g, err := v.desk.FindGroup(v.ctx(), view.Typed.Group)
	if err == nil {
		v.subject = "groups/" + g.PublicID + " people/" + p.PublicID
		op := registry.PatchMembers{Group: g.ID}
		what(&op, p.ID)
		_, err = v.desk.Do(v.ctx(), v.who.Actor, op)
	}
	h.tried(v, p, err, done, view)
}

func (h *Handlers) signOut(v *visit) {
	h.onPerson(v, "signedout", func(p *Person) error {
		_, err := v.desk.EndSessions(v.ctx(), v.who, p.ID)
		v.written = err == nil
		return err
	})
}

func (h *Handlers) resetFactors(v *visit) {
	h.onPerson(v, "factorless", func(p *Person) error {
		_, err := v.desk.ResetFactors(v.ctx(), v.who, p.ID)
		v.written = err == nil
		return err
	})
}

// removePerson ends somebody who was made by hand, once that is confirmed.
func (h *Handlers) removePerson(v *visit) {
	if !h.Form(v.w, v.r) {
		return
	}
	h.onPerson(v, "removed", func(p *Person) error {
		if v.filled("sure") == "" {
			return &Refusal{registry.CodeInvalidValue, registry.Say("tick the box to confirm it")}
		}
		_, err := v.desk.Do(v.ctx(), v.who.Actor, registry.RemoveUser{User: p.ID})
		return err
	})
}
