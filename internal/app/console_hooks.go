package app

import (
	"context"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/store"
	"github.com/usherd/usher/internal/web/admin"
)

// Webhooks implements admin.Desk.
func (c *console) Webhooks(ctx context.Context) ([]registry.Webhook, error) {
	return c.tenant.Webhooks(ctx)
}

// Webhook implements admin.Desk.
func (c *console) Webhook(ctx context.Context, id string) (registry.Webhook, error) {
	return hookByID(ctx, c.tenant, id)
}

// hookByID finds a webhook of a company by its public id.
func hookByID(ctx context.Context, t *store.Tenant, id string) (registry.Webhook, error) {
	all, err := t.Webhooks(ctx)
	for _, h := range all {
		if h.PublicID == id {
			return h, err
		}
	}
	if err == nil {
		err = registry.ErrNotFound
	}
	return registry.Webhook{}, err
}

// onHooks does something at the desk of webhooks, with its refusals in the pages'
// words.
func (c *console) onHooks(do func(*WebhookDesk) error) error {
	desk, err := c.server.Webhooks()
	if err == nil {
		err = do(desk)
	}
	return refused(err)
}

// CreateWebhook implements admin.Desk.
func (c *console) CreateWebhook(ctx context.Context, by registry.Deed, name, address string, events []string) (h registry.Webhook, secret string, err error) {
	err = c.onHooks(func(d *WebhookDesk) error {
		h, secret, err = d.Create(ctx, c.company.ID, by, name, address, events)
		return err
	})
	return h, secret, err
}

// ChangeWebhook implements admin.Desk.
func (c *console) ChangeWebhook(ctx context.Context, h registry.Webhook, by registry.Deed, address string, events []string) error {
	return c.onHooks(func(d *WebhookDesk) error {
		_, err := d.Update(ctx, h, by, address, events)
		return err
	})
}

// RotateWebhook implements admin.Desk.
func (c *console) RotateWebhook(ctx context.Context, h registry.Webhook, by registry.Deed, overlap time.Duration) (secret string, err error) {
	err = c.onHooks(func(d *WebhookDesk) error {
		secret, err = d.Rotate(ctx, h, by, overlap)
		return err
	})
	return secret, err
}

// EnableWebhook implements admin.Desk.
func (c *console) EnableWebhook(ctx context.Context, h registry.Webhook, by registry.Deed, enabled bool) error {
	return c.onHooks(func(d *WebhookDesk) error {
		set := d.Disable
		if enabled {
			set = d.Enable
		}
		_, err := set(ctx, h, by)
		return err
	})
}

// DeleteWebhook implements admin.Desk.
func (c *console) DeleteWebhook(ctx context.Context, h registry.Webhook, by registry.Deed) error {
	return c.onHooks(func(d *WebhookDesk) error { return d.Delete(ctx, h, by) })
}

// TestWebhook implements admin.Desk.
func (c *console) TestWebhook(ctx context.Context, h registry.Webhook, by registry.Deed) (out admin.HookAnswer, err error) {
	err = c.onHooks(func(d *WebhookDesk) error {
		res, err := d.Test(ctx, h, by)
		out = admin.HookAnswer{Status: res.Status, Delivered: res.State == registry.DeliveryDelivered, Message: res.Message}
		return err
	})
	return out, err
}

// Deliveries implements admin.Desk.
func (c *console) Deliveries(ctx context.Context, h registry.Webhook, q registry.DeliveryQuery) ([]registry.Delivery, error) {
	q.Webhook = h.ID
	return c.tenant.Deliveries(ctx, q)
}

// Replay implements admin.Desk.
func (c *console) Replay(ctx context.Context, h registry.Webhook, by registry.Deed, delivery string, since time.Time) (n int, err error) {
	err = c.onHooks(func(d *WebhookDesk) error {
		n, err = d.Replay(ctx, h, by, delivery, since)
		return err
	})
	return n, err
}
