package entra

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/google/uuid"
	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"github.com/usherd/usher/internal/source"
)

// mostChanges is how many people may have changed before reading everybody is
// less work than reading them by id.
const mostChanges = 20_000

// round is what a round of changes named, before anything was given.
type round struct {
	people  map[string]bool   // to be read whole
	removed map[string]string // the reason
	wanted  map[source.Kind]map[string]bool
	groups  *gathering
	// newcomers are people whom the caller does not have: the groups they were in
	// before they came into scope are not told again.
	newcomers []string
}

// changes reads what changed since the cursor.
func (r *reading) changes(ctx context.Context, req source.Request) error {
	r.sum.Delta = req.Held == nil
	c, err := r.parseCursor(req.Cursor)
	if err != nil {
		return err
	}
	if r.scope, err = r.session.scope(ctx); err != nil {
		return err
	}
	if r.scope.hash() != c.Scope {
		return noCursor("other people are in the groups that limit the source")
	}
	n := &round{people: map[string]bool{}, removed: map[string]string{}, groups: newGathering(&r.Source.groups),
		wanted: map[source.Kind]map[string]bool{source.User: {}, source.Group: {}}}
	if c.Groups != "" {
		if c.Groups, err = follow(ctx, r.session, request{link: c.Groups, minimal: true}, r.groupPage, n.groups.take); err != nil {
			return expiredCursor(err)
		}
	}
	if c.Users, err = follow(ctx, r.session, request{link: c.Users, minimal: true}, r.userPage, n.take); err != nil {
		return expiredCursor(err)
	}
	if req.Wanted != nil {
		req.Wanted(func(kind source.Kind, anchor string) bool {
			n.wanted[kind][anchor] = true
			return true
		})
	}
	if err := r.sameAs(req, source.User, n); err != nil {
		return err
	}
	if err := r.changedPeople(ctx, n, req); err != nil {
		return err
	}
	switch {
	case r.scope.groups != nil:
		err = r.wholeGroups(r.scope.groups)
	default:
		if err = r.sameAs(req, source.Group, n); err == nil {
			err = r.changedGroups(ctx, n)
		}
	}
	r.sum.Cursor = c.String()
	return err
}

// sameAs gives those whom the caller has as they are, and wants the others of
// those it holds. In a scan a group that changed is wanted too: a scan knows no
// parts.
func (r *reading) sameAs(req source.Request, kind source.Kind, n *round) (err error) {
	if req.Held == nil {
		return nil
	}
	if kind == source.Group {
		for id, g := range n.groups.groups {
			if g.values != nil || len(g.edges) > 0 {
				n.wanted[kind][id] = true
			}
		}
	}
	req.Held(kind, func(anchor string) bool {
		switch {
		case n.named(kind, anchor):
		case req.Known != nil && req.Known(kind, anchor, marker):
			err = r.give(source.Entry{Kind: kind, Anchor: anchor, Name: anchor, Keys: []string{anchor}, Marker: marker, Same: true})
		default:
			n.wanted[kind][anchor] = true
		}
		return err == nil
	})
	return err
}

// named reports whether the round told anything of an object, or it is wanted.
func (n *round) named(kind source.Kind, anchor string) bool {
	if n.wanted[kind][anchor] {
		return true
	}
	if kind == source.Group {
		return n.groups.groups[anchor] != nil
	}
	return n.people[anchor] || n.removed[anchor] != ""
}

// expiredCursor makes of an expired link what a caller understands: ask for
// everything. Nothing has been given yet.
func expiredCursor(err error) error {
	if isExpired(err) {
		return fmt.Errorf("read changes: %w: %w", source.ErrCursor, err)
	}
	return err
}

// take notes whom a page names.
func (n *round) take(page []models.Userable) error {
	for _, u := range page {
		id := deref(u.GetId())
		if reason := removed(u.GetAdditionalData()); reason != "" {
			n.removed[lower(id)] = reason
		} else if id != "" {
			n.people[lower(id)] = true
		}
	}
	if len(n.people) > mostChanges {
		return noCursor(fmt.Sprintf("more than %d people changed", mostChanges))
	}
	return nil
}

// changedPeople reads the changed and the wanted people whole. Whoever is told
// as removed and as there is asked for.
func (r *reading) changedPeople(ctx context.Context, n *round, req source.Request) error {
	for id := range n.wanted[source.User] {
		n.people[id] = true
	}
	err := r.fetch(ctx, sorted(n.people), func(e source.Entry) error {
		delete(n.people, e.Anchor)
		delete(n.removed, e.Anchor)
		if req.Held == nil && e.OutOfScope == "" && (req.Has == nil || !req.Has(e.Anchor)) {
			n.newcomers = append(n.newcomers, e.Anchor)
		}
		return r.give(e)
	})
	if err != nil {
		return err
	}
	if err := r.missing(ctx, source.User, n.people, n.removed); err != nil {
		return err
	}
	for _, id := range sorted(n.removed) {
		if err := r.gone(source.User, id, n.removed[id]); err != nil {
			return err
		}
	}
	return nil
}

// missing asks by name for those that were not found: who is not there is added
// to removed, and who is after all is given with a problem, because to leave him
// out could be taken for his absence.
func (r *reading) missing(ctx context.Context, kind source.Kind, left map[string]bool, removed map[string]string) error {
	var ask, late []string
	for _, id := range sorted(left) {
		if removed[id] == "" {
			ask = append(ask, id)
		}
	}
	var mu sync.Mutex
	err := together(ctx, ask, func(ctx context.Context, id string) error {
		there, err := r.exists(ctx, kind, id)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			return err
		case there:
			late = append(late, id)
		default:
			removed[id] = "changed"
		}
		return nil
	})
	slices.Sort(late)
	for i := 0; i < len(late) && err == nil; i++ {
		err = r.give(source.Entry{Kind: kind, Anchor: late[i], Name: late[i], Keys: []string{late[i]},
			Problem: "Graph told of a change and did not show the object yet"})
	}
	return err
}

// changedGroups gives what groups gained and lost, and the wanted ones whole.
func (r *reading) changedGroups(ctx context.Context, n *round) error {
	n.groups.settle()
	if err := r.joinNewcomers(ctx, n); err != nil {
		return err
	}
	n.groups.settle()
	partly, whole := newGathering(&r.Source.groups), newGathering(&r.Source.groups)
	wanted, left, removed := n.wanted[source.Group], map[string]bool{}, map[string]string{}
	for id := range wanted {
		n.groups.get(id)
	}
	for id, g := range n.groups.groups {
		left[id] = true
		if g.reason != "" {
			removed[id] = g.reason
		}
	}
	var ids []string
	for _, id := range sorted(left) {
		if g := n.groups.groups[id]; !wanted[id] && (g.values != nil || len(g.edges) > 0) {
			ids = append(ids, id)
		}
	}
	if err := r.limitedGroups(ctx, ids, r.Source.groups.sel, partly); err != nil {
		return err
	}
	if err := r.limitedGroups(ctx, sorted(wanted), r.Source.groups.withMembers(), whole); err != nil {
		return err
	}
	whole.settle()
	for _, id := range sorted(left) {
		e, ok := r.changedGroup(id, n.groups.groups[id], partly.groups[id], whole.groups[id])
		if !ok {
			continue
		}
		delete(left, id)
		delete(removed, id)
		if err := r.give(e); err != nil {
			return err
		}
	}
	r.others += n.groups.others
	return r.lostGroups(ctx, left, removed)
}

// changedGroup makes the entry of a group that is there.
func (r *reading) changedGroup(id string, told, partly, whole *gathered) (source.Entry, bool) {
	if whole != nil && whole.values != nil {
		return r.wholeGroup(id, whole), true
	}
	if partly == nil || partly.values == nil {
		return source.Entry{}, false
	}
	e := groupEntry(id, partly.values)
	e.Partial, e.AddedMembers, e.RemovedMembers = true, told.keys(false), told.keys(true)
	if r.unreadable(partly.values, len(e.AddedMembers)) {
		r.hiding++
	}
	return e, true
}

// lostGroups gives the groups that went.
func (r *reading) lostGroups(ctx context.Context, left map[string]bool, removed map[string]string) error {
	if err := r.missing(ctx, source.Group, left, removed); err != nil {
		return err
	}
	for _, id := range sorted(removed) {
		if err := r.gone(source.Group, id, removed[id]); err != nil {
			return err
		}
	}
	return nil
}

// joinNewcomers adds people new to the caller to the groups they are in.
func (r *reading) joinNewcomers(ctx context.Context, n *round) error {
	var mu sync.Mutex
	return together(ctx, n.newcomers, func(ctx context.Context, id string) error {
		in, err := r.memberships(ctx, id)
		if err != nil {
			return err
		}
		member, err := uuid.Parse(id)
		if err != nil {
			return nil // such an id is in no group
		}
		mu.Lock()
		defer mu.Unlock()
		for _, group := range in {
			g := n.groups.get(group.String())
			g.edges = append(g.edges, edge{id: member})
		}
		return nil
	})
}
