package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/usherd/usher/ent/db/sourcemark"
	"github.com/usherd/usher/internal/registry"
)

// SourceMarks streams the markers of what a source leaves out, in no order.
func (t *Tenant) SourceMarks(ctx context.Context, source registry.SourceID, fn func(registry.SourceMark) error) error {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT anchor, marker FROM source_marks WHERE company_id = ? AND source_id = ?`), int64(t.id), source)
	return each(rows, err, func(rows *sql.Rows) error {
		var m registry.SourceMark
		if err := rows.Scan(&m.Anchor, &m.Marker); err != nil {
			return fmt.Errorf("scan source mark: %w", err)
		}
		return fn(m)
	})
}

// LastChange is the newest change of the company, 0 for none.
func (t *Tenant) LastChange(ctx context.Context) (int64, error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT coalesce((SELECT id FROM changes WHERE company_id = ? ORDER BY id DESC LIMIT 1), 0)`), int64(t.id))
	return one(rows, err, scanInt)
}

// ChangedSince streams the people whom changes after this one are about; somebody
// may come several times.
func (t *Tenant) ChangedSince(ctx context.Context, change int64, fn func(registry.UserID) error) error {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT user_id FROM changes WHERE company_id = ? AND id > ? AND user_id IS NOT NULL`), int64(t.id), change)
	return each(rows, err, func(rows *sql.Rows) error {
		id, err := scanInt(rows)
		if err != nil {
			return fmt.Errorf("scan change: %w", err)
		}
		return fn(registry.UserID(id))
	})
}

// marksTable is where the markers of what a source leaves out go.
var marksTable = newTable(sourcemark.Table, "company_id", sourcemark.FieldSourceID, sourcemark.FieldAnchor, sourcemark.FieldMarker)

// MarkSource remembers the markers of what the source of the lease leaves out,
// and forgets those of others. Only the holder of the lease may.
func (t *Tenant) MarkSource(ctx context.Context, f registry.Fence, set []registry.SourceMark, forget []string) error {
	rows := make([][]any, 0, len(set))
	for _, m := range set {
		if !notText(m.Anchor) && !notText(m.Marker) {
			rows = append(rows, []any{int64(t.id), f.Source, m.Anchor, m.Marker})
			forget = append(forget, m.Anchor)
		}
	}
	return t.s.inTx(ctx, func(x *session) error {
		if err := x.checkFence(ctx, t.id, f); err != nil {
			return err
		}
		if len(forget) > 0 {
			if _, err := x.exec(ctx, `DELETE FROM source_marks WHERE source_id = ? AND company_id = ? AND `+t.s.anyOf("anchor"),
				f.Source, int64(t.id), list(t.s, forget)); err != nil {
				return fmt.Errorf("forget source marks: %w", err)
			}
		}
		_, err := x.insert(ctx, marksTable, rows)
		return err
	})
}

// RefreshLinks writes markers, names and times to look again into links of the
// origin. It is no change to anybody: not even the links' times move. Only the holder of the lease may.
func (t *Tenant) RefreshLinks(ctx context.Context, f registry.Fence, origin registry.OriginID, marks []registry.LinkMark) error {
	return t.s.inTx(ctx, func(x *session) error {
		if err := x.checkFence(ctx, t.id, f); err != nil {
			return err
		}
		if t.s.Postgres() {
			return t.refreshMany(ctx, x, origin, marks)
		}
		for _, m := range marks {
			if _, err := x.exec(ctx, `UPDATE links SET marker = ?, name = CASE WHEN ? = '' THEN name ELSE ? END, recheck_at = CASE WHEN ? THEN recheck_at ELSE ? END
				WHERE company_id = ? AND id IN (`+linkOf("user_id")+` UNION ALL `+linkOf("group_id")+`)`,
				asText(m.Marker), m.Name, asText(m.Name), m.KeepRecheck, micros(m.RecheckAt), int64(t.id),
				int64(t.id), int64(origin), asText(m.Anchor), int64(t.id), int64(origin), asText(m.Anchor)); err != nil {
				return fmt.Errorf("refresh link: %w", err)
			}
		}
		return nil
	})
}

// linkOf finds a link by its anchor, for which people and groups have an index
// each: without the condition SQLite would go through all links.
func linkOf(whose string) string {
	return `SELECT id FROM links WHERE company_id = ? AND origin_id = ? AND anchor = ? AND ` + whose + ` IS NOT NULL`
}

// refreshMany is RefreshLinks in one statement for people and one for groups.
func (t *Tenant) refreshMany(ctx context.Context, x *session, origin registry.OriginID, marks []registry.LinkMark) error {
	anchors, names, markers := make([]string, len(marks)), make([]string, len(marks)), make([]string, len(marks))
	again, keep := make([]int64, len(marks)), make([]bool, len(marks))
	for i, m := range marks {
		anchors[i], names[i], markers[i] = asText(m.Anchor), asText(m.Name), asText(m.Marker)
		again[i], keep[i] = micros(m.RecheckAt), m.KeepRecheck
	}
	for _, whose := range []string{"user_id", "group_id"} { // as in linkOf
		if _, err := x.exec(ctx, `UPDATE links SET marker = m.marker, name = CASE WHEN m.name = '' THEN links.name ELSE m.name END,
				recheck_at = CASE WHEN m.keep THEN links.recheck_at ELSE m.again END
			FROM unnest(?::text[], ?::text[], ?::text[], ?::bigint[], ?::boolean[]) AS m(anchor, name, marker, again, keep)
			WHERE links.company_id = ? AND links.origin_id = ? AND links.anchor = m.anchor AND links.`+whose+` IS NOT NULL`,
			anchors, names, markers, again, keep, int64(t.id), int64(origin)); err != nil {
			return fmt.Errorf("refresh links: %w", err)
		}
	}
	return nil
}
