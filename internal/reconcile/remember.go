package reconcile

import (
	"context"
	"fmt"
	"slices"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// rememberBatch is how many markers one transaction writes.
const rememberBatch = 1000

// distrust has the groups that this run is about to change read whole the next
// time, whatever becomes of the run: its people get their new stamps before its
// groups get their new members, and a run that died between the two must not have
// the next one believe that nothing is left to do.
func (r *run) distrust(ctx context.Context) error {
	changing := map[int32]bool{}
	for _, c := range r.plan.Members {
		changing[c.Seen] = true
	}
	var marks []registry.LinkMark
	for i := range r.snap.groups {
		rec, g := &r.snap.groups[i], &r.snap.Groups[i]
		if rec.had.marker != "" && !rec.same && (changing[int32(i)] || g.Failed || rec.open || !r.snap.Complete || rec.marker != rec.had.marker) {
			rec.had.marker = ""
			marks = append(marks, registry.LinkMark{Anchor: g.Anchor, Marker: rec.had.String()})
		}
	}
	return r.writeLinks(ctx, marks)
}

// remember writes, after everything else, the stamps by which the next read may
// leave things unread. None of it is a change to anybody.
func (r *run) remember(ctx context.Context) error {
	if err := r.rememberPeople(ctx); err != nil {
		return err
	}
	var marks []registry.LinkMark
	for i := range r.snap.groups {
		rec := &r.snap.groups[i]
		if s := r.groupStamp(i); !rec.same && r.plan.GroupOf(int32(i)) != 0 && s != rec.had {
			marks = append(marks, registry.LinkMark{Anchor: r.snap.Groups[i].Anchor, Name: rec.name, Marker: s.String()})
		}
	}
	if err := r.writeLinks(ctx, marks); err != nil {
		return err
	}
	return r.rememberOutside(ctx)
}

// rememberPeople refreshes the links of people who are as they should be, and
// takes the trust from those who are not and could not be made so.
func (r *run) rememberPeople(ctx context.Context) error {
	var marks []registry.LinkMark
	add := func(m registry.LinkMark) error {
		if marks = append(marks, m); len(marks) < rememberBatch {
			return nil
		}
		err := r.writeLinks(ctx, marks)
		marks = nil
		return err
	}
	for _, i := range r.refresh {
		rec, err := r.snap.record(i)
		if err != nil {
			return err
		}
		m := registry.LinkMark{Anchor: r.snap.Users[i].Anchor, Name: rec.Name, Marker: r.snap.markerOf(i, rec), RecheckAt: rec.RecheckAt,
			KeepRecheck: r.snap.how[i]&sameLink != 0}
		if err := add(m); err != nil {
			return err
		}
	}
	for i, how := range r.snap.how {
		if how&doubted != 0 {
			if err := add(registry.LinkMark{Anchor: r.snap.Users[i].Anchor, Marker: stamp{}.String()}); err != nil {
				return err
			}
		}
	}
	if err := r.writeLinks(ctx, marks); err != nil { // one statement takes an anchor once
		return err
	}
	marks = nil
	for _, i := range r.snap.unsure {
		if err := add(registry.LinkMark{Anchor: r.snap.Users[i].Anchor, Marker: stamp{}.String(), KeepRecheck: true}); err != nil {
			return err
		}
	}
	for _, anchor := range r.absent {
		if err := add(registry.LinkMark{Anchor: anchor, Marker: stamp{}.String()}); err != nil {
			return err
		}
	}
	return r.writeLinks(ctx, marks)
}

// groupStamp is what the link of a group should say. Without a marker it says
// that the next run reads the group whole.
func (r *run) groupStamp(i int) stamp {
	g, rec := &r.snap.Groups[i], &r.snap.groups[i]
	if g.Failed || rec.open || rec.doubted || !r.snap.Complete {
		return stamp{}
	}
	s := stamp{marker: rec.marker}
	slices.Sort(g.Members)
	for _, m := range slices.Compact(g.Members) {
		id := r.plan.UserOf(m)
		if id == 0 {
			return stamp{}
		}
		s.rest += mixed(id)
	}
	return s
}

// rememberOutside keeps the markers of those whom the scope leaves out, and whom
// the registry could not take: without a marker, so that the next run looks at
// them again though the directory may tell of changes only.
func (r *run) rememberOutside(ctx context.Context) error {
	marks := r.outside()
	var forget []string
	err := r.ledger.SourceMarks(ctx, r.src.State.ID, func(m registry.SourceMark) error {
		marker, ok := marks[m.Anchor]
		switch {
		case !ok && r.snap.Complete:
			forget = append(forget, m.Anchor)
		case ok && (marker == m.Marker || marker == keptMark):
			delete(marks, m.Anchor)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("load marks of the source: %w", err)
	}
	var set []registry.SourceMark
	for anchor, marker := range marks {
		if marker != keptMark {
			set = append(set, registry.SourceMark{Anchor: anchor, Marker: marker})
		}
	}
	for len(set)+len(forget) > 0 {
		n, m := min(rememberBatch, len(set)), min(rememberBatch, len(forget))
		if err := r.ledger.MarkSource(ctx, r.fence, set[:n], forget[:m]); err != nil {
			return fmt.Errorf("remember markers: %w", err)
		}
		set, forget = set[n:], forget[m:]
	}
	return nil
}

// keptMark stands for the marker that somebody's mark has already. No directory
// gives it.
const keptMark = "\x00kept"

// outside are the markers of people without a user, by their anchors.
func (r *run) outside() map[string]string {
	out := map[string]string{}
	for i := range r.snap.Users {
		x := &r.snap.Users[i]
		marker, told := r.snap.outside[x.Anchor]
		switch {
		case x.Standing != plan.OutOfScope:
			if r.plan.UserOf(int32(i)) == 0 {
				out[x.Anchor] = ""
			}
		case told:
			out[x.Anchor] = marker
		default:
			out[x.Anchor] = keptMark
		}
	}
	return out
}

// writeLinks writes stamps, some in each transaction.
func (r *run) writeLinks(ctx context.Context, marks []registry.LinkMark) error {
	for len(marks) > 0 {
		n := min(rememberBatch, len(marks))
		if err := r.ledger.RefreshLinks(ctx, r.fence, r.src.State.Origin.ID, marks[:n]); err != nil {
			return fmt.Errorf("remember markers: %w", err)
		}
		marks = marks[n:]
	}
	return nil
}
