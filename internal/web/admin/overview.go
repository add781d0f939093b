package admin

import (
	"cmp"
	"maps"
	"slices"
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
	// Shares are the people as one bar, by state.
	Shares []share
}

// share is the part of a bar 1000 wide.
type share struct {
	State    registry.State
	X, Width int64
}

// leastShare is how wide a share is drawn that would be too thin to be seen.
const leastShare = 6

// sharesOf divides a bar among the states, in the order of their names as the
// figures beneath it.
func sharesOf(people map[registry.State]int64, total int64) []share {
	var out []share
	var x int64
	for _, state := range slices.Sorted(maps.Keys(people)) {
		if n := people[state]; n > 0 {
			width := max(leastShare, n*1000/total)
			out = append(out, share{state, x, width})
			x += width
		}
	}
	if x > 1000 && len(out) > 0 { // the widest gives what the thin ones took
		widest := slices.MaxFunc(out, func(a, b share) int { return cmp.Compare(a.Width, b.Width) })
		for i := range out {
			switch {
			case out[i].State == widest.State:
				out[i].Width -= x - 1000
			case out[i].X > widest.X:
				out[i].X -= x - 1000
			}
		}
	}
	return out
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

// manyWaiting is how many applicants are counted; more than that is many.
const manyWaiting = 1000

// rank puts what is bad before what can wait.
func rank(a attention) int {
	if a.Bad {
		return 0
	}
	return 1
}

func (h *Handlers) overview(v *visit) {
	view := overviewView{page: h.page(v)}
	mails, waiting, err := view.load(v)
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	for _, n := range view.People {
		view.Total += n
	}
	view.Shares = sharesOf(view.People, view.Total)
	for _, s := range view.Sources {
		view.Attention = append(view.Attention, view.ofSource(s)...)
	}
	add := func(n int64, text, place, action string) {
		if n > 0 {
			view.Attention = append(view.Attention, attention{web.Say("admin.needs."+text, "Count", n), view.To() + place, action, false})
		}
	}
	add(int64(waiting), "applicants", "/applicants", "decide")
	if err := view.doors(v); err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	arrivals, err := h.arrivals(v, view.page)
	if err != nil {
		h.Fail(v.w, v.r, err)
		return
	}
	view.Attention = append(view.Attention, arrivals...)
	add(mails["failed"], "failed_mails", "/mails?state=failed", "look")
	add(mails["held"], "held_mails", "/mails?state=held", "look")
	slices.SortStableFunc(view.Attention, func(a, b attention) int { return cmp.Compare(rank(a), rank(b)) })
	h.show(v, "admin_overview", web.Say("admin.overview.title"), view)
}

// doors adds what waits at connections, webhooks and sources that were taken out
// of the file.
func (view *overviewView) doors(v *visit) error {
	for _, c := range view.Connections {
		tokens, err := v.desk.Tokens(v.ctx(), c.Origin.ID)
		if err != nil {
			return err
		}
		view.Attention = append(view.Attention, view.ofConnection(c, tokens)...)
	}
	gone, err := v.desk.RetiredSources(v.ctx())
	if err != nil {
		return err
	}
	view.Attention = append(view.Attention, view.retiredNeeds(gone)...)
	hooks, err := v.desk.Webhooks(v.ctx())
	for _, k := range hooks {
		view.Attention = append(view.Attention, view.ofHook(k)...)
	}
	return err
}

// load reads what the page shows, and counts the mails by state and the
// applicants who wait.
func (view *overviewView) load(v *visit) (mails map[string]int64, waiting int, err error) {
	if view.Sources, err = v.desk.Sources(v.ctx()); err != nil {
		return nil, 0, err
	}
	if view.Connections, err = v.desk.Connections(v.ctx()); err != nil {
		return nil, 0, err
	}
	if view.People, err = v.desk.PeopleCounts(v.ctx()); err != nil {
		return nil, 0, err
	}
	if mails, err = v.desk.MailCounts(v.ctx()); err != nil {
		return nil, 0, err
	}
	waiting, err = v.desk.Waiting(v.ctx(), manyWaiting)
	return mails, waiting, err
}

// ofSource says what of a source waits for somebody.
func (p page) ofSource(s Source) []attention {
	name := s.Key
	switch s.Health {
	case registry.Held:
		return []attention{{heldNeeds(name, s.Last), p.To("runs", s.Last.Number), "decide", true}}
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
	out := p.overdue(s)
	if run := judged(s.Recent); run != nil && run.Counts.Conflicts > 0 {
		out = append(out, attention{web.Say("admin.needs.matches", "Name", name, "Count", run.Counts.Conflicts), p.To("matches"), "decide", false})
	}
	if s.Last != nil && s.Last.State == registry.RunPartial && s.Last.Counts.Failed > 0 {
		out = append(out, attention{web.Say("admin.needs.partial", "Name", name, "Count", s.Last.Counts.Failed), p.To("runs", s.Last.Number), "look", false})
	}
	return out
}

// Quiet reports whether a connection has said nothing for a while.
func (p page) Quiet(c Connection) bool {
	return !c.LastRequest.IsZero() && p.now.Sub(c.LastRequest) > quiet
}
