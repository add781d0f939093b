package attr

import (
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold is the form in which strings compare that are not caseExact: NFKC, then Unicode
// case folding, then NFKC again because folding can denormalise (RFC 8265 section 3.3
// uses the same steps). A search and a filter in a path find the same by it.
func Fold(s string) string {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		plain = s[i] < 0x80 && (s[i] < 'A' || s[i] > 'Z')
	}
	if plain {
		return s
	}
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
}
