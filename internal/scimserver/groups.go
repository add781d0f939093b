package scimserver

import (
	"context"
	"errors"
	"strconv"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/filter"
	"github.com/usherd/usher/scim/patch"
)

// groupResource is a group as a resource. Its members are streamed, and only
// when they are asked for.
func (b *backend) groupResource(ctx context.Context, records Records, rec GroupRecord, p scim.Projection) *scim.Resource {
	g := rec.Group
	r := &scim.Resource{
		Type: b.groups, ID: g.PublicID, ExternalID: externalID(rec.Anchor),
		Attributes: map[string]any{"displayName": g.DisplayName},
		Meta:       scim.Meta{Created: g.CreatedAt, LastModified: g.UpdatedAt, Version: strconv.FormatInt(g.Version, 10)},
	}
	if p.Wants("members") {
		r.Members = func(yield func(scim.Member, error) bool) {
			err := records.Members(ctx, g.ID, func(m Member) error {
				kind := "User"
				if m.Group {
					kind = "Group"
				}
				if !yield(scim.Member{Value: m.ID, Type: kind, Display: m.Display}, nil) {
					return errEnough
				}
				return nil
			})
			if err != nil && !errors.Is(err, errEnough) {
				yield(scim.Member{}, err)
			}
		}
	}
	return r
}

// errEnough ends a stream that nobody reads any more.
var errEnough = errors.New("enough")

// keys finds users and groups by the ids a client names. Unknown ones are left
// out: identity providers send members in batches, and one who is gone must not
// void the others (Okta does not send the batch again).
func keys(ctx context.Context, records Records, ids []string) (users []registry.UserID, groups []registry.GroupID, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	found, err := records.Keys(ctx, ids)
	if err != nil {
		return nil, nil, refused(err)
	}
	for _, id := range ids {
		switch k := found[id]; {
		case k.User != 0:
			users = append(users, k.User)
		case k.Group != 0:
			groups = append(groups, k.Group)
		}
	}
	return users, groups, nil
}

// memberIDs are the ids in a document's members.
func memberIDs(doc map[string]any) []string {
	var out []string
	for _, m := range elements(doc["members"]) {
		if id := text(m["value"]); id != "" {
			out = append(out, id)
		}
	}
	return out
}

func (b *backend) createGroup(ctx context.Context, r *scim.Resource, p scim.Projection) (*scim.Resource, error) {
	records, c := b.records(ctx)
	users, groups, err := keys(ctx, records, memberIDs(r.Attributes))
	if err != nil {
		return nil, err
	}
	name := text(r.Attributes["displayName"])
	res, err := b.apply(ctx, c, registry.PutGroup{
		Anchor: b.anchorFor(r.ExternalID, ""), Name: name, DisplayName: name, Fresh: true, Users: users, Groups: groups,
	})
	if err != nil {
		return nil, refused(err)
	}
	return b.rereadGroup(ctx, records, res[0].PublicID, p)
}

func (b *backend) rereadGroup(ctx context.Context, records Records, id string, p scim.Projection) (*scim.Resource, error) {
	rec, err := records.Group(ctx, id)
	if err != nil {
		return nil, refused(err)
	}
	return b.groupResource(ctx, records, rec, p), nil
}

// groupForWriting finds a group that the connection may change.
func (b *backend) groupForWriting(ctx context.Context, records Records, c registry.Connection, id string, pre scim.Precondition) (GroupRecord, error) {
	rec, err := records.Group(ctx, id)
	if err != nil {
		return rec, refused(err)
	}
	return rec, errors.Join(holds(pre, rec.Group.Version), owned(c, rec.Group.Owner, rec.Group.DisplayName))
}

// naming is the operation that gives a group its name and externalId.
func (b *backend) naming(rec GroupRecord, external, name string) registry.PutGroup {
	return registry.PutGroup{
		Anchor: b.anchorFor(external, rec.Anchor), WasAnchor: rec.Anchor, Name: name, DisplayName: name, IfVersion: rec.Group.Version,
	}
}

// replaceGroup makes a group what the document says: its name, and its members
// as far as this connection asserts them. A document without members leaves
// them alone only if it does not name them at all.
func (b *backend) replaceGroup(ctx context.Context, id string, r *scim.Resource, pre scim.Precondition, p scim.Projection) (*scim.Resource, error) {
	records, c := b.records(ctx)
	rec, err := b.groupForWriting(ctx, records, c, id, pre)
	if err != nil {
		return nil, err
	}
	ops := []registry.Op{b.naming(rec, r.ExternalID, text(r.Attributes["displayName"]))}
	users, groups, err := keys(ctx, records, memberIDs(r.Attributes))
	if err != nil {
		return nil, err
	}
	ops = append(ops, registry.PatchMembers{Group: rec.Group.ID, AddUsers: users, AddGroups: groups, Exactly: true})
	if _, err := b.apply(ctx, c, ops...); err != nil {
		return nil, refused(err)
	}
	return b.rereadGroup(ctx, records, id, p)
}

// patchGroup applies operations to a group. Members are row operations: the
// cost does not depend on the group's size.
func (b *backend) patchGroup(ctx context.Context, id string, ops []patch.Operation, pre scim.Precondition, p scim.Projection) (*scim.Resource, bool, error) {
	records, c := b.records(ctx)
	rec, err := b.groupForWriting(ctx, records, c, id, pre)
	if err != nil {
		return nil, false, err
	}
	steps, rest, err := patch.Members(ops)
	if err != nil {
		return nil, false, err
	}
	doc := map[string]any{"displayName": rec.Group.DisplayName}
	if x := externalID(rec.Anchor); x != "" {
		doc["externalId"] = x
	}
	renamed, err := patch.Apply(doc, rest, b.groups.Attributes())
	if err != nil {
		return nil, false, err
	}
	var batch []registry.Op
	if renamed {
		batch = append(batch, b.naming(rec, text(doc["externalId"]), text(doc["displayName"])))
	}
	for _, s := range steps {
		op, err := b.memberStep(ctx, records, rec, s)
		if err != nil {
			return nil, false, err
		}
		batch = append(batch, op)
	}
	changed := false
	if len(batch) > 0 {
		res, err := b.apply(ctx, c, batch...)
		if err != nil {
			return nil, false, refused(err)
		}
		for _, r := range res {
			changed = changed || r.Change != nil
		}
	}
	r, err := b.rereadGroup(ctx, records, id, p)
	return r, changed, err
}

// memberStep turns a step of the protocol into an operation on memberships.
func (b *backend) memberStep(ctx context.Context, records Records, rec GroupRecord, s patch.MemberStep) (registry.PatchMembers, error) {
	op := registry.PatchMembers{Group: rec.Group.ID, Exactly: s.Only}
	remove := make([]string, len(s.Remove))
	for i, m := range s.Remove {
		remove[i] = m.Value
	}
	if s.Where != nil {
		err := records.Members(ctx, rec.Group.ID, func(m Member) error {
			kind := "User"
			if m.Group {
				kind = "Group"
			}
			hit, err := filter.Match(s.Where, map[string]any{"value": m.ID, "type": kind, "display": m.Display})
			if hit {
				remove = append(remove, m.ID)
			}
			return err
		})
		if err != nil {
			return op, err
		}
	}
	add := make([]string, len(s.Add))
	for i, m := range s.Add {
		add[i] = m.Value
	}
	var err error
	if op.RemoveUsers, op.RemoveGroups, err = keys(ctx, records, remove); err != nil {
		return op, err
	}
	op.AddUsers, op.AddGroups, err = keys(ctx, records, add)
	return op, err
}
