package entra

import (
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/microsoftgraph/msgraph-sdk-go/models"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// The Source implements the contract.
var _ source.Source = (*Source)(nil)

// cursor is where a read ended: the links to the next rounds, and what they are
// for. Links of other settings would tell other properties.
type cursor struct {
	Settings string `json:"settings"`
	Users    string `json:"users"`
	// Groups is empty where the source is limited to groups, and Scope says then
	// who was in them.
	Groups string `json:"groups,omitempty"`
	Scope  string `json:"scope,omitempty"`
}

// cursorFormat changes when entries mean something else by a new version of
// this package, so that everything is read whole once.
const cursorFormat = 1

// settings identifies what is read. The permission to see hidden members is part
// of it: once it is granted, they have to be read for the first time.
func (s *session) settings() string {
	hidden, _ := s.claims.may(readHidden.name)
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%d %q %q %q %q %q %q %v %v", cursorFormat, s.graph.String(), s.cfg.TenantID,
		s.Source.users.sel, s.Source.groups.sel, s.cfg.UserTypes, s.cfg.Groups, s.cfg.Nested, hidden)
	return hex.EncodeToString(sum.Sum(nil)[:8])
}

// noCursor says why a cursor is of no use.
func noCursor(why registry.Format, args ...any) error {
	return registry.Errorf("read changes: %s: %s", source.ErrCursor, registry.Say(why, args...))
}

// parseCursor reads what a Summary gave.
func (s *session) parseCursor(text string) (cursor, error) {
	var c cursor
	switch err := json.Unmarshal([]byte(text), &c); {
	case err != nil:
		return c, noCursor("it cannot be read")
	case c.Settings != s.settings():
		return c, noCursor("the source's settings, its permissions or this program changed since")
	case !s.ours(c.Users), (c.Groups == "") != (len(s.cfg.Groups) > 0), c.Groups != "" && !s.ours(c.Groups):
		return c, noCursor("it leads to another host")
	}
	return c, nil
}

func (c cursor) String() string {
	doc, _ := json.Marshal(c) //nolint:errchkjson // strings only
	return string(doc)
}

// Read implements source.Source.
func (s *Source) Read(ctx context.Context, r source.Request, emit func(source.Entry) error) (source.Summary, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sess, err := s.open(ctx)
	if err != nil {
		return source.Summary{}, err
	}
	defer sess.close()
	rd := &reading{session: sess, req: r, emit: emit, sum: source.Summary{Complete: true}}
	if r.Cursor == "" || r.Held == nil {
		err = rd.everything(ctx)
	} else {
		err = rd.changes(ctx)
	}
	if err != nil {
		return source.Summary{}, rd.failed(ctx, err)
	}
	rd.conclude()
	return rd.sum, nil
}

// failed is how a read ends that failed. What was read up to an answer that cannot
// be used is not gone on with.
func (r *reading) failed(ctx context.Context, err error) error {
	if errors.Is(err, source.ErrProtocol) {
		if dropped := r.drop(ctx); dropped != nil && ctx.Err() == nil {
			err = errors.Join(err, dropped)
		}
	}
	return err
}

// reading is one read.
type reading struct {
	*session
	req   source.Request
	emit  func(source.Entry) error
	scope *scope
	sum   source.Summary
	trail trail

	// given are the people given by a whole read so far: should it begin anew, those
	// who are not there then are asked for.
	given          []uuid.UUID
	ahead          int64 // objects read and not yet given
	trashed, ended int   // people and groups told as removed: restorably, for good
	hiding         int   // groups whose members could not be read
	others         int
}

// give hands an entry on and counts it.
func (r *reading) give(e source.Entry) error {
	if e.Kind == source.User {
		r.sum.Users++
	} else {
		r.sum.Groups++
	}
	return r.emit(e)
}

// gone counts an object that was removed: not to be given says the rest.
func (r *reading) gone(reason string) {
	if reason == "changed" { // concepts/delta-query-overview.md, "Resource representation in the delta query response"
		r.trashed++
	} else {
		r.ended++
	}
}

// shown tells that some more objects were read before they can be given, and giving
// that they are given now.
func (r *reading) shown(n int) {
	if r.ahead += int64(n); r.req.Progress != nil {
		r.req.Progress(r.ahead)
	}
}

func (r *reading) giving() { r.shown(-int(r.ahead)) }

// place says of a person whether he belongs to the source. Of one who does not,
// no more is given.
func (c *scope) place(e *source.Entry) {
	if e.Problem != "" {
		return
	}
	if e.OutOfScope = c.out(e); e.OutOfScope != "" {
		e.Values, e.Manager = nil, ""
	}
}

// restarts is how often a query begins anew when a link expires under it.
const restarts = 1

// everything reads people and groups whole.
func (r *reading) everything(ctx context.Context) error {
	r.sum.Full = true
	earlier := map[uuid.UUID]bool{}
	for try := 0; ; try++ {
		err := r.pass(ctx, earlier)
		note := registry.Say("Graph lost its place in the middle of the read, which began anew")
		switch {
		case errors.Is(err, errStale): // what is kept is dropped, so that this comes once
			try--
			note = registry.Say("Graph does not go on from where an earlier read was cut off, and everything was read from the beginning")
		case !isExpired(err) || try == restarts:
			return err
		}
		if err := r.drop(ctx); err != nil {
			return err
		}
		for _, id := range r.given {
			earlier[id] = true
		}
		r.given, r.ahead, r.trashed, r.ended, r.sum.Users = nil, 0, 0, 0, 0
		r.sum.Notes = []registry.Said{note}
	}
}

// pass is one attempt at everything; earlier are the people that the last one gave.
func (r *reading) pass(ctx context.Context, earlier map[uuid.UUID]bool) error {
	c := cursor{Settings: r.settings()}
	var err error
	if r.scope, err = r.session.scope(ctx); err != nil {
		return err
	}
	kept, err := r.keptGroups(ctx)
	if err != nil {
		return err
	}
	groups := r.scope.groups
	if c.Scope = r.scope.hash(); groups == nil {
		groups = kept
		first := request{sel: r.Source.groups.withMembers()}
		take := func(page []models.Groupable, keep func(any)) error {
			r.shown(len(page))
			parts := groups.parts(page)
			keep(parts)
			groups.merge(parts)
			return nil
		}
		if c.Groups, err = goOn(ctx, r, ofGroups, first, r.groupPage, take); err != nil {
			return err
		}
		groups.settle()
	}
	late := newTold()
	if err := r.people(ctx, &c, groups, late, earlier); err != nil {
		return err
	}
	r.sum.Cursor = c.String()
	r.giving()
	if err := r.wholeGroups(groups); err != nil {
		return err
	}
	return r.missing(ctx, source.Group, late)
}

// keptGroups are the groups as an earlier read left them that was cut off.
func (r *reading) keptGroups(ctx context.Context) (groups *gathering, err error) {
	begin := func() { groups = newGathering(&r.Source.groups) }
	err = r.resume(ctx, "", begin, func(n round, body *gob.Decoder) error {
		if n != ofGroups {
			return nil
		}
		var parts []groupPart
		if err := body.Decode(&parts); err != nil {
			return fmt.Errorf("decode groups: %w", err)
		}
		r.shown(len(parts))
		groups.merge(parts)
		return nil
	})
	return groups, err
}

// people gives every user, page by page, and writes the link to the next round into
// the cursor. One told as removed may have been told as present by another page, and
// one given earlier may have left since: whether such a one is there is asked at the
// end. lateGroups are groups of which something was told that is not in groups.
func (r *reading) people(ctx context.Context, c *cursor, groups *gathering, lateGroups *told, earlier map[uuid.UUID]bool) error {
	removed, late := map[string]string{}, newTold()
	give := func(e source.Entry) error {
		if id, err := uuid.Parse(e.Anchor); err == nil {
			r.given = append(r.given, id)
			delete(earlier, id)
		}
		return r.give(e)
	}
	err := stream(ctx, func(ctx context.Context, send func([]source.Entry) error) (err error) {
		c.Users, err = goOn(ctx, r, ofUsers, request{sel: r.Source.users.sel}, r.userPage, func(page []models.Userable, keep func(any)) error {
			all := r.pageUsers(page)
			keep(all)
			if r.trail.pages > 0 { // given with those that were kept before
				r.shown(len(page))
				return nil
			}
			return send(r.entries(all, removed))
		})
		return err
	}, give)
	if err == nil && r.trail.pages > 0 {
		err = r.recall(ctx, c, groups, late, lateGroups, removed, give)
	}
	if err != nil {
		return err
	}
	if err := r.doubtful(ctx, removed, earlier, give); err != nil {
		return err
	}
	return r.toldPeople(ctx, late, give)
}

// doubtful asks for those who were told as removed, or given earlier and not since,
// and gives who is there.
func (r *reading) doubtful(ctx context.Context, removed map[string]string, earlier map[uuid.UUID]bool, give func(source.Entry) error) error {
	ask := map[string]bool{}
	for id := range removed {
		ask[id] = true
	}
	for id := range earlier {
		ask[id.String()] = true
	}
	err := r.fetch(ctx, sorted(ask), func(e source.Entry) error {
		delete(removed, e.Anchor)
		return give(e)
	})
	if err != nil {
		return err
	}
	for _, reason := range removed {
		r.gone(reason)
	}
	for id := range earlier {
		if err := r.give(troubled(source.User, id.String(), registry.Say(leftMeanwhile))); err != nil {
			return err
		}
	}
	return nil
}

// leftMeanwhile is the problem of somebody who was given and then was not there.
const leftMeanwhile = "was there when the read began, and not any more before it ended"

// pageUsers are a page's users in slim form. Of those whose type the source does not
// take no more is kept than that.
func (r *reading) pageUsers(page []models.Userable) []pageUser {
	out := make([]pageUser, 0, len(page))
	for _, u := range page {
		e, reason := r.user(u)
		if reason == "" && r.scope.wrongType(&e) != "" {
			e.Values = map[string][]string{keyUserType: e.Values[keyUserType]}
		}
		out = append(out, pageUser{e, reason})
	}
	return out
}

// entries gives a page's users who are there their place, and notes the removed.
func (r *reading) entries(page []pageUser, removed map[string]string) []source.Entry {
	out := make([]source.Entry, 0, len(page))
	for _, u := range page {
		if u.Removed != "" {
			removed[u.Entry.Anchor] = u.Removed
			continue
		}
		r.scope.place(&u.Entry)
		out = append(out, u.Entry)
	}
	return out
}

// userEntries makes entries of a page's users, and notes the removed ones.
func (r *reading) userEntries(page []models.Userable, removed map[string]string) []source.Entry {
	return r.entries(r.pageUsers(page), removed)
}

// wholeGroups gives groups with all their members.
func (r *reading) wholeGroups(groups *gathering) error {
	r.others += groups.others
	for _, id := range groups.order {
		g := groups.groups[id]
		switch {
		case g.values != nil:
			if err := r.give(r.wholeGroup(id, g)); err != nil {
				return err
			}
		case g.reason != "":
			r.gone(g.reason)
		}
		g.edges = nil // given, and large
	}
	return nil
}

// wholeGroup makes an entry of a group with all its members.
func (r *reading) wholeGroup(id string, g *gathered) source.Entry {
	e := groupEntry(id, g.values)
	e.Members = g.keys()
	if r.unreadable(g.values, len(e.Members)) {
		e.Problem = hiddenProblem()
		r.hiding++
	}
	return e
}

// conclude adds the notes.
func (r *reading) conclude() {
	note := func(n int, text registry.Format, more ...any) {
		if n > 0 {
			r.sum.Notes = append(r.sum.Notes, registry.Say(text, append([]any{n}, more...)...))
		}
	}
	note(r.trashed, "%d objects were deleted in Entra ID and can be restored there for 30 days")
	note(r.ended, "%d objects were deleted in Entra ID for good")
	note(r.hiding, "%d groups hide their members, who stay as they were: %s", readHidden.grant())
	note(r.others, "%d group members are neither people nor groups and were left out")
}

// stream runs produce beside emit: the next page is fetched and decoded while
// the last one is worked on. It returns when both are done.
func stream(ctx context.Context, produce func(ctx context.Context, send func([]source.Entry) error) error, emit func(source.Entry) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches := make(chan []source.Entry, 2)
	ended := make(chan error, 1)
	go func() {
		defer close(batches)
		ended <- produce(ctx, func(batch []source.Entry) error {
			select {
			case batches <- batch:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	var emitErr error
	for batch := range batches {
		for i := 0; i < len(batch) && emitErr == nil; i++ {
			emitErr = emit(batch[i])
		}
		if emitErr != nil {
			cancel()
		}
	}
	err := <-ended
	if emitErr != nil {
		return emitErr // the producing ended because we stopped it
	}
	return err
}

// chunked is ids in batches of as many as one query may name.
func chunked(ids []string) [][]string { return slices.Collect(slices.Chunk(ids, idsAtOnce)) }
