package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/usherd/usher/internal/auth"
)

// Route is a page with who may open it. Every page stands in a table of routes,
// so that a test can ask for each as everybody.
type Route struct {
	// Pattern is the mux's, with a method.
	Pattern string
	// Open pages are for strangers too. Any other page is for those who have the
	// right, and for somebody at the stage Half of signing in; StageIn is nobody.
	Open  bool
	Half  auth.Stage
	Right auth.Right
	// Body is the most that a form may hold, in bytes; 0 is what forms hold that
	// are typed. Who sends a file gets the time for it.
	Body  int64
	Serve http.HandlerFunc
}

// Mount registers routes, each behind its fence.
func (s *Shell) Mount(mux *http.ServeMux, routes []Route) {
	for _, r := range routes {
		if r.Body > 0 {
			s.bodies[r.Pattern] = r.Body
		}
		mux.HandleFunc(r.Pattern, s.fence(r))
	}
}

// fence leads strangers to sign in, those with half a sign-in to the other half,
// and shows those without the right that it is not theirs. It asks for a right
// in the person's own company; a page about another one asks again.
func (s *Shell) fence(route Route) http.HandlerFunc {
	if route.Open {
		return route.Serve
	}
	return func(w http.ResponseWriter, r *http.Request) {
		if _, stage, ok := s.Sessions.Look(r.Context()); ok && stage != auth.StageIn {
			if stage != route.Half {
				s.lead(w, r, stagePath(stage))
				return
			}
			route.Serve(w, r)
			return
		}
		p, ok := s.Principal(r.Context())
		switch {
		case !ok:
			s.lead(w, r, "/login")
		case !p.May(route.Right, p.Company):
			s.Forbid(w, r)
		default:
			route.Serve(w, r)
		}
	}
}

// stagePath is where somebody goes on who has half signed in.
func stagePath(stage auth.Stage) string {
	if stage == auth.StageEnrol {
		return "/me/factors"
	}
	return "/factor"
}

// lead sends somebody to another page first. A form's answer leads back to a page
// that can be shown.
func (s *Shell) lead(w http.ResponseWriter, r *http.Request, to string) {
	next := "/me"
	if r.Method == http.MethodGet {
		next = LocalPath(r.URL.EscapedPath(), "/me")
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to+"?next="+strings.ReplaceAll(url.QueryEscape(next), "%2F", "/"), http.StatusSeeOther)
}

// Principal is who asks, as they are and as rights are stored now. Somebody who
// has a proof yet to give is nobody.
func (s *Shell) Principal(ctx context.Context) (*auth.Principal, bool) {
	v, ok := s.Sessions.Current(ctx)
	if !ok {
		return nil, false
	}
	return &auth.Principal{
		Company: v.Company, User: v.User, Actor: v.Account.Actor(), Roles: v.Account.Roles(),
		Client: traceOf(ctx).client, Request: requestID(ctx),
	}, true
}
