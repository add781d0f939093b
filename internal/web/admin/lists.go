package admin

import (
	"fmt"
	"strconv"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var listRoutes = []route{
	{"GET /mails", auth.RightRead, "", (*Handlers).mails},
	{"GET /audit", auth.RightRead, "", (*Handlers).audit},
	{"GET /reasons", auth.RightRead, "", (*Handlers).reasons},
}

// mailsView is a page of mails, the newest first.
type mailsView struct {
	page
	Mails  []Mail
	Counts map[string]int64
	States []string
	State  string
	Older  string
}

func (h *Handlers) mails(v *visit) {
	view := mailsView{page: h.page(v), States: []string{"queued", "held", "sent", "failed", "cancelled"}, State: v.r.URL.Query().Get("state")}
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	var err error
	if view.Mails, err = v.desk.Mails(v.ctx(), registry.MailQuery{State: view.State, Before: before, Limit: perPage + 1}); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if view.Counts, err = v.desk.MailCounts(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.Mails) > perPage {
		view.Mails = view.Mails[:perPage]
		view.Older = with(v.r, "before", fmt.Sprint(view.Mails[perPage-1].ID))
	}
	h.show(v, "admin_mails", web.Say("admin.mails.title"), view)
}

// auditView is a page of what was done, the newest first.
type auditView struct {
	page
	Deeds  []registry.Deed
	Action string
	Older  string
}

func (h *Handlers) audit(v *visit) {
	view := auditView{page: h.page(v), Action: v.r.URL.Query().Get("action")}
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64)
	var err error
	if view.Deeds, err = v.desk.Deeds(v.ctx(), registry.DeedQuery{Action: view.Action, Before: before, Limit: perPage + 1}); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(view.Deeds) > perPage {
		view.Deeds = view.Deeds[:perPage]
		view.Older = with(v.r, "before", fmt.Sprint(view.Deeds[perPage-1].ID))
	}
	h.show(v, "admin_audit", web.Say("admin.audit.title"), view)
}
