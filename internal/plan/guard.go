package plan

import (
	"cmp"
	"maps"
	"slices"

	"github.com/usherd/usher/internal/registry"
)

// Threshold is one limit of the guard: held beyond Count, or beyond Percent of
// what there is when more than Floor would be touched.
type Threshold struct {
	Count   int64
	Percent float64
	Floor   int64
}

// Limits are the guard's limits of a source. A limit left zero lets nothing
// pass.
type Limits struct {
	Deactivate       Threshold // of the people who are enabled
	Delete           Threshold // of the people there are
	GroupDelete      Threshold // of the groups there are
	MembershipRemove Threshold // of the memberships the source gave, in all
	// MembershipRemovePerGroup is of the members the source gave one group.
	MembershipRemovePerGroup Threshold
	Rename                   Threshold // of the people there are
	MailChange               Threshold // likewise
	Create                   Threshold // likewise
	Adopt                    Threshold // likewise
	// Minimum is the least population: held below Count people in scope, or
	// below Percent of the last finished run's when more than Floor are fewer.
	Minimum Threshold
}

// CountsOnly are the limits for a plan about single people, who are no measure
// for a percentage or for a population.
func (l Limits) CountsOnly() Limits {
	for _, t := range []*Threshold{
		&l.Deactivate, &l.Delete, &l.GroupDelete, &l.MembershipRemove, &l.MembershipRemovePerGroup, &l.Rename, &l.MailChange, &l.Create, &l.Adopt,
	} {
		t.Percent = 100
	}
	l.Minimum = Threshold{}
	return l
}

// The names of the guard's limits.
const (
	LimitDeactivate = "deactivate"
	// LimitDelete is for deletions after the grace.
	LimitDelete           = "delete"
	LimitGroupDelete      = "group_delete"
	LimitMembershipRemove = "membership_remove"
	LimitMembersOfGroup   = "membership_remove_per_group"
	LimitRename           = "rename"
	LimitMailChange       = "mail_change"
	LimitCreate           = "create"
	// LimitAdopt is for people who are taken over by objects made anew: their
	// passwords end.
	LimitAdopt   = "adopt"
	LimitMinimum = "minimum_population"
	// LimitSettings is passed when the settings are others than those of the last
	// finished run and more would go than the floors of the limits: what a
	// changed filter removes is looked at however small the limits find it.
	LimitSettings = "settings_changed"
	// LimitEmpty is passed by a source that gives nobody, or no group where
	// there were some. No setting lifts it.
	LimitEmpty = "empty"
)

// History is what the guard has to know of the runs before.
type History struct {
	// First is true while no run of the source was ever finished: then creations
	// are no burst.
	First bool
	// InScope is how many people the last finished run had in scope, 0 when that
	// is not known.
	InScope int64
	// SettingsChanged is true when that run had other settings, and the source
	// wants to be held for it.
	SettingsChanged bool
}

// Allowance is the harm that an admin approved: these records and no others.
type Allowance struct {
	// By anchor.
	Deactivate, Delete, GroupDelete, Rename, MailChange, Create, Adopt map[string]bool

	Remove      map[string]map[registry.UserID]bool
	RemoveGroup map[string]map[registry.GroupID]bool
	Empty       bool
	// Population is how small a population was approved, 0 for none.
	Population int64
}

// tally is how many records a limit counts, and why.
type tally struct {
	n       int64
	reasons map[leaving]int64
}

// leaving is a reason in words that take a count; name is the group that those
// who leave are members of, "" where it is about none.
type leaving struct {
	words registry.Format
	name  string
}

func (t *tally) add(n int64, words registry.Format) { t.addOf(n, leaving{words: words}) }

func (t *tally) addOf(n int64, reason leaving) {
	if n == 0 {
		return
	}
	t.n += n
	if t.reasons == nil {
		t.reasons = map[leaving]int64{}
	}
	t.reasons[reason] += n
}

// say counts the reason.
func (l leaving) say(n int64) registry.Said {
	if l.name != "" {
		return registry.Say(l.words, n, l.name)
	}
	return registry.Say(l.words, n)
}

// shownReasons is how many reasons a limit names.
const shownReasons = 3

// top are the most frequent reasons.
func (t *tally) top() []registry.Said {
	names := slices.Collect(maps.Keys(t.reasons))
	slices.SortFunc(names, func(a, b leaving) int {
		return cmp.Or(cmp.Compare(t.reasons[b], t.reasons[a]), cmp.Compare(a.words, b.words), cmp.Compare(a.name, b.name))
	})
	var out []registry.Said
	rest := int64(0)
	for i, name := range names {
		if i < shownReasons {
			out = append(out, name.say(t.reasons[name]))
			continue
		}
		rest += t.reasons[name]
	}
	if rest > 0 {
		out = append(out, registry.Say("%d more", rest))
	}
	return out
}

// groupLoss is what one group would lose.
type groupLoss struct {
	anchor, name string
	n, of        int64
}

// harm is what a plan would do that the guard counts, less what was approved.
type harm struct {
	deactivate, deleted, groups, members, rename, mail, create, adopt tally
	perGroup                                                          []groupLoss
}

// leavingWords are the reasons of deactivations in words.
var leavingWords = map[string]registry.Format{"": "%d disabled in the directory", "missing": "%d missing", "out_of_scope": "%d out of scope"}

func (p *Plan) harm(allowed *Allowance) *harm {
	h := &harm{}
	for i := range p.Users {
		h.user(&p.Users[i], allowed)
	}
	for _, c := range p.Groups {
		switch {
		case allowed.GroupDelete[c.Anchor]:
		case c.Action == registry.ActionDelete:
			h.groups.add(1, "%d missing")
		case c.Action == registry.ActionMissing:
			h.lose(c.Anchor, c.Name, int64(c.Members), int64(c.Members), leaving{words: "%d as their group is out of scope"})
		}
	}
	for _, c := range p.Members {
		n := int64(0)
		for _, id := range c.RemoveUsers {
			if !allowed.Remove[c.Anchor][id] {
				n++
			}
		}
		for _, id := range c.RemoveGroups {
			if !allowed.RemoveGroup[c.Anchor][id] {
				n++
			}
		}
		h.lose(c.Anchor, c.Name, n, int64(c.Of), leaving{"%d from %s", cmp.Or(c.Name, c.Anchor)})
	}
	return h
}

func (h *harm) user(c *UserChange, allowed *Allowance) {
	switch {
	case c.Moot:
		return
	case c.Action == registry.ActionDeactivate && !allowed.Deactivate[c.Anchor]:
		h.deactivate.add(1, leavingWords[c.Reason])
	case c.Action == registry.ActionDelete && !allowed.Delete[c.Anchor]:
		h.deleted.add(1, "%d past their grace")
	case c.Action == registry.ActionRename && !allowed.Rename[c.Anchor]:
		h.rename.add(1, "%d renamed in the directory")
	case c.Action == registry.ActionCreate && !allowed.Create[c.Anchor]:
		h.create.add(1, "%d new in the directory")
	}
	if c.Was != "" && !allowed.Adopt[c.Anchor] {
		h.adopt.add(1, "%d made anew under another id")
	}
	if c.Mail && !allowed.MailChange[c.Anchor] {
		h.mail.add(1, "%d with another address in the directory")
	}
}

// lose counts memberships that end.
func (h *harm) lose(anchor, name string, n, of int64, reason leaving) {
	if n == 0 {
		return
	}
	h.members.addOf(n, reason)
	h.perGroup = append(h.perGroup, groupLoss{anchor: anchor, name: cmp.Or(name, anchor), n: n, of: of})
}

// Guard judges a plan: the limits it passes, none when it may be applied. What
// an admin approved is not counted again.
func Guard(p *Plan, limits Limits, history History, allowed *Allowance) []registry.Limit {
	if allowed == nil {
		allowed = &Allowance{}
	}
	h := p.harm(allowed)
	var out []registry.Limit
	if l, held := p.empty(); held {
		if !allowed.Empty {
			out = append(out, l)
		}
	} else if l, held := p.sparse(limits.Minimum, history.InScope); held && (allowed.Population == 0 || p.inScope < allowed.Population) {
		out = append(out, l)
	}
	check := func(name string, t Threshold, count *tally, of int64) {
		if rule := t.passed(count.n, of); rule != "" {
			out = append(out, registry.Limit{Name: name, Count: count.n, Of: of, Rule: rule, Reasons: count.top()})
		}
	}
	check(LimitDeactivate, limits.Deactivate, &h.deactivate, p.activeUsers)
	check(LimitDelete, limits.Delete, &h.deleted, p.livingUsers)
	check(LimitGroupDelete, limits.GroupDelete, &h.groups, p.liveGroups)
	check(LimitMembershipRemove, limits.MembershipRemove, &h.members, p.memberships)
	out = append(out, h.lossOfGroups(limits.MembershipRemovePerGroup)...)
	check(LimitRename, limits.Rename, &h.rename, p.livingUsers)
	check(LimitMailChange, limits.MailChange, &h.mail, p.livingUsers)
	check(LimitAdopt, limits.Adopt, &h.adopt, p.livingUsers)
	if !history.First {
		check(LimitCreate, limits.Create, &h.create, p.livingUsers)
	}
	if l, held := h.settings(limits, p); held && history.SettingsChanged {
		out = append(out, l)
	}
	return out
}

// shownGroups is how many groups that lose too many members are named.
const shownGroups = 10

// lossOfGroups names the groups that lose too many members, the worst first.
func (h *harm) lossOfGroups(t Threshold) []registry.Limit {
	slices.SortFunc(h.perGroup, func(a, b groupLoss) int { return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.anchor, b.anchor)) })
	var out []registry.Limit
	for _, g := range h.perGroup {
		if rule := t.passed(g.n, g.of); rule != "" && len(out) < shownGroups {
			out = append(out, registry.Limit{Name: LimitMembersOfGroup, Count: g.n, Of: g.of, Rule: rule, Group: g.name})
		}
	}
	return out
}

// settings reports more removals than the floors of the limits let pass.
func (h *harm) settings(limits Limits, p *Plan) (registry.Limit, bool) {
	total, passed := tally{}, false
	for _, x := range []struct {
		n, floor int64
		what     registry.Format
	}{
		{h.deactivate.n, limits.Deactivate.Floor, "%d deactivations"}, {h.deleted.n, limits.Delete.Floor, "%d deletions"},
		{h.groups.n, limits.GroupDelete.Floor, "%d deleted groups"}, {h.members.n, limits.MembershipRemove.Floor, "%d removed memberships"},
	} {
		total.add(x.n, x.what)
		passed = passed || x.n > x.floor
	}
	return registry.Limit{Name: LimitSettings, Count: total.n, Of: p.livingUsers + p.liveGroups + p.memberships,
		Rule: registry.Say("the source's settings are not those of the last finished run, and it would remove more than the floors let pass"), Reasons: total.top()}, passed
}

// empty reports a source that gave nothing where something must be.
func (p *Plan) empty() (registry.Limit, bool) {
	switch {
	case p.seenUsers == 0:
		return registry.Limit{Name: LimitEmpty, Of: p.livingUsers, Rule: registry.Say("the source gave no person at all")}, true
	case p.inScope == 0:
		return registry.Limit{Name: LimitEmpty, Of: p.livingUsers, Rule: registry.Say("the scope leaves out everyone, all %d people of the source", p.seenUsers)}, true
	case p.seenGroups == 0 && p.liveGroups > 0:
		return registry.Limit{Name: LimitEmpty, Of: p.liveGroups, Rule: registry.Say("the source gave no group at all")}, true
	case p.groupsInScope == 0 && p.liveGroups > 0:
		return registry.Limit{Name: LimitEmpty, Of: p.liveGroups, Rule: registry.Say("the scope leaves out every group, all %d of the source", p.seenGroups)}, true
	}
	return registry.Limit{}, false
}

// sparse reports a population that shrank too far. An incomplete read says
// nothing about it.
func (p *Plan) sparse(least Threshold, before int64) (registry.Limit, bool) {
	l := registry.Limit{Name: LimitMinimum, Count: p.inScope, Of: before}
	switch fewer := before - p.inScope; {
	case !p.complete:
		return l, false
	case p.inScope < least.Count:
		l.Rule = registry.Say("fewer than %d", least.Count)
	case fewer > least.Floor && float64(p.inScope)*100 < least.Percent*float64(before):
		l.Rule = registry.Say("fewer than %s %% of the last run's", least.Percent)
	default:
		return l, false
	}
	return l, true
}

// passed says which side of the threshold is passed, "" for none.
func (t Threshold) passed(count, of int64) registry.Said {
	switch {
	case count > t.Count:
		return registry.Say("more than %d", t.Count)
	case count > t.Floor && of > 0 && float64(count)*100 > t.Percent*float64(of):
		return registry.Say("more than %s %%", t.Percent)
	}
	return ""
}
