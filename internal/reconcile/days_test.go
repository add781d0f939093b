package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
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
				m := newModel(w, ldapSite{tree: slapdTree{w.dir}, w: w}, "n", rand.New(rand.NewPCG(uint64(seed), 60)), 60)
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
	site
	w      *world
	rng    *rand.Rand
	humans []*human
	teams  []*team
	nested plan.Nested
	names  int
	// bad is how many entries there are of which nobody can be made.
	bad int64
	// prefix begins every name.
	prefix string
}

func newModel(w *world, in site, prefix string, rng *rand.Rand, people int) *model {
	m := &model{site: in, prefix: prefix, w: w, rng: rng, nested: []plan.Nested{plan.NestedFlatten, plan.NestedKeep, plan.NestedIgnore}[rng.IntN(3)]}
	// Most nights go by markers; how often everything is read differs.
	every := []time.Duration{0, 30 * 24 * time.Hour, 3000 * time.Hour, 100 * 365 * 24 * time.Hour}[rng.IntN(4)]
	w.adjust = func(s *reconcile.Source) { s.Nested, s.FullEvery = m.nested, every }
	m.must(in.begin())
	for range people {
		m.join()
	}
	for range 8 {
		m.form()
	}
	return m
}

func (m *model) must(err error) {
	m.w.t.Helper()
	if err != nil {
		m.w.t.Fatal(err)
	}
}

func (m *model) fresh() string { m.names++; return fmt.Sprintf("%s%03d", m.prefix, m.names) }

func (m *model) join() {
	h := &human{uid: m.fresh(), there: true}
	h.mail = h.uid + "@example.com"
	m.humans = append(m.humans, h)
	m.must(m.hire(h))
}

func (m *model) form() {
	g := &team{cn: m.fresh(), members: map[int]bool{}, inner: map[int]bool{}, there: true}
	m.teams = append(m.teams, g)
	m.must(m.found(g))
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
	var all []roster
	for _, g := range m.teams {
		if !g.there {
			continue
		}
		r := roster{team: g}
		for i, in := range g.members {
			if in {
				r.people = append(r.people, m.humans[i])
			}
		}
		for i, in := range g.inner {
			if in {
				r.inner = append(r.inner, m.teams[i])
			}
		}
		all = append(all, r)
	}
	m.must(m.write(all))
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
	w, state := m.w, registry.RunDone
	if m.bad > 0 {
		state = registry.RunPartial
	}
	heal := m.trouble(m)
	p := m.patiently(registry.ModePreview, registry.RunDone)
	run := m.patiently(registry.ModeRun, state)
	heal()
	want(w.t, "failed", run.Counts.Failed, m.bad)
	want(w.t, "the run against its preview", planned(w.changes(run)), planned(asChanges(w.items(p))))
	if run.Full != p.Full { // a warning is about what was read
		p.Counts.Warnings = run.Counts.Warnings
	}
	want(w.t, "counts against the preview's", run.Counts, p.Counts)
}

// mostTries is how often a run is made again that fails for want of a directory.
const mostTries = 100

// patiently runs the source until it is not for want of a directory that it
// fails. A run that fails has done nothing.
func (m *model) patiently(mode string, state registry.RunState) *registry.Run {
	m.w.t.Helper()
	w := m.w
	for try := 0; ; try++ {
		before := w.footprint()
		run, err := w.engine.Run(w.t.Context(), w.source("corp"), reconcile.Request{Mode: mode, Trigger: "manual"})
		m.must(err)
		if run.State != registry.RunFailed {
			if mode == registry.ModeRun && run.State != state {
				w.t.Fatalf("run %d ended %s, want %s: %s %s\n%s", run.Number, run.State, state, run.Code, run.Message, strings.Join(w.report(run), "\n"))
			}
			return run
		}
		want(w.t, "after a run that failed", w.footprint(), before)
		if try == mostTries || !m.flaky() {
			w.t.Fatalf("run %d failed: %s %s", run.Number, run.Code, run.Message)
		}
	}
}

// event is one change of the directory. It is a table in the form of a switch, and
// long for that.
func (m *model) event() {
	h := m.anyone(present)
	switch m.rng.IntN(16) {
	case 0, 1:
		m.join()
	case 2, 3:
		// Whoever leaves under a name the registry has not heard keeps the old
		// one there, and who took that over is a conflict: not on these days.
		if h.synced == h.uid {
			m.must(m.leave(h))
			h.there = false
		}
	case 4:
		if gone := m.anyone(func(h *human) bool { return !h.there && h.anchor != "" }); gone != nil {
			back, err := m.back(gone)
			if m.must(err); back {
				gone.there, gone.disabled, gone.title, gone.mail = true, false, "", gone.uid+"@example.com"
			}
		}
	case 5:
		h.title = fmt.Sprint("title ", m.rng.IntN(100))
		m.must(m.retitle(h))
	case 6:
		h.mail = fmt.Sprintf("%s.%d@example.com", h.uid, m.rng.IntN(1000))
		m.must(m.readdress(h, h.mail))
	case 7:
		h.disabled = !h.disabled
		m.must(m.disable(h))
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
		m.must(m.move(h))
		h.sub = !h.sub
	case 11:
		m.teamEvent()
	case 12: // two swap addresses
		if other := m.anyone(present); other != h && h.mail != "" && other.mail != "" {
			h.mail, other.mail = other.mail, h.mail
			m.must(m.readdress(h, h.mail))
			m.must(m.readdress(other, other.mail))
		}
	case 13: // a bad value: it is left out
		h.mail = ""
		m.must(m.readdress(h, "no address"))
	case 14: // a bad entry: nobody can be made of it
		bad, err := m.spoil(m.fresh())
		if m.must(err); bad {
			m.bad++
		}
	case 15:
		m.must(m.special(m, h))
	}
}

func (m *model) call(h *human, uid string) {
	m.must(m.rename(h, uid))
	h.uid = uid
}

func (m *model) teamEvent() {
	i := m.rng.IntN(len(m.teams))
	g := m.teams[i]
	switch n := m.rng.IntN(6); {
	case !g.there || n == 0:
		m.form()
	case n == 1 && i > 1 && !m.primary(g): // some stay, so that there always are groups
		m.must(m.dissolve(g))
		g.there = false
		for _, other := range m.teams {
			delete(other.inner, i)
		}
	case n == 2:
		to := m.fresh()
		m.must(m.regroup(g, to))
		g.cn = to
	default:
		m.shuffle(g)
	}
}

// primary reports whether a group is somebody's primary one, and cannot go.
func (m *model) primary(g *team) bool {
	return slices.ContainsFunc(m.humans, func(h *human) bool { return h.there && h.primary == g })
}
