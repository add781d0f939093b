package auth

import (
	_ "embed"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/usherd/usher/internal/registry"
)

// The lengths a password may have. 15 is what NIST SP 800-63B-4 section 3.1.1.2
// asks of a password that stands alone; the cap only bounds the work.
const (
	MinPassword      = 15   // runes after normalisation
	MaxPasswordBytes = 1024 // bytes after normalisation
)

// What must be left of a password once names, common words, runs and
// repetition are taken away. Ours, not a standard's: low enough that a phrase
// holding one's own name passes, high enough that "Password" thrice does not.
const (
	minBesideNames = 8
	minBesideWords = 5
	minBesideRuns  = 6
	minDistinct    = 5
)

// Weakness is the reason a new password is refused.
type Weakness string

// The reasons, each with its own sentence on the page.
const (
	WeakShort    Weakness = "short"    // fewer than MinPassword characters
	WeakLong     Weakness = "long"     // more than MaxPasswordBytes
	WeakPersonal Weakness = "personal" // mostly the person's or company's name
	WeakCommon   Weakness = "common"   // on the list of common passwords, or made of its words
	WeakRepeated Weakness = "repeated" // one short part over and over, or few different characters
	WeakRuns     Weakness = "runs"     // neighbours on the keyboard or in the alphabet
	WeakSame     Weakness = "same"     // the present password again
)

// PasswordError refuses a new password with its reason.
type PasswordError struct{ Weakness Weakness }

func (e *PasswordError) Error() string { return "password refused: " + string(e.Weakness) }

// NormalizePassword gives the form that is hashed and compared: NFKC, so that a
// password typed on another keyboard or system is the same password
// (SP 800-63B-4 section 3.1.1.2). Over-long input comes back empty, which no
// stored password equals.
func NormalizePassword(typed string) string {
	if len(typed) > 4*MaxPasswordBytes {
		return ""
	}
	if n := norm.NFKC.String(typed); len(n) <= MaxPasswordBytes {
		return n
	}
	return ""
}

// CheckPassword judges a new password. About lists what is known of the person
// and of the company: names, userName, addresses. It returns nil or a
// *PasswordError. There are no composition rules.
func CheckPassword(typed string, about []string) error {
	if len(typed) > MaxPasswordBytes {
		return &PasswordError{WeakLong}
	}
	p := norm.NFKC.String(typed)
	if len(p) > MaxPasswordBytes {
		return &PasswordError{WeakLong}
	}
	if utf8.RuneCountInString(p) < MinPassword {
		return &PasswordError{WeakShort}
	}
	folded := fold(p)
	for _, c := range []struct {
		reason Weakness
		weak   bool
	}{
		{WeakRepeated, distinct(folded) < minDistinct || period(folded) < MinPassword},
		{WeakPersonal, mostlyPersonal(plain(p), about)},
		{WeakCommon, common[plain(p)] || mostlyCommon(plain(p))},
		{WeakRuns, besideRuns(folded) < minBesideRuns},
	} {
		if c.weak {
			return &PasswordError{c.reason}
		}
	}
	return nil
}

//go:embed common.txt
var commonFile string

// common holds the words and phrases of common.txt in plain form.
var common = func() map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(commonFile) {
		if w := plain(line); w != "" && !strings.HasPrefix(line, "#") {
			out[w] = true
		}
	}
	return out
}()

// longestCommon is the length in runes of the longest entry.
var longestCommon = func() (n int) {
	for w := range common {
		n = max(n, utf8.RuneCountInString(w))
	}
	return n
}()

// fold is the form in which characters are compared with each other.
func fold(s string) []rune { return []rune(registry.Key(s)) }

// lookalikes undoes the substitutions people believe to be a secret.
var lookalikes = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t",
	"@", "a", "$", "s", "!", "i", "€", "e")

// plain is the form in which words are looked for: folded, substitutions
// undone, everything but letters and digits dropped.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if isWordRune(r) {
			return r
		}
		return -1
	}, lookalikes.Replace(registry.Key(s)))
}

func distinct(rs []rune) int {
	seen := map[rune]bool{}
	for _, r := range rs {
		seen[r] = true
	}
	return len(seen)
}

// period is the length of the part that, repeated (the last time perhaps cut
// short), makes up the whole, at least twice; a text that does not repeat has
// its own length. It is the failure function of Knuth, Morris and Pratt.
func period(rs []rune) int {
	fail := make([]int, len(rs)+1)
	fail[0] = -1
	for i, k := 0, -1; i < len(rs); {
		for k >= 0 && rs[i] != rs[k] {
			k = fail[k]
		}
		i, k = i+1, k+1
		fail[i] = k
	}
	if p := len(rs) - fail[len(rs)]; 2*p <= len(rs) {
		return p
	}
	return len(rs)
}

// mostlyCommon reports whether taking the listed words away, longest first from
// the left, leaves too little, and the words were at most two different ones. A
// phrase of three or more words is a phrase, whatever the words.
func mostlyCommon(s string) bool {
	rs := []rune(s)
	words, rest := map[string]bool{}, 0
	for i := 0; i < len(rs); {
		n := commonPrefix(rs[i:])
		if n == 0 {
			rest, i = rest+1, i+1
			continue
		}
		words[string(rs[i:i+n])] = true
		i += n
	}
	return len(words) > 0 && len(words) <= 2 && rest < minBesideWords
}

// commonPrefix is the length of the longest listed word rs starts with, or 0.
func commonPrefix(rs []rune) int {
	for n := min(len(rs), longestCommon); n >= 4; n-- {
		if common[string(rs[:n])] {
			return n
		}
	}
	return 0
}

// mostlyPersonal reports whether little is left once what is known of the
// person is taken out.
func mostlyPersonal(s string, about []string) bool {
	rest := s
	for _, a := range about {
		for _, w := range append(strings.FieldsFunc(a, func(r rune) bool { return !isWordRune(r) }), a) {
			if p := plain(w); utf8.RuneCountInString(p) >= 3 {
				rest = strings.ReplaceAll(rest, p, "")
			}
		}
	}
	return rest != s && utf8.RuneCountInString(rest) < minBesideNames
}

// rows are the neighbours people walk along.
var rows = []string{"qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertz", "azerty", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю", "1234567890"}

// besideRuns counts the characters that do not continue a walk: the same
// character again, the next or previous in the alphabet, or a neighbour in a
// keyboard row.
func besideRuns(rs []rune) int {
	n := 0
	for i, r := range rs {
		if i == 0 || !adjacent(rs[i-1], r) {
			n++
		}
	}
	return n
}

func adjacent(a, b rune) bool {
	if d := a - b; d >= -1 && d <= 1 {
		return true
	}
	for _, row := range rows {
		if strings.Contains(row, string([]rune{a, b})) || strings.Contains(row, string([]rune{b, a})) {
			return true
		}
	}
	return false
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
