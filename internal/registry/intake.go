package registry

import "time"

// IntakeMessage is a message by which somebody was, or was not, recognised.
type IntakeMessage struct {
	Origin OriginID
	// Key is what makes the message the same when it comes again.
	Key string
	// Sender is the address it claims to be from, "" for none or once forgotten.
	Sender string
	User   UserID // 0 for nobody
	// Created is true when the message made the person.
	Created bool
	// Outcome is known, new, or the code of why the message made nobody.
	Outcome string
	// Verdict is what is known of the sender's authenticity.
	Verdict string
	At      time.Time
}

// The notices about contacts.
const (
	// NoticeContactIdle tells a contact that it will be forgotten.
	NoticeContactIdle NoticeKind = "contactIdle"
	// NoticeContactsArrive tells admins that people who have no account write.
	NoticeContactsArrive NoticeKind = "contactsArrive"
)
