package reconcile_test

import (
	"fmt"
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
				m := newModel(w, slapdTree{w.dir}, "n", rand.New(rand.NewPCG(uint64(seed), 60)), 60)
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
	primary          *team
	told             []string // the addresses to which mails went
	invited          string   // where the link is that still works
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
	tree
	w      *world
	rng    *rand.Rand
	humans []*human
	teams  []*team
	nested plan.Nested
	names  int
	// ad is the tree where that is an Active Directory.
	ad *adTree
	// bad is how many entries there are of which nobody can be made.
	bad int64
	// prefix begins every name.
	prefix string
}

func newModel(w *world, in tree, prefix string, rng *rand.Rand, people int) *model {
	m := &model{tree: in, prefix: prefix, w: w, rng: rng, nested: []plan.Nested{plan.NestedFlatten, plan.NestedKeep, plan.NestedIgnore}[rng.IntN(3)]}
	// Most nights go by markers; how often everything is read differs.
	every := []time.Duration{0, 30 * 24 * time.Hour, 3000 * time.Hour, 100 * 365 * 24 * time.Hour}[rng.IntN(4)]
	w.adjust = func(s *reconcile.Source) { s.Nested, s.FullEvery = m.nested, every }
	if ad, ok := in.(adTree); ok {
		m.ad = &ad
	}
	m.do(in.sub)
	for range people {
		m.join()
	}
	for range 8 {
		m.form()
	}
	return m
}

func (m *model) do(op func(*ldap.Conn) error) {
	m.w.t.Helper()
	if err := m.root(op); err != nil {
		m.w.t.Fatal(err)
	}
}

func (m *model) fresh() string { m.names++; return fmt.Sprintf("%s%03d", m.prefix, m.names) }

func (m *model) join() {
	h := &human{uid: m.fresh(), there: true}
	h.mail = h.uid + "@example.com"
	m.humans = append(m.humans, h)
	m.do(func(c *ldap.Conn) error { return m.hire(c, h) })
}

func (m *model) form() {
	g := &team{cn: m.fresh(), members: map[int]bool{}, inner: map[int]bool{}, there: true}
	m.teams = append(m.teams, g)
	m.do(func(c *ldap.Conn) error { return m.found(c, g.cn) })
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
			list := []string{}
			for i, in := range g.members {
				if in && m.knows(g, m.humans[i]) {
					list = append(list, m.dn(m.humans[i]))
				}
			}
			for i, in := range g.inner {
				if in {
					list = append(list, m.group(m.teams[i].cn))
				}
			}
			if len(list) == 0 {
				list = m.empty()
			}
			slices.Sort(list)
			r := ldap.NewModifyRequest(m.group(g.cn), nil)
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
		read := w.ldap
		w.ldap = func(c *sourceldap.Config) {
			if read != nil {
				read(c)
			}
			c.BindPassword = sourceldap.Password("wrong")
		}
		w.run(registry.RunFailed)
		w.ldap = read
	case 1:
		if m.ad != nil {
			break // the child knows slapd only
		}
		w.killed(m.rng, reconcile.PhaseApply, 2)
		w.expireLease()
	}
	p := w.preview()
	state := registry.RunDone
	if m.bad > 0 {
		state = registry.RunPartial
	}
	run := w.run(state)
	want(w.t, "failed", run.Counts.Failed, m.bad)
	want(w.t, "the run against its preview", w.changes(run), asChanges(w.items(p)))
	want(w.t, "counts against the preview's", run.Counts, p.Counts)
}

// event is one change of the directory. It is a table in the form of a switch, and
// long for that.
func (m *model) event() {
	w, h := m.w, m.anyone(present)
	switch m.rng.IntN(15) {
	case 0, 1:
		m.join()
	case 2, 3:
		// Whoever leaves under a name the registry has not heard keeps the old
		// one there, and who took that over is a conflict: not on these days.
		if h.synced == h.uid {
			m.do(func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(m.dn(h), nil)) })
			h.there = false
		}
	case 4:
		if m.ad != nil { // deleted there is deleted; primary groups instead
			m.primaries(h)
			break
		}
		if gone := m.anyone(func(h *human) bool { return !h.there && h.anchor != "" }); gone != nil {
			gone.there, gone.disabled, gone.title, gone.mail = true, false, "", gone.uid+"@example.com"
			w.dir.must(restoreEntry(w.dir, m.dn(gone), gone.anchor, person(gone.uid, nil)))
		}
	case 5:
		h.title = fmt.Sprint("title ", m.rng.IntN(100))
		m.set(h, "title", h.title)
	case 6:
		h.mail = fmt.Sprintf("%s.%d@example.com", h.uid, m.rng.IntN(1000))
		m.set(h, "mail", h.mail)
	case 7:
		h.disabled = !h.disabled
		m.do(func(c *ldap.Conn) error { return m.disable(c, h) })
	case 8:
		m.call(h, m.fresh())
	case 9: // two swap names
		if other := m.anyone(present); other != h {
			a, b := h.uid, other.uid
			m.call(h, m.fresh())
			m.call(other, a)
			m.call(h, b)
		}
	case 10:
		m.do(func(c *ldap.Conn) error { return m.move(c, h) })
		h.sub = !h.sub
	case 11:
		m.teamEvent()
	case 12: // two swap addresses
		if other := m.anyone(present); other != h && h.mail != "" && other.mail != "" {
			h.mail, other.mail = other.mail, h.mail
			m.set(h, "mail", h.mail)
			m.set(other, "mail", other.mail)
		}
	case 13: // a bad value: it is left out
		h.mail = ""
		m.set(h, "mail", "no address")
	case 14: // a bad entry: nobody can be made of it
		m.spoil()
	}
}

func (m *model) set(h *human, attr string, values ...string) {
	m.w.t.Helper()
	m.do(func(c *ldap.Conn) error { return replace(c, m.dn(h), attr, values...) })
}

func replace(c *ldap.Conn, dn, attr string, values ...string) error {
	r := ldap.NewModifyRequest(dn, nil)
	r.Replace(attr, values)
	return c.Modify(r)
}

func (m *model) call(h *human, uid string) {
	m.do(func(c *ldap.Conn) error { return m.rename(c, h, uid) })
	h.uid = uid
}

func (m *model) teamEvent() {
	i := m.rng.IntN(len(m.teams))
	g := m.teams[i]
	switch n := m.rng.IntN(6); {
	case !g.there || n == 0:
		m.form()
	case n == 1 && i > 1 && !m.primary(g): // some stay, so that there always are groups
		m.do(func(c *ldap.Conn) error { return c.Del(ldap.NewDelRequest(m.group(g.cn), nil)) })
		g.there = false
		for _, other := range m.teams {
			delete(other.inner, i)
		}
	case n == 2:
		to := m.fresh()
		m.do(func(c *ldap.Conn) error {
			return c.ModifyDN(ldap.NewModifyDNRequest(m.group(g.cn), m.name(to), true, ""))
		})
		g.cn = to
	default:
		m.shuffle(g)
	}
}

// spoil adds a person without a name. Active Directory has none such.
func (m *model) spoil() {
	if m.ad != nil {
		return
	}
	m.bad++
	cn := m.fresh()
	m.w.dir.add("cn="+cn+","+m.w.dir.people(), attrs{"objectClass": {"inetOrgPerson"}, "cn": {cn}, "sn": {cn}})
}

// primaries gives somebody another primary group, or the usual one.
func (m *model) primaries(h *human) {
	to := m.teams[m.rng.IntN(len(m.teams))]
	if !to.there || m.rng.IntN(3) == 0 {
		to = nil
	}
	if to != h.primary {
		m.do(func(c *ldap.Conn) error { return m.ad.primary(c, h, to) })
		h.primary = to
	}
}

// primary reports whether a group is somebody's primary one, and cannot go.
func (m *model) primary(g *team) bool {
	return slices.ContainsFunc(m.humans, func(h *human) bool { return h.there && h.primary == g })
}
