package app

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/jobs"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/webhooks"
)

// messageID makes the Message-ID of a notice, without angle brackets.
func (c *Core) messageID(kind string) func() string {
	return func() string { return kind + "-" + newID() + "@" + messageDomain(c.Config) }
}

// WebhookDesk is what admins do with webhooks.
type WebhookDesk = webhooks.Service

// Webhooks makes the desk.
func (c *Core) Webhooks() (*WebhookDesk, error) {
	d, err := c.dispatcher()
	if err != nil {
		return nil, err
	}
	return &WebhookDesk{
		Book: func(id registry.CompanyID) webhooks.Book { return c.Store.For(id) }, Gate: c.gate(), Vault: d.Vault, Random: rand.Reader,
		Now: c.Now, Dispatcher: d,
	}, nil
}

func (c *Core) gate() webhooks.Gate { return webhooks.NewGate(c.Config.Webhooks.Allow) }

// dispatcher builds what sends the deliveries.
func (c *Core) dispatcher() (*webhooks.Dispatcher, error) {
	vault, err := auth.NewVault([]byte(c.Config.SecretKey.Reveal()))
	if err != nil {
		return nil, fmt.Errorf("secret_key: %w", err)
	}
	return webhooks.NewDispatcher(webhooks.DispatcherConfig{
		Queue: c.Store.DeliveryQueue(), Sender: webhooks.NewSender(webhooks.SenderConfig{Gate: c.gate(), Now: c.Now}), Vault: vault,
		Now: c.Now, Random: mathrand.Float64, MessageID: c.messageID("webhook"), Log: c.Log,
	}), nil
}

// startHooks sends deliveries until Stop. Each process does: a claim keeps them
// apart.
func (s *Server) startHooks(work context.Context) error {
	d, err := s.dispatcher()
	if err != nil {
		return err
	}
	s.background(work, "webhooks", d.Run)
	return nil
}

// notices is the regular work that tells admins what they would not see.
func (s *Server) notices() []jobs.Regular {
	return []jobs.Regular{
		{Name: "token_warnings", Every: 10 * time.Minute, Do: func(ctx context.Context) error {
			return s.Store.TellExpiring(ctx, s.messageID("token"))
		}},
		{Name: "digests", Every: 30 * time.Second, Do: s.mailDigests},
	}
}

// deedDigest is the deed of a digest: it says when the last one was made.
const deedDigest = "digest.make"

// mailDigests makes the digests whose time has come.
func (s *Server) mailDigests(ctx context.Context) error {
	due, err := s.Store.DigestsDue(ctx)
	if err != nil {
		return err
	}
	companies, err := s.Store.Companies(ctx)
	if err != nil {
		return err
	}
	for _, c := range companies {
		if err := s.mailDigest(ctx, c, due[c.ID]); err != nil {
			return fmt.Errorf("digest of company %s: %w", c.Key, err)
		}
	}
	return nil
}

// mailDigest makes a company's digest if it is due, and keeps the time of the
// next one to what the schedule says now. One that was missed is made once.
func (s *Server) mailDigest(ctx context.Context, c registry.Company, due time.Time) error {
	settings, now, tenant := s.Config.Companies[c.Key], s.Now(), s.Store.For(c.ID)
	next, err := jobs.Next(settings.Digest, now)
	if err != nil {
		return err
	}
	if next.IsZero() || due.IsZero() || due.After(now) {
		if !due.Equal(next) {
			_, err = tenant.TakeDigest(ctx, due, next, nil, nil)
		}
		return err
	}
	since, err := s.lastDigest(ctx, c.ID, now)
	if err != nil {
		return err
	}
	d, err := tenant.Digest(ctx, since)
	if err != nil {
		return err
	}
	var notice *registry.Notice
	if !d.Empty() || settings.DigestEmpty {
		notice = d.Notice(s.messageID("digest")())
	}
	_, err = tenant.TakeDigest(ctx, due, next, notice, &registry.Deed{At: now, Actor: "usher", Action: deedDigest, Subject: "company " + c.Key})
	return err
}

// lastDigest is what the next digest begins with: the last one, or a day ago.
func (s *Server) lastDigest(ctx context.Context, company registry.CompanyID, now time.Time) (time.Time, error) {
	last, err := s.Store.For(company).Deeds(ctx, registry.DeedQuery{Action: deedDigest, Limit: 1})
	if err != nil || len(last) == 0 {
		return now.Add(-24 * time.Hour), err
	}
	return last[0].At, nil
}
