package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/usherd/usher/internal/store"
)

// spares are people in no group, for PATCH to put into one.
const spares = 800

// crowd is what a registry is filled with: people 1…people, of whom the last are
// spare, and groups with the first of them as members.
type crowd struct {
	people int
	groups []int // their sizes
}

// spare is the number of a person in no group.
func (c crowd) spare(i int) int { return c.people - i%spares }

// userID and groupID are the public ids of what seed makes: as long as UUIDs.
func userID(n int) string  { return fmt.Sprintf("01900000-0000-7000-8000-%012d", n) }
func groupID(n int) string { return fmt.Sprintf("01900000-0000-7000-9000-%012d", n) }

// seedBatch is how many people a statement makes.
const seedBatch = 100_000

// seed fills a registry by SQL, as if the connection had pushed everybody.
func seed(ctx context.Context, database string, c crowd) (err error) {
	s, err := store.Open(ctx, database, store.Options{Synchronous: "OFF"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	db := s.WriteDB()
	var company, origin int64
	if err := db.QueryRowContext(ctx, `SELECT company_id, id FROM origins WHERE kind = 'scim'`).Scan(&company, &origin); err != nil {
		return fmt.Errorf("find connection: %w", err)
	}
	for from := 1; from <= c.people; from += seedBatch {
		if err := seedPeople(ctx, db, s.Postgres(), company, origin, from, min(from+seedBatch-1, c.people)); err != nil {
			return err
		}
	}
	for i, size := range c.groups {
		if err := seedGroup(ctx, db, company, origin, i+1, size); err != nil {
			return err
		}
	}
	return settle(ctx, db, s.Postgres())
}

// settle does what autovacuum would do in time.
func settle(ctx context.Context, db *sql.DB, postgres bool) error {
	q := `PRAGMA wal_checkpoint(TRUNCATE)`
	if postgres {
		q = `VACUUM ANALYZE`
	}
	_, err := db.ExecContext(ctx, q)
	return err
}

// padded is a number of twelve digits in SQL.
const padded = `substr(CAST(1000000000000 + i AS text), 2)`

func seedPeople(ctx context.Context, db *sql.DB, postgres bool, company, origin int64, from, to int) error {
	json := "text"
	if postgres {
		json = "jsonb"
	}
	document := `CAST('{"displayName":"Person ' || i || '","name":{"givenName":"Person","familyName":"' || i || '"},"emails":[{"type":"work","primary":true,"value":"person.' || ` + padded + ` || '@example.com"}]}' AS ` + json + `)`
	for _, table := range []struct{ head, row string }{
		{
			`users (id, company_id, public_id, kind, association, user_name, user_name_key, display_name, given_name, family_name, attributes, document, enabled, credential, owner_id, created_at, updated_at)`,
			fmt.Sprintf(`i, %d, '01900000-0000-7000-8000-' || %s, 'end_user', 'strong', 'Person.' || %s, 'person.' || %s, 'Person ' || i, 'Person', CAST(i AS text), CAST('{}' AS %s), %s, true, 'none', %d, i, i`,
				company, padded, padded, padded, json, document, origin),
		},
		{
			`emails (company_id, user_id, address, address_key, position)`,
			fmt.Sprintf(`%d, i, 'person.' || %s || '@example.com', 'person.' || %s || '@example.com', 0`, company, padded, padded),
		},
		{
			`links (company_id, origin_id, user_id, anchor, name, created_at, updated_at)`,
			fmt.Sprintf(`%d, %d, i, 'ext-' || i, 'Person.' || %s, 1, 1`, company, origin, padded),
		},
	} {
		q := fmt.Sprintf(`INSERT INTO %s WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT %s FROM n`, table.head, from, to, table.row)
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("seed people: %w", err)
		}
	}
	if !postgres {
		return nil
	}
	_, err := db.ExecContext(ctx, fmt.Sprintf(`SELECT setval(pg_get_serial_sequence('users', 'id'), %d)`, to))
	return err
}

func seedGroup(ctx context.Context, db *sql.DB, company, origin int64, n, size int) error {
	var id int64
	err := db.QueryRowContext(ctx, fmt.Sprintf(`INSERT INTO "groups" (company_id, public_id, display_name, name_key, owner_id, created_at, updated_at)
		VALUES (%d, '%s', 'Group %d', 'group %d', %d, 1, 1) RETURNING id`, company, groupID(n), n, n, origin)).Scan(&id)
	if err != nil {
		return fmt.Errorf("seed group: %w", err)
	}
	if _, err := db.ExecContext(ctx, fmt.Sprintf(`INSERT INTO links (company_id, origin_id, group_id, anchor, name, created_at, updated_at)
		VALUES (%d, %d, %d, 'group-%d', 'Group %d', 1, 1)`, company, origin, id, n, n)); err != nil {
		return fmt.Errorf("seed group: %w", err)
	}
	if _, err := db.ExecContext(ctx, fmt.Sprintf(`INSERT INTO memberships (company_id, group_id, user_id, origin_id, created_at)
		SELECT company_id, %d, id, %d, 1 FROM users WHERE company_id = %d AND id <= %d`, id, origin, company, size)); err != nil {
		return fmt.Errorf("seed members: %w", err)
	}
	return nil
}
