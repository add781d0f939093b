package patch

import (
	"strings"

	"github.com/usherd/usher/scim/filter"
)

// MemberStep is a change to a group's members that a backend carries out without
// looking at the others, in this order: those that Where selects leave; if Only,
// all leave who are not in Add; those in Remove leave; those in Add join. Nobody
// is in both lists, and nobody twice. Someone in Remove who is no member, or in
// Add who is one, is left alone.
type MemberStep struct {
	// Where is nil, or a filter over sub-attributes of members other than a list
	// of values: members[type eq "Group"].
	Where       filter.Expr
	Only        bool
	Remove, Add []Member
}

// Member is a member as an operation names it.
type Member struct {
	Value string // the id
	Type  string // "User", "Group", or "" where not said
}

// Members takes the operations on a group's members apart from the rest, and
// folds them into as few steps as keep their meaning: one, unless there is a
// filter on something else than value. There are none when no operation is on
// members. The error is an *Error.
//
// Removal without value, and replacement by nothing, mean everybody; removal
// with an array means those in it, and nobody if it is empty. What a member is
// does not change: a path into one is refused.
func Members(ops []Operation) (steps []MemberStep, rest []Operation, err error) {
	var f folder
	for i, op := range ops {
		if op.Path.Attr.URI != "" || !strings.EqualFold(op.Path.Attr.Name, "members") {
			rest = append(rest, op)
			continue
		}
		if failure := f.operation(op); failure != nil {
			failure.Operation = i
			return nil, nil, failure
		}
	}
	f.finish()
	return f.steps, rest, nil
}

// folder folds operations into the step it is at; the last word on a member
// counts.
type folder struct {
	steps []MemberStep
	where filter.Expr
	only  bool
	open  bool
	seen  map[string]int // index in said
	said  []word
}

// word is what is to become of a member.
type word struct {
	Member
	joins bool
}

func (f *folder) operation(op Operation) *Error {
	switch {
	case op.Kind != Add && op.Kind != Remove && op.Kind != Replace:
		return fail(InvalidSyntax, "%q is not add, remove or replace", op.Kind)
	case op.Path.Attr.Sub != "":
		return fail(Mutability, "members.%s does not change: remove the member and add another", op.Path.Attr.Sub)
	case op.Path.Filter != nil:
		return f.filtered(op)
	case op.Kind == Remove && op.Value == nil:
		f.reset()
		return nil
	}
	members, err := readMembers(op.Value)
	if err != nil {
		return err
	}
	if op.Kind == Replace {
		f.reset()
	}
	f.open = true
	for _, m := range members {
		f.say(word{m, op.Kind != Remove})
	}
	return nil
}

// filtered is a removal by filter, however it is written.
func (f *folder) filtered(op Operation) *Error {
	if op.Kind == Add {
		return fail(InvalidPath, "add takes members as its value, not by filter")
	}
	if op.Kind == Replace && !unassigned(op.Value) {
		return fail(Mutability, "a member does not change: remove it and add another")
	}
	ids, ok := values(op.Path.Filter, nil)
	if !ok {
		f.finish()
		f.open, f.where = true, op.Path.Filter
		return nil
	}
	f.open = true
	for _, id := range ids {
		f.say(word{Member{Value: id}, false})
	}
	return nil
}

// reset makes whatever came before void: everybody leaves.
func (f *folder) reset() { *f = folder{open: true, only: true} }

func (f *folder) say(w word) {
	if i, ok := f.seen[w.Value]; ok {
		if w.Type == "" {
			w.Type = f.said[i].Type
		}
		f.said[i] = w
		return
	}
	if f.seen == nil {
		f.seen = map[string]int{}
	}
	f.seen[w.Value] = len(f.said)
	f.said = append(f.said, w)
}

// finish closes the step, if one is open.
func (f *folder) finish() {
	if !f.open {
		return
	}
	step := MemberStep{Where: f.where, Only: f.only}
	for _, w := range f.said {
		switch {
		case w.joins:
			step.Add = append(step.Add, w.Member)
		case !f.only: // else they leave with everybody
			step.Remove = append(step.Remove, w.Member)
		}
	}
	*f = folder{steps: append(f.steps, step)}
}

// values reads a filter that lists members: value eq "a" or value eq "b".
func values(e filter.Expr, into []string) ([]string, bool) {
	switch e := e.(type) {
	case filter.Or:
		left, ok := values(e.Left, into)
		if !ok {
			return nil, false
		}
		return values(e.Right, left)
	case filter.Compare:
		id, isString := e.Value.(string)
		return append(into, id), isString && e.Op == filter.Equal && e.Attr.Sub == "value"
	}
	return nil, false
}

func readMembers(value any) ([]Member, *Error) {
	if unassigned(value) {
		return nil, nil
	}
	items := elements(value)
	members := make([]Member, 0, len(items))
	for _, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			return nil, fail(InvalidValue, "members takes objects with a value")
		}
		id, ok := object["value"].(string)
		if !ok || id == "" {
			return nil, fail(InvalidValue, "a member needs the id of a user or group as its value")
		}
		kind, _ := object["type"].(string)
		members = append(members, Member{Value: id, Type: kind})
	}
	return members, nil
}
