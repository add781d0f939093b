package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Mail is a mail to a person, with what became of it.
type Mail struct {
	ID         string     `json:"id" doc:"Its Message-ID"`
	Kind       string     `json:"kind"`
	UserName   string     `json:"user_name,omitempty" doc:"Whom it is for"`
	To         string     `json:"to"`
	State      string     `json:"state" enum:"queued,held,sent,failed,cancelled"`
	Code       string     `json:"code,omitempty" doc:"The mail server's last answer, or our reason"`
	Message    string     `json:"message,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	NextTry    *time.Time `json:"next_try,omitempty"`
	FinishedAt *time.Time `json:"finished_at,omitempty"`
	Attempts   []Attempt  `json:"attempts" doc:"The tries to deliver it, the oldest first"`
}

// Attempt is one try to deliver a mail.
type Attempt struct {
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"`
	Code    string    `json:"code,omitempty"`
	Message string    `json:"message,omitempty"`
}

// Released tells how many held mails were let go.
type Released struct {
	Released int `json:"released"`
}

// MailInput names a mail.
type MailInput struct {
	Mail string `in:"path" name:"mail" doc:"The mail's id"`
}

// ListMailsInput filters mails.
type ListMailsInput struct {
	Paging
	State  string `in:"query" name:"state" enum:"queued,held,sent,failed,cancelled"`
	Person string `in:"query" name:"person" doc:"The id of whom they are for"`
}

// Mails are the company's mails.
type Mails interface {
	ListMails(ctx context.Context, who *Who, in ListMailsInput) (Page[Mail], error)
	ShowMail(ctx context.Context, who *Who, in MailInput) (Mail, error)
	ReleaseMails(ctx context.Context, who *Who, in None) (Released, error)
	ReleaseMail(ctx context.Context, who *Who, in MailInput) (Mail, error)
	CancelMail(ctx context.Context, who *Who, in MailInput) (Mail, error)
	ResendMail(ctx context.Context, who *Who, in MailInput) (Mail, error)
}

func mailRoutes(d Mails) []Route {
	const tag, one = "mails", "/mails/{mail}"
	state := []registry.Code{registry.CodeMailState}
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/mails", Right: auth.RightRead, ID: "listMails", Tag: tag, Export: true, Codes: []registry.Code{registry.CodeNotFound}, Summary: "The mails, the newest first, with what became of each"}, d.ListMails),
		On(Route{Method: http.MethodGet, Pattern: one, Right: auth.RightRead, ID: "showMail", Tag: tag, Summary: "One mail with its tries"}, d.ShowMail),
		On(Route{Method: http.MethodPost, Pattern: "/mails/release", Right: auth.RightOperate, ID: "releaseMails", Tag: tag, Deed: "mail.release_all", Codes: []registry.Code{registry.CodeUnvouched},
			Summary: "Send all set-up mails that a first import held"}, d.ReleaseMails),
		On(Route{Method: http.MethodPost, Pattern: one + "/release", Right: auth.RightOperate, ID: "releaseMail", Tag: tag, Deed: "mail.release", Codes: append([]registry.Code{registry.CodeUnvouched}, state...),
			Summary: "Send a held mail"}, d.ReleaseMail),
		On(Route{Method: http.MethodPost, Pattern: one + "/cancel", Right: auth.RightOperate, ID: "cancelMail", Tag: tag, Deed: "mail.cancel", Codes: state,
			Summary: "Never send a mail that is held or queued"}, d.CancelMail),
		On(Route{Method: http.MethodPost, Pattern: one + "/resend", Right: auth.RightOperate, ID: "resendMail", Tag: tag, Deed: "mail.resend", Codes: state,
			Summary: "Send a mail that was sent or failed once more", Notes: "It carries the same Message-ID and the same link, if that still lives."}, d.ResendMail),
	}
}
