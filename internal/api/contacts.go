package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Recognised says who somebody is to the registry.
type Recognised struct {
	ID          string `json:"id" doc:"The person's id"`
	UserName    string `json:"user_name"`
	Name        string `json:"name"`
	Association string `json:"association" enum:"weak,strong" doc:"weak is a contact without an account, strong an account"`
	State       string `json:"state"`
	New         bool   `json:"new" doc:"The person was not known before"`
}

// RecogniseInput is what a helpdesk knows of somebody. An address or both Teams ids
// are needed.
type RecogniseInput struct {
	Body struct {
		Email       string `json:"email,omitempty" doc:"The person's address"`
		GivenName   string `json:"given_name,omitempty"`
		FamilyName  string `json:"family_name,omitempty"`
		DisplayName string `json:"display_name,omitempty"`
		Phone       string `json:"phone,omitempty"`
		Locale      string `json:"locale,omitempty" doc:"The person's language, as a BCP 47 tag"`
		TeamsTenant string `json:"teams_tenant,omitempty" doc:"The tenant's id in Microsoft Teams"`
		TeamsObject string `json:"teams_object,omitempty" doc:"The person's object id there"`
		Reason      string `json:"reason,omitempty" doc:"Why, for the record: a ticket, an asset"`
	} `in:"body"`
}

// MailIntakeInput is a message that somebody sent.
type MailIntakeInput struct {
	Body struct {
		Message string `json:"message" doc:"The message as it arrived (RFC 5322), in base64"`
		Mailbox string `json:"mailbox,omitempty" doc:"The address it came for"`
	} `in:"body"`
}

// Sender is who wrote a message, or why it made nobody.
type Sender struct {
	Outcome     string   `json:"outcome" doc:"known, new, or the code of why the message made nobody"`
	ID          string   `json:"id,omitempty" doc:"The person's id"`
	Name        string   `json:"name,omitempty"`
	Association string   `json:"association,omitempty" enum:"weak,strong"`
	New         bool     `json:"new" doc:"The person was not known before"`
	Address     string   `json:"address,omitempty" doc:"The address that the message claims to be from"`
	Verdict     string   `json:"verdict,omitempty" doc:"What is known of that claim"`
	Candidates  []string `json:"candidates,omitempty" doc:"The ids of those it could be, where that cannot be told"`
}

// Intake is what a message made.
type Intake struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	From    *Origin   `json:"from,omitempty" doc:"The door it came by"`
	Sender  string    `json:"sender,omitempty" doc:"The address that it claims to be from; missing once it is forgotten"`
	Outcome string    `json:"outcome" doc:"known, new, or the code of why the message made nobody"`
	Verdict string    `json:"verdict,omitempty" doc:"What is known of the sender's claim"`
	Person  string    `json:"person,omitempty" doc:"The person's id"`
	Name    string    `json:"name,omitempty"`
	Created bool      `json:"created" doc:"It made the person"`
}

// ListIntakeInput filters messages.
type ListIntakeInput struct {
	Paging
	Outcome string `in:"query" name:"outcome" doc:"known, new, or a code"`
}

// PromoteInput makes an account of a contact.
type PromoteInput struct {
	PersonInput
	Body struct {
		UserName   string `json:"user_name" doc:"What the person will sign in with"`
		GivenName  string `json:"given_name,omitempty" doc:"In place of what a door guessed"`
		FamilyName string `json:"family_name,omitempty"`
		Locale     string `json:"locale,omitempty" doc:"Language of mails and pages, such as it"`
		NewAccount
	} `in:"body"`
}

// Contacts recognise people who may have no account, and make contacts of those
// who are unknown.
type Contacts interface {
	Recognise(ctx context.Context, who *Who, in RecogniseInput) (Recognised, error)
	IntakeMail(ctx context.Context, who *Who, in MailIntakeInput) (Sender, error)
	PromoteContact(ctx context.Context, who *Who, in PromoteInput) (Person, error)
	ListIntake(ctx context.Context, who *Who, in ListIntakeInput) (Page[Intake], error)
}

func contactRoutes(d Contacts) []Route {
	const tag = "contacts"
	return []Route{
		On(Route{Method: http.MethodPost, Pattern: "/contacts", Right: auth.RightContacts, ID: "recognise", Tag: tag, Deed: "contact.recognise",
			Codes: []registry.Code{registry.CodeAmbiguous}, Summary: "Who somebody is; whoever is unknown becomes a contact",
			Notes: "A known person is found and not made again. A program's word proves no address."}, d.Recognise),
		On(Route{Method: http.MethodPost, Pattern: "/intake/mail", Right: auth.RightContacts, ID: "intakeMail", Tag: tag, Deed: "mail.take_in",
			Summary: "Who wrote a message; an unknown sender becomes a contact, a robot makes nobody",
			Notes:   "The same message may be handed over again: it makes nobody twice."}, d.IntakeMail),
		On(Route{Method: http.MethodPost, Pattern: "/people/{person}/promote", Right: auth.RightOperate, ID: "promoteContact", Tag: tag, Deed: "contact.promote",
			Summary: "Make a full account of a contact, and mail them their set-up link or hold it",
			Notes:   "The same record with its history. Nobody has proved the address: following the link does.",
			Codes:   append([]registry.Code{registry.CodeForeignOwner}, accountCodes...)}, d.PromoteContact),
		On(Route{Method: http.MethodGet, Pattern: "/intake", Right: auth.RightRead, ID: "listIntake", Tag: tag, Export: true,
			Summary: "What each message made, and why some made nobody, the newest first"}, d.ListIntake),
	}
}
