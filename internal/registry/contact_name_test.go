package registry_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/usherd/usher/internal/registry"
)

// TestGuessName is the product's rule for names from addresses.
func TestGuessName(t *testing.T) {
	for local, want := range map[string]string{
		"claire.johnson":         "Claire|Johnson",
		"c.johnson":              "C|Johnson",
		"clairejohnson":          "Clairejohnson|Clairejohnson",
		"CLAIRE.JOHNSON":         "Claire|Johnson",
		"C.JOHNSON":              "C|Johnson",
		"Claire.McDonald":        "Claire|McDonald",
		"anne-marie.smith-jones": "Anne-Marie|Smith-Jones",
		"sean.o'brien":           "Sean|O'Brien",
		"d’angelo":               "D’Angelo|D’Angelo",
		"claire.johnson+tickets": "Claire|Johnson",
		"claire+a.b":             "Claire|Claire",
		"+tag":                   "Tag|Tag",
		"mary.ann.jones":         "Mary Ann|Jones",
		"m.a.jones":              "M A|Jones",
		"claire..johnson":        "Claire|Johnson",
		".claire.":               "Claire|Claire",
		"claire.johnson2":        "Claire|Johnson2",
		"4711":                   "4711|4711",
		"claire_johnson":         "Claire_johnson|Claire_johnson",
		"élodie.dupont":          "Élodie|Dupont",
		"анна.каренина":          "Анна|Каренина",
		"straße.ß":               "Straße|ß",
		"ǆemal.hodžić":           "ǅemal|Hodžić",
		"李.小龙":                   "李|小龙",
		"info":                   "Info|Info",
		"...":                    "...|...",
		"a":                      "A|A",
		"-.-":                    "-|-",
		"x.-y":                   "X|-Y",
		"van.der.berg.piet":      "Van Der Berg|Piet",
		"JP.MORGAN":              "Jp|Morgan",
		"claire.johnson+":        "Claire|Johnson",
		"claire.johnson.":        "Claire|Johnson",
		"jean-luc":               "Jean-Luc|Jean-Luc",
		"o'":                     "O'|O'",
		"ıspanak.i":              "Ispanak|I",
		"claire.johnson+x+y.z":   "Claire|Johnson",
		"++":                     "|",
	} {
		given, family := registry.GuessName(local)
		if got := given + "|" + family; got != want {
			t.Errorf("%q is %q, want %q", local, got, want)
		}
	}
}

func TestCleanClaim(t *testing.T) {
	for claim, want := range map[string]string{
		"Claire Johnson":                 "Claire Johnson",
		"  Claire\t\r\n Johnson ":        "Claire Johnson",
		"Claire \u202eadmin\u202c":       "Claire admin",
		"\u2066Claire\u2069\x00\x1b[31m": "Claire[31m",
		"\u200bCl\u00adaire\ufeff":       "Claire",
		"می\u200cخواهم":                  "می\u200cخواهم",
		"a\xffb":                         "ab",
		strings.Repeat("é", 300):         strings.Repeat("é", 200),
		strings.Repeat("李", 300):         strings.Repeat("李", 170),
		"\u2028":                         "",
	} {
		if got := registry.CleanClaim(claim); got != want {
			t.Errorf("%q is %q, want %q", claim, got, want)
		}
	}
}

func FuzzCleanClaim(f *testing.F) {
	f.Add("Claire \u202eJohnson")
	f.Fuzz(func(t *testing.T, claim string) {
		got := registry.CleanClaim(claim)
		if !utf8.ValidString(got) || len(got) > 512 {
			t.Errorf("%q is %q", claim, got)
		}
		if again := registry.CleanClaim(got); again != got {
			t.Errorf("%q cleaned twice is %q", got, again)
		}
	})
}
