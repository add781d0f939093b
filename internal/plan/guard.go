package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"

	"github.com/usherd/usher/internal/registry"
)

// Threshold is one limit of the guard: held beyond Count, or beyond Percent of
// what there is when more than Floor would be touched.
type Threshold struct {
	Count   int64
	Percent float64
	Floor   int64
}

// Limits are the guard's limits of a source.
type Limits struct {
	Deactivate       Threshold
	GroupDelete      Threshold
	MembershipRemove Threshold
}

// The names of the guard's limits.
const (
	LimitDeactivate = "deactivate"
	// LimitDelete is for deletions after the grace; it has the threshold of the
	// deactivations that led to them.
	LimitDelete           = "delete"
	LimitGroupDelete      = "group_delete"
	LimitMembershipRemove = "membership_remove"
	// LimitEmpty is passed by a source that gives nobody, or no group where
	// there were some. No setting lifts it.
	LimitEmpty = "empty"
)

// Allowance is the harm that an admin approved: these records and no others.
type Allowance struct {
	Deactivate  map[string]bool // anchors
	Delete      map[string]bool // anchors
	GroupDelete map[string]bool // anchors
	Remove      map[string]map[registry.UserID]bool
	RemoveGroup map[string]map[registry.GroupID]bool
	Empty       bool
}

// Guard judges a plan: the limits it passes, none when it may be applied. What
// an admin approved is not counted again.
func Guard(p *Plan, limits Limits, allowed *Allowance) []registry.Limit {
	if allowed == nil {
		allowed = &Allowance{}
	}
	var out []registry.Limit
	if l, held := p.empty(); held && !allowed.Empty {
		out = append(out, l)
	}
	check := func(name string, t Threshold, count, of int64) {
		if rule := t.passed(count, of); rule != "" {
			out = append(out, registry.Limit{Name: name, Count: count, Of: of, Rule: rule})
		}
	}
	var deactivate, deleted, groups, members int64
	for _, c := range p.Users {
		switch {
		case c.Action == registry.ActionDeactivate && !allowed.Deactivate[c.Anchor]:
			deactivate++
		case c.Action == registry.ActionDelete && !allowed.Delete[c.Anchor]:
			deleted++
		}
	}
	for _, c := range p.Groups {
		if c.Action == registry.ActionDelete && !allowed.GroupDelete[c.Anchor] {
			groups++
		}
	}
	for _, c := range p.Members {
		for _, id := range c.RemoveUsers {
			if !allowed.Remove[c.Anchor][id] {
				members++
			}
		}
		for _, id := range c.RemoveGroups {
			if !allowed.RemoveGroup[c.Anchor][id] {
				members++
			}
		}
	}
	check(LimitDeactivate, limits.Deactivate, deactivate, p.activeUsers)
	check(LimitDelete, limits.Deactivate, deleted, p.livingUsers)
	check(LimitGroupDelete, limits.GroupDelete, groups, p.liveGroups)
	check(LimitMembershipRemove, limits.MembershipRemove, members, p.memberships)
	return out
}

// empty reports a source that gave nothing where something must be.
func (p *Plan) empty() (registry.Limit, bool) {
	switch {
	case p.seenUsers == 0:
		return registry.Limit{Name: LimitEmpty, Of: p.livingUsers, Rule: "the source gave no person at all"}, true
	case p.inScope == 0:
		return registry.Limit{Name: LimitEmpty, Of: p.livingUsers, Rule: fmt.Sprintf("the scope leaves out everyone, all %d people of the source", p.seenUsers)}, true
	case p.seenGroups == 0 && p.liveGroups > 0:
		return registry.Limit{Name: LimitEmpty, Of: p.liveGroups, Rule: "the source gave no group at all"}, true
	}
	return registry.Limit{}, false
}

// passed says which side of the threshold is passed, "" for none.
func (t Threshold) passed(count, of int64) string {
	switch {
	case count > t.Count:
		return fmt.Sprintf("more than %d", t.Count)
	case count > t.Floor && of > 0 && float64(count)*100 > t.Percent*float64(of):
		return fmt.Sprintf("more than %g %%", t.Percent)
	}
	return ""
}

// Hash identifies a plan: two plans that would do the same have the same hash.
func (p *Plan) Hash(snap Snapshot) string {
	h := sha256.New()
	for _, c := range p.Users {
		writeAll(h, "user", string(c.Action), c.Anchor, c.Reason, strconv.FormatInt(int64(c.User), 10))
		if c.Seen >= 0 {
			writeAll(h, string(snap.Users[c.Seen].Fingerprint[:]))
		}
	}
	for _, c := range p.Groups {
		writeAll(h, "group", string(c.Action), c.Anchor, strconv.FormatInt(int64(c.Group), 10))
		if c.Seen >= 0 {
			writeAll(h, string(snap.Groups[c.Seen].Fingerprint[:]))
		}
	}
	for _, c := range p.Members {
		writeAll(h, "members", c.Anchor)
		for _, s := range c.AddUsers {
			writeAll(h, "+", snap.Users[s].Anchor)
		}
		for _, s := range c.AddGroups {
			writeAll(h, "+g", snap.Groups[s].Anchor)
		}
		writeAll(h, fmt.Sprint(c.RemoveUsers, c.RemoveGroups))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// writeAll feeds strings to a hash so that no two lists of them are alike.
func writeAll(h hash.Hash, parts ...string) {
	var buf []byte
	for _, s := range parts {
		buf = append(append(append(strconv.AppendInt(buf[:0], int64(len(s)), 10), ':'), s...), ';')
		h.Write(buf)
	}
}
