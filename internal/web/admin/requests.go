package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// logView is a page of a connection's requests, the newest first.
type logView struct {
	page
	Connection
	Requests []request
	Filter   struct {
		Failed                             bool
		Method, Status, Text, Since, Until string
	}
	// Begins is since when words are looked for where nobody said it, zero elsewhere.
	Begins  time.Time
	Methods []string
	// CSV and JSON are where the same list is given whole.
	CSV, JSON string
	Older     string
}

// request is a row of the request log with what mends it.
type request struct {
	registry.ScimRequest
	// Fix is the key of the words for it, "" for none.
	Fix string
}

// Target is what was asked for, as people read it.
func (r request) Target() string {
	text, err := url.PathUnescape(strings.ReplaceAll(r.Path, "+", " "))
	if err != nil {
		return r.Path
	}
	return text
}

// Took is how long the answer took, in milliseconds.
func (r request) Took() *web.Message {
	return web.Say("admin.millis", "N", fmt.Sprintf("%.1f", float64(r.Micros)/1000))
}

// redirectToLog leads from where the log was.
func (h *Handlers) redirectToLog(v *visit, c Connection) {
	http.Redirect(v.w, v.r, page{Company: v.company}.To("scim", c.Origin.Key, "log")+"?failed=1", http.StatusSeeOther)
}

func (h *Handlers) log(v *visit) {
	c, ok := h.findConnection(v)
	if !ok {
		return
	}
	view := logView{page: h.page(v), Connection: c, Methods: []string{"GET", "POST", "PUT", "PATCH", "DELETE"}}
	q := h.logQuery(v, &view)
	list, err := v.desk.Requests(v.ctx(), q)
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if len(list) > perPage {
		list = list[:perPage]
		last := list[perPage-1]
		older := v.only(logFilters...)
		older.Set("at", fmt.Sprint(last.At.UnixMicro()))
		older.Set("id", fmt.Sprint(last.ID))
		view.Older = v.r.URL.Path + "?" + older.Encode()
	}
	for _, r := range list {
		view.Requests = append(view.Requests, request{r, fixOf(r)})
	}
	view.CSV, view.JSON = v.whole(view.To("scim", c.Origin.Key, "log", "export"), logFilters...)
	h.show(v, "admin_log", web.Say("admin.log.title", "Name", c.Origin.Key), view)
}

// logFilters are what a log is narrowed by in its address.
var logFilters = []string{"failed", "method", "status", "text", "since", "until"}

// logQuery is what the address asks of a log, filled in on the page too.
func (h *Handlers) logQuery(v *visit, view *logView) registry.ScimRequestQuery {
	query, f := v.r.URL.Query(), &view.Filter
	f.Failed, f.Method, f.Status = query.Get("failed") != "", query.Get("method"), query.Get("status")
	f.Text, f.Since, f.Until = strings.TrimSpace(query.Get("text")), query.Get("since"), query.Get("until")
	q := registry.ScimRequestQuery{Origin: view.Origin.ID, Failed: f.Failed, Method: f.Method, Text: f.Text, Limit: perPage + 1}
	q.Status, _ = strconv.Atoi(f.Status)
	q.Since, q.Until = v.minutes()
	if bounded := q.Bounded(h.Now()); !bounded.Since.Equal(q.Since) {
		q, view.Begins = bounded, bounded.Since
	}
	if at, err := strconv.ParseInt(query.Get("at"), 10, 64); err == nil {
		q.BeforeAt = time.UnixMicro(at)
		q.BeforeID, _ = strconv.ParseInt(query.Get("id"), 10, 64)
	}
	return q
}

// minute is a moment as browsers write it, without a zone:
// https://html.spec.whatwg.org/#local-date-and-time-state-(type=datetime-local)
const minute = "2006-01-02T15:04"

// minutes are the first and the last minute of the address as moments, by the
// viewer's clock; the last one counts whole, and so does a day.
func (v *visit) minutes() (since, until time.Time) {
	query := v.r.URL.Query()
	since, _ = v.span(query.Get("since"))
	_, until = v.span(query.Get("until"))
	return since, until
}

// span is when a minute or a day of the viewer's clock begins and ends, zero for
// what is neither.
func (v *visit) span(text string) (begins, ends time.Time) {
	if day := v.day(text); !day.IsZero() {
		return day, day.AddDate(0, 0, 1)
	}
	at, err := time.ParseInLocation(minute, text, v.zone)
	if err != nil {
		return time.Time{}, time.Time{}
	}
	return at, at.Add(time.Minute)
}

// whole are the addresses of a whole list with the present filters, as CSV and
// JSON.
func (v *visit) whole(at string, filters ...string) (csv, json string) {
	q := v.only(filters...)
	q.Set("format", "csv")
	csv = at + "?" + q.Encode()
	q.Set("format", "json")
	return csv, at + "?" + q.Encode()
}

func (h *Handlers) exportLog(v *visit) {
	c, ok := h.findConnection(v)
	if !ok {
		return
	}
	q := v.only("method", "status", "text")
	if v.r.URL.Query().Get("failed") != "" {
		q.Set("failed", "true")
	}
	since, until := v.minutes()
	setTimes(q, since, until)
	h.export(v, Export{Operation: "listRequests", Path: map[string]string{"connection": c.Origin.Key}, Query: q})
}

// requestView is one request as it was asked and answered.
type requestView struct {
	page
	Connection
	Request request
}

func (h *Handlers) request(v *visit) {
	c, ok := h.findConnection(v)
	if !ok {
		return
	}
	id, err := strconv.ParseInt(v.r.PathValue("id"), 10, 64)
	if err != nil {
		h.Refuse(v.w, v.r, http.StatusNotFound)
		return
	}
	r, err := v.desk.Request(v.ctx(), c.Origin.ID, id)
	if err != nil {
		h.missing(v, err)
		return
	}
	h.show(v, "admin_request", web.Say("admin.request.title", "Name", c.Origin.Key), requestView{h.page(v), c, request{r, fixOf(r)}})
}

// fixes are the words for what mends a refusal, by its scimType.
var fixes = map[string]string{
	"uniqueness": "uniqueness", "invalidFilter": "filter", "invalidValue": "value", "invalidSyntax": "syntax", "invalidPath": "path",
	"noTarget": "target", "mutability": "mutability", "tooMany": "many", "sensitive": "sensitive",
}

// statusFixes are the same for a refusal without one, by its status.
var statusFixes = map[int]string{
	401: "token", 403: "forbidden", 404: "gone", 405: "method", 409: "conflict", 412: "version", 413: "large", 415: "media", 429: "rate",
}

// nothingThere is what package scim answers where it serves nothing, which is no
// missing record but a wrong base address.
const nothingThere = "there is nothing at this address"

// fixOf names the words that say what mends a refused request.
func fixOf(r registry.ScimRequest) string {
	switch {
	case r.Status < 400:
		return ""
	case r.Status == http.StatusNotFound && r.Detail == nothingThere:
		return "address"
	case fixes[r.ScimType] != "":
		return fixes[r.ScimType]
	case r.Status >= 500:
		return "ours"
	}
	return statusFixes[r.Status]
}
