package reconcile_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/source/entra"
	"github.com/usherd/usher/internal/testkit/graphfake"
	"github.com/usherd/usher/internal/testkit/graphfake/graphfaketest"
	"github.com/usherd/usher/internal/testkit/slapd"
)

// TestRandomDaysGraph are the random days of a tenant of Entra ID: nights that go
// by delta links and nights that read everything, links that expire at random,
// and a fault in one request of ten.
func TestRandomDaysGraph(t *testing.T) {
	seeds, days := 4, 6
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
				rng := rand.New(rand.NewPCG(uint64(seed), 62))
				w, s := newGraphWorld(t, databases[name](t), graphfake.Options{
					Seed: uint64(seed), DeltaPage: 3 + rng.IntN(30), MemberPage: 2 + rng.IntN(20), RemovedAtFirst: rng.IntN(2) == 0,
				})
				m := newModel(w, s, "n", rng, 60)
				for day := range days {
					m.day()
					m.compare(fmt.Sprintf("seed %d, day %d", seed, day))
					s.compareManagers(m)
					if t.Failed() {
						return
					}
				}
				s.usedLinks()
			})
		}
	}
}

// graphSite is a tenant of Entra ID.
type graphSite struct {
	*graphfake.Running
	w      *world
	ids    map[*human]string
	groups map[*team]string
	purged map[*human]bool
	// broken is true while requests fail.
	broken bool
}

// tenantAddress is where a tenant answers.
type tenantAddress struct{ url, ca, tenant string }

// newGraphWorld is a world whose source is a tenant of nobody.
func newGraphWorld(t testing.TB, address string, o graphfake.Options) (*world, *graphSite) {
	t.Helper()
	o.Apps = []graphfake.App{{ClientID: "app", Secrets: []string{"secret"}, Roles: []string{"User.Read.All", "GroupMember.Read.All"}}}
	run := graphfaketest.Start(t, graphfake.NewTenant(graphfake.Population{Seed: o.Seed}, nil), o)
	w := newWorld(t, address, &directory{t: t, s: &slapd.Server{}})
	w.readTenant(tenantAddress{run.URL, run.CAFile, run.Tenant().ID()})
	return w, &graphSite{Running: run, w: w, ids: map[*human]string{}, groups: map[*team]string{}, purged: map[*human]bool{}}
}

// readTenant has the world read a tenant.
func (w *world) readTenant(a tenantAddress) {
	w.tenant = a
	w.spec = func(s *mapping.Spec) {
		s.Attributes = map[string]string{"userName": "mailNickname", "emails": "mail", "title": "jobTitle"}
		s.Groups = map[string]string{registry.AttrDisplayName: "displayName"}
	}
	w.reader = func(m *mapping.Mapper) (source.Source, error) {
		c := &hurry{}
		return entra.New(entra.Config{
			Name: "corp", TenantID: a.tenant, ClientID: "app", ClientSecret: entra.Secret("secret"),
			Cloud:      entra.Cloud{Authority: a.url, Graph: a.url, CAFile: a.ca},
			Properties: m.Wants(), GroupProperties: m.GroupWants(), Now: c.now, Sleep: c.sleep,
		})
	}
}

// hurry is the machine's clock, set forward by waiting instead of waiting.
type hurry struct {
	mu    sync.Mutex
	ahead time.Duration
}

func (c *hurry) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *hurry) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	return ctx.Err()
}

func (s *graphSite) begin() error { return nil }
func (s *graphSite) flaky() bool  { return s.broken }

func (s *graphSite) update(h *human, f func(*graphfake.User)) error {
	return s.Tenant().UpdateUser(s.ids[h], f)
}

func (s *graphSite) hire(h *human) (err error) {
	s.ids[h], err = s.Tenant().CreateUser(graphfake.User{UserPrincipalName: h.uid + "@contoso.example", MailNickname: h.uid, Mail: h.mail,
		DisplayName: "The " + h.uid, UserType: "Member", AccountEnabled: true})
	return err
}

// leave puts some into the deleted items, and deletes others for good.
func (s *graphSite) leave(h *human) error {
	if s.purged[h] = len(s.ids)%3 == 0; s.purged[h] {
		return s.Tenant().PurgeUser(s.ids[h])
	}
	return s.Tenant().DeleteUser(s.ids[h])
}

func (s *graphSite) back(h *human) (bool, error) {
	if s.purged[h] {
		return false, nil
	}
	if err := s.Tenant().RestoreUser(s.ids[h]); err != nil {
		return false, err
	}
	return true, s.update(h, func(u *graphfake.User) { u.AccountEnabled, u.JobTitle, u.Mail = true, "", h.uid+"@example.com" })
}

func (s *graphSite) retitle(h *human) error {
	return s.update(h, func(u *graphfake.User) { u.JobTitle = h.title })
}

func (s *graphSite) readdress(h *human, mail string) error {
	return s.update(h, func(u *graphfake.User) { u.Mail = mail })
}

func (s *graphSite) rename(h *human, uid string) error {
	return s.update(h, func(u *graphfake.User) { u.UserPrincipalName, u.MailNickname = uid+"@contoso.example", uid })
}

func (s *graphSite) disable(h *human) error {
	return s.update(h, func(u *graphfake.User) { u.AccountEnabled = !h.disabled })
}

// move changes what nobody asks for.
func (s *graphSite) move(h *human) error {
	return s.update(h, func(u *graphfake.User) { u.OfficeLocation = fmt.Sprint(h.sub) })
}

// spoil adds a person without a name.
func (s *graphSite) spoil(name string) (bool, error) {
	_, err := s.Tenant().CreateUser(graphfake.User{UserPrincipalName: name + "@contoso.example", UserType: "Member", AccountEnabled: true})
	return true, err
}

// special gives somebody another manager, or none.
func (s *graphSite) special(m *model, h *human) error {
	boss := m.anyone(present)
	if m.rng.IntN(4) == 0 {
		return s.Tenant().SetManager(s.ids[h], "")
	}
	return s.Tenant().SetManager(s.ids[h], s.ids[boss])
}

// found makes every other group one that can be restored: they end otherwise.
func (s *graphSite) found(g *team) (err error) {
	group := graphfake.Group{DisplayName: g.cn, SecurityEnabled: true}
	if len(s.groups)%2 == 0 {
		group.GroupTypes = []string{"Unified"}
	}
	s.groups[g], err = s.Tenant().CreateGroup(group)
	return err
}

func (s *graphSite) dissolve(g *team) error { return s.Tenant().DeleteGroup(s.groups[g]) }

func (s *graphSite) regroup(g *team, cn string) error {
	return s.Tenant().UpdateGroup(s.groups[g], func(g *graphfake.Group) { g.DisplayName = cn })
}

// write adds and removes what differs.
func (s *graphSite) write(all []roster) error {
	var errs []error
	for _, r := range all {
		id := s.groups[r.team]
		var list []string
		for _, h := range r.people {
			if h.there {
				list = append(list, s.ids[h])
			}
		}
		for _, inner := range r.inner {
			list = append(list, s.groups[inner])
		}
		had := s.Tenant().Members(id)
		for _, m := range had {
			if !slices.Contains(list, m) {
				errs = append(errs, s.Tenant().RemoveMember(id, m))
			}
		}
		for _, m := range list {
			if !slices.Contains(had, m) {
				errs = append(errs, s.Tenant().AddMember(id, m))
			}
		}
	}
	return errors.Join(errs...)
}

func (s *graphSite) id(h *human) (string, error) { return s.ids[h], nil }

// trouble is a night without the tenant or a process that dies, reading or writing,
// links that expired, and a fault in one request of ten, some of which end a read.
func (s *graphSite) trouble(m *model) func() {
	if m.rng.IntN(4) == 0 {
		s.ExpireTokens()
	}
	switch m.rng.IntN(5) {
	case 0:
		s.Fault(graphfake.Match{Path: "/v1.0/"}, graphfake.Fail(403, "Authorization_RequestDenied", "Insufficient privileges."))
		s.w.run(registry.RunFailed)
		s.Heal()
	case 1:
		s.w.killed(m.rng, reconcile.PhaseApply, 2)
		s.w.expireLease()
	case 2: // what it has read by then the next one goes on with
		s.w.killed(m.rng, reconcile.PhaseRead, 6)
		s.w.expireLease()
	}
	s.broken = true
	s.Fault(graphfake.Match{Rate: 0.1}, graphfake.Cut(0.5), graphfake.Status(500), graphfake.Status(502), graphfake.Status(503),
		graphfake.Throttle(3*time.Second), graphfake.Malformed(), graphfake.EmptyPage(), graphfake.Replay(), graphfake.Reorder(),
		graphfake.Duplicate(), graphfake.Gone(), graphfake.Fail(400, "syncStateNotFound", "Not found."), graphfake.OtherHost("evil.example:443"),
		forbidden())
	return func() { s.broken = false; s.Heal() }
}

// compareManagers holds the managers of those who are there against the tenant's.
func (s *graphSite) compareManagers(m *model) {
	m.w.t.Helper()
	user := map[string]string{}
	for h, id := range s.ids {
		user[id] = h.user
	}
	var all []string
	for _, h := range m.humans {
		if u, ok := s.Tenant().User(s.ids[h]); ok {
			all = append(all, strings.TrimSpace(h.user+" "+user[u.Manager]))
		}
	}
	got := m.w.rows(`SELECT u.id, u.manager_id FROM users u JOIN links l ON l.user_id = u.id WHERE l.missing_since = 0`)
	slices.Sort(all)
	slices.Sort(got)
	want(m.w.t, "managers", got, all)
}

// planned leaves managers out of rows of changes: they are written in a second
// pass, which a plan shows only of people whom the first leaves alone, and under
// the name at the directory.
func planned(rows []string) []string {
	other := map[string]bool{}
	for i, row := range rows {
		if name, ok := strings.CutPrefix(row, "update manager "); ok {
			name, _, _ = strings.Cut(name, "@")
			rows[i] = "update " + name
		} else if f := strings.Fields(row); f[0] != "update" {
			other[f[1]] = true
		}
	}
	slices.Sort(rows)
	return slices.DeleteFunc(slices.Compact(rows), func(row string) bool {
		name, ok := strings.CutPrefix(row, "update ")
		return ok && other[name]
	})
}

// usedLinks fails the test when every read was a whole one.
func (s *graphSite) usedLinks() {
	s.w.t.Helper()
	if !slices.ContainsFunc(s.Requests(), func(r graphfake.Request) bool { return strings.Contains(r.Query, "deltatoken") }) {
		s.w.t.Error("no read went by a delta link")
	}
}
