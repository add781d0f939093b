package intake

import (
	"io"
	"mime"
	"net/mail"
	"strings"

	"github.com/emersion/go-message/charset"

	"github.com/usherd/usher/internal/address"
	"github.com/usherd/usher/internal/registry"
)

// sender is who a message says it is from.
type sender struct {
	address.Address
	// claim is the name the header gives, fit to be kept.
	claim string
	// forwarded is true when a forwarder put its own address in the sender's place:
	// what is left of the sender is the forwarder's word.
	forwarded bool
}

// findSender reads From, and for a configured forwarder what it says of the true
// sender. The code is "" or why there is no sender.
func findSender(h header, forwarders map[string]bool) (sender, Code) {
	values := h.all("from")
	switch len(values) {
	case 0:
		return sender{}, NoSender
	case 1:
	default:
		return sender{}, SeveralSenders
	}
	s, code := parseSender(values[0])
	if code != "" || !forwarders[s.Key()] {
		return s, code
	}
	for _, name := range []string{"x-original-from", "reply-to"} {
		if values := h.all(name); len(values) == 1 {
			if original, code := parseSender(values[0]); code == "" && !forwarders[original.Key()] {
				original.forwarded = true
				return original, ""
			}
		}
	}
	return s, OwnAddress
}

// parseSender reads a field of one address. The structure is parsed before names
// are decoded, or an encoded comma could begin another address; the address
// itself is never decoded.
func parseSender(value string) (sender, Code) {
	parser := mail.AddressParser{WordDecoder: &mime.WordDecoder{CharsetReader: lenientCharset}}
	list, err := parser.ParseList(strings.ToValidUTF8(value, "\uFFFD"))
	switch {
	case err != nil:
		return sender{}, BadSender
	case len(list) == 0:
		return sender{}, NoSender
	case len(list) > 1:
		return sender{}, SeveralSenders
	}
	a, err := address.Parse(list[0].Address)
	if err != nil {
		return sender{}, BadSender
	}
	return sender{Address: a, claim: registry.CleanClaim(list[0].Name)}, ""
}

// lenientCharset reads a charset that nobody knows as if it were ASCII: an
// unreadable name is no reason to lose its owner.
func lenientCharset(name string, input io.Reader) (io.Reader, error) {
	if r, err := charset.Reader(name, input); err == nil {
		return r, nil
	}
	raw, err := io.ReadAll(input)
	if err != nil {
		return nil, err
	}
	return strings.NewReader(strings.ToValidUTF8(string(raw), "\uFFFD")), nil
}
