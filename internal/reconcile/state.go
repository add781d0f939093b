package reconcile

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// state is what a run gathers about the registry beside the plan's own.
type state struct {
	groups []plan.KnownGroup // once loaded
	// versions are those of the people whom the plan may change.
	versions map[registry.UserID]int64
	// refresh are people as they should be whose link gets the stamp of this read.
	refresh []int32
	// absent are the anchors of people whom the read did not show and whose link
	// still says that they are as last told.
	absent []string
	// before is the company's newest change when the read began, and during are the
	// people who were changed since: what was read of them is older than what the
	// registry has.
	before int64
	during map[registry.UserID]bool
	// places are where people of the registry are in the snapshot; of use only
	// while the state is loaded.
	places []personPlace
}

type personPlace struct {
	user registry.UserID
	seen int32
}

// loadState reads what the registry has from this source.
func (r *run) loadState(ctx context.Context) (*plan.State, error) {
	// There may be a million, most of whom are the same every night: of those
	// only the keys are kept.
	out := plan.State{Same: r.snap.sames, Managers: r.roomForManagers()}
	r.versions, r.during = map[registry.UserID]int64{}, map[registry.UserID]bool{}
	err := r.ledger.ChangedSince(ctx, r.before, func(id registry.UserID) error {
		r.during[id] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load changes made meanwhile: %w", err)
	}
	r.unread()
	recent := map[registry.UserID]bool{} // tied to the source meanwhile
	err = r.linkedUsers(ctx, func(l registry.LinkedUser) error {
		r.noteAbsent(&l)
		if r.during[l.User] && !l.Deleted && r.snap.byAnchor.Find(l.Anchor) < 0 {
			recent[l.User] = true // nobody can be missing who was not there yet
		} else {
			r.linked(ctx, &out, &l)
		}
		return nil
	})
	r.snap.byAnchor, r.known = nil, nil
	if err != nil {
		return nil, fmt.Errorf("load people of the source: %w", err)
	}
	if r.only != nil { // a run about single people changes no group
		return &out, nil
	}
	if out.Groups, err = r.knownGroups(ctx); err != nil {
		return nil, err
	}
	r.keepGroups(out.Groups)
	for i := range out.Groups {
		g := &out.Groups[i]
		g.Users = slices.DeleteFunc(g.Users, func(id registry.UserID) bool { return recent[id] })
	}
	return &out, nil
}

// unread takes in those who were not read whole, of whom the ledger need not be
// asked again unless somebody changed them meanwhile.
func (r *run) unread() {
	for i, id := range r.snap.sames {
		switch at := int32(i); {
		case id == 0:
		case r.during[id]:
			r.snap.sames[i] = 0
		default:
			r.places = append(r.places, personPlace{id, at})
			if r.snap.offset[i] >= 0 {
				r.refresh = append(r.refresh, at)
			}
		}
	}
}

// linkedUsers asks the ledger for everybody, or only for the few who matter.
func (r *run) linkedUsers(ctx context.Context, fn func(registry.LinkedUser) error) error {
	const few = 4 // one in so many costs no more than everybody
	origin := r.src.State.Origin.ID
	if r.only != nil {
		anchors := make([]string, len(r.snap.Users))
		for i := range r.snap.Users {
			anchors[i] = r.snap.Users[i].Anchor
		}
		if len(anchors) == 0 {
			return nil
		}
		return r.ledger.LinkedUsers(ctx, origin, fn, anchors...)
	}
	if r.known != nil {
		if ids := r.known.others(r.during); len(ids)*few < len(r.known.people) {
			return r.ledger.LinkedUsersAmong(ctx, origin, ids, fn)
		}
	}
	return r.ledger.LinkedUsers(ctx, origin, fn)
}

// linked takes in one person tied to the source.
func (r *run) linked(ctx context.Context, out *plan.State, l *registry.LinkedUser) {
	k := plan.Known{
		Anchor: l.Anchor, User: l.User, Fingerprint: l.Fingerprint, Name: hashed(l.NameKey),
		MissingSince: l.MissingSince, Owned: l.Owned, Enabled: l.Enabled, Deleted: l.Deleted, Protected: l.Protected, Privileged: l.Privileged,
	}
	i := r.snap.byAnchor.Find(l.Anchor)
	noteManager(out, i, l)
	if i >= 0 {
		if out.Same[i] != 0 {
			return
		}
		if r.snap.known {
			r.places = append(r.places, personPlace{l.User, i})
		}
		if r.unchanged(i, &k, l) {
			out.Same[i] = k.User
			return
		}
		x := &r.snap.Users[i]
		if r.snap.how[i]&sameLink != 0 || r.during[l.User] && x.Standing == plan.Mapped {
			x.Standing = plan.Failed
			r.report.skipped(ctx, registry.RunItem{Code: CodeChangedMeanwhile, Anchor: l.Anchor, Name: r.snap.name(i), User: l.User, Message: registry.Say(meanwhile)})
		}
		if s, ok := parseStamp(l.Marker); ok && clean(l, s, r.row.StartedAt) && r.snap.markers[i] == r.snap.short(s.marker) {
			r.snap.how[i] |= doubted
		}
	}
	r.versions[k.User] = l.Version
	out.Users = append(out.Users, k)
}

// noteAbsent notes somebody whom the read did not show. Where this run can make
// nothing of it (they were changed meanwhile), a directory that tells of changes
// only must be asked for them again.
func (r *run) noteAbsent(l *registry.LinkedUser) {
	if r.only != nil || l.Deleted || r.snap.byAnchor.Find(l.Anchor) >= 0 {
		return
	}
	if s, ok := parseStamp(l.Marker); ok && s.marker != "" {
		r.absent = append(r.absent, l.Anchor)
	}
}

// meanwhile is the text of CodeChangedMeanwhile.
const meanwhile registry.Format = "somebody else changed the record while the source was read; the next run looks at it again"

// unchanged reports whether there is nothing to do about somebody, and notes
// where the link should say what this read saw.
func (r *run) unchanged(i int32, k *plan.Known, l *registry.LinkedUser) bool {
	x := &r.snap.Users[i]
	if r.snap.how[i]&sameLink == 0 {
		if !x.Same(k) {
			return false
		}
		x.Foreign = !k.Owned
		due := !l.RecheckAt.IsZero() && !l.RecheckAt.After(r.row.StartedAt)
		if due || r.snap.stamps[i] != r.snap.short(l.Marker) {
			r.refresh = append(r.refresh, i)
		}
		return true
	}
	s, ok := parseStamp(l.Marker)
	return ok && clean(l, s, r.row.StartedAt) && x.Name == k.Name && x.Enabled == k.Enabled
}

// knownGroups reads the source's groups with their members. Nobody else changes
// what this source asserts, so that one reading does for the whole run.
func (r *run) knownGroups(ctx context.Context) ([]plan.KnownGroup, error) {
	if r.groups != nil {
		return r.groups, nil
	}
	origin := r.src.State.Origin.ID
	groups, at := []plan.KnownGroup{}, map[registry.GroupID]int{}
	err := r.ledger.LinkedGroups(ctx, origin, func(l registry.LinkedGroup) error {
		at[l.Group] = len(groups)
		groups = append(groups, plan.KnownGroup{LinkedGroup: l})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load groups of the source: %w", err)
	}
	if r.src.List {
		if groups, err = r.namesakes(ctx, groups, at); err != nil {
			return nil, err
		}
	}
	err = r.ledger.Memberships(ctx, origin, func(m registry.Membership) error {
		i, ok := at[m.Group]
		if !ok {
			return nil // a group this source has no link to
		}
		if g := &groups[i]; m.User != 0 {
			g.Users = append(g.Users, m.User)
		} else {
			g.Groups = append(g.Groups, m.MemberGroup)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load members of the source: %w", err)
	}
	r.groups = groups
	return groups, nil
}

// keepGroups gives the groups that were not read whole the members they have.
func (r *run) keepGroups(groups []plan.KnownGroup) {
	slices.SortFunc(r.places, func(a, b personPlace) int { return cmp.Compare(a.user, b.user) })
	at := make(map[string]int, len(groups))
	for i := range groups {
		at[groups[i].Anchor] = i
	}
	for i := range r.snap.Groups {
		rec, g := &r.snap.groups[i], &r.snap.Groups[i]
		k, ok := at[g.Anchor]
		if ok {
			rec.had, _ = parseStamp(groups[k].Marker)
		}
		switch {
		case !rec.same:
		case !ok:
			g.Failed = true // unlinked since the read began
		default:
			g.Fingerprint = groups[k].Fingerprint
			for _, id := range groups[k].Users {
				n, found := slices.BinarySearchFunc(r.places, id, func(p personPlace, id registry.UserID) int { return cmp.Compare(p.user, id) })
				if found {
					g.Members = append(g.Members, r.places[n].seen)
				}
			}
		}
	}
	r.places = nil
}
