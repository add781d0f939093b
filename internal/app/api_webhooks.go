package app

import (
	"context"
	"strconv"
	"time"

	"github.com/usherd/usher/internal/api"
	"github.com/usherd/usher/internal/registry"
)

func toAPIWebhook(h registry.Webhook, now time.Time) api.Webhook {
	out := api.Webhook{
		ID: h.PublicID, Name: h.Name, URL: h.URL, Events: h.Events, State: "live", Reason: h.DisabledReason,
		FailingSince: set(h.FailingSince), DisabledAt: set(h.DisabledAt), CreatedAt: h.CreatedAt,
	}
	switch {
	case !h.Live():
		out.State = "disabled"
	case !h.FailingSince.IsZero():
		out.State = "failing"
	}
	if h.FormerUntil.After(now) {
		out.FormerUntil = set(h.FormerUntil)
	}
	return out
}

// ListWebhooks implements api.Webhooks.
func (d *apiDesk) ListWebhooks(ctx context.Context, who *api.Who, in api.Paging) (p api.Page[api.Webhook], err error) {
	all, err := d.Store.For(who.Company).Webhooks(ctx)
	if err != nil {
		return p, err
	}
	return fewPage(all, in, func(h registry.Webhook) api.Webhook { return toAPIWebhook(h, d.Now()) })
}

// ShowWebhook implements api.Webhooks.
func (d *apiDesk) ShowWebhook(ctx context.Context, who *api.Who, in api.WebhookInput) (api.Webhook, error) {
	h, err := hookByID(ctx, d.Store.For(who.Company), in.Webhook)
	if err != nil {
		return api.Webhook{}, err
	}
	return toAPIWebhook(h, d.Now()), nil
}

// onHook does something with a webhook at the desk where admins do.
func (d *apiDesk) onHook(ctx context.Context, who *api.Who, id string, do func(*WebhookDesk, registry.Webhook, registry.Deed) error) error {
	h, err := hookByID(ctx, d.Store.For(who.Company), id)
	if err != nil {
		return err
	}
	desk, err := d.Webhooks()
	if err != nil {
		return err
	}
	return do(desk, h, registry.Deed{Actor: who.Actor, Address: who.Client.Address.String(), RequestID: who.Request})
}

// TestWebhook implements api.Webhooks.
func (d *apiDesk) TestWebhook(ctx context.Context, who *api.Who, in api.WebhookInput) (out api.WebhookTest, err error) {
	err = d.onHook(ctx, who, in.Webhook, func(desk *WebhookDesk, h registry.Webhook, by registry.Deed) error {
		res, err := desk.Test(ctx, h, by)
		out = api.WebhookTest{Delivered: res.State == registry.DeliveryDelivered, Status: res.Status, Message: res.Message.String()}
		return err
	})
	return out, err
}

func toAPIDelivery(x registry.Delivery) api.Delivery {
	out := api.Delivery{
		ID: x.PublicID, Event: string(x.Event), State: string(x.State), Status: x.Status, Message: x.Message.String(), CreatedAt: x.CreatedAt,
		NextTry: set(x.NextTry), FinishedAt: set(x.FinishedAt), Tries: []api.DeliveryAttempt{},
	}
	for _, a := range x.Tries {
		out.Tries = append(out.Tries, api.DeliveryAttempt{At: a.At, Status: a.Status, Micros: a.Micros, Message: a.Message.String()})
	}
	return out
}

// ListDeliveries implements api.Webhooks.
func (d *apiDesk) ListDeliveries(ctx context.Context, who *api.Who, in api.ListDeliveriesInput) (p api.Page[api.Delivery], err error) {
	t := d.Store.For(who.Company)
	h, err := hookByID(ctx, t, in.Webhook)
	if err != nil {
		return p, err
	}
	q := registry.DeliveryQuery{Webhook: h.ID, Failed: in.Failed, Limit: in.Limit + 1}
	if q.Before, err = api.Key(in.After); err != nil {
		return p, err
	}
	rows, err := t.Deliveries(ctx, q)
	return api.CutPage(rows, in.Limit, func(x registry.Delivery) string { return strconv.FormatInt(x.ID, 10) }, toAPIDelivery), err
}

// ReplayDelivery implements api.Webhooks.
func (d *apiDesk) ReplayDelivery(ctx context.Context, who *api.Who, in api.DeliveryInput) (api.Replayed, error) {
	return d.replay(ctx, who, in.Webhook, in.Delivery, time.Time{})
}

// ReplayFailed implements api.Webhooks.
func (d *apiDesk) ReplayFailed(ctx context.Context, who *api.Who, in api.ReplayInput) (api.Replayed, error) {
	return d.replay(ctx, who, in.Webhook, "", in.Body.Since)
}

func (d *apiDesk) replay(ctx context.Context, who *api.Who, id, delivery string, since time.Time) (out api.Replayed, err error) {
	err = d.onHook(ctx, who, id, func(desk *WebhookDesk, h registry.Webhook, by registry.Deed) error {
		out.Replayed, err = desk.Replay(ctx, h, by, delivery, since)
		return err
	})
	return out, err
}
