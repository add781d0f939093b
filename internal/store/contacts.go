package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// AddressHolders implements registry.Tx.
func (t *tenantTx) AddressHolders(ctx context.Context, addresses []string) ([]registry.AddressHolder, error) {
	if len(addresses) == 0 {
		return nil, nil
	}
	rows, err := t.find(ctx, lookup{
		cols: "e.user_id, e.address_key, u.association, e.verified_at, u.user_name, u.public_id",
		from: "emails e JOIN users u ON u.id = e.user_id AND u.company_id = e.company_id", where: "e.company_id = ? AND u.deleted_at = 0",
		args: []any{t.company}, column: "e.address_key", values: addresses,
	})
	return collect(rows, err, func(rows *sql.Rows) (h registry.AddressHolder, err error) {
		var association string
		var verified int64
		err = rows.Scan(&h.User, &h.Key, &association, &verified, &h.UserName, &h.PublicID)
		h.Strong, h.Verified = association == string(registry.Strong), verified != 0
		return h, err
	})
}

// seenEvery is how long a contact's last sign of life is taken as present: more
// often it is not written down.
const seenEvery = 24 * time.Hour

// saveMet writes what became known of people who were met.
func (t *tenantTx) saveMet(ctx context.Context, w *registry.Writes) error {
	now := t.s.now()
	for _, v := range w.VerifiedEmails {
		if _, err := t.exec(ctx, `UPDATE emails SET verified_at = ? WHERE user_id = ? AND verified_at = 0 AND `+t.in("address_key"),
			micros(now), int64(v.User.ID), t.company, list(t.s, v.Keys)); err != nil {
			return fmt.Errorf("mark addresses verified: %w", err)
		}
	}
	for _, m := range w.MovedLinks {
		m.Link.User = m.User.ID
		row, err := linkRow(m.Link)
		if err != nil {
			return err
		}
		if err := t.update(ctx, changedLinks, int64(t.company), [][]any{append(append([]any{int64(m.Link.ID)}, row...), micros(now))}); err != nil {
			return err
		}
	}
	return t.ofUsers(ctx, "mark contacts seen", `UPDATE users SET seen_at = ?, idle_warned_at = 0 WHERE association = 'weak' AND seen_at < ? AND`,
		"id", w.Seen, micros(now), micros(now.Add(-seenEvery)))
}

// Contact is a contact as a list shows it.
type Contact struct {
	Key                    registry.UserID
	ID, Name, Email, Phone string
	// Door is where the contact came from.
	Door                registry.Origin
	Verified            bool
	CreatedAt, LastSeen time.Time
}

// Contacts lists the company's contacts, those seen last first.
func (t *Tenant) Contacts(ctx context.Context, limit int) ([]Contact, error) {
	return t.ContactPage(ctx, registry.ContactQuery{Limit: limit})
}

// IdleContacts are contacts of whom nothing was heard since a time: up to limit
// that were told before then what will become of them, or, when told is zero,
// that were not told yet.
func (t *Tenant) IdleContacts(ctx context.Context, since, told time.Time, limit int) ([]registry.UserID, error) {
	which, args := "idle_warned_at = 0", []any{int64(t.id), micros(since), micros(since)}
	if !told.IsZero() {
		which, args = "idle_warned_at <> 0 AND idle_warned_at <= ?", append(args, micros(told))
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id FROM users WHERE company_id = ? AND association = 'weak' AND deleted_at = 0
		AND seen_at <> 0 AND seen_at <= ? AND created_at <= ? AND `+which+` ORDER BY seen_at, id LIMIT ?`), append(args, limit)...)
	ids, err := collect(rows, err, scanInt)
	if err != nil {
		return nil, fmt.Errorf("look for idle contacts: %w", err)
	}
	return asUserIDs(ids), nil
}

// WarnContact notes that a contact is told that it will be forgotten, and mails
// it where it has an address. One that turned up since is left alone, which is
// false.
func (t *Tenant) WarnContact(ctx context.Context, user registry.UserID, since time.Time, n registry.Notice) (warned bool, err error) {
	err = t.s.inTx(ctx, func(x *session) error {
		now := micros(t.s.now())
		rows, err := x.affected(ctx, `UPDATE users SET idle_warned_at = ? WHERE company_id = ? AND id = ? AND association = 'weak' AND deleted_at = 0
			AND idle_warned_at = 0 AND seen_at <= ?`, now, int64(t.id), int64(user), micros(since))
		if warned = rows > 0; err != nil || !warned {
			return err
		}
		users, err := x.tenant(t.id).seen(ctx, user)
		if err != nil || users[user] == nil || users[user].Email() == "" {
			return err
		}
		data, err := json.Marshal(n.Data)
		if err != nil {
			return fmt.Errorf("encode notice: %w", err)
		}
		_, err = x.insert(ctx, newNotices, [][]any{{
			int64(t.id), int64(user), string(n.Kind), "", users[user].Email(), n.MessageID, mailQueued, now, now, string(data),
		}})
		return err
	})
	return warned, err
}

// ContactWith finds the contact whom an origin that vouches for addresses may take
// for its own: the one person of the company who has one of these verified, if
// that is a contact; else it is registry.ErrNotFound. Addresses are in comparison
// form.
func (t *Tenant) ContactWith(ctx context.Context, addresses []string) (registry.UserID, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT DISTINCT u.id, u.association FROM emails e JOIN users u ON u.id = e.user_id AND u.company_id = e.company_id
		WHERE e.company_id = ? AND u.deleted_at = 0 AND e.verified_at <> 0 AND `+t.s.anyOf("e.address_key")), int64(t.id), list(t.s, addresses))
	type found struct {
		user     registry.UserID
		strength registry.Association
	}
	people, err := collect(rows, err, func(rows *sql.Rows) (f found, err error) { return f, rows.Scan(&f.user, &f.strength) })
	switch {
	case err != nil:
		return 0, fmt.Errorf("look for contact: %w", err)
	case len(people) != 1 || people[0].strength != registry.Weak:
		return 0, registry.ErrNotFound
	}
	return people[0].user, nil
}
