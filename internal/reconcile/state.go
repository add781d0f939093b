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
	// refresh are people as they should be whose link is not up to date.
	refresh []refresh
	// before is the company's newest change when the read began, and during are the
	// people who were changed since: what was read of them is older than what the
	// registry has.
	before int64
	during map[registry.UserID]bool
	// places are where people of the registry are in the snapshot; of use only
	// while the state is loaded.
	places []personPlace
}

// refresh is somebody whose link gets the stamp of this read. rest is for one
// that was not read whole.
type refresh struct {
	seen int32
	rest uint64
}

type personPlace struct {
	user registry.UserID
	seen int32
}

// loadState reads what the registry has from this source.
func (r *run) loadState(ctx context.Context) (*plan.State, error) {
	// There may be a million, most of whom are the same every night: of those
	// only the keys are kept.
	out := plan.State{Same: make([]registry.UserID, len(r.snap.Users)), Managers: r.roomForManagers()}
	r.versions, r.during = map[registry.UserID]int64{}, map[registry.UserID]bool{}
	err := r.ledger.ChangedSince(ctx, r.before, func(id registry.UserID) error {
		r.during[id] = true
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load changes made meanwhile: %w", err)
	}
	var few []string // those whom a run about single people is about
	if r.only != nil {
		for i := range r.snap.Users {
			few = append(few, r.snap.Users[i].Anchor)
		}
		if len(few) == 0 {
			return &out, nil
		}
	}
	recent := map[registry.UserID]bool{} // tied to the source meanwhile
	err = r.ledger.LinkedUsers(ctx, r.src.State.Origin.ID, func(l registry.LinkedUser) error {
		if r.during[l.User] && !l.Deleted && r.snap.byAnchor.Find(l.Anchor) < 0 {
			recent[l.User] = true // nobody can be missing who was not there yet
		} else {
			r.linked(ctx, &out, &l)
		}
		return nil
	}, few...)
	r.snap.byAnchor = nil
	if err != nil {
		return nil, fmt.Errorf("load people of the source: %w", err)
	}
	if few != nil {
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

// linked takes in one person tied to the source.
func (r *run) linked(ctx context.Context, out *plan.State, l *registry.LinkedUser) {
	k := plan.Known{
		Anchor: l.Anchor, User: l.User, Fingerprint: l.Fingerprint, Name: r.snap.nameHash(l.NameKey),
		MissingSince: l.MissingSince, Owned: l.Owned, Enabled: l.Enabled, Deleted: l.Deleted, Protected: l.Protected,
	}
	i := r.snap.byAnchor.Find(l.Anchor)
	noteManager(out, i, l)
	if i >= 0 {
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
			r.report.skipped(ctx, registry.RunItem{Code: CodeChangedMeanwhile, Anchor: l.Anchor, Name: r.snap.name(i), User: l.User, Message: meanwhile})
		}
		if s, ok := parseStamp(l.Marker); ok && clean(l, s, r.row.StartedAt) && r.snap.markers[i] == r.snap.nameHash(s.marker) {
			r.snap.how[i] |= doubted
		}
	}
	r.versions[k.User] = l.Version
	out.Users = append(out.Users, k)
}

// meanwhile is the text of CodeChangedMeanwhile.
const meanwhile = "somebody else changed the record while the source was read; the next run looks at it again"

// unchanged reports whether there is nothing to do about somebody, and notes
// where the link should say what this read saw.
func (r *run) unchanged(i int32, k *plan.Known, l *registry.LinkedUser) bool {
	x := &r.snap.Users[i]
	if r.snap.how[i]&sameLink == 0 {
		if !x.Same(k) {
			return false
		}
		due := !l.RecheckAt.IsZero() && !l.RecheckAt.After(r.row.StartedAt)
		if due || r.snap.stamps[i] != r.snap.nameHash(l.Marker) {
			r.refresh = append(r.refresh, refresh{seen: i})
		}
		return true
	}
	s, ok := parseStamp(l.Marker)
	if !ok || !clean(l, s, r.row.StartedAt) {
		return false
	}
	x.Standing, x.Enabled, x.Name, x.Fingerprint = plan.Mapped, k.Enabled, k.Name, k.Fingerprint
	if r.snap.offset[i] >= 0 {
		r.refresh = append(r.refresh, refresh{i, s.rest})
	}
	return true
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
