package said

import (
	"embed"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/feature/plural"
	"golang.org/x/text/language"

	"github.com/usherd/usher/internal/registry"
)

//go:embed it.json ru.json
var files embed.FS

// tongues are the languages beside English.
var tongues = map[string]language.Tag{"it": language.Italian, "ru": language.Russian}

// Words are the sentences in every language.
type Words struct{ tongues map[string]tongue }

// tongue is one language.
type tongue struct {
	tag   language.Tag
	words map[registry.Format]forms
}

// forms are a sentence's translations by plural form; one that is the same for
// every number is under "other".
type forms map[string]registry.Format

// UnmarshalJSON takes one text, or one for each plural form.
func (f *forms) UnmarshalJSON(raw []byte) error {
	var one registry.Format
	if json.Unmarshal(raw, &one) == nil {
		*f = forms{"other": one}
		return nil
	}
	return json.Unmarshal(raw, (*map[string]registry.Format)(f))
}

// Load reads the catalogues.
func Load() (*Words, error) {
	w := &Words{tongues: map[string]tongue{}}
	for code, tag := range tongues {
		raw, err := files.ReadFile(code + ".json")
		if err != nil {
			return nil, fmt.Errorf("read sentences: %w", err)
		}
		t := tongue{tag: tag}
		if err := json.Unmarshal(raw, &t.words); err != nil {
			return nil, fmt.Errorf("read sentences %s: %w", code, err)
		}
		w.tongues[code] = t
	}
	return w, nil
}

// In is a sentence in a language: "it" or "ru", or English for any other.
func (w *Words) In(code string, s registry.Said) string {
	t, ok := w.tongues[code]
	if !ok {
		return s.String()
	}
	return s.In(t.format)
}

// format finds the translation. A format of an older release, which no catalogue
// has, stays English.
func (t tongue) format(f registry.Format, args []any) registry.Format {
	all := t.words[f]
	if all == nil {
		return f
	}
	if one, ok := all[t.form(args)]; ok {
		return one
	}
	return all["other"]
}

// form is the plural form of the first whole number among the arguments.
func (t tongue) form(args []any) string {
	for _, a := range args {
		if n, ok := a.(int64); ok {
			return formNames[plural.Cardinal.MatchPlural(t.tag, int(max(n, -n)%1_000_000), 0, 0, 0, 0)]
		}
	}
	return "other"
}

var formNames = map[plural.Form]string{
	plural.Other: "other", plural.Zero: "zero", plural.One: "one", plural.Two: "two", plural.Few: "few", plural.Many: "many",
}

// Spoken reports whether a format has words, which is whether it needs a
// translation: what is left of it without its verbs has letters.
func Spoken(f registry.Format) bool {
	inVerb := false
	return strings.IndexFunc(string(f), func(r rune) bool {
		switch {
		case r == '%':
			inVerb = !inVerb
		case inVerb && unicode.IsLetter(r):
			inVerb = false
		case !inVerb:
			return unicode.IsLetter(r)
		}
		return false
	}) >= 0
}
