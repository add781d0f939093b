package admin

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// TestEveryDeedIsSaid finds the deeds that the program writes by their codes in its
// source, and asks for the words of each. internal/registry/said holds those to
// every language.
func TestEveryDeedIsSaid(t *testing.T) {
	found := map[string]string{}
	for _, root := range []string{"../../../internal", "../../../cmd"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "../../../internal/registry/told") ||
				strings.HasPrefix(path, "../../../internal/web/self/") { // which writes none, and has keys of words in the same form
				return err
			}
			return deedsIn(path, found)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, known := range []string{"token.create", "person.unmerge", "webhook.rotate", "upload.receive", "export.listPeople", registry.DeedSignIn} {
		if found[known] == "" {
			t.Errorf("the search does not find %s", known)
		}
	}
	for deed, at := range found {
		if registry.DeedWord(deed) == registry.Verbatim(deed) {
			t.Errorf("%s: there are no words for %q: add them to internal/registry/told_deeds.go", at, deed)
		}
	}
}

// deedAreas are how deeds begin, beyond those that the page offers to filter by.
var deedAreas = append([]string{"sign_in.", "applicant.", "contract.", "department.", "diagnostics.", "digest.", "match.", "operator."}, areas...)

// notDeeds look like deeds and are keys of the configuration, or names of files.
var notDeeds = []string{"mail.from", "mail.smtp", "mail.smtp_password", "mail.user", "mail.rate", "mail.html", "run.js"}

var deedForm = regexp.MustCompile(`^[a-z_]+\.[a-z_]+$`)

// deedsIn collects the deeds in a file of source: whatever text has their form, and
// the lists of the API, which are exported by their operations' names.
func deedsIn(path string, found map[string]string) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING {
			return true
		}
		text, _ := strconv.Unquote(lit.Value)
		area, _, _ := strings.Cut(text, ".")
		switch {
		case text == registry.DeedSignIn, text == registry.DeedSignOut,
			deedForm.MatchString(text) && slices.Contains(deedAreas, area+".") && !slices.Contains(notDeeds, text):
			found[text] = set.Position(lit.Pos()).String()
		case strings.HasPrefix(text, "list") && strings.HasPrefix(path, "../../../internal/api/") && listForm.MatchString(text):
			found["export."+text] = set.Position(lit.Pos()).String()
		}
		return true
	})
	return nil
}

var listForm = regexp.MustCompile(`^list[A-Z]\w+$`)

// beforeAWord is an argument that is a number, choosing no form, before a word.
var beforeAWord = regexp.MustCompile(`\{\{\.(?:N|Users|Groups|Added|Removed|Changes|Gone|Rows|Done)\}\}\s+(\p{Ll}+)`)

// TestNumbersHaveTheirForms walks every catalogue of every folder: a message that
// counts has each form that its language has, and one whose numbers choose no form
// says them so that any number fits, as units do, or behind the word.
func TestNumbersHaveTheirForms(t *testing.T) {
	forms := map[string][]string{"it": {"one", "other"}, "ru": {"few", "many", "one", "other"}}
	seen := map[string]bool{}
	err := fs.WalkDir(os.DirFS("../../.."), "internal", func(path string, _ fs.DirEntry, err error) error {
		lang := strings.TrimPrefix(filepath.Ext(strings.TrimSuffix("."+filepath.Base(path), ".json")), ".")
		if err != nil || forms[lang] == nil || !strings.Contains(path, "/locales/") || filepath.Ext(path) != ".json" {
			return err
		}
		raw, err := os.ReadFile(filepath.Join("../../..", path))
		if err != nil {
			return err
		}
		var messages map[string]any
		if err := json.Unmarshal(raw, &messages); err != nil {
			return err
		}
		for key, m := range messages {
			seen[lang+" "+key] = true
			said, plain := m.(string)
			if plain && strings.Contains(said, "{{.Count}}") {
				t.Errorf("%s: %s counts and has one form", path, key)
			}
			if word := beforeAWord.FindStringSubmatch(said); word != nil && !slices.Contains([]string{"ms", "мс", "su", "из", "e", "и"}, word[1]) {
				t.Errorf("%s: %s says a number before a word that it does not bend: %q", path, key, said)
			}
			all, bent := m.(map[string]any)
			for _, form := range forms[lang] {
				if text, _ := all[form].(string); bent && text == "" {
					t.Errorf("%s: %s has no form for %s", path, key, form)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{"it admin.bar", "ru setup.rules", "it digest.n.runs"} {
		if !seen[known] {
			t.Errorf("the walk does not come by %s", known)
		}
	}
}
