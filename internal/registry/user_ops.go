package registry

import (
	"slices"
	"time"
)

// timeZero is "never".
var timeZero time.Time

// store writes a person who may have changed: the row, the addresses, what
// follows for sign-in, and the one change row. Nothing visible changed: nothing
// is written and the version stands.
func (u *unit) store(i int, before, user *User, action Action, reason string, res *Result, setup SetupMail) {
	was, is := diff(facts(before), facts(user))
	u.storeDiff(i, before, user, was, is, action, reason, res, setup)
}

// storeDiff is store for what was found to differ.
func (u *unit) storeDiff(i int, before, user *User, was, is Attributes, action Action, reason string, res *Result, setup SetupMail) {
	revived := !before.DeletedAt.IsZero() && user.DeletedAt.IsZero()
	ended := before.DeletedAt.IsZero() && !user.DeletedAt.IsZero()
	if len(was)+len(is) == 0 && action == "" && !revived && !ended {
		u.invite(user, setup, res)
		return
	}
	if action == "" {
		action = nameAction(before, user, was, is)
	}
	if revived || ended || before.DisplayName() != user.DisplayName() {
		u.appear(user)
	}
	if before.Enabled && !user.Enabled || ended {
		user.DeactivatedAt = u.now
		u.w.EndSessions = append(u.w.EndSessions, user)
		u.voidLinks(user)
	}
	if user.Enabled && !before.Enabled {
		user.DeactivatedAt = timeZero
	}
	if !slices.Equal(before.Attributes[AttrEmails], user.Attributes[AttrEmails]) {
		u.writeEmails(user, u.b.Origin.Kind.Directory())
		if before.Email() != user.Email() {
			u.voidLinks(user)
		}
	}
	u.touch(user)
	u.change(i, action, reason, user.Version, Payload{Before: was, After: is})
	u.invite(user, setup, res)
}

// appear has the groups of somebody who is there already moved on: they show one
// member more, or one less, or another name.
func (u *unit) appear(user *User) {
	if user.ID != 0 && u.once("appear", user) {
		u.w.Appeared.Users, u.w.Appeared.At = append(u.w.Appeared.Users, user), u.now
	}
}

// touch moves the version, once however often a batch comes back to the same
// person, and has the row written.
func (u *unit) touch(user *User) {
	if user.ID != 0 && u.once("version", user) {
		user.Version++
	}
	user.UpdatedAt = u.now
	u.write(user)
}

// write has the row of a person who exists written.
func (u *unit) write(user *User) {
	if user.ID != 0 && u.once("row", user) {
		u.w.ChangedUsers = append(u.w.ChangedUsers, user)
	}
}

// writeEmails has the addresses of a person written as they stand at the end of
// the batch.
func (u *unit) writeEmails(user *User, verified bool) {
	if u.once("emails", user) {
		u.w.Emails = append(u.w.Emails, EmailList{User: user, Verified: verified})
	}
}

// nameAction calls a change by the strongest thing it did.
func nameAction(before, user *User, was, is Attributes) Action {
	switch {
	case !before.DeletedAt.IsZero() && user.DeletedAt.IsZero():
		return ActionRestore
	case before.Enabled && !user.Enabled:
		return ActionDeactivate
	case !before.Enabled && user.Enabled:
		return ActionEnable
	case len(was[AttrUserName])+len(is[AttrUserName]) > 0:
		return ActionRename
	}
	return ActionUpdate
}

// voidLinks supersedes the live set-up links of a person and cancels their
// mails; someone invited is then as someone never invited, so that whoever may
// be invited again later gets a fresh link.
func (u *unit) voidLinks(user *User) {
	u.w.Invites = slices.DeleteFunc(u.w.Invites, func(v Invite) bool { return v.User == user })
	u.w.VoidLinks = append(u.w.VoidLinks, user)
	if user.Credential == CredentialInvited {
		user.Credential = CredentialNone
	}
}

// invite queues the set-up mail of a person who has no credential and may get
// one. One event makes one link: whoever is invited is left alone.
func (u *unit) invite(user *User, setup SetupMail, res *Result) {
	if setup == SetupNone || user.State() != StateNew || !user.MayReceiveSetup() {
		return
	}
	uid := u.r.NewID()
	user.Credential = CredentialInvited
	u.w.Invites = append(u.w.Invites, Invite{
		User: user, UID: uid, Purpose: PurposeSetup,
		TokenHash: u.r.Minter.LinkHash(uid, PurposeSetup),
		Address:   user.Email(),
		MessageID: "setup." + uid + "@" + u.r.MessageDomain,
		MailKind:  MailKindSetup,
		Held:      u.mailNow(setup, res),
		Follows:   true,
		CreatedAt: u.now, ExpiresAt: u.now.Add(u.r.LinkLife),
	})
	res.Mailed = true
	u.write(user)
}

// setPassword gives a person the password that the origin sent, and ends what
// was opened or promised with an older one. The version of the record stands:
// nothing that a door can see has changed.
func (u *unit) setPassword(i int, user *User, hash string) {
	if hash == "" {
		return
	}
	if user.ID != 0 {
		u.voidLinks(user)
		u.w.EndSessions = append(u.w.EndSessions, user)
	}
	user.Credential = CredentialSet
	user.CredentialVersion++
	u.w.Passwords = append(u.w.Passwords, NewPassword{user, hash})
	u.write(user)
	u.change(i, ActionPassword, "", user.Version, Payload{})
}

// missUser draws the consequence of an absence that a complete look proved.
func (u *unit) missUser(i int, op MissUser, res *Result) {
	user, link := u.subject[i].user, u.links[op.Anchor]
	if link.MissingSince.IsZero() {
		link.MissingSince = u.now
		link.SeenRun = u.b.Run
		u.w.ChangedLinks = append(u.w.ChangedLinks, link)
	}
	if user.Owner != u.b.Origin.ID || !op.Deactivate || !user.DeletedAt.IsZero() {
		return
	}
	before := *user
	user.Enabled = false
	u.store(i, &before, user, "", op.Reason, res, SetupNone)
}

// deleteUser ends a person after the grace, or at the word of an origin that
// deletes outright.
func (u *unit) deleteUser(i int, op DeleteUser, res *Result) {
	user := u.subject[i].user
	if !user.DeletedAt.IsZero() {
		return
	}
	before := *user
	user.Enabled = false
	user.DeletedAt = u.now
	reason := "grace_over"
	if link := u.links[op.Anchor]; link.MissingSince.IsZero() {
		reason = "deleted_at_origin"
		link.MissingSince, link.SeenRun = u.now, u.b.Run
		u.w.ChangedLinks = append(u.w.ChangedLinks, link)
	}
	u.store(i, &before, user, ActionDelete, reason, res, SetupNone)
}

// unlink ends a tie, and what its origin said of the groups the person is in.
func (u *unit) unlink(user *User, link *Link) {
	u.appear(user)
	u.w.RemovedLinks = append(u.w.RemovedLinks, link)
	u.w.EndedMembers = append(u.w.EndedMembers, Membership{User: user.ID, Origin: link.Origin})
}

// createUser makes a person without an anchor.
func (u *unit) createUser(i int, op CreateUser, res *Result) {
	if res.Refused = u.unknownContract(op.Contract); res.Refused != nil {
		return
	}
	user := &User{
		PublicID: u.r.NewID(), Company: u.b.Company,
		Kind: op.Kind, Association: op.Association, CompanyAdmin: op.CompanyAdmin, Rights: op.Rights,
		Attributes: Attributes{}, Enabled: true, Blocks: op.Blocks,
		Credential: CredentialNone, CredentialVersion: 1,
		Department: u.departments[Key(op.Department)], Contract: u.contracts[Key(op.Contract)],
		Owner: u.b.Origin.ID, Version: 1, CreatedAt: u.now, UpdatedAt: u.now,
	}
	if user.Association == "" {
		user.Association = Strong
	}
	if user.Kind == "" {
		user.Kind = EndUser
	}
	for name, values := range op.Attributes {
		user.Attributes.Set(name, slices.Clone(values)...)
	}
	u.subject[i].user = user
	u.w.NewUsers = append(u.w.NewUsers, user)
	u.writeEmails(user, op.Verified)
	u.change(i, ActionCreate, "", 1, Payload{After: facts(user)})
	u.invite(user, op.SetupMail, res)
}

// setBlocks sets and lifts blocks; a set block signs the person out.
func (u *unit) setBlocks(i int, op SetBlocks, res *Result) {
	user := u.subject[i].user
	before := *user
	user.Blocks = user.Blocks&^op.Clear | op.Set
	if user.Blocks == before.Blocks {
		return
	}
	action := ActionUnblock
	if user.Blocks&^before.Blocks != 0 {
		action = ActionBlock
		u.w.EndSessions = append(u.w.EndSessions, user)
		u.voidLinks(user)
	}
	u.store(i, &before, user, action, "", res, SetupNone)
}

// mailSetup sends a person a fresh set-up link and kills the older ones.
func (u *unit) mailSetup(i int, res *Result) {
	user := u.subject[i].user
	if !user.MayReceiveSetup() {
		res.Refused = Refuse(CodeNotInvitable, "%s is %s and cannot be mailed a set-up link", user.UserName(), Word(user.State()))
		return
	}
	u.voidLinks(user)
	u.change(i, ActionInvite, "", user.Version, Payload{})
	u.invite(user, SetupSend, res)
	u.w.Invites[len(u.w.Invites)-1].Follows = false
}
