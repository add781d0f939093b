package mail

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	texttemplate "text/template"
	"time"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/registry/said"
)

//go:embed locales templates
var files embed.FS

// languages are the languages mails are written in, the fallback first. Each
// has a catalogue under locales.
func languages() []language.Tag {
	return []language.Tag{language.English, language.Italian, language.Russian}
}

// shape says which parts a kind of mail has; the words are in the catalogues
// under the kind's name.
type shape struct {
	link     bool // a button, its address and when it expires
	page     bool // a button where the caller knows the page's address
	userName bool
	// facts are the keys of Message.Data that are shown, in this order.
	facts []string
}

func shapes() map[Kind]shape {
	return map[Kind]shape{
		KindSetup:           {link: true, userName: true},
		KindReset:           {link: true, userName: true},
		KindPasswordChanged: {},
		KindSyncHeld:        {facts: []string{"Source", "Run"}},
		KindSyncQuarantined: {facts: []string{"Source", "Code", "Reason", "NextTry"}},
		KindContactIdle:     {facts: []string{"Until"}},
		KindContactsArrive:  {facts: []string{"People", "Colleagues"}},
		KindSyncRecovered:   {facts: []string{"Source", "Run"}},

		KindRegistration:        {link: true},
		KindRegistrationWaits:   {},
		KindRegistrationRefused: {},
		KindApplicant:           {page: true, facts: []string{"Applicant", "Mail", "Application"}},
		KindWebhookDisabled:     {facts: []string{"Webhook", "URL", "Code", "Reason"}},
		KindTokenExpiring:       {facts: []string{"Connection", "Token", "Expires"}},
		KindDigest:              {},
	}
}

// dataFacts are the facts that the mail's own data give: those of the shape, and
// every limit of the guard that was passed.
func (w *words) dataFacts(s shape) (out []fact) {
	for _, key := range s.facts {
		value := w.data[key]
		at, err := time.Parse(time.RFC3339, value)
		switch {
		case value == "":
			continue
		case err == nil:
			value = w.date(at)
		case key == "Code":
			value = w.sayOr("reason."+value, value)
		}
		out = append(out, fact{w.say("fact." + key), value})
	}
	for _, key := range slices.Sorted(maps.Keys(w.data)) {
		if name, ok := strings.CutPrefix(key, "limit."); ok {
			out = append(out, fact{w.sayOr(key, name), w.data[key]})
		}
	}
	return out
}

// Renderer writes mails. It is safe for concurrent use.
type Renderer struct {
	zone       *time.Location
	tags       []language.Tag
	matcher    language.Matcher
	localizers []*i18n.Localizer // by index in tags
	shapes     map[Kind]shape
	kept       *said.Words
	html       *htmltemplate.Template
	text       *texttemplate.Template
}

// NewRenderer loads the catalogues and templates, which are part of the
// program. Times are shown in zone; nil means UTC.
func NewRenderer(zone *time.Location) (*Renderer, error) {
	if zone == nil {
		zone = time.UTC
	}
	r := &Renderer{zone: zone, tags: languages(), shapes: shapes()}
	r.matcher = language.NewMatcher(r.tags)
	bundle := i18n.NewBundle(r.tags[0])
	for _, tag := range r.tags {
		name := "locales/" + tag.String() + ".json"
		raw, err := files.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read mail catalogue: %w", err)
		}
		if _, err := bundle.ParseMessageFileBytes(raw, name); err != nil {
			return nil, fmt.Errorf("parse mail catalogue %s: %w", name, err)
		}
		r.localizers = append(r.localizers, i18n.NewLocalizer(bundle, tag.String()))
	}
	var err error
	if r.kept, err = said.Load(); err != nil {
		return nil, err
	}
	if r.html, err = htmltemplate.ParseFS(files, "templates/mail.html"); err != nil {
		return nil, fmt.Errorf("parse mail template: %w", err)
	}
	if r.text, err = texttemplate.ParseFS(files, "templates/mail.txt"); err != nil {
		return nil, fmt.Errorf("parse mail template: %w", err)
	}
	return r, nil
}

// Language chooses the language of a mail: the first of the given locales that
// asks for one we have, or English. A near relative is not good enough: nobody
// is written to in a neighbour's language because no better one was at hand.
func (r *Renderer) Language(locales ...string) language.Tag {
	return r.tags[r.choose(locales...)]
}

func (r *Renderer) choose(locales ...string) int {
	for _, locale := range locales {
		// ParseAcceptLanguage also reads a plain tag; preferredLanguage in a
		// directory may hold a weighted list (RFC 2798 section 2.7).
		want, _, err := language.ParseAcceptLanguage(strings.ReplaceAll(locale, "_", "-"))
		if err != nil || len(want) == 0 {
			continue
		}
		if _, i, confidence := r.matcher.Match(want...); confidence >= language.High {
			return i
		}
	}
	return 0
}

// fact is a labelled value of a mail.
type fact struct{ Label, Value string }

// view is what the templates see.
type view struct {
	Language, Subject, Company, Heading, Greeting, Intro string
	Facts                                                []fact
	URL, Button, LinkPlain                               string
	Note, Signature, Automatic                           string
}

// Render writes the mail in the person's language. It fails for an unknown kind
// and for a link that is not http or https.
func (r *Renderer) Render(m Message) (Content, error) {
	shape, ok := r.shapes[m.Kind]
	if !ok {
		return Content{}, fmt.Errorf("render mail: unknown kind %q", m.Kind)
	}
	if shape.link {
		if err := checkLink(m.URL); err != nil {
			return Content{}, fmt.Errorf("render %s mail: %w", m.Kind, err)
		}
	}
	i := r.choose(m.Locale, m.CompanyLocale)
	v, err := r.fill(m, shape, words{localizer: r.localizers[i], language: r.tags[i].String(), zone: r.zone})
	if err != nil {
		return Content{}, fmt.Errorf("render %s mail in %s: %w", m.Kind, r.tags[i], err)
	}
	v.Language = r.tags[i].String()
	out := Content{Language: v.Language, Subject: v.Subject}
	if out.HTML, err = execute(r.html, v); err != nil {
		return Content{}, fmt.Errorf("render %s mail in %s: %w", m.Kind, r.tags[i], err)
	}
	if out.Text, err = execute(r.text, v); err != nil {
		return Content{}, fmt.Errorf("render %s mail in %s: %w", m.Kind, r.tags[i], err)
	}
	return out, nil
}

// fill says everything the mail has to say.
func (r *Renderer) fill(m Message, s shape, w words) (view, error) {
	w.data = map[string]string{"Company": cleanText(m.CompanyName, maxShortText), "Name": cleanName(m.DisplayName)}
	w.data["When"] = w.date(m.At)
	for key, value := range m.Data {
		if key == "Reason" {
			value = r.kept.In(w.language, registry.Said(value))
		}
		if w.data[key] = cleanText(value, maxLongText); key == "Applicant" {
			w.data[key] = cleanName(value)
		}
	}
	if since, err := time.Parse(time.RFC3339, m.Data["Since"]); err == nil {
		w.data["Since"] = w.date(since)
	}
	kind := string(m.Kind)
	v := view{
		Company:   w.data["Company"],
		Subject:   w.say(kind + ".subject"),
		Heading:   w.say(kind + ".heading"),
		Greeting:  w.say("greeting"),
		Intro:     w.say(kind + ".intro"),
		Note:      w.say(kind + ".note"),
		Signature: w.say("signature"),
		Automatic: w.say("automatic"),
	}
	if w.data["Name"] == "" {
		v.Greeting = w.say("greeting.anonymous")
	}
	if s.userName {
		v.Facts = append(v.Facts, fact{w.say("label.userName"), cleanText(m.UserName, maxShortText)})
	}
	v.Facts = append(v.Facts, w.dataFacts(s)...)
	if s.page && m.URL != "" {
		v.URL, v.Button, v.LinkPlain = m.URL, w.say(kind+".button"), w.say("link.plain")
	}
	if m.Kind == KindDigest {
		v.Facts = append(v.Facts, w.digestFacts()...)
	}
	if s.link {
		v.URL, v.Button, v.LinkPlain = m.URL, w.say(kind+".button"), w.say("link.plain")
		v.Facts = append(v.Facts, fact{w.say("label.expires"), w.date(m.Expires)})
	}
	return v, w.err
}

func checkLink(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		// The link itself is a secret and stays out of the error.
		return fmt.Errorf("the link is not a web address")
	}
	return nil
}

func execute(t interface{ Execute(io.Writer, any) error }, v view) (string, error) {
	var b strings.Builder
	if err := t.Execute(&b, v); err != nil {
		return "", err
	}
	return b.String(), nil
}

// words speaks one language; the first word it lacks stops the mail.
type words struct {
	localizer *i18n.Localizer
	language  string
	zone      *time.Location
	data      map[string]string
	err       error
}

func (w *words) say(id string) string { return w.sayWith(id, w.data) }

// sayOr says what the catalogue has, or else the word itself: what other rooms
// have names for may be more than there are words for.
func (w *words) sayOr(id, word string) string {
	s, err := w.localizer.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: w.data})
	if err != nil {
		return word
	}
	return s
}

func (w *words) sayWith(id string, data map[string]string) string {
	s, err := w.localizer.Localize(&i18n.LocalizeConfig{MessageID: id, TemplateData: data})
	if err != nil && w.err == nil {
		w.err = err
	}
	return s
}

// date writes a time in words.
func (w *words) date(t time.Time) string {
	t = t.In(w.zone)
	weekdays := strings.Fields(w.sayWith("date.weekdays", nil))
	months := strings.Fields(w.sayWith("date.months", nil))
	if len(weekdays) != 7 || len(months) != 12 {
		if w.err == nil {
			w.err = fmt.Errorf("the catalogue has %d weekdays and %d months", len(weekdays), len(months))
		}
		return ""
	}
	return w.sayWith("date.format", map[string]string{
		"Weekday": weekdays[t.Weekday()], "Month": months[t.Month()-1],
		"Day": t.Format("2"), "Year": t.Format("2006"), "Time": t.Format("15:04"), "Zone": t.Format("MST"),
	})
}
