package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// Contracts lists the company's service contracts by number, the ended ones too.
func (t *Tenant) Contracts(ctx context.Context) ([]registry.Contract, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT c.id, c.number, c.title, c.created_at, c.ended_at,
		(SELECT count(*) FROM users u WHERE u.company_id = c.company_id AND u.contract_id = c.id AND u.deleted_at = 0)
		FROM contracts c WHERE c.company_id = ? ORDER BY c.number_key`), int64(t.id))
	return collect(rows, err, func(rows *sql.Rows) (c registry.Contract, err error) {
		var created, ended int64
		err = rows.Scan(&c.ID, &c.Number, &c.Title, &created, &ended, &c.Users)
		c.CreatedAt, c.EndedAt = fromMicros(created), fromMicros(ended)
		return c, err
	})
}

// CreateContract makes a service contract; one of the company's that has ended is
// live again. A number means one company in the whole installation:
// registry.CodeValueTaken where it is taken.
func (t *Tenant) CreateContract(ctx context.Context, number, title, by string) error {
	if notText(number) || notText(title) || registry.Key(number) == "" {
		return registry.Refuse(registry.CodeInvalidValue, "a contract needs a number that is text")
	}
	return t.s.inTx(ctx, func(x *session) error {
		n, err := x.affected(ctx, `INSERT INTO contracts (company_id, number, number_key, title, created_at, ended_at) VALUES (?, ?, ?, ?, ?, 0)
			ON CONFLICT (number_key) DO UPDATE SET ended_at = 0, title = excluded.title
			WHERE contracts.company_id = excluded.company_id AND contracts.ended_at <> 0`,
			int64(t.id), number, registry.Key(number), title, micros(t.s.now()))
		if err != nil {
			return fmt.Errorf("create contract: %w", err)
		}
		if n == 0 {
			return registry.Refuse(registry.CodeValueTaken, "the contract number %q is taken", number)
		}
		return x.tenant(t.id).audit(ctx, registry.Deed{Actor: by, Action: "contract.create", Subject: "contract " + number})
	})
}

// EndContract ends a contract: nobody can register with it any more, who did stays.
// registry.ErrNotFound where the company has no live contract of that number.
func (t *Tenant) EndContract(ctx context.Context, number, by string) error {
	if notText(number) {
		return registry.ErrNotFound
	}
	return t.s.inTx(ctx, func(x *session) error {
		n, err := x.affected(ctx, `UPDATE contracts SET ended_at = ? WHERE company_id = ? AND number_key = ? AND ended_at = 0`,
			micros(t.s.now()), int64(t.id), registry.Key(number))
		if err != nil {
			return fmt.Errorf("end contract: %w", err)
		}
		if n == 0 {
			return registry.ErrNotFound
		}
		return x.tenant(t.id).audit(ctx, registry.Deed{Actor: by, Action: "contract.end", Subject: "contract " + number})
	})
}

// Departments lists the company's departments by name.
func (t *Tenant) Departments(ctx context.Context) ([]registry.Department, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT d.id, d.name, d.created_at,
		(SELECT count(*) FROM users u WHERE u.company_id = d.company_id AND u.department_id = d.id AND u.deleted_at = 0)
		FROM departments d WHERE d.company_id = ? ORDER BY d.name_key`), int64(t.id))
	return collect(rows, err, func(rows *sql.Rows) (d registry.Department, err error) {
		var created int64
		err = rows.Scan(&d.ID, &d.Name, &created, &d.Users)
		d.CreatedAt = fromMicros(created)
		return d, err
	})
}

// CreateDepartment makes a department; registry.CodeValueTaken where there is one
// of that name.
func (t *Tenant) CreateDepartment(ctx context.Context, name, by string) error {
	if notText(name) || registry.Key(name) == "" {
		return registry.Refuse(registry.CodeInvalidValue, "a department needs a name that is text")
	}
	return t.s.inTx(ctx, func(x *session) error {
		n, err := x.affected(ctx, `INSERT INTO departments (company_id, name, name_key, created_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (company_id, name_key) DO NOTHING`, int64(t.id), name, registry.Key(name), micros(t.s.now()))
		if err != nil {
			return fmt.Errorf("create department: %w", err)
		}
		if n == 0 {
			return registry.Refuse(registry.CodeValueTaken, "there is a department %q already", name)
		}
		return x.tenant(t.id).audit(ctx, registry.Deed{Actor: by, Action: "department.create", Subject: "department " + name})
	})
}

// SupportDefault is the company's default support group, registry.ErrNotFound where
// it has none; a deleted one counts.
func (t *Tenant) SupportDefault(ctx context.Context) (*registry.Group, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id, `+columns(groupCols)+` FROM "groups"
		WHERE company_id = ? AND role = 'support' AND is_default`), int64(t.id))
	return one(rows, err, scanGroup(t.id))
}

// SetupMailsLeft implements registry.Tx. Others who ask meanwhile wait, where several
// can write at once.
func (t *tenantTx) SetupMailsLeft(ctx context.Context, perDay int) (int, error) {
	rows, err := t.query(ctx, `SELECT `+infoCols+` FROM companies WHERE id = ?`, t.company)
	info, err := one(rows, err, scanCompanyInfo)
	if err != nil {
		return 0, fmt.Errorf("find company: %w", err)
	}
	if info.Vouched() {
		return registry.NoLimit, nil
	}
	rows, err = t.query(ctx, `SELECT id FROM companies WHERE id = ?`+t.forUpdate(), t.company)
	if _, err := one(rows, err, scanInt); err != nil {
		return 0, fmt.Errorf("hold company: %w", err)
	}
	take := invitations(t.company, perDay)
	rows, err = t.query(ctx, `SELECT tokens + (CAST(? AS bigint) - moved_at) * 1000 / CAST(? AS bigint) FROM throttles WHERE bucket = ?`,
		micros(t.s.now()), take.Rate.Every.Microseconds(), take.Bucket)
	level, err := one(rows, err, scanInt)
	if errors.Is(err, registry.ErrNotFound) {
		return perDay, nil
	}
	if err != nil {
		return 0, fmt.Errorf("count set-up mails: %w", err)
	}
	return int(max(0, min(level/1000, int64(perDay)))), nil
}

// countMails counts what was sent against what SetupMailsLeft said.
func (t *tenantTx) countMails(ctx context.Context, w *registry.Writes) error {
	for range w.Mailed {
		if _, err := t.take(ctx, invitations(t.company, registry.UnvouchedMails), t.s.now()); err != nil {
			return err
		}
	}
	return nil
}

// day is what a limit per day counts by.
const day = 24 * time.Hour
