package webhooks

import (
	"context"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// Queue is where deliveries wait (implemented by internal/store).
type Queue interface {
	// Claim takes up to n due deliveries for this process, for as long as the
	// lease (by the database's clock), so many that at most perHook of one webhook
	// are under way in all processes. What waits for a webhook that is not live
	// any more is dropped instead.
	Claim(ctx context.Context, n, perHook int, lease time.Duration) ([]Due, error)
	// Finish records what became of a claimed delivery and what follows for its
	// webhook, and ends its lease. Where the lease was lost meanwhile, only the
	// attempt is recorded, and that it arrived.
	Finish(ctx context.Context, r Result) error
}

// Due is a claimed delivery with its webhook.
type Due struct {
	registry.Delivery
	Hook registry.Webhook
	// Claim tells this claim from any other of the same delivery.
	Claim int64
}

// Result is what became of a claimed delivery.
type Result struct {
	ID      int64
	Claim   int64
	Company registry.CompanyID
	Webhook registry.WebhookID
	// State is queued for one that is tried again at NextTry.
	State   registry.DeliveryState
	NextTry time.Time
	// Attempted says that a request was made and counts.
	Attempted bool
	Status    int
	Message   registry.Said
	Took      time.Duration
	At        time.Time
	// Disable is why the webhook is disabled now, "" if it is not; Notice goes to
	// the company's admins, unless somebody disabled it before.
	Disable string
	Notice  *registry.Notice
}
