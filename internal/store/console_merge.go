package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// MergeRow is a merge as a list shows it.
type MergeRow struct {
	registry.Merge
	// The two people by name and public id.
	SurvivorName, SurvivorID string
	LoserName, LoserID       string
}

// Undoable reports whether the merge can be undone at a time, as far as its own row
// tells.
func (m MergeRow) Undoable(now time.Time) bool {
	return m.UndoneAt.IsZero() && m.Kept != nil && m.UndoUntil.After(now)
}

// Merges lists merges, the newest first; of one person where user is not 0, and
// only those before a key where that is not 0.
func (t *Tenant) Merges(ctx context.Context, user registry.UserID, before int64, limit int) ([]MergeRow, error) {
	which, args := "", []any{int64(t.id)}
	if user != 0 {
		which, args = " AND (m.survivor_id = ? OR m.loser_id = ?)", append(args, int64(user), int64(user))
	}
	if before != 0 {
		which, args = which+" AND m.id < ?", append(args, before)
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT m.`+strings.ReplaceAll(mergeCols, ", ", ", m.")+`, s.user_name, s.public_id, l.user_name, l.public_id
		FROM merges m JOIN users s ON s.id = m.survivor_id AND s.company_id = m.company_id JOIN users l ON l.id = m.loser_id AND l.company_id = m.company_id
		WHERE m.company_id = ?`+which+` ORDER BY m.id DESC LIMIT ?`), append(args, limit)...)
	out, err := collect(rows, err, func(rows *sql.Rows) (r MergeRow, err error) {
		m, err := scanMerge(rows, &r.SurvivorName, &r.SurvivorID, &r.LoserName, &r.LoserID)
		if err == nil {
			r.Merge = *m
		}
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("list merges: %w", err)
	}
	return out, nil
}

// Erasure is what is left of somebody erased.
type Erasure struct {
	At time.Time
	// Kept is how many hashes keep the person away.
	Kept int64
}

// Erasure tells whether, and when, a person was erased; zero for not.
func (t *Tenant) Erasure(ctx context.Context, user registry.UserID) (e Erasure, err error) {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT u.erased_at,
			(SELECT count(*) FROM erased_keys k WHERE k.company_id = u.company_id AND k.user_id = u.id)
		FROM users u WHERE u.company_id = ? AND u.id = ?`), int64(t.id), int64(user))
	return one(rows, err, func(rows *sql.Rows) (e Erasure, err error) {
		var at int64
		err = rows.Scan(&at, &e.Kept)
		e.At = fromMicros(at)
		return e, err
	})
}

// Held streams everything that is held on a person beyond their own row, table by
// table: what is tied to them by key, and what names them in texts. A record holds
// values by column; times are RFC 3339, origins and groups are named.
func (t *Tenant) Held(ctx context.Context, user *registry.User, fn func(table string, record map[string]any) error) error {
	return t.s.view(ctx, func(x *session) error {
		tx := x.tenant(t.id)
		names, err := tx.nouns(ctx)
		if err != nil {
			return err
		}
		rows, err := tx.query(ctx, `SELECT id, `+columns(linkCols)+` FROM links WHERE company_id = ? AND user_id = ? ORDER BY id`, tx.company, user.ID)
		links, err := collect(rows, err, scanLink(tx.company))
		if err != nil {
			return err
		}
		ids, err := tx.MergedInto(ctx, user.ID)
		if err != nil {
			return err
		}
		who := registry.Naming(user, links)
		for _, h := range heldTables {
			if h.show == "" {
				continue
			}
			if err := tx.show(ctx, h, append(ids, user.ID), who, func(record map[string]any) error {
				names.put(record)
				return fn(h.table, record)
			}); err != nil {
				return fmt.Errorf("read %s: %w", h.table, err)
			}
		}
		return nil
	})
}

// show reads the rows of one table that are about a person.
func (t *tenantTx) show(ctx context.Context, h heldTable, ids []registry.UserID, who registry.Erased, fn func(map[string]any) error) error {
	var which []string
	args := []any{int64(t.company)}
	if h.of != noneOf {
		where, more := h.where(t, ids)
		which, args = append(which, strings.TrimPrefix(where, h.companyColumn()+" = ? AND ")), append(args, more[1:]...)
	}
	if len(h.texts)+len(h.docs) > 0 && len(who.Words) > 0 {
		names, more := h.names(t, who.Words, []string{who.User.PublicID})
		which, args = append(which, names), append(args, more...)
	}
	rows, err := t.query(ctx, `SELECT `+h.show+` FROM `+h.table+` WHERE `+h.companyColumn()+` = ? AND (`+strings.Join(which, " OR ")+`) ORDER BY id`, args...)
	cols := strings.Split(h.show, ", ")
	return each(rows, err, func(rows *sql.Rows) error {
		values, into := make([]any, len(cols)), make([]any, len(cols))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return err
		}
		record := make(map[string]any, len(cols))
		for i, c := range cols {
			if v := shown(c, values[i], slices.Contains(h.json, c)); v != nil {
				record[c] = v
			}
		}
		return fn(record)
	})
}

// shown is a value as an export has it, nil for none.
func shown(column string, value any, isJSON bool) any {
	if b, ok := value.([]byte); ok {
		value = string(b)
	}
	switch v := value.(type) {
	case string:
		if v == "" || isJSON && (v == "null" || v == "{}") {
			return nil
		}
		if isJSON {
			return json.RawMessage(v)
		}
	case int64:
		if !isMoment(column) {
			return v
		}
		if v == 0 {
			return nil
		}
		return fromMicros(v).Format(time.RFC3339)
	}
	return value
}

// isMoment reports whether a column holds a time.
func isMoment(column string) bool {
	return column == "at" || strings.HasSuffix(column, "_at") || strings.HasSuffix(column, "_since") || strings.HasSuffix(column, "_until")
}

// nouns are what people call the records that keys stand for.
type nouns struct{ origins, groups map[int64]string }

func (t *tenantTx) nouns(ctx context.Context) (nouns, error) {
	n := nouns{map[int64]string{}, map[int64]string{}}
	for q, into := range map[string]map[int64]string{
		`SELECT id, kind || ' ' || key FROM origins WHERE company_id = ?`: n.origins,
		`SELECT id, display_name FROM "groups" WHERE company_id = ?`:      n.groups,
	} {
		rows, err := t.query(ctx, q, t.company)
		if err := each(rows, err, func(rows *sql.Rows) error {
			var id int64
			var name string
			err := rows.Scan(&id, &name)
			into[id] = name
			return err
		}); err != nil {
			return n, fmt.Errorf("read names: %w", err)
		}
	}
	return n, nil
}

// put names what a record holds the keys of.
func (n nouns) put(record map[string]any) {
	for column, names := range map[string]map[int64]string{"origin_id": n.origins, "group_id": n.groups} {
		if id, ok := record[column].(int64); ok {
			delete(record, column)
			if name := names[id]; name != "" {
				record[strings.TrimSuffix(column, "_id")] = name
			}
		}
	}
}
