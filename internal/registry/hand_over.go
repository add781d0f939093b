package registry

import "context"

// HandUser gives a person whom the batch's origin owns into other hands, because
// the origin is gone for good. Whom another owns already is only untied. Nothing
// else about the person changes: password, groups and values stay.
type HandUser struct {
	Anchor string
	// To owns the person from now on.
	To OriginID
	// NewAnchor is the id by which To knows the person, and Name its object's name;
	// "" where To has no ids, or has tied the person already.
	NewAnchor, Name string
	// ByName says that nothing but the userName tells that NewAnchor is the same
	// person, which gives no account with rights away, and no protected one.
	ByName bool
}

// HandGroup is HandUser for a group. What the origin said of its members, To says
// from now on.
type HandGroup struct {
	Anchor          string
	To              OriginID
	NewAnchor, Name string
}

func (HandUser) op()  {}
func (HandGroup) op() {}

// handed is the reason of changes that gave a record into other hands.
const handed = "handed_over"

func (u *unit) mayHandUser(s *subject, op HandUser) *Error {
	if err := u.linkedUser(s, op.Anchor); err != nil {
		return err
	}
	if !s.user.DeletedAt.IsZero() {
		return Refuse(CodeNotFound, "%s is deleted", s.user.UserName())
	}
	switch {
	case !op.ByName || s.user.Owner != u.b.Origin.ID:
		return nil
	case s.user.Privileged():
		return Refuse(CodeProtectedAdmin, "%s has rights in the company; such a person is handed over by no name", s.user.UserName())
	case s.user.Protected:
		return Refuse(CodeProtected, "%s is protected; such a person is handed over by no name", s.user.UserName())
	}
	return nil
}

func (u *unit) mayHandGroup(s *subject, op HandGroup) *Error {
	link := u.groupLinks[op.Anchor]
	if link == nil || u.groups[link.Group] == nil || !u.groups[link.Group].DeletedAt.IsZero() {
		return Refuse(CodeNotFound, "no group is tied to the id %s", op.Anchor)
	}
	s.group = u.groups[link.Group]
	return nil
}

// handLink gives a link to another origin, which has to look at the object anew,
// or ends it.
func (u *unit) handLink(l *Link, owned bool, to OriginID, anchor, name string) {
	if !owned || anchor == "" {
		u.w.RemovedLinks = append(u.w.RemovedLinks, l)
		return
	}
	l.Origin, l.Anchor, l.Name, l.Marker, l.Fingerprint = to, anchor, name, "", Fingerprint{}
	l.SeenRun, l.MissingSince, l.RecheckAt = u.b.Run, timeZero, timeZero
	u.w.ChangedLinks = append(u.w.ChangedLinks, l)
}

func (u *unit) handUser(i int, op HandUser, res *Result) {
	user := u.subject[i].user
	owned := user.Owner == u.b.Origin.ID
	u.appear(user)
	u.handLink(u.links[op.Anchor], owned, op.To, op.NewAnchor, op.Name)
	if !owned {
		return
	}
	before := *user
	user.Owner = op.To
	was, is := Attributes{}, Attributes{}
	if op.NewAnchor != "" {
		noteAnchor(was, is, op.Anchor, op.NewAnchor)
	}
	u.storeDiff(i, &before, user, was, is, ActionUpdate, handed, res, SetupNone)
}

func (u *unit) handGroup(ctx context.Context, tx Tx, i int, op HandGroup) error {
	group := u.subject[i].group
	owned := group.Owner == u.b.Origin.ID
	u.appearGroup(group)
	u.handLink(u.groupLinks[op.Anchor], owned, op.To, op.NewAnchor, op.Name)
	members, err := tx.MembersOf(ctx, group.ID, u.b.Origin.ID)
	if err != nil {
		return err
	}
	if _, err := tx.RemoveMembersOf(ctx, group.ID, u.b.Origin.ID); err != nil {
		return err
	}
	for k := range members {
		members[k].Origin = op.To
	}
	if _, err := tx.AddMembers(ctx, members, u.now); err != nil {
		return err
	}
	if owned {
		group.Owner = op.To
	}
	u.changeGroup(i, group, ActionUpdate, handed, Payload{})
	return nil
}
