package onboard

import (
	"slices"
	"strings"
	"unicode"

	"github.com/usherd/usher/internal/registry"
)

// legalForms are words that say what a company is and not which.
var legalForms = []string{
	"gmbh", "ag", "kg", "ug", "se", "ltd", "limited", "inc", "llc", "plc", "corp", "corporation", "co", "company",
	"spa", "srl", "srls", "sas", "snc", "sa", "sarl", "bv", "nv", "oy", "ab", "as", "the", "group", "ооо", "оао", "зао", "пао", "ао", "ип",
}

// lookalikes are letters that are taken for one another.
var lookalikes = strings.NewReplacer("а", "a", "в", "b", "е", "e", "ё", "e", "к", "k", "м", "m", "н", "h", "о", "o", "р", "p", "с", "c",
	"т", "t", "у", "y", "х", "x", "і", "i", "ѕ", "s", "0", "o", "1", "l", "3", "e", "5", "s")

// essence is what stays of a company's name when legal forms, spaces, signs and
// letters that look alike no longer tell it from another.
func essence(name string) string {
	words := strings.FieldsFunc(strings.ReplaceAll(registry.Key(name), ".", ""), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	kept := slices.DeleteFunc(slices.Clone(words), func(w string) bool { return slices.Contains(legalForms, w) })
	if len(kept) == 0 {
		kept = words
	}
	return lookalikes.Replace(strings.Join(kept, ""))
}

// resembles finds a company that a name could be taken for, "" for none. It only
// marks: two companies may well be called alike.
func resembles(name string, companies []registry.CompanyInfo) string {
	mine := []rune(essence(name))
	for _, c := range companies {
		other := []rune(essence(c.Name))
		if len(mine) > 0 && distance(mine, other) <= min(len(mine), len(other))/5 {
			return c.Name
		}
	}
	return ""
}

// distance is how many letters have to be put in, left out or changed to make one
// word of another (Levenshtein).
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		last := row[0]
		row[0] = i + 1
		for j, y := range b {
			change := last
			if x != y {
				change++
			}
			last = row[j+1]
			row[j+1] = min(change, last+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// sameCompany finds the company that somebody names, by name or key: one that is
// vouched for before one that is not, the oldest first.
func sameCompany(name string, companies []registry.CompanyInfo) (registry.CompanyInfo, bool) {
	key := registry.Key(strings.Join(strings.Fields(name), " "))
	var out registry.CompanyInfo
	found := false
	for _, c := range companies {
		if c.Key == registry.OperatorsKey || registry.Key(strings.Join(strings.Fields(c.Name), " ")) != key && c.Key != key {
			continue
		}
		if !found || c.Vouched() && !out.Vouched() || c.Vouched() == out.Vouched() && c.ID < out.ID {
			out, found = c, true
		}
	}
	return out, found
}

// companyKey makes the short name of a company that registered itself. It ends in
// something random: a company that the configuration file declares later must not
// turn out to be this one.
func companyKey(name, random string) string {
	var b strings.Builder
	for _, r := range registry.Key(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9' && b.Len() > 0:
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 24 {
			break
		}
	}
	slug := strings.Trim(b.String(), "-")
	if slug == "" {
		slug = "company"
	}
	return slug + "-" + strings.ToLower(random)
}
