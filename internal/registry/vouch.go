package registry

import (
	"context"
	"math"
)

// CodeUnvouched is the refusal of what a company may not do that nobody has vouched
// for.
const CodeUnvouched Code = "unvouched"

// UnvouchedMails is how many people a company may have mailed in a day that nobody
// has vouched for: it registered itself, and could be anybody. It can set itself up,
// and write to nobody in bulk.
const UnvouchedMails = 10

// NoLimit is how many set-up mails a company may send that somebody vouched for.
const NoLimit = math.MaxInt

// vouchReasons are about companies that registered themselves.
var vouchReasons = []Reason{
	{CodeUnvouched, "The company registered itself, and nobody has vouched for it yet: it gets no contract numbers, no connection that sees the whole company, and ten mailed people a day.",
		"An operator vouches for it (`usher company verify`), or a DNS record of its domain does (`usher domain check`).", ActorAdmin},
}

// Unvouched refuses what a company may not do that nobody has vouched for, in words
// that follow "so".
func Unvouched(format Format, args ...any) *Error {
	return Refuse(CodeUnvouched, "nobody has vouched for this company yet, so %s; `usher company verify` or `usher domain check` does that", Say(format, args...))
}

// loadMails finds out how many set-up mails may still go today, where the batch
// could send any. What people ask for themselves, by registering, is limited where
// they do.
func (u *unit) loadMails(ctx context.Context, tx Tx, _ *wants) error {
	u.mailsLeft = NoLimit
	if u.b.Origin.Kind == OriginRegistration {
		return nil
	}
	for _, op := range u.b.Ops {
		if mails, _ := sendsMail(op); mails {
			var err error
			u.mailsLeft, err = tx.SetupMailsLeft(ctx, UnvouchedMails)
			return err
		}
	}
	return nil
}

// sendsMail reports whether an operation may send a set-up mail, and whether by
// somebody's hand, who can be told that it may not.
func sendsMail(op Op) (mails, byHand bool) {
	switch op := op.(type) {
	case PutUser:
		return op.SetupMail == SetupSend, false
	case CreateUser:
		return op.SetupMail == SetupSend && op.Attributes.First(AttrEmails) != "", true
	case Enrol:
		return op.SetupMail == SetupSend, op.ByHand
	case MailSetup:
		return true, true
	}
	return false, false
}

// mayMail refuses a mail by hand when no more may go.
func (u *unit) mayMail(op Op) *Error {
	if mails, byHand := sendsMail(op); mails && byHand && u.mailsLeft == 0 {
		return Unvouched("no more than %d people a day are mailed; hold the mail back", UnvouchedMails)
	}
	return nil
}

// mailNow says what becomes of a set-up mail that is to be sent: beyond what may go
// it waits, until somebody vouches for the company and the held mails are released.
func (u *unit) mailNow(setup SetupMail, res *Result) (held bool) {
	switch {
	case setup == SetupHold:
		return true
	case u.mailsLeft == NoLimit:
		return false
	case u.mailsLeft == 0:
		res.Withheld = true
		return true
	}
	u.mailsLeft--
	u.w.Mailed++
	return false
}
