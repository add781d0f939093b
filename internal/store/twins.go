package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/usherd/usher/internal/registry"
)

// Twins streams the living people whom a pulled directory of another kind than the
// origin's owns, with the id by which that one knows them, or by which it says
// that the other kind does.
func (t *Tenant) Twins(ctx context.Context, origin registry.Origin, fn func(registry.Candidate) error) error {
	twin := `json_extract(l.asserted, '$.` + registry.TwinMark + `[0]')`
	if t.s.Postgres() {
		twin = `l.asserted->'` + registry.TwinMark + `'->>0`
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT u.id, u.user_name, u.public_id, coalesce(`+twin+`, l.anchor)
		FROM links l JOIN users u ON u.id = l.user_id AND u.company_id = l.company_id AND u.owner_id = l.origin_id
		WHERE l.company_id = ? AND u.deleted_at = 0
		AND l.origin_id IN (SELECT id FROM origins WHERE company_id = ? AND kind IN (?, ?) AND kind <> ?)`),
		int64(t.id), int64(t.id), string(registry.OriginLDAP), string(registry.OriginEntra), string(origin.Kind))
	return each(rows, err, func(rows *sql.Rows) error {
		var c registry.Candidate
		if err := rows.Scan(&c.User, &c.UserName, &c.PublicID, &c.Value); err != nil {
			return fmt.Errorf("scan twin: %w", err)
		}
		return fn(c)
	})
}
