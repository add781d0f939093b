package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// ScimRequest is one row of a connection's request log.
func (t *Tenant) ScimRequest(ctx context.Context, origin registry.OriginID, id int64) (registry.ScimRequest, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id, origin_id, at, request_id, method, path, status, scim_type, detail, resource, micros, body
		FROM scim_requests WHERE company_id = ? AND origin_id = ? AND id = ?`), int64(t.id), int64(origin), id)
	return one(rows, err, scanScimRequest)
}

// ScimTraffic tells when real traffic of a connection first showed each part of a
// set-up to work; zero for what it has not shown. What the log forgot is told by
// what is there.
func (t *Tenant) ScimTraffic(ctx context.Context, origin registry.OriginID) (registry.ScimTraffic, error) {
	const logged = `coalesce((SELECT min(at) FROM scim_requests WHERE company_id = ? AND origin_id = ?`
	tied := func(what string) string {
		return `coalesce((SELECT created_at FROM links WHERE company_id = ? AND origin_id = ? AND ` + what + ` IS NOT NULL ORDER BY anchor LIMIT 1), 0)`
	}
	var args []any
	for range 8 {
		args = append(args, int64(t.id), int64(origin))
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT `+
		logged+` AND status <> 401), 0), `+
		logged+` AND method = 'GET' AND status < 400), 0), `+
		logged+` AND method = 'POST' AND status = 201 AND path LIKE '%/Users%'), 0), `+tied("user_id")+`, `+
		logged+` AND method = 'POST' AND status = 201 AND path LIKE '%/Groups%'), 0), `+tied("group_id")+`, `+
		logged+` AND method = 'DELETE' AND status = 204 AND path LIKE '%/Users%'), 0),
		coalesce((SELECT u.updated_at FROM links l JOIN users u ON u.company_id = l.company_id AND u.id = l.user_id
			WHERE l.company_id = ? AND l.origin_id = ? AND (NOT u.enabled OR u.deleted_at <> 0) ORDER BY l.anchor LIMIT 1), 0)`), args...)
	out, err := one(rows, err, func(rows *sql.Rows) (x registry.ScimTraffic, err error) {
		var first, lookup, user, haveUser, group, haveGroup, gone, haveGone int64
		err = rows.Scan(&first, &lookup, &user, &haveUser, &group, &haveGroup, &gone, &haveGone)
		x.Request, x.Lookup = fromMicros(first), fromMicros(lookup)
		x.User, x.Group, x.Leaver = sooner(user, haveUser), sooner(group, haveGroup), sooner(gone, haveGone)
		return x, err
	})
	if err != nil {
		return out, fmt.Errorf("look at traffic: %w", err)
	}
	return out, nil
}

// sooner is the sooner of two times, either of which may be missing.
func sooner(a, b int64) time.Time {
	if a == 0 || b != 0 && b < a {
		a = b
	}
	return fromMicros(a)
}
