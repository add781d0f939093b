package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// SignedIn tells when people signed in last, by the sessions that stand. Who has
// none is left out.
func (t *Tenant) SignedIn(ctx context.Context, users []registry.UserID) (map[registry.UserID]time.Time, error) {
	out := map[registry.UserID]time.Time{}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT user_id, max(created_at) FROM sessions WHERE `+t.s.byKey("user_id")+` GROUP BY user_id`),
		int64(t.id), keys(t.s, plain(users)))
	err = each(rows, err, func(rows *sql.Rows) error {
		var user, at int64
		err := rows.Scan(&user, &at)
		out[registry.UserID(user)] = fromMicros(at)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read last sign-ins: %w", err)
	}
	return out, nil
}
