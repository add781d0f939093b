package reconcile

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// managerRef is somebody's manager while the snapshot is read: the manager may
// come later.
type managerRef struct {
	user int32
	to   ref
}

// manager notes whom an entry names as manager. A source that was asked for no
// managers says nothing about them.
func (s *snapshot) manager(e *source.Entry, index int32) {
	if s.source.Managers && !e.Same {
		to := ref{}
		if e.Manager != "" {
			to = refOf(e.Manager)
		}
		s.managers = append(s.managers, managerRef{index, to})
	}
}

// resolveManagers finds the managers among everybody read. Of an entry that came
// twice the later reference counts. Whoever names one
// whom a read that was not complete (or a look at single people) did not show is
// read again by the next run.
func (s *snapshot) resolveManagers() {
	for _, m := range s.managers {
		x := &s.Users[m.user]
		x.Manager = plan.ManagerNone
		if m.to == (ref{}) {
			continue
		}
		x.Manager = plan.ManagerUnknown
		if at, ok := s.places.find(m.to); ok && !at.group {
			x.Manager = at.index + 1
		} else if !s.Complete {
			s.unsure = append(s.unsure, m.user)
		}
	}
	s.managers = nil
}

// markerOf is what the link of somebody should say, as far as the read tells.
func (s *snapshot) markerOf(i int32, rec *record) string {
	x, ok := parseStamp(rec.Marker)
	if !ok || !s.lacking[i] {
		return rec.Marker
	}
	x.lacks = true
	return x.String()
}

// newcomers reports whether somebody came since the last finished run was planned,
// who may be the manager that others name.
func (r *run) newcomers(ctx context.Context) (bool, error) {
	if !r.src.Managers {
		return false, nil
	}
	runs, err := r.ledger.Runs(ctx, r.src.State.ID, historyDepth)
	if err != nil {
		return false, fmt.Errorf("look at earlier runs: %w", err)
	}
	for _, before := range runs {
		if c := before.Counts; before.Mode != registry.ModePreview && before.State != registry.RunHeld && c.Created+c.Joined+c.Restored > 0 {
			return true, nil
		}
		if before.Mode == registry.ModeRun && (before.State == registry.RunDone || before.State == registry.RunPartial) {
			return false, nil
		}
	}
	return len(runs) == historyDepth, nil
}

// roomForManagers is a list for noteManager, nil for a source without managers.
func (r *run) roomForManagers() []registry.UserID {
	if !r.src.Managers {
		return nil
	}
	return make([]registry.UserID, len(r.snap.Users))
}

// noteManager enters whom the registry has as the manager of somebody seen.
func noteManager(state *plan.State, seen int32, l *registry.LinkedUser) {
	switch {
	case seen < 0 || state.Managers == nil:
	case l.Owned:
		state.Managers[seen] = l.Manager
	default:
		state.Managers[seen] = plan.NotOurs
	}
}

// writeWords are a source's ways to write attributes, for the fingerprint: who
// was read under another way is looked at again.
func writeWords(modes map[string]registry.WriteMode) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(modes)) {
		out = append(out, name+" "+string(modes[name]))
	}
	return strings.Join(out, ", ")
}

// groupFingerprint covers everything a group's change would write.
func groupFingerprint(g *mapping.Group) registry.Fingerprint {
	a := registry.Attributes{registry.AttrDisplayName: {g.DisplayName}}
	if g.Role != registry.RoleNone {
		return registry.FingerprintOf(a, string(g.Role))
	}
	return registry.FingerprintOf(a)
}

// applyManagers is the second pass over people: now that everybody has a key,
// they can be named as managers.
func (r *run) applyManagers(ctx context.Context, step func(int)) error {
	changed := r.changedUsers()
	for rest := r.plan.Managers; len(rest) > 0; {
		n := min(applyBatch, len(rest))
		ops, of := r.managerOps(rest[:n])
		if len(ops) > 0 {
			results, err := r.Registry.Apply(ctx, r.batch(ops))
			if err != nil {
				return fmt.Errorf("change managers: %w", err)
			}
			for i, res := range results {
				r.managerApplied(ctx, of[i], res, changed)
			}
		}
		step(n)
		rest = rest[n:]
	}
	return nil
}

// changedUsers are the people of the snapshot whom the first pass was about;
// who is counted once as created is not counted again as updated.
func (r *run) changedUsers() map[int32]bool {
	out := map[int32]bool{}
	if len(r.plan.Managers) > 0 {
		for i := range r.plan.Users {
			out[r.plan.Users[i].Seen] = true
		}
	}
	return out
}

// managerOps turns places into keys. Whoever got none stays as they are, and the
// next run looks again.
func (r *run) managerOps(changes []plan.ManagerChange) (ops []registry.Op, of []plan.ManagerChange) {
	for _, c := range changes {
		op := registry.SetManager{User: r.plan.UserOf(c.Seen)}
		if c.Manager >= 0 {
			op.Manager = r.plan.UserOf(c.Manager)
		}
		if op.User != 0 && (c.Manager < 0 || op.Manager != 0) {
			ops, of = append(ops, op), append(of, c)
		}
	}
	return ops, of
}

func (r *run) managerApplied(ctx context.Context, c plan.ManagerChange, res registry.Result, changed map[int32]bool) {
	switch {
	case res.Refused != nil:
		r.report.warning(ctx, registry.RunItem{Code: res.Refused.Code, Anchor: r.snap.Users[c.Seen].Anchor, Name: res.Name, User: res.User, Message: res.Refused.Message})
	case res.Change != nil && !changed[c.Seen]:
		r.row.Counts.Updated++
	}
	if r.snap.Users[c.Seen].Manager == plan.ManagerUnsaid { // theirs left, and was not read
		r.snap.unsure = append(r.snap.unsure, c.Seen)
	}
}

// unmanaged reports the people whose manager is not in the registry, and has their
// links say so.
func (r *run) unmanaged(ctx context.Context) {
	r.refresh = append(r.refresh, r.plan.Unmanaged...)
	for _, s := range r.plan.Unmanaged {
		r.snap.lacking[s] = true
		r.report.warning(ctx, registry.RunItem{
			Code: registry.CodeUnknownManager, Anchor: r.snap.Users[s].Anchor, Name: r.snap.name(s), User: r.plan.UserOf(s),
			Message: registry.Say("the manager the directory names is not among the people this source takes; no manager is kept"),
		})
	}
}

// describeManagers says what the second pass would do to people whom the first
// leaves alone.
func (r *run) describeManagers(ctx context.Context) {
	changed := r.changedUsers()
	for _, c := range r.plan.Managers {
		if changed[c.Seen] {
			continue
		}
		r.row.Counts.Updated++
		payload := &registry.Payload{After: registry.Attributes{}}
		if c.Manager >= 0 {
			payload.After.Set("managerName", r.snap.name(c.Manager))
		}
		r.report.add(ctx, registry.RunItem{
			Outcome: registry.OutcomePlanned, Action: registry.ActionUpdate, Anchor: r.snap.Users[c.Seen].Anchor, Name: r.snap.name(c.Seen),
			User: r.plan.UserOf(c.Seen), Code: "manager", Detail: payload,
		})
	}
}
