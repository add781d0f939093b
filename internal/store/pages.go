package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/usherd/usher/ent/db/readpage"
	"github.com/usherd/usher/internal/registry"
)

// pagesTable is where the pages of a read wait that has not come to its use.
var pagesTable = newTable(readpage.Table, "company_id", readpage.FieldSourceID, readpage.FieldNumber, readpage.FieldRead, readpage.FieldBeganAt, readpage.FieldBody)

// pagesAtOnce is how many pages one transaction forgets: a page may be large.
const pagesAtOnce = 100

// KeptPages gives up to limit pages that were kept of a source's read, in the order
// of their numbers, those behind the number after.
func (t *Tenant) KeptPages(ctx context.Context, source registry.SourceID, after int64, limit int) ([]registry.ReadPage, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT number, read, began_at, body FROM read_pages
		WHERE company_id = ? AND source_id = ? AND number > ? ORDER BY number LIMIT ?`), int64(t.id), source, after, limit)
	return collect(rows, err, func(rows *sql.Rows) (p registry.ReadPage, err error) {
		var began int64
		if err := rows.Scan(&p.Number, &p.Read, &began, &p.Body); err != nil {
			return p, fmt.Errorf("scan page of a read: %w", err)
		}
		p.BeganAt = time.UnixMicro(began)
		return p, nil
	})
}

// KeepPages adds pages to those that were kept of the read of the lease's source.
// They follow each other; registry.ErrPagesLost when those before them are gone,
// because somebody was erased meanwhile, say. Only the holder of the lease may.
func (t *Tenant) KeepPages(ctx context.Context, f registry.Fence, pages []registry.ReadPage) error {
	if len(pages) == 0 {
		return nil
	}
	rows := make([][]any, len(pages))
	for i, p := range pages {
		rows[i] = []any{int64(t.id), f.Source, p.Number, p.Read, micros(p.BeganAt), p.Body}
	}
	return t.s.inTx(ctx, func(x *session) error {
		if err := x.checkFence(ctx, t.id, f); err != nil {
			return err
		}
		// The first page and the last: whoever forgets some begins with the first.
		last := pages[0].Number - 1
		found, err := x.query(ctx, `SELECT count(*) FROM read_pages WHERE company_id = ? AND source_id = ? AND read = ? AND number IN (1, ?)`,
			int64(t.id), f.Source, pages[0].Read, last)
		n, err := one(found, err, scanInt)
		if err != nil {
			return fmt.Errorf("find pages of a read: %w", err)
		}
		if n != min(last, 2) {
			return registry.ErrPagesLost
		}
		_, err = x.insert(ctx, pagesTable, rows)
		return err
	})
}

// ForgetPages forgets the pages that were kept of a read of the lease's source, the
// first ones first, so that what is left for want of time is of no use. Only the
// holder of the lease may.
func (t *Tenant) ForgetPages(ctx context.Context, f registry.Fence) error {
	for n := int64(pagesAtOnce); n == pagesAtOnce; {
		err := t.s.inTx(ctx, func(x *session) (err error) {
			if err := x.checkFence(ctx, t.id, f); err != nil {
				return err
			}
			n, err = x.affected(ctx, `DELETE FROM read_pages WHERE company_id = ? AND id IN (
				SELECT id FROM read_pages WHERE company_id = ? AND source_id = ? ORDER BY number LIMIT ?)`,
				int64(t.id), int64(t.id), f.Source, pagesAtOnce)
			return err
		})
		if err != nil {
			return fmt.Errorf("forget pages of a read: %w", err)
		}
	}
	return nil
}

// forgetPages forgets what all reads of the company left: whoever is erased may be
// on any page.
func (t *tenantTx) forgetPages(ctx context.Context) error {
	if _, err := t.exec(ctx, `DELETE FROM read_pages WHERE company_id = ?`, int64(t.company)); err != nil {
		return fmt.Errorf("forget pages of reads: %w", err)
	}
	return nil
}
