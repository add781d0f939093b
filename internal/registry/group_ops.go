package registry

import (
	"cmp"
	"context"
	"slices"
)

// putGroup makes the registry agree with what the origin says of one group.
func (u *unit) putGroup(i int, op PutGroup) {
	group := u.subject[i].group
	if group == nil {
		u.createGroup(i, op)
		return
	}
	link := u.groupLinks[op.Anchor]
	anchor := link.Anchor
	u.refreshGroupLink(link, op)
	if group.Owner != u.b.Origin.ID {
		return
	}
	role := cmp.Or(op.Role, group.Role)
	revived := !group.DeletedAt.IsZero()
	document := group.Document
	if op.Document != nil {
		document = op.Document
	}
	was, is := diff(groupFacts(group.DisplayName, group.Role, group.Document), groupFacts(op.DisplayName, role, document))
	noteAnchor(was, is, anchor, op.Anchor)
	if !revived && len(was)+len(is) == 0 {
		return
	}
	p := Payload{Before: was, After: is}
	action := ActionUpdate
	switch {
	case revived:
		action = ActionRestore
		p = Payload{After: groupFacts(op.DisplayName, role, document)}
	case group.DisplayName != op.DisplayName:
		action = ActionRename
	}
	group.DisplayName, group.Role, group.Document, group.DeletedAt = op.DisplayName, role, document, timeZero
	p.Added = u.firstMembers(group, op)
	if revived || action == ActionRename {
		u.appearGroup(group)
	}
	u.changeGroup(i, group, action, "", p)
}

// appearGroup is appear for a group within others.
func (u *unit) appearGroup(group *Group) {
	u.w.Appeared.Groups, u.w.Appeared.At = append(u.w.Appeared.Groups, group), u.now
}

// refreshGroupLink keeps what the origin says now, if it is anything new.
func (u *unit) refreshGroupLink(l *Link, op PutGroup) {
	if l.Anchor == op.Anchor && l.Name == op.Name && l.Marker == op.Marker && l.Fingerprint == op.Fingerprint && l.MissingSince.IsZero() {
		return
	}
	l.Anchor, l.Name, l.Marker, l.Fingerprint = op.Anchor, op.Name, op.Marker, op.Fingerprint
	l.SeenRun, l.MissingSince = u.b.Run, timeZero
	u.w.ChangedLinks = append(u.w.ChangedLinks, l)
}

// changeGroup moves the version, once in a batch, and has row and change
// written.
func (u *unit) changeGroup(i int, group *Group, action Action, reason string, p Payload) {
	if group.ID != 0 && u.once("row", group) {
		group.Version++
		group.UpdatedAt = u.now
		if u.shared {
			u.w.Touched = group
		} else {
			u.w.ChangedGroups = append(u.w.ChangedGroups, group)
		}
	}
	u.change(i, action, reason, group.Version, p)
}

func (u *unit) createGroup(i int, op PutGroup) {
	group := &Group{
		PublicID: u.r.NewID(), Company: u.b.Company, DisplayName: op.DisplayName, Role: op.Role, Document: op.Document,
		Owner: u.b.Origin.ID, Version: 1, CreatedAt: u.now, UpdatedAt: u.now,
	}
	link := &Link{
		Company: u.b.Company, Origin: u.b.Origin.ID, Anchor: op.Anchor, Name: op.Name, Marker: op.Marker,
		Fingerprint: op.Fingerprint, SeenRun: u.b.Run, Enabled: true,
	}
	u.subject[i].group = group
	u.w.NewGroups = append(u.w.NewGroups, group)
	u.w.NewLinks = append(u.w.NewLinks, NewLink{Link: link, Group: group})
	p := Payload{After: groupFacts(op.DisplayName, op.Role, op.Document), Added: u.firstMembers(group, op)}
	u.changeGroup(i, group, ActionCreate, "", p)
}

// firstMembers has the members of a group written that is made or comes back,
// and tells how many they are.
func (u *unit) firstMembers(group *Group, op PutGroup) int {
	n := len(op.Users) + len(op.Groups)
	if n > 0 {
		u.w.FirstMembers = append(u.w.FirstMembers, FirstMembers{Group: group, Origin: u.b.Origin.ID, Users: op.Users, Groups: op.Groups})
	}
	return n
}

// missGroup deletes a group that a complete look did not find, with what this
// origin said of its members. Members that others gave stay on the kept row,
// and a group that another origin owns stays with them.
func (u *unit) missGroup(ctx context.Context, tx Tx, i int, op MissGroup) error {
	group, link := u.subject[i].group, u.groupLinks[op.Anchor]
	if link.MissingSince.IsZero() {
		link.MissingSince = u.now
		link.SeenRun = u.b.Run
		link.Fingerprint = Fingerprint{} // a return must be seen as a change
		u.w.ChangedLinks = append(u.w.ChangedLinks, link)
	}
	n, err := tx.RemoveMembersOf(ctx, group.ID, u.b.Origin.ID)
	if err != nil {
		return err
	}
	p, reason := Payload{Removed: n}, "missing"
	if op.OutOfScope {
		reason = "out_of_scope"
	}
	switch {
	case !op.OutOfScope && group.Owner == u.b.Origin.ID && group.DeletedAt.IsZero():
		group.DeletedAt = u.now
		u.appearGroup(group)
		p.Before = groupFacts(group.DisplayName, RoleNone, group.Document)
		u.changeGroup(i, group, ActionDelete, "missing", p)
	case n > 0:
		u.changeGroup(i, group, ActionMembers, reason, p)
	}
	return nil
}

// onlyMembers is the group of a batch that does nothing but add and remove members
// of one group, whatever its other members and its version are.
func (u *unit) onlyMembers() (GroupID, bool) {
	var id GroupID
	for _, op := range u.b.Ops {
		op, ok := op.(PatchMembers)
		if !ok || op.Exactly || op.IfVersion != 0 || id != 0 && op.Group != id {
			return 0, false
		}
		id = op.Group
	}
	return id, id != 0
}

// patchMembers adds and removes what this origin asserts. The cost is that of
// the members named, whatever the size of the group.
func (u *unit) patchMembers(ctx context.Context, tx Tx, i int, op PatchMembers, res *Result) error {
	group := u.subject[i].group
	if !group.DeletedAt.IsZero() {
		res.Refused = Refuse(CodeNotFound, "there is no such group")
		return nil
	}
	// Someone both removed and added ends as a member, so nothing is removed.
	add := u.memberships(op.Group, op.AddUsers, op.AddGroups)
	remove := u.memberships(op.Group, op.RemoveUsers, op.RemoveGroups)
	if op.Exactly {
		var err error
		if remove, err = tx.MembersOf(ctx, op.Group, u.b.Origin.ID); err != nil {
			return err
		}
	}
	remove = without(remove, add)
	removed, err := tx.RemoveMembers(ctx, remove)
	if err != nil {
		return err
	}
	added, err := tx.AddMembers(ctx, add, u.now)
	if err != nil {
		return err
	}
	if len(added)+len(removed) == 0 {
		return nil
	}
	kept := 0
	if u.b.Run != 0 { // a report tells who stays all the same
		if kept, err = tx.KeptMembers(ctx, op.Group, u.b.Origin.ID, op.RemoveUsers, op.RemoveGroups); err != nil {
			return err
		}
	}
	u.changeGroup(i, group, ActionMembers, "", Payload{
		Added: len(added), Removed: len(removed), Kept: kept, AddedIDs: memberIDs(added), RemovedIDs: memberIDs(removed),
	})
	return nil
}

func (u *unit) memberships(group GroupID, users []UserID, groups []GroupID) []Membership {
	out := make([]Membership, 0, len(users)+len(groups))
	for _, id := range users {
		out = append(out, Membership{Group: group, User: id, Origin: u.b.Origin.ID})
	}
	for _, id := range groups {
		out = append(out, Membership{Group: group, MemberGroup: id, Origin: u.b.Origin.ID})
	}
	return out
}

// without leaves out of a list what is also in another.
func without(list, others []Membership) []Membership {
	if len(list) == 0 || len(others) == 0 {
		return list
	}
	skip := make(map[Membership]bool, len(others))
	for _, m := range others {
		skip[m] = true
	}
	return slices.DeleteFunc(list, func(m Membership) bool { return skip[m] })
}

// memberIDs writes user keys as they are and group keys below zero.
func memberIDs(ms []Membership) []int64 {
	out := make([]int64, len(ms))
	for i, m := range ms {
		if out[i] = int64(m.User); m.User == 0 {
			out[i] = -int64(m.MemberGroup)
		}
	}
	return out
}

// groupFacts are the values a change row shows.
func groupFacts(name string, role GroupRole, document []byte) Attributes {
	a := Attributes{AttrDisplayName: {name}}
	a.Set("role", string(role))
	if string(document) != "{}" {
		a.Set("document", string(document))
	}
	return a
}
