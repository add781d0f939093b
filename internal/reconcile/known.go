package reconcile

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// known is what the ledger has of a source before it is read, in the form that
// answers which entries need not be read whole. A person takes about 60 bytes.
//
// A person is known who is in the registry exactly as the source last said, at
// the marker they had then. A group is known whose members all led to people, and
// whose members in the registry are those very people, of whom each is there in
// this read under the same names. Everybody else is read whole: who failed, who
// is in conflict, who is due by the clock, who names a manager that was not there when
// somebody came since, groups within groups, groups with
// members that this source does not read.
type known struct {
	seed   maphash.Seed
	people []knownPerson
	at     *plan.Index[uint64] // by anchor
	marks  []knownMark         // of people outside the scope
	markAt *plan.Index[uint64]

	// held lists whom the ledger has, for source.Request.
	held func(kind source.Kind, yield func(anchor string) bool)
	// loadGroups is asked once, when all people were given.
	loadGroups func() ([]plan.KnownGroup, error)
	groups     map[uint64]uint64 // marker by anchor
	err        error
}

// knownPerson is somebody tied to the source.
type knownPerson struct {
	anchor uint64
	marker uint64 // 0 for someone who is read whole
	keys   uint64
	name   uint64
	user   registry.UserID
	seen   sighting
	same   bool // was given without being read whole
	// enabled is as the registry and the link both have it.
	enabled bool
	// foreign is true for somebody whom another origin owns, lacks for one whose
	// manager was not there.
	foreign, lacks bool
}

// knownMark is an object without a person that the scope leaves out.
type knownMark struct{ anchor, marker uint64 }

// sighting says how this read gave somebody.
type sighting uint8

const (
	unseen sighting = iota
	stayed          // under the names of last time
	moved           // under others, whatever else
)

// loadKnown asks the ledger.
func (r *run) loadKnown(ctx context.Context) (*known, error) {
	k := &known{seed: maphash.MakeSeed()}
	k.at = plan.NewIndex(0, func(i int32) uint64 { return k.people[i].anchor })
	k.markAt = plan.NewIndex(0, func(i int32) uint64 { return k.marks[i].anchor })
	k.loadGroups = func() ([]plan.KnownGroup, error) { return r.knownGroups(ctx) }
	k.held = func(kind source.Kind, yield func(anchor string) bool) {
		if err := r.hold(ctx, kind, yield); err != nil && !errors.Is(err, errEnough) {
			k.err = err
		}
	}
	now := r.Now()
	newcomers, err := r.newcomers(ctx)
	if err != nil {
		return nil, err
	}
	err = r.ledger.LinkedUsers(ctx, r.src.State.Origin.ID, func(l registry.LinkedUser) error {
		k.addPerson(&l, now, newcomers)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load people of the source: %w", err)
	}
	err = r.ledger.SourceMarks(ctx, r.src.State.ID, func(m registry.SourceMark) error {
		anchor := k.hash(m.Anchor)
		if m.Marker != "" && k.markAt.Find(anchor) < 0 {
			k.marks = append(k.marks, knownMark{anchor, k.hash(m.Marker)})
			k.markAt.Add(int32(len(k.marks) - 1)) //nolint:gosec // far below 2^31
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load marks of the source: %w", err)
	}
	return k, nil
}

// errEnough ends a listing that the source wants no more of.
var errEnough = errors.New("enough")

// hold lists what the ledger has of the source: groups, or people and who was out
// of scope. Anchors are not kept in memory for it.
func (r *run) hold(ctx context.Context, kind source.Kind, yield func(anchor string) bool) error {
	give := func(anchor string) error {
		if !yield(anchor) {
			return errEnough
		}
		return nil
	}
	if kind == source.Group {
		groups, err := r.knownGroups(ctx)
		for i := 0; i < len(groups) && err == nil; i++ {
			if !groups[i].Deleted {
				err = give(groups[i].Anchor)
			}
		}
		return err
	}
	err := r.ledger.LinkedUsers(ctx, r.src.State.Origin.ID, func(l registry.LinkedUser) error {
		if l.Deleted {
			return nil
		}
		return give(l.Anchor)
	})
	if err != nil {
		return err
	}
	return r.ledger.SourceMarks(ctx, r.src.State.ID, func(m registry.SourceMark) error { return give(m.Anchor) })
}

// hash is never 0.
func (k *known) hash(v string) uint64 { return maphash.String(k.seed, v) | 1 }

func (k *known) addPerson(l *registry.LinkedUser, now time.Time, newcomers bool) {
	p := knownPerson{anchor: k.hash(l.Anchor), user: l.User, name: hashed(l.NameKey), enabled: l.Enabled, foreign: !l.Owned}
	if s, ok := parseStamp(l.Marker); ok {
		p.keys, p.lacks = s.keys, s.lacks
		if clean(l, s, now) && (!s.lacks || !newcomers) {
			p.marker = k.hash(s.marker)
		}
	}
	if i := k.at.Find(p.anchor); i >= 0 { // two ids, one hash
		k.people[i].marker, k.people[i].seen = 0, moved
		return
	}
	k.people = append(k.people, p)
	k.at.Add(int32(len(k.people) - 1)) //nolint:gosec // far below 2^31
}

// clean reports whether somebody is in the registry exactly as the source last
// said, so that the same marker means that there is nothing to do. What another
// origin owns is that one's to say.
func clean(l *registry.LinkedUser, s stamp, now time.Time) bool {
	return s.marker != "" && !l.Deleted && l.MissingSince.IsZero() && (l.RecheckAt.IsZero() || l.RecheckAt.After(now)) &&
		(!l.Owned || l.Enabled == l.Asserted && s.rest == hashed(l.NameKey))
}

// knows answers for source.Request.
func (k *known) knows(kind source.Kind, anchor, marker string) bool {
	if kind == source.Group {
		if k.groups == nil {
			k.settleGroups()
		}
		return k.groups[k.hash(anchor)] == k.hash(marker)
	}
	return k.person(anchor, marker) >= 0 || k.marked(anchor, marker)
}

// person finds who is known at this marker, -1 for nobody.
func (k *known) person(anchor, marker string) int32 {
	if i := k.at.Find(k.hash(anchor)); i >= 0 && k.people[i].marker == k.hash(marker) {
		return i
	}
	return -1
}

func (k *known) marked(anchor, marker string) bool {
	i := k.markAt.Find(k.hash(anchor))
	return i >= 0 && k.marks[i].marker == k.hash(marker)
}

// saw notes under which names somebody was given, and whether whole.
func (k *known) saw(anchor string, keys uint64, same bool) {
	i := k.at.Find(k.hash(anchor))
	if i < 0 {
		return
	}
	p := &k.people[i]
	if p.same = same && p.marker != 0; p.keys != keys {
		p.seen = moved
	} else if p.seen == unseen {
		p.seen = stayed
	}
}

// others are the people of whom more is to be known than that they are the same:
// also those who were changed since.
func (k *known) others(during map[registry.UserID]bool) []registry.UserID {
	var out []registry.UserID
	for i := range k.people {
		if p := &k.people[i]; !p.same && !during[p.user] {
			out = append(out, p.user)
		}
	}
	for id := range during {
		out = append(out, id)
	}
	return out
}

// settleGroups finds the groups that need not be read whole, now that it is known
// who stayed.
func (k *known) settleGroups() {
	k.groups = map[uint64]uint64{}
	groups, err := k.loadGroups()
	if err != nil {
		k.err = err
		return
	}
	left := map[registry.UserID]bool{}
	for i := range k.people {
		if p := &k.people[i]; p.seen != stayed {
			left[p.user] = true
		}
	}
	for i := range groups {
		g := &groups[i]
		s, ok := parseStamp(g.Marker)
		if !ok || s.marker == "" || !g.Owned || g.Deleted || g.Missing || len(g.Groups) > 0 {
			continue
		}
		var sum uint64
		for _, id := range g.Users {
			if sum += mixed(id); left[id] {
				ok = false
				break
			}
		}
		if ok && sum == s.rest {
			k.groups[k.hash(g.Anchor)] = k.hash(s.marker)
		}
	}
}
