package address

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"github.com/usherd/usher/internal/registry"
)

// Address is one mailbox.
type Address struct {
	// Local is what stands left of the @, as written: a plus-tag is part of it, for
	// only the mailbox's own server knows what it means.
	Local string
	// Domain is the domain in its ASCII form, in lower case (RFC 5891 section 4).
	Domain string
	// Typed is the address as it was written.
	Typed string
}

// The longest parts of an address, in bytes (RFC 5321 section 4.5.3.1).
const (
	maxLocal  = 64
	maxDomain = 253
)

// ErrInvalid is what is no address that mail can be sent to.
var ErrInvalid = errors.New("not a mail address")

// strict is IDNA2008 for looking up, with the rules of host names.
var strict = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(true), idna.ValidateLabels(true), idna.CheckHyphens(true), idna.BidiRule(), idna.VerifyDNSLength(true))

// Parse reads a bare address. It takes no quoted local part, no address literal
// and no domain without a dot: nobody writes from one, and readers disagree on
// them.
func Parse(typed string) (Address, error) {
	local, domain, ok := cutLast(typed)
	if !ok || local == "" || len(local) > maxLocal || !utf8.ValidString(typed) {
		return Address{}, ErrInvalid
	}
	for _, r := range local {
		if strings.ContainsRune(`()<>[]:;@\," `, r) || unicode.IsControl(r) || unicode.IsSpace(r) || !unicode.IsGraphic(r) {
			return Address{}, ErrInvalid
		}
	}
	ascii, err := Domain(domain)
	if err != nil {
		return Address{}, err
	}
	return Address{Local: local, Domain: ascii, Typed: typed}, nil
}

func cutLast(s string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return "", "", false
	}
	return s[:i], s[i+1:], true
}

// Domain is the ASCII form of a mail domain.
func Domain(typed string) (string, error) {
	ascii, err := strict.ToASCII(strings.TrimSuffix(typed, "."))
	if err != nil {
		return "", fmt.Errorf("%w: its domain: %w", ErrInvalid, err)
	}
	if _, err := netip.ParseAddr(ascii); err == nil || len(ascii) > maxDomain || !strings.Contains(ascii, ".") || strings.HasSuffix(ascii, ".") {
		return "", ErrInvalid
	}
	return ascii, nil
}

// String is the address with its domain in ASCII: the form that every mail server
// takes.
func (a Address) String() string { return a.Local + "@" + a.Domain }

// Key is what makes the mailbox the same: the canonical form, compared as names
// are.
func (a Address) Key() string { return registry.Key(a.String()) }

// Forms are the texts by which the mailbox may be known, the ASCII form first: a
// directory may keep the domain in its own letters.
func (a Address) Forms() []string {
	out := []string{a.String()}
	if unicodeDomain, err := idna.ToUnicode(a.Domain); err == nil {
		if form := a.Local + "@" + unicodeDomain; !slices.Contains(out, form) {
			out = append(out, form)
		}
	}
	return out
}
