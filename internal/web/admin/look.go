package admin

import (
	"strings"

	"github.com/usherd/usher/internal/registry"
)

// Percent is how much of a whole a part is, 100 at most and for a whole of
// nothing.
func (p page) Percent(part, whole int64) int64 {
	if whole <= 0 || part >= whole {
		return 100
	}
	return part * 100 / whole
}

// Sum adds two figures.
func (p page) Sum(a, b int64) int64 { return a + b }

// Would reports whether the figures are of what would be done, not of what was.
func (v runView) Would() bool {
	return v.Run.Mode == registry.ModePreview || v.Run.State == registry.RunHeld || v.Run.State == registry.RunRejected || v.Run.State == registry.RunApproved
}

// Outcomes are those a report can be narrowed to.
func (runView) Outcomes() []string {
	out := []string{"changed"}
	for _, o := range []registry.Outcome{
		registry.OutcomeFailed, registry.OutcomeConflict, registry.OutcomeSkipped, registry.OutcomeWarning, registry.OutcomeHeld, registry.OutcomePlanned,
	} {
		out = append(out, string(o))
	}
	return out
}

// Actions are those a report can be narrowed to.
func (runView) Actions() []string {
	var out []string
	for _, a := range []registry.Action{
		registry.ActionCreate, registry.ActionUpdate, registry.ActionRename, registry.ActionJoin, registry.ActionEnable, registry.ActionRestore,
		registry.ActionDeactivate, registry.ActionDelete, registry.ActionMembers,
	} {
		out = append(out, string(a))
	}
	return out
}

// Kinds are those a list of people can be narrowed to.
func (peopleView) Kinds() []string {
	return []string{string(registry.EndUser), string(registry.SupportStaff)}
}

// Does is what a person does and where, by which somebody who knows the company
// tells two of one name apart.
func (p page) Does(u *registry.User) string {
	var said []string
	for _, name := range []string{registry.AttrTitle, registry.AttrDepartment} {
		said = append(said, u.Attributes[name]...)
	}
	return strings.Join(said, ", ")
}
