package graphfake

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// quotaWindow is the time that the resource units are for, and nearLimit the
	// share of them from which answers tell it (concepts/throttling-limits.md).
	quotaWindow = 10 * time.Second
	nearLimit   = 0.8
)

// window is what an application has used since a moment.
type window struct {
	since time.Time
	used  int
}

// charge counts a request's cost and returns it with the share of the limit used
// so far. Both are 0 for what is not Graph, the share without a limit.
func (s *Server) charge(r *http.Request) (cost int, share float64) {
	path, ok := strings.CutPrefix(r.URL.Path, "/v1.0/")
	if !ok || path == "$batch" { // its requests count one by one
		return 0, 0
	}
	cost = costOf(path, r.URL.RawQuery)
	if s.opt.Units <= 0 {
		return cost, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	w := s.windows[s.caller(r)]
	if w == nil || s.now().Sub(w.since) >= quotaWindow {
		w = &window{since: s.now()}
		s.windows[s.caller(r)] = w
	}
	if w.used+cost > s.opt.Units {
		return cost, float64(w.used+cost) / float64(s.opt.Units)
	}
	w.used += cost
	return cost, float64(w.used) / float64(s.opt.Units)
}

// caller names whose quota a request is on.
func (s *Server) caller(r *http.Request) string {
	if g := s.grants[bearer(r)]; g != nil {
		return g.app
	}
	return ""
}

// costOf is the table of base costs and what changes them.
func costOf(path, rawQuery string) int {
	cost := 1
	switch parts := strings.Split(path, "/"); {
	case path == "users":
		cost = 2
	case len(parts) > 2 && parts[0] == "groups" && parts[2] == "members":
		cost = 3
	case len(parts) > 2 && parts[0] == "groups" && parts[2] == "transitiveMembers":
		cost = 5
	case len(parts) > 2 && parts[0] == "users" && strings.HasSuffix(parts[2], "emberOf"):
		cost = 2
	}
	q, bad := parseQuery(rawQuery)
	if bad != nil {
		return cost
	}
	if len(q.sel) > 0 {
		cost--
	}
	if len(q.expand) > 0 {
		cost++
	}
	if q.top > 0 && q.top < 20 {
		cost--
	}
	return max(1, cost)
}

// throttled is the answer beyond the limit (concepts/throttling.md).
func (s *Server) throttled(r *http.Request) *Reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	caller := s.caller(r)
	left := quotaWindow - s.now().Sub(s.windows[caller].since)
	reply := &Reply{}
	Throttle(left)(reply, nil)
	reply.set("x-ms-throttle-scope", "Tenant_Application/ReadWrite/"+caller+"/"+s.tenant.ID())
	reply.set("x-ms-throttle-information", "ResourceUnitLimitExceeded")
	return reply
}

// seconds is a duration as Retry-After has it, rounded up.
func seconds(d time.Duration) string {
	return strconv.Itoa(int((d + time.Second - 1) / time.Second))
}
