package api

import (
	"context"
	"strings"

	"github.com/usherd/usher/internal/registry"
)

// audit writes down what somebody did or tried. A failure to do so is no reason
// to answer that nothing was done.
func (s *Server) audit(q *request, deed string, outcome registry.Code) {
	if deed == "" {
		return
	}
	ctx := context.WithoutCancel(q.Context())
	err := s.cfg.Open(q.who.Company).Audit(ctx, registry.Deed{
		Actor: q.who.Actor, Action: deed, Outcome: string(outcome), Subject: subject(q),
		Address: q.who.Client.Address.String(), RequestID: q.id,
	})
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "write audit", "request_id", q.id, "error", err)
	}
}

// deed is what the audit calls a request, "" for a mere look.
func (q *request) deed() string {
	if q.route == nil {
		return ""
	}
	return q.route.Deed
}

// subject is what a request is about, in the words of its path.
func subject(q *request) string {
	var parts []string
	for _, name := range wildcards(q.route.Pattern) {
		parts = append(parts, name+" "+clip(q.PathValue(name)))
	}
	return strings.Join(parts, ", ")
}
