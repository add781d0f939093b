package onboard

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// ContactStore is what keeping contacts needs of one company.
type ContactStore interface {
	// IdleContacts are contacts not seen after since: those told before told what
	// will become of them, or with a zero told those not told yet.
	IdleContacts(ctx context.Context, since, told time.Time, limit int) ([]registry.UserID, error)
	// WarnContact notes that a contact is told, and mails the notice; false for one
	// that was seen since.
	WarnContact(ctx context.Context, user registry.UserID, since time.Time, n registry.Notice) (bool, error)
	// Arrivals counts the contacts that messages made at a door after a time, with
	// addresses of some.
	Arrivals(ctx context.Context, door registry.OriginKind, since time.Time, most int) (int64, []string, error)
	// HasPeopleAt tells whether a full account has a verified address at a domain.
	HasPeopleAt(ctx context.Context, domain string) (bool, error)
	// ToldOrigin is since when the admins know that people arrive at a door, zero
	// while nobody does; TellOrigin changes it from was, with a mail.
	ToldOrigin(ctx context.Context, door registry.OriginKind) (time.Time, error)
	TellOrigin(ctx context.Context, door registry.OriginKind, was, now time.Time, n *registry.Notice) error
}

// ContactTimes are how long contacts are kept.
type ContactTimes struct {
	// Idle is after how long without a sign a contact is forgotten, 0 for never;
	// Warn is how long before it is told.
	Idle, Warn time.Duration
}

// ContactCare looks after the contacts of one company, whenever Do is called.
type ContactCare struct {
	Contacts *Contacts
	Store    ContactStore
	Company  registry.CompanyID
	Times    ContactTimes
	// MessageDomain is the right side of Message-IDs, NewID makes their left.
	MessageDomain string
	NewID         func() string
}

// careBatch is how many contacts one turn warns, and forgets: the rest is the
// next one's.
const careBatch = 500

// quiet is for how long nobody new must have written before the next stranger is
// news again.
const quiet = 30 * 24 * time.Hour

// Do warns contacts of whom nothing was heard, forgets those who were warned, and
// tells the admins when people without an account begin to write.
func (c *ContactCare) Do(ctx context.Context, now time.Time) error {
	return errors.Join(c.forget(ctx, now), c.warn(ctx, now), c.tell(ctx, now))
}

func (c *ContactCare) notice(kind registry.NoticeKind, data map[string]string) registry.Notice {
	return registry.Notice{Kind: kind, Data: data, MessageID: strings.ToLower(string(kind)) + "." + c.NewID() + "@" + c.MessageDomain}
}

// warn tells contacts that they will be forgotten.
func (c *ContactCare) warn(ctx context.Context, now time.Time) error {
	if c.Times.Idle == 0 {
		return nil
	}
	since := now.Add(c.Times.Warn - c.Times.Idle)
	ids, err := c.Store.IdleContacts(ctx, since, time.Time{}, careBatch)
	if err != nil {
		return err
	}
	until := now.Add(c.Times.Warn).UTC().Format(time.RFC3339)
	for _, id := range ids {
		if _, err := c.Store.WarnContact(ctx, id, since, c.notice(registry.NoticeContactIdle, map[string]string{"Until": until})); err != nil {
			return fmt.Errorf("warn contact: %w", err)
		}
	}
	return nil
}

// forget ends the contacts that were told long enough ago.
func (c *ContactCare) forget(ctx context.Context, now time.Time) error {
	if c.Times.Idle == 0 {
		return nil
	}
	ids, err := c.Store.IdleContacts(ctx, now.Add(-c.Times.Idle), now.Add(-c.Times.Warn), careBatch)
	if err != nil || len(ids) == 0 {
		return err
	}
	door, err := c.Contacts.Door(ctx, c.Company, registry.OriginMail)
	if err != nil {
		return err
	}
	for _, id := range ids {
		// One at a time: somebody who became an account meanwhile is refused alone.
		if _, err := c.Contacts.registry.Apply(ctx, registry.Batch{
			Company: c.Company, Origin: door, Actor: "retention", Ops: []registry.Op{registry.ForgetContact{User: id, Reason: "idle"}},
		}); err != nil {
			return fmt.Errorf("forget contact: %w", err)
		}
	}
	return nil
}

// tell mails the admins once when people begin to write who have no account, for
// accounts made beforehand avoid guessed names; not again until it was quiet.
func (c *ContactCare) tell(ctx context.Context, now time.Time) error {
	const door = registry.OriginMail
	told, err := c.Store.ToldOrigin(ctx, door)
	if err != nil {
		return err
	}
	n, own, err := c.Arrived(ctx, now)
	switch {
	case err != nil:
		return err
	case n == 0 && !told.IsZero():
		return c.Store.TellOrigin(ctx, door, told, time.Time{}, nil)
	case n == 0 || !told.IsZero():
		return nil
	}
	notice := c.notice(registry.NoticeContactsArrive, map[string]string{"People": strconv.FormatInt(n, 10), "Colleagues": strconv.FormatInt(own, 10)})
	return c.Store.TellOrigin(ctx, door, time.Time{}, now, &notice)
}

// Arrived is how many people without an account have written for the first time in
// the last thirty days, and how many of them have an address at a domain where
// others have accounts. It needs nothing but the Store.
func (c *ContactCare) Arrived(ctx context.Context, now time.Time) (people, colleagues int64, err error) {
	people, senders, err := c.Store.Arrivals(ctx, registry.OriginMail, now.Add(-quiet), careBatch)
	if err != nil {
		return 0, 0, err
	}
	colleagues, err = c.colleagues(ctx, senders)
	return people, colleagues, err
}

// colleagues counts the senders at whose domain others have an account.
func (c *ContactCare) colleagues(ctx context.Context, senders []string) (int64, error) {
	people, n := map[string]bool{}, int64(0)
	for _, s := range senders {
		domain := s[strings.LastIndexByte(s, '@')+1:]
		has, asked := people[domain]
		if !asked {
			var err error
			if has, err = c.Store.HasPeopleAt(ctx, domain); err != nil {
				return 0, err
			}
			people[domain] = has
		}
		if has {
			n++
		}
	}
	return n, nil
}
