package reconcile_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	sourceldap "github.com/usherd/usher/internal/source/ldap"
)

// soakEnv makes the random days long.
const soakEnv = "USHER_SOAK"

// TestRandomDays lets a directory live through days of random change, and after
// each compares the registry with a model that knows nothing of plans.
func TestRandomDays(t *testing.T) {
	seeds, days := 3, 5
	if os.Getenv(soakEnv) == "1" {
		seeds, days = 200, 20
	}
	for seed := range seeds {
		for _, name := range []string{"sqlite", "postgres"} {
			if name == "postgres" && seed%4 != 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s %d", name, seed), func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, databases[name](t), newDirectory(t))
				m := newModel(w, rand.New(rand.NewPCG(uint64(seed), 60)))
				for day := range days {
					m.day()
					m.compare(fmt.Sprintf("seed %d, day %d", seed, day))
					if t.Failed() {
						return
					}
				}
			})
		}
	}
}

// human is somebody of the model. The key stays, whatever they are called.
type human struct {
	uid, title, mail string
	disabled         bool
	there            bool
	gone             time.Time // when a complete run first lacked them
	deleted          bool
	sub              bool // lives in the other OU
	user             string
	anchor           string
	// synced is the name the registry has heard.
	synced string
}

// team is a group of the model.
type team struct {
	cn      string
	members map[int]bool
	inner   map[int]bool
	there   bool
}

// model is a directory and what should have become of it.
type model struct {
	w      *world
	rng    *rand.Rand
	humans []*human
	teams  []*team
	nested plan.Nested
	fresh  int
}

func newModel(w *world, rng *rand.Rand) *model {
	m := &model{w: w, rng: rng, nested: []plan.Nested{plan.NestedFlatten, plan.NestedKeep, plan.NestedIgnore}[rng.IntN(3)]}
	// Most nights go by markers; how often everything is read differs.
	every := []time.Duration{0, 30 * 24 * time.Hour, 3000 * time.Hour, 100 * 365 * 24 * time.Hour}[rng.IntN(4)]
	w.adjust = func(s *reconcile.Source) { s.Nested, s.FullEvery = m.nested, every }
	w.dir.add("ou=sub,"+w.dir.people(), attrs{"objectClass": {"organizationalUnit"}, "ou": {"sub"}})
	for range 60 {
		m.hire()
	}
	for range 8 {
		m.found()
	}
	return m
}

func (m *model) dn(h *human) string {
	if h.sub {
		return "uid=" + h.uid + ",ou=sub," + m.w.dir.people()
	}
	return m.w.dir.dn(h.uid)
}

func (m *model) do(op func(*ldap.Conn) error) {
	m.w.t.Helper()
	m.w.dir.must(m.w.dir.s.Root(op))
}

func (m *model) name() string { m.fresh++; return fmt.Sprintf("n%03d", m.fresh) }

func (m *model) hire() {
	h := &human{uid: m.name(), there: true}
	h.mail = h.uid + "@example.com"
	m.humans = append(m.humans, h)
	m.w.dir.add(m.dn(h), person(h.uid, nil))
}

func (m *model) found() {
	g := &team{cn: m.name(), members: map[int]bool{}, inner: map[int]bool{}, there: true}
	m.teams = append(m.teams, g)
	m.w.dir.addGroup(g.cn)
	m.shuffle(g)
}

// shuffle gives a group other members, those who left included: directories keep
// dangling names.
func (m *model) shuffle(g *team) {
	for range 1 + m.rng.IntN(12) {
		i := m.rng.IntN(len(m.humans))
		g.members[i] = !g.members[i]
	}
	for i, inner := range m.teams {
		if m.rng.IntN(8) == 0 && inner.there {
			g.inner[i] = !g.inner[i]
		}
	}
}

// writeMembers has every group name its members as they are now called.
func (m *model) writeMembers() {
	m.do(func(c *ldap.Conn) error {
		for _, g := range m.teams {
			if !g.there {
				continue
			}
			list := []string{""}
			for i, in := range g.members {
				if in {
					list = append(list, m.dn(m.humans[i]))
				}
			}
			for i, in := range g.inner {
				if in {
					list = append(list, m.w.dir.group(m.teams[i].cn))
				}
			}
			if len(list) > 1 {
				list = list[1:]
			}
			slices.Sort(list)
			r := ldap.NewModifyRequest(m.w.dir.group(g.cn), nil)
			r.Replace("member", slices.Compact(list))
			if err := c.Modify(r); err != nil {
				return fmt.Errorf("members of %s: %w", g.cn, err)
			}
		}
		return nil
	})
}

func (m *model) anyone(want func(*human) bool) *human {
	for range 50 {
		if h := m.humans[m.rng.IntN(len(m.humans))]; want(h) {
			return h
		}
	}
	return nil
}

func present(h *human) bool { return h.there }

// day changes the directory and runs the source, sometimes through trouble.
func (m *model) day() {
	m.w.clock.forward(20 * 24 * time.Hour)
	for range 5 + m.rng.IntN(25) {
		m.event()
	}
	m.writeMembers()
	w := m.w
	switch m.rng.IntN(4) {
	case 0: // a night without the directory
		w.ldap = func(c *sourceldap.Config) { c.BindPassword = sourceldap.Password("wrong") }
		w.run(registry.RunFailed)
		w.ldap = nil
	case 1:
		w.killed(m.rng, reconcile.PhaseApply, 2)
		w.expireLease()
	}
	p := w.preview()
	run := w.run(registry.RunDone)
	want(w.t, "the run against its preview", w.changes(run), asChanges(w.items(p)))
	want(w.t, "counts against the preview's", run.Counts, p.Counts)
}

func (m *model) event() {
	w, h := m.w, m.anyone(present)
	switch m.rng.IntN(12) {
	case 0, 1:
		m.hire()
	case 2, 3:
		// Whoever leaves under a name the registry has not heard keeps the old
		// one there, and who took that over is a conflict: not on these days.
		if h.synced == h.uid {
			m.do(func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(m.dn(h), nil)) })
			h.there = false
		}
	case 4:
		if gone := m.anyone(func(h *human) bool { return !h.there && h.anchor != "" }); gone != nil {
			gone.there, gone.disabled, gone.title, gone.mail = true, false, "", gone.uid+"@example.com"
			w.dir.must(restoreEntry(w.dir, m.dn(gone), gone.anchor, person(gone.uid, nil)))
		}
	case 5:
		h.title = fmt.Sprint("title ", m.rng.IntN(100))
		w.dir.must(w.dir.s.Modify(m.dn(h), attrs{"title": {h.title}}))
	case 6:
		h.mail = fmt.Sprintf("%s.%d@example.com", h.uid, m.rng.IntN(1000))
		w.dir.must(w.dir.s.Modify(m.dn(h), attrs{"mail": {h.mail}}))
	case 7:
		h.disabled = !h.disabled
		var locked []string
		if h.disabled {
			locked = []string{"000001010000Z"}
		}
		w.dir.must(w.dir.s.Modify(m.dn(h), attrs{"pwdAccountLockedTime": locked}))
	case 8:
		m.rename(h, m.name())
	case 9: // two swap names
		if other := m.anyone(present); other != h {
			a, b := h.uid, other.uid
			m.rename(h, m.name())
			m.rename(other, a)
			m.rename(h, b)
		}
	case 10:
		was := m.dn(h)
		h.sub = !h.sub
		parent := w.dir.people()
		if h.sub {
			parent = "ou=sub," + parent
		}
		w.dir.must(w.dir.s.Rename(was, "uid="+h.uid, parent))
	case 11:
		m.teamEvent()
	}
}

func (m *model) rename(h *human, uid string) {
	m.w.dir.must(m.w.dir.s.Rename(m.dn(h), "uid="+uid, ""))
	h.uid = uid
}

func (m *model) teamEvent() {
	i := m.rng.IntN(len(m.teams))
	g := m.teams[i]
	switch n := m.rng.IntN(6); {
	case !g.there || n == 0:
		m.found()
	case n == 1 && i > 1: // some stay, so that there always are groups
		m.w.dir.must(m.w.dir.s.Delete(m.w.dir.group(g.cn)))
		g.there = false
		for _, other := range m.teams {
			delete(other.inner, i)
		}
	case n == 2:
		to := m.name()
		m.w.dir.must(m.w.dir.s.Rename(m.w.dir.group(g.cn), "cn="+to, ""))
		g.cn = to
	default:
		m.shuffle(g)
	}
}

// compare holds the registry against the model.
func (m *model) compare(when string) {
	w := m.w
	now := w.clock.now()
	var people []string
	for _, h := range m.humans {
		switch {
		case h.there:
			h.gone, h.deleted, h.synced = time.Time{}, false, h.uid
		case h.gone.IsZero():
			h.gone = now
		case now.Sub(h.gone) >= grace-time.Hour:
			h.deleted = true
		}
	}
	for _, h := range m.humans {
		if h.user == "" {
			if h.anchor = m.anchorOf(h); h.anchor == "" {
				continue // came and went between two runs
			}
			h.user = w.rows(`SELECT user_id FROM links WHERE anchor = '%s'`, h.anchor)[0]
		}
		state := "on"
		switch {
		case h.deleted:
			state = "deleted"
		case !h.there || h.disabled:
			state = "off"
		}
		people = append(people, fmt.Sprintf("%s %s %s %s", h.user, state, m.shown(h), m.address(h)))
	}
	got := w.rows(`SELECT u.id, CASE WHEN u.deleted_at > 0 THEN 'deleted' WHEN u.enabled THEN 'on' ELSE 'off' END, u.user_name, coalesce(e.address, '')
		FROM users u LEFT JOIN emails e ON e.user_id = u.id`)
	slices.Sort(people)
	slices.Sort(got)
	want(w.t, when+": people", got, people)
	want(w.t, when+": members", w.members(), m.members())
	w.sound()
	w.idle()
}

// shown and address are what the registry last heard, which for those gone is
// what it keeps.
func (m *model) shown(h *human) string {
	if h.there {
		return h.uid
	}
	return m.w.rows(`SELECT user_name FROM users WHERE id = %s`, h.user)[0]
}

func (m *model) address(h *human) string {
	if h.there {
		return h.mail
	}
	return m.w.rows(`SELECT coalesce(max(address), '') FROM emails WHERE user_id = %s`, h.user)[0]
}

// anchorOf asks the server, "" for someone who is not there.
func (m *model) anchorOf(h *human) (id string) {
	if !h.there {
		return ""
	}
	m.do(func(c *ldap.Conn) error {
		res, err := c.Search(ldap.NewSearchRequest(m.dn(h), ldap.ScopeBaseObject, 0, 0, 0, false, "(objectClass=*)", []string{"entryUUID"}, nil))
		if err == nil {
			id = res.Entries[0].GetAttributeValue("entryUUID")
		}
		return err
	})
	return id
}

// members are the memberships there should be.
func (m *model) members() []string {
	set := map[string]bool{}
	for i, g := range m.teams {
		if !g.there {
			continue
		}
		below := map[int]bool{i: true}
		if m.nested == plan.NestedFlatten {
			m.descend(i, below)
		}
		for j := range below {
			for k, in := range m.teams[j].members {
				if in && m.humans[k].there {
					set[g.cn+" corp "+m.humans[k].uid] = true
				}
			}
		}
		for j, in := range g.inner {
			if in && j != i && m.nested == plan.NestedKeep {
				set[g.cn+" corp :"+m.teams[j].cn] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func (m *model) descend(i int, seen map[int]bool) {
	for j, in := range m.teams[i].inner {
		if in && !seen[j] {
			seen[j] = true
			m.descend(j, seen)
		}
	}
}
