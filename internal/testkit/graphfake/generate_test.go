package graphfake_test

import (
	"net/http"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/testkit/graphfake"
)

// TestGenerate: the same description makes the same tenant, ids find their
// objects, and nobody is in a group twice.
func TestGenerate(t *testing.T) {
	p := graphfake.Population{Seed: 7, People: 500, Groups: 20, Members: 60, Nested: 6, Guests: 20, Disabled: 10, Synced: 50}
	a, b := graphfake.NewTenant(p, nil), graphfake.NewTenant(p, nil)
	count := map[string]int{}
	names := map[string]bool{}
	for u := range a.Users() {
		other, ok := b.User(u.ID)
		if !ok {
			t.Fatalf("%s is in one tenant only", u.ID)
		}
		if diff := cmp.Diff(u.UserPrincipalName+u.DisplayName+u.Manager, other.UserPrincipalName+other.DisplayName+other.Manager); diff != "" {
			t.Errorf("%s differs: %s", u.ID, diff)
		}
		names[u.UserPrincipalName] = true
		count[u.UserType]++
		if u.OnPremisesSyncEnabled != nil && u.OnPremisesImmutableID != "" {
			count["synced"]++
		}
		if !u.AccountEnabled {
			count["disabled"]++
		}
	}
	if len(names) != 500 || count["Guest"] < 50 || count["Guest"] > 160 || count["synced"] < 120 || count["disabled"] < 20 || count["disabled"] > 90 {
		t.Errorf("%d names, %v", len(names), count)
	}
	for n := range 20 {
		members := a.Members(a.GroupID(n))
		once := map[string]bool{}
		for _, m := range members {
			once[m] = true
			_, user := a.User(m)
			_, group := a.Group(m)
			if user == group {
				t.Errorf("%s in group %d is neither or both", m, n)
			}
		}
		if len(once) != len(members) || len(members) < 60 {
			t.Errorf("group %d has %d members, %d of them once", n, len(members), len(once))
		}
	}
	if _, ok := a.User("00000000-0000-4000-8000-000000000000"); ok {
		t.Error("anybody's id is taken")
	}
	other := graphfake.NewTenant(graphfake.Population{Seed: 8, People: 1}, nil)
	if other.UserID(0) == a.UserID(0) || other.ID() == a.ID() {
		t.Error("the seed does not matter")
	}
}

// TestMillion: a tenant of a million takes no memory of its own, and reading its
// last page does not read the others.
func TestMillion(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := open(t, graphfake.Population{People: 1_000_000, Groups: 1_000, Members: 200}, graphfake.Options{})
	_, link := w.round("/v1.0/users/delta?$deltatoken=latest")
	for n := range 100 {
		w.must(w.tenant.DeleteUser(w.tenant.UserID(n * 9_999)))
	}
	got, _ := w.round(link)
	if len(got) != 100 {
		t.Errorf("%d changes", len(got))
	}
	w.get(http.StatusOK, "/v1.0/users/"+w.tenant.UserID(999_999))
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 20<<20 {
		t.Errorf("the tenant takes %d MB", grown>>20)
	}
}

// BenchmarkDelta reads 100,000 users page by page, as the source does.
func BenchmarkDelta(b *testing.B) {
	tenant := graphfake.NewTenant(graphfake.Population{People: 100_000, Synced: 50}, nil)
	s, err := graphfake.New(tenant, graphfake.Options{Anonymous: true})
	if err != nil {
		b.Fatal(err)
	}
	w := &world{Server: s, t: nil, tenant: tenant}
	users := 0
	for b.Loop() {
		n := w.count("/v1.0/users/delta?$select=id,userPrincipalName,displayName,givenName,surname,mail,proxyAddresses,mobilePhone,businessPhones,jobTitle," +
			"department,companyName,employeeId,accountEnabled,userType,onPremisesImmutableId,onPremisesSyncEnabled,assignedLicenses,manager")
		if n != 100_000 {
			b.Fatal(n)
		}
		users += n
	}
	b.ReportMetric(float64(users)/b.Elapsed().Seconds(), "users/s")
}
