package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/web/self"
)

func TestProfile(t *testing.T) {
	first := time.Date(2026, 1, 5, 3, 0, 0, 0, time.UTC)
	then := first.Add(24 * time.Hour)
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		src := corp(ctx, t, s)
		hand, err := s.For(src.Company).EnsureOrigin(ctx, registry.OriginAdmin, "console")
		must(t, err)
		apply := func(at time.Time, o registry.Origin, ops ...registry.Op) []registry.Result {
			t.Helper()
			r := newRegistry(s)
			r.Now = func() time.Time { return at }
			res, err := r.Apply(ctx, registry.Batch{Company: src.Company, Origin: o, Actor: "test", Ops: ops})
			must(t, err)
			for _, x := range res {
				if x.Refused != nil {
					t.Fatal(x.Refused)
				}
			}
			return res
		}
		ann := person("a1", "ann")
		ann.Attributes.Set(registry.AttrTitle, "Engineer")
		id := apply(first, src.Origin, ann)[0].User
		ann.Attributes = ann.Attributes.Clone()
		ann.Attributes.Set(registry.AttrTitle, "Head")
		res := apply(then, src.Origin, ann,
			registry.PutGroup{Anchor: "g1", Name: "cn=sales", DisplayName: "Sales"}, registry.PutGroup{Anchor: "g2", Name: "cn=all", DisplayName: "all"})
		sales, all := res[1].Group, res[2].Group
		apply(first, src.Origin, registry.PatchMembers{Group: sales, AddUsers: []registry.UserID{id}})
		apply(then, hand, registry.PatchMembers{Group: sales, AddUsers: []registry.UserID{id}})
		apply(then, src.Origin, registry.PatchMembers{Group: all, AddUsers: []registry.UserID{id}})

		got, err := s.Profile(ctx, src.Company, id)
		must(t, err)
		slices.SortFunc(got.Values, func(a, b self.Value) int { return strings.Compare(a.Attribute, b.Attribute) })
		want := []self.Value{
			{Attribute: registry.AttrEmails, Values: []string{"ann@example.com"}, Origin: src.Origin, Since: first},
			{Attribute: registry.AttrTitle, Values: []string{"Head"}, Origin: src.Origin, Since: then},
			{Attribute: registry.AttrUserName, Values: []string{"ann"}, Origin: src.Origin, Since: first},
		}
		if d := cmp.Diff(want, got.Values); d != "" {
			t.Error("values:", d)
		}
		groups := []self.Group{
			{Name: "all", Origins: []registry.Origin{src.Origin}, Since: then},
			{Name: "Sales", Origins: []registry.Origin{src.Origin, hand}, Since: first},
		}
		if d := cmp.Diff(groups, got.Groups); d != "" {
			t.Error("groups:", d)
		}
		if got.User.UserName() != "ann" || got.User.Email() != "ann@example.com" {
			t.Errorf("user: %+v", got.User)
		}
		if _, err := s.Profile(ctx, src.Company+1, id); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("another company: %v", err)
		}
		apply(then, src.Origin, registry.MissUser{Anchor: "a1", Reason: "missing", Deactivate: true})
		apply(then, src.Origin, registry.DeleteUser{Anchor: "a1"})
		if _, err := s.Profile(ctx, src.Company, id); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("a deleted person: %v", err)
		}
	})
}

// Someone made by hand has no link to a directory: the history tells who gave a
// value, and one that nobody recorded has no origin, whoever says the same.
func TestProfileWithoutLinks(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		src := corp(ctx, t, s)
		hand, err := s.For(src.Company).EnsureOrigin(ctx, registry.OriginAdmin, "console")
		must(t, err)
		res, err := newRegistry(s).Apply(ctx, registry.Batch{Company: src.Company, Origin: hand, Actor: "admin", Ops: []registry.Op{
			registry.CreateUser{Attributes: registry.Attributes{registry.AttrUserName: {"eve"}}},
		}})
		must(t, err)
		okta, err := s.For(src.Company).EnsureOrigin(ctx, registry.OriginSCIM, "okta")
		must(t, err)
		_, err = newRegistry(s).Apply(ctx, registry.Batch{Company: src.Company, Origin: okta, Actor: "okta", Ops: []registry.Op{
			with(person("e", "eve"), func(p *registry.PutUser) { p.Join, p.LinkOnly = res[0].User, true }),
		}})
		must(t, err)
		for _, want := range []registry.Origin{hand, {}} {
			p, err := s.Profile(ctx, src.Company, res[0].User)
			must(t, err)
			if len(p.Values) != 1 || p.Values[0].Origin != want || p.Values[0].Since.IsZero() != (want.ID == 0) {
				t.Errorf("values %+v, want them from %+v", p.Values, want)
			}
			must(t, s.Rows().Change.Update().ClearPayload().Exec(store.Crossing(ctx))) // as erasure does
		}
	})
}
