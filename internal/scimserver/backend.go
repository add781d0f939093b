package scimserver

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/filter"
	"github.com/usherd/usher/scim/patch"
)

// backend fills scim.Backend over the registry. The connection of a request is
// in its context.
type backend struct {
	registry *registry.Registry
	open     func(registry.CompanyID) Records
	base     string
	newID    func() string
	password NewPassword
	users    *scim.ResourceType
	groups   *scim.ResourceType
	loads    loads
	late     queues
}

// isGroup tells the two types apart by name: a type is data, and others may hold
// a copy of it.
func isGroup(t *scim.ResourceType) bool { return t.Name == "Group" }

// tries is how often a change is made anew when somebody else was faster.
const tries = 8

// errStale asks for another try.
var errStale = errors.New("the record moved meanwhile")

// anchorFor is the anchor of an externalId; without one, the present generated
// anchor, or a new one.
func (b *backend) anchorFor(external, present string) string {
	switch {
	case external != "":
		return external
	case strings.HasPrefix(present, registry.NoExternalID):
		return present
	}
	return registry.NoExternalID + b.newID()
}

// caller is whose request the context belongs to.
func (b *backend) caller(ctx context.Context) caller {
	c := connectionOf(ctx)
	return caller{
		Records: b.open(c.Origin.Company), Connection: c,
		view: registry.ScimView{Origin: c.Origin.ID, Visible: c.Visible, Base: b.base},
	}
}

// apply runs operations as the request's connection.
func (b *backend) apply(ctx context.Context, c caller, ops ...registry.Op) ([]registry.Result, error) {
	res, err := b.registry.Apply(ctx, registry.Batch{Company: c.Origin.Company, Origin: c.Origin, Actor: "connection " + c.Origin.Key, Ops: ops})
	if err != nil {
		return nil, err
	}
	for _, r := range res {
		if r.Refused != nil {
			return res, r.Refused
		}
	}
	return res, nil
}

// kinds is the one table from the registry's refusals to the protocol's errors.
var kinds = map[registry.Code]scim.Kind{
	registry.CodeNotFound:         scim.NotFound,
	registry.CodeUserNameTaken:    scim.Uniqueness,
	registry.CodeAnchorTaken:      scim.Uniqueness,
	registry.CodeAlreadyLinked:    scim.Uniqueness,
	registry.CodeValueTaken:       scim.Uniqueness,
	registry.CodeGroupNameTaken:   scim.Uniqueness,
	registry.CodeUserNameMissing:  scim.InvalidValue,
	registry.CodeGroupNameMissing: scim.InvalidValue,
	registry.CodeInvalidValue:     scim.InvalidValue,
	registry.CodeForeignOwner:     scim.Conflict,
	registry.CodeProtectedAdmin:   scim.Conflict,
	registry.CodeProtected:        scim.Conflict,
	registry.CodeOwnPassword:      scim.Conflict,
	registry.CodeAmbiguous:        scim.Conflict,
	registry.CodeErased:           scim.Conflict,
}

// refused turns the registry's refusal into the protocol's.
func refused(err error) error {
	var e *registry.Error
	switch {
	case errors.Is(err, registry.ErrNotFound):
		return scim.Errorf(scim.NotFound, "there is no such resource")
	case !errors.As(err, &e):
		return err
	case e.Code == registry.CodeStale:
		return errStale
	}
	if kind, ok := kinds[e.Code]; ok {
		return scim.Errorf(kind, "%s", e.Message)
	}
	return err
}

// owned refuses a write to what another origin owns.
func owned(c caller, owner registry.OriginID, name string) error {
	if owner == c.Origin.ID {
		return nil
	}
	return scim.Errorf(scim.Conflict, "%s belongs to another origin, which alone may change it", name)
}

// again tries a change of a resource until nobody else is faster. Who was too
// late once waits for the others of this process who were, so that many at once
// are done one after the other. A client that named a version gets what it asked
// for: one look, one try.
func (b *backend) again(ctx context.Context, id string, pre scim.Precondition, try func() error) error {
	err := try()
	if !errors.Is(err, errStale) {
		return err
	}
	if pre.Match == nil {
		leave, err := b.late.enter(ctx, id)
		if err != nil {
			return err
		}
		defer leave()
	}
	for n := 1; n < tries && pre.Match == nil && ctx.Err() == nil; n++ {
		if err := try(); !errors.Is(err, errStale) {
			return err
		}
	}
	if pre.Match != nil {
		return scim.Errorf(scim.PreconditionFailed, "the resource was changed by somebody else meanwhile")
	}
	return scim.Errorf(scim.Unavailable, "the resource is being changed by too many at once; try again")
}

// holds checks If-Match.
func holds(pre scim.Precondition, version int64) error {
	if pre.Match != nil && !pre.Match(strconv.FormatInt(version, 10)) {
		return scim.Errorf(scim.PreconditionFailed, "the resource is at another version")
	}
	return nil
}

// Get implements scim.Backend.
func (b *backend) Get(ctx context.Context, t *scim.ResourceType, id string, p scim.Projection) (*scim.Resource, error) {
	c := b.caller(ctx)
	switch {
	case isGroup(t):
		return b.rereadGroup(ctx, c, id, p)
	case isUser(t):
		return b.rereadUser(ctx, c, id, p)
	}
	return b.rereadResource(ctx, c, t, id)
}

// selectionOf is what a query, maybe one over several types, asks of one type;
// none of them when some is false.
func selectionOf(t *scim.ResourceType, q scim.Query) (s filter.Selection, some bool) {
	s = filter.Selection{Type: t.Name, Set: t.Attributes()}
	if q.Filter != nil {
		var holds bool
		if s.Filter, holds = filter.Narrow(q.Filter, s.Set); s.Filter == nil && !holds {
			return s, false
		}
	}
	if q.SortBy != nil {
		if p, err := filter.ResolvePath(filter.Path{Attr: *q.SortBy}, s.Set, nil); err == nil {
			s.SortBy = &p.Attr
		}
	}
	return s, true
}

// Create implements scim.Backend.
func (b *backend) Create(ctx context.Context, t *scim.ResourceType, r *scim.Resource, p scim.Projection) (*scim.Resource, error) {
	switch {
	case isGroup(t):
		return b.createGroup(ctx, r, p)
	case isUser(t):
		return b.createUser(ctx, r, p)
	}
	return b.createResource(ctx, t, r)
}

// Replace implements scim.Backend.
func (b *backend) Replace(ctx context.Context, t *scim.ResourceType, id string, r *scim.Resource, pre scim.Precondition, p scim.Projection) (out *scim.Resource, err error) {
	err = b.again(ctx, id, pre, func() error {
		switch {
		case isGroup(t):
			out, err = b.replaceGroup(ctx, id, r, pre, p)
		case isUser(t):
			out, err = b.replaceUser(ctx, id, r, pre, p)
		default:
			out, err = b.replaceResource(ctx, t, id, r, pre)
		}
		return err
	})
	return out, err
}

// Patch implements scim.Backend.
func (b *backend) Patch(ctx context.Context, t *scim.ResourceType, id string, ops []patch.Operation, pre scim.Precondition, p scim.Projection) (out *scim.Resource, changed bool, err error) {
	err = b.again(ctx, id, pre, func() error {
		switch {
		case isGroup(t):
			out, changed, err = b.patchGroup(ctx, id, ops, pre, p)
		case isUser(t):
			out, changed, err = b.patchUser(ctx, id, ops, pre, p)
		default:
			out, changed, err = b.patchResource(ctx, t, id, ops, pre)
		}
		return err
	})
	return out, changed, err
}

// Delete implements scim.Backend. Whoever does not own a record only lets go of
// it.
func (b *backend) Delete(ctx context.Context, t *scim.ResourceType, id string, pre scim.Precondition) error {
	return b.again(ctx, id, pre, func() error {
		c := b.caller(ctx)
		if !isGroup(t) && !isUser(t) {
			return b.deleteResource(ctx, t, id, pre)
		}
		if isGroup(t) {
			rec, err := b.groupForWriting(ctx, c, id, pre)
			if err != nil {
				return err
			}
			_, err = b.apply(ctx, c, registry.MissGroup{Anchor: rec.Anchor, IfVersion: rec.Version})
			return refused(err)
		}
		rec, err := c.ScimUserByID(ctx, c.view, id, false)
		if err != nil {
			return refused(err)
		}
		if err := holds(pre, rec.Version); err != nil {
			return err
		}
		switch {
		case rec.Owner == c.Origin.ID:
			_, err = b.apply(ctx, c, registry.DeleteUser{Anchor: rec.Anchor, IfVersion: rec.Version})
		case rec.Anchor != "":
			_, err = b.apply(ctx, c, registry.UnlinkUser{Anchor: rec.Anchor})
		default:
			return owned(c, rec.Owner, rec.UserName())
		}
		return refused(err)
	})
}

// Me implements scim.Backend: the tokens of the connection itself are nobody's.
func (b *backend) Me(ctx context.Context) (*scim.ResourceType, string, error) {
	return b.users, personOf(ctx), nil
}
