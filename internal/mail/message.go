package mail

import "time"

// Kind is a type of mail.
type Kind string

// The mails usher sends.
const (
	// KindSetup invites a new person to set the first password.
	KindSetup Kind = "setup"
	// KindReset lets a person choose a new password.
	KindReset Kind = "reset"
	// KindPasswordChanged tells a person that the password was changed.
	KindPasswordChanged Kind = "passwordChanged"
	// KindSyncHeld tells an admin that a run waits for a decision.
	KindSyncHeld Kind = "syncHeld"
	// KindSyncQuarantined tells an admin that a source cannot be read.
	KindSyncQuarantined Kind = "syncQuarantined"
	// KindSyncRecovered tells an admin that it can be read again.
	KindSyncRecovered Kind = "syncRecovered"
	// KindWebhookDisabled tells an admin that nothing is sent to a webhook any more.
	KindWebhookDisabled Kind = "webhookDisabled"
	// KindTokenExpiring tells an admin that a connection's token ends soon.
	KindTokenExpiring Kind = "tokenExpiring"
	// KindDigest tells what happened since the last one and what waits.
	KindDigest Kind = "digest"
	// KindContactIdle tells somebody who once wrote that what is known of them will
	// be deleted.
	KindContactIdle Kind = "contactIdle"
	// KindContactsArrive tells an admin that people without an account write.
	KindContactsArrive Kind = "contactsArrive"
)

// Message is all that rendering a mail needs.
type Message struct {
	Kind Kind
	// Locale is the person's language, CompanyLocale the company's: BCP 47 tags
	// or, as directories keep them, a list in the form of Accept-Language.
	Locale, CompanyLocale string
	CompanyName           string
	DisplayName           string
	UserName              string
	// URL is where the button leads; KindPasswordChanged has none.
	URL string
	// Expires is when the link stops working.
	Expires time.Time
	// At is when what the mail tells of happened.
	At time.Time
	// Data are further values: of a notice about a source, Source and Run, and a
	// fact for each key that the catalogue has a label for.
	Data map[string]string
}

// Content is a rendered mail in one language.
type Content struct {
	// Language is the BCP 47 tag of the language it is in: en, it or ru.
	Language            string
	Subject, HTML, Text string
}

// Outgoing is a mail ready to be sent.
type Outgoing struct {
	// To is the recipient's bare address.
	To string
	// MessageID is given by the caller, without angle brackets, so that a retry
	// carries the same one.
	MessageID string
	// Date is the mail's date.
	Date time.Time
	Content
}

// The mails of registration. They hold nothing that an applicant typed, but for
// KindApplicant, which goes to those who decide.
const (
	// KindRegistration confirms a registration: its link sets the first password.
	KindRegistration Kind = "registration"
	// KindRegistrationWaits tells an applicant that somebody has to look at it.
	KindRegistrationWaits Kind = "registrationWaits"
	// KindRegistrationRefused tells an applicant that it came to nothing.
	KindRegistrationRefused Kind = "registrationRefused"
	// KindApplicant tells who decides that somebody waits.
	KindApplicant Kind = "applicantWaits"
)
