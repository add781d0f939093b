package registry

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// GuessName is what an address says of its owner's name, by the product's rule:
// a dot parts given and family name, and an address without one has a single
// word, which is both. Of several dots the last one parts. What follows a plus is
// a tag of the mailbox and no part of a name. The local part is what stands left
// of the @.
//
//	claire.johnson  →  Claire Johnson
//	c.johnson       →  C Johnson
//	clairejohnson   →  Clairejohnson Clairejohnson
func GuessName(local string) (given, family string) {
	name, _, _ := strings.Cut(local, "+")
	var words []string
	for word := range strings.SplitSeq(name, ".") {
		if word != "" {
			words = append(words, capital(word))
		}
	}
	switch len(words) {
	case 0:
		if name == local {
			return local, local // nothing but dots: it is all there is
		}
		return GuessName(strings.ReplaceAll(local, "+", ""))
	case 1:
		return words[0], words[0]
	}
	return strings.Join(words[:len(words)-1], " "), words[len(words)-1]
}

// capital writes a word of a name with a capital, and one after each hyphen and
// apostrophe. A word that is all capitals is taken as written without care; one
// that mixes them as written with care.
func capital(word string) string {
	if utf8.RuneCountInString(word) > 1 && word == strings.ToUpper(word) {
		word = strings.ToLower(word)
	}
	first := true
	return strings.Map(func(r rune) rune {
		if first {
			r = unicode.ToTitle(r)
		}
		first = r == '-' || r == '\'' || r == '’'
		return r
	}, word)
}

// CleanClaim makes a name that a stranger gave fit to be kept and shown:
// characters that control, reorder or cannot be seen are taken out, white space
// is folded, and what is longer than a name may be is cut.
func CleanClaim(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsControl(r), r == utf8.RuneError:
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	runes := []rune(name)
	kept := make([]rune, 0, len(runes))
	for i, r := range runes {
		if !invisible(r) || joins(runes, i) {
			kept = append(kept, r)
		}
	}
	name = strings.Join(strings.Fields(string(kept)), " ")
	const most = 200 // characters
	if runes := []rune(name); len(runes) > most {
		name = strings.TrimSpace(string(runes[:most]))
	}
	for len(name) > maxShort {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}
