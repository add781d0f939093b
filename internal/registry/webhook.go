package registry

import (
	"encoding/json"
	"slices"
	"time"
)

// WebhookID is the key of a webhook.
type WebhookID int64

// Webhook is an address that is told of events.
type Webhook struct {
	ID       WebhookID
	PublicID string
	Company  CompanyID
	// Name is what people call it, unique among the company's living webhooks.
	Name string
	URL  string
	// Events are the patterns of what it listens to; see ListensTo.
	Events []string
	// Secret and FormerSecret are sealed; the former signs too until FormerUntil.
	Secret       []byte `json:"-"`
	FormerSecret []byte `json:"-"`
	FormerUntil  time.Time
	CreatedAt    time.Time
	// FailingSince is when the first of the tries failed that have all failed
	// since; zero while the last one worked.
	FailingSince time.Time
	// DisabledAt and DisabledReason say since when and why nothing is sent.
	DisabledAt     time.Time
	DisabledReason string
	DeletedAt      time.Time
}

// Live reports whether events are sent to the webhook.
func (w *Webhook) Live() bool { return w.DisabledAt.IsZero() && w.DeletedAt.IsZero() }

// Wants reports whether the webhook listens to an event.
func (w *Webhook) Wants(e EventType) bool {
	return slices.ContainsFunc(w.Events, func(p string) bool { return ListensTo(p, e) })
}

// The reasons a webhook is disabled for.
const (
	// DisabledByHand: an admin's word.
	DisabledByHand = "by_hand"
	// DisabledGone: its address answered 410.
	DisabledGone = "gone"
	// DisabledFailing: for days nothing arrived.
	DisabledFailing = "failing"
)

// DeliveryState says where a delivery stands.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryQueued    DeliveryState = "queued"
	DeliveryDelivered DeliveryState = "delivered"
	DeliveryFailed    DeliveryState = "failed"
	// DeliveryDropped: its webhook was disabled or deleted before it was sent.
	DeliveryDropped DeliveryState = "dropped"
)

// Delivery is one event on its way to one webhook.
type Delivery struct {
	ID int64
	// PublicID is the webhook-id of every request made for it.
	PublicID string
	Webhook  WebhookID
	Event    EventType
	Payload  json.RawMessage
	State    DeliveryState
	Attempts int
	NextTry  time.Time
	// Status and Message are the last answer: its status, 0 for none, and what
	// there is to say of it.
	Status                int
	Message               Said
	CreatedAt, FinishedAt time.Time
	Tries                 []DeliveryAttempt // oldest first
}

// DeliveryAttempt is one request made for a delivery.
type DeliveryAttempt struct {
	At      time.Time
	Status  int // 0 for no answer
	Micros  int64
	Message Said
}

// DeliveryQuery asks for deliveries of one webhook, newest first.
type DeliveryQuery struct {
	Webhook WebhookID
	// Failed leaves out those that arrived or wait for their first try.
	Failed bool
	// Before is the key the page ends before, 0 for the newest.
	Before int64
	Limit  int
}
