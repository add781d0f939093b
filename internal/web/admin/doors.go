package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

// lives are how many days a new credential may be good for; 0 is for ever.
var lives = []int{365, 180, 90, 30, 0}

// overlaps are how many hours what is replaced may work beside the new one; 0 ends
// it at once.
var overlaps = []int{24, 72, 168, 1, 0}

// Lives are the lengths of life that a form offers.
func (page) Lives() []int { return lives }

// Overlaps are the overlaps that a form offers.
func (page) Overlaps() []int { return overlaps }

// Span says a length of time in words.
func (page) Span(d time.Duration) *web.Message { return span("admin.took.", d) }

// chosen is the number of a form that must be one of those it offers; what is
// missing is the first.
func (v *visit) chosen(name string, offered []int) (int, bool) {
	text := v.form().Get(name)
	if text == "" {
		return offered[0], true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && slices.Contains(offered, n)
}

// life is when a new credential ends by the form, zero for never. When the form
// makes no sense, the page saying so has been shown.
func (h *Handlers) life(v *visit) (time.Time, bool) {
	days, ok := v.chosen("life", lives)
	switch {
	case !ok:
		h.senseless(v)
		return time.Time{}, false
	case days == 0:
		return time.Time{}, true
	}
	return h.Now().AddDate(0, 0, days), true
}

// overlap is how long what is replaced still works by the form, as life.
func (h *Handlers) overlap(v *visit) (time.Duration, bool) {
	hours, ok := v.chosen("overlap", overlaps)
	if !ok {
		h.senseless(v)
	}
	return time.Duration(hours) * time.Hour, ok
}

// senseless answers a form that no page of ours sends.
func (h *Handlers) senseless(v *visit) {
	v.outcome = registry.CodeInvalidValue
	h.Refuse(v.w, v.r, http.StatusBadRequest)
}

// form is what was sent, once it was read.
func (v *visit) form() url.Values {
	r := v.r
	return r.PostForm
}

// field is what was typed into a form's field.
func (v *visit) field(name string) string { return strings.TrimSpace(v.form().Get(name)) }

// listed are the words of a field, apart by commas, spaces or lines.
func (v *visit) listed(name string) []string {
	return strings.FieldsFunc(v.form().Get(name), func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
}

// refusal is what to say above a form that was refused, nil for another error or
// none.
func (v *visit) refusal(err error) *web.Message {
	var refused *Refusal
	if !errors.As(err, &refused) {
		return nil
	}
	v.outcome = refused.Code
	return web.Say("admin.refused", "Reason", refused.Reason)
}

// by is a deed of the visitor for what writes its own down.
func (v *visit) by() registry.Deed {
	return registry.Deed{Actor: v.who.Actor, User: v.who.User, Address: v.who.Client.Address.String(), RequestID: v.who.Request}
}

// day reads a date of a form or an address in the viewer's zone; zero for none.
func (v *visit) day(text string) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, text, v.zone)
	if err != nil {
		return time.Time{}
	}
	return t
}

// tabs are the pages of one connection.
func (p page) tabs(key, here string) (out []web.NavItem) {
	for _, tab := range []string{"overview", "guide", "log"} {
		at := p.To("scim", key)
		if tab != "overview" {
			at = p.To("scim", key, tab)
		}
		out = append(out, web.NavItem{Label: "admin.scim.tab." + tab, URL: at, Current: tab == here})
	}
	return out
}

// Tabs are the pages of the connection, this one among them.
func (v connectionView) Tabs() []web.NavItem { return v.tabs(v.Origin.Key, "overview") }

// Tabs are the pages of the connection, this one among them.
func (v guideView) Tabs() []web.NavItem { return v.tabs(v.Origin.Key, "guide") }

// Tabs are the pages of the connection, this one among them.
func (v logView) Tabs() []web.NavItem { return v.tabs(v.Origin.Key, "log") }

// factsView is a list of settings on a page.
type factsView struct {
	Page  page
	Facts []Fact
}

// Facts are settings as a page lists them.
func (p page) Facts(list []Fact) factsView { return factsView{p, list} }

// PageTo is the address of another page; a mail has an address of its own.
func (v mailView) PageTo(parts ...any) string { return v.page.To(parts...) }
