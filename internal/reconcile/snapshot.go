package reconcile

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// snapshot gathers a read: what the plan needs in memory, whole records on disk.
type snapshot struct {
	plan.Snapshot
	spool  *spool
	source *Source
	report *report
	counts *registry.Counts
	seed   maphash.Seed
	// said are the report rows of this read: who is given twice is told of once.
	said map[uint64]bool
	// writes are the source's ways to write attributes, in words.
	writes string
	// managers are the references to managers, until all are read.
	managers []managerRef
	// candidates are whom the join rules found for somebody ambiguous.
	candidates map[int32][]registry.Candidate

	offset   []int64  // of each person's record, -1 for one without
	how      []how    // each person was given
	markers  []uint64 // hashes of the change markers of those read whole
	stamps   []uint64 // and of what their links should say
	named    map[ref][]int32
	outside  map[string]string // markers of those read whole and out of scope
	sames    []registry.UserID // who was not read whole, 0 for everybody else
	known    bool              // the read went by markers
	unsure   []int32           // people of whom the next run must know more
	lacking  map[int32]bool    // people who name a manager that was not there
	fetched  int64             // entries read whole
	groups   []groupRecord
	places   *table[ref, place]    // where refs lead
	byAnchor *plan.Index[string]   // of people
	anchors  map[string]int32      // of groups
	mails    *table[uint64, int32] // who has an address
	open     [][]ref               // per group: members not yet found
	openSaid []map[ref]string      // and how the group names the first of them
	// twins are those whom a directory of another kind owns.
	twins map[int32]bool
	// blind counts entries without an id: any of them may be somebody who would
	// otherwise count as missing.
	blind int
}

// how says in what way a person was given.
type how uint8

const (
	// sameLink: not read whole, because the link knows them at this marker.
	sameLink how = 1 << iota
	// sameMark: not read whole, because they were out of scope at this marker.
	sameMark
	// doubted: what the link says is not what the registry has, and no scan may
	// take it for that.
	doubted
)

// groupRecord is what a group's change needs beyond the plan.
type groupRecord struct {
	name, marker, displayName string
	// same is true for a group that was not read whole.
	same bool
	// open is true for a group that has members who are no people of this read,
	// so that its own marker does not tell who is in it.
	open bool
	// doubted is true for one whose members could not be made right.
	doubted bool
	// had is what its link said.
	had  stamp
	role registry.GroupRole
}

func newSnapshot(src *Source, sp *spool, rep *report, counts *registry.Counts) *snapshot {
	s := &snapshot{
		spool: sp, source: src, report: rep, counts: counts, seed: maphash.MakeSeed(),
		writes: writeWords(src.Write), places: newTable[ref, place](), anchors: map[string]int32{}, mails: newTable[uint64, int32](),
		named: map[ref][]int32{}, outside: map[string]string{}, said: map[uint64]bool{}, lacking: map[int32]bool{},
	}
	s.byAnchor = plan.NewIndex(0, func(i int32) string { return s.Users[i].Anchor })
	return s
}

// short is a text in eight bytes, equal when texts are, within this run.
func (s *snapshot) short(key string) uint64 { return maphash.String(s.seed, key) }

// readError is around whatever ended the reading.
type readError struct{ error }

// Unwrap gives the reason.
func (e readError) Unwrap() error { return e.error }

// giver gives entries as source.Source.Read does.
type giver func(context.Context, source.Request, func(source.Entry) error) (source.Summary, error)

// read takes in everything the giver gives. k says what of it may come without
// being read whole, nil for nothing.
func (s *snapshot) read(ctx context.Context, k *known, give giver, cursor string, progress func(done int64)) (source.Summary, error) {
	var ahead, most int64
	show := func() {
		most = max(most, s.counts.Users+s.counts.Groups+ahead)
		progress(most)
	}
	req := source.Request{Progress: func(n int64) {
		ahead = n
		show()
	}}
	if s.known = k != nil; s.known {
		s.expect(len(k.people) + len(k.marks))
		req.Cursor, req.Known, req.Held = cursor, k.knows, k.held
	}
	sum, err := give(ctx, req, func(e source.Entry) error {
		if (s.counts.Users+s.counts.Groups)%100 == 0 {
			show()
		}
		return s.entry(ctx, &e, k)
	})
	if err != nil {
		return sum, readError{err}
	}
	if s.known && k.err != nil {
		return sum, k.err
	}
	if err := s.spool.seal(); err != nil {
		return sum, err
	}
	if sum.Complete && s.blind > 0 {
		sum.Complete = false
		sum.Incomplete = registry.Say("%d entries came without an id, so an absence proves nothing; let the reading account see the id attribute", s.blind)
	}
	s.Complete = sum.Complete
	s.resolve(ctx)
	return sum, nil
}

func (s *snapshot) entry(ctx context.Context, e *source.Entry, k *known) error {
	if e.Problem != "" {
		s.tell(ctx, s.report.failed, registry.RunItem{Code: cmp.Or(registry.Code(e.Code), CodeBadEntry), Anchor: e.Anchor, Name: e.Name, Message: e.Problem})
	}
	if !e.Same {
		s.fetched++
	}
	if e.Anchor == "" {
		s.count(e.Kind)
		s.blind++
		return nil
	}
	e.Anchor = strings.Clone(e.Anchor) // the source's strings share memory with a whole page
	at, again := s.placeOf(e.Anchor)
	if again && at.group != (e.Kind == source.Group) {
		s.report.failed(ctx, registry.RunItem{Code: CodeDuplicateAnchor, Anchor: e.Anchor, Name: e.Name,
			Message: registry.Say("the directory gave a person and a group with the same id in this read")})
		return nil
	}
	if !again {
		s.count(e.Kind)
		at = s.newPlace(e.Anchor, e.Kind == source.Group)
	}
	refs := make([]ref, len(e.Keys))
	for i, key := range e.Keys {
		refs[i] = refOf(key)
		s.places.set(refs[i], at)
	}
	if at.group {
		s.group(ctx, e, at.index)
		return nil
	}
	keys := keysOf(refs)
	for _, group := range e.MemberOf {
		s.named[refOf(group)] = append(s.named[refOf(group)], at.index)
	}
	if k != nil {
		k.saw(e.Anchor, keys, e.Same)
	}
	if e.Same {
		return s.same(e, at.index, keys, k)
	}
	return s.user(ctx, e, at.index, keys)
}

func (s *snapshot) count(kind source.Kind) {
	if kind == source.User {
		s.counts.Users++
	} else {
		s.counts.Groups++
	}
}

// same takes in somebody who was not read whole.
func (s *snapshot) same(e *source.Entry, index int32, keys uint64, k *known) error {
	x := &s.Users[index]
	*x, s.offset[index], s.sames[index] = plan.Seen{Anchor: e.Anchor}, -1, 0
	i := int32(-1)
	if k != nil {
		i = k.person(e.Anchor, e.Marker)
	}
	switch {
	case i >= 0:
		p := &k.people[i]
		x.Standing, x.Name, x.Enabled, x.Foreign = plan.Mapped, p.name, p.enabled, p.foreign
		s.how[index], s.sames[index] = sameLink, p.user
		if p.keys != keys { // moved together with a parent
			at, err := s.spool.put(&record{Name: e.Name, Marker: stamp{marker: e.Marker, keys: keys, rest: p.name, lacks: p.lacks}.String()})
			s.offset[index] = at
			return err
		}
	case k != nil && k.marked(e.Anchor, e.Marker):
		x.Standing, s.how[index] = plan.OutOfScope, sameMark
	default:
		return fmt.Errorf("%w: %s was not given whole though nothing is known of it", source.ErrProtocol, e.Name)
	}
	return nil
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
		s.open, s.openSaid = append(s.open, nil), append(s.openSaid, nil)
		s.anchors[anchor] = at
		return place{index: at, group: true}
	}
	at := int32(len(s.Users)) //nolint:gosec // as above
	s.Users = append(s.Users, plan.Seen{Anchor: anchor})
	s.offset = append(s.offset, -1)
	s.how, s.markers, s.stamps = append(s.how, 0), append(s.markers, 0), append(s.stamps, 0)
	s.sames = append(s.sames, 0)
	s.byAnchor.Add(at)
	return place{index: at}
}

// expect makes room for as many people as there were last time: lists that grow
// are copied again and again, and the last copy is made when memory is scarcest.
func (s *snapshot) expect(people int) {
	people += people / 64
	s.Users, s.offset, s.sames = slices.Grow(s.Users, people), slices.Grow(s.offset, people), slices.Grow(s.sames, people)
	s.how, s.markers, s.stamps = slices.Grow(s.how, people), slices.Grow(s.markers, people), slices.Grow(s.stamps, people)
	s.places.grow(people)
}

// name is what the directory calls a person, for the report; the anchor where
// not even that can be read back.
func (s *snapshot) name(i int32) string {
	if rec, err := s.record(i); err == nil {
		return rec.Name
	}
	return s.Users[i].Anchor
}

func (s *snapshot) user(ctx context.Context, e *source.Entry, index int32, keys uint64) error {
	s.Users[index], s.offset[index], s.how[index] = plan.Seen{Anchor: e.Anchor, Standing: plan.Failed}, -1, 0
	s.markers[index], s.sames[index] = s.short(e.Marker), 0
	delete(s.outside, e.Anchor)
	if e.Problem != "" {
		return nil
	}
	if e.OutOfScope != "" {
		s.leaveOut(e, index)
		return nil
	}
	p := s.source.Mapper.Map(e.Values, e.Disabled)
	switch {
	case len(p.Problems) > 0:
		s.problems(ctx, e, p.Problems)
	case !p.InScope:
		s.leaveOut(e, index)
	default:
		s.warnings(ctx, e, &p, index)
		return s.mapped(e, &p, index, keys)
	}
	return nil
}

// leaveOut takes in somebody who does not belong to the source.
func (s *snapshot) leaveOut(e *source.Entry, index int32) {
	s.Users[index].Standing = plan.OutOfScope
	if e.Marker != "" && e.RecheckAt.IsZero() {
		s.outside[e.Anchor] = strings.Clone(e.Marker)
	}
}

// mapped takes in somebody who is in scope and valid.
func (s *snapshot) mapped(e *source.Entry, p *mapping.Person, index int32, keys uint64) (err error) {
	name := registry.Key(p.Attributes.First(registry.AttrUserName))
	rec := record{
		Name: e.Name, Marker: stamp{marker: e.Marker, keys: keys, rest: hashed(name)}.String(), Attributes: p.Attributes, Enabled: p.Enabled,
		Kind: p.Kind, Department: p.Department, Contract: p.Contract, RecheckAt: e.RecheckAt,
		Protected: p.Protected, Join: p.Join, Twin: e.Twin,
	}
	x := &s.Users[index]
	x.Standing, x.Enabled, x.Name, x.Fingerprint = plan.Mapped, p.Enabled, hashed(name), s.fingerprint(p, e.Twin)
	s.manager(e, index)
	s.stamps[index] = s.short(rec.Marker)
	s.offset[index], err = s.spool.put(&rec)
	return err
}

// fingerprint covers everything a person's change would write, and how.
func (s *snapshot) fingerprint(p *mapping.Person, twin string) registry.Fingerprint {
	facts := []string{strconv.FormatBool(p.Enabled), string(p.Kind), p.Department, p.Contract}
	if p.Protected {
		facts = append(facts, "protected")
	}
	if s.source.Write != nil {
		facts = append(facts, "write", s.writes)
	}
	if twin != "" {
		facts = append(facts, "twin", twin)
	}
	return registry.FingerprintOf(p.Attributes, facts...)
}

// problems reports why an entry is of no use, one row an entry.
func (s *snapshot) problems(ctx context.Context, e *source.Entry, all []mapping.Problem) {
	item := registry.RunItem{Code: registry.Code(all[0].Code), Anchor: e.Anchor, Name: e.Name, Message: all[0].Said()}
	for _, p := range all[1:] {
		item.Message = registry.Join([]registry.Said{item.Message, p.Said()}, "; ")
	}
	s.tell(ctx, s.report.failed, item)
}

// tell reports something about an entry, once however often it is given.
func (s *snapshot) tell(ctx context.Context, report func(context.Context, registry.RunItem), item registry.RunItem) {
	key := s.short(item.Anchor + "\x00" + string(item.Code) + "\x00" + string(item.Message))
	if item.Anchor == "" || !s.said[key] {
		s.said[key] = true
		report(ctx, item)
	}
}

// warnings reports values that were dropped, and addresses that two people
// share: such an address identifies neither.
func (s *snapshot) warnings(ctx context.Context, e *source.Entry, p *mapping.Person, index int32) {
	for _, w := range p.Warnings {
		s.tell(ctx, s.report.warning, registry.RunItem{Code: registry.Code(w.Code), Anchor: e.Anchor, Name: e.Name, Message: w.Said()})
	}
	for _, address := range p.Attributes[registry.AttrEmails] {
		h := s.short(registry.Key(address))
		if other, ok := s.mails.find(h); ok && other != index {
			s.tell(ctx, s.report.warning, registry.RunItem{Code: CodeSharedMail, Anchor: e.Anchor, Name: e.Name,
				Message: registry.Say("%s is also the address of %s; it identifies neither", address, s.name(other))})
			continue
		}
		s.mails.set(h, index)
	}
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
