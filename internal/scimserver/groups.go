package scimserver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/filter"
	"github.com/usherd/usher/scim/patch"
)

// groupResource is a group as a resource. Its members are streamed, and only
// when they are asked for.
func (b *backend) groupResource(ctx context.Context, c caller, rec registry.ScimGroup, p scim.Projection) (*scim.Resource, error) {
	g := rec.Group
	doc, err := b.groupDocument(rec)
	if err != nil {
		return nil, err
	}
	delete(doc, "externalId") // it stands beside the document
	r := &scim.Resource{
		Type: b.groups, ID: g.PublicID, ExternalID: registry.ExternalID(rec.Anchor),
		Attributes: doc,
		Meta:       scim.Meta{Created: g.CreatedAt, LastModified: g.UpdatedAt, Version: strconv.FormatInt(g.Version, 10)},
	}
	if p.Wants("members") {
		r.Members = func(yield func(scim.Member, error) bool) {
			err := c.ScimMembers(ctx, c.view, g.ID, func(m registry.ScimMember) error {
				kind := "User"
				if m.IsGroup {
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
	return r, nil
}

// groupDocument is a group as a document, without its members.
func (b *backend) groupDocument(rec registry.ScimGroup) (map[string]any, error) {
	doc, err := decode(rec.Document)
	if err != nil {
		return nil, fmt.Errorf("decode document of group %d: %w", rec.Group.ID, err)
	}
	doc["displayName"] = rec.Group.DisplayName
	if x := registry.ExternalID(rec.Anchor); x != "" {
		doc["externalId"] = x
	}
	return doc, nil
}

// extensionsOf is what a document says of the group's extensions, as it is
// stored; nil where groups have none.
func (b *backend) extensionsOf(doc map[string]any) ([]byte, error) {
	if len(b.groups.Extensions) == 0 {
		return nil, nil
	}
	values := map[string]any{}
	for _, e := range b.groups.Extensions {
		if inner, ok := doc[e.Schema.ID].(map[string]any); ok && len(inner) > 0 {
			values[e.Schema.ID] = inner
		}
	}
	return kept(b.groups, values)
}

// errEnough ends a stream that nobody reads any more.
var errEnough = errors.New("enough")

// keys finds users and groups by the ids a client names; those of whom it knows
// nothing are unknown. gone finds those, too, whom it may not see any more.
func (c caller) keys(ctx context.Context, ids []string, gone bool) (users []registry.UserID, groups []registry.GroupID, unknown []string, err error) {
	if len(ids) == 0 {
		return nil, nil, nil, nil
	}
	found, err := c.ScimKeys(ctx, c.view, ids, gone)
	if err != nil {
		return nil, nil, nil, refused(err)
	}
	for _, id := range ids {
		if u, ok := found.Users[id]; ok {
			users = append(users, u)
		} else if g, ok := found.Groups[id]; ok {
			groups = append(groups, g)
		} else {
			unknown = append(unknown, id)
		}
	}
	return users, groups, unknown, nil
}

// joining finds who is to be a member. Those whom the connection does not know are
// passed over, and the log says so: identity providers send members in batches,
// and one who is gone must not void the others (Okta does not send the batch
// again). Where the connection is strict they are refused, and everywhere where
// nobody is left of those who are to be the only members: that would empty the group.
func (c caller) joining(ctx context.Context, ids []string, only bool) ([]registry.UserID, []registry.GroupID, error) {
	users, groups, unknown, err := c.keys(ctx, ids, false)
	if err != nil || len(unknown) == 0 {
		return users, groups, err
	}
	if profileOf(c.Connection).Strict || only && len(unknown) == len(ids) {
		return nil, nil, scim.Errorf(scim.InvalidValue, "members: %q is nobody and no group that this connection knows", clip(unknown[0], 100))
	}
	const named = 5
	who := strings.Join(unknown[:min(len(unknown), named)], ", ")
	if more := len(unknown) - named; more > 0 {
		who += fmt.Sprintf(" and %d more", more)
	}
	note(ctx, "members were passed over whom this connection does not know: "+who)
	return users, groups, nil
}

// memberIDs are the ids in a document's members, each of which has one.
func memberIDs(doc map[string]any) []string {
	var out []string
	for _, m := range elements(doc["members"]) {
		out = append(out, text(m["value"]))
	}
	return out
}

func (b *backend) createGroup(ctx context.Context, r *scim.Resource, p scim.Projection) (*scim.Resource, error) {
	c := b.caller(ctx)
	users, groups, err := c.joining(ctx, memberIDs(r.Attributes), false)
	if err != nil {
		return nil, err
	}
	extensions, err := b.extensionsOf(r.Attributes)
	if err != nil {
		return nil, err
	}
	name := text(r.Attributes["displayName"])
	res, err := b.apply(ctx, c, registry.PutGroup{
		Anchor: b.anchorFor(r.ExternalID, ""), Name: name, DisplayName: name, Document: extensions, Fresh: true, Users: users, Groups: groups,
	})
	if err != nil {
		return nil, refused(err)
	}
	return b.rereadGroup(ctx, c, res[0].PublicID, p)
}

func (b *backend) rereadGroup(ctx context.Context, c caller, id string, p scim.Projection) (*scim.Resource, error) {
	rec, err := c.ScimGroupByID(ctx, c.view, id)
	if err != nil {
		return nil, refused(err)
	}
	return b.groupResource(ctx, c, rec, p)
}

// groupForWriting finds a group that the connection may change.
func (b *backend) groupForWriting(ctx context.Context, c caller, id string, pre scim.Precondition) (registry.ScimGroup, error) {
	rec, err := c.ScimGroupByID(ctx, c.view, id)
	if err != nil {
		return rec, refused(err)
	}
	return rec, errors.Join(holds(pre, rec.Group.Version), owned(c, rec.Group.Owner, rec.Group.DisplayName))
}

// naming is the operation that gives a group its name, externalId and extension
// values.
func (b *backend) naming(rec registry.ScimGroup, external string, doc map[string]any) (registry.PutGroup, error) {
	extensions, err := b.extensionsOf(doc)
	name := text(doc["displayName"])
	return registry.PutGroup{
		Anchor: b.anchorFor(external, rec.Anchor), WasAnchor: rec.Anchor, Name: name, DisplayName: name, Document: extensions, IfVersion: rec.Group.Version,
	}, err
}

// replaceGroup makes a group what the document says: its name, and its members
// as far as this connection asserts them. A document without members leaves
// none: Keycloak's extensions say nothing when the last one goes.
func (b *backend) replaceGroup(ctx context.Context, id string, r *scim.Resource, pre scim.Precondition, p scim.Projection) (*scim.Resource, error) {
	c := b.caller(ctx)
	rec, err := b.groupForWriting(ctx, c, id, pre)
	if err != nil {
		return nil, err
	}
	old, err := b.groupDocument(rec)
	if err != nil {
		return nil, err
	}
	if err := b.groups.KeepImmutable(old, r.Attributes); err != nil {
		return nil, err
	}
	named, err := b.naming(rec, r.ExternalID, r.Attributes)
	if err != nil {
		return nil, err
	}
	users, groups, err := c.joining(ctx, memberIDs(r.Attributes), true)
	if err != nil {
		return nil, err
	}
	members := registry.PatchMembers{Group: rec.Group.ID, AddUsers: users, AddGroups: groups, Exactly: true}
	if _, err := b.apply(ctx, c, named, members); err != nil {
		return nil, refused(err)
	}
	return b.rereadGroup(ctx, c, id, p)
}

// patchGroup applies operations to a group. Members are row operations: the
// cost does not depend on the group's size.
func (b *backend) patchGroup(ctx context.Context, id string, ops []patch.Operation, pre scim.Precondition, p scim.Projection) (*scim.Resource, bool, error) {
	c := b.caller(ctx)
	rec, err := b.groupForWriting(ctx, c, id, pre)
	if err != nil {
		return nil, false, err
	}
	batch, err := b.groupOps(ctx, c, rec, ops)
	if err != nil {
		return nil, false, err
	}
	if pre.Match != nil { // which is to hold when the members are written, too
		for i, op := range batch {
			if members, ok := op.(registry.PatchMembers); ok {
				members.IfVersion = rec.Group.Version
				batch[i] = members
			}
		}
	}
	changed := false
	if len(batch) > 0 {
		res, err := b.apply(ctx, c, batch...)
		if err != nil {
			return nil, false, refused(err)
		}
		for _, r := range res {
			if r.Change != nil {
				changed, rec.Version = true, r.Change.Version
			}
		}
	}
	if !p.Wants("id") { // which every body has: there is none, and a version is all the answer tells
		return &scim.Resource{Type: b.groups, ID: id, Meta: scim.Meta{Version: strconv.FormatInt(rec.Version, 10)}}, changed, nil
	}
	r, err := b.rereadGroup(ctx, c, id, p)
	return r, changed, err
}

// groupOps are the registry's operations for those of a PATCH.
func (b *backend) groupOps(ctx context.Context, c caller, rec registry.ScimGroup, ops []patch.Operation) ([]registry.Op, error) {
	steps, rest, err := patch.Members(ops)
	if err != nil {
		return nil, err
	}
	doc, err := b.groupDocument(rec)
	if err != nil {
		return nil, err
	}
	renamed, err := patch.Apply(doc, rest, b.groups.Attributes())
	if err != nil {
		return nil, err
	}
	var batch []registry.Op
	if renamed {
		named, err := b.naming(rec, text(doc["externalId"]), doc)
		if err != nil {
			return nil, err
		}
		batch = append(batch, named)
	}
	for _, s := range steps {
		op, err := b.memberStep(ctx, c, rec, s)
		if err != nil {
			return nil, err
		}
		batch = append(batch, op)
	}
	return batch, nil
}

// memberStep turns a step of the protocol into an operation on memberships.
func (b *backend) memberStep(ctx context.Context, c caller, rec registry.ScimGroup, s patch.MemberStep) (registry.PatchMembers, error) {
	op := registry.PatchMembers{Group: rec.Group.ID, Exactly: s.Only}
	remove := make([]string, len(s.Remove))
	for i, m := range s.Remove {
		remove[i] = m.Value
	}
	if s.Where != nil {
		members, _ := b.groups.Attributes().Lookup("", "members")
		err := c.ScimMembers(ctx, c.view, rec.Group.ID, func(m registry.ScimMember) error {
			kind := "User"
			if m.IsGroup {
				kind = "Group"
			}
			hit, err := filter.Match(s.Where, members, map[string]any{"value": m.ID, "type": kind, "display": m.Display}, attr.Fold)
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
	// Who was deleted is a member still, should they come back.
	if op.RemoveUsers, op.RemoveGroups, _, err = c.keys(ctx, remove, true); err != nil {
		return op, err
	}
	op.AddUsers, op.AddGroups, err = c.joining(ctx, add, s.Only)
	return op, err
}
