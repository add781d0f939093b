package onboard

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/registry"
)

// queueLength bounds what waits for Run; beyond it they are dropped,
// which only a flood can bring about.
const queueLength = 256

// maxName bounds what is kept of a typed name: the longest address.
const maxName = 320

// request is a wish for a new link: by name, or by an older link.
type request struct {
	company registry.CompanyID
	key     string
	token   []byte // hash; nil for a request by name
}

// Forgot asks for a link for whoever has this name or address. It returns at
// once and says nothing of whether there is such a person.
func (s *Service) Forgot(ctx context.Context, company registry.CompanyID, name string, c auth.Client) {
	key := nameKey(name)
	s.enqueue(ctx, request{company: company, key: key}, accountKey(company, key), c)
}

// RequestNew asks for a new link in place of an older one, to the address now
// on file. It returns at once and says nothing of what comes of it.
func (s *Service) RequestNew(ctx context.Context, token string, c auth.Client) {
	if wellFormed(token) {
		s.enqueue(ctx, request{token: HashToken(token)}, "link:"+tag(token), c)
	}
}

func (s *Service) enqueue(ctx context.Context, r request, account string, c auth.Client) {
	if wait := s.limits.request.Take(account, c.Address); wait > 0 {
		s.Log.InfoContext(ctx, "request for a link dropped: too many", "prefix", auth.Prefix(c.Address))
		return
	}
	s.later(ctx, "request for a link", func(ctx context.Context) { s.answer(ctx, r) })
}

// later has Run do something after whoever asked was answered: neither words
// nor timing are to tell a stranger what was done.
func (s *Service) later(ctx context.Context, what string, do func(context.Context)) {
	select {
	case s.queue <- do:
	default:
		s.Log.WarnContext(ctx, "dropped: the queue is full", "what", what)
	}
}

// noteRefusal writes down that somebody failed to sign in as a person there is.
// How often is bounded by what the limits let through.
func (s *Service) noteRefusal(ctx context.Context, p Person, rightPassword bool, c auth.Client) {
	if p.User.ID == 0 {
		return
	}
	d := registry.Deed{
		At: s.Now(), Actor: "somebody", Action: registry.DeedSignIn, Outcome: registry.OutcomeWrongPassword,
		Subject: "user " + p.User.UserName(), RequestID: c.Request,
	}
	if rightPassword {
		d.Outcome = registry.OutcomeNotOpen
	}
	if c.Address.IsValid() {
		d.Address = c.Address.String()
	}
	s.later(ctx, "audit of a failed sign-in", func(ctx context.Context) {
		if err := s.Store.Audit(ctx, p.User.Company, d); err != nil {
			s.Log.ErrorContext(ctx, "failed sign-in not audited", "error", err)
		}
	})
}

// Run answers the requests for links, and writes failed sign-ins down, until ctx
// ends; what was accepted by then is still done before it returns.
func (s *Service) Run(ctx context.Context) {
	work := context.WithoutCancel(ctx)
	for {
		select {
		case do := <-s.queue:
			do(work)
		case <-ctx.Done():
			for {
				select {
				case do := <-s.queue:
					do(work)
				default:
					return
				}
			}
		}
	}
}

// answer mails the link that is due, if any.
func (s *Service) answer(ctx context.Context, r request) {
	due, err := s.due(ctx, r)
	failures := []error{err}
	for _, person := range due {
		failures = append(failures, s.issue(ctx, person))
	}
	for _, err := range failures {
		if err != nil && !errors.Is(err, registry.ErrNotFound) {
			s.Log.ErrorContext(ctx, "request for a link failed", "error", err)
		}
	}
}

// due finds whom a link should go out to. Of a mailbox with several accounts each
// gets one: the mail says for which.
func (s *Service) due(ctx context.Context, r request) ([]Person, error) {
	if r.token == nil {
		return s.Store.FindPeople(ctx, r.company, r.key)
	}
	link, p, err := s.Store.FindLink(ctx, r.token)
	// A live link needs no successor; making one would only confuse its owner.
	if err != nil || StateOf(link, &p.User, s.Now()) == auth.LinkLive {
		return nil, err
	}
	return []Person{p}, nil
}

// issue mails the person the link their account calls for: a reset for one who
// has a password, a set-up for one who was invited. People who were never
// invited, sign in elsewhere, are closed or have no address get none.
func (s *Service) issue(ctx context.Context, p Person) error {
	u := &p.User
	link := Link{
		UID: s.NewUID(), Company: u.Company, User: u.ID, Address: u.Email(),
		CredentialVersion: u.CredentialVersion, CreatedAt: s.Now(),
	}
	var mail MailKind
	switch {
	case link.Address == "":
		return nil
	case u.State() == registry.StateActive && u.Credential == registry.CredentialSet:
		link.Purpose, mail, link.ExpiresAt = auth.PurposeReset, MailReset, s.Now().Add(s.cfg.ResetLife)
	case u.State() == registry.StateInvited:
		link.Purpose, mail, link.ExpiresAt = auth.PurposeSetup, MailSetup, s.Now().Add(s.cfg.SetupLife)
	default:
		return nil
	}
	if wait := s.limits.mailbox.Take(fmt.Sprint(u.Company, "/", u.ID)); wait > 0 {
		s.Log.InfoContext(ctx, "link not mailed: too many to this person", "user", u.PublicID)
		return nil
	}
	link.TokenHash = s.Minter.LinkHash(link.UID, string(link.Purpose))
	if err := s.Store.IssueLink(ctx, link, mail); err != nil {
		return fmt.Errorf("issue link: %w", err)
	}
	return nil
}

// nameKey is the form a typed name is looked up by.
func nameKey(name string) string {
	name = strings.TrimSpace(name)
	if len(name) > maxName {
		return ""
	}
	return registry.Key(name)
}

func accountKey(c registry.CompanyID, key string) string { return fmt.Sprintf("%d:%s", c, key) }

// c0 is the address where none matters: an account's own limit.
var c0 netip.Addr

// Remind mails the holder of a login name a link to their own account, if the
// address is theirs: somebody who registers again has forgotten that they did.
func (s *Service) Remind(ctx context.Context, company registry.CompanyID, name, address string) {
	people, err := s.Store.FindPeople(ctx, company, nameKey(name))
	for _, p := range people {
		if named(p, nameKey(name)) && registry.Key(p.User.Email()) == registry.Key(address) {
			err = s.issue(ctx, p)
		}
	}
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		s.Log.ErrorContext(ctx, "reminder failed", "error", err)
	}
}
