package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The cookies that remember what a visitor chose on a page. They hold no secret
// and name nobody.
const (
	languageCookie = "usher-language"
	themeCookie    = "usher-theme"
)

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
}

// preferences keeps a choice made by ?lang= or ?theme= in a cookie and leads
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
	chosen := ""
	if c, err := r.Cookie(languageCookie); err == nil {
		chosen = c.Value
	}
	for _, wanted := range []string{chosen, person, r.Header.Get("Accept-Language"), company} {
		if code := s.words.match(wanted); code != "" {
			return code
		}
	}
	return languages[0].Code
}

// theme is the visitor's choice of colours.
func theme(r *http.Request) string {
	if c, err := r.Cookie(themeCookie); err == nil && slices.Contains(themes, c.Value) {
		return c.Value
	}
	return themes[0]
}
