package admin

import (
	"encoding/json"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
)

// wordsOf reads the console's words in one language.
func wordsOf(t *testing.T, lang string) map[string]any {
	t.Helper()
	names, err := fs.Glob(localeFiles, "locales/*"+lang+".json")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	out := map[string]any{}
	for _, name := range names {
		raw, err := localeFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for k, v := range m {
			if out[k] != nil {
				t.Errorf("%s says %s again", name, k)
			}
			out[k] = v
		}
	}
	return out
}

var argument = regexp.MustCompile(`\{\{\.\w+\}\}`)

// arguments are what the forms of a message are given.
func arguments(v any) string {
	text, ok := v.(string)
	if !ok {
		forms, _ := v.(map[string]any)
		text, _ = forms["other"].(string)
	}
	found := argument.FindAllString(text, -1)
	slices.Sort(found)
	return strings.Join(slices.Compact(found), " ")
}

// TestTranslationsOfTheConsoleMatch holds the three languages to the same
// messages, the same arguments, and the plural forms that each has.
func TestTranslationsOfTheConsoleMatch(t *testing.T) {
	en := wordsOf(t, "en")
	forms := map[string][]string{"en": {"one", "other"}, "it": {"one", "other"}, "ru": {"few", "many", "one", "other"}}
	for lang, plural := range forms {
		other := wordsOf(t, lang)
		if d := cmp.Diff(slices.Sorted(maps.Keys(en)), slices.Sorted(maps.Keys(other))); d != "" {
			t.Errorf("keys of en and %s differ:\n%s", lang, d)
		}
		for k, v := range other {
			if en[k] != nil && arguments(en[k]) != arguments(v) {
				t.Errorf("%s in %s is given %q, in en %q", k, lang, arguments(v), arguments(en[k]))
			}
			if m, ok := v.(map[string]any); ok {
				for _, form := range plural {
					if m[form] == nil {
						t.Errorf("%s in %s has no form for %s", k, lang, form)
					}
				}
			}
		}
	}
}

// TestEveryReasonIsSaid holds the words on codes to the catalogue: each code in
// each language, and English as it stands there.
func TestEveryReasonIsSaid(t *testing.T) {
	for _, lang := range []string{"en", "it", "ru"} {
		said := map[string]any{}
		for k, v := range wordsOf(t, lang) {
			if strings.HasPrefix(k, "admin.reason.") {
				said[k] = v
			}
		}
		for _, r := range registry.Reasons() {
			for part, want := range map[string]string{"meaning": r.Meaning, "action": r.Action} {
				key := "admin.reason." + string(r.Code) + "." + part
				got, _ := said[key].(string)
				switch {
				case got == "":
					t.Errorf("%s is not said in %s", key, lang)
				case lang == "en" && got != want:
					t.Errorf("%s is %q, in the catalogue %q", key, got, want)
				case lang != "en" && got == want:
					t.Errorf("%s in %s is English", key, lang)
				case strings.Count(got, "`") != strings.Count(want, "`"):
					t.Errorf("%s in %s shows other commands: %q", key, lang, got)
				}
				delete(said, key)
			}
		}
		for k := range said {
			t.Errorf("%s in %s is about no code", k, lang)
		}
	}
}
