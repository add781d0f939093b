package plan_test

import (
	"fmt"
	"hash/fnv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

var (
	now   = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	month = 30 * 24 * time.Hour
	// policy is what most tests plan with.
	policy = plan.Policy{Deactivate: true, DeleteAfter: month, Nested: plan.NestedFlatten, Now: now}
)

func name(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

func print(s string) registry.Fingerprint {
	return registry.FingerprintOf(registry.Attributes{"x": {s}})
}

// seen is a person of the snapshot whose anchor is also the name.
func seen(anchor string, change ...func(*plan.Seen)) plan.Seen {
	s := plan.Seen{Anchor: anchor, Name: name(anchor), Fingerprint: print(anchor), Enabled: true}
	for _, c := range change {
		c(&s)
	}
	return s
}

// anew is somebody of this name under another id.
func anew(n string) plan.Seen { return seen("new "+n, called(n)) }

// known is the same person in the registry.
func known(anchor string, id registry.UserID, change ...func(*plan.Known)) plan.Known {
	k := plan.Known{Name: name(anchor), Anchor: anchor, User: id, Fingerprint: print(anchor), Owned: true, Enabled: true}
	for _, c := range change {
		c(&k)
	}
	return k
}

func seenGroup(anchor string, members, groups []int32, change ...func(*plan.SeenGroup)) plan.SeenGroup {
	g := plan.SeenGroup{Anchor: anchor, Fingerprint: print(anchor), Members: members, Groups: groups}
	for _, c := range change {
		c(&g)
	}
	return g
}

func knownGroup(anchor string, id registry.GroupID, users []registry.UserID, groups []registry.GroupID, change ...func(*plan.KnownGroup)) plan.KnownGroup {
	g := plan.KnownGroup{Users: users, Groups: groups, LinkedGroup: registry.LinkedGroup{
		Anchor: anchor, Group: id, Name: anchor, Fingerprint: print(anchor), Owned: true,
	}}
	for _, c := range change {
		c(&g)
	}
	return g
}

// The ways a person differs.
func disabled(s *plan.Seen)   { s.Enabled = false }
func failed(s *plan.Seen)     { s.Standing = plan.Failed }
func outOfScope(s *plan.Seen) { s.Standing = plan.OutOfScope }
func ambiguous(s *plan.Seen)  { s.Ambiguous = true }
func changed(s *plan.Seen)    { s.Fingerprint = print("changed") }
func called(n string) func(*plan.Seen) {
	return func(s *plan.Seen) { s.Name, s.Fingerprint = name(n), print(n) }
}
func joins(id registry.UserID) func(*plan.Seen) {
	return func(s *plan.Seen) { s.Join = id }
}
func off(k *plan.Known)     { k.Enabled = false }
func foreign(k *plan.Known) { k.Owned = false }
func deleted(k *plan.Known) { k.Deleted, k.Enabled = true, false }
func missing(since time.Duration) func(*plan.Known) {
	return func(k *plan.Known) { k.MissingSince = now.Add(-since) }
}
func named(n string) func(*plan.Known) { return func(k *plan.Known) { k.Name = name(n) } }

func protected(k *plan.Known) { k.Protected = true }
func managedBy(place int32) func(*plan.Seen) {
	return func(s *plan.Seen) { s.Manager = place }
}

func groupFailed(g *plan.SeenGroup)   { g.Failed = true }
func groupOutside(g *plan.SeenGroup)  { g.OutOfScope = true }
func groupRenamed(g *plan.SeenGroup)  { g.Fingerprint = print("renamed") }
func groupMissing(g *plan.KnownGroup) { g.Missing = true }
func groupDeleted(g *plan.KnownGroup) { g.Deleted = true }

// lines says a plan in words.
func lines(p *plan.Plan, snap plan.Snapshot) []string {
	var out []string
	for _, c := range p.Users {
		s := fmt.Sprintf("%s %s", c.Action, c.Anchor)
		if c.User != 0 {
			s += fmt.Sprintf(" #%d", c.User)
		}
		if c.Reason != "" {
			s += " " + c.Reason
		}
		if c.Was != "" {
			s += " was " + c.Was
		}
		if c.Follows {
			s += " follows"
		}
		out = append(out, s)
	}
	for _, c := range p.Groups {
		out = append(out, fmt.Sprintf("%s group %s", c.Action, c.Anchor))
	}
	for _, c := range p.Members {
		s := "members " + c.Anchor
		for _, i := range c.AddUsers {
			s += " +" + snap.Users[i].Anchor
		}
		for _, i := range c.AddGroups {
			s += " +group:" + snap.Groups[i].Anchor
		}
		for _, id := range c.RemoveUsers {
			s += fmt.Sprintf(" -%d", id)
		}
		for _, id := range c.RemoveGroups {
			s += fmt.Sprintf(" -group:%d", id)
		}
		out = append(out, s)
	}
	for _, c := range p.Managers {
		manager := "nobody"
		if c.Manager >= 0 {
			manager = snap.Users[c.Manager].Anchor
		}
		out = append(out, fmt.Sprintf("manager of %s %s", snap.Users[c.Seen].Anchor, manager))
	}
	for _, t := range p.Troubles {
		s := fmt.Sprintf("%s %s", t.Code, t.Anchor)
		if t.User != 0 {
			s += fmt.Sprintf(" #%d", t.User)
		}
		if t.Other >= 0 {
			s += " beside " + snap.Users[t.Other].Anchor
		}
		out = append(out, s)
	}
	return out
}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}
