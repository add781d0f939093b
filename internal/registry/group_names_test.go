package registry_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// knownGroups is a store that knows some groups and nothing else. It is asked by
// Preview; a question that none of these batches should ask ends in a panic.
type knownGroups struct {
	registry.Tx
	groups []*registry.Group
	links  []*registry.Link
	asked  []string // names that were looked for
}

func (k *knownGroups) Read(_ context.Context, _ registry.CompanyID, fn func(registry.Tx) error) error {
	return fn(k)
}

func (k *knownGroups) Write(context.Context, registry.CompanyID, *registry.Fence, func(registry.Tx) error) error {
	panic("nothing is written")
}

func (k *knownGroups) Expect(context.Context, registry.Expected) error { return nil }

func (k *knownGroups) UsersByName(context.Context, []string) ([]registry.NameHolder, error) {
	return nil, nil
}

func (k *knownGroups) UserLinks(context.Context, registry.OriginID, []string) ([]*registry.Link, error) {
	return nil, nil
}

func (k *knownGroups) Users(context.Context, []registry.UserID) ([]*registry.User, error) {
	return nil, nil
}

func (k *knownGroups) GroupLinks(_ context.Context, origin registry.OriginID, anchors []string) ([]*registry.Link, error) {
	var out []*registry.Link
	for _, l := range k.links {
		if l.Origin == origin && slices.Contains(anchors, l.Anchor) {
			out = append(out, l)
		}
	}
	return out, nil
}

func (k *knownGroups) Groups(_ context.Context, ids []registry.GroupID) ([]*registry.Group, error) {
	var out []*registry.Group
	for _, g := range k.groups {
		if slices.Contains(ids, g.ID) {
			out = append(out, g)
		}
	}
	return out, nil
}

func (k *knownGroups) GroupForMembers(ctx context.Context, id registry.GroupID) ([]*registry.Group, error) {
	return k.Groups(ctx, []registry.GroupID{id})
}

func (k *knownGroups) GroupsContaining(context.Context, []registry.GroupID) ([]registry.GroupID, error) {
	return nil, nil
}

func (k *knownGroups) RemoveMembers(context.Context, []registry.Membership) ([]registry.Membership, error) {
	return nil, nil
}

func (k *knownGroups) AddMembers(_ context.Context, ms []registry.Membership, _ time.Time) ([]registry.Membership, error) {
	return ms, nil
}

func (k *knownGroups) RemoveMembersOf(context.Context, registry.GroupID, registry.OriginID) (int, error) {
	return 0, nil
}

func (k *knownGroups) GroupsByName(_ context.Context, origin registry.OriginID, keys []string) ([]registry.GroupNameHolder, error) {
	k.asked = append(k.asked, keys...)
	var out []registry.GroupNameHolder
	for i, g := range k.groups {
		if key := registry.Key(g.DisplayName); g.Owner == origin && g.DeletedAt.IsZero() && slices.Contains(keys, key) {
			out = append(out, registry.GroupNameHolder{Key: key, Group: g.ID, PublicID: g.PublicID, Anchor: k.links[i].Anchor})
		}
	}
	return out, nil
}

// know adds a group of origin 1 by what it is called: "anchor name", with " deleted"
// or " foreign" behind it.
func (k *knownGroups) know(text string) {
	words := strings.Fields(text)
	g := &registry.Group{
		ID: registry.GroupID(len(k.groups) + 1), PublicID: "id-of-" + words[0], Company: 1, DisplayName: words[1], Owner: 1, Version: 1,
	}
	if slices.Contains(words, "deleted") {
		g.DeletedAt = time.Unix(1, 0)
	}
	if slices.Contains(words, "foreign") {
		g.Owner = 2
	}
	k.groups = append(k.groups, g)
	k.links = append(k.links, &registry.Link{Company: 1, Origin: 1, Group: g.ID, Anchor: words[0]})
}

// TestGroupNames: within a SCIM connection, two groups share a name only where both
// have an externalId, and what is no new twin is let through without a look.
func TestGroupNames(t *testing.T) {
	put := func(anchor, name string) registry.PutGroup {
		return registry.PutGroup{Anchor: anchor, DisplayName: name}
	}
	from := func(was string, op registry.PutGroup) registry.PutGroup {
		op.WasAnchor = was
		return op
	}
	taken := registry.CodeGroupNameTaken
	ops := func(list ...registry.Op) []registry.Op { return list }
	for _, tc := range []struct {
		what  string
		kind  registry.OriginKind // "" for a SCIM connection
		known []string
		ops   []registry.Op
		want  []registry.Code
		asked string
	}{
		{what: "made under a free name", known: []string{"~1 B"}, ops: ops(put("~2", "A")), asked: "a"},
		{what: "made, neither with an externalId", known: []string{"~1 A"}, ops: ops(put("~2", "A")), want: []registry.Code{taken}, asked: "a"},
		{what: "made in another case", known: []string{"~1 STRASSE"}, ops: ops(put("~2", "straße")), want: []registry.Code{taken}, asked: "strasse"},
		{what: "made without beside one with", known: []string{"x A"}, ops: ops(put("~2", "A")), want: []registry.Code{taken}, asked: "a"},
		{what: "made with beside one without", known: []string{"~1 A"}, ops: ops(put("x", "A")), want: []registry.Code{taken}, asked: "a"},
		{what: "made, both with", known: []string{"x A"}, ops: ops(put("y", "A")), asked: "a"},
		{what: "made beside one that is deleted", known: []string{"~1 A deleted"}, ops: ops(put("~2", "A")), asked: "a"},
		{what: "made beside one of another origin", known: []string{"x A foreign"}, ops: ops(put("~2", "A")), asked: "a"},
		{what: "made by a directory", kind: registry.OriginLDAP, known: []string{"x A"}, ops: ops(put("~y", "A"), put("~z", "A"))},
		{what: "made by Entra", kind: registry.OriginEntra, known: []string{"x A"}, ops: ops(put("~y", "A"), put("~z", "A"))},
		{what: "made twice in a batch", ops: ops(put("~1", "A"), put("~2", "a")), want: []registry.Code{"", taken}, asked: "a"},
		{what: "made twice in a batch, one with", ops: ops(put("x", "A"), put("~2", "A")), want: []registry.Code{"", taken}, asked: "a"},
		{what: "made twice in a batch, both with", ops: ops(put("x", "A"), put("y", "A")), asked: "a"},
		{what: "renamed to a free name", known: []string{"~1 A"}, ops: ops(put("~1", "B")), asked: "b"},
		{what: "renamed to a taken name", known: []string{"~1 A", "~2 B"}, ops: ops(put("~1", "B")), want: []registry.Code{taken}, asked: "b"},
		{what: "renamed to a taken name, both with", known: []string{"x A", "y B"}, ops: ops(put("x", "B")), asked: "b"},
		{what: "renamed to a taken name, and given an externalId", known: []string{"~1 A", "y B"}, ops: ops(from("~1", put("x", "B"))), asked: "b"},
		{what: "two renamed to one name", known: []string{"~1 A", "~2 B"}, ops: ops(put("~1", "C"), put("~2", "C")), want: []registry.Code{"", taken}, asked: "c"},
		{what: "spelt otherwise", known: []string{"~1 A", "~2 A"}, ops: ops(put("~1", "a"))},
		{what: "back under its name", known: []string{"x A deleted"}, ops: ops(put("x", "A")), asked: "a"},
		{what: "back when one without has its name", known: []string{"x A deleted", "~2 A"}, ops: ops(put("x", "A")), want: []registry.Code{taken}, asked: "a"},
		{what: "back when one with has its name", known: []string{"x A deleted", "y A"}, ops: ops(put("x", "A")), asked: "a"},
		{what: "its externalId taken away", known: []string{"x A"}, ops: ops(from("x", put("~1", "A"))), asked: "a"},
		{what: "its externalId taken away beside one with", known: []string{"x A", "y A"}, ops: ops(from("x", put("~1", "A"))), want: []registry.Code{taken}, asked: "a"},
		{what: "both externalIds taken away", known: []string{"x A", "y A"}, ops: ops(from("x", put("~1", "A")), from("y", put("~2", "A"))), want: []registry.Code{taken, taken}, asked: "a"},
		{what: "a twin's externalId taken away, the other has none", known: []string{"x A", "~2 A"}, ops: ops(from("x", put("~1", "A"))), asked: "a"},
		{what: "a twin says the same", known: []string{"~1 A", "~2 A", "x A"}, ops: ops(put("~1", "A"), put("~2", "A"), put("x", "A"))},
		{what: "a twin gets an externalId", known: []string{"~1 A", "~2 A"}, ops: ops(from("~1", put("x", "A")))},
		{what: "a twin is renamed away", known: []string{"~1 A", "~2 A"}, ops: ops(put("~1", "B")), asked: "b"},
		{what: "a twin goes", known: []string{"~1 A", "~2 A"}, ops: ops(registry.MissGroup{Anchor: "~1"})},
		{what: "a twin gets members", known: []string{"~1 A", "~2 A"}, ops: ops(registry.PatchMembers{Group: 1, AddUsers: []registry.UserID{7}})},
		{what: "one that another owns is renamed there", known: []string{"x A foreign", "~2 B"}, ops: ops(put("x", "B"))},
		{what: "the same externalId once more", known: []string{"x A"}, ops: ops(registry.PutGroup{Anchor: "x", DisplayName: "A", Fresh: true}), want: []registry.Code{registry.CodeAnchorTaken}},
	} {
		t.Run(tc.what, func(t *testing.T) {
			known := &knownGroups{}
			for _, g := range tc.known {
				known.know(g)
			}
			if tc.kind == "" {
				tc.kind = registry.OriginSCIM
			}
			r := &registry.Registry{Store: known, Now: time.Now, NewID: func() string { return "new" }}
			results, err := r.Preview(t.Context(), registry.Batch{Company: 1, Origin: registry.Origin{ID: 1, Company: 1, Kind: tc.kind}, Ops: tc.ops})
			if err != nil {
				t.Fatal(err)
			}
			for i, res := range results {
				var got, want registry.Code
				if res.Refused != nil {
					got = res.Refused.Code
				}
				if i < len(tc.want) {
					want = tc.want[i]
				}
				if got != want {
					t.Errorf("operation %d is refused as %q, want %q", i, got, want)
				}
			}
			if got := strings.Join(known.asked, " "); got != tc.asked {
				t.Errorf("asked for the names %q, want %q", got, tc.asked)
			}
		})
	}
}
