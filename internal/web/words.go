package web

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"strings"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/registry/said"
)

// languages are those the pages speak, in the order a page offers them; the
// first is spoken when nothing else is known.
var languages = []struct {
	Code, Name string
	tag        language.Tag
}{
	{"en", "English", language.English},
	{"it", "Italiano", language.Italian},
	{"ru", "Русский", language.Russian},
}

// Language is a language that the pages speak.
type Language struct{ Code, Name string }

// Languages are those the pages speak, in the order they offer them.
func Languages() []Language {
	out := make([]Language, len(languages))
	for i, l := range languages {
		out[i] = Language{l.Code, l.Name}
	}
	return out
}

// catalogue holds the words of the pages in every language.
type catalogue struct {
	speakers map[string]*speaker
	matcher  language.Matcher
}

// speaker says things in one language.
type speaker struct {
	code string
	loc  *i18n.Localizer
	kept *said.Words
}

// Message is a sentence of the catalogue with its arguments. The argument
// "Count" chooses the plural form.
type Message struct {
	Key  string
	Args map[string]any
}

// Say makes a Message; pairs are argument names and values in turn.
func Say(key string, pairs ...any) *Message {
	m := &Message{Key: key}
	for i := 0; i+1 < len(pairs); i += 2 {
		if m.Args == nil {
			m.Args = map[string]any{}
		}
		m.Args[fmt.Sprint(pairs[i])] = pairs[i+1]
	}
	return m
}

func loadCatalogue(pages []Pages) (*catalogue, error) {
	bundle := i18n.NewBundle(languages[0].tag)
	bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
	kept, err := said.Load()
	if err != nil {
		return nil, err
	}
	c := &catalogue{speakers: map[string]*speaker{}}
	tags := make([]language.Tag, len(languages))
	for i, l := range languages {
		for _, p := range pages {
			if err := readWords(bundle, p.Locales, l.Code); err != nil {
				return nil, err
			}
		}
		tags[i] = l.tag
		c.speakers[l.Code] = &speaker{code: l.Code, loc: i18n.NewLocalizer(bundle, l.Code), kept: kept}
	}
	c.matcher = language.NewMatcher(tags)
	return c, nil
}

// readWords adds a folder's words in one language: those of <language>.json and,
// where a folder has many pages, those of <area>.<language>.json.
func readWords(bundle *i18n.Bundle, folder fs.FS, code string) error {
	names, err := fs.Glob(folder, "*."+code+".json")
	if err != nil {
		return fmt.Errorf("list words: %w", err)
	}
	for _, name := range append(names, code+".json") {
		raw, err := fs.ReadFile(folder, name)
		if err != nil {
			return fmt.Errorf("read words: %w", err)
		}
		if _, err := bundle.ParseMessageFileBytes(raw, name); err != nil {
			return fmt.Errorf("parse words %s: %w", name, err)
		}
	}
	return nil
}

// match finds the language of ours that a locale or Accept-Language value asks
// for, or "".
func (c *catalogue) match(wanted string) string {
	if wanted == "" || len(wanted) > 1000 {
		return ""
	}
	// SCIM and directories also write locales with an underscore.
	tags, _, err := language.ParseAcceptLanguage(strings.ReplaceAll(wanted, "_", "-"))
	if err != nil || len(tags) == 0 {
		return ""
	}
	_, i, confidence := c.matcher.Match(tags...)
	if confidence == language.No {
		return ""
	}
	return languages[i].Code
}

// say looks a message up. A missing one is an error: half-translated pages are
// found by the tests, not by visitors.
func (s *speaker) say(m *Message) (string, error) {
	lc := &i18n.LocalizeConfig{MessageID: m.Key, TemplateData: s.arguments(m.Args)}
	if n, ok := m.Args["Count"]; ok {
		lc.PluralCount = n
	}
	out, tag, err := s.loc.LocalizeWithTag(lc)
	if err != nil {
		return "", fmt.Errorf("say %q in %s: %w", m.Key, s.code, err)
	}
	if base, _ := tag.Base(); base.String() != s.code {
		return "", fmt.Errorf("say %q in %s: only known in %s", m.Key, s.code, base)
	}
	return out, nil
}

// arguments puts the sentences among a message's arguments into its language.
func (s *speaker) arguments(args map[string]any) map[string]any {
	out := maps.Clone(args)
	for name, a := range args {
		if kept, ok := a.(registry.Said); ok {
			out[name] = s.said(kept)
		}
	}
	return out
}

// said is a sentence that was kept.
func (s *speaker) said(kept registry.Said) string { return s.kept.In(s.code, kept) }

// date says a day in words, in the time's own zone.
func (s *speaker) date(t time.Time) (string, error) {
	month, err := s.say(Say(fmt.Sprintf("month.%d", t.Month())))
	if err != nil {
		return "", err
	}
	return s.say(Say("date", "Day", t.Day(), "Month", month, "Year", t.Year()))
}
