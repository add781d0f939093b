package scimserver

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/patch"
)

type personKey struct{}

// personOf is the public id of the person whose token opened the request, ""
// for a token of the connection itself.
func personOf(ctx context.Context) string {
	id, _ := ctx.Value(personKey{}).(string)
	return id
}

// personal holds a person's token to that person, whichever way a request takes:
// /Me, their own address, or an operation of a Bulk.
type personal struct{ b *backend }

// own refuses what is not the token's person.
func own(ctx context.Context, t *scim.ResourceType, id string) error {
	if who := personOf(ctx); who != "" && (!isUser(t) || id != who) {
		return errNotOwn()
	}
	return nil
}

// isUser tells people from everything else by name, as isGroup does groups.
func isUser(t *scim.ResourceType) bool { return t.Name == "User" }

func errNotOwn() error {
	return scim.Errorf(scim.Forbidden, "this token is a person's and opens nothing but /Me")
}

// theirs are the attributes that people may tell of themselves. By all others
// they would choose who they are matched with, what they may do, or whether they
// are there: those are the connection's word (RFC 7644 section 3.11 leaves it to
// the service).
var theirs = map[string]bool{
	"name": true, "displayName": true, "nickName": true, "profileUrl": true, "preferredLanguage": true, "locale": true, "timezone": true,
	"phoneNumbers": true, "ims": true, "photos": true, "addresses": true, "password": true,
}

// keepWhatIsNotTheirs fills in what a person's PUT leaves out of what is not
// theirs to take away.
func keepWhatIsNotTheirs(old, r *scim.Resource) {
	for name, v := range old.Attributes {
		if _, given := r.Attributes[name]; !given && !theirs[name] {
			r.Attributes[name] = v
		}
	}
	r.ExternalID = cmp.Or(r.ExternalID, old.ExternalID)
}

// onlyTheirs refuses what changes more of a person than they may tell themselves.
func (b *backend) onlyTheirs(c caller, rec registry.ScimUser, external string, doc map[string]any) error {
	old, err := b.userResource(c, rec)
	if err != nil {
		return err
	}
	before, after := maps.Clone(old.Attributes), maps.Clone(doc)
	before["externalId"], after["externalId"] = old.ExternalID, external
	names := append(slices.Collect(maps.Keys(before)), slices.Collect(maps.Keys(after))...)
	slices.Sort(names) // of several the same one is named each time
	for _, name := range names {
		if !theirs[name] && !sameJSON(before[name], after[name]) {
			return scim.Errorf(scim.Forbidden, "%s is the connection's to change: people tell their names, languages, numbers and postal addresses of themselves", name)
		}
	}
	return nil
}

func sameJSON(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && bytes.Equal(x, y)
}

// Get implements scim.Backend.
func (p personal) Get(ctx context.Context, t *scim.ResourceType, id string, show scim.Projection) (*scim.Resource, error) {
	if err := own(ctx, t, id); err != nil {
		return nil, err
	}
	return p.b.Get(ctx, t, id, show)
}

// List implements scim.Backend.
func (p personal) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	if personOf(ctx) != "" {
		return nil, errNotOwn()
	}
	return p.b.List(ctx, q)
}

// Create implements scim.Backend.
func (p personal) Create(ctx context.Context, t *scim.ResourceType, r *scim.Resource, show scim.Projection) (*scim.Resource, error) {
	if personOf(ctx) != "" {
		return nil, errNotOwn()
	}
	return p.b.Create(ctx, t, r, show)
}

// Replace implements scim.Backend.
func (p personal) Replace(ctx context.Context, t *scim.ResourceType, id string, r *scim.Resource, pre scim.Precondition, show scim.Projection) (*scim.Resource, error) {
	if err := own(ctx, t, id); err != nil {
		return nil, err
	}
	return p.b.Replace(ctx, t, id, r, pre, show)
}

// Patch implements scim.Backend.
func (p personal) Patch(ctx context.Context, t *scim.ResourceType, id string, ops []patch.Operation, pre scim.Precondition, show scim.Projection) (*scim.Resource, bool, error) {
	if err := own(ctx, t, id); err != nil {
		return nil, false, err
	}
	return p.b.Patch(ctx, t, id, ops, pre, show)
}

// Delete implements scim.Backend.
func (p personal) Delete(ctx context.Context, t *scim.ResourceType, id string, pre scim.Precondition) error {
	if personOf(ctx) != "" {
		return scim.Errorf(scim.Forbidden, "an account is the connection's to end, not its person's")
	}
	return p.b.Delete(ctx, t, id, pre)
}

// Me implements scim.Backend.
func (p personal) Me(ctx context.Context) (*scim.ResourceType, string, error) { return p.b.Me(ctx) }
