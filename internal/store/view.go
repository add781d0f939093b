package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/usherd/usher/internal/onboard"
	"github.com/usherd/usher/internal/registry"
)

// view runs fn in a transaction that sees one moment of the database, holds
// nothing against writers and may not write.
func (s *Store) view(ctx context.Context, fn func(*session) error) error {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return fmt.Errorf("begin reading: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to keep
	return fn(&session{s: s, tx: tx})
}

// tenant opens the fence of one company inside a transaction.
func (x *session) tenant(company registry.CompanyID) *tenantTx {
	return &tenantTx{session: x, company: company}
}

// seen reads users with their addresses, the deleted ones too, without holding
// them as Users does.
func (t *tenantTx) seen(ctx context.Context, ids ...registry.UserID) (map[registry.UserID]*registry.User, error) {
	rows, err := t.query(ctx, `SELECT id, `+columns(userCols)+` FROM users WHERE `+t.in("id"), t.company, keys(t.s, ids))
	list, err := collect(rows, err, scanUser(t.company))
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	out := make(map[registry.UserID]*registry.User, len(list))
	for _, u := range list {
		out[u.ID] = u
	}
	return out, t.addEmails(ctx, list)
}

// person reads a user with what signing in needs, the deleted ones too.
func (t *tenantTx) person(ctx context.Context, id registry.UserID) (onboard.Person, error) {
	users, err := t.seen(ctx, id)
	if err != nil {
		return onboard.Person{}, err
	}
	u := users[id]
	if u == nil {
		return onboard.Person{}, registry.ErrNotFound
	}
	rows, err := t.query(ctx, `SELECT u.password_hash, c.id, c.key, c.name, c.locale
		FROM users u JOIN companies c ON c.id = u.company_id WHERE u.company_id = ? AND u.id = ?`, t.company, id)
	p, err := one(rows, err, func(rows *sql.Rows) (p onboard.Person, err error) {
		return p, rows.Scan(&p.PasswordHash, &p.Company.ID, &p.Company.Key, &p.Company.Name, &p.Company.Locale)
	})
	p.User = *u
	return p, err
}

// held reads one user, a deleted one too, and holds it against other writers; an
// unknown one is registry.ErrNotFound.
func (t *tenantTx) held(ctx context.Context, id registry.UserID) (*registry.User, error) {
	users, err := t.Users(ctx, []registry.UserID{id})
	if err != nil {
		return nil, err
	}
	if len(users) == 0 {
		return nil, registry.ErrNotFound
	}
	return users[0], nil
}
