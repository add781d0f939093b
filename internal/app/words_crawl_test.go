package app_test

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/usherd/usher/internal/web/admin"
)

// text is something that a page says, and where: the element or the attribute.
type saidText struct{ where, text string }

// shownAttributes are those that somebody reads or hears.
var shownAttributes = []string{"title", "aria-label", "placeholder", "alt", "data-label"}

// saidBy is everything that a page says.
func saidBy(t *testing.T, body string) []saidText {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	must(t, err)
	var out []saidText
	var walk func(n *html.Node, where string)
	walk = func(n *html.Node, where string) {
		if n.Type == html.ElementNode {
			if n.Data == "script" || n.Data == "style" || foreign(n) {
				return
			}
			where = n.Data
			for _, a := range n.Attr {
				if slices.Contains(shownAttributes, a.Key) {
					out = append(out, saidText{n.Data + "@" + a.Key, strings.Join(strings.Fields(a.Val), " ")})
				}
			}
		}
		if text := strings.Join(strings.Fields(n.Data), " "); n.Type == html.TextNode && text != "" {
			out = append(out, saidText{where, text})
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c, where)
		}
	}
	walk(doc, "")
	return out
}

// foreign reports whether an element says in its lang that it speaks another
// language than its page, as the links to the other languages do.
func foreign(n *html.Node) bool {
	return n.Data != "html" && slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "lang" })
}

// reader looks for words that are not of the language of the pages.
type reader struct {
	t    *testing.T
	lang string
	// data are words of the world, which are nobody's language.
	data *regexp.Regexp
	seen map[string]bool
	// fine are texts that were looked at: most of a page is on all others, too.
	fine map[saidText]bool
}

// read looks at a page. A text is told once, with the first page that has it.
func (r *reader) read(name, body string) {
	r.t.Helper()
	for _, s := range saidBy(r.t, body) {
		r.judge(name, s)
	}
}

// judge looks at one text of a page or a mail.
func (r *reader) judge(name string, s saidText) {
	r.t.Helper()
	if r.fine[s] {
		return
	}
	left := strings.TrimSpace(r.data.ReplaceAllString(s.text, " "))
	if !strange(r.lang, s, left) {
		r.fine[s] = true
		return
	}
	elsewhere := slices.ContainsFunc(quoted, func(q quotation) bool { return q.page.MatchString(name) && q.where.MatchString(s.where) })
	if elsewhere || r.seen[s.where+left] {
		return
	}
	r.seen[s.where+left] = true
	r.t.Errorf("%s: %s in <%s> says %q (%s)", r.lang, name, s.where, s.text, left)
}

var (
	latin   = regexp.MustCompile(`[A-Za-z]{2,}`)
	english = regexp.MustCompile(`(?i)(^|[^\p{L}.$'])(the|of|and|is|are|was|were|not|with|this|that|has|have|from|by|cannot|there|does|until|what|who|when|which|on|to|for|at)($|[^\p{L}.'=(])`)
)

// strange reports whether a text is of another language than the page.
func strange(lang string, s saidText, left string) bool {
	if s.where == "code" || s.where == "pre" {
		return strings.Count(left, " ") > 0 && english.MatchString(left)
	}
	if lang == "ru" {
		return latin.MatchString(left)
	}
	return english.MatchString(left)
}

// crawl reads a page and every page of the console that it leads to, each place
// once and with each setting of its filters alone. It gives the patterns it saw.
func (r *reader) crawl(g *guestOf, from string) map[string]int {
	r.t.Helper()
	mux := http.NewServeMux()
	for _, route := range (&admin.Handlers{}).Routes() {
		if strings.HasPrefix(route.Pattern, "GET ") {
			mux.HandleFunc(route.Pattern, func(http.ResponseWriter, *http.Request) {})
		}
	}
	hits, known, queue := map[string]int{}, map[string]bool{from: true}, []string{from}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		u, err := url.Parse(at)
		must(r.t, err)
		_, pattern := mux.Handler(&http.Request{Method: http.MethodGet, URL: u})
		if hits[pattern]++; downloads.MatchString(u.Path) || hits[pattern] > 60 {
			continue
		}
		p := g.get(at)
		if p.status != http.StatusOK {
			r.t.Errorf("%s: %d", at, p.status)
			continue
		}
		r.read(at, p.body)
		for _, link := range links.FindAllStringSubmatch(p.body, -1) {
			to, err := u.Parse(html.UnescapeString(link[1]))
			must(r.t, err)
			to.Fragment = ""
			q := to.Query()
			if q.Has("lang") || q.Has("theme") || q.Has("format") {
				continue
			}
			if next := to.RequestURI(); strings.HasPrefix(next, "/admin/acme/") && !known[next] {
				known[next] = true
				queue = append(queue, next)
			}
		}
	}
	return hits
}

var links = regexp.MustCompile(`<a [^>]*href="([^"]+)"`)
