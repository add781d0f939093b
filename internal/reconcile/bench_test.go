package reconcile_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// BenchmarkRun is a run of 20,000 people without a directory's own time: the
// first one, and one on an unchanged day. The whole is measured by
// internal/bench.
func BenchmarkRun(b *testing.B) {
	const people = 20_000
	f := &fake{sum: source.Summary{Complete: true}}
	for i := range people {
		uid := fmt.Sprintf("u%07d", i)
		f.entries = append(f.entries, source.Entry{
			Kind: source.User, Anchor: fmt.Sprintf("%032x", uint64(i)*0x9e3779b97f4a7c15), Name: "uid=" + uid + ",ou=people,dc=example,dc=com",
			Marker: "20260301090000.000000Z#000000#000#000000", Keys: []string{uid},
			Values: attrs{"uid": {uid}, "mail": {uid + "@example.com"}, "givenname": {"Given"}, "sn": {"Family"}, "cn": {"Given Family"}, "title": {"Clerk"}},
		})
	}
	for g := range people / 100 {
		e := source.Entry{Kind: source.Group, Anchor: fmt.Sprint("g", g), Name: fmt.Sprint("cn=g", g), Keys: []string{fmt.Sprint("g", g)}, Values: attrs{"cn": {fmt.Sprint("g", g)}}}
		for n := range 200 {
			e.Members = append(e.Members, fmt.Sprintf("u%07d", (g*7919+n*101)%people))
		}
		f.entries = append(f.entries, e)
	}
	for _, name := range []string{"sqlite", "postgres"} {
		var first time.Duration
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				w := newWorld(b, databases[name](b), newDirectory(b))
				w.from(f)
				begin := time.Now()
				w.run(registry.RunDone)
				first += time.Since(begin)
				begin = time.Now()
				w.run(registry.RunDone)
				b.ReportMetric(time.Since(begin).Seconds()*1e6/people, "µs/person-unchanged")
			}
			b.ReportMetric(first.Seconds()*1e6/float64(b.N)/people, "µs/person-first")
		})
	}
}
