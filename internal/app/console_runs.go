package app

import (
	"context"
	"errors"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/web/admin"
)

// Named implements admin.Desk.
func (c *console) Named(ctx context.Context, users []registry.UserID) (map[registry.UserID]registry.Candidate, error) {
	if len(users) == 0 {
		return nil, nil
	}
	return c.tenant.NameUsers(ctx, users)
}

// AnchorOf implements admin.Desk.
func (c *console) AnchorOf(ctx context.Context, origin registry.OriginID, user registry.UserID) (string, error) {
	all, err := c.tenant.Anchors(ctx, origin, user)
	if err != nil || len(all) == 0 {
		return "", err
	}
	return all[len(all)-1], nil
}

// Tied implements admin.Desk.
func (c *console) Tied(ctx context.Context, origin registry.OriginID, anchors []string) (map[string]registry.UserID, error) {
	out := map[string]registry.UserID{}
	if len(anchors) == 0 {
		return out, nil
	}
	err := c.tenant.LinkedUsers(ctx, origin, func(l registry.LinkedUser) error {
		out[l.Anchor] = l.User
		return nil
	}, anchors...)
	return out, err
}

// Waiting implements admin.Desk.
func (c *console) Waiting(ctx context.Context, limit int) (int, error) {
	all, err := c.tenant.Applications(ctx, registry.ApplicationAwaiting, limit)
	return len(all), err
}

// RunOf implements admin.Desk.
func (c *console) RunOf(ctx context.Context, id registry.RunID) (*registry.Run, error) {
	return c.tenant.Run(ctx, id)
}

// Suggested implements admin.Desk.
func (c *console) Suggested(ctx context.Context, users []registry.UserID) (map[registry.UserID]admin.PersonRow, error) {
	out := map[registry.UserID]admin.PersonRow{}
	if len(users) == 0 {
		return out, nil
	}
	doors, err := c.tenant.Origins(ctx)
	if err != nil {
		return nil, err
	}
	var found []*registry.User
	err = c.server.Store.Read(ctx, c.company.ID, func(tx registry.Tx) (err error) {
		found, err = tx.Users(ctx, users)
		return err
	})
	came, failed := c.tenant.SignedIn(ctx, users)
	for _, u := range found {
		out[u.ID] = admin.PersonRow{User: u, Origin: doors[u.Owner], SignedIn: came[u.ID]}
	}
	return out, errors.Join(err, failed)
}

// Tie implements admin.Desk.
func (c *console) Tie(ctx context.Context, source, anchor, who, actor string, endPassword bool) error {
	src, err := c.source(ctx, source)
	if err != nil {
		return err
	}
	u, err := c.tenant.FindUser(ctx, who)
	if errors.Is(err, registry.ErrNotFound) {
		return &admin.Refusal{Code: registry.CodeNotFound, Reason: registry.Say("nobody has this user name, address or id")}
	}
	if err != nil {
		return err
	}
	return refused(c.server.LinkUser(ctx, src.Key, anchor, actor, u.ID, endPassword))
}
