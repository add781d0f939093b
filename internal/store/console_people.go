package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/usherd/usher/internal/registry"
)

// PersonGroups lists the living groups that a person is directly in, by name.
func (t *Tenant) PersonGroups(ctx context.Context, user registry.UserID) (out []registry.PersonGroup, err error) {
	err = t.s.view(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		origins, err := tx.origins(ctx)
		if err != nil {
			return err
		}
		out = nil
		rows, err := tx.query(ctx, `SELECT g.public_id, g.display_name, m.origin_id, m.created_at
			FROM memberships m JOIN "groups" g ON g.id = m.group_id AND g.company_id = m.company_id
			WHERE m.company_id = ? AND m.user_id = ? AND g.deleted_at = 0 ORDER BY g.name_key, g.id, m.created_at, m.id`, t.id, user)
		return each(rows, err, func(rows *sql.Rows) error {
			var g registry.PersonGroup
			var origin registry.OriginID
			var since int64
			if err := rows.Scan(&g.PublicID, &g.Name, &origin, &since); err != nil {
				return err
			}
			if len(out) == 0 || out[len(out)-1].PublicID != g.PublicID {
				g.Since = fromMicros(since)
				out = append(out, g)
			}
			at := &out[len(out)-1]
			at.Origins = append(at.Origins, origins[origin])
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list groups of person: %w", err)
	}
	return out, nil
}

// Whereabouts names the department, the contract and the manager of a person: whom
// a directory names, else whose id a connection pushed.
func (t *Tenant) Whereabouts(ctx context.Context, u *registry.User) (registry.Whereabouts, error) {
	manager, is := any(int64(u.Manager)), "m.id = ?"
	if u.Manager == 0 {
		manager, is = u.Attributes.First(registry.AttrManager), "m.public_id = ?"
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT
			coalesce((SELECT d.name FROM departments d WHERE d.company_id = ? AND d.id = ?), ''),
			coalesce((SELECT c.number FROM contracts c WHERE c.company_id = ? AND c.id = ?), ''),
			coalesce((SELECT CASE WHEN m.display_name <> '' THEN m.display_name ELSE m.user_name END FROM users m WHERE m.company_id = ? AND `+is+`), ''),
			coalesce((SELECT m.public_id FROM users m WHERE m.company_id = ? AND `+is+`), '')`),
		int64(t.id), int64(u.Department), int64(t.id), int64(u.Contract), int64(t.id), manager, int64(t.id), manager)
	w, err := one(rows, err, func(rows *sql.Rows) (w registry.Whereabouts, err error) {
		return w, rows.Scan(&w.Department, &w.Contract, &w.Manager, &w.ManagerID)
	})
	if err != nil {
		return w, fmt.Errorf("name whereabouts: %w", err)
	}
	return w, nil
}

// Team lists those of the company who have any right beyond their own account, by
// userName.
func (t *Tenant) Team(ctx context.Context) (out []*registry.User, err error) {
	err = t.s.view(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		rows, err := tx.query(ctx, `SELECT id, `+columns(userCols)+` FROM users
			WHERE company_id = ? AND deleted_at = 0 AND (company_admin OR rights <> 0) ORDER BY user_name_key, id`, t.id)
		if out, err = collect(rows, err, scanUser(t.id)); err != nil {
			return fmt.Errorf("list team: %w", err)
		}
		return tx.addEmails(ctx, out)
	})
	return out, err
}

// Application finds one application for the company by the id for the outside
// world. Those of company 0 wait for an operator.
func (t *Tenant) Application(ctx context.Context, publicID string) (registry.Application, error) {
	if notText(publicID) {
		return registry.Application{}, registry.ErrNotFound
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT `+applicationCols+` FROM applications
		WHERE for_company = ? AND public_id = ?`), int64(t.id), publicID)
	a, err := one(rows, err, scanApplication)
	if err != nil && !errors.Is(err, registry.ErrNotFound) {
		err = fmt.Errorf("find application: %w", err)
	}
	return a, err
}
