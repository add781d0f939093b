package web

import (
	"errors"
	"fmt"
	"net/http"
)

// failures are the statuses that have words of their own in the catalogue
// (failure.<status>.title, .text).
var failures = map[int]bool{
	http.StatusBadRequest: true, http.StatusForbidden: true, http.StatusNotFound: true,
	http.StatusMethodNotAllowed: true, http.StatusRequestEntityTooLarge: true, http.StatusInternalServerError: true,
}

// failureView is the data of the page for what went wrong.
type failureView struct {
	Text *Message
	// RequestID is what a person can quote; only shown where we are to blame.
	RequestID string
}

// Refuse shows the page for a status without words about the cause.
func (s *Shell) Refuse(w http.ResponseWriter, r *http.Request, status int) {
	if !failures[status] {
		status = http.StatusInternalServerError
	}
	view := failureView{Text: failureWord(status, "text")}
	if status == http.StatusInternalServerError {
		view.RequestID = requestID(r.Context())
	}
	s.Show(w, r, Page{Template: "failure", Title: failureWord(status, "title"), Status: status, View: view})
}

// Forbid shows that a page is not for who asks.
func (s *Shell) Forbid(w http.ResponseWriter, r *http.Request) {
	s.Show(w, r, Page{
		Template: "failure", Title: Say("forbidden.title"), Status: http.StatusForbidden, View: failureView{Text: Say("forbidden.text")},
	})
}

// Note logs why a request was refused, for who looks into a complaint.
func (s *Shell) Note(r *http.Request, what string, err error) {
	s.cfg.Log.InfoContext(r.Context(), "refused", "what", what, "request_id", requestID(r.Context()), "route", route(r.Context()), "error", err)
}

// Fail logs an error of ours and shows a page that tells no more than the
// request's id.
func (s *Shell) Fail(w http.ResponseWriter, r *http.Request, err error) {
	s.cfg.Log.ErrorContext(r.Context(), "page failed", "route", route(r.Context()), "error", err)
	if failing(r.Context()) {
		// The page for failures failed: no second try.
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	s.Refuse(w, r.WithContext(markFailing(r.Context())), http.StatusInternalServerError)
}

// Form reads a submitted form. When it cannot, the page saying so has been
// shown and ok is false.
func (s *Shell) Form(w http.ResponseWriter, r *http.Request) (ok bool) {
	err := r.ParseForm()
	var tooLarge *http.MaxBytesError
	switch {
	case err == nil:
		return true
	case errors.As(err, &tooLarge):
		s.Refuse(w, r, http.StatusRequestEntityTooLarge)
	default:
		s.Refuse(w, r, http.StatusBadRequest)
	}
	return false
}

func failureWord(status int, part string) *Message {
	return Say(fmt.Sprintf("failure.%d.%s", status, part))
}
