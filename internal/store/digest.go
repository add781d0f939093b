package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// quietAfter is how long a SCIM connection has to be silent to be called quiet:
// identity providers send only what changed, and a weekend is no news.
const quietAfter = 72 * time.Hour

// DigestsDue tells when the next digest of each company is due, zero for never.
func (s *Store) DigestsDue(ctx context.Context) (map[registry.CompanyID]time.Time, error) {
	out := map[registry.CompanyID]time.Time{}
	rows, err := s.read.QueryContext(ctx, `SELECT id, digest_due FROM companies`)
	err = each(rows, err, func(rows *sql.Rows) error {
		var id registry.CompanyID
		var due int64
		err := rows.Scan(&id, &due)
		out[id] = fromMicros(due)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for due digests: %w", err)
	}
	return out, nil
}

// TakeDigest moves a company's next digest from one time to another and reports
// whether this caller was the one to do so. The notice, unless it is nil, goes to
// the company's admins, and the deed, unless it is nil, is written down, in the
// same transaction.
func (t *Tenant) TakeDigest(ctx context.Context, from, to time.Time, notice *registry.Notice, deed *registry.Deed) (won bool, err error) {
	err = t.s.inTx(ctx, func(x *session) error {
		n, err := x.affected(ctx, `UPDATE companies SET digest_due = ? WHERE id = ? AND digest_due = ?`, micros(to), int64(t.id), micros(from))
		if won = n > 0; err != nil || !won {
			return err
		}
		if notice != nil {
			if err := t.tellAdmins(ctx, x, *notice); err != nil {
				return err
			}
		}
		if deed == nil {
			return nil
		}
		return x.tenant(t.id).audit(ctx, *deed)
	})
	if err != nil {
		return false, fmt.Errorf("take digest: %w", err)
	}
	return won, nil
}

// Digest sums up what happened in the company since a time, and what waits.
func (t *Tenant) Digest(ctx context.Context, since time.Time) (registry.Digest, error) {
	d := registry.Digest{Since: since}
	for _, part := range []func(context.Context, *registry.Digest) error{t.digestSources, t.digestConnections, t.digestMails, t.digestHooks, t.digestTokens} {
		if err := part(ctx, &d); err != nil {
			return d, fmt.Errorf("make digest: %w", err)
		}
	}
	return d, nil
}

func (t *Tenant) digestSources(ctx context.Context, d *registry.Digest) error {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT `+sourceCols+` FROM sources s JOIN origins o ON o.id = s.origin_id AND o.company_id = s.company_id
		WHERE s.company_id = ? AND s.retired_at = 0 ORDER BY s.key`), int64(t.id))
	sources, err := collect(rows, err, scanSource)
	if err != nil {
		return err
	}
	counts, runs, err := t.countsSince(ctx, d.Since)
	if err != nil {
		return err
	}
	for _, src := range sources {
		one := registry.SourceDigest{Key: src.Key, Health: src.Health, Runs: runs[src.ID], Counts: counts[src.ID]}
		last, err := t.LastRun(ctx, src.ID)
		if err != nil {
			return err
		}
		if last != nil && last.State == registry.RunHeld {
			one.Held = last.Number
		}
		d.Sources = append(d.Sources, one)
	}
	return nil
}

// countsSince sums up the runs of each source that ended since a time.
func (t *Tenant) countsSince(ctx context.Context, since time.Time) (map[registry.SourceID]registry.Counts, map[registry.SourceID]int64, error) {
	sums, runs := map[registry.SourceID]registry.Counts{}, map[registry.SourceID]int64{}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT source_id, state, counts FROM runs
		WHERE company_id = ? AND mode <> 'preview' AND finished_at >= ?`), int64(t.id), micros(since))
	err = each(rows, err, func(rows *sql.Rows) error {
		var id registry.SourceID
		var state registry.RunState
		var doc []byte
		var c registry.Counts
		if err := rows.Scan(&id, &state, &doc); err != nil {
			return err
		}
		if len(doc) > 0 {
			if err := json.Unmarshal(doc, &c); err != nil {
				return fmt.Errorf("decode counts: %w", err)
			}
		}
		runs[id]++
		switch state {
		case registry.RunHeld, registry.RunApproved, registry.RunRejected:
			return nil // it counts what it would have done
		}
		sum := sums[id]
		addCounts(&sum, &c)
		sums[id] = sum
		return nil
	})
	return sums, runs, err
}

// addCounts adds what a digest shows.
func addCounts(sum, c *registry.Counts) {
	for _, n := range []struct{ to, of *int64 }{
		{&sum.Created, &c.Created}, {&sum.Updated, &c.Updated}, {&sum.Renamed, &c.Renamed}, {&sum.Joined, &c.Joined},
		{&sum.Restored, &c.Restored}, {&sum.Deactivated, &c.Deactivated}, {&sum.Deleted, &c.Deleted},
		{&sum.GroupsCreated, &c.GroupsCreated}, {&sum.GroupsChanged, &c.GroupsChanged}, {&sum.GroupsDeleted, &c.GroupsDeleted},
		{&sum.Conflicts, &c.Conflicts}, {&sum.Failed, &c.Failed},
	} {
		*n.to += *n.of
	}
}

func (t *Tenant) digestConnections(ctx context.Context, d *registry.Digest) error {
	all, err := t.Connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		one := registry.ConnectionDigest{Name: c.Origin.Key}
		rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT coalesce(sum(CASE WHEN status < 400 AND method <> 'GET' THEN 1 ELSE 0 END), 0),
			coalesce(sum(CASE WHEN status >= 400 THEN 1 ELSE 0 END), 0) FROM scim_requests WHERE company_id = ? AND origin_id = ? AND at >= ?`),
			int64(t.id), int64(c.Origin.ID), micros(d.Since))
		err = each(rows, err, func(rows *sql.Rows) error { return rows.Scan(&one.Writes, &one.Refused) })
		if err != nil {
			return err
		}
		rows, err = t.s.read.QueryContext(ctx, t.s.rebind(`SELECT coalesce(max(at), 0) FROM scim_requests WHERE company_id = ? AND origin_id = ?`),
			int64(t.id), int64(c.Origin.ID))
		err = each(rows, err, func(rows *sql.Rows) error {
			var last int64
			err := rows.Scan(&last)
			if at := fromMicros(last); last != 0 && !c.Paused && t.s.now().Sub(at) >= quietAfter {
				one.QuietSince = at
			}
			return err
		})
		if err != nil {
			return err
		}
		d.Connections = append(d.Connections, one)
	}
	return nil
}

func (t *Tenant) digestMails(ctx context.Context, d *registry.Digest) error {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT coalesce(sum(CASE WHEN state = 'held' THEN 1 ELSE 0 END), 0),
		coalesce(sum(CASE WHEN state = 'failed' AND finished_at >= ? THEN 1 ELSE 0 END), 0) FROM mails WHERE company_id = ?`), micros(d.Since), int64(t.id))
	return each(rows, err, func(rows *sql.Rows) error { return rows.Scan(&d.MailsHeld, &d.MailsFailed) })
}

func (t *Tenant) digestHooks(ctx context.Context, d *registry.Digest) error {
	all, err := t.Webhooks(ctx)
	for _, h := range all {
		if h.Live() && !h.FailingSince.IsZero() || !h.DisabledAt.IsZero() && h.DisabledReason != registry.DisabledByHand {
			d.Webhooks = append(d.Webhooks, h)
		}
	}
	return err
}

func (t *Tenant) digestTokens(ctx context.Context, d *registry.Digest) error {
	tokens, err := t.expiring(ctx, t.s.now())
	for _, k := range tokens {
		d.Tokens = append(d.Tokens, k.ExpiringToken)
	}
	return err
}

// expiringToken is a token that ends soon, with what decides who is told.
type expiringToken struct {
	registry.ExpiringToken
	id, told  int64
	createdAt time.Time
}

// expiring lists the tokens made by hand that end within the longest warning.
func (t *Tenant) expiring(ctx context.Context, now time.Time) ([]expiringToken, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT k.id, k.prefix, k.created_at, k.expires_at, k.told_at, o.key
		FROM tokens k JOIN origins o ON o.id = k.origin_id AND o.company_id = k.company_id WHERE k.company_id = ? AND k.client_id = 0
		AND k.revoked_at = 0 AND o.retired_at = 0 AND k.expires_at > ? AND k.expires_at <= ? ORDER BY k.expires_at, k.id`),
		int64(t.id), micros(now), micros(now.Add(registry.TokenWarning())))
	list, err := collect(rows, err, func(rows *sql.Rows) (k expiringToken, err error) {
		var created, expires int64
		err = rows.Scan(&k.id, &k.Prefix, &created, &expires, &k.told, &k.Connection)
		k.createdAt, k.ExpiresAt = fromMicros(created), fromMicros(expires)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for tokens that end: %w", err)
	}
	return list, nil
}

// TellExpiring tells the admins and the webhooks of every company of the tokens
// that end soon, each warning once.
func (s *Store) TellExpiring(ctx context.Context, messageID func() string) error {
	companies, err := s.Companies(ctx)
	if err != nil {
		return err
	}
	now := s.now()
	for _, c := range companies {
		tokens, err := s.For(c.ID).expiring(ctx, now)
		if err != nil {
			return err
		}
		for _, k := range tokens {
			if !registry.WarnOfToken(k.createdAt, k.ExpiresAt, fromMicros(k.told), now) {
				continue
			}
			if err := s.For(c.ID).tellExpiring(ctx, k, now, messageID()); err != nil {
				return fmt.Errorf("tell of token %s: %w", k.Prefix, err)
			}
		}
	}
	return nil
}

// tellExpiring tells of one token, unless another process has.
func (t *Tenant) tellExpiring(ctx context.Context, k expiringToken, now time.Time, messageID string) error {
	return t.s.inTx(ctx, func(x *session) error {
		n, err := x.affected(ctx, `UPDATE tokens SET told_at = ? WHERE company_id = ? AND id = ? AND told_at = ? AND revoked_at = 0`,
			micros(now), int64(t.id), k.id, k.told)
		if err != nil || n == 0 {
			return err
		}
		expires := k.ExpiresAt.UTC().Format(time.RFC3339)
		notice := registry.Notice{Kind: registry.NoticeTokenExpiring, MessageID: messageID, Data: map[string]string{
			"Connection": k.Connection, "Token": k.Prefix + "…", "Expires": expires,
		}}
		if err := t.tellAdmins(ctx, x, notice); err != nil {
			return err
		}
		tx := x.tenant(t.id)
		to, err := tx.listeners(ctx)
		if err != nil {
			return err
		}
		return tx.tell(ctx, to, event{registry.EventTokenExpiring, now, map[string]any{
			"connection": k.Connection, "token": k.Prefix, "expires_at": expires,
		}})
	})
}
