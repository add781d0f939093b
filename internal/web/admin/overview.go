package admin

import (
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web"
)

var overviewRoutes = []route{
	{"GET /{$}", auth.RightRead, "", (*Handlers).overview},
}

// quiet is how long a connection may say nothing before the overview mentions
// it. Identity providers send changes only, so that silence is no fault.
const quiet = 24 * time.Hour

// overviewView is the first page: what needs somebody, then how each door fares.
type overviewView struct {
	page
	Attention   []attention
	Sources     []Source
	Connections []Connection
	People      map[registry.State]int64
	Total       int64
}

// attention is something that waits for somebody.
type attention struct {
	Text *web.Message
	URL  string
	// Action is the word on the link.
	Action string
	// Bad is false for what can wait.
	Bad bool
}

func (h *Handlers) overview(v *visit) {
	view := overviewView{page: h.page(v)}
	var err error
	if view.Sources, err = v.desk.Sources(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if view.Connections, err = v.desk.Connections(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	if view.People, err = v.desk.PeopleCounts(v.ctx()); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	mails, err := v.desk.MailCounts(v.ctx())
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	for _, n := range view.People {
		view.Total += n
	}
	for _, s := range view.Sources {
		view.Attention = append(view.Attention, view.ofSource(s)...)
	}
	for _, c := range view.Connections {
		if c.Failures > 0 {
			view.Attention = append(view.Attention, attention{web.Say("admin.needs.refused", "Name", c.Origin.Key, "Count", c.Failures), view.To("scim", c.Origin.Key) + "?failed=1", "look", false})
		}
	}
	if n := mails["held"]; n > 0 {
		view.Attention = append(view.Attention, attention{web.Say("admin.needs.held_mails", "Count", n), view.To("mails") + "?state=held", "look", false})
	}
	if n := mails["failed"]; n > 0 {
		view.Attention = append(view.Attention, attention{web.Say("admin.needs.failed_mails", "Count", n), view.To("mails") + "?state=failed", "look", false})
	}
	arrivals, err := h.arrivals(v, view.page)
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	view.Attention = append(view.Attention, arrivals...)
	h.show(v, "admin_overview", web.Say("admin.overview.title"), view)
}

// ofSource says what of a source waits for somebody.
func (p page) ofSource(s Source) []attention {
	name := s.Key
	switch s.Health {
	case registry.Held:
		return []attention{{web.Say("admin.needs.held", "Name", name, "Run", s.Last.Number), p.To("runs", s.Last.Number), "decide", true}}
	case registry.Quarantined:
		return []attention{{web.Say("admin.needs.quarantined", "Name", name, "Reason", s.Source.Health.Reason), p.To("sources", name), "look", true}}
	case registry.Failing:
		return []attention{{web.Say("admin.needs.failing", "Name", name, "Count", s.Source.Health.Failures), p.To("runs", s.Last.Number), "look", true}}
	case registry.Paused:
		return []attention{{web.Say("admin.needs.paused", "Name", name, "By", s.Source.Health.PausedBy), p.To("sources", name), "look", false}}
	case registry.NoRemovals:
		return []attention{{web.Say("admin.needs.no_removals", "Name", name), p.To("sources", name), "look", false}}
	case registry.Healthy:
	}
	if s.Last != nil && s.Last.State == registry.RunPartial {
		return []attention{{web.Say("admin.needs.partial", "Name", name, "Count", s.Last.Counts.Failed+s.Last.Counts.Conflicts), p.To("runs", s.Last.Number), "look", false}}
	}
	return nil
}

// Quiet reports whether a connection has said nothing for a while.
func (p page) Quiet(c Connection) bool {
	return !c.LastRequest.IsZero() && p.now.Sub(c.LastRequest) > quiet
}
