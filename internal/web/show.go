package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"github.com/usherd/usher/internal/auth"
)

// Page is one answer to a visitor.
type Page struct {
	// Template is the page's file without ".html"; View is its typed data.
	Template string
	View     any
	// Title names the page in the window's title and its heading.
	Title *Message
	// Status is the HTTP status; 0 is 200.
	Status int
	// Problem marks the title of a page that shows a refused form.
	Problem bool
	// Company is the name in the page's head; Locale is the person's language
	// and CompanyLocale the company's, where the session does not tell them.
	Company       string
	Locale        string
	CompanyLocale string
	// Anonymous hides who is signed in: the page is about somebody else.
	Anonymous bool
	// Script names the static file that the page runs; "" for none. No page needs
	// one, and only those that name one may run it.
	Script string
	// Refresh is after how many seconds a browser without script asks for the page
	// again; 0 for never.
	Refresh int
	// Form is the id of a form that is filled in on the page: choosing a language
	// or a theme then submits it (see Shell.Chosen), so that nothing typed is lost.
	Form string
	// Nav are the pages beside this one, none for a page that stands alone; Wide
	// gives tables the window's width.
	Nav  Nav
	Wide bool
}

// Nav are the pages beside one, in groups.
type Nav struct {
	// Name is whose pages these are; Switch is where others can be chosen, "" where
	// there is nothing to choose.
	Name, Switch string
	Groups       []NavGroup
}

// NavGroup are pages that belong together. Label is a key of the catalogue, ""
// for a group that needs no name.
type NavGroup struct {
	Label string
	Items []NavItem
}

// NavItem is a link to a page beside the present one.
type NavItem struct {
	Label   string // a key of the catalogue
	URL     string
	Current bool
}

// frame is what the layout is rendered with.
type frame struct {
	Lang      string
	Theme     string
	Title     *Message
	Problem   bool
	Company   string
	Account   *auth.Account
	Languages []choice
	Themes    []choice
	Form      string
	Nav       Nav
	Wide      bool
	View      any
	Script    string
	Refresh   int
	Clock     *clock // nil where times are not the page's matter
}

// choice is a link that chooses a language or a theme.
type choice struct {
	Code    string
	Name    string // of a language, in itself
	URL     string
	Current bool
}

// Show renders a page. Nothing is sent before all of it is rendered.
func (s *Shell) Show(w http.ResponseWriter, r *http.Request, p Page) {
	var buf bytes.Buffer
	if err := s.render(&buf, r, p); err != nil {
		s.Fail(w, r, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if p.Script != "" {
		h.Set("Content-Security-Policy", headers["Content-Security-Policy"]+"; script-src 'self'; connect-src 'self'")
	}
	if p.Status != 0 {
		w.WriteHeader(p.Status)
	}
	// A write that fails now means that the visitor has left.
	_, _ = w.Write(buf.Bytes())
}

func (s *Shell) render(buf *bytes.Buffer, r *http.Request, p Page) error {
	f := frame{Theme: theme(r), Title: p.Title, Problem: p.Problem, Company: p.Company, Form: p.Form, View: p.View, Script: p.Script, Nav: p.Nav, Wide: p.Wide, Refresh: p.Refresh}
	if v, ok := s.Sessions.Current(r.Context()); ok && !p.Anonymous {
		f.Account = &v.Account
		f.Company = v.Account.CompanyName
		p.Locale, p.CompanyLocale = v.Account.Locale, v.Account.CompanyLocale
	}
	if p.Wide && f.Account != nil {
		f.Clock = clockOf(r, Zone(r, f.Account.Timezone).String())
	}
	f.Lang = s.language(r, p.Locale, p.CompanyLocale)
	for _, l := range languages {
		f.Languages = append(f.Languages, choice{Code: l.Code, Name: l.Name, URL: choose(r, "lang", l.Code), Current: l.Code == f.Lang})
	}
	for _, t := range themes {
		f.Themes = append(f.Themes, choice{Code: t, URL: choose(r, "theme", t), Current: t == f.Theme})
	}
	page := s.templates[f.Lang][p.Template]
	if page == nil {
		return fmt.Errorf("no page is called %q", p.Template)
	}
	if err := page.ExecuteTemplate(buf, "layout", f); err != nil {
		return fmt.Errorf("render page: %w", err)
	}
	return nil
}

// Part renders one of a page's named templates alone, in the visitor's language,
// for a page that stays open and shows it anew.
func (s *Shell) Part(r *http.Request, page, part string, view any) ([]byte, error) {
	var person, company string
	if v, ok := s.Sessions.Current(r.Context()); ok {
		person, company = v.Account.Locale, v.Account.CompanyLocale
	}
	t := s.templates[s.language(r, person, company)][page]
	if t == nil {
		return nil, fmt.Errorf("no page is called %q", page)
	}
	var buf bytes.Buffer
	if err := t.ExecuteTemplate(&buf, part, view); err != nil {
		return nil, fmt.Errorf("render %s: %w", part, err)
	}
	return buf.Bytes(), nil
}

// choose is the present page's address with a choice added. A page that answers
// a form is at the address that shows the form, so it leads there.
func choose(r *http.Request, param, value string) string {
	u := *r.URL
	if strings.HasPrefix(u.Path, "//") {
		u.Path = "/"
	}
	q := u.Query()
	q.Set(param, value)
	return u.EscapedPath() + "?" + q.Encode()
}

// Field is a labelled input of a form. Label and Hint are catalogue keys.
type Field struct {
	Name         string
	Type         string // "text", "password", …
	Label        string
	Hint         *Message
	Error        *Message
	Value        string
	Autocomplete string
	Autofocus    bool
	ReadOnly     bool
	Optional     bool
}

// DescribedBy lists the ids of what explains the field, for people who hear the
// page.
func (f Field) DescribedBy() string {
	var ids []string
	if f.Error != nil {
		ids = append(ids, f.Name+"-error")
	}
	if f.Hint != nil {
		ids = append(ids, f.Name+"-hint")
	}
	return strings.Join(ids, " ")
}

// Code reports whether the field holds a name that is not prose.
func (f Field) Code() bool { return f.Type != "text" || f.Autocomplete != "" }
