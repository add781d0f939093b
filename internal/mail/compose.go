package mail

import (
	"fmt"
	"net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"
	"golang.org/x/net/idna"

	"github.com/usherd/usher/internal/registry"
)

// recipient is an address as it goes over the wire.
type recipient struct {
	address string
	// utf8 says that the part before the @ needs a server with SMTPUTF8; the
	// domain never does, it is sent in its ASCII form (RFC 5891).
	utf8 bool
}

// parseRecipient checks an address and brings it into the form for the wire.
func parseRecipient(to string) (recipient, error) {
	a, err := mail.ParseAddress(to)
	if err != nil || a.Name != "" {
		return recipient{}, registry.Errorf("not a valid e-mail address")
	}
	at := strings.LastIndexByte(a.Address, '@')
	domain, err := idna.Lookup.ToASCII(a.Address[at+1:])
	if err != nil {
		return recipient{}, registry.Errorf("not a valid e-mail address: the part after the @ is not a domain name")
	}
	return recipient{address: a.Address[:at+1] + domain, utf8: !isASCII(a.Address[:at])}, nil
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0
}

// compose builds the message. It asks that nobody's automaton answer (RFC 3834
// section 5, and Microsoft's own header) and is no mailing list.
func compose(from *mail.Address, to recipient, m Outgoing) *gomail.Msg {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if m.MessageID != "" {
		// One boundary per message makes the same mail the same bytes.
		msg.SetBoundary("usher-" + strings.Map(boundaryChar, m.MessageID))
		msg.SetMessageIDWithValue(m.MessageID)
	}
	msg.FromMailAddress(from)
	msg.ToMailAddress(&mail.Address{Address: to.address})
	msg.SetDateWithValue(m.Date)
	msg.Subject(m.Subject)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetGenHeader("Content-Language", m.Language)
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg
}

// boundaryChar keeps what a boundary may hold without quotes (RFC 2046 section
// 5.1.1).
func boundaryChar(r rune) rune {
	if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
		return r
	}
	return -1
}

// envelope is an address in angle brackets.
func envelope(address string) string { return fmt.Sprintf("<%s>", address) }
