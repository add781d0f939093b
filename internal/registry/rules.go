package registry

// rules refuses the operations that a rule forbids, whatever becomes of names,
// and finds the record that each of the others is about. Refusals come before
// names are settled, so that someone refused neither takes a name nor leaves
// one to others.
func (u *unit) rules() {
	claimed := map[UserID]bool{}
	for i, op := range u.b.Ops {
		res := &u.results[i]
		if res.Refused != nil {
			continue
		}
		if res.Refused = u.rule(&u.subject[i], op); res.Refused == nil {
			res.Refused = u.mayTake(u.subject[i].user, op)
		}
		if res.Refused == nil {
			res.Refused = u.mayMail(op)
		}
		put, ok := op.(PutUser)
		if user := u.subject[i].user; ok && user != nil && res.Refused == nil {
			if claimed[user.ID] {
				res.Refused = Refuse(CodeAlreadyLinked, "%s matches %s, to whom this batch ties another object", NameWord(put.Name), user.UserName())
			}
			claimed[user.ID] = true
		}
		if res.Refused != nil && res.Refused.User == 0 && u.subject[i].user != nil {
			res.Refused.User = u.subject[i].user.ID
		}
	}
}

// rule finds the record of one operation and says what forbids the operation.
func (u *unit) rule(s *subject, op Op) *Error {
	switch op := op.(type) {
	case PutUser:
		return u.mayPut(s, op)
	case MissUser:
		if err := u.linkedUser(s, op.Anchor); err != nil {
			return err
		}
		if err := stale(s.user.Version, op.IfVersion); err != nil {
			return err
		}
		return u.mayEnd(s.user, op.Deactivate && s.user.Enabled)
	case DeleteUser:
		if err := u.linkedUser(s, op.Anchor); err != nil {
			return err
		}
		if s.user.Owner != u.b.Origin.ID {
			return Refuse(CodeForeignOwner, "%s belongs to another origin", s.user.UserName())
		}
		if err := stale(s.user.Version, op.IfVersion); err != nil {
			return err
		}
		return u.mayEnd(s.user, u.b.Origin.Kind.Pulled() || s.user.Protected) // what is pushed says so outright
	case UnlinkUser:
		return u.mayUnlink(s, op)
	case PutGroup:
		return u.mayPutGroup(s, op)
	case MissGroup:
		link := u.groupLinks[op.Anchor]
		if link == nil || u.groups[link.Group] == nil {
			return Refuse(CodeNotFound, "no group is tied to the id %s", op.Anchor)
		}
		s.group = u.groups[link.Group]
		return stale(s.group.Version, op.IfVersion)
	case PutResource:
		return u.mayPutResource(s, op)
	case DeleteResource:
		return u.ownResource(s, op.Resource, op.IfVersion)
	case PatchMembers:
		if s.group = u.groups[op.Group]; s.group == nil {
			return Refuse(CodeNotFound, "there is no such group")
		}
		return stale(s.group.Version, op.IfVersion)
	}
	return u.ruleOfPerson(s, op)
}

// ruleOfPerson is rule for the rest, most of which name a person by key.
func (u *unit) ruleOfPerson(s *subject, op Op) *Error {
	switch op := op.(type) {
	case SetBlocks:
		return u.livingVersion(s, op.User, op.IfVersion)
	case MailSetup:
		return u.livingUser(s, op.User)
	case SetProtected:
		return u.livingVersion(s, op.User, op.IfVersion)
	case SetManager:
		return u.maySetManager(s, op)
	case LinkUser:
		return u.mayLink(s, op)
	case Enrol:
		return u.mayEnrol(s, op)
	case SetDefault:
		return u.maySetDefault(s, op)
	case Meet:
		return u.mayMeet(s, op)
	case ForgetContact:
		return u.mayForget(s, op)
	case TieUser:
		return u.mayTie(s, op)
	case SetRights:
		return u.maySetRights(s, op)
	case RemoveUser:
		return u.mayRemove(s, op)
	case MergeUsers:
		return u.mayMerge(s, op)
	case UndoMerge:
		return u.mayUndo(s)
	case HandUser:
		return u.mayHandUser(s, op)
	case HandGroup:
		return u.mayHandGroup(s, op)
	case EraseUser:
		return u.mayErase(s, op)
	case LiftErasure:
		return u.mayLift(s, op)
	}
	return nil
}

// livingVersion is livingUser for somebody who must still be at a version.
func (u *unit) livingVersion(s *subject, id UserID, version int64) *Error {
	if err := u.livingUser(s, id); err != nil {
		return err
	}
	return stale(s.user.Version, version)
}

// mayUnlink finds a person whom the origin does not own.
func (u *unit) mayUnlink(s *subject, op UnlinkUser) *Error {
	if err := u.linkedUser(s, op.Anchor); err != nil {
		return err
	}
	if s.user.Owner == u.b.Origin.ID {
		return Refuse(CodeForeignOwner, "%s belongs to this origin, which cannot let go of them", s.user.UserName())
	}
	return nil
}

// mayPut finds the person an assertion is about, if there is one already.
func (u *unit) mayPut(s *subject, op PutUser) *Error {
	link := u.links[op.Anchor]
	switch {
	case link == nil && u.b.Origin.Kind.Pulled() && u.groupLinks[op.Anchor] != nil:
		return Refuse(CodeAnchorTaken, "%s was a group here before; its id now belongs to a person", op.Name)
	case link != nil && u.users[link.User] == nil:
		return Refuse(CodeNotFound, "the person tied to the id %s is gone", op.Anchor)
	case u.forsaken(op, link):
		return nil // somebody new, as if there were no link
	case link != nil:
		s.user = u.users[link.User]
		if op.Fresh && s.user.Enabled && s.user.DeletedAt.IsZero() {
			return Refuse(CodeAnchorTaken, "the id %s belongs to somebody already", op.Anchor)
		}
		if err := u.mayAssert(op, link, s.user); err != nil {
			return err
		}
	case op.LinkOnly:
		return u.mayLinkOnly(s, op)
	case op.Join != 0:
		if err := u.mayJoin(op); err != nil {
			return err
		}
		s.user = u.users[op.Join]
	default:
		return nil
	}
	return stale(s.user.Version, op.IfVersion)
}

// forsaken tells whether a link leads to somebody whose owner has deleted them: for
// who makes a person anew it leads nowhere.
func (u *unit) forsaken(op PutUser, link *Link) bool {
	if link == nil || !op.Fresh {
		return false
	}
	user := u.users[link.User]
	return user.Owner != u.b.Origin.ID && !user.DeletedAt.IsZero()
}

// mayLinkOnly ties nobody twice: which of two ids would be theirs?
func (u *unit) mayLinkOnly(s *subject, op PutUser) *Error {
	if err := u.livingUser(s, op.Join); err != nil {
		return err
	}
	if held := u.tied[op.Join]; held == nil || !held.MissingSince.IsZero() {
		return nil
	}
	err := Refuse(CodeAlreadyLinked, "%s is tied to another id of this origin already", s.user.UserName())
	err.User = op.Join
	return err
}

// stale refuses an operation that was meant for another version.
func stale(version, want int64) *Error {
	if want == 0 || version == want {
		return nil
	}
	return Refuse(CodeStale, "the record was changed by somebody else meanwhile")
}

// mayJoin holds promise 4: never onto an admin, another origin's account or one
// with a password of its own. Left are contacts, which are no accounts.
func (u *unit) mayJoin(op PutUser) *Error {
	user := u.users[op.Join]
	if user == nil || !user.DeletedAt.IsZero() {
		return Refuse(CodeNotFound, "the person that %s should be joined to is gone", op.Name)
	}
	var err *Error
	switch {
	case user.Privileged():
		err = Refuse(CodeProtectedAdmin, "%s matches %s, who has rights in the company; such a person is joined by hand only", NameWord(op.Name), user.UserName())
	case user.Credential == CredentialSet || user.Credential == CredentialSSO:
		err = Refuse(CodeOwnPassword, "%s matches %s, who already signs in on their own", NameWord(op.Name), user.UserName())
	case user.Association != Weak:
		err = Refuse(CodeForeignOwner, "%s matches %s, whose account belongs to another origin or object", NameWord(op.Name), user.UserName())
	default:
		return nil
	}
	err.User = user.ID
	return err
}

// mayAssert holds what an assertion about somebody tied may not do: take an
// admin's account for a new object, or disable a protected person.
func (u *unit) mayAssert(op PutUser, link *Link, user *User) *Error {
	switch {
	case user.Owner != u.b.Origin.ID:
		return nil
	case op.Adopt && user.Privileged():
		return Refuse(CodeProtectedAdmin, "%s has the name of %s, who has rights in the company and whose object is gone; such a person is joined by hand only", op.Name, user.UserName())
	case !op.Enabled && user.Enabled && user.DeletedAt.IsZero() && protectedBy(op, link, user):
		return protected(user)
	}
	return nil
}

// protectedBy reports whether a person is protected once the assertion counts.
func protectedBy(op PutUser, link *Link, user *User) bool {
	return op.Protect || user.Protected && len(link.Asserted[protectMark]) == 0
}

func protected(user *User) *Error {
	return Refuse(CodeProtected, "%s is protected: no directory deactivates or deletes them. Lift that first (usher user protect %s --off), if they are to go",
		user.UserName(), user.UserName())
}

// maySetManager lets only the owner say who somebody's manager is.
func (u *unit) maySetManager(s *subject, op SetManager) *Error {
	if err := u.livingUser(s, op.User); err != nil {
		return err
	}
	if s.user.Owner != u.b.Origin.ID {
		return Refuse(CodeForeignOwner, "%s belongs to another origin", s.user.UserName())
	}
	if m := u.users[op.Manager]; op.Manager != 0 && (m == nil || !m.DeletedAt.IsZero()) {
		return Refuse(CodeUnknownManager, "the manager of %s is not in the registry", s.user.UserName())
	}
	return nil
}

// mayLink holds what not even an admin's word may do: take a person from another
// directory, or tie one to two objects of one directory.
func (u *unit) mayLink(s *subject, op LinkUser) *Error {
	user, link := u.users[op.User], u.links[op.Anchor]
	if user == nil {
		return Refuse(CodeNotFound, "there is no such person")
	}
	s.user = user
	owner := u.origins[user.Owner]
	held := u.tied[user.ID]
	switch {
	case link != nil && link.User != user.ID:
		return Refuse(CodeAnchorTaken, "the id %s is tied to another record already", op.Anchor)
	case link != nil:
		return nil
	case user.Owner != u.b.Origin.ID && owner.Kind.Directory() && owner.RetiredAt.IsZero():
		return Refuse(CodeForeignOwner, "%s belongs to %s %s; a person has one owner", user.UserName(), owner.Kind, owner.Key)
	case held != nil && held.MissingSince.IsZero():
		return Refuse(CodeAlreadyLinked, "%s is tied to the id %s, which this directory had when it was last read", user.UserName(), held.Anchor)
	case !user.DeletedAt.IsZero() && held == nil:
		return Refuse(CodeNotFound, "%s is deleted", user.UserName())
	}
	return nil
}

// mayEnd protects the protected, and admins: an absence ends no admin who is in
// office.
func (u *unit) mayEnd(user *User, end bool) *Error {
	if !end || user.Owner != u.b.Origin.ID || !user.DeletedAt.IsZero() {
		return nil
	}
	if user.Protected {
		return protected(user)
	}
	if user.CompanyAdmin && user.Enabled {
		return Refuse(CodeProtectedAdmin,
			"%s is a company admin; an absence does not deactivate an admin. Take the right away first, or disable the account in the directory", user.UserName())
	}
	return nil
}

// linkedUser finds the person tied to the anchor.
func (u *unit) linkedUser(s *subject, anchor string) *Error {
	link := u.links[anchor]
	if link == nil || u.users[link.User] == nil {
		return Refuse(CodeNotFound, "nobody is tied to the id %s", anchor)
	}
	s.user = u.users[link.User]
	return nil
}

// livingUser finds a person by key.
func (u *unit) livingUser(s *subject, id UserID) *Error {
	user := u.users[id]
	if user == nil || !user.DeletedAt.IsZero() {
		return Refuse(CodeNotFound, "there is no such person")
	}
	s.user = user
	return nil
}

// mayPutGroup finds the group an assertion is about, if there is one already.
func (u *unit) mayPutGroup(s *subject, op PutGroup) *Error {
	link := u.groupLinks[op.Anchor]
	switch {
	case link == nil && u.b.Origin.Kind.Pulled() && u.links[op.Anchor] != nil:
		return Refuse(CodeAnchorTaken, "%s was a person here before; its id now belongs to a group", op.Name)
	case link == nil:
		return u.mayBeCalled(s, op)
	case u.groups[link.Group] == nil:
		return Refuse(CodeNotFound, "the group tied to the id %s is gone", op.Anchor)
	}
	s.group = u.groups[link.Group]
	if op.Fresh && s.group.DeletedAt.IsZero() {
		return Refuse(CodeAnchorTaken, "the id %s belongs to a group already", op.Anchor)
	}
	if err := stale(s.group.Version, op.IfVersion); err != nil {
		return err
	}
	return u.mayBeCalled(s, op)
}
