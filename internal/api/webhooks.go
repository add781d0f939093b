package api

import (
	"context"
	"net/http"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Webhook is an address that is told of events. Its secret is never shown.
type Webhook struct {
	ID           string     `json:"id"`
	Name         string     `json:"name"`
	URL          string     `json:"url"`
	Events       []string   `json:"events" doc:"What it listens to: names of events, user.* for all that begin so, * for all"`
	State        string     `json:"state" enum:"live,failing,disabled"`
	Reason       string     `json:"reason,omitempty" doc:"Why it is disabled: by_hand, gone or failing"`
	FailingSince *time.Time `json:"failing_since,omitempty" doc:"When the first of the tries failed that have all failed since"`
	DisabledAt   *time.Time `json:"disabled_at,omitempty"`
	FormerUntil  *time.Time `json:"former_secret_until,omitempty" doc:"How long the secret before signs beside this one"`
	CreatedAt    time.Time  `json:"created_at"`
}

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID         string            `json:"id" doc:"The webhook-id of every request made for it"`
	Event      string            `json:"event"`
	State      string            `json:"state" enum:"queued,delivered,failed,dropped"`
	Status     int               `json:"status,omitempty" doc:"Of the last answer; missing where there was none"`
	Message    string            `json:"message,omitempty"`
	CreatedAt  time.Time         `json:"created_at"`
	NextTry    *time.Time        `json:"next_try,omitempty"`
	FinishedAt *time.Time        `json:"finished_at,omitempty"`
	Tries      []DeliveryAttempt `json:"tries" doc:"The requests made for it, the oldest first"`
}

// DeliveryAttempt is one request made for a delivery.
type DeliveryAttempt struct {
	At      time.Time `json:"at"`
	Status  int       `json:"status,omitempty" doc:"Missing where nothing answered"`
	Micros  int64     `json:"micros" doc:"How long it took"`
	Message string    `json:"message,omitempty"`
}

// Replayed tells how many deliveries are sent again.
type Replayed struct {
	Replayed int `json:"replayed"`
}

// WebhookTest is what a webhook's address answered to a test.
type WebhookTest struct {
	Delivered bool   `json:"delivered"`
	Status    int    `json:"status,omitempty" doc:"Missing where nothing answered"`
	Message   string `json:"message,omitempty"`
}

// WebhookInput names a webhook.
type WebhookInput struct {
	Webhook string `in:"path" name:"webhook" doc:"The webhook's id"`
}

// ListDeliveriesInput filters deliveries.
type ListDeliveriesInput struct {
	WebhookInput
	Paging
	Failed bool `in:"query" name:"failed" doc:"Only those that failed, were dropped or are tried again"`
}

// DeliveryInput names a delivery.
type DeliveryInput struct {
	WebhookInput
	Delivery string `in:"path" name:"delivery" doc:"The delivery's id"`
}

// ReplayInput says which deliveries are sent again.
type ReplayInput struct {
	WebhookInput
	Body struct {
		Since time.Time `json:"since" doc:"From this moment on"`
	} `in:"body"`
}

// Webhooks are the addresses that are told of events.
type Webhooks interface {
	ListWebhooks(ctx context.Context, who *Who, in Paging) (Page[Webhook], error)
	ShowWebhook(ctx context.Context, who *Who, in WebhookInput) (Webhook, error)
	TestWebhook(ctx context.Context, who *Who, in WebhookInput) (WebhookTest, error)
	ListDeliveries(ctx context.Context, who *Who, in ListDeliveriesInput) (Page[Delivery], error)
	ReplayDelivery(ctx context.Context, who *Who, in DeliveryInput) (Replayed, error)
	ReplayFailed(ctx context.Context, who *Who, in ReplayInput) (Replayed, error)
}

func webhookRoutes(d Webhooks) []Route {
	const tag, one = "webhooks", "/webhooks/{webhook}"
	disabled := []registry.Code{registry.CodeInvalidValue}
	return []Route{
		On(Route{Method: http.MethodGet, Pattern: "/webhooks", Right: auth.RightRead, ID: "listWebhooks", Tag: tag, Export: true,
			Summary: "The webhooks by name", Notes: "No token makes, changes or ends webhooks: what could would hear of everything for ever."}, listed(d.ListWebhooks)),
		On(Route{Method: http.MethodGet, Pattern: one, Right: auth.RightRead, ID: "showWebhook", Tag: tag, Summary: "One webhook"}, d.ShowWebhook),
		On(Route{Method: http.MethodPost, Pattern: one + "/test", Right: auth.RightOperate, ID: "testWebhook", Tag: tag, Deed: "webhook.test", Told: true,
			Summary: "Send a test now and see what is answered"}, d.TestWebhook),
		On(Route{Method: http.MethodGet, Pattern: one + "/deliveries", Right: auth.RightRead, ID: "listDeliveries", Tag: tag, Export: true,
			Summary: "What was sent to a webhook, the newest first, and what became of each"}, d.ListDeliveries),
		On(Route{Method: http.MethodPost, Pattern: one + "/deliveries/{delivery}/replay", Right: auth.RightOperate, ID: "replayDelivery", Tag: tag, Deed: "webhook.replay", Told: true,
			Codes: disabled, Summary: "Send a delivery that is over once more", Notes: "It keeps its id, so that a receiver knows it again."}, d.ReplayDelivery),
		On(Route{Method: http.MethodPost, Pattern: one + "/replay", Right: auth.RightOperate, ID: "replayFailed", Tag: tag, Deed: "webhook.replay_failed", Told: true,
			Codes: disabled, Summary: "Send again all that failed or was dropped since a moment"}, d.ReplayFailed),
	}
}
