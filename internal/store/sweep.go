package store

import (
	"context"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// sweepBatch is how many rows one transaction of Sweep deletes: few enough that
// nobody waits for it.
const sweepBatch = 1000

// Sweep deletes what has had its time, company by company: sessions, OAuth
// clients' tokens, kept answers of the API and pages of unfinished reads that have
// expired by now and, when the company's retention is not 0, the report rows of runs, the attempts at mails
// and webhooks, what became of messages and the request log that
// are older than that. Changes and mails stay.
func (s *Store) Sweep(ctx context.Context, now time.Time, retention func(company string) time.Duration) error {
	companies, err := s.everyCompany(ctx)
	if err != nil {
		return err
	}
	for _, c := range companies {
		if err := s.For(c.ID).sweep(ctx, now, retention(c.Key)); err != nil {
			return fmt.Errorf("sweep company %s: %w", c.Key, err)
		}
	}
	return nil
}

func (t *Tenant) sweep(ctx context.Context, now time.Time, retention time.Duration) error {
	old := now.Add(-retention)
	for _, c := range []struct {
		table, which string
		before       time.Time
		always       bool
	}{
		{"sessions", `SELECT id FROM sessions WHERE company_id = ? AND expires_at <= ?`, now, true},
		{"tokens", `SELECT id FROM tokens WHERE company_id = ? AND client_id <> 0 AND expires_at <= ?`, now, true},
		{"idempotency_keys", `SELECT id FROM idempotency_keys WHERE company_id = ? AND expires_at <= ?`, now, true},
		{"read_pages", `SELECT id FROM read_pages WHERE company_id = ? AND began_at <= ?`, now.Add(-registry.PagesLife), true},
		// A report goes as a whole.
		{"run_items", `SELECT i.id FROM runs r JOIN run_items i ON i.run_id = r.id AND i.company_id = r.company_id
			WHERE r.company_id = ? AND r.finished_at <> 0 AND r.finished_at <= ?`, old, false},
		{"delivery_attempts", `SELECT id FROM delivery_attempts WHERE company_id = ? AND at <= ?`, old, false},
		{"deliveries", `SELECT id FROM deliveries WHERE company_id = ? AND created_at <= ? AND next_try = 0`, old, false},
		{"mail_attempts", `SELECT id FROM mail_attempts WHERE company_id = ? AND at <= ?`, old, false},
		{"intake_messages", `SELECT id FROM intake_messages WHERE company_id = ? AND at <= ?`, old, false},
		{"scim_requests", `SELECT r.id FROM origins o JOIN scim_requests r ON r.origin_id = o.id AND r.company_id = o.company_id
			WHERE o.company_id = ? AND r.at <= ?`, old, false},
	} {
		if !c.always && retention == 0 {
			continue
		}
		if err := t.s.deleteInBatches(ctx, t.id, c.table, c.which, c.before); err != nil {
			return fmt.Errorf("delete old rows of %s: %w", c.table, err)
		}
	}
	return t.DropExpiredUploads(ctx, now)
}

// deleteInBatches deletes the rows of a company that a query of company and time
// finds.
func (s *Store) deleteInBatches(ctx context.Context, company registry.CompanyID, table, which string, before time.Time) error {
	q := `DELETE FROM "` + table + `" WHERE company_id = ? AND id IN (` + which + ` LIMIT ?)`
	for n := int64(sweepBatch); n == sweepBatch; {
		err := s.inTx(ctx, func(x *session) (err error) {
			n, err = x.affected(ctx, q, int64(company), int64(company), micros(before), sweepBatch)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}
