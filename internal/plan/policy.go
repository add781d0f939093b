package plan

import (
	"maps"
	"slices"

	"github.com/usherd/usher/internal/registry"
)

// Mode is how much of a plan a source may carry out. It is a filter: it takes
// changes out, or takes from them what goes too far, and never adds one.
type Mode string

// The modes of a source.
const (
	ModeSync Mode = "sync" // all of it
	// ModeUpsertOnly deactivates, deletes and removes nothing. That somebody is
	// missing is noted.
	ModeUpsertOnly Mode = "upsert-only"
	// ModeCreateOnly makes people and groups, with their memberships, and leaves
	// alone who is there.
	ModeCreateOnly Mode = "create-only"
	// ModeReportOnly plans everything and carries nothing out, which is the
	// caller's part.
	ModeReportOnly Mode = "report-only"
)

// Withheld is how many changes of a kind a mode left out.
type Withheld struct {
	What  registry.Format // "%d deactivations", "%d members removed"
	Count int64
}

// restrict takes out of the plan what the mode does not allow.
func (p *Plan) restrict(mode Mode) {
	if mode != ModeUpsertOnly && mode != ModeCreateOnly {
		return
	}
	left := map[registry.Format]int64{}
	p.restrictUsers(mode, left)
	p.restrictGroups(mode, left)
	p.restrictMembers(mode, left)
	p.Managers = slices.DeleteFunc(p.Managers, func(c ManagerChange) bool {
		switch {
		case p.userOf[c.Seen] == 0, c.Manager >= 0 && p.userOf[c.Manager] == 0:
			return true // one of the two is not in the registry now
		case mode == ModeCreateOnly && p.userOf[c.Seen] != pending:
			left["%d managers"]++
			return true
		}
		return false
	})
	p.Troubles = slices.DeleteFunc(p.Troubles, func(t Trouble) bool { return t.Code == registry.CodeProtected })
	for _, what := range slices.Sorted(maps.Keys(left)) {
		p.Withheld = append(p.Withheld, Withheld{what, left[what]})
	}
}

// withheldWords are what changes that were left out are called.
var withheldWords = map[registry.Action]registry.Format{
	registry.ActionDeactivate: "%d deactivations", registry.ActionDelete: "%d deletions", registry.ActionJoin: "%d joins",
	registry.ActionRestore: "%d restorations", registry.ActionEnable: "%d restorations", registry.ActionRename: "%d renames",
	registry.ActionUpdate: "%d updates", registry.ActionMissing: "%d absences",
}

// withheldOfGroups are the same for changes of groups.
var withheldOfGroups = map[registry.Action]registry.Format{
	registry.ActionDelete: "%d group deletions", registry.ActionJoin: "%d group joins", registry.ActionRestore: "%d group restorations",
	registry.ActionRename: "%d group renames", registry.ActionUpdate: "%d group updates", registry.ActionMissing: "%d group absences",
}

func (p *Plan) restrictUsers(mode Mode, left map[registry.Format]int64) {
	out, cut := p.Users[:0], false
	for _, c := range p.Users {
		ends := c.Action == registry.ActionDeactivate || c.Action == registry.ActionDelete
		keep := c.Action == registry.ActionCreate || mode == ModeUpsertOnly && !ends
		if !keep {
			left[withheldWords[c.Action]]++
		}
		if mode == ModeUpsertOnly && c.Action == registry.ActionDeactivate && c.Seen < 0 && !c.gone {
			c.Action, keep = registry.ActionMissing, true
		}
		if !keep {
			if comesIn := c.Action == registry.ActionJoin || c.Action == registry.ActionRestore || c.Was != ""; comesIn {
				p.userOf[c.Seen] = 0
			}
			cut = true
			continue
		}
		c.Follows = c.Follows && !cut // who gave the name up is not before it any more
		cut = false
		out = append(out, c)
	}
	p.Users = out
}

func (p *Plan) restrictGroups(mode Mode, left map[registry.Format]int64) {
	p.Groups = slices.DeleteFunc(p.Groups, func(c GroupChange) bool {
		ends := c.Action == registry.ActionDelete || c.Action == registry.ActionMissing
		if c.Action == registry.ActionCreate || mode == ModeUpsertOnly && !ends {
			return false
		}
		if c.Action == registry.ActionRestore {
			p.groupOf[c.Seen] = 0
		}
		left[withheldOfGroups[c.Action]]++
		return true
	})
}

func (p *Plan) restrictMembers(mode Mode, left map[registry.Format]int64) {
	out := p.Members[:0]
	for _, c := range p.Members {
		if p.groupOf[c.Seen] == 0 {
			continue
		}
		if n := len(c.RemoveUsers) + len(c.RemoveGroups); n > 0 {
			left["%d members removed"] += int64(n)
		}
		c.RemoveUsers, c.RemoveGroups = nil, nil
		had := len(c.AddUsers) + len(c.AddGroups)
		c.AddUsers = slices.DeleteFunc(c.AddUsers, func(s int32) bool {
			return p.userOf[s] == 0 || mode == ModeCreateOnly && c.Group != 0 && p.userOf[s] != pending
		})
		c.AddGroups = slices.DeleteFunc(c.AddGroups, func(s int32) bool {
			return p.groupOf[s] == 0 || mode == ModeCreateOnly && c.Group != 0 && p.groupOf[s] != registry.GroupID(pending)
		})
		if n := had - len(c.AddUsers) - len(c.AddGroups); n > 0 {
			left["%d members added"] += int64(n)
		}
		if len(c.AddUsers)+len(c.AddGroups) > 0 {
			out = append(out, c)
		}
	}
	p.Members = out
}
