package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The cookies that remember what a visitor chose on a page. They hold no secret
// and name nobody.
const (
	languageCookie = "usher-language"
	themeCookie    = "usher-theme"
	clockCookie    = "usher-clock"
)

// clocks are the zones whose clock times can be shown by, one or two for each
// hour: nobody finds theirs among the six hundred there are.
var clocks = []string{
	"UTC", "Europe/London", "Europe/Lisbon", "Europe/Rome", "Europe/Berlin", "Europe/Paris", "Europe/Madrid", "Europe/Warsaw", "Europe/Athens",
	"Europe/Kyiv", "Europe/Istanbul", "Europe/Moscow", "Europe/Samara", "Asia/Yekaterinburg", "Asia/Omsk", "Asia/Novosibirsk", "Asia/Irkutsk",
	"Asia/Yakutsk", "Asia/Vladivostok", "Asia/Kamchatka", "Asia/Almaty", "Asia/Tbilisi", "Asia/Dubai", "Asia/Karachi", "Asia/Kolkata", "Asia/Bangkok",
	"Asia/Shanghai", "Asia/Singapore", "Asia/Tokyo", "Australia/Perth", "Australia/Sydney", "Pacific/Auckland", "Africa/Cairo", "Africa/Lagos",
	"Africa/Nairobi", "Africa/Johannesburg", "Atlantic/Azores", "America/Sao_Paulo", "America/Argentina/Buenos_Aires", "America/Halifax",
	"America/New_York", "America/Chicago", "America/Denver", "America/Phoenix", "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu",
}

// themes are the choices of colours; the first follows the system.
var themes = []string{"auto", "light", "dark"}

// choices is the one table of what a page's address may choose.
var choices = []struct {
	param, cookie string
	valid         func(string) bool
}{
	{"lang", languageCookie, func(v string) bool {
		for _, l := range languages {
			if l.Code == v {
				return true
			}
		}
		return false
	}},
	{"theme", themeCookie, func(v string) bool { return slices.Contains(themes, v) }},
	{"clock", clockCookie, func(v string) bool { return slices.Contains(clocks, v) }},
}

// preferences keeps a choice made by ?lang=, ?theme= or ?clock= in a cookie and leads
// back to the address without it.
func (s *Shell) preferences(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.RawQuery, "=") {
			next.ServeHTTP(w, r)
			return
		}
		query, chosen := r.URL.Query(), false
		for _, c := range choices {
			if v := query.Get(c.param); c.valid(v) {
				s.remember(w, c.cookie, v)
				query.Del(c.param)
				chosen = true
			}
		}
		if !chosen {
			next.ServeHTTP(w, r)
			return
		}
		back := url.URL{Path: r.URL.Path, RawQuery: query.Encode()}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, LocalPath(back.String(), "/"), http.StatusSeeOther)
	})
}

// chosenKey is the context key of what a form chose on its way.
type chosenKey struct{}

// Chosen reports whether a submitted form only chose a language or a theme, by a
// button named lang or theme. The choice is kept in a cookie and holds for the
// request returned, with which the form is shown again as it was filled in.
func (s *Shell) Chosen(w http.ResponseWriter, r *http.Request) (*http.Request, bool) {
	for _, c := range choices {
		if v := r.PostForm.Get(c.param); v != "" && c.valid(v) {
			s.remember(w, c.cookie, v)
			return r.WithContext(context.WithValue(r.Context(), chosenKey{}, [2]string{c.cookie, v})), true
		}
	}
	return r, false
}

// preference is what the visitor chose, on this request or on one before, or "".
func preference(r *http.Request, cookie string) string {
	if chosen, ok := r.Context().Value(chosenKey{}).([2]string); ok && chosen[0] == cookie {
		return chosen[1]
	}
	if c, err := r.Cookie(cookie); err == nil {
		return c.Value
	}
	return ""
}

func (s *Shell) remember(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, Secure: s.Secure(), SameSite: http.SameSiteLaxMode,
	})
}

// LocalPath returns the address if it leads to a page of ours, else fallback:
// what a visitor brings must not send the next one elsewhere.
func LocalPath(address, fallback string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil ||
		!strings.HasPrefix(address, "/") || strings.HasPrefix(address, "//") || strings.ContainsAny(address, "\\\r\n\t") {
		return fallback
	}
	return address
}

// language decides what a page is written in: what the visitor chose on a page,
// else the person's own, else what the browser asks for, else the company's.
func (s *Shell) language(r *http.Request, person, company string) string {
	for _, wanted := range []string{preference(r, languageCookie), person, r.Header.Get("Accept-Language"), company} {
		if code := s.words.match(wanted); code != "" {
			return code
		}
	}
	return languages[0].Code
}

// Language is the code of the language that a page without a person is written in.
func (s *Shell) Language(r *http.Request) string { return s.language(r, "", "") }

// theme is the visitor's choice of colours.
func theme(r *http.Request) string {
	if v := preference(r, themeCookie); slices.Contains(themes, v) {
		return v
	}
	return themes[0]
}

// Zone is by whose clock a page shows its times: the one that the visitor chose on
// a page, else the person's own, else UTC.
func Zone(r *http.Request, person string) *time.Location {
	for _, name := range []string{preference(r, clockCookie), person} {
		if name == "" || name == "Local" {
			continue // "Local" would be the server's, which is nobody's
		}
		if l, err := time.LoadLocation(name); err == nil {
			return l
		}
	}
	return time.UTC
}

// clockOf is what the layout offers to choose a zone by, nil on an answer that
// cannot be asked for again.
func clockOf(r *http.Request, present string) *clock {
	if r.Method != http.MethodGet {
		return nil
	}
	c := &clock{Present: present, Zones: slices.Clone(clocks), Kept: r.URL.Query()}
	if c.Kept.Del("done"); !slices.Contains(c.Zones, present) {
		c.Zones = append(c.Zones, present)
	}
	slices.Sort(c.Zones)
	return c
}

// clock is the choice of a zone, with the rest of the page's address.
type clock struct {
	Present string
	Zones   []string
	Kept    url.Values
}
