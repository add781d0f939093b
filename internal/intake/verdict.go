package intake

import (
	"slices"
	"strings"

	"github.com/emersion/go-msgauth/authres"
	"golang.org/x/net/publicsuffix"

	"github.com/usherd/usher/internal/address"
)

// Verdict is what is known of a sender's authenticity.
type Verdict string

// The verdicts.
const (
	// Verified: a mail server that is believed says that the domain of From stands
	// behind the message, or a signed token that Teams does.
	Verified Verdict = "verified"
	// Failed: it says that the domain does not.
	Failed Verdict = "failed"
	// Unknown: nobody who is believed said anything.
	Unknown Verdict = "unknown"
	// Forwarded: the sender is a forwarder's word.
	Forwarded Verdict = "forwarded"
)

// judge reads what the believed servers say of a sender (RFC 8601). All their
// fields count, for a server may write one for each method, and a refusal beats a
// consent: where a stranger could add a field of that name, somebody else's is
// still there.
func judge(l *letter, s *Settings, mailbox string) Verdict {
	if l.from.forwarded {
		return Forwarded
	}
	var t tally
	for i, value := range l.header.all("authentication-results") {
		server, results, ok := parseResults(value)
		switch {
		case ok && s.authServers[server]:
			t.add(results, l.from.Domain)
		case i == 0 && s.idless[mailbox]:
			// Microsoft leaves its name out. The topmost field is the last server's.
			if server, results, ok := parseResults("unnamed; " + value); ok && server == "unnamed" && nameless(value) {
				t.add(results, l.from.Domain)
			}
		}
	}
	switch {
	case t.dmarcFail:
		return Failed
	case t.dmarcPass, t.aligned:
		return Verified
	case t.fail:
		return Failed
	}
	return Unknown
}

// nameless reports whether a field begins with a result instead of a name.
func nameless(value string) bool {
	first, _, _ := strings.Cut(value, ";")
	method, _, ok := strings.Cut(strings.TrimSpace(first), "=")
	return ok && !strings.ContainsAny(method, " \t.")
}

// tally sums results up.
type tally struct{ dmarcPass, dmarcFail, aligned, fail bool }

func (t *tally) add(results []authres.Result, from string) {
	for _, r := range results {
		switch r := r.(type) {
		case *authres.DMARCResult:
			if domainOf(r.From) != from {
				continue // it speaks of somebody else
			}
			t.dmarcPass = t.dmarcPass || r.Value == authres.ResultPass
			t.dmarcFail = t.dmarcFail || r.Value == authres.ResultFail
		case *authres.DKIMResult:
			domain := r.Domain
			if domain == "" {
				domain = domainOf(r.Identifier)
			}
			t.aligned = t.aligned || r.Value == authres.ResultPass && aligned(domain, from)
		case *authres.SPFResult:
			t.aligned = t.aligned || r.Value == authres.ResultPass && aligned(domainOf(r.From), from)
			t.fail = t.fail || slices.Contains([]authres.ResultValue{authres.ResultFail, authres.ResultHardFail, authres.ResultSoftFail}, r.Value)
		}
	}
}

// domainOf is the domain of an address or a domain, in ASCII, "" for neither.
func domainOf(s string) string {
	s = strings.Trim(s, `"<>`)
	ascii, err := address.Domain(s[strings.LastIndexByte(s, '@')+1:])
	if err != nil {
		return ""
	}
	return ascii
}

// aligned is DMARC's relaxed alignment: the same organisation's domain (RFC 7489
// section 3.1).
func aligned(domain, from string) bool {
	a, err := publicsuffix.EffectiveTLDPlusOne(domainOf(domain))
	if err != nil {
		return false
	}
	b, err := publicsuffix.EffectiveTLDPlusOne(from)
	return err == nil && a == b
}

// parseResults reads a field. Comments go before the library sees them, for it
// takes them as results, and a server quotes the stranger's own words in them;
// likewise what separates results inside quotes.
func parseResults(value string) (server string, results []authres.Result, ok bool) {
	plain, ok := withoutComments(value)
	if !ok {
		return "", nil, false
	}
	server, results, err := authres.Parse(plain)
	return strings.ToLower(server), results, err == nil
}

// withoutComments removes comments (RFC 5322 section 3.2.2), and makes each
// quoted text one word. It fails where either does not end.
func withoutComments(value string) (string, bool) {
	var b strings.Builder
	depth, quoted := 0, false
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && (depth > 0 || quoted):
			i++
		case quoted && c == '"':
			quoted = false
		case quoted:
			if strings.IndexByte("; \t=()", c) >= 0 {
				c = '_'
			}
			b.WriteByte(c)
		case c == '(':
			depth++
			b.WriteByte(' ')
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == '"':
			quoted = true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), depth == 0 && !quoted
}
