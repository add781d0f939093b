package reconcile_test

import (
	"testing"
	"time"

	"github.com/usherd/usher/internal/reconcile"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/testkit/graphfake"
	"github.com/usherd/usher/internal/testkit/graphfake/graphfaketest"
)

// BenchmarkGraphNight is a night of a tenant of 100,000 people and 1,000 groups on
// which one in a hundred changed, through the whole engine; the first run before it
// is told beside it.
func BenchmarkGraphNight(b *testing.B) {
	tenant := graphfake.NewTenant(graphfake.Population{People: 100_000, Groups: 1000, Members: 200, Nested: 100, Disabled: 5, Synced: 80}, nil)
	run := graphfaketest.Start(b, tenant, graphfake.Options{
		Apps: []graphfake.App{{ClientID: "app", Secrets: []string{"secret"}, Roles: []string{"User.Read.All", "GroupMember.Read.All"}}}})
	w := newWorld(b, databases["sqlite"](b), &directory{t: b, s: nil})
	w.readTenant(tenantAddress{run.URL, run.CAFile, tenant.ID()})
	w.adjust = func(s *reconcile.Source) { s.Setup = reconcile.SetupNone }
	begin := time.Now()
	w.run(registry.RunDone)
	first := time.Since(begin)
	for b.Loop() {
		b.StopTimer()
		for n := range 1000 {
			if err := tenant.UpdateUser(tenant.UserID(n*100), func(u *graphfake.User) { u.JobTitle += "x" }); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if r := w.run(registry.RunDone); r.Full || r.Counts.Updated != 1000 {
			b.Fatalf("%+v %q", r.Counts, r.Notes)
		}
	}
	b.ReportMetric(first.Seconds(), "s-first")
}
