package registry

import (
	"slices"
)

// parting is who gets what when a merge is undone. What nobody touched since goes
// back to what it was. What changed since is the loser's where a tie says it that
// goes back with them, and stays with the survivor where anybody else said it:
// nothing is lost either way, and what stays is named.
type parting struct {
	survivor, loser *User
	kept            *MergeKept
	// theirs are the ties that go back to the loser, rest those that stay.
	theirs, rest []*Link
	stayed       []string
}

// mayUndo holds what has to be as the merge left it.
func (u *unit) mayUndo(s *subject) *Error {
	m := u.merging
	if m.merge == nil {
		return Refuse(CodeNotFound, "there is no such merge")
	}
	m.survivor, m.loser = u.users[m.merge.Survivor], u.users[m.merge.Loser]
	if m.survivor == nil || m.loser == nil {
		return Refuse(CodeNotFound, "there is no such merge")
	}
	s.user = m.survivor
	switch {
	case !m.merge.UndoneAt.IsZero():
		return Refuse(CodeMergeOver, "the merge was undone already")
	case m.merge.Kept == nil:
		return Refuse(CodeMergeOver, "what undoing needs was erased")
	case !m.merge.UndoUntil.After(u.now):
		return Refuse(CodeMergeOver, "the time in which the merge could be undone is over")
	case !m.survivor.DeletedAt.IsZero():
		return Refuse(CodeMergeChanged, "%s is gone since: merged into somebody else or deleted. Undo that first", m.survivor.UserName())
	case m.survivor.Privileged():
		return Refuse(CodeProtectedAdmin, "%s has rights in the company since; take them away first", m.survivor.UserName())
	}
	for _, name := range m.merge.Kept.Names {
		if h, held := u.names[Key(name)]; held && h.User != m.survivor.ID && h.User != m.loser.ID {
			return Refuse(CodeUserNameTaken, "the userName %q belongs to somebody else since", name)
		}
	}
	return nil
}

// undoMerge separates the two again.
func (u *unit) undoMerge(i int, res *Result) {
	m, kept := u.merging, u.merging.merge.Kept
	survivor, loser := m.survivor, m.loser
	before, was := *survivor, facts(loser)
	before.Attributes = survivor.Attributes.Clone()
	p := &parting{survivor: survivor, loser: loser, kept: kept}
	for _, l := range m.holdings.Links[survivor.ID] {
		if slices.Contains(kept.Links, l.ID) {
			p.theirs = append(p.theirs, l)
		} else {
			p.rest = append(p.rest, l)
		}
	}
	p.part()
	if kept.Before.Owner != kept.After.Owner {
		u.endOwn(survivor) // chosen since, by whoever of the two read the mail
	}
	if Key(before.UserName()) != Key(survivor.UserName()) {
		u.w.ParkNames = append(u.w.ParkNames, survivor)
	}
	u.returnTies(p)
	u.revive(p, was)
	u.returnMembers(survivor, loser, kept)
	u.moveReports(survivor.ID, loser.ID, kept.Reports, "merge_undone")
	u.w.EndSessions = append(u.w.EndSessions, survivor)
	u.store(i, &before, survivor, ActionUpdate, "merge_undone", res, SetupNone)
	res.Change.Payload.Candidates = []int64{int64(loser.ID)}
	u.w.FreeKeys = append(u.w.FreeKeys, KeptKeys{User: survivor, Hashes: u.nameHashes(kept.Names)})
	m.merge.UndoneAt, m.merge.UndoneBy, m.merge.Kept = u.now, u.b.Actor, nil
	if slices.Sort(p.stayed); len(p.stayed) > 0 {
		m.merge.Kept = &MergeKept{Stayed: p.stayed}
	}
	u.w.Unmerged = append(u.w.Unmerged, m.merge)
	res.Merge = m.merge
}

// revive has the loser be there again.
func (u *unit) revive(p *parting, was Attributes) {
	loser := p.loser
	loser.DeletedAt = timeZero
	before, after := diff(was, facts(loser))
	if _, ok := after["enabled"]; ok {
		loser.DeactivatedAt = u.now
		if loser.Enabled {
			loser.DeactivatedAt = timeZero
		}
	}
	if _, ok := after[AttrEmails]; ok {
		u.writeEmails(loser, slices.ContainsFunc(p.theirs, func(l *Link) bool { return u.origins[l.Origin].Kind.Directory() }))
	}
	u.touch(loser)
	u.note(subject{user: loser}, ActionRestore, "merge_undone", loser.Version, Payload{Candidates: []int64{int64(p.survivor.ID)}, Before: before, After: after})
}

// returnTies gives the loser their ties back, but for sign-ins that somebody has by
// now.
func (u *unit) returnTies(p *parting) {
	for _, l := range p.theirs {
		l.User = p.loser.ID
		u.w.MovedLinks = append(u.w.MovedLinks, NewLink{User: p.loser, Link: l})
	}
	p.loser.Credential = CredentialNone
	if p.kept.SSO {
		p.loser.Credential = CredentialSSO
	}
	for _, l := range p.kept.Ended {
		if u.merging.taken[l.ID] {
			p.loser.Credential = CredentialNone
			p.stays("sign_in")
			continue
		}
		u.w.NewLinks = append(u.w.NewLinks, NewLink{User: p.loser, Link: l})
	}
}

// part gives each of the two their values.
func (p *parting) part() {
	now, before, after := p.survivor, p.kept.Before, p.kept.After
	names := map[string]bool{}
	for _, a := range []Attributes{now.Attributes, before.Attributes, after.Attributes} {
		for name := range a {
			names[name] = true
		}
	}
	for name := range names {
		p.partValue(name)
	}
	blocked := now.Blocks &^ after.Blocks // since: it was not said which of the two was meant
	p.loser.Blocks |= blocked
	now.Blocks = now.Blocks&^(after.Blocks&^before.Blocks) | before.Blocks&^after.Blocks
	if before.Owner != after.Owner && now.Owner != after.Owner {
		p.stays("owner") // and with it what its owner says: whose account it is, and whether it is open
		return
	}
	over := before.Owner != after.Owner
	partField(p, over, &now.Enabled, &p.loser.Enabled, before.Enabled, after.Enabled, "enabled")
	partField(p, over, &now.Kind, &p.loser.Kind, before.Kind, after.Kind, "kind")
	partField(p, over, &now.Department, &p.loser.Department, before.Department, after.Department, "department")
	partField(p, over, &now.Contract, &p.loser.Contract, before.Contract, after.Contract, "contract")
	partField(p, over, &now.Manager, &p.loser.Manager, before.Manager, after.Manager, "manager")
	if p.loser.Manager == p.loser.ID {
		p.loser.Manager = 0
	}
	if p.survivor.Manager == p.survivor.ID {
		p.survivor.Manager = 0
	}
	document, theirs := string(now.Document), string(p.loser.Document)
	if sameFact("document", []string{document}, []string{string(after.Document)}) {
		document = string(after.Document) // a database may write it otherwise
	}
	partField(p, over, &document, &theirs, string(before.Document), string(after.Document), "document")
	now.Document, p.loser.Document = bytesOf(document), bytesOf(theirs)
	if over {
		now.Association, now.Owner = before.Association, before.Owner
	}
}

// partField gives back one value beside the attributes. Where the merge made the
// account that of the loser's owner (over), what changed since is that owner's word.
func partField[T comparable](p *parting, over bool, now, theirs *T, before, after T, name string) {
	switch {
	case *now == after:
		*now = before
	case over:
		*theirs, *now = *now, before
	case before != after:
		p.stays(name)
	}
}

// bytesOf is a document, nil for none.
func bytesOf(document string) []byte {
	if document == "" {
		return nil
	}
	return []byte(document)
}

// partValue gives back one attribute.
func (p *parting) partValue(name string) {
	now, before, after := p.survivor.Attributes[name], p.kept.Before.Attributes[name], p.kept.After.Attributes[name]
	changed, given := !slices.Equal(now, after), !slices.Equal(before, after)
	switch {
	case !changed && !given:
	case changed && p.theirWord(name, now):
		p.survivor.Attributes.Set(name, slices.Clone(before)...)
		if name == AttrUserName && Key(now[0]) == Key(before[0]) {
			p.stays(name) // it cannot be the name of both
			return
		}
		p.loser.Attributes.Set(name, slices.Clone(now)...)
	case name == AttrEmails && changed:
		p.survivor.Attributes.Set(name, withoutGiven(now, before, after)...)
		if given {
			p.stays(name)
		}
	case !given: // it has nothing to do with the merge
	case changed, says(p.rest, name, now) && p.survivor.Owner != p.kept.After.Owner:
		p.stays(name)
	default:
		p.survivor.Attributes.Set(name, slices.Clone(before)...)
	}
}

// theirWord reports whether a value is what a tie of the loser's says, or that one
// of theirs is gone because it does not say it any more.
func (p *parting) theirWord(name string, now []string) bool {
	if len(now) > 0 {
		return says(p.theirs, name, now)
	}
	return len(p.theirs) > 0 && len(p.loser.Attributes[name]) > 0 && !slices.ContainsFunc(p.theirs, func(l *Link) bool { return len(l.Asserted[name]) > 0 })
}

// says reports whether one of the ties says a value.
func says(ties []*Link, name string, values []string) bool {
	return slices.ContainsFunc(ties, func(l *Link) bool { return slices.Equal(l.Asserted[name], values) })
}

// withoutGiven are addresses without those that the merge gave, and with those that it
// took.
func withoutGiven(now, before, after []string) []string {
	out := slices.DeleteFunc(slices.Clone(now), func(a string) bool { return slices.Contains(after, a) && !slices.Contains(before, a) })
	for _, a := range before {
		if !slices.Contains(after, a) {
			out = append(out, a)
		}
	}
	return out
}

func (p *parting) stays(name string) {
	if !slices.Contains(p.stayed, name) {
		p.stayed = append(p.stayed, name)
	}
}

// returnMembers gives the loser's memberships back, where they still hold.
func (u *unit) returnMembers(survivor, loser *User, kept *MergeKept) {
	have := u.merging.holdings.Members[survivor.ID]
	for _, k := range kept.Members {
		if slices.ContainsFunc(have, func(x KeptMember) bool { return x.ID == k.ID }) {
			u.w.Members = append(u.w.Members, MemberMove{Member: k, To: loser.ID})
			u.membersChanged(k.Group, "merge_undone", Payload{
				Added: 1, AddedIDs: []int64{int64(loser.ID)}, Removed: 1, RemovedIDs: []int64{int64(survivor.ID)},
			})
		}
	}
	for _, k := range kept.Doubled {
		if g := u.groups[k.Group]; g != nil && g.DeletedAt.IsZero() {
			k.ID = 0
			u.w.Members = append(u.w.Members, MemberMove{Member: k, To: loser.ID})
			u.membersChanged(k.Group, "merge_undone", Payload{Added: 1, AddedIDs: []int64{int64(loser.ID)}})
		}
	}
}
