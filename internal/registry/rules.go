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
		res.Refused = u.rule(&u.subject[i], op)
		put, ok := op.(PutUser)
		if user := u.subject[i].user; ok && user != nil && res.Refused == nil {
			if claimed[user.ID] {
				res.Refused = Refuse(CodeAlreadyLinked, "%s matches %s, to whom this batch ties another object", put.Name, user.UserName())
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
		return u.mayEnd(s.user, op.Deactivate)
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
		return u.mayEnd(s.user, true)
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
	case SetBlocks:
		return u.livingUser(s, op.User)
	case MailSetup:
		return u.livingUser(s, op.User)
	}
	return nil
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
	case link != nil:
		s.user = u.users[link.User]
		if op.Fresh && s.user.Enabled && s.user.DeletedAt.IsZero() {
			return Refuse(CodeAnchorTaken, "the id %s belongs to somebody already", op.Anchor)
		}
	case op.LinkOnly:
		return u.livingUser(s, op.Join)
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
	case user.CompanyAdmin:
		err = Refuse(CodeProtectedAdmin, "%s matches the company admin %s; an admin is joined by hand only", op.Name, user.UserName())
	case user.Credential == CredentialSet || user.Credential == CredentialSSO:
		err = Refuse(CodeOwnPassword, "%s matches %s, who already signs in on their own", op.Name, user.UserName())
	case user.Association != Weak:
		err = Refuse(CodeForeignOwner, "%s matches %s, whose account belongs to another origin or object", op.Name, user.UserName())
	default:
		return nil
	}
	err.User = user.ID
	return err
}

// mayEnd protects admins: an absence ends no admin who is in office.
func (u *unit) mayEnd(user *User, end bool) *Error {
	if end && user.Owner == u.b.Origin.ID && user.CompanyAdmin && user.Enabled && user.DeletedAt.IsZero() {
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
		return nil
	case u.groups[link.Group] == nil:
		return Refuse(CodeNotFound, "the group tied to the id %s is gone", op.Anchor)
	}
	s.group = u.groups[link.Group]
	if op.Fresh && s.group.DeletedAt.IsZero() {
		return Refuse(CodeAnchorTaken, "the id %s belongs to a group already", op.Anchor)
	}
	return stale(s.group.Version, op.IfVersion)
}
