package registry

import (
	"context"
	"slices"
)

// merging is what a merge, its undoing or an erasure is decided by.
type merging struct {
	holdings Holdings
	// merge is the one to undo, and taken those of its ended links that somebody
	// has again.
	merge *Merge
	taken map[LinkID]bool
	// survivor and loser are the two people.
	survivor, loser *User
	// ids are all the people it is about: for an erasure, also those whose place
	// the person took.
	ids []UserID
}

// loadMerge finds what a merge, its undoing or an erasure touches, and has their
// people and groups loaded with those of the batch, which holds nothing else.
func (u *unit) loadMerge(ctx context.Context, tx Tx, n *wants) (err error) {
	for i, op := range u.b.Ops {
		if u.results[i].Refused != nil {
			continue
		}
		m := &merging{}
		switch op := op.(type) {
		case MergeUsers:
			m.ids = []UserID{op.Survivor, op.Loser}
		case UndoMerge:
			if err := u.loadUndo(ctx, tx, n, m, op); err != nil {
				return err
			}
		case EraseUser:
			if m.ids, err = tx.MergedInto(ctx, op.User); err != nil {
				return err
			}
			m.ids = append(m.ids, op.User)
		default:
			continue
		}
		u.merging = m
		if m.holdings, err = tx.Holdings(ctx, m.ids); err != nil {
			return err
		}
		for _, id := range m.ids {
			n.users[id] = true
			n.touch(m.holdings.Members[id], m.holdings.Reports[id])
		}
		if u.origins, err = tx.Origins(ctx); err != nil {
			return err
		}
	}
	return nil
}

// loadUndo finds a merge that is to be undone.
func (u *unit) loadUndo(ctx context.Context, tx Tx, n *wants, m *merging, op UndoMerge) (err error) {
	if m.merge, err = tx.Merge(ctx, op.Merge); err != nil || m.merge == nil {
		return err
	}
	m.ids = []UserID{m.merge.Survivor, m.merge.Loser}
	kept := m.merge.Kept
	if kept == nil {
		return nil
	}
	n.touch(slices.Concat(kept.Members, kept.Doubled), kept.Reports)
	m.taken = map[LinkID]bool{}
	for _, l := range kept.Ended {
		links, err := tx.UserLinks(ctx, l.Origin, []string{l.Anchor})
		if err != nil {
			return err
		}
		m.taken[l.ID] = len(links) > 0
	}
	keys := make([]string, len(kept.Names))
	for i, name := range kept.Names {
		keys[i] = Key(name)
	}
	holders, err := tx.UsersByName(ctx, keys)
	for _, h := range holders {
		u.names[h.Key] = h
	}
	return err
}

// touch has the groups of memberships, and people, loaded.
func (n *wants) touch(members []KeptMember, people []UserID) {
	for _, m := range members {
		n.groups[m.Group] = true
	}
	for _, id := range people {
		n.users[id] = true
	}
}

// directory is the living directory, or connection, that an object of a person is
// in; the zero value for none.
func (u *unit) directory(id UserID) (found Origin) {
	for _, l := range u.merging.holdings.Links[id] {
		if o := u.origins[l.Origin]; o.Kind.Directory() && o.RetiredAt.IsZero() {
			return o
		}
	}
	return Origin{}
}

// mayMerge holds what nobody may merge.
func (u *unit) mayMerge(s *subject, op MergeUsers) *Error {
	if err := u.livingUser(s, op.Survivor); err != nil {
		return err
	}
	loser := &subject{}
	if err := u.livingUser(loser, op.Loser); err != nil {
		return err
	}
	m := u.merging
	m.survivor, m.loser = s.user, loser.user
	if m.survivor == m.loser {
		return Refuse(CodeInvalidValue, "%s cannot be merged into themselves", m.survivor.UserName())
	}
	for _, x := range []*User{m.survivor, m.loser} {
		var err *Error
		switch {
		case x.Privileged():
			err = Refuse(CodeProtectedAdmin, "%s has rights in the company; take them away first", x.UserName())
		case x.Protected:
			err = Refuse(CodeProtected, "%s is protected; lift that first (usher user protect %s --off)", x.UserName(), x.UserName())
		default:
			continue
		}
		err.User = x.ID
		return err
	}
	return u.mayJoinTwo(m.survivor, m.loser)
}

// mayJoinTwo refuses people whom two doors, or two kinds, keep apart.
func (u *unit) mayJoinTwo(survivor, loser *User) *Error {
	here, there := u.directory(survivor.ID), u.directory(loser.ID)
	switch {
	case here.ID != 0 && here.ID == there.ID:
		return Refuse(CodeTwoDirectories, "%s and %s are two objects of %s %s; merge them there", survivor.UserName(), loser.UserName(), here.Kind, here.Key)
	case here.ID != 0 && there.ID != 0:
		return Refuse(CodeTwoDirectories, "%s is in %s %s and %s in %s %s, and each would go on keeping its own; take one of them out of its directory's scope first",
			survivor.UserName(), here.Kind, here.Key, loser.UserName(), there.Kind, there.Key)
	case there.Kind == OriginSCIM:
		return Refuse(CodeMergeDirection, "%s %s knows %s by their id here, which has to stay; merge %s into %s instead",
			there.Kind, there.Key, loser.UserName(), survivor.UserName(), loser.UserName())
	case survivor.Association == Strong && loser.Association == Strong && survivor.Kind != loser.Kind:
		return Refuse(CodeKindsDiffer, "%s is %s and %s is %s; make them of one kind first", survivor.UserName(), kindWords[survivor.Kind], loser.UserName(), kindWords[loser.Kind])
	}
	return nil
}

// kindWords name the kinds in messages.
var kindWords = map[Kind]Said{EndUser: Say("an end user"), SupportStaff: Say("support staff")}

// takesOver reports whether the survivor becomes what the loser is.
func (u *unit) takesOver(survivor, loser *User) bool {
	if u.directory(survivor.ID).ID != 0 {
		return false
	}
	return u.directory(loser.ID).ID != 0 || survivor.Association == Weak && loser.Association == Strong
}

// mergeUsers has the survivor take the loser's place.
func (u *unit) mergeUsers(i int, op MergeUsers, res *Result) {
	m := u.merging
	survivor, loser, over := m.survivor, m.loser, u.takesOver(m.survivor, m.loser)
	before := *survivor
	before.Attributes = survivor.Attributes.Clone()
	kept := &MergeKept{Before: standing(survivor), SSO: loser.Credential == CredentialSSO, Names: []string{loser.UserName()}}
	proven := m.holdings.Proven[loser.ID]
	if over {
		proven = m.holdings.Proven[survivor.ID]
	}
	merged(survivor, loser, over, proven).put(survivor)
	kept.After = standing(survivor)
	if over {
		kept.Names = append(kept.Names, before.UserName())
		u.w.ParkNames = append(u.w.ParkNames, loser)
		u.endOwn(survivor)
	}
	u.moveTies(survivor, loser, kept)
	u.moveMembers(survivor, loser, kept)
	kept.Reports = u.moveReports(loser.ID, survivor.ID, m.holdings.Reports[loser.ID], "merged")
	u.retire(survivor, loser)
	u.store(i, &before, survivor, ActionJoin, "merged", res, SetupNone)
	res.Change.Payload.Candidates = []int64{int64(loser.ID)}
	if keys := m.holdings.Proven[loser.ID]; len(keys) > 0 {
		u.w.VerifiedEmails = append(u.w.VerifiedEmails, VerifiedEmail{User: survivor, Keys: keys})
	}
	u.w.Seen = append(u.w.Seen, survivor)
	u.w.KeepKeys = append(u.w.KeepKeys, KeptKeys{User: survivor, Hashes: u.nameHashes(kept.Names)})
	u.w.Merges = append(u.w.Merges, &Merge{
		PublicID: u.r.NewID(), Survivor: survivor.ID, Loser: loser.ID, Actor: u.b.Actor, Evidence: op.Evidence,
		At: u.now, UndoUntil: u.now.Add(op.UndoFor), Kept: kept,
	})
	res.Merge = u.w.Merges[len(u.w.Merges)-1]
}

// endOwn destroys what somebody chose to sign in with, who becomes an account of
// somebody else's word. A sign-in with an identity provider stays: the provider
// knows who it is.
func (u *unit) endOwn(user *User) {
	sso := user.Credential == CredentialSSO
	u.endPassword(user)
	u.w.EndFactors = append(u.w.EndFactors, user)
	if sso {
		user.Credential = CredentialSSO
	}
}

// retire ends the loser, whose row says from now on who took their place.
func (u *unit) retire(survivor, loser *User) {
	loser.DeletedAt = u.now
	u.endPassword(loser)
	u.w.EndFactors = append(u.w.EndFactors, loser)
	u.touch(loser)
	u.note(subject{user: loser}, ActionDelete, "merged", loser.Version, Payload{Candidates: []int64{int64(survivor.ID)}})
	u.w.Changes[len(u.w.Changes)-1].Into = survivor
}

// moveTies moves the loser's links, but for those by which they signed in.
func (u *unit) moveTies(survivor, loser *User, kept *MergeKept) {
	for _, l := range u.merging.holdings.Links[loser.ID] {
		if u.origins[l.Origin].Kind == OriginOIDC {
			was := *l
			kept.Ended = append(kept.Ended, &was)
			u.w.RemovedLinks = append(u.w.RemovedLinks, l)
			continue
		}
		kept.Links = append(kept.Links, l.ID)
		l.User = survivor.ID
		u.w.MovedLinks = append(u.w.MovedLinks, NewLink{User: survivor, Link: l})
	}
}

// moveMembers moves the loser's memberships. One that the survivor has too, on the
// same word, ends.
func (u *unit) moveMembers(survivor, loser *User, kept *MergeKept) {
	for _, k := range u.merging.holdings.Members[loser.ID] {
		doubled := slices.ContainsFunc(u.merging.holdings.Members[survivor.ID], func(x KeptMember) bool { return x.Group == k.Group && x.Origin == k.Origin })
		p := Payload{Removed: 1, RemovedIDs: []int64{int64(loser.ID)}}
		if doubled {
			kept.Doubled = append(kept.Doubled, k)
			u.w.Members = append(u.w.Members, MemberMove{Member: k})
		} else {
			kept.Members = append(kept.Members, k)
			u.w.Members = append(u.w.Members, MemberMove{Member: k, To: survivor.ID})
			p.Added, p.AddedIDs = 1, []int64{int64(survivor.ID)}
		}
		u.membersChanged(k.Group, "merged", p)
	}
}

// membersChanged writes the one row of history of a group whose members changed.
func (u *unit) membersChanged(id GroupID, reason string, p Payload) {
	group := u.groups[id]
	if group == nil || !group.DeletedAt.IsZero() {
		return
	}
	if u.once("row", group) {
		group.Version++
		group.UpdatedAt = u.now
		u.w.ChangedGroups = append(u.w.ChangedGroups, group)
	}
	u.note(subject{group: group}, ActionMembers, reason, group.Version, p)
}

// moveReports gives the people whose manager somebody was another one, and tells
// whom.
func (u *unit) moveReports(from, to UserID, reports []UserID, reason string) (moved []UserID) {
	for _, id := range reports {
		report := u.users[id]
		if report == nil || report.Manager != from || id == to {
			continue
		}
		before := *report
		report.Manager = to
		was, is := diff(facts(&before), facts(report))
		u.touch(report)
		u.note(subject{user: report}, ActionUpdate, reason, report.Version, Payload{Before: was, After: is})
		moved = append(moved, id)
	}
	return moved
}
