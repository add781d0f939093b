package registry

import "context"

// putGroup makes the registry agree with what the origin says of one group.
func (u *unit) putGroup(_ context.Context, _ Tx, i int, op PutGroup, res *Result) error {
	res.Name = op.DisplayName
	if op.DisplayName == "" {
		res.Refused = Refuse(CodeGroupNameMissing, "%s has no name", op.Name)
		return nil
	}
	link := u.links[op.Anchor]
	if link == nil {
		u.createGroup(i, op)
		return nil
	}
	group := u.groups[link.Group]
	if group == nil {
		res.Refused = Refuse(CodeAnchorTaken, "%s was a person here before; its id now belongs to a group", op.Name)
		return nil
	}
	u.subject[i].group = group
	link.Name, link.Marker, link.Fingerprint = op.Name, op.Marker, op.Fingerprint
	link.SeenRun, link.MissingSince = u.b.Run, timeZero
	u.w.ChangedLinks = append(u.w.ChangedLinks, link)
	if group.Owner != u.b.Origin.ID {
		return nil
	}
	revived := !group.DeletedAt.IsZero()
	if !revived && group.DisplayName == op.DisplayName {
		return nil
	}
	p := Payload{After: groupFacts(op.DisplayName)}
	action := ActionRestore
	if !revived {
		action = ActionRename
		p.Before = groupFacts(group.DisplayName)
	}
	group.DisplayName, group.DeletedAt = op.DisplayName, timeZero
	group.Version++
	group.UpdatedAt = u.now
	u.w.ChangedGroups = append(u.w.ChangedGroups, group)
	u.change(i, action, "", group.Version, p)
	return nil
}

func (u *unit) createGroup(i int, op PutGroup) {
	group := &Group{
		PublicID: u.r.NewID(), Company: u.b.Company, DisplayName: op.DisplayName,
		Owner: u.b.Origin.ID, Version: 1, CreatedAt: u.now, UpdatedAt: u.now,
	}
	link := &Link{
		Company: u.b.Company, Origin: u.b.Origin.ID, Anchor: op.Anchor, Name: op.Name, Marker: op.Marker,
		Fingerprint: op.Fingerprint, SeenRun: u.b.Run, Enabled: true,
	}
	u.subject[i].group = group
	u.w.NewGroups = append(u.w.NewGroups, group)
	u.w.NewLinks = append(u.w.NewLinks, NewLink{Link: link, Group: group})
	u.change(i, ActionCreate, "", 1, Payload{After: groupFacts(op.DisplayName)})
}

// missGroup deletes a group that a complete look did not find, with what this
// origin said of its members. Members that others gave stay on the kept row.
func (u *unit) missGroup(ctx context.Context, tx Tx, i int, op MissGroup, res *Result) error {
	link := u.links[op.Anchor]
	if link == nil || u.groups[link.Group] == nil {
		res.Refused = Refuse(CodeNotFound, "no group is tied to the id %s", op.Anchor)
		return nil
	}
	group := u.groups[link.Group]
	u.subject[i].group = group
	link.MissingSince = u.now
	link.Fingerprint = Fingerprint{} // a return must be seen as a change
	u.w.ChangedLinks = append(u.w.ChangedLinks, link)
	n, err := tx.RemoveMembersOf(ctx, group.ID, u.b.Origin.ID)
	if err != nil {
		return err
	}
	if group.Owner != u.b.Origin.ID || !group.DeletedAt.IsZero() {
		return nil
	}
	group.DeletedAt = u.now
	group.Version++
	group.UpdatedAt = u.now
	u.w.ChangedGroups = append(u.w.ChangedGroups, group)
	u.change(i, ActionDelete, "missing", group.Version, Payload{Before: groupFacts(group.DisplayName), Removed: n})
	return nil
}

// patchMembers adds and removes what this origin asserts. The cost is that of
// the members named, whatever the size of the group.
func (u *unit) patchMembers(ctx context.Context, tx Tx, i int, op PatchMembers, res *Result) error {
	group := u.groups[op.Group]
	if group == nil || !group.DeletedAt.IsZero() {
		res.Refused = Refuse(CodeNotFound, "there is no such group")
		return nil
	}
	u.subject[i].group = group
	removed, err := tx.RemoveMembers(ctx, u.memberships(op.Group, op.RemoveUsers, op.RemoveGroups))
	if err != nil {
		return err
	}
	added, err := tx.AddMembers(ctx, u.memberships(op.Group, op.AddUsers, op.AddGroups), u.now)
	if err != nil {
		return err
	}
	if len(added)+len(removed) == 0 {
		return nil
	}
	group.Version++
	group.UpdatedAt = u.now
	u.w.ChangedGroups = append(u.w.ChangedGroups, group)
	u.change(i, ActionMembers, "", group.Version, Payload{
		Added: len(added), Removed: len(removed), AddedIDs: memberIDs(added), RemovedIDs: memberIDs(removed),
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

func groupFacts(name string) Attributes { return Attributes{AttrDisplayName: {name}} }
