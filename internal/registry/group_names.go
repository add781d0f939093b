package registry

import (
	"context"
	"maps"
	"slices"
)

// GroupNameHolder says which group of an origin has a name.
type GroupNameHolder struct {
	Key      string
	Group    GroupID // 0 for one that the same batch makes
	PublicID string
	Anchor   string
}

// A SCIM client that lost its state, or an answer, creates its groups once more. It
// finds what it has by externalId, or by name where it gave none: so two groups of
// one connection may have the same name only where both have an externalId. Twins
// from before that was so can be changed in every way but one that makes another.

// loadGroupNames finds who has the names that the batch brings groups under. Most
// batches bring none, and ask nothing.
func (u *unit) loadGroupNames(ctx context.Context, tx Tx) error {
	keys := map[string]bool{}
	for i, op := range u.b.Ops {
		if op, ok := op.(PutGroup); ok && u.results[i].Refused == nil && (u.arrives(op) || u.losesID(op)) {
			keys[Key(op.DisplayName)] = true
		}
	}
	if len(keys) == 0 {
		return nil
	}
	holders, err := tx.GroupsByName(ctx, u.b.Origin.ID, slices.Sorted(maps.Keys(keys)))
	for _, h := range holders {
		u.groupNames[h.Key] = append(u.groupNames[h.Key], h)
	}
	return err
}

// arrives reports whether a group of a SCIM connection comes to a name: it is made,
// comes back, or is renamed.
func (u *unit) arrives(op PutGroup) bool {
	link := u.groupLinks[op.Anchor]
	if link == nil {
		return u.b.Origin.Kind == OriginSCIM
	}
	group := u.ownGroup(link)
	return group != nil && (!group.DeletedAt.IsZero() || Key(group.DisplayName) != Key(op.DisplayName))
}

// losesID reports whether a group of a SCIM connection has its externalId taken away.
func (u *unit) losesID(op PutGroup) bool {
	link := u.groupLinks[op.Anchor]
	return link != nil && u.ownGroup(link) != nil && ExternalID(link.Anchor) != "" && ExternalID(op.Anchor) == ""
}

// ownGroup is the group of a link if it belongs to the batch's SCIM connection.
func (u *unit) ownGroup(link *Link) *Group {
	group := u.groups[link.Group]
	if u.b.Origin.Kind != OriginSCIM || group == nil || group.Owner != u.b.Origin.ID {
		return nil
	}
	return group
}

// mayBeCalled refuses a group that would become the twin of another. Of two in one
// batch, the later is refused.
func (u *unit) mayBeCalled(s *subject, op PutGroup) *Error {
	arrives := u.arrives(op)
	if !arrives && !u.losesID(op) {
		return nil
	}
	own := GroupNameHolder{Key: Key(op.DisplayName), Anchor: op.Anchor}
	if s.group != nil {
		own.Group, own.PublicID = s.group.ID, s.group.PublicID
	}
	for _, h := range u.groupNames[own.Key] {
		if (h.Group == 0 || h.Group != own.Group) && own.twinOf(h, arrives) {
			return groupNameTaken(op, h)
		}
	}
	u.groupNames[own.Key] = append(u.groupNames[own.Key], own)
	return nil
}

// twinOf reports whether a group becomes the twin of another of its name. One that
// was there before and loses its externalId already was that of any without one.
func (own GroupNameHolder) twinOf(h GroupNameHolder, arrives bool) bool {
	if !arrives {
		return ExternalID(h.Anchor) != ""
	}
	return ExternalID(own.Anchor) == "" || ExternalID(h.Anchor) == ""
}

func groupNameTaken(op PutGroup, h GroupNameHolder) *Error {
	if h.PublicID == "" {
		return Refuse(CodeGroupNameTaken, "another group of this request has the name %q: make one of them, or give both an externalId", Printable(op.DisplayName))
	}
	return Refuse(CodeGroupNameTaken, "this connection has a group %q already, with the id %s: find it with a filter by displayName and use it, or give both an externalId",
		Printable(op.DisplayName), h.PublicID)
}
