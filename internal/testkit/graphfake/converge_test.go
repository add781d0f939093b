package graphfake_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/testkit/graphfake"
)

// mirror is what a client knows that follows the rules of
// concepts/delta-query-overview.md and nothing else: merge by id, in any order,
// however often.
type mirror struct {
	names    map[string]string          // of users, by id
	managers map[string]string          // of users that have one
	members  map[string]map[string]bool // of groups, by id
}

func (m *mirror) users(all []any) {
	for _, o := range all {
		o := o.(object)
		id := o["id"].(string)
		links, _ := o["manager@delta"].([]any)
		for _, l := range links {
			if manager := l.(object)["id"].(string); reason(l) == "" {
				m.managers[id] = manager
			} else if m.managers[id] == manager {
				delete(m.managers, id)
			}
		}
		if reason(o) != "" {
			delete(m.names, id)
			delete(m.managers, id)
		} else if name, told := o["displayName"].(string); told {
			m.names[id] = name
		} else if _, cleared := o["displayName"]; cleared || m.names[id] == "" {
			m.names[id] = ""
		}
	}
}

func (m *mirror) groups(all []any) {
	for _, o := range all {
		o := o.(object)
		id := o["id"].(string)
		if reason(o) != "" {
			delete(m.members, id)
			continue
		}
		if m.members[id] == nil {
			m.members[id] = map[string]bool{}
		}
		links, _ := o["members@delta"].([]any)
		for _, l := range links {
			if member := l.(object)["id"].(string); reason(l) != "" {
				delete(m.members[id], member)
			} else {
				m.members[id][member] = true
			}
		}
	}
}

// truth is what the tenant is.
func truth(t *graphfake.Tenant) mirror {
	m := mirror{map[string]string{}, map[string]string{}, map[string]map[string]bool{}}
	for u := range t.Users() {
		m.names[u.ID] = u.DisplayName
		if u.Manager != "" {
			m.managers[u.ID] = u.Manager
		}
	}
	for g := range t.Groups() {
		m.members[g.ID] = map[string]bool{}
		for _, id := range t.Members(g.ID) {
			m.members[g.ID][id] = true
		}
	}
	return m
}

// stir makes changes at random; those that make no sense are refused.
func stir(t *testing.T, tenant *graphfake.Tenant, rng *rand.Rand, times int) {
	users := func() []string {
		var ids []string
		for n := range 30 {
			ids = append(ids, tenant.UserID(n))
		}
		for u := range tenant.Users() {
			ids = append(ids, u.ID)
		}
		return ids
	}
	for range times {
		all := users()
		u, v, g, h := all[rng.IntN(len(all))], all[rng.IntN(len(all))], tenant.GroupID(rng.IntN(5)), tenant.GroupID(rng.IntN(5))
		name := fmt.Sprint("n", rng.IntN(4))
		if name == "n0" {
			name = ""
		}
		err := []func() error{
			func() error {
				_, err := tenant.CreateUser(graphfake.User{UserPrincipalName: fmt.Sprint(rng.Uint32()), DisplayName: name})
				return err
			},
			func() error { return tenant.UpdateUser(u, func(x *graphfake.User) { x.DisplayName = name }) },
			func() error { return tenant.DeleteUser(u) }, func() error { return tenant.RestoreUser(u) }, func() error { return tenant.RestoreUser(v) },
			func() error { return tenant.PurgeUser(u) }, func() error { return tenant.SetManager(u, v) },
			func() error { return tenant.AddMember(g, u) }, func() error { return tenant.AddMember(g, h) }, func() error { return tenant.RemoveMember(g, v) },
			func() error { return tenant.DeleteGroup(g) }, func() error { return tenant.RestoreGroup(h) },
		}[rng.IntN(12)]()
		if err != nil && !errors.Is(err, graphfake.ErrNotFound) && !errors.Is(err, graphfake.ErrConflict) {
			t.Fatal(err)
		}
	}
}

// TestConverges: whoever follows the rules ends with the tenant, whatever
// happens to it, with small pages, minimal answers, and pages that come empty,
// again, shuffled and with doubles.
func TestConverges(t *testing.T) {
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 0))
		w := open(t, graphfake.Population{Seed: seed, People: 30, Groups: 5, Members: 12, Nested: 3},
			graphfake.Options{Seed: seed, DeltaPage: 1 + rng.IntN(8), MemberPage: 1 + rng.IntN(9), RemovedAtFirst: rng.IntN(2) == 0})
		w.Fault(graphfake.Match{Rate: 0.3}, graphfake.EmptyPage(), graphfake.Replay(), graphfake.Reorder(), graphfake.Duplicate())
		stir(t, w.tenant, rng, rng.IntN(40))
		m := mirror{map[string]string{}, map[string]string{}, map[string]map[string]bool{}}
		users, groups := "/v1.0/users/delta?$select=displayName,manager", "/v1.0/groups/delta"
		for range 4 {
			var told []any
			prefer := []string{"return=minimal", "return=representation"}[rng.IntN(2)]
			told, users = w.round(users, "Prefer", prefer)
			m.users(told)
			told, groups = w.round(groups, "Prefer", prefer)
			m.groups(told)
			want := truth(w.tenant)
			if diff := cmp.Diff(want.names, m.names); diff != "" {
				t.Fatalf("seed %d: users (-tenant +client):\n%s", seed, diff)
			}
			if diff := cmp.Diff(want.managers, m.managers); diff != "" {
				t.Fatalf("seed %d: managers (-tenant +client):\n%s", seed, diff)
			}
			if diff := cmp.Diff(want.members, m.members); diff != "" {
				t.Fatalf("seed %d: groups (-tenant +client):\n%s", seed, diff)
			}
			stir(t, w.tenant, rng, rng.IntN(30))
		}
	}
}

// TestListsAgree: the lists and single reads show what the delta query shows.
func TestListsAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	w := open(t, graphfake.Population{People: 30, Groups: 5, Members: 12, Nested: 3}, graphfake.Options{})
	stir(t, w.tenant, rng, 80)
	want := truth(w.tenant)
	ids := func(address string, headers ...string) []string {
		var all []string
		for address != "" {
			page := w.get(http.StatusOK, address, headers...)
			for _, o := range page["value"].([]any) {
				all = append(all, o.(object)["id"].(string))
			}
			address, _ = page["@odata.nextLink"].(string)
		}
		slices.Sort(all)
		return all
	}
	check := func(what string, got, want []string) {
		t.Helper()
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-tenant +list):\n%s", what, diff)
		}
	}
	check("users", ids("/v1.0/users?$top=7"), slices.Collect(maps.Keys(want.names)))
	for g, members := range want.members {
		check("members", ids("/v1.0/groups/"+g+"/members?$top=4"), slices.Collect(maps.Keys(members)))
		deep := map[string]bool{}
		var walk func(string)
		walk = func(of string) {
			for m := range want.members[of] {
				if !deep[m] && m != g {
					deep[m] = true
					walk(m)
				}
			}
		}
		walk(g)
		check("transitive members", ids("/v1.0/groups/"+g+"/transitiveMembers?$top=5"), slices.Collect(maps.Keys(deep)))
		for m := range deep {
			if _, user := want.names[m]; user && !slices.Contains(ids("/v1.0/users/"+m+"/transitiveMemberOf"), g) {
				t.Errorf("%s does not know that it is in %s", m, g)
			}
		}
		cast := ids("/v1.0/groups/"+g+"/transitiveMembers/microsoft.graph.group?$count=true", "ConsistencyLevel", "eventual")
		for _, id := range cast {
			if _, ok := want.members[id]; !ok {
				t.Errorf("%s is no group", id)
			}
		}
	}
}
