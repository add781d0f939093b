package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// onboarding is onboard.Store.
type onboarding struct {
	*Store
	domain string
	newID  func() string
}

// Onboarding is the store of links and passwords. The domain is the right side
// of the Message-IDs of the mails that follow from them, newID makes what stands
// to its left unique.
func (s *Store) Onboarding(messageDomain string, newID func() string) onboard.Store {
	return &onboarding{Store: s, domain: messageDomain, newID: newID}
}

// messageID is where the Message-ID of a mail comes from, so that a retry
// carries the same one.
func (o *onboarding) messageID(kind onboard.MailKind, uid string) string {
	return string(kind) + "." + uid + "@" + o.domain
}

// FindLink implements onboard.Store.
func (o *onboarding) FindLink(ctx context.Context, tokenHash []byte) (link onboard.Link, p onboard.Person, err error) {
	err = o.view(ctx, func(x *session) error {
		if link, err = x.linkByToken(ctx, tokenHash); err != nil {
			return err
		}
		if p, err = x.tenant(link.Company).person(ctx, link.User); err != nil || link.Application == 0 {
			return err
		}
		return x.asApplied(ctx, link, &p)
	})
	return link, p, err
}

// FindPeople implements onboard.Store.
func (o *onboarding) FindPeople(ctx context.Context, company registry.CompanyID, key string) (people []onboard.Person, err error) {
	if notText(key) {
		return nil, nil
	}
	err = o.view(ctx, func(x *session) error {
		t := x.tenant(company)
		ids, err := t.accountsByKey(ctx, key)
		for _, id := range ids {
			p, err := t.person(ctx, id)
			if err != nil {
				return err
			}
			people = append(people, p)
		}
		return err
	})
	return people, err
}

// accountsByKey finds who is meant by a typed name: the owner of the userName,
// then the holders of the verified address.
func (t *tenantTx) accountsByKey(ctx context.Context, key string) (found []registry.UserID, err error) {
	for _, q := range []string{
		`SELECT id FROM users WHERE company_id = ? AND user_name_key = ? AND deleted_at = 0 AND association = 'strong'`,
		`SELECT DISTINCT u.id FROM emails e JOIN users u ON u.id = e.user_id AND u.company_id = e.company_id
			WHERE e.company_id = ? AND e.address_key = ? AND e.verified_at <> 0 AND u.deleted_at = 0 AND u.association = 'strong'
			ORDER BY u.id LIMIT ` + strconv.Itoa(onboard.MeantMost+1),
	} {
		rows, err := t.query(ctx, q, t.company, key)
		ids, err := collect(rows, err, scanInt)
		if err != nil {
			return nil, fmt.Errorf("look for account: %w", err)
		}
		if len(ids) > onboard.MeantMost {
			continue
		}
		for _, id := range ids {
			if !slices.Contains(found, registry.UserID(id)) {
				found = append(found, registry.UserID(id))
			}
		}
	}
	return found, nil
}

// GetPerson implements onboard.Store.
func (o *onboarding) GetPerson(ctx context.Context, company registry.CompanyID, user registry.UserID) (p onboard.Person, err error) {
	err = o.view(ctx, func(x *session) error {
		p, err = x.tenant(company).person(ctx, user)
		return err
	})
	if err == nil && !p.User.DeletedAt.IsZero() {
		return onboard.Person{}, registry.ErrNotFound
	}
	return p, err
}

// IssueLink implements onboard.Store. A link that takes the place of one whose
// mail an admin has yet to release waits for that release too.
func (o *onboarding) IssueLink(ctx context.Context, l onboard.Link, kind onboard.MailKind) error {
	return o.inTx(ctx, func(x *session) error {
		t := x.tenant(l.Company)
		u, err := t.held(ctx, l.User)
		if err != nil {
			return err
		}
		if !u.DeletedAt.IsZero() || u.CredentialVersion != l.CredentialVersion {
			return registry.ErrNotFound
		}
		waits, err := t.supersede(ctx, l)
		if err != nil {
			return err
		}
		return t.Save(ctx, &registry.Writes{Invites: []registry.Invite{{
			User: u, UID: l.UID, Purpose: string(l.Purpose), TokenHash: l.TokenHash, Address: l.Address,
			MessageID: o.messageID(kind, l.UID), MailKind: string(kind), Held: waits,
			CreatedAt: l.CreatedAt, ExpiresAt: l.ExpiresAt,
		}}})
	})
}

// supersede ends the live links of a new link's purpose and cancels the mails
// that would carry them; it reports whether one of these was held.
func (t *tenantTx) supersede(ctx context.Context, by onboard.Link) (waits bool, err error) {
	at := micros(by.CreatedAt)
	rows, err := t.query(ctx, `UPDATE setup_links SET superseded_at = ? WHERE company_id = ? AND user_id = ? AND purpose = ?
		AND used_at = 0 AND superseded_at = 0 RETURNING uid`, at, t.company, by.User, string(by.Purpose))
	uids, err := collect(rows, err, scanString)
	if err != nil {
		return false, fmt.Errorf("supersede links: %w", err)
	}
	rows, err = t.query(ctx, `SELECT DISTINCT state FROM mails WHERE user_id = ? AND state IN ('queued', 'held') AND `+t.in("link_uid"),
		by.User, t.company, list(t.s, uids))
	states, err := collect(rows, err, scanString)
	if err != nil {
		return false, fmt.Errorf("look for held mails: %w", err)
	}
	_, err = t.exec(ctx, `UPDATE mails SET state = 'cancelled', next_try = 0, finished_at = ?, code = 'superseded',
		message = ? WHERE user_id = ? AND state IN ('queued', 'held') AND `+t.in("link_uid"),
		at, string(linkSuperseded()), by.User, t.company, list(t.s, uids))
	if err != nil {
		return false, fmt.Errorf("cancel mails: %w", err)
	}
	return slices.Contains(states, mailHeld), nil
}

// ConsumeLink implements onboard.Store.
func (o *onboarding) ConsumeLink(ctx context.Context, c onboard.ConsumeLink) (done onboard.Consumed, err error) {
	err = o.inTx(ctx, func(x *session) error {
		done, err = o.consume(ctx, x, c)
		return err
	})
	return done, err
}

// consume holds the person first, as every writer does, so that nobody blocks,
// renames or invites them in between, and judges the link as it then is. The
// conditional update decides.
func (o *onboarding) consume(ctx context.Context, x *session, c onboard.ConsumeLink) (onboard.Consumed, error) {
	found, err := x.linkByToken(ctx, c.TokenHash)
	if errors.Is(err, registry.ErrNotFound) {
		return onboard.Consumed{}, &auth.LinkError{State: auth.LinkUnknown}
	}
	if err != nil {
		return onboard.Consumed{}, err
	}
	t := x.tenant(found.Company)
	u, err := t.held(ctx, found.User)
	if err != nil {
		return onboard.Consumed{}, err
	}
	links, err := t.setupLinks(ctx, found.UID)
	if err != nil {
		return onboard.Consumed{}, err
	}
	link := links[found.UID]
	if state := onboard.StateOf(link, u, c.Now); state != auth.LinkLive {
		return onboard.Consumed{}, &auth.LinkError{State: state}
	}
	at := micros(c.Now)
	n, err := t.affected(ctx, `UPDATE setup_links SET used_at = ? WHERE company_id = ? AND uid = ? AND used_at = 0 AND superseded_at = 0
		AND expires_at > ? AND credential_version = ?`, at, t.company, link.UID, at, u.CredentialVersion)
	if err != nil {
		return onboard.Consumed{}, fmt.Errorf("spend link: %w", err)
	}
	if n == 0 {
		return onboard.Consumed{}, &auth.LinkError{State: auth.LinkUsed}
	}
	if _, err := t.exec(ctx, `UPDATE emails SET verified_at = ? WHERE company_id = ? AND user_id = ? AND address_key = ? AND verified_at = 0`,
		at, t.company, u.ID, registry.Key(link.Address)); err != nil {
		return onboard.Consumed{}, fmt.Errorf("mark address verified: %w", err)
	}
	if link.Application != 0 {
		if u, err = o.enrol(ctx, t, link); err != nil {
			return onboard.Consumed{}, err
		}
	}
	err = o.setPassword(ctx, t, u, passwordSet{c.PasswordHash, string(link.Purpose) + "_link", c.Now, c.Notice})
	return onboard.Consumed{Company: t.company, User: u.ID, CredentialVersion: u.CredentialVersion, Admin: u.Privileged()}, err
}

// SetPassword implements onboard.Store.
func (o *onboarding) SetPassword(ctx context.Context, p onboard.SetPassword) (version int64, err error) {
	err = o.inTx(ctx, func(x *session) error {
		t := x.tenant(p.Company)
		u, err := t.held(ctx, p.User)
		if err != nil {
			return err
		}
		if !u.MaySignIn() || u.CredentialVersion != p.CredentialVersion {
			return registry.ErrNotFound
		}
		err = o.setPassword(ctx, t, u, passwordSet{p.PasswordHash, "by_hand", p.Now, true})
		version = u.CredentialVersion
		return err
	})
	if err != nil {
		return 0, err
	}
	return version, nil
}

// passwordSet is a password with how it came to be.
type passwordSet struct {
	hash, reason string
	at           time.Time
	notice       bool
}

// setPassword gives a held user a password and draws every consequence of it.
// The version of the record stands: nothing that a door can see has changed.
func (o *onboarding) setPassword(ctx context.Context, t *tenantTx, u *registry.User, p passwordSet) error {
	u.Credential = registry.CredentialSet
	u.CredentialVersion++
	if _, err := t.exec(ctx, `UPDATE users SET password_hash = ?, credential = ?, credential_version = ? WHERE company_id = ? AND id = ?`,
		p.hash, string(u.Credential), u.CredentialVersion, t.company, u.ID); err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	err := t.Save(ctx, &registry.Writes{
		VoidLinks:   []*registry.User{u},
		EndSessions: []*registry.User{u},
		Changes: []registry.PendingChange{{User: u, Change: &registry.Change{
			At: p.at, Actor: "user " + u.UserName(), Action: registry.ActionPassword, Reason: p.reason, Version: u.Version,
		}}},
	})
	if err != nil || !p.notice || u.Email() == "" {
		return err
	}
	kind, at := onboard.MailPasswordChanged, micros(p.at)
	_, err = t.insert(ctx, newMails, [][]any{{
		int64(t.company), int64(u.ID), string(kind), "", u.Email(), o.messageID(kind, o.newID()), mailQueued, at, at,
	}})
	return err
}

// Rehash implements onboard.Store.
func (o *onboarding) Rehash(ctx context.Context, company registry.CompanyID, user registry.UserID, old, renewed string) error {
	return o.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `UPDATE users SET password_hash = ? WHERE company_id = ? AND id = ? AND password_hash = ? AND deleted_at = 0`,
			renewed, int64(company), int64(user), old)
		return err
	})
}

// Audit implements onboard.Store.
func (o *onboarding) Audit(ctx context.Context, company registry.CompanyID, d registry.Deed) error {
	return o.For(company).Audit(ctx, d)
}

// setupLinkCols are what scanSetupLink reads.
const setupLinkCols = `uid, company_id, user_id, purpose, token_hash, address, credential_version, application_id, created_at, expires_at, used_at, superseded_at`

func scanSetupLink(rows *sql.Rows) (onboard.Link, error) {
	var l onboard.Link
	var created, expires, used, superseded int64
	err := rows.Scan(&l.UID, &l.Company, &l.User, &l.Purpose, &l.TokenHash, &l.Address, &l.CredentialVersion, &l.Application,
		&created, &expires, &used, &superseded)
	l.CreatedAt, l.ExpiresAt = fromMicros(created), fromMicros(expires)
	l.UsedAt, l.SupersededAt = fromMicros(used), fromMicros(superseded)
	return l, err
}

// setupLinks reads links by their uid.
func (t *tenantTx) setupLinks(ctx context.Context, uids ...string) (map[string]onboard.Link, error) {
	rows, err := t.query(ctx, `SELECT `+setupLinkCols+` FROM setup_links WHERE `+t.in("uid"), t.company, list(t.s, uids))
	found, err := collect(rows, err, scanSetupLink)
	if err != nil {
		return nil, fmt.Errorf("read set-up links: %w", err)
	}
	out := make(map[string]onboard.Link, len(found))
	for _, l := range found {
		out[l.UID] = l
	}
	return out, nil
}
