package store_test

import (
	"fmt"
	"testing"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/filter"
)

// BenchmarkScim asks what identity providers ask, of a small company and of a
// large one: the figures of the two are to differ by a third at most.
func BenchmarkScim(b *testing.B) {
	for _, d := range databases {
		for _, size := range []int{1000, 200_000} {
			b.Run(fmt.Sprintf("%s/%d", d.name, size), func(b *testing.B) {
				benchScim(b, openStore(b, d.address(b), store.Options{}), size)
			})
		}
	}
}

func benchScim(b *testing.B, s *store.Store, size int) {
	if err := s.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	src := corp(b.Context(), b, s)
	okta, err := s.For(src.Company).EnsureOrigin(b.Context(), registry.OriginSCIM, "okta")
	if err != nil {
		b.Fatal(err)
	}
	crowd(b, s, src.Company, okta.ID, size)
	// Everybody is in group 1 as well.
	_, err = s.WriteDB().ExecContext(b.Context(), fmt.Sprintf(`INSERT INTO memberships (company_id, group_id, user_id, origin_id, created_at)
		SELECT company_id, 1, id, %d, 0 FROM users WHERE id <> 1000 AND id %% 1000 <> 0`, okta.ID))
	if err != nil {
		b.Fatal(err)
	}
	t, v := s.For(src.Company), registry.ScimView{Origin: okta.ID, Visible: registry.VisibleOwn}
	users, groups := scim.UserType().Attributes(), scim.GroupType().Attributes()
	page := registry.ScimPage{Limit: 100}
	for _, name := range []string{
		`userName eq "person.%06d"`, `externalId eq "%06d"`, `emails[type eq "work"].value eq "person.%06d@example.com"`,
	} {
		b.Run(name[:8], func(b *testing.B) {
			n := 0
			for b.Loop() {
				n = n%size + 1
				ids, _, err := t.ScimUsers(b.Context(), v, selection(b, users, fmt.Sprintf(name, n), ""), page)
				if err != nil || len(ids) != 1 {
					b.Fatal(ids, err)
				}
			}
		})
	}
	b.Run("member", func(b *testing.B) {
		q := selection(b, groups, `id eq "g1" and members eq "u7"`, "")
		for b.Loop() {
			if ids, _, err := t.ScimGroups(b.Context(), v, q, page); err != nil || len(ids) != 1 {
				b.Fatal(ids, err)
			}
		}
	})
	b.Run("byID", func(b *testing.B) {
		n := 0
		for b.Loop() {
			n = n%size + 1
			if _, err := t.ScimUserByID(b.Context(), v, fmt.Sprint("u", n), true); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cursor", func(b *testing.B) {
		for b.Loop() {
			_, _, err := t.ScimUsers(b.Context(), v, filter.Selection{Set: users}, registry.ScimPage{Limit: 100, Cursor: true, After: int64(size / 2), NoTotal: true})
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}
