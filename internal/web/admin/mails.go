package admin

import (
	"fmt"
	"strconv"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var mailRoutes = []route{
	{"GET /mails", auth.RightRead, "", (*Handlers).mails},
	{"GET /mails/export", auth.RightRead, "", (*Handlers).exportMails},
	{"POST /mails/release", auth.RightOperate, "mail.release_all", (*Handlers).releaseMails},
	{"GET /mails/{mail}", auth.RightRead, "", (*Handlers).mail},
	{"POST /mails/{mail}/release", auth.RightOperate, "mail.release", (*Handlers).releaseMail},
	{"POST /mails/{mail}/cancel", auth.RightOperate, "mail.cancel", (*Handlers).cancelMail},
	{"POST /mails/{mail}/resend", auth.RightOperate, "mail.resend", (*Handlers).resendMail},
}

// mailsView is a page of mails, the newest first.
type mailsView struct {
	page
	Mails  []Mail
	Counts map[string]int64
	States []string
	State  string
	// Person is the id of whom they are for, "" for everybody.
	Person, PersonName string
	CSV, JSON          string
	Older              string
}

func (h *Handlers) mails(v *visit) {
	query := v.r.URL.Query()
	view := mailsView{page: h.page(v), States: []string{"queued", "held", "sent", "failed", "cancelled"}, State: query.Get("state"), Person: query.Get("person")}
	q := registry.MailQuery{State: view.State, Limit: perPage + 1}
	q.Before, _ = strconv.ParseInt(query.Get("before"), 10, 64)
	if view.Person != "" {
		p, err := v.desk.Person(v.ctx(), view.Person)
		if err != nil {
			h.missing(v, err)
			return
		}
		q.User, view.PersonName = p.ID, p.UserName()
	}
	var err error
	if view.Mails, err = v.desk.Mails(v.ctx(), q); err != nil {
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
	view.CSV, view.JSON = v.whole(view.To("mails", "export"), "state", "person")
	h.show(v, "admin_mails", web.Say("admin.mails.title"), view)
}

func (h *Handlers) exportMails(v *visit) {
	h.export(v, Export{Operation: "listMails", Query: v.only("state", "person")})
}

// mailView is one mail with its tries.
type mailView struct {
	page
	Mail
}

// Waits reports whether the mail is yet to be sent.
func (v mailView) Waits() bool { return v.State == "queued" || v.State == "held" }

// Over reports whether the mail can be sent once more.
func (v mailView) Over() bool { return v.State == "sent" || v.State == "failed" }

func (h *Handlers) findMail(v *visit) (Mail, bool) {
	m, err := v.desk.Mail(v.ctx(), v.r.PathValue("mail"))
	if err != nil {
		h.missing(v, err)
	}
	return m, err == nil
}

func (h *Handlers) mail(v *visit) {
	if m, ok := h.findMail(v); ok {
		h.show(v, "admin_mail", web.Say("admin.mail.title", "To", m.To), mailView{h.page(v), m})
	}
}

func (h *Handlers) releaseMails(v *visit) {
	_, err := v.desk.ReleaseMails(v.ctx())
	h.did(v, err, "released", "mails")
}

func (h *Handlers) releaseMail(v *visit) {
	if m, ok := h.findMail(v); ok {
		h.did(v, v.desk.ReleaseMail(v.ctx(), m.MessageID), "released", "mails", m.MessageID)
	}
}

func (h *Handlers) cancelMail(v *visit) {
	if m, ok := h.findMail(v); ok {
		h.did(v, v.desk.CancelMail(v.ctx(), m.MessageID, v.who.Actor), "mail_cancelled", "mails", m.MessageID)
	}
}

func (h *Handlers) resendMail(v *visit) {
	if m, ok := h.findMail(v); ok {
		h.did(v, v.desk.ResendMail(v.ctx(), m.MessageID), "resent", "mails", m.MessageID)
	}
}
