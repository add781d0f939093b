package webhooks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// Book is where a company's webhooks are kept (implemented by internal/store).
// Each change carries the deed that is written down with it.
type Book interface {
	Webhooks(ctx context.Context) ([]registry.Webhook, error)
	CreateWebhook(ctx context.Context, h registry.Webhook, by registry.Deed) (registry.Webhook, error)
	ChangeWebhook(ctx context.Context, id registry.WebhookID, by registry.Deed, change func(*registry.Webhook) error) (registry.Webhook, error)
	Deliveries(ctx context.Context, q registry.DeliveryQuery) ([]registry.Delivery, error)
	Replay(ctx context.Context, hook registry.WebhookID, delivery string, since time.Time, by registry.Deed) (int, error)
	StartTest(ctx context.Context, hook registry.WebhookID, lease time.Duration, by registry.Deed) (Due, error)
}

// Service is what admins do with webhooks. All fields must be set. Its refusals
// are registry errors with words for whoever asked.
//
// Each action that changes something takes a deed that says who asks and from
// where; what was done to which webhook is filled in here.
type Service struct {
	Book   func(registry.CompanyID) Book
	Gate   Gate
	Vault  *auth.Vault
	Random io.Reader
	Now    func() time.Time
	// Dispatcher makes the request of a test.
	Dispatcher *Dispatcher
}

// The most that a webhook's name may have, in characters, and the longest that
// two secrets sign together.
const (
	longestName    = 80
	longestOverlap = 30 * 24 * time.Hour
)

// by is a deed about a webhook.
func by(who registry.Deed, action, name string) registry.Deed {
	who.Action, who.Subject = "webhook."+action, "webhook "+name
	return who
}

// Create makes a webhook and gives the secret that its receiver verifies with,
// which is not shown again. Without a name it is called by its host.
func (s *Service) Create(ctx context.Context, company registry.CompanyID, who registry.Deed, name, address string, events []string) (registry.Webhook, string, error) {
	h := registry.Webhook{Name: strings.TrimSpace(name), URL: address, Events: events}
	if err := s.check(&h); err != nil {
		return h, "", err
	}
	secret, sealed, err := newSecret(s.Vault, s.Random)
	if err != nil {
		return h, "", err
	}
	h.Secret = sealed
	h, err = s.Book(company).CreateWebhook(ctx, h, by(who, "create", h.Name))
	if err != nil {
		return h, "", fmt.Errorf("create webhook: %w", err)
	}
	return h, secret, nil
}

// check judges what an admin says of a webhook.
func (s *Service) check(h *registry.Webhook) error {
	if err := s.Gate.CheckURL(h.URL); err != nil {
		return registry.Refuse(registry.CodeInvalidValue, "url: %s", err)
	}
	if err := registry.CheckEvents(h.Events); err != nil {
		return registry.Refuse(registry.CodeInvalidValue, "events: %s", err)
	}
	if h.Name == "" {
		if u, err := url.Parse(h.URL); err == nil {
			h.Name = u.Hostname()
		}
	}
	if len([]rune(h.Name)) > longestName || clean([]byte(h.Name)) != h.Name {
		return registry.Refuse(registry.CodeInvalidValue, "name: use up to %d letters on one line", longestName)
	}
	return nil
}

// List gives the company's webhooks.
func (s *Service) List(ctx context.Context, company registry.CompanyID) ([]registry.Webhook, error) {
	return s.Book(company).Webhooks(ctx)
}

// Find finds a webhook by its name, id or address.
func (s *Service) Find(ctx context.Context, company registry.CompanyID, what string) (registry.Webhook, error) {
	all, err := s.List(ctx, company)
	if err != nil {
		return registry.Webhook{}, err
	}
	var found []registry.Webhook
	for _, h := range all {
		switch what {
		case h.Name, h.PublicID:
			return h, nil
		case h.URL:
			found = append(found, h)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return registry.Webhook{}, registry.Refuse(registry.CodeNotFound, "there is no webhook %q; `usher webhook list` shows what there is", what)
	}
	return registry.Webhook{}, registry.Refuse(registry.CodeAmbiguous, "several webhooks have the address %s; use the name", what)
}

// change changes a webhook and writes down what was done.
func (s *Service) change(ctx context.Context, h registry.Webhook, who registry.Deed, action string, do func(*registry.Webhook) error) (registry.Webhook, error) {
	out, err := s.Book(h.Company).ChangeWebhook(ctx, h.ID, by(who, action, h.Name), do)
	if errors.Is(err, registry.ErrNotFound) {
		return out, registry.Refuse(registry.CodeNotFound, "the webhook %q was deleted meanwhile", h.Name)
	}
	if err != nil {
		return out, fmt.Errorf("%s webhook: %w", action, err)
	}
	return out, nil
}

// Update gives a webhook another address or other events; what is empty stays.
func (s *Service) Update(ctx context.Context, h registry.Webhook, who registry.Deed, address string, events []string) (registry.Webhook, error) {
	return s.change(ctx, h, who, "update", func(h *registry.Webhook) error {
		if address != "" {
			h.URL = address
		}
		if len(events) > 0 {
			h.Events = events
		}
		return s.check(h)
	})
}

// Rotate gives a webhook a new secret, which is not shown again. The one before
// signs beside it until the overlap is over, 0 for not at all.
func (s *Service) Rotate(ctx context.Context, h registry.Webhook, who registry.Deed, overlap time.Duration) (string, error) {
	if overlap < 0 || overlap > longestOverlap {
		return "", registry.Refuse(registry.CodeInvalidValue, "overlap: at most %s", longestOverlap)
	}
	secret, sealed, err := newSecret(s.Vault, s.Random)
	if err != nil {
		return "", err
	}
	_, err = s.change(ctx, h, who, "rotate", func(h *registry.Webhook) error {
		h.FormerSecret, h.FormerUntil = nil, time.Time{}
		if overlap > 0 {
			h.FormerSecret, h.FormerUntil = h.Secret, s.Now().Add(overlap)
		}
		h.Secret = sealed
		return nil
	})
	return secret, err
}

// Disable sends nothing more until Enable; what waits is dropped and can be
// replayed.
func (s *Service) Disable(ctx context.Context, h registry.Webhook, who registry.Deed) (registry.Webhook, error) {
	return s.change(ctx, h, who, "disable", func(h *registry.Webhook) error {
		if h.DisabledAt.IsZero() {
			h.DisabledAt, h.DisabledReason = s.Now(), registry.DisabledByHand
		}
		return nil
	})
}

// Enable sends events from now on, and gives the webhook a new five days to fail.
func (s *Service) Enable(ctx context.Context, h registry.Webhook, who registry.Deed) (registry.Webhook, error) {
	return s.change(ctx, h, who, "enable", func(h *registry.Webhook) error {
		h.DisabledAt, h.DisabledReason, h.FailingSince = time.Time{}, "", time.Time{}
		return nil
	})
}

// Delete ends a webhook and forgets its secrets.
func (s *Service) Delete(ctx context.Context, h registry.Webhook, who registry.Deed) error {
	_, err := s.change(ctx, h, who, "delete", func(h *registry.Webhook) error {
		h.DeletedAt, h.Secret, h.FormerSecret = s.Now(), []byte{}, nil
		return nil
	})
	return err
}

// Deliveries lists what became of a webhook's events, newest first.
func (s *Service) Deliveries(ctx context.Context, h registry.Webhook, q registry.DeliveryQuery) ([]registry.Delivery, error) {
	q.Webhook = h.ID
	return s.Book(h.Company).Deliveries(ctx, q)
}

// Replay sends again what is named by its id, or all since a time that failed or
// was dropped. It tells how many that is.
func (s *Service) Replay(ctx context.Context, h registry.Webhook, who registry.Deed, delivery string, since time.Time) (int, error) {
	if !h.Live() {
		return 0, registry.Refuse(registry.CodeInvalidValue, "the webhook %q is disabled; enable it first", h.Name)
	}
	n, err := s.Book(h.Company).Replay(ctx, h.ID, delivery, since, by(who, "replay", h.Name))
	if err == nil && n == 0 && delivery != "" {
		err = registry.Refuse(registry.CodeNotFound, "the webhook %q has no delivery %s that is over", h.Name, delivery)
	}
	return n, err
}

// Test sends the event webhook.test now, even to a webhook that is disabled, and
// gives what came of it. It is tried once.
func (s *Service) Test(ctx context.Context, h registry.Webhook, who registry.Deed) (Result, error) {
	due, err := s.Book(h.Company).StartTest(ctx, h.ID, s.Dispatcher.Lease, by(who, "test", h.Name))
	if err != nil {
		return Result{}, err
	}
	return s.Dispatcher.deliver(ctx, due)
}
