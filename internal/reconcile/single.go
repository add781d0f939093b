package reconcile

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/usherd/usher/internal/mapping"
	"github.com/usherd/usher/internal/plan"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// Reasons single people cannot be looked for.
var (
	ErrNoFinder = errors.New("this kind of source cannot look for single people")
	ErrNoFailed = errors.New("the run has no failed records to try again")
)

// The steps from a person at a source to what becomes of them.
const (
	StepFound   = "found"
	StepMapped  = "mapped"
	StepInScope = "in scope"
	StepMatched = "matched"
	StepAction  = "action"
)

// Step is one of the five, with what it went by.
type Step struct {
	Name string
	// OK is false for the step at which the way ends.
	OK bool
	// Text says in a sentence what came out.
	Text registry.Said
	// Evidence are the values the step went by.
	Evidence []Evidence
}

// Evidence is a named value.
type Evidence struct{ Name, Value registry.Said }

// fact is a value as evidence, by a name of ours.
func fact(name registry.Format, value any) Evidence {
	return Evidence{registry.Say(name), registry.Verbatim(fmt.Sprint(value))}
}

// field is what there is to say of an attribute.
func field(name string, value registry.Said) Evidence {
	return Evidence{registry.Verbatim(name), value}
}

// Single is what a look at one person showed, and did.
type Single struct {
	Steps []Step
	// Run is the run that changed the person or, in a preview, would; nil where
	// the way ended before.
	Run *registry.Run
}

func (s *Single) step(name string, ok bool, evidence []Evidence, format registry.Format, args ...any) bool {
	s.Steps = append(s.Steps, Step{Name: name, OK: ok, Text: registry.Say(format, args...), Evidence: evidence})
	return ok
}

// findLimit is how many people a look for one shows when several fit.
const findLimit = 5

// One looks at one person and, unless the request is a preview, does what a run
// would do about them: nothing else, and never because of an absence. Their
// memberships follow with the next run.
func (e *Engine) One(ctx context.Context, src *Source, who string, req Request) (*Single, error) {
	finder, ok := src.Reader.(source.Finder)
	if !ok {
		return nil, ErrNoFinder
	}
	out := &Single{}
	entry, err := e.find(ctx, finder, src, who, out)
	if err != nil || entry == nil {
		return out, err
	}
	if !out.mapped(src.Mapper.Map(entry.Values, entry.Disabled), src.Scope) {
		return out, nil
	}
	r := &run{Engine: e, src: src, req: req, only: func(_ context.Context, emit func(source.Entry) error) error { return emit(*entry) }}
	if r.req.Mode == registry.ModeRun {
		r.req.Mode = registry.ModeOne
	}
	if out.Run, err = e.do(ctx, r); err != nil {
		return out, err
	}
	if r.plan != nil {
		out.concluded(r)
	}
	return out, nil
}

// find is the first step: the entry, or nil where the way ends.
func (e *Engine) find(ctx context.Context, finder source.Finder, src *Source, who string, out *Single) (*source.Entry, error) {
	entries, err := finder.Find(ctx, who, findLimit)
	if err != nil {
		return nil, err
	}
	var user *registry.User
	// Namesakes that a run does not see are in nobody's way.
	if in := slices.DeleteFunc(slices.Clone(entries), func(x source.Entry) bool { return x.Excluded != "" }); len(in) > 0 {
		entries = in
	} else {
		var tied []source.Entry
		if user, tied, err = e.known(ctx, finder, src, who); err != nil {
			return nil, err
		}
		if user != nil {
			entries = tied
		}
	}
	switch {
	case len(entries) == 0 && user != nil:
		out.step(StepFound, false, nil, "the directory has nobody like that now. %s is tied to this source, and only a complete read may judge them missing", user.UserName())
		return nil, nil
	case len(entries) == 0:
		out.step(StepFound, false, nil, "neither the directory nor the registry knows anybody by %q", who)
		return nil, nil
	case len(entries) > 1:
		var names []Evidence
		for _, x := range entries {
			names = append(names, field(x.Anchor, registry.Verbatim(x.Name)))
		}
		out.step(StepFound, false, names, "more than one fits %q; ask by one of these ids", who)
		return nil, nil
	}
	entry := entries[0]
	evidence := []Evidence{fact("id", entry.Anchor), fact("marker", entry.Marker)}
	switch {
	case entry.Problem != "":
		out.step(StepFound, false, evidence, "%s: %s", entry.Name, entry.Problem)
	case entry.Excluded != "":
		out.step(StepFound, false, evidence, "%s is there, but a run does not see it: %s", entry.Name, entry.Excluded)
	default:
		out.step(StepFound, true, evidence, "%s", entry.Name)
		return &entry, nil
	}
	return nil, nil
}

// known looks for somebody by what the registry calls them, and fetches them
// from the source by their id.
func (e *Engine) known(ctx context.Context, finder source.Finder, src *Source, who string) (user *registry.User, entries []source.Entry, err error) {
	ledger := e.Ledger(src.State.Company)
	user, err = ledger.FindUser(ctx, who)
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	anchors, err := ledger.Anchors(ctx, src.State.Origin.ID, user.ID)
	if err != nil || len(anchors) == 0 {
		return nil, nil, err // of this source's people only
	}
	err = finder.Fetch(ctx, anchors, func(x source.Entry) error { entries = append(entries, x); return nil })
	return user, entries, err
}

// mapped is the second and the third step.
func (s *Single) mapped(p mapping.Person, scope string) bool {
	var evidence []Evidence
	for _, x := range p.Problems {
		evidence = append(evidence, field(x.Attribute, x.Message))
	}
	if len(p.Problems) > 0 {
		return s.step(StepMapped, false, evidence, "the record cannot be used")
	}
	if !p.InScope {
		s.step(StepMapped, true, nil, "the scope was looked at first")
		// Not the end: somebody tied who leaves the scope is acted on.
		return s.step(StepInScope, true, nil, "no: %s", scope)
	}
	for _, def := range registry.AttributeDefs() {
		if v := p.Attributes[def.Name]; len(v) > 0 {
			evidence = append(evidence, field(def.Name, registry.Verbatim(strings.Join(v, ", "))))
		}
	}
	for _, x := range p.Warnings {
		evidence = append(evidence, field(x.Attribute, x.Message))
	}
	evidence = append(evidence, Evidence{registry.Say("enabled"), yesNo(p.Enabled)}, Evidence{registry.Say("kind"), registry.Word(p.Kind)})
	s.step(StepMapped, true, evidence, "%d attributes", len(p.Attributes))
	if scope == "" {
		return s.step(StepInScope, true, nil, "yes: the source has no scope")
	}
	return s.step(StepInScope, true, nil, "yes: %s", scope)
}

func yesNo(yes bool) registry.Said {
	if yes {
		return registry.Say("yes")
	}
	return registry.Say("no")
}

// concluded are the last two steps, as the run took them.
func (s *Single) concluded(r *run) {
	seen := &r.snap.Users[0]
	id := r.plan.UserOf(0)
	var change *plan.UserChange
	if len(r.plan.Users) > 0 {
		change = &r.plan.Users[0]
		id = max(id, change.User)
	}
	for _, t := range r.plan.Troubles {
		reason, _ := registry.ReasonOf(string(t.Code))
		s.step(StepMatched, false, nil, "%s: %s %s", t.Code, reason.Meaning, reason.Action)
		return
	}
	switch {
	case change != nil && change.Action == registry.ActionJoin:
		var rules []string
		for _, rule := range r.src.Join {
			rules = append(rules, rule.Attribute)
		}
		s.step(StepMatched, true, []Evidence{fact("person", id)}, "by the source's join rules (%s)", strings.Join(rules, ", "))
	case change != nil && change.Action == registry.ActionCreate:
		s.step(StepMatched, true, nil, "nobody is tied to this id, and no join rule finds anybody: a new person")
	case id != 0 || len(r.loaded.Users) > 0:
		s.step(StepMatched, true, []Evidence{fact("person", id)}, "by the id %s, tied to this source", seen.Anchor)
	default:
		s.step(StepMatched, false, nil, "nobody is tied to this id, and there is nothing to do about it")
		return
	}
	switch {
	case change == nil:
		s.step(StepAction, true, nil, "nothing to do: the registry says what the directory says")
	case r.row.State == registry.RunFailed:
		s.step(StepAction, false, nil, "%s", r.row.Message)
	case len(r.results) == 0:
		s.step(StepAction, false, nil, "%s waits: %s", registry.Word(change.Action), r.row.Message)
	default:
		s.acted(change, r.results[0])
	}
}

// acted is the last step.
func (s *Single) acted(c *plan.UserChange, res registry.Result) {
	if res.Refused != nil {
		s.step(StepAction, false, nil, "%s refused, %s: %s", registry.Word(c.Action), res.Refused.Code, res.Refused.Message)
		return
	}
	action, why := c.Action, c.Reason
	var evidence []Evidence
	if res.Change != nil {
		action = res.Change.Action
		p := res.Change.Payload
		var names []string
		for name := range p.Before {
			names = append(names, name)
		}
		for name := range p.After {
			if _, both := p.Before[name]; !both {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		for _, name := range names {
			evidence = append(evidence, field(name, registry.Verbatim(strings.Join(p.Before[name], ", ")+" → "+strings.Join(p.After[name], ", "))))
		}
	}
	if res.Mailed {
		evidence = append(evidence, Evidence{registry.Say("set-up mail"), registry.Word("queued")})
	}
	s.step(StepAction, true, evidence, "%s", registry.Word(strings.TrimSpace(string(action)+" "+why)))
}

// Retry does again what failed or conflicted in a run, and nothing else. Who is
// not at the source any more is left for a complete read to judge.
func (e *Engine) Retry(ctx context.Context, src *Source, failed *registry.Run, req Request) (*registry.Run, error) {
	finder, ok := src.Reader.(source.Finder)
	if !ok {
		return nil, ErrNoFinder
	}
	names := map[string]string{}
	var anchors []string
	err := e.Ledger(failed.Company).Items(ctx, failed.ID, func(it registry.RunItem) error {
		if _, twice := names[it.Anchor]; it.Anchor != "" && !twice {
			names[it.Anchor] = it.Name
			anchors = append(anchors, it.Anchor)
		}
		return nil
	}, registry.OutcomeFailed, registry.OutcomeConflict)
	if err != nil {
		return nil, err
	}
	if len(anchors) == 0 {
		return nil, ErrNoFailed
	}
	req.Mode = registry.ModeRetry
	r := &run{Engine: e, src: src, req: req, left: failed.ID}
	r.only = func(ctx context.Context, emit func(source.Entry) error) error {
		err := finder.Fetch(ctx, anchors, func(x source.Entry) error {
			if x.Excluded != "" {
				return nil
			}
			delete(names, x.Anchor)
			return emit(x)
		})
		for _, anchor := range anchors {
			if name, lost := names[anchor]; lost && err == nil {
				r.report.skipped(ctx, registry.RunItem{Code: CodeNotThere, Anchor: anchor, Name: name,
					Message: registry.Say("no person with this id is there to be read now; groups, and whoever is gone, are for a complete run")})
			}
		}
		return err
	}
	return e.do(ctx, r)
}
