package entra_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/source/entra"
	"github.com/usherd/usher/internal/testkit/graphfake"
	"github.com/usherd/usher/internal/testkit/graphfake/graphfaketest"
)

const (
	clientID = "11111111-2222-3333-4444-555555555555"
	secret   = "hunter2"
)

var allRoles = []string{"User.Read.All", "GroupMember.Read.All", "Member.Read.Hidden"}

// clock is the machine's, set forward by waiting instead of waiting.
type clock struct {
	mu    sync.Mutex
	ahead time.Duration
	waits []time.Duration
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) sleep(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
	c.waits = append(c.waits, d)
	return ctx.Err()
}

// world is a tenant, a server for it and a source that reads it.
type world struct {
	*graphfake.Running
	t      testing.TB
	tenant *graphfake.Tenant
	clock  *clock
	cfg    entra.Config
}

// newWorld serves a tenant; set changes the source's configuration.
func newWorld(t testing.TB, p graphfake.Population, o graphfake.Options, set ...func(*entra.Config)) *world {
	t.Helper()
	tenant := graphfake.NewTenant(p, nil)
	if o.Apps == nil {
		o.Apps = []graphfake.App{{ClientID: clientID, Secrets: []string{secret}, ExpiredSecrets: []string{"old"}, Roles: allRoles}}
	}
	w := &world{Running: graphfaketest.Start(t, tenant, o), t: t, tenant: tenant, clock: &clock{}}
	w.cfg = entra.Config{
		Name: "corp", TenantID: tenant.ID(), ClientID: clientID, ClientSecret: entra.Secret(secret),
		Cloud:      entra.Cloud{Authority: w.URL, Graph: w.URL, CAFile: w.CAFile},
		Properties: []string{"displayname", "mail", "employeeid", "proxyaddresses", "extension_00112233445566778899aabbccddeeff_costCenter"},
		Now:        w.clock.now, Sleep: w.clock.sleep, Rand: func() float64 { return 0.5 },
	}
	for _, f := range set {
		f(&w.cfg)
	}
	return w
}

func (w *world) source() *entra.Source {
	w.t.Helper()
	s, err := entra.New(w.cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// person and group are what a reader is to know of one in the end.
type person struct {
	Name, Display, Mail, Employee, Manager, Cost string
	Addresses, Licenses                          []string
	Disabled                                     bool
}

type group struct {
	Name    string
	Members []string
}

type picture struct {
	People map[string]person
	Groups map[string]group
}

// truth is what the tenant is, for a source that takes everybody.
func (w *world) truth() picture {
	p := picture{map[string]person{}, map[string]group{}}
	for u := range w.tenant.Users() {
		one := person{Name: u.UserPrincipalName, Display: u.DisplayName, Mail: u.Mail, Employee: u.EmployeeID, Manager: u.Manager,
			Addresses: u.ProxyAddresses, Disabled: !u.AccountEnabled}
		one.Cost, _ = u.Extensions["extension_00112233445566778899aabbccddeeff_costCenter"].(string)
		for _, l := range u.AssignedLicenses {
			one.Licenses = append(one.Licenses, l.SkuID)
		}
		p.People[u.ID] = one
	}
	for g := range w.tenant.Groups() {
		members := slices.Clone(w.tenant.Members(g.ID))
		slices.Sort(members)
		p.Groups[g.ID] = group{g.DisplayName, members}
	}
	return p
}

// client merges what a source gives by the contract of package source, and
// nothing else: that it ends with the tenant is what the tests ask for.
type client struct {
	people  map[string]person
	groups  map[string]*members
	cursor  string
	emitted int
	// checkpoint is where reads keep their pages, nil for nowhere.
	checkpoint source.Checkpoint
}

type members struct {
	name string
	has  map[string]bool
}

func newClient() *client {
	return &client{people: map[string]person{}, groups: map[string]*members{}}
}

func (c *client) clone() *client {
	out := &client{people: maps.Clone(c.people), groups: map[string]*members{}, cursor: c.cursor, checkpoint: c.checkpoint}
	for id, g := range c.groups {
		out.groups[id] = &members{g.name, maps.Clone(g.has)}
	}
	return out
}

// read reads once and keeps the outcome only when it succeeded, as a run does.
func (c *client) read(ctx context.Context, s source.Source, wanted ...string) (source.Summary, error) {
	next := c.clone()
	seen := map[string]bool{}
	req := source.Request{
		Cursor: c.cursor, Checkpoint: c.checkpoint,
		Known: func(_ source.Kind, anchor, marker string) bool {
			return marker != "" && !slices.Contains(wanted, anchor)
		},
		Held: func(kind source.Kind, yield func(string) bool) {
			held := slices.Sorted(maps.Keys(c.people))
			if kind == source.Group {
				held = slices.Sorted(maps.Keys(c.groups))
			}
			for _, id := range held {
				if !yield(id) {
					return
				}
			}
		},
	}
	sum, err := s.Read(ctx, req, func(e source.Entry) error {
		seen[e.Anchor] = true
		if !e.Same {
			next.emitted++
		}
		return next.take(e)
	})
	if err != nil {
		return sum, err
	}
	if !sum.Complete {
		return sum, errors.New("not complete: " + sum.Incomplete.String())
	}
	maps.DeleteFunc(next.people, func(id string, _ person) bool { return !seen[id] })
	maps.DeleteFunc(next.groups, func(id string, _ *members) bool { return !seen[id] })
	next.cursor = sum.Cursor
	*c = *next
	return sum, nil
}

func (c *client) take(e source.Entry) error {
	first := func(key string) string { return strings.Join(e.Values[key], "|") }
	switch {
	case e.Same:
	case e.Problem != "" && e.Kind == source.Group:
	case e.Problem != "":
		return errors.New(e.Name + ": " + e.Problem.String())
	case e.OutOfScope != "":
		delete(c.people, e.Anchor)
		delete(c.groups, e.Anchor)
	case e.Kind == source.User:
		c.people[e.Anchor] = person{Name: e.Name, Display: first("displayname"), Mail: first("mail"), Employee: first("employeeid"), Manager: e.Manager,
			Addresses: e.Values["proxyaddresses"], Licenses: e.Values["assignedlicenses"], Disabled: e.Disabled,
			Cost: first("extension_00112233445566778899aabbccddeeff_costcenter")}
	default:
		g := &members{name: first("displayname"), has: map[string]bool{}}
		c.groups[e.Anchor] = g
		for _, m := range e.Members {
			g.has[m] = true
		}
	}
	return nil
}

// picture is what the client knows. Members it does not know are dropped, as a
// run drops them.
func (c *client) picture() picture {
	p := picture{c.people, map[string]group{}}
	for id, g := range c.groups {
		var in []string
		for m := range g.has {
			if _, person := c.people[m]; person || c.groups[m] != nil {
				in = append(in, m)
			}
		}
		slices.Sort(in)
		p.Groups[id] = group{g.name, in}
	}
	return p
}

func same(t testing.TB, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })); diff != "" {
		t.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// mustRead reads and expects no error.
func (c *client) mustRead(w *world, s source.Source, wanted ...string) source.Summary {
	w.t.Helper()
	sum, err := c.read(w.t.Context(), s, wanted...)
	if err != nil {
		w.t.Fatal(err)
	}
	return sum
}

func rsaKey() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) }

// selected are the properties that a query selects.
func selected(query string) []string {
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil
	}
	for _, name := range []string{"$select", "%24select"} {
		if all := values.Get(name); all != "" {
			return strings.Split(all, ",")
		}
	}
	return nil
}
