package mail

import (
	"strings"
	"unicode"
)

// The longest names shown in a mail, in characters.
const (
	maxDisplayName = 80
	maxShortText   = 256
	maxLongText    = 1000
)

// cleanName makes a person's display name fit to be shown: names come from
// directories, but nobody should be able to write a message into somebody
// else's mail through one. A name that looks like an address or a web link is
// dropped; the greeting then goes without.
func cleanName(s string) string {
	s = cleanText(s, maxDisplayName)
	if strings.ContainsAny(s, "@/\\<>") || strings.Contains(strings.ToLower(s), "www.") {
		return ""
	}
	return s
}

// cleanText strips what could rearrange or hide text (control characters,
// bidirectional controls and other invisible formatting), folds white space and
// caps the length. The two joiners stay: Persian and Indic names need them.
func cleanText(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == '\u2028', r == '\u2029':
			return ' '
		case r == '\u200c', r == '\u200d':
			return r
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > limit {
		s = strings.TrimSpace(string(r[:limit-1])) + "…"
	}
	return s
}
