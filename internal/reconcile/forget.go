package reconcile

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// Parting says what becomes of the people and groups of a source that is gone for
// good.
type Parting string

// The ways to part from a source.
const (
	// PartDeactivate: nobody is there any more.
	PartDeactivate Parting = "deactivate"
	// PartRelease gives them to the company's admins, as if made by hand.
	PartRelease Parting = "release"
	// PartTo gives them to another source, as far as that has them.
	PartTo Parting = "to"
)

// PartingGrace is how long those are kept whom a parting deactivated: the settings of
// their source, which might say otherwise, are gone.
const PartingGrace = 30 * 24 * time.Hour

// partTrigger begins the trigger of a run that parts from a source; what becomes
// of its people follows.
const partTrigger = "forget-"

// PartingOf is what a run that parts from a source does, "" for all others, and
// the key of the source that takes over.
func PartingOf(r *registry.Run) (Parting, string) {
	how, ok := strings.CutPrefix(r.Trigger, partTrigger)
	if !ok {
		return "", ""
	}
	for _, l := range r.Limits {
		if l.Name == plan.LimitEmpty {
			return Parting(how), l.Group
		}
	}
	return Parting(how), ""
}

// codeHandedOver is the reason of what gives a record into other hands.
const codeHandedOver = "handed_over"

// CodeNoSuccessor: whoever takes a source over does not have this person or group.
const CodeNoSuccessor registry.Code = "no_successor"

// Forgetting is how to part from a source.
type Forgetting struct {
	How Parting
	// To owns the people from now on, unless they are deactivated.
	To registry.Origin
	// Heir is, for PartTo, the source that takes over.
	Heir *Source
}

// forgetting is a Forgetting at work.
type forgetting struct {
	Forgetting
	users, groups map[string]heir // by the old anchor
	// graceOver is set for what comes after a parting that deactivated: EndGrace.
	graceOver bool
}

// heir is what a record is called at the source that takes over, and what tells
// that it is the same one.
type heir struct {
	anchor, name string
	by           likeness
}

// likeness is what tells that a record of one source is one of another.
type likeness uint8

const (
	byTie  likeness = iota // the other has tied it already
	byID                   // the same id
	byName                 // the same userName, or name of a group, which are no proof
)

// Forget is a run that parts from a source: planned, previewed, held and reported
// like any other. It is always held, and goes through once somebody approves that
// very plan. The source must not be in the configuration any more: nothing else
// runs it then.
func (e *Engine) Forget(ctx context.Context, src *Source, f Forgetting, req Request) (*registry.Run, error) {
	src.Reader, src.OnMissing, src.Policy, src.DeleteAfter = nobody{}, true, plan.ModeSync, 0
	req.Full, req.Trigger = true, partTrigger+string(f.How)
	return e.do(ctx, &run{Engine: e, src: src, req: req, forget: &forgetting{Forgetting: f}})
}

// EndedByParting is the trigger of runs that deactivate the people of a source that
// is given up.
const EndedByParting = partTrigger + string(PartDeactivate)

// EndGrace deletes whom a parting deactivated when they have been away for the
// grace, and does nothing else. It is not held: whoever approved the parting was
// told of it. The source must not be in the configuration any more, and the parting
// must have ended longer ago than the grace.
func (e *Engine) EndGrace(ctx context.Context, src *Source, grace time.Duration) (*registry.Run, error) {
	src.Reader, src.OnMissing, src.Policy, src.DeleteAfter = nobody{}, true, plan.ModeSync, grace
	return e.do(ctx, &run{
		Engine: e, src: src, req: Request{Mode: registry.ModeRun, Trigger: EndedByParting, Full: true},
		forget: &forgetting{Forgetting: Forgetting{How: PartDeactivate}, graceOver: true},
	})
}

// nobody is a source that has nobody any more, and knows it.
type nobody struct{ source.Source }

func (nobody) Read(context.Context, source.Request, func(source.Entry) error) (source.Summary, error) {
	return source.Summary{Complete: true, Full: true}, nil
}

// part makes the plan one of parting. A plan of deactivating is what a read of
// nobody gives.
func (r *run) part(ctx context.Context, state *plan.State) error {
	f := r.forget
	if f.graceOver {
		r.plan.Users = slices.DeleteFunc(r.plan.Users, func(c plan.UserChange) bool { return c.Action != registry.ActionDelete })
		r.plan.Groups, r.plan.Members, r.plan.Troubles, r.plan.Missing = nil, nil, nil, 0
	}
	if f.How == PartDeactivate {
		return nil
	}
	if f.How == PartTo {
		if err := r.findHeirs(ctx, state); err != nil {
			return err
		}
	}
	r.plan.Users, r.plan.Groups, r.plan.Members, r.plan.Troubles, r.plan.Missing = nil, nil, nil, nil, 0
	for i := range state.Users {
		k := &state.Users[i]
		if _, ok := f.users[k.Anchor]; k.Deleted || f.How == PartTo && !ok {
			continue
		}
		r.plan.Users = append(r.plan.Users, plan.UserChange{Action: registry.ActionUpdate, Anchor: k.Anchor, Seen: -1, User: k.User, Reason: codeHandedOver})
	}
	for i := range state.Groups {
		g := &state.Groups[i]
		if _, ok := f.groups[g.Anchor]; g.Deleted || f.How == PartTo && !ok {
			continue
		}
		r.plan.Groups = append(r.plan.Groups, plan.GroupChange{Action: registry.ActionUpdate, Anchor: g.Anchor, Seen: -1, Group: g.Group, Name: g.Name})
	}
	r.plan.Sort()
	return nil
}

// judgeParting holds the run, unless somebody approved this very plan.
func (r *run) judgeParting() {
	r.row.PlanHash = r.forget.hash(r.row.PlanHash)
	if r.req.Approved != nil && r.req.Approved.PlanHash == r.row.PlanHash || r.plan.Empty() || r.forget.graceOver {
		return
	}
	l := registry.Limit{Name: plan.LimitEmpty, Count: int64(len(r.plan.Users)), Rule: r.forget.words(r.plan)}
	if r.forget.Heir != nil {
		l.Group = r.forget.Heir.State.Key
	}
	r.row.Limits, r.row.Code, r.row.Message = []registry.Limit{l}, "guard", limitWords([]registry.Limit{l})
	if r.req.Mode == registry.ModeRun {
		r.row.State = registry.RunHeld
	}
}

// hash identifies a plan with whom each record of it becomes.
func (f *forgetting) hash(planned string) string {
	sum := sha256.New()
	_, _ = fmt.Fprintf(sum, "%s %s %d", planned, f.How, f.To.ID)
	for _, list := range []map[string]heir{f.users, f.groups} {
		for _, anchor := range slices.Sorted(maps.Keys(list)) {
			_, _ = fmt.Fprintf(sum, "|%q %q", anchor, list[anchor].anchor)
		}
	}
	return hex.EncodeToString(sum.Sum(nil)[:16])
}

// words say what a parting comes to.
func (f *forgetting) words(p *plan.Plan) registry.Said {
	people, groups := len(p.Users), len(p.Groups)
	switch f.How {
	case PartRelease:
		return registry.Say("the source is given up: %d people and %d groups become the company's own, as if made by hand", people, groups)
	case PartTo:
		return registry.Say("the source is given up: %d people and %d groups are handed over to %s", people, groups, f.Heir.State.Key)
	}
	return registry.Say("the source is given up: %d people and %d groups are deactivated or deleted; whoever is deactivated and does not come back is deleted after %d days",
		people, groups, int(PartingGrace/(24*time.Hour)))
}

// handUser and handGroup give one record into other hands.
func (f *forgetting) handUser(c plan.UserChange) registry.Op {
	h := f.users[c.Anchor]
	return registry.HandUser{Anchor: c.Anchor, To: f.To.ID, NewAnchor: h.anchor, Name: h.name, ByName: h.by == byName}
}

func (f *forgetting) handGroup(c plan.GroupChange) registry.Op {
	h := f.groups[c.Anchor]
	return registry.HandGroup{Anchor: c.Anchor, To: f.To.ID, NewAnchor: h.anchor, Name: h.name}
}

// tieWords say what ties a person, or a group, to the source that takes over.
func (r *run) tieWords(heirs map[string]heir, anchor string) registry.Said {
	h, ok := heirs[anchor]
	switch {
	case !ok:
		return ""
	case h.by == byName:
		return registry.Say("only the name is that of one of %s: the id %s becomes %s", r.forget.Heir.State.Key, anchor, h.anchor)
	case h.by == byID:
		return registry.Say("%s knows the same id, %s", r.forget.Heir.State.Key, anchor)
	}
	return registry.Say("%s has tied them already, and this source's id, %s, ends", r.forget.Heir.State.Key, anchor)
}

// hands reports whether the run gives records into other hands.
func (r *run) hands() bool { return r.forget != nil && r.forget.How != PartDeactivate }

// findHeirs reads the source that takes over and finds in it whom the old one has:
// by the same id, else by the same userName, and groups by the same name. Who has
// none stays as they are, and is told of.
func (r *run) findHeirs(ctx context.Context, state *plan.State) error {
	there, err := r.readHeir(ctx)
	if err != nil {
		return err
	}
	f := r.forget
	f.users, f.groups = map[string]heir{}, map[string]heir{}
	sameIDs := slices.ContainsFunc(state.Users, func(k plan.Known) bool { return there.users.has(k.Anchor) })
	var left []staying
	people, groups := 0, 0
	for i := range state.Users {
		k := &state.Users[i]
		h, ok := there.users.find(k.Anchor, k.Name, int64(k.User))
		why := mayHand(k, h, ok, sameIDs)
		switch {
		case why == "":
			f.users[k.Anchor] = h
		case !k.Deleted:
			left = append(left, staying{k, why, h.anchor})
			if why == CodeNoSuccessor {
				people++
			}
		}
	}
	if err := r.tellLeft(ctx, left); err != nil {
		return err
	}
	for i := range state.Groups {
		g := &state.Groups[i]
		if h, ok := there.groups.find(g.Anchor, hashed(registry.Key(g.Name)), int64(g.Group)); ok {
			f.groups[g.Anchor] = h
		} else if !g.Deleted {
			groups++
			r.report.skipped(ctx, registry.RunItem{Code: CodeNoSuccessor, Anchor: g.Anchor, Group: g.Group, Name: g.Name,
				Message: registry.Say("%s has no group with this id or name that is not another one there; the group stays as it is", f.Heir.State.Key)})
		}
	}
	if people+groups > 0 {
		r.row.Notes = append(r.row.Notes, registry.Say("People who stay with %s, because %s does not have them: %d; groups: %d. "+
			"When the others are handed over, these are released or deactivated by `usher source forget %s`.", r.src.State.Key, f.Heir.State.Key, people, groups, r.src.State.Key))
	}
	return r.report.err
}

// mayHand says what keeps somebody from being handed over, "" for nothing. A
// userName proves little: where both sources know people by the same ids, whoever
// has it under another one was made anew, and may be somebody else; and no name
// gives an account with rights away.
func mayHand(k *plan.Known, h heir, found, sameIDs bool) registry.Code {
	switch {
	case !found:
		return CodeNoSuccessor
	case h.by != byName, !k.Owned:
		return ""
	case sameIDs:
		return registry.CodeRecreated
	case k.Privileged:
		return registry.CodeProtectedAdmin
	case k.Protected:
		return registry.CodeProtected
	}
	return ""
}

// staying is somebody who is not handed over, why, and the id that the source that
// takes over has under their userName.
type staying struct {
	*plan.Known
	why   registry.Code
	there string
}

// tellLeft reports who is not handed over: whom the source that takes over does not
// have, and, as conflicts, of whom it is not sure that it has them.
func (r *run) tellLeft(ctx context.Context, left []staying) error {
	for chunk := range slices.Chunk(left, matchBatch) {
		ids := make([]registry.UserID, len(chunk))
		for i, k := range chunk {
			ids[i] = k.User
		}
		names, err := r.ledger.NameUsers(ctx, ids)
		if err != nil {
			return err
		}
		for _, k := range chunk {
			item := registry.RunItem{Code: k.why, Anchor: k.Anchor, User: k.User, Name: names[k.User].UserName, Message: r.stayWords(k, names[k.User].PublicID)}
			if k.why == CodeNoSuccessor {
				r.report.skipped(ctx, item)
			} else {
				r.report.conflict(ctx, item)
			}
		}
	}
	return nil
}

// stayWords say why somebody is not handed over, and what does it all the same.
func (r *run) stayWords(k staying, who string) registry.Said {
	heir := r.forget.Heir.State.Key
	mend := linkCommand(heir, k.there, who)
	switch k.why {
	case registry.CodeRecreated:
		return registry.Say("%s knows others by the same id, and has this userName under another one, %s: an entry made anew, maybe another person's. If it is the same person: %s", heir, k.there, mend)
	case registry.CodeProtectedAdmin:
		return registry.Say("%s has the userName only, under the id %s, and no name gives away an account with rights. If it is the same person: %s", heir, k.there, mend)
	case registry.CodeProtected:
		return registry.Say("%s has the userName only, under the id %s, and no name gives away a protected account. If it is the same person: %s", heir, k.there, mend)
	}
	return registry.Say("%s has nobody with this id or userName who is not somebody else there; the person stays as they are", heir)
}

// heirs are the people, or the groups, of the source that takes over.
type heirs struct {
	byAnchor map[string]string   // name by id
	byName   map[uint64][]string // ids by what they are called
	tied     map[string]int64    // whom an id belongs to already
}

func newHeirs() *heirs {
	return &heirs{byAnchor: map[string]string{}, byName: map[uint64][]string{}, tied: map[string]int64{}}
}

func (h *heirs) add(anchor, entry string, name uint64) {
	if !h.has(anchor) {
		h.byAnchor[anchor], h.byName[name] = entry, append(h.byName[name], anchor)
	}
}

// has reports whether the new source has somebody with this id.
func (h *heirs) has(anchor string) bool {
	_, ok := h.byAnchor[anchor]
	return ok
}

// find is the id of somebody at the new source: without one for whom it has tied
// already, and nothing where it is not clear or somebody else's.
func (h *heirs) find(anchor string, name uint64, key int64) (heir, bool) {
	by := byID
	if !h.has(anchor) {
		ids := h.byName[name]
		if len(ids) != 1 {
			return heir{}, false
		}
		anchor, by = ids[0], byName
	}
	switch tied, ok := h.tied[anchor]; {
	case !ok:
		return heir{anchor, h.byAnchor[anchor], by}, true
	case tied == key:
		return heir{}, true
	}
	return heir{}, false
}

// readHeir reads the source that takes over whole, and whom it has tied already.
func (r *run) readHeir(ctx context.Context) (out struct{ users, groups *heirs }, err error) {
	src := r.forget.Heir
	out.users, out.groups = newHeirs(), newHeirs()
	sum, err := src.Reader.Read(ctx, source.Request{}, func(e source.Entry) error {
		switch {
		case e.Anchor == "" || e.Problem != "" || e.OutOfScope != "":
		case e.Kind == source.Group:
			if g := src.Mapper.MapGroup(e.Values, e.Anchor, e.Name); g.InScope && len(g.Problems) == 0 {
				out.groups.add(strings.Clone(e.Anchor), strings.Clone(e.Name), hashed(registry.Key(g.DisplayName)))
			}
		default:
			if p := src.Mapper.Map(e.Values, e.Disabled); p.InScope && len(p.Problems) == 0 {
				out.users.add(strings.Clone(e.Anchor), strings.Clone(e.Name), hashed(registry.Key(p.Attributes.First(registry.AttrUserName))))
			}
		}
		return nil
	})
	switch {
	case err != nil:
		return out, readError{fmt.Errorf("read %s: %w", src.State.Key, err)}
	case !sum.Complete:
		return out, readError{fmt.Errorf("read %s: %w: %s", src.State.Key, source.ErrProtocol, sum.Incomplete)}
	}
	origin := src.State.Origin.ID
	err = r.ledger.LinkedUsers(ctx, origin, func(l registry.LinkedUser) error {
		out.users.tied[l.Anchor] = int64(l.User)
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("load people of %s: %w", src.State.Key, err)
	}
	err = r.ledger.LinkedGroups(ctx, origin, func(l registry.LinkedGroup) error {
		out.groups.tied[l.Anchor] = int64(l.Group)
		return nil
	})
	if err != nil {
		return out, fmt.Errorf("load groups of %s: %w", src.State.Key, err)
	}
	return out, nil
}
