package reconcile

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// ref is how a member is named while the snapshot is read: a hash of the
// source's key, because keys are long and there are many.
type ref [16]byte

func refOf(key string) ref {
	sum := sha256.Sum256([]byte(key))
	return ref(sum[:16])
}

// place is where a ref leads.
type place struct {
	index int32
	group bool
}

// places are where refs lead; there is one or more for everybody, so they are
// kept in a third of the memory of a map.
type places struct {
	refs  []ref
	leads []place
	index *plan.Index[ref]
}

func newPlaces() *places {
	p := &places{}
	p.index = plan.NewIndex(0, func(i int32) ref { return p.refs[i] })
	return p
}

func (p *places) set(r ref, to place) {
	if i := p.index.Find(r); i >= 0 {
		p.leads[i] = to
		return
	}
	p.refs, p.leads = append(p.refs, r), append(p.leads, to)
	p.index.Add(int32(len(p.refs) - 1)) //nolint:gosec // snapshots are far below 2^31
}

func (p *places) find(r ref) (place, bool) {
	if i := p.index.Find(r); i >= 0 {
		return p.leads[i], true
	}
	return place{}, false
}

// snapshot gathers a read: what the plan needs in memory, whole records on disk.
type snapshot struct {
	plan.Snapshot
	spool  *spool
	source *Source
	report *report
	counts *registry.Counts
	seed   maphash.Seed

	offset   []int64 // of each person's record, -1 for one without
	groups   []groupRecord
	places   *places
	byAnchor *plan.Index[string] // of people
	anchors  map[string]int32    // of groups
	mails    map[uint64]int32
	open     [][]ref // per group: members not yet found
	// blind counts entries without an id: any of them may be somebody who would
	// otherwise count as missing.
	blind int
}

// groupRecord is what a group's change needs beyond the plan.
type groupRecord struct{ name, marker, displayName string }

func newSnapshot(src *Source, sp *spool, rep *report, counts *registry.Counts) *snapshot {
	s := &snapshot{
		spool: sp, source: src, report: rep, counts: counts, seed: maphash.MakeSeed(),
		places: newPlaces(), anchors: map[string]int32{}, mails: map[uint64]int32{},
	}
	s.byAnchor = plan.NewIndex(0, func(i int32) string { return s.Users[i].Anchor })
	return s
}

// nameHash is the userName of a plan: short, and equal when names are.
func (s *snapshot) nameHash(key string) uint64 { return maphash.String(s.seed, key) }

// readError is around whatever ended the reading.
type readError struct{ error }

// Unwrap gives the reason.
func (e readError) Unwrap() error { return e.error }

// read takes in everything the source gives.
func (s *snapshot) read(ctx context.Context, progress func(done int64)) (source.Summary, error) {
	sum, err := s.source.Reader.Read(ctx, source.Request{}, func(e source.Entry) error {
		if n := s.counts.Users + s.counts.Groups; n%500 == 0 {
			progress(n)
		}
		return s.entry(ctx, &e)
	})
	if err != nil {
		return sum, readError{err}
	}
	if err := s.spool.seal(); err != nil {
		return sum, err
	}
	if sum.Complete && s.blind > 0 {
		sum.Complete = false
		sum.Incomplete = fmt.Sprintf("%d entries came without an id, so an absence proves nothing; let the reading account see the id attribute", s.blind)
	}
	s.Complete = sum.Complete
	s.resolve(ctx)
	return sum, nil
}

func (s *snapshot) entry(ctx context.Context, e *source.Entry) error {
	if e.Kind == source.User {
		s.counts.Users++
	} else {
		s.counts.Groups++
	}
	if e.Problem != "" {
		s.report.failed(ctx, registry.RunItem{Code: CodeBadEntry, Anchor: e.Anchor, Name: e.Name, Message: e.Problem})
	}
	if e.Anchor == "" {
		s.blind++
		return nil
	}
	e.Anchor = strings.Clone(e.Anchor) // the source's strings share memory with a whole page
	at, again := s.placeOf(e.Anchor)
	if again && at.group != (e.Kind == source.Group) {
		s.report.failed(ctx, registry.RunItem{Code: CodeDuplicateAnchor, Anchor: e.Anchor, Name: e.Name,
			Message: "the directory gave a person and a group with the same id in this read"})
		return nil
	}
	if !again {
		at = s.newPlace(e.Anchor, e.Kind == source.Group)
	}
	for _, k := range e.Keys {
		s.places.set(refOf(k), at)
	}
	if at.group {
		s.group(ctx, e, at.index)
		return nil
	}
	return s.user(ctx, e, at.index)
}

// placeOf finds who was given before with the same anchor.
func (s *snapshot) placeOf(anchor string) (place, bool) {
	if i := s.byAnchor.Find(anchor); i >= 0 {
		return place{index: i}, true
	}
	i, ok := s.anchors[anchor]
	return place{index: i, group: true}, ok
}

// newPlace makes room for a person or a group. An object that moves while it is
// read may come twice: then the later entry takes the place of the earlier.
func (s *snapshot) newPlace(anchor string, group bool) place {
	if group {
		at := int32(len(s.Groups)) //nolint:gosec // snapshots are far below 2^31
		s.Groups = append(s.Groups, plan.SeenGroup{})
		s.groups = append(s.groups, groupRecord{})
		s.open = append(s.open, nil)
		s.anchors[anchor] = at
		return place{index: at, group: true}
	}
	at := int32(len(s.Users)) //nolint:gosec // as above
	s.Users = append(s.Users, plan.Seen{Anchor: anchor})
	s.offset = append(s.offset, -1)
	s.byAnchor.Add(at)
	return place{index: at}
}

// name is what the directory calls a person, for the report; the anchor where
// not even that can be read back.
func (s *snapshot) name(i int32) string {
	if rec, err := s.record(i); err == nil {
		return rec.Name
	}
	return s.Users[i].Anchor
}

func (s *snapshot) user(ctx context.Context, e *source.Entry, index int32) error {
	seen := plan.Seen{Anchor: e.Anchor, Standing: plan.Failed}
	offset := int64(-1)
	if e.Problem == "" && e.OutOfScope != "" {
		seen.Standing = plan.OutOfScope
	} else if e.Problem == "" {
		p := s.source.Mapper.Map(e.Values, e.Disabled)
		switch {
		case len(p.Problems) > 0:
			s.problems(ctx, e, p.Problems)
		case !p.InScope:
			seen.Standing = plan.OutOfScope
		default:
			s.warnings(ctx, e, &p, index)
			var err error
			if offset, err = s.spool.put(&record{
				Name: e.Name, Marker: e.Marker, Attributes: p.Attributes, Enabled: p.Enabled,
				Kind: p.Kind, Department: p.Department, Contract: p.Contract,
			}); err != nil {
				return err
			}
			seen.Standing, seen.Enabled = plan.Mapped, p.Enabled
			seen.Name = s.nameHash(registry.Key(p.Attributes.First(registry.AttrUserName)))
			seen.Fingerprint = fingerprint(&p)
		}
	}
	s.Users[index], s.offset[index] = seen, offset
	return nil
}

// fingerprint covers everything a person's change would write.
func fingerprint(p *mapping.Person) registry.Fingerprint {
	return registry.FingerprintOf(p.Attributes, strconv.FormatBool(p.Enabled), string(p.Kind), p.Department, p.Contract)
}

// problems reports why an entry is of no use, one row an entry.
func (s *snapshot) problems(ctx context.Context, e *source.Entry, all []mapping.Problem) {
	item := registry.RunItem{Code: registry.Code(all[0].Code), Anchor: e.Anchor, Name: e.Name, Message: all[0].Message}
	for _, p := range all[1:] {
		item.Message += "; " + p.Message
	}
	s.report.failed(ctx, item)
}

// warnings reports values that were dropped, and addresses that two people
// share: such an address identifies neither.
func (s *snapshot) warnings(ctx context.Context, e *source.Entry, p *mapping.Person, index int32) {
	for _, w := range p.Warnings {
		s.report.warning(ctx, registry.RunItem{Code: registry.Code(w.Code), Anchor: e.Anchor, Name: e.Name, Message: w.Message})
	}
	for _, address := range p.Attributes[registry.AttrEmails] {
		h := s.nameHash(registry.Key(address))
		if other, ok := s.mails[h]; ok && other != index {
			s.report.warning(ctx, registry.RunItem{Code: CodeSharedMail, Anchor: e.Anchor, Name: e.Name,
				Message: fmt.Sprintf("%s is also the address of %s; it identifies neither", address, s.name(other))})
			continue
		}
		s.mails[h] = index
	}
}

func (s *snapshot) group(ctx context.Context, e *source.Entry, index int32) {
	seen := plan.SeenGroup{Anchor: e.Anchor, Failed: e.Problem != ""}
	rec := groupRecord{name: strings.Clone(e.Name), marker: strings.Clone(e.Marker)}
	if !seen.Failed {
		g := s.source.Mapper.MapGroup(e.Values)
		if len(g.Problems) > 0 {
			seen.Failed = true
			s.problems(ctx, e, g.Problems)
		}
		rec.displayName = strings.Clone(g.DisplayName) // as with the anchor
		seen.Fingerprint = registry.FingerprintOf(registry.Attributes{registry.AttrDisplayName: {g.DisplayName}})
	}
	var open []ref
	seen.Members = make([]int32, 0, len(e.Members))
	for _, k := range e.Members {
		r := refOf(k)
		if at, ok := s.places.find(r); ok && !at.group {
			seen.Members = append(seen.Members, at.index)
			continue
		}
		open = append(open, r)
	}
	s.Groups[index], s.groups[index], s.open[index] = seen, rec, open
}

// resolve finds the members that came later than their group: groups inside
// groups. What leads nowhere is outside what the source reads.
func (s *snapshot) resolve(ctx context.Context) {
	for i, open := range s.open {
		var lost int
		for _, r := range open {
			switch at, ok := s.places.find(r); {
			case !ok:
				lost++
			case at.group:
				s.Groups[i].Groups = append(s.Groups[i].Groups, at.index)
			default:
				s.Groups[i].Members = append(s.Groups[i].Members, at.index)
			}
		}
		if lost > 0 {
			s.report.warning(ctx, registry.RunItem{Code: CodeUnknownMembers, Anchor: s.Groups[i].Anchor, Name: s.groups[i].name,
				Message: fmt.Sprintf("%d of its members are not among the people and groups this source reads", lost)})
		}
	}
	s.open, s.places, s.anchors, s.mails = nil, nil, nil, nil // byAnchor is of use once more
}

// record fetches a person's record.
func (s *snapshot) record(i int32) (*record, error) {
	if s.offset[i] < 0 {
		return nil, errNoRecord
	}
	return s.spool.get(s.offset[i])
}

// errNoRecord: the person's entry was of no use.
var errNoRecord = errors.New("there is no record of this person")
