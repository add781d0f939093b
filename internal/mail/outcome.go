package mail

import (
	"context"
	"errors"
	"net"
	"net/textproto"
	"regexp"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/usherd/usher/internal/registry"
)

// Status says what became of a mail that was to be sent.
type Status uint8

// What can become of a mail.
const (
	// NotTried: the server never heard of this mail, because the connection
	// could not be made or ended before its turn.
	NotTried Status = iota
	// Delivered: the server took responsibility for it.
	Delivered
	// Refused: the server will not deliver to this person; trying again is of
	// no use.
	Refused
	// Temporary: it did not go through and is worth another try.
	Temporary
)

// String names the status for logs and pages.
func (s Status) String() string {
	return [...]string{"not tried", "delivered", "refused", "temporary"}[s]
}

// Outcome is what became of one mail.
type Outcome struct {
	Status Status
	// Code is the server's reply code (RFC 5321 section 4.2), 0 if it gave none.
	Code int
	// Enhanced is the status of RFC 3463, such as "5.1.1", or "".
	Enhanced string
	// Text is the server's answer or what went wrong, in one short line that
	// holds no secret and may be shown to an admin.
	Text registry.Said
}

// stage is where in the conversation something happened.
type stage uint8

const (
	atConnect stage = iota
	atSender
	atRecipient
	atContent
)

// preambles make clear that an answer was about us, where it was.
func preambles() map[stage]registry.Format {
	return map[stage]registry.Format{
		atConnect: "the mail server turned us away: %s",
		atSender:  "the mail server does not take mail from our sender address: %s",
	}
}

// judge says what an error at a stage means for the mail and whether the
// connection can still be used for the next one.
func judge(at stage, err error) (o Outcome, usable bool) {
	var reply *textproto.Error
	if !errors.As(err, &reply) {
		return Outcome{Status: Temporary, Text: describe(err)}, false
	}
	o = Outcome{
		Status: Temporary, Code: reply.Code, Enhanced: enhancedIn(reply.Msg),
		Text: registry.Verbatim(cleanText(reply.Msg, maxShortText)),
	}
	if before, ok := preambles()[at]; ok {
		o.Text = registry.Say(before, o.Text)
	}
	if reply.Code == 421 { // "closing transmission channel", RFC 5321 section 3.8
		return o, false
	}
	if at < atRecipient {
		// Nothing was said about a person yet: the server minds us.
		return o, false
	}
	if reply.Code >= 500 && aboutRecipient(o.Code, o.Enhanced) {
		o.Status = Refused
	}
	return o, true
}

// aboutRecipient tells the permanent answers that speak of the person's mailbox
// or of this mail from those that speak of us: protocol and authentication
// errors by their code (RFC 5321 section 4.2.2, RFC 4954 section 6), and by
// their status a server out of service (5.3.2) and everything about policy
// (5.7.x: relaying denied, blocked sender). Those are put right by an
// administrator, and must not end the set-up of everybody in the meantime.
func aboutRecipient(code int, enhanced string) bool {
	switch {
	case strings.HasPrefix(enhanced, "5.1."), strings.HasPrefix(enhanced, "5.2."):
		return true
	case strings.HasPrefix(enhanced, "5.7."), enhanced == "5.3.2":
		return false
	}
	return code >= 550
}

var enhancedStatus = regexp.MustCompile(`^[245]\.\d{1,3}\.\d{1,3}\b`)

// enhancedIn finds the status with which a reply's text begins (RFC 2034).
func enhancedIn(msg string) string { return enhancedStatus.FindString(msg) }

// describe puts a failed connection in words without addresses of ours.
func describe(err error) registry.Said {
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return registry.Say("stopped before the mail server answered")
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return registry.Say("the mail server did not answer in time")
	case errors.Is(err, gomail.ErrNoSupportedAuthDiscovered):
		return registry.Say("the mail server offers no way to sign in that keeps the password secret on this connection")
	case errors.As(err, &op) && op.Op == "dial":
		return registry.Say("the mail server cannot be reached: %s", cleanText(op.Err.Error(), maxShortText))
	case isEnd(err):
		return registry.Say("the mail server closed the connection")
	}
	return registry.Verbatim(cleanText(err.Error(), maxShortText))
}
