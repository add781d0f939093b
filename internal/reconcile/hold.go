package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
)

// ApprovalLife is how long a held run can be approved: after that the directory
// and the registry have moved on too far for anybody to know what they approve.
const ApprovalLife = 7 * 24 * time.Hour

// Reasons a decision is not taken.
var (
	ErrNotHeld    = registry.Errorf("the run is not waiting for a decision")
	ErrExpired    = registry.Errorf("the run was held too long ago; run the source again and decide on what it finds now")
	ErrSuperseded = registry.Errorf("a newer run of this source has been made since; decide on that one")
	ErrNoNote     = registry.Errorf("a decision needs the name of who takes it and a note that says why")
	ErrOtherPlan  = registry.Errorf("the run has another plan than the one you mean")
)

// Decide records the word of an admin on a held run. An approval lets through what
// the run listed; carrying it out is a new run with Approved set, in which the guard
// judges what came since as in any other.
func (e *Engine) Decide(ctx context.Context, held *registry.Run, d registry.Decision) error {
	ledger := e.Ledger(held.Company)
	d.By, d.Note = strings.TrimSpace(d.By), strings.TrimSpace(d.Note)
	switch {
	case held.State != registry.RunHeld:
		return registry.Errorf("%s: it is %s", ErrNotHeld, registry.Word(held.State))
	case d.By == "" || d.Note == "":
		return ErrNoNote
	case d.PlanHash != "" && d.PlanHash != held.PlanHash:
		return registry.Errorf("%s: its plan is %s", ErrOtherPlan, held.PlanHash)
	}
	if d.State == registry.RunApproved {
		// Abs: what a clock held that was far ahead is not open until then.
		if e.Now().Sub(held.FinishedAt).Abs() > ApprovalLife {
			return ErrExpired
		}
		if err := superseded(ctx, ledger, held); err != nil {
			return err
		}
	}
	first, err := ledger.DecideRun(ctx, held, d)
	if err != nil {
		return err
	}
	if !first {
		return registry.Errorf("%s: somebody else decided it just now", ErrNotHeld)
	}
	held.State, held.DecidedBy, held.DecisionNote = d.State, d.By, d.Note
	return nil
}

// superseded returns ErrSuperseded when a newer run of the source got further
// than failing. Previews may stand between the two.
func superseded(ctx context.Context, ledger Ledger, held *registry.Run) error {
	for limit := 20; ; limit *= 4 {
		runs, err := ledger.Runs(ctx, held.Source, limit)
		if err != nil {
			return err
		}
		for _, r := range runs {
			if r.Number <= held.Number {
				return nil
			}
			if r.Mode == registry.ModeRun && r.State != registry.RunFailed {
				return registry.Errorf("%s: run %d", ErrSuperseded, r.Number)
			}
		}
		if len(runs) < limit {
			return nil
		}
	}
}

// allowance reads back what the approved run listed.
func (r *run) allowance(ctx context.Context) (*plan.Allowance, error) {
	if r.req.Approved == nil {
		return nil, nil //nolint:nilnil // no approval, nothing allowed
	}
	a := &plan.Allowance{
		Deactivate: map[string]bool{}, Delete: map[string]bool{}, GroupDelete: map[string]bool{},
		Rename: map[string]bool{}, MailChange: map[string]bool{}, Create: map[string]bool{}, Adopt: map[string]bool{},
		Remove: map[string]map[registry.UserID]bool{}, RemoveGroup: map[string]map[registry.GroupID]bool{},
	}
	for _, l := range r.req.Approved.Limits {
		a.Empty = a.Empty || l.Name == plan.LimitEmpty
		if l.Name == plan.LimitMinimum {
			a.Population = l.Count
		}
	}
	err := r.ledger.Items(ctx, r.req.Approved.ID, func(it registry.RunItem) error {
		switch {
		case it.Action == registry.ActionMembers && it.Detail != nil:
			a.Remove[it.Anchor], a.RemoveGroup[it.Anchor] = map[registry.UserID]bool{}, map[registry.GroupID]bool{}
			for _, id := range it.Detail.RemovedIDs {
				if id > 0 {
					a.Remove[it.Anchor][registry.UserID(id)] = true
				} else {
					a.RemoveGroup[it.Anchor][registry.GroupID(-id)] = true
				}
			}
		case it.Group != 0:
			a.GroupDelete[it.Anchor] = true
		default:
			allowPerson(a, it)
		}
		return nil
	}, registry.OutcomeHeld)
	if err != nil {
		return nil, fmt.Errorf("read what was approved: %w", err)
	}
	return a, nil
}

// allowPerson enters what was approved about a person.
func allowPerson(a *plan.Allowance, it registry.RunItem) {
	switch it.Action {
	case registry.ActionDelete:
		a.Delete[it.Anchor] = true
	case registry.ActionDeactivate:
		a.Deactivate[it.Anchor] = true
	case registry.ActionCreate:
		a.Create[it.Anchor] = true
	case registry.ActionRename:
		a.Rename[it.Anchor] = true
	}
	// An adoption says join, whatever else becomes of the person; rows from before
	// there was a word for it say recreated, as only conflicts do now.
	if it.Code == registry.CodeAdopted || it.Code == registry.CodeRecreated && it.Action == registry.ActionJoin {
		a.Adopt[it.Anchor], a.Deactivate[it.Anchor], a.Rename[it.Anchor] = true, true, true
	}
	if it.Action != registry.ActionCreate && it.Detail != nil && changesMail(it.Detail) {
		a.MailChange[it.Anchor] = true
	}
}

// describe writes what the plan would do, row by row, for a preview and for
// whoever has to decide on a held run. What the guard counts is "held".
func (r *run) describe(ctx context.Context) error {
	total := int64(len(r.plan.Users) + len(r.plan.Groups) + len(r.plan.Members)) // managers take no time here
	var done int64
	err := r.applyUsers(ctx, r.Registry.Preview, r.describeUser, func(n int) {
		done += int64(n)
		r.progress(ctx, PhasePlan, done, total)
	})
	if err != nil {
		return err
	}
	for _, c := range r.plan.Groups {
		r.describeGroup(ctx, c)
	}
	for _, c := range r.plan.Members {
		if err := r.describeMembers(ctx, c); err != nil {
			return err
		}
	}
	r.describeManagers(ctx)
	r.report.flush(ctx)
	return r.report.err
}

// guarded reports whether the guard counts a change to a person: removals always,
// and the rest where its limit is passed, which it is else no news.
func (r *run) guarded(c plan.UserChange) bool {
	passed := func(name string) bool {
		return slices.ContainsFunc(r.row.Limits, func(l registry.Limit) bool { return l.Name == name })
	}
	if r.forget != nil || c.Was != "" && passed(plan.LimitAdopt) {
		return true
	}
	switch c.Action {
	case registry.ActionDeactivate, registry.ActionDelete:
		return true
	case registry.ActionCreate:
		return passed(plan.LimitCreate)
	case registry.ActionRename:
		return passed(plan.LimitRename) || c.Mail && passed(plan.LimitMailChange)
	}
	return c.Mail && passed(plan.LimitMailChange)
}

// outcome is planned, or held for what the guard counts in a run.
func (r *run) outcome(guarded bool) registry.Outcome {
	if guarded && len(r.row.Limits) > 0 && r.src.Policy != plan.ModeReportOnly {
		return registry.OutcomeHeld
	}
	return registry.OutcomePlanned
}

func (r *run) describeUser(ctx context.Context, c plan.UserChange, res registry.Result) {
	r.settle(c, res)
	r.tally(ctx, c, res)
	r.keep(res)
	if res.Refused != nil || res.Change == nil {
		return
	}
	payload := res.Change.Payload
	payload.Kind = registry.KindUser
	item := registry.RunItem{
		Outcome: r.outcome(r.guarded(c)), Action: res.Change.Action, Code: registry.Code(res.Change.Reason), Anchor: c.Anchor, Name: r.nameOf(c, res),
		User: res.User, Detail: &payload,
	}
	if r.hands() {
		item.Message = r.tieWords(r.forget.users, c.Anchor)
	}
	r.report.add(ctx, item)
}

func (r *run) describeGroup(ctx context.Context, c plan.GroupChange) {
	n := &r.row.Counts
	item := registry.RunItem{Outcome: registry.OutcomePlanned, Action: c.Action, Anchor: c.Anchor, Group: c.Group, Detail: &registry.Payload{Kind: registry.KindGroup}}
	switch {
	case r.hands():
		n.GroupsChanged++
		item.Outcome, item.Code, item.Name = r.outcome(true), codeHandedOver, c.Name
		item.Message = r.tieWords(r.forget.groups, c.Anchor)
	case c.Action == registry.ActionDelete:
		n.GroupsDeleted++
		n.MembersRemoved += int64(c.Members)
		item.Outcome, item.Code, item.Name = r.outcome(true), "missing", c.Name
		item.Detail.Removed = c.Members
	case c.Action == registry.ActionMissing:
		n.GroupsChanged++
		n.MembersRemoved += int64(c.Members)
		item.Outcome, item.Code, item.Name = r.outcome(c.Members > 0), "out_of_scope", c.Name
		item.Detail.Removed = c.Members
	case c.Action == registry.ActionCreate:
		n.GroupsCreated++
		item.Name = r.snap.groups[c.Seen].displayName
	default:
		n.GroupsChanged++
		item.Name = r.snap.groups[c.Seen].displayName
	}
	r.report.add(ctx, item)
}

func (r *run) describeMembers(ctx context.Context, c plan.MemberChange) (err error) {
	n := &r.row.Counts
	removed := len(c.RemoveUsers) + len(c.RemoveGroups)
	payload := &registry.Payload{Kind: registry.KindGroup, Added: r.plan.Joining(&c), Removed: removed}
	if payload.Added+payload.Removed == 0 {
		return nil // all of them refused
	}
	if payload.Kept, err = r.ledger.KeptMembers(ctx, c.Group, r.src.State.Origin.ID, c.RemoveUsers, c.RemoveGroups); err != nil {
		return err
	}
	for _, id := range c.RemoveUsers {
		payload.RemovedIDs = append(payload.RemovedIDs, int64(id))
	}
	for _, id := range c.RemoveGroups {
		payload.RemovedIDs = append(payload.RemovedIDs, -int64(id))
	}
	n.GroupsChanged++
	n.MembersAdded += int64(payload.Added)
	n.MembersRemoved += int64(removed)
	r.report.add(ctx, registry.RunItem{
		Outcome: r.outcome(removed > 0), Action: registry.ActionMembers, Anchor: c.Anchor, Group: c.Group,
		Name: r.snap.groups[c.Seen].displayName, Detail: payload,
	})
	return nil
}

// limited is what each limit counts, in words.
var limited = map[string]registry.Format{
	plan.LimitDeactivate: "%d deactivations", plan.LimitDelete: "%d deletions", plan.LimitGroupDelete: "%d deleted groups",
	plan.LimitMembershipRemove: "%d removed memberships", plan.LimitMembersOfGroup: "%d removed members", plan.LimitRename: "%d renames",
	plan.LimitMailChange: "%d changed addresses", plan.LimitCreate: "%d new people", plan.LimitAdopt: "%d adopted people", plan.LimitMinimum: "%d people in scope",
	plan.LimitSettings: "%d removals",
}

// limitWords says in one sentence why a run is held.
func limitWords(limits []registry.Limit) registry.Said {
	var out []registry.Said
	for _, l := range limits {
		if l.Name == plan.LimitEmpty {
			out = append(out, l.Rule)
			continue
		}
		words := registry.Say(limited[l.Name], l.Count)
		if l.Group != "" {
			words = registry.Say("%s in the group %s", words, l.Group)
		}
		if l.Of > 0 {
			words = registry.Say("%s of %d", words, l.Of)
		}
		rule := l.Rule
		if len(l.Reasons) > 0 {
			rule = registry.Say("%s; %s", rule, registry.Join(l.Reasons, ", "))
		}
		out = append(out, registry.Say("%s (limit: %s)", words, rule))
	}
	return registry.Join(out, "; ")
}

// withhold takes the removals out of a plan that the guard stops, for a source
// that an admin's rejection allows none. A plan that passes whole ends that.
func (r *run) withhold(ctx context.Context, history plan.History, allowed *plan.Allowance) (err error) {
	if !r.src.State.Health.NoRemovals {
		return nil
	}
	if len(r.row.Limits) > 0 {
		why := limitWords(r.row.Limits)
		n := r.plan.WithholdRemovals()
		r.row.PlanHash = r.plan.Hash(r.snap.Snapshot)
		if r.row.Limits, err = r.guard(ctx, r.src.Limits, history, allowed); err != nil {
			return err
		}
		r.row.Notes = append(r.row.Notes, registry.Say("%d removals were left out: an admin rejected a run, and the guard still stops them (%s). "+
			"They come back when a plan passes the guard, or by `usher source resume %s`.", n, why, r.src.State.Key))
		return nil
	}
	if r.req.Mode != registry.ModeRun {
		return nil
	}
	r.src.State.Health.NoRemovals = false
	r.row.Notes = append(r.row.Notes, registry.Say("The guard lets this plan through whole: removals are carried out again."))
	return r.ledger.AllowRemovals(ctx, r.fence)
}
