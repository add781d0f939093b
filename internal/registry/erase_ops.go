package registry

import "slices"

// EraseUser empties whatever is personal of somebody, and of those whose place they
// took: what stays is an id without a name, so that history adds up. Directories
// and connections that bring the person again are refused with CodeErased, until
// LiftErasure.
type EraseUser struct{ User UserID }

// LiftErasure lets an erased person be created anew, as somebody new.
type LiftErasure struct{ User UserID }

func (EraseUser) op()   {}
func (LiftErasure) op() {}

// erasedName is the userName of somebody erased.
func erasedName(publicID string) string { return "erased-" + publicID }

// WasErased reports whether everything personal of the person was emptied.
func (u *User) WasErased() bool {
	return !u.DeletedAt.IsZero() && (u.UserName() == erasedName(u.PublicID) || u.UserName() == contactName(u.PublicID) && len(u.Attributes) == 1)
}

// mayErase finds somebody, living or not, who is no admin and not protected.
func (u *unit) mayErase(s *subject, op EraseUser) *Error {
	user := u.users[op.User]
	switch {
	case user == nil:
		return Refuse(CodeNotFound, "there is no such person")
	case user.DeletedAt.IsZero() && user.Privileged():
		return Refuse(CodeProtectedAdmin, "%s has rights in the company; take them away first", user.UserName())
	case user.DeletedAt.IsZero() && user.Protected:
		return Refuse(CodeProtected, "%s is protected; lift that first (usher user protect %s --off)", user.UserName(), user.UserName())
	}
	s.user = user
	return nil
}

// mayLift finds somebody who was erased.
func (u *unit) mayLift(s *subject, op LiftErasure) *Error {
	user := u.users[op.User]
	if user == nil || !user.WasErased() {
		return Refuse(CodeNotFound, "nobody was erased under this id")
	}
	s.user = user
	return nil
}

// eraseUser erases somebody and those whose place they took.
func (u *unit) eraseUser(i int) {
	for _, id := range u.merging.ids {
		user := u.users[id]
		if user == nil || user.WasErased() {
			continue
		}
		u.results[i].Words = append(u.results[i].Words, u.eraseOne(user)...)
		c := u.note(subject{user: user}, ActionDelete, string(CodeErased), user.Version, Payload{})
		if user == u.subject[i].user {
			u.results[i].Change = c
		}
	}
}

// Naming is what names a person in texts that others wrote down.
func Naming(user *User, links []*Link) Erased {
	e := Erased{User: user, Words: append([]string{user.UserName(), user.DisplayName()}, user.Attributes[AttrEmails]...)}
	for _, l := range links {
		e.Words = append(e.Words, l.Anchor, l.Name)
	}
	e.Words = slices.DeleteFunc(e.Words, func(w string) bool { return len(w) < shortest })
	return e
}

// shortest is the length in bytes below which a word names nobody: looked for in
// texts, it would be found in those about others.
const shortest = 3

// eraseOne empties one person, and gives what named them. The row of history names
// no value.
func (u *unit) eraseOne(user *User) []string {
	links := u.merging.holdings.Links[user.ID]
	e := Naming(user, links)
	keys := []string{nameKey(user.UserName())}
	for _, a := range user.Attributes[AttrEmails] {
		keys = append(keys, addressKey(a))
	}
	for _, l := range links {
		keys = append(keys, anchorKey(l.Origin, l.Anchor))
	}
	for _, m := range u.merging.holdings.Members[user.ID] {
		u.w.Members = append(u.w.Members, MemberMove{Member: m})
		u.membersChanged(m.Group, string(CodeErased), Payload{Removed: 1, RemovedIDs: []int64{int64(user.ID)}})
	}
	user.Attributes = Attributes{AttrUserName: {erasedName(user.PublicID)}}
	user.Document, user.Enabled = nil, false
	if user.DeletedAt.IsZero() {
		user.DeletedAt, user.DeactivatedAt = u.now, u.now
	}
	user.Department, user.Contract, user.Manager = 0, 0, 0
	u.touch(user)
	u.writeEmails(user, false)
	u.endPassword(user)
	u.w.EndFactors = append(u.w.EndFactors, user)
	u.w.Erased = append(u.w.Erased, e)
	u.w.KeepKeys = append(u.w.KeepKeys, KeptKeys{User: user, Hashes: u.hashes(keys)})
	return e.Words
}
