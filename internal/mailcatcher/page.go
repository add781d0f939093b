package mailcatcher

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed page
var pageFiles embed.FS

// Page is what the catcher's page shows beside the mails. All of it is
// optional.
type Page struct {
	// Title names the page; "" means "Caught mail".
	Title string
	// Intro is a short text above the list.
	Intro string
	// Buttons are shown above the list and POST, without fields, to a path of the caller.
	Buttons []Button
	// Notes are things to know or to try, shown beside the list.
	Notes []Note
	// State is asked at each view for what the last action did, a sentence each,
	// or a command to copy behind "$ "; nil for none.
	State func() []string
}

// Button is a button on the page.
type Button struct {
	// Label is the button's text, Path where it POSTs to, Hint what it does.
	Label, Path, Hint string
	// Danger marks a button that breaks something on purpose.
	Danger bool
}

// Note is something to know: a heading, a text, and lines to copy or links to
// follow.
type Note struct {
	Title    string
	Text     string
	Commands []string
	Links    []Link
}

// Link is an address with what it leads to.
type Link struct{ Label, URL string }

// Handler serves the list of mails at its root (?q= looks for
// addresses and subjects) and each mail below. Its own
// links are relative, so it can be mounted under any path with a trailing slash
// and http.StripPrefix. It needs no script and no other server.
func (c *Catcher) Handler(p Page) http.Handler {
	if p.Title == "" {
		p.Title = "Caught mail"
	}
	h := &pageHandler{catcher: c, page: p, templates: template.Must(
		template.New("").Funcs(template.FuncMap{"linkify": linkify, "clock": clock, "join": strings.Join, "command": command}).
			ParseFS(pageFiles, "page/*.html"))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.list)
	mux.HandleFunc("GET /mail/{id}", h.mail)
	mux.HandleFunc("GET /mail/{id}/html", h.body)
	mux.HandleFunc("GET /mail/{id}/raw", h.raw)
	mux.HandleFunc("GET /style.css", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFileFS(w, r, pageFiles, "page/style.css")
	})
	return mux
}

type pageHandler struct {
	catcher   *Catcher
	page      Page
	templates *template.Template
}

// shownMails is how many mails the list shows at most.
const shownMails = 50

func (h *pageHandler) list(w http.ResponseWriter, r *http.Request) {
	mails := h.catcher.Messages()
	slices.Reverse(mails)
	query := strings.TrimSpace(r.FormValue("q"))
	mails = slices.DeleteFunc(mails, func(m Message) bool { return !m.matches(query) })
	view := struct {
		Page
		Query              string
		Mails              []Message
		Found, Connections int
		Happened           []string
	}{Page: h.page, Query: query, Mails: mails[:min(len(mails), shownMails)], Found: len(mails), Connections: h.catcher.Connections()}
	if h.page.State != nil {
		view.Happened = h.page.State()
	}
	h.render(w, "list.html", view)
}

func (h *pageHandler) mail(w http.ResponseWriter, r *http.Request) {
	m, ok := h.find(w, r)
	if !ok {
		return
	}
	_, older := h.catcher.Message(m.ID - 1)
	_, newer := h.catcher.Message(m.ID + 1)
	h.render(w, "mail.html", struct {
		Page
		Mail         Message
		Older, Newer int
		HasOlder     bool
		HasNewer     bool
	}{h.page, m, m.ID - 1, m.ID + 1, older, newer})
}

// body serves the mail's own HTML for the frame. The sandbox keeps whatever it
// holds from running or from acting as this page; links may open a new tab.
func (h *pageHandler) body(w http.ResponseWriter, r *http.Request) {
	m, ok := h.find(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Security-Policy",
		"sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write([]byte(withBase(m.HTML)))
}

// withBase makes every link of the mail open in a new tab. The base element has
// to stand in the head to count, and before a doctype it would change how the
// mail is drawn.
func withBase(html string) string {
	const base = `<base target="_blank">`
	if at := headStart.FindStringIndex(html); at != nil {
		return html[:at[1]] + base + html[at[1]:]
	}
	return base + html
}

var headStart = regexp.MustCompile(`(?i)<head[^>]*>`)

func (h *pageHandler) raw(w http.ResponseWriter, r *http.Request) {
	m, ok := h.find(w, r)
	if !ok {
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(m.Raw)
}

func (h *pageHandler) find(w http.ResponseWriter, r *http.Request) (Message, bool) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err == nil {
		if m, ok := h.catcher.Message(id); ok {
			return m, true
		}
	}
	http.Error(w, "This mail is not here (any more).", http.StatusNotFound)
	return Message{}, false
}

// render draws into a buffer first, so that an error does not leave half a page.
func (h *pageHandler) render(w http.ResponseWriter, name string, view any) {
	var buf bytes.Buffer
	if err := h.templates.ExecuteTemplate(&buf, name, view); err != nil {
		http.Error(w, fmt.Sprintf("render %s: %v", name, err), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; style-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'")
	_, _ = buf.WriteTo(w)
}

var webAddress = regexp.MustCompile(`https?://[^\s<>"]+`)

// linkify makes the web addresses of a plain text clickable; everything is
// escaped.
func linkify(text string) template.HTML {
	var b strings.Builder
	at := 0
	for _, m := range webAddress.FindAllStringIndex(text, -1) {
		b.WriteString(template.HTMLEscapeString(text[at:m[0]]))
		url := template.HTMLEscapeString(text[m[0]:m[1]])
		fmt.Fprintf(&b, `<a href="%s" target="_blank" rel="noreferrer">%s</a>`, url, url)
		at = m[1]
	}
	b.WriteString(template.HTMLEscapeString(text[at:]))
	return template.HTML(b.String()) //nolint:gosec // built from escaped parts only
}

// command is a line's command, "" for a sentence.
func command(line string) string {
	c, _ := strings.CutPrefix(line, "$ ")
	if c == line {
		return ""
	}
	return c
}

func clock(t time.Time) string { return t.Format("15:04:05") }
