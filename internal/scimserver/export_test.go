package scimserver

import (
	"context"
	"net/http"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/patch"
)

// BackendFor is the backend as one connection sees it, for the suite that every
// backend has to pass.
func BackendFor(cfg Config, conn registry.Connection, users, groups *scim.ResourceType) scim.Backend {
	return asConnection{&backend{registry: cfg.Registry, open: cfg.Open, base: cfg.BaseURL.String(), newID: cfg.NewID, password: cfg.NewPassword, users: users, groups: groups, late: newQueues()}, conn}
}

// asConnection puts the connection into every call's context.
type asConnection struct {
	b    *backend
	conn registry.Connection
}

func (a asConnection) in(ctx context.Context) context.Context {
	return context.WithValue(ctx, connectionKey{}, a.conn)
}

func (a asConnection) Get(ctx context.Context, t *scim.ResourceType, id string, p scim.Projection) (*scim.Resource, error) {
	return a.b.Get(a.in(ctx), t, id, p)
}

func (a asConnection) List(ctx context.Context, q scim.Query) (*scim.Page, error) {
	return a.b.List(a.in(ctx), q)
}

func (a asConnection) Create(ctx context.Context, t *scim.ResourceType, r *scim.Resource, p scim.Projection) (*scim.Resource, error) {
	return a.b.Create(a.in(ctx), t, r, p)
}

func (a asConnection) Replace(ctx context.Context, t *scim.ResourceType, id string, r *scim.Resource, pre scim.Precondition, p scim.Projection) (*scim.Resource, error) {
	return a.b.Replace(a.in(ctx), t, id, r, pre, p)
}

func (a asConnection) Patch(ctx context.Context, t *scim.ResourceType, id string, ops []patch.Operation, pre scim.Precondition, p scim.Projection) (*scim.Resource, bool, error) {
	return a.b.Patch(a.in(ctx), t, id, ops, pre, p)
}

func (a asConnection) Delete(ctx context.Context, t *scim.ResourceType, id string, pre scim.Precondition) error {
	return a.b.Delete(a.in(ctx), t, id, pre)
}

func (a asConnection) Me(ctx context.Context) (*scim.ResourceType, string, error) {
	return a.b.Me(a.in(ctx))
}

// ReadTokenRequest reads who asks for a token, and how they prove it.
func ReadTokenRequest(w http.ResponseWriter, r *http.Request) (client, secret, assertion string, err error) {
	req, err := readTokenRequest(w, r)
	return req.client, req.secret, req.assertion, err
}
