package entra

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// mostChanges is how many people or groups may have changed before reading
// everything is less work than reading them by id.
const mostChanges = 20_000

// told is what a round of changes says of users or of groups.
type told struct {
	there   map[string]bool   // to be read whole
	removed map[string]string // with the reason
}

func newTold() *told { return &told{map[string]bool{}, map[string]string{}} }

// named reports whether the round told anything of an object.
func (t *told) named(id string) bool { return t.there[id] || t.removed[id] != "" }

// noting gives what takes a page's objects in. Pages may come again, and who is
// told as removed and as there is asked for.
func noting[T object](r *reading, t *told) func([]T, func(any)) error {
	return func(page []T, keep func(any)) error {
		n := notes{Removed: map[string]string{}}
		for _, o := range page {
			id := strings.ToLower(deref(o.GetId()))
			if reason := removed(o.GetAdditionalData()); reason != "" {
				n.Removed[id] = reason
			} else if id != "" {
				n.There = append(n.There, id)
			}
		}
		keep(n)
		t.take(n)
		if len(t.there) > mostChanges {
			return noCursor("more than %d objects changed", mostChanges)
		}
		r.shown(len(page))
		return nil
	}
}

// rounds asks what changed since the cursor, and moves it on.
func (r *reading) rounds(ctx context.Context, c *cursor, people, groups *told) (err error) {
	if c.Groups != "" {
		first := request{link: c.Groups, minimal: true}
		if c.Groups, err = goOn(ctx, r, ofGroups, first, r.groupPage, noting[models.Groupable](r, groups)); err != nil {
			return err
		}
	}
	first := request{link: c.Users, minimal: true}
	c.Users, err = goOn(ctx, r, ofUsers, first, r.userPage, noting[models.Userable](r, people))
	return err
}

// changed are the rounds of changes, gone on with where an earlier read of the same
// was cut off, and then asked once more for what changed since.
func (r *reading) changed(ctx context.Context, c cursor) (_ cursor, people, groups *told, err error) {
	begin := func() { people, groups = newTold(), newTold() }
	err = r.resume(ctx, c.String(), begin, func(n round, body *gob.Decoder) error {
		var told notes
		if err := body.Decode(&told); err != nil {
			return fmt.Errorf("decode changes: %w", err)
		}
		if n == ofGroups {
			groups.take(told)
		} else {
			people.take(told)
		}
		return nil
	})
	if err != nil {
		return c, nil, nil, err
	}
	next := c
	err = r.rounds(ctx, &next, people, groups)
	if errors.Is(err, errStale) {
		begin()
		next, r.ahead = c, 0
		if err = r.drop(ctx); err == nil {
			err = r.rounds(ctx, &next, people, groups)
		}
	}
	if err == nil && r.trail.pages > 0 {
		r.wentOn()
		err = r.rounds(ctx, &next, people, groups)
	}
	return next, people, groups, err
}

// changes gives a scan: what changed since the cursor and what the caller wants to
// have again whole, and everybody else it holds as the same.
func (r *reading) changes(ctx context.Context) error {
	c, err := r.parseCursor(r.req.Cursor)
	if err != nil {
		return err
	}
	if r.scope, err = r.session.scope(ctx); err != nil {
		return err
	}
	if r.scope.hash() != c.Scope {
		return noCursor("other people are in the groups that limit the source")
	}
	c, people, groups, err := r.changed(ctx, c)
	if err != nil {
		return expiredCursor(err)
	}
	r.sum.Cursor = c.String()
	r.giving()
	if err := r.changedPeople(ctx, people); err != nil {
		return err
	}
	if r.scope.groups != nil {
		return r.wholeGroups(r.scope.groups)
	}
	return r.changedGroups(ctx, groups)
}

// same gives those whom the caller has as they are, and wants the others of those
// it holds.
func (r *reading) same(kind source.Kind, t *told) (err error) {
	r.req.Held(kind, func(anchor string) bool {
		switch {
		case t.named(anchor):
		case r.req.Known != nil && r.req.Known(kind, anchor, marker):
			err = r.give(source.Entry{Kind: kind, Anchor: anchor, Name: anchor, Keys: []string{anchor}, Marker: marker, Same: true})
		default:
			t.there[anchor] = true
		}
		return err == nil
	})
	return err
}

// expiredCursor makes of an expired link what a caller understands: ask for
// everything. Nothing has been given yet.
func expiredCursor(err error) error {
	if isExpired(err) {
		return registry.Errorf("read changes: %s: %s", source.ErrCursor, err)
	}
	return err
}

// changedPeople gives the people, those whole who changed or are wanted.
func (r *reading) changedPeople(ctx context.Context, t *told) error {
	if err := r.same(source.User, t); err != nil {
		return err
	}
	return r.toldPeople(ctx, t, r.give)
}

// toldPeople gives the people whom a round told of, whole.
func (r *reading) toldPeople(ctx context.Context, t *told, give func(source.Entry) error) error {
	err := r.fetch(ctx, sorted(t.there), func(e source.Entry) error {
		delete(t.there, e.Anchor)
		delete(t.removed, e.Anchor)
		return give(e)
	})
	if err != nil {
		return err
	}
	return r.missing(ctx, source.User, t)
}

// changedGroups gives the groups, those whole who changed or are wanted.
func (r *reading) changedGroups(ctx context.Context, t *told) error {
	if err := r.same(source.Group, t); err != nil {
		return err
	}
	whole := newGathering(&r.Source.groups)
	if err := r.toldGroups(ctx, t, whole); err != nil {
		return err
	}
	if err := r.wholeGroups(whole); err != nil {
		return err
	}
	return r.missing(ctx, source.Group, t)
}

// toldGroups gathers the groups that a round told of, whole.
func (r *reading) toldGroups(ctx context.Context, t *told, into *gathering) error {
	if err := r.limitedGroups(ctx, sorted(t.there), r.Source.groups.withMembers(), into); err != nil {
		return err
	}
	into.settle()
	maps.DeleteFunc(t.there, func(id string, _ bool) bool {
		g := into.groups[id]
		if g == nil || g.values == nil {
			return false
		}
		delete(t.removed, id)
		return true
	})
	return nil
}

// missing asks by name for those that were not found: who is not there is not
// given, and who is after all is given with a problem, because to leave him out
// could be taken for his absence.
func (r *reading) missing(ctx context.Context, kind source.Kind, t *told) error {
	var ask, late []string
	for _, id := range sorted(t.there) {
		if t.removed[id] == "" {
			ask = append(ask, id)
		}
	}
	var mu sync.Mutex
	err := together(ctx, ask, func(ctx context.Context, id string) error {
		there, err := r.exists(ctx, kind, id)
		if there {
			mu.Lock()
			defer mu.Unlock()
			late = append(late, id)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, reason := range t.removed {
		r.gone(reason)
	}
	slices.Sort(late)
	for _, id := range late {
		if err := r.give(troubled(kind, id, registry.Say("Graph told of a change and did not show the object yet"))); err != nil {
			return err
		}
	}
	return nil
}

// troubled is somebody of whom nothing is known but a problem. The marker has the
// caller look again the next time.
func troubled(kind source.Kind, id string, problem registry.Said) source.Entry {
	return source.Entry{Kind: kind, Anchor: id, Name: id, Keys: []string{id}, Marker: marker, Problem: problem}
}
