package config

import "math"

// JoinRule is a rule by which a new person may be tied to an existing user: an
// attribute, written alone, or an attribute and the expression to compare it
// with.
type JoinRule struct {
	// Attribute is userName, email or employeeNumber.
	Attribute string `yaml:"attribute"`
	// Value is an expression over the entry; "" is the person's own attribute.
	Value string `yaml:"value"`
}

// UnmarshalText reads an attribute alone.
func (r *JoinRule) UnmarshalText(text []byte) error {
	*r = JoinRule{Attribute: string(text)}
	return nil
}

// Attribute is where a user attribute comes from: an expression, written alone,
// or an expression and how it is written.
type Attribute struct {
	Value string `yaml:"value"`
	Write Write  `yaml:"write"`
}

// UnmarshalText reads an expression alone.
func (a *Attribute) UnmarshalText(text []byte) error {
	*a = Attribute{Value: string(text)}
	return nil
}

// Write says when a directory's value of an attribute is written.
type Write string

// The answers to write.
const (
	WriteAlways  Write = "always"   // the same as not said
	WriteIfEmpty Write = "if-empty" // where there is no value, or the directory's own
	WriteNever   Write = "never"    // the value is only shown as what the directory says
)

// GroupTarget is what a group of the map becomes: a name, written alone, or a
// name and a role.
type GroupTarget struct {
	// Name is the group's name in the registry; "" leaves the directory's.
	Name string `yaml:"name"`
	// Role is support, or "" for an ordinary group.
	Role string `yaml:"role"`
}

// UnmarshalText reads a name alone.
func (g *GroupTarget) UnmarshalText(text []byte) error {
	*g = GroupTarget{Name: string(text)}
	return nil
}

// OnRecreate is what becomes of a new entry with the name of somebody whose own
// entry is gone.
type OnRecreate string

// The answers to on_recreate.
const (
	RecreateConflict OnRecreate = "conflict" // an admin decides
	RecreateNew      OnRecreate = "new"      // another person, once the name is free
	RecreateAdopt    OnRecreate = "adopt"    // the same person, whose password ends
)

// Policy is how much of what a run finds it carries out.
type Policy string

// The answers to policy.
const (
	PolicySync       Policy = "sync"
	PolicyUpsertOnly Policy = "upsert-only" // nobody is deactivated, deleted or removed
	PolicyCreateOnly Policy = "create-only" // who is there is left alone
	PolicyReportOnly Policy = "report-only" // nothing is carried out
)

// SettingsChange says whether a run after a change of the source's settings is
// held when it would remove more than the floors.
type SettingsChange string

// The answers to guard.settings_change.
const (
	SettingsHold  SettingsChange = "hold"
	SettingsAllow SettingsChange = "allow"
)

// Guard holds a run that would change more than this.
type Guard struct {
	Deactivate Limit `yaml:"deactivate"`
	// Delete is for deletions after the grace; what is not written is as in
	// Deactivate.
	Delete           Limit `yaml:"delete"`
	GroupDelete      Limit `yaml:"group_delete"`
	MembershipRemove Limit `yaml:"membership_remove"`
	// MembershipRemovePerGroup is for the members of one group.
	MembershipRemovePerGroup Limit `yaml:"membership_remove_per_group"`
	Rename                   Limit `yaml:"rename"`
	// MailChange is for primary addresses that change.
	MailChange Limit `yaml:"mail_change"`
	// Create is for new people, from the second run on. Its percent may pass 100.
	Create Limit `yaml:"create"`
	// Adopt is for people who become those of entries made anew. What is not said is
	// as in Deactivate: their passwords end.
	Adopt Limit `yaml:"adopt"`
	// Minimum holds a run with fewer than Count people in scope, or fewer than
	// Percent of the last run's when more than Floor are lacking.
	Minimum        Limit          `yaml:"minimum"`
	SettingsChange SettingsChange `yaml:"settings_change"`
}

// Limit is passed by more than Count changes, or by more than Percent of what
// there is when the changes are also more than Floor.
type Limit struct {
	Count   int `yaml:"count"`
	Percent int `yaml:"percent"`
	Floor   int `yaml:"floor"`
}

// unwritten stands for a number that the file does not say.
const unwritten = math.MinInt32

func defaultGuard() Guard {
	return Guard{
		Deactivate:               Limit{Count: 50, Percent: 10, Floor: 5},
		Delete:                   Limit{Count: unwritten, Percent: unwritten, Floor: unwritten},
		GroupDelete:              Limit{Count: 5, Percent: 10, Floor: 1},
		MembershipRemove:         Limit{Count: 200, Percent: 20, Floor: 10},
		MembershipRemovePerGroup: Limit{Count: 100, Percent: 50, Floor: 10},
		Rename:                   Limit{Count: 100, Percent: 10, Floor: 10},
		MailChange:               Limit{Count: 100, Percent: 10, Floor: 10},
		Create:                   Limit{Count: 500, Percent: 50, Floor: 50},
		Adopt:                    Limit{Count: unwritten, Percent: unwritten, Floor: unwritten},
		Minimum:                  Limit{Percent: 50, Floor: 5},
		SettingsChange:           SettingsHold,
	}
}

// complete fills in the limits that are those of Deactivate where nothing else is
// said.
func (g *Guard) complete() {
	g.Delete.inherit(g.Deactivate)
	g.Adopt.inherit(g.Deactivate)
}

// inherit fills in what a limit leaves to another.
func (l *Limit) inherit(from Limit) {
	for _, x := range []struct {
		to   *int
		from int
	}{{&l.Count, from.Count}, {&l.Percent, from.Percent}, {&l.Floor, from.Floor}} {
		if *x.to == unwritten {
			*x.to = x.from
		}
	}
}
