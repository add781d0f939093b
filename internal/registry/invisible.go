package registry

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/secure/precis"
)

// A name is what people see of each other: two that look alike must not be two
// people, and Key does not tell away what cannot be seen. So a userName holds
// nothing of that, but for the joiners where they change the letters beside
// them (RFC 5892 appendix A.1 and A.2, as RFC 8264 takes them up), or make one
// picture of two.

const (
	zeroWidthNonJoiner = '\u200c'
	zeroWidthJoiner    = '\u200d'
	blankBraille       = '\u2800' // a sign, by Unicode, of no dots
)

// invisible reports whether a character shows nothing, or only moves others:
// Unicode's default ignorable code points, other format characters, which the
// bidirectional controls are among, and separators of lines and paragraphs.
func invisible(r rune) bool {
	switch {
	case r < 0x80:
		return false
	case unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return false // signs of Arabic and its kin, format characters by name only
	}
	return r == blankBraille || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// seen is what people see of a name.
func seen(name string) string {
	return strings.Map(func(r rune) rune {
		if invisible(r) {
			return -1
		}
		return r
	}, name)
}

// badSight refuses a userName that looks like another one, or like nothing.
func badSight(name string) *Error {
	if strings.IndexFunc(name, invisible) < 0 {
		return nil
	}
	runes := []rune(name)
	for i, r := range runes {
		if invisible(r) && !joins(runes, i) {
			return Refuse(CodeInvalidValue, "userName contains %s, which cannot be seen", fmt.Sprintf("%U", r))
		}
	}
	return nil
}

// joins reports whether the character at i is a joiner that changes what is
// beside it.
func joins(name []rune, i int) bool {
	if r := name[i]; i == 0 || i == len(name)-1 || r != zeroWidthJoiner && r != zeroWidthNonJoiner {
		return false
	}
	if name[i] == zeroWidthJoiner && unicode.In(name[i-1], unicode.So, unicode.Sk) && unicode.Is(unicode.So, name[i+1]) {
		return true // as in woman, joiner, rocket
	}
	from, to := i, i+1
	for from > 0 && unicode.In(name[from-1], unicode.L, unicode.M) {
		from--
	}
	for to < len(name) && unicode.In(name[to], unicode.L, unicode.M) {
		to++
	}
	_, err := precis.NewFreeform().String(string(name[from:to]))
	return err == nil
}
