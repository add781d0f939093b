package graphfake

import (
	"net/http"
	"slices"
	"time"
)

// Request is a request that the server answered.
type Request struct {
	At            time.Time
	Method, Path  string
	Query         string // as it came, encoded
	Header        http.Header
	Status        int // answered; what came of it when a fault cut it is not known
	Faults        int // how many befell it
	ResourceUnits string
}

// kept is how many requests the log holds: a demo may run for long.
const kept = 10_000

// note writes a request into the log, without what signs it in.
func (s *Server) note(r *http.Request, reply *Reply, faults int) {
	header := r.Header.Clone()
	header.Del("Authorization")
	header.Del("X-Identity-Header")
	entry := Request{
		At: s.now(), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: header,
		Status: reply.status(), Faults: faults, ResourceUnits: reply.Header.Get("x-ms-resource-unit"),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.log) == kept {
		s.log = slices.Delete(s.log, 0, kept/2)
	}
	s.log = append(s.log, entry)
}

// Requests returns the requests since the last Forget, oldest first: the last
// 5,000 at least. Those of a batch come one by one, before it.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log)
}

// Forget empties the log.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = nil
}
