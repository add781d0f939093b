package store_test

import (
	"fmt"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
)

// batchSize is how many people a run applies in one transaction.
const batchSize = 250

// BenchmarkApply writes people in batches: each with link, address, change row,
// set-up link and mail, then the same people with another title, then members
// of a group. The figure to read is people/s.
func BenchmarkApply(b *testing.B) {
	for _, d := range databases {
		b.Run(d.name, func(b *testing.B) {
			s := openStore(b, d.address(b), store.Options{})
			if err := s.Migrate(b.Context()); err != nil {
				b.Fatal(err)
			}
			r, src := newRegistry(s), corp(b.Context(), b, s)
			apply := func(b *testing.B, ops []registry.Op) []registry.Result {
				res, err := r.Apply(b.Context(), registry.Batch{Company: src.Company, Origin: src.Origin, Actor: "bench", Ops: ops})
				if err != nil {
					b.Fatal(err)
				}
				return res
			}
			n := 0
			people := func(title string) []registry.Op {
				ops := make([]registry.Op, batchSize)
				for i := range ops {
					n++
					ops[i] = full(n, title)
				}
				return ops
			}
			var ids []registry.UserID
			b.Run("create", func(b *testing.B) {
				for b.Loop() {
					for _, res := range apply(b, people("Engineer")) {
						ids = append(ids, res.User)
					}
				}
				b.ReportMetric(float64(b.N*batchSize)/b.Elapsed().Seconds(), "people/s")
			})
			b.Run("one", func(b *testing.B) {
				for b.Loop() {
					n++
					apply(b, []registry.Op{full(n, "Engineer")})
				}
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "people/s")
			})
			b.Run("update", func(b *testing.B) {
				title := 0
				for b.Loop() {
					n, title = 0, title+1
					apply(b, people(fmt.Sprint("Engineer ", title)))
				}
				b.ReportMetric(float64(b.N*batchSize)/b.Elapsed().Seconds(), "people/s")
			})
			b.Run("unchanged", func(b *testing.B) {
				n = 0
				apply(b, people("Engineer"))
				for b.Loop() {
					n = 0
					apply(b, people("Engineer"))
				}
				b.ReportMetric(float64(b.N*batchSize)/b.Elapsed().Seconds(), "people/s")
			})
			b.Run("members", func(b *testing.B) {
				groups, members := 0, ids[:min(200, len(ids))]
				for b.Loop() {
					ops := make([]registry.Op, 5)
					for i := range ops {
						groups++
						ops[i] = registry.PutGroup{Anchor: fmt.Sprint("g", groups), DisplayName: fmt.Sprint("Group ", groups)}
					}
					for i, res := range apply(b, ops) {
						ops[i] = registry.PatchMembers{Group: res.Group, AddUsers: members}
					}
					apply(b, ops)
				}
				b.ReportMetric(float64(b.N*5*len(members))/b.Elapsed().Seconds(), "members/s")
			})
		})
	}
}

// full is a person with as many attributes as directories give.
func full(n int, title string) registry.PutUser {
	name := fmt.Sprintf("person.%06d", n)
	a := registry.Attributes{
		registry.AttrUserName: {name}, registry.AttrEmails: {name + "@example.com"}, registry.AttrGivenName: {"Given"},
		registry.AttrFamilyName: {"Family"}, registry.AttrDisplayName: {"Given Family"}, registry.AttrTitle: {title},
		registry.AttrPhone: {"+39 02 1234567"}, registry.AttrEmployeeNumber: {fmt.Sprint(n)}, registry.AttrLocale: {"it"},
	}
	return registry.PutUser{
		Anchor: fmt.Sprintf("%08x-0000-1000-8000-000000000000", n), Name: "uid=" + name + ",ou=people,dc=example,dc=com", Marker: "20260101000000Z",
		Attributes: a, Enabled: true, Kind: registry.EndUser, SetupMail: registry.SetupSend, Fingerprint: registry.FingerprintOf(a, "true"),
		Department: "Sales",
	}
}
