package entra_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/testkit/graphfake"
)

// TestConverges: whatever happens to the tenant and to the requests, a client
// that follows the contract ends with the tenant's truth.
func TestConverges(t *testing.T) {
	seeds := uint64(12)
	if testing.Short() {
		seeds = 3
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { converge(t, seed) })
	}
}

func converge(t *testing.T, seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, graphfake.Population{Seed: seed, People: 40, Groups: 6, Members: 12, Nested: 3, Guests: 10, Disabled: 10},
		graphfake.Options{Seed: seed, DeltaPage: 3 + rng.IntN(20), MemberPage: 2 + rng.IntN(20), RemovedAtFirst: rng.IntN(2) == 0})
	w.Fault(graphfake.Match{Rate: 0.1, Path: "/v1.0/"}, graphfake.Cut(0.5), graphfake.Status(500), graphfake.Status(503), graphfake.Throttle(3*time.Second),
		graphfake.Malformed(), graphfake.EmptyPage(), graphfake.Replay(), graphfake.Reorder(), graphfake.Duplicate(), graphfake.Gone(),
		graphfake.OtherHost("evil.example:443"), graphfake.Status(502))
	s, c := w.source(), newClient()
	for range 8 {
		stir(t, w.tenant, rng, rng.IntN(25))
		switch rng.IntN(6) {
		case 0:
			w.ExpireTokens()
		case 1:
			c.cursor = ""
		}
		k := &kept{}
		for tries := 0; ; tries++ {
			if c.checkpoint = k; seed%4 == 0 {
				c.checkpoint = nil
			}
			_, err := c.read(t.Context(), s)
			if err == nil {
				break
			}
			if errors.Is(err, source.ErrCursor) {
				c.cursor = ""
			}
			if tries == 200 {
				t.Fatal(err)
			}
		}
		same(t, "picture", w.truth(), c.picture())
	}
}

// stir changes the tenant at random; what makes no sense is refused.
func stir(t *testing.T, tenant *graphfake.Tenant, rng *rand.Rand, times int) {
	for range times {
		u, v := tenant.UserID(rng.IntN(40)), tenant.UserID(rng.IntN(40))
		g, h := tenant.GroupID(rng.IntN(6)), tenant.GroupID(rng.IntN(6))
		name := []string{"", "Ada", "Grace", "Linus"}[rng.IntN(4)]
		err := []func() error{
			func() error { return tenant.UpdateUser(u, func(x *graphfake.User) { x.DisplayName = name }) },
			func() error { return tenant.UpdateUser(u, func(x *graphfake.User) { x.AccountEnabled = name != "" }) },
			func() error { return tenant.DeleteUser(u) }, func() error { return tenant.RestoreUser(u) }, func() error { return tenant.RestoreUser(v) },
			func() error { return tenant.PurgeUser(u) }, func() error { return tenant.SetManager(u, v) }, func() error { return tenant.SetManager(u, "") },
			func() error { return tenant.AddMember(g, u) }, func() error { return tenant.AddMember(g, h) }, func() error { return tenant.RemoveMember(g, v) },
			func() error { return tenant.DeleteGroup(g) },
			func() error { return tenant.UpdateGroup(g, func(x *graphfake.Group) { x.DisplayName = name }) },
			func() error {
				_, err := tenant.CreateUser(graphfake.User{UserPrincipalName: fmt.Sprint(rng.Uint32()), DisplayName: name, UserType: "Member"})
				return err
			},
			func() error {
				id, err := tenant.CreateGroup(graphfake.Group{DisplayName: "G" + name})
				return errors.Join(err, tenant.AddMember(id, u))
			},
		}[rng.IntN(15)]()
		if err != nil && !errors.Is(err, graphfake.ErrNotFound) && !errors.Is(err, graphfake.ErrConflict) {
			t.Fatal(err)
		}
	}
}
