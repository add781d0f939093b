package said_test

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/registry/said"
)

var verb = regexp.MustCompile(`%(?:\[(\d+)\])?([a-z%])`)

// verbs are the arguments that a format shows, each as its place and its verb.
func verbs(format string) []string {
	var out []string
	next := 1
	for _, m := range verb.FindAllStringSubmatch(format, -1) {
		if m[2] == "%" {
			continue
		}
		if m[1] != "" {
			next, _ = strconv.Atoi(m[1]) // the pattern lets nothing but digits through
		}
		kind := m[2]
		if kind == "q" || kind == "v" {
			kind = "s" // how a text is quoted is each language's own
		}
		out = append(out, fmt.Sprint(next, kind))
		next++
	}
	slices.Sort(out)
	return out
}

// TestEveryLanguageSaysEverything: every sentence the program can store has words
// in each language, with the same arguments, for each plural form where the first
// is a number, and no catalogue holds one that nobody says.
func TestEveryLanguageSaysEverything(t *testing.T) {
	all := collect(t)
	for _, fault := range all.faults {
		t.Error(fault)
	}
	for _, code := range []string{"it", "ru"} {
		raw, err := os.ReadFile(code + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var words map[registry.Format]any
		if err := json.Unmarshal(raw, &words); err != nil {
			t.Fatal(err)
		}
		for f, at := range all.formats {
			if said.Spoken(f) && words[f] == nil {
				t.Errorf("%s: nothing for %q (%s)", code, f, at)
			}
		}
		for f, translated := range words {
			if all.formats[f] == "" {
				t.Errorf("%s: nobody says %q", code, f)
			}
			forms, ok := translated.(map[string]any)
			if !ok {
				forms = map[string]any{"other": translated}
			} else if code == "ru" && (forms["one"] == nil || forms["few"] == nil || forms["many"] == nil) {
				t.Errorf("%s: a plural form is missing for %q", code, f)
			}
			for form, text := range forms {
				if got, want := verbs(text.(string)), verbs(string(f)); !slices.Equal(slices.Compact(got), slices.Compact(want)) {
					t.Errorf("%s, %s: %q has other arguments than %q: %v, not %v", code, form, text, f, got, want)
				}
				if strings.TrimSpace(text.(string)) == "" {
					t.Errorf("%s: empty words for %q", code, f)
				}
			}
		}
	}
}

func TestIn(t *testing.T) {
	words, err := said.Load()
	if err != nil {
		t.Fatal(err)
	}
	limit := registry.Say("%s (limit: %s)", registry.Say("%s of %d", registry.Say("%d deactivations", 1), 20), registry.Say("more than %s %%", "10"))
	for _, tc := range []struct {
		code string
		said registry.Said
		want string
	}{
		{"it", limit, "1 disattivazione su 20 (limite: più del 10 %)"},
		{"ru", limit, "отключений: 1 из 20 (предел: больше 10 %)"},
		{"en", limit, "1 deactivations of 20 (limit: more than 10 %)"},
		{"de", limit, "1 deactivations of 20 (limit: more than 10 %)"},
		{"ru", registry.Say("%d attributes", 1), "1 атрибут"},
		{"ru", registry.Say("%d attributes", 3), "3 атрибута"},
		{"ru", registry.Say("%d attributes", 11), "11 атрибутов"},
		{"ru", registry.Say("%d attributes", 21), "21 атрибут"},
		{"it", registry.Say("there is no attribute %q", "colour"), "non c'è un attributo «colour»"},
		{"ru", "plain words of an older release", "plain words of an older release"},
		{"ru", registry.Say("a sentence of %s that nobody says any more", "1.0"), "a sentence of 1.0 that nobody says any more"},
		{"it", registry.Verbatim("530 5.7.1 go away"), "530 5.7.1 go away"},
	} {
		if got := words.In(tc.code, tc.said); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.code, got, tc.want)
		}
	}
}
