package reconcile

import (
	"context"
	"fmt"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// applyBatch is how many people one transaction changes: few enough to hold the
// database for well under 50 ms, enough to share the cost of a commit.
const applyBatch = 250

// memberBatch is how many memberships one transaction changes.
const memberBatch = 2000

// apply carries the plan out in small transactions.
func (r *run) apply(ctx context.Context) error {
	total := int64(len(r.plan.Users) + len(r.plan.Groups) + len(r.plan.Members) + len(r.plan.Managers))
	var done int64
	step := func(n int) {
		done += int64(n)
		r.progress(ctx, PhaseApply, done, total)
	}
	err := r.applyUsers(ctx, r.Registry.Apply, r.applied, step)
	if r.unmailed > 0 {
		r.row.Notes = append(r.row.Notes, registry.Say("%d set-up mails wait, because nobody has vouched for the company yet: "+
			"once `usher company verify` or `usher domain check` has done so, `usher mail release` lets them go.", r.unmailed))
	}
	if err != nil {
		return err
	}
	if err := r.applyGroups(ctx, step); err != nil {
		return err
	}
	if err := r.applyMembers(ctx, step); err != nil {
		return err
	}
	return r.applyManagers(ctx, step)
}

// decider is registry.Apply or registry.Preview: the one difference between a
// run and a preview.
type decider func(context.Context, registry.Batch) ([]registry.Result, error)

// batch wraps operations for the registry.
func (r *run) batch(ops []registry.Op) registry.Batch {
	b := registry.Batch{
		Company: r.src.State.Company, Origin: r.src.State.Origin, Actor: "source " + r.src.State.Key, Run: r.row.ID, Ops: ops,
	}
	if r.req.Actor != "" {
		b.Actor += " (" + r.req.Actor + ")"
	}
	b.Fence = &r.fence
	return b
}

// applyUsers takes the plan's people through the registry, batch by batch, and
// hands each result to the taker.
func (r *run) applyUsers(ctx context.Context, decide decider, take func(context.Context, plan.UserChange, registry.Result), step func(int)) error {
	for rest := r.plan.Users; len(rest) > 0; {
		n := batchOf(rest)
		ops := make([]registry.Op, n)
		for i, c := range rest[:n] {
			op, err := r.userOp(c)
			if err != nil {
				return err
			}
			ops[i] = op
		}
		results, err := decide(ctx, r.batch(ops))
		if err != nil {
			return fmt.Errorf("change people: %w", err)
		}
		for i, res := range results {
			take(ctx, rest[i], res)
		}
		if r.report.err != nil {
			return r.report.err
		}
		step(n)
		rest = rest[n:]
	}
	return nil
}

// batchOf is how many of the changes make the next transaction. Names that
// change hands do so in one.
func batchOf(rest []plan.UserChange) int {
	n := min(applyBatch, len(rest))
	for n < len(rest) && rest[n].Follows {
		n++
	}
	return n
}

// userOp is what a planned change asks of the registry.
func (r *run) userOp(c plan.UserChange) (registry.Op, error) {
	switch {
	case r.hands():
		return r.forget.handUser(c), nil
	case c.Action == registry.ActionDelete:
		return registry.DeleteUser{Anchor: c.Anchor, IfVersion: r.versions[c.User]}, nil
	case c.Seen < 0, c.Reason == "out_of_scope":
		return registry.MissUser{Anchor: c.Anchor, Reason: c.Reason, Deactivate: c.Action == registry.ActionDeactivate, IfVersion: r.versions[c.User]}, nil
	}
	rec, err := r.snap.record(c.Seen)
	if err != nil {
		return nil, err
	}
	op := registry.PutUser{
		Anchor: c.Anchor, Name: rec.Name, Marker: r.snap.markerOf(c.Seen, rec), Attributes: rec.Attributes, Enabled: rec.Enabled,
		Kind: rec.Kind, Department: rec.Department, Contract: rec.Contract, Protect: rec.Protected, Write: r.src.Write, Twin: rec.Twin,
		WasAnchor: c.Was, Adopt: c.Was != "",
		Fingerprint: r.snap.Users[c.Seen].Fingerprint, SetupMail: r.setupMail(),
		RecheckAt: rec.RecheckAt, IfVersion: r.versions[c.User],
	}
	if c.Action == registry.ActionJoin {
		op.Join, op.LinkOnly = c.User, r.snap.twins[c.Seen]
	}
	return op, nil
}

// setupMail is what becomes of mails in this run. The first run of a source is
// the one before which none ever finished.
func (r *run) setupMail() registry.SetupMail {
	switch {
	case r.src.Setup == SetupNone:
		return registry.SetupNone
	case r.src.Setup == SetupHold, r.src.Setup == SetupHoldFirst && r.src.State.SettingsHash == "":
		return registry.SetupHold
	default:
		return registry.SetupSend
	}
}

// applied takes the result of a change to a person.
func (r *run) applied(ctx context.Context, c plan.UserChange, res registry.Result) {
	r.settle(c, res)
	r.tally(ctx, c, res)
	r.keep(res)
}

// keep keeps the results of a run about single people.
func (r *run) keep(res registry.Result) {
	if r.only != nil {
		r.results = append(r.results, res)
	}
}

// settle enters in the plan who a person of the snapshot is now, for the groups.
// Someone refused is nobody, unless tied before.
func (r *run) settle(c plan.UserChange, res registry.Result) {
	switch {
	case c.Seen < 0:
	case res.Refused == nil && res.User != 0:
		r.plan.SetUser(c.Seen, res.User)
		r.snap.how[c.Seen] &^= doubted // the link says now what the source says
	case res.Refused != nil && (c.Was != "" || c.Action == registry.ActionCreate || c.Action == registry.ActionJoin || c.Action == registry.ActionRestore):
		r.plan.SetUser(c.Seen, 0)
	}
}

// tally counts a result and reports what was refused or remarked.
func (r *run) tally(ctx context.Context, c plan.UserChange, res registry.Result) {
	n := &r.row.Counts
	item := registry.RunItem{Action: c.Action, Anchor: c.Anchor, Name: r.nameOf(c, res), User: res.User, Detail: &registry.Payload{Kind: registry.KindUser}}
	if res.Warning != nil {
		item.Code, item.Message = res.Warning.Code, res.Warning.Message
		r.report.warning(ctx, item)
	}
	if res.Refused != nil {
		item.Code, item.Message = res.Refused.Code, r.mendWords(c, res.Refused)
		if res.Refused.User != 0 {
			item.Detail.Candidates = []int64{int64(res.Refused.User)}
		}
		if item.User == 0 {
			item.User = res.Refused.User
		}
		if item.Code == registry.CodeStale {
			item.Code, item.Message = CodeChangedMeanwhile, registry.Say(meanwhile)
			r.report.skipped(ctx, item)
			return
		}
		r.report.conflict(ctx, item)
		return
	}
	if res.Mailed {
		n.Mailed++
	}
	if res.Withheld {
		r.unmailed++
	}
	if res.Change == nil {
		return
	}
	if p := userCount(n, res.Change.Action); p != nil {
		*p++
	}
}

// userCount is the total an action on a person counts towards.
func userCount(n *registry.Counts, a registry.Action) *int64 {
	switch a {
	case registry.ActionCreate:
		return &n.Created
	case registry.ActionRename:
		return &n.Renamed
	case registry.ActionJoin:
		return &n.Joined
	case registry.ActionRestore, registry.ActionEnable:
		return &n.Restored
	case registry.ActionDeactivate:
		return &n.Deactivated
	case registry.ActionDelete:
		return &n.Deleted
	default:
		return &n.Updated
	}
}

// nameOf is what a report row calls the record.
func (r *run) nameOf(c plan.UserChange, res registry.Result) string {
	if res.Name != "" || c.Seen < 0 {
		return res.Name
	}
	return r.snap.name(c.Seen)
}

// applyGroups creates, renames, restores and deletes groups.
func (r *run) applyGroups(ctx context.Context, step func(int)) error {
	for rest := r.plan.Groups; len(rest) > 0; {
		n := min(applyBatch, len(rest))
		ops := make([]registry.Op, n)
		for i, c := range rest[:n] {
			ops[i] = r.groupOp(c)
		}
		results, err := r.Registry.Apply(ctx, r.batch(ops))
		if err != nil {
			return fmt.Errorf("change groups: %w", err)
		}
		for i, res := range results {
			r.groupApplied(ctx, rest[i], res)
		}
		step(n)
		rest = rest[n:]
	}
	return nil
}

// groupOp leaves the link without a marker: that is for when the members are
// right too.
func (r *run) groupOp(c plan.GroupChange) registry.Op {
	if r.hands() {
		return r.forget.handGroup(c)
	}
	if c.Seen < 0 || c.Action == registry.ActionMissing {
		return registry.MissGroup{Anchor: c.Anchor, OutOfScope: c.Seen >= 0}
	}
	g := &r.snap.groups[c.Seen]
	return registry.PutGroup{
		Anchor: c.Anchor, Name: g.name, DisplayName: g.displayName, Role: g.role, Fingerprint: r.snap.Groups[c.Seen].Fingerprint,
	}
}

func (r *run) groupApplied(ctx context.Context, c plan.GroupChange, res registry.Result) {
	if res.Refused != nil {
		r.report.conflict(ctx, registry.RunItem{Action: c.Action, Code: res.Refused.Code, Anchor: c.Anchor, Name: res.Name, Group: res.Group, Message: res.Refused.Message,
			Detail: &registry.Payload{Kind: registry.KindGroup}})
		return
	}
	if c.Seen >= 0 && c.Action != registry.ActionMissing {
		r.plan.SetGroup(c.Seen, res.Group)
		r.snap.groups[c.Seen].had = stamp{}
	}
	if res.Change == nil {
		return
	}
	switch n := &r.row.Counts; res.Change.Action {
	case registry.ActionCreate:
		n.GroupsCreated++
	case registry.ActionDelete:
		n.GroupsDeleted++
		n.MembersRemoved += int64(res.Change.Payload.Removed)
	default:
		n.GroupsChanged++
		n.MembersRemoved += int64(res.Change.Payload.Removed)
	}
}

// applyMembers changes who is in which group. Large groups are cut so that no
// transaction grows with the group.
func (r *run) applyMembers(ctx context.Context, step func(int)) error {
	var ops []registry.Op
	size, waiting := 0, 0
	flush := func() error {
		results, err := r.Registry.Apply(ctx, r.batch(ops))
		if err != nil {
			return fmt.Errorf("change members: %w", err)
		}
		r.membersApplied(ctx, results)
		step(waiting)
		ops, size, waiting = nil, 0, 0
		return nil
	}
	for _, c := range r.plan.Members {
		for _, op := range cutMembers(r.memberOp(c)) {
			if size > 0 && size+sizeOf(op) > memberBatch {
				if err := flush(); err != nil {
					return err
				}
			}
			ops, size = append(ops, op), size+sizeOf(op)
		}
		waiting++
	}
	if len(ops) == 0 {
		return nil
	}
	return flush()
}

func (r *run) membersApplied(ctx context.Context, results []registry.Result) {
	for _, res := range results {
		if res.Refused != nil {
			r.doubtGroup(res.Group)
			r.report.conflict(ctx, registry.RunItem{Action: registry.ActionMembers, Code: res.Refused.Code, Name: res.Name, Group: res.Group, Message: res.Refused.Message})
			continue
		}
		if res.Change != nil {
			if res.Group != r.lastGroup { // a large group comes in pieces, one behind the other
				r.row.Counts.GroupsChanged++
			}
			r.lastGroup = res.Group
			r.row.Counts.MembersAdded += int64(res.Change.Payload.Added)
			r.row.Counts.MembersRemoved += int64(res.Change.Payload.Removed)
		}
	}
}

// doubtGroup has a group read whole the next time.
func (r *run) doubtGroup(id registry.GroupID) {
	for i := range r.snap.groups {
		if r.plan.GroupOf(int32(i)) == id {
			r.snap.groups[i].doubted = true
		}
	}
}

// memberOp turns indexes into keys. Whoever did not get one (a conflict) stays
// out, and the next run looks again.
func (r *run) memberOp(c plan.MemberChange) registry.PatchMembers {
	op := registry.PatchMembers{Group: r.plan.GroupOf(c.Seen), RemoveUsers: c.RemoveUsers, RemoveGroups: c.RemoveGroups}
	for _, s := range c.AddUsers {
		if id := r.plan.UserOf(s); id != 0 {
			op.AddUsers = append(op.AddUsers, id)
		}
	}
	for _, s := range c.AddGroups {
		if id := r.plan.GroupOf(s); id != 0 {
			op.AddGroups = append(op.AddGroups, id)
		}
	}
	return op
}

func sizeOf(op registry.PatchMembers) int {
	return len(op.AddUsers) + len(op.RemoveUsers) + len(op.AddGroups) + len(op.RemoveGroups)
}

// cutMembers splits a change into pieces of at most memberBatch; what leaves
// goes before what comes.
func cutMembers(op registry.PatchMembers) []registry.PatchMembers {
	if sizeOf(op) == 0 || op.Group == 0 {
		return nil
	}
	if sizeOf(op) <= memberBatch {
		return []registry.PatchMembers{op}
	}
	var out []registry.PatchMembers
	out = cut(out, op.RemoveUsers, func(ids []registry.UserID) registry.PatchMembers {
		return registry.PatchMembers{Group: op.Group, RemoveUsers: ids}
	})
	out = cut(out, op.RemoveGroups, func(ids []registry.GroupID) registry.PatchMembers {
		return registry.PatchMembers{Group: op.Group, RemoveGroups: ids}
	})
	out = cut(out, op.AddUsers, func(ids []registry.UserID) registry.PatchMembers {
		return registry.PatchMembers{Group: op.Group, AddUsers: ids}
	})
	return cut(out, op.AddGroups, func(ids []registry.GroupID) registry.PatchMembers {
		return registry.PatchMembers{Group: op.Group, AddGroups: ids}
	})
}

func cut[T any](out []registry.PatchMembers, ids []T, piece func([]T) registry.PatchMembers) []registry.PatchMembers {
	for len(ids) > 0 {
		n := min(memberBatch, len(ids))
		out, ids = append(out, piece(ids[:n])), ids[n:]
	}
	return out
}
