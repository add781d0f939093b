package web

import (
	"fmt"
	"html/template"
	"io/fs"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// layoutFile holds the layout and the parts pages share; every other file is a
// page.
const layoutFile = "layout.html"

// templates are the parsed pages by language and name. Each language has its
// own set because its functions speak that language.
type templates map[string]map[string]*template.Template

func parseTemplates(pages []Pages, words *catalogue, files static) (templates, error) {
	out := templates{}
	for code, s := range words.speakers {
		base, err := template.New("").Option("missingkey=error").Funcs(functions(s, files)).ParseFS(pages[0].Templates, layoutFile)
		if err != nil {
			return nil, fmt.Errorf("parse layout: %w", err)
		}
		out[code] = map[string]*template.Template{}
		for _, p := range pages {
			if err := parsePages(out[code], base, p.Templates); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func parsePages(out map[string]*template.Template, base *template.Template, files fs.FS) error {
	names, err := fs.Glob(files, "*.html")
	if err != nil {
		return fmt.Errorf("list templates: %w", err)
	}
	// What the pages of a folder share stands in files whose names begin with _.
	if shared, _ := fs.Glob(files, "_*.html"); len(shared) > 0 {
		if base, err = base.Clone(); err == nil {
			base, err = base.ParseFS(files, shared...)
		}
		if err != nil {
			return fmt.Errorf("parse shared templates: %w", err)
		}
	}
	for _, name := range names {
		if name == layoutFile || strings.HasPrefix(name, "_") {
			continue
		}
		page, err := base.Clone()
		if err == nil {
			_, err = page.ParseFS(files, name)
		}
		if err != nil {
			return fmt.Errorf("parse template %s: %w", name, err)
		}
		key := strings.TrimSuffix(name, ".html")
		if out[key] != nil {
			return fmt.Errorf("two pages are called %s", key)
		}
		out[key] = page
	}
	return nil
}

// functions are what templates may call: t says a message by its key, msg one
// made by the handler, prose one that has code in it, said a
// sentence that was kept, when and day say times,
// asset names a static file.
func functions(s *speaker, files static) template.FuncMap {
	return template.FuncMap{
		"t":     func(key string, pairs ...any) (string, error) { return s.say(Say(key, pairs...)) },
		"msg":   s.say,
		"prose": s.prose,
		"said":  s.said,
		// What the registry keeps as codes, in words.
		"actor":   func(name string) string { return s.said(registry.ActorWord(name)) },
		"deed":    func(action string) string { return s.said(registry.DeedWord(action)) },
		"subject": func(what string) string { return s.said(registry.SubjectWord(what)) },
		"fact":    func(name, value string) string { return s.said(registry.DetailWord(name, value)) },
		"name":    func(name string) string { return s.said(registry.NameWord(name)) },
		"value":   func(attribute, value string) string { return s.said(registry.ValueWord(attribute, value)) },
		"when":    func(t time.Time) (template.HTML, error) { return s.stamp(t, " 15:04 MST") },
		"day":     func(t time.Time) (template.HTML, error) { return s.stamp(t, "") },
		"asset":   files.url,
	}
}

// prose is msg with what stands between back quotes, commands and settings, as
// code.
func (s *speaker) prose(m *Message) (template.HTML, error) {
	text, err := s.say(m)
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for i, part := range strings.Split(template.HTMLEscapeString(text), "`") {
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		out.WriteString(part)
	}
	return template.HTML(out.String()), nil //nolint:gosec // escaped above
}

// stamp is a <time> element in the time's own zone, with UTC for who hovers.
func (s *speaker) stamp(t time.Time, clock string) (template.HTML, error) {
	date, err := s.date(t)
	if err != nil {
		return "", err
	}
	if clock != "" {
		date += t.Format("," + clock)
	}
	utc := t.UTC()
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s UTC">%s</time>`, //nolint:gosec // escaped, and made of our own words
		utc.Format(time.RFC3339), utc.Format("2006-01-02 15:04"), template.HTMLEscapeString(date))), nil
}
