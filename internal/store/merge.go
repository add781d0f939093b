package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/usherd/usher/ent/db/erasedkey"
	"github.com/usherd/usher/ent/db/merge"
	"github.com/usherd/usher/internal/registry"
)

// The tables that merges and erasures write to.
var (
	newMerges = newTable(merge.Table, "company_id", merge.FieldPublicID, merge.FieldSurvivorID, merge.FieldLoserID, merge.FieldActor,
		merge.FieldEvidence, merge.FieldSnapshot, merge.FieldAt, merge.FieldUndoUntil)
	newErasedKeys = newTable(erasedkey.Table, "company_id", erasedkey.FieldKeyHash, erasedkey.FieldUserID, erasedkey.FieldAt)
)

// Holdings implements registry.Tx.
func (t *tenantTx) Holdings(ctx context.Context, users []registry.UserID) (registry.Holdings, error) {
	h := registry.Holdings{
		Links: map[registry.UserID][]*registry.Link{}, Members: map[registry.UserID][]registry.KeptMember{},
		Reports: map[registry.UserID][]registry.UserID{}, Proven: map[registry.UserID][]string{},
	}
	rows, err := t.query(ctx, `SELECT id, `+columns(linkCols)+` FROM links WHERE `+t.s.byKey("user_id")+` ORDER BY id`+t.forUpdate(), t.company, keys(t.s, users))
	links, err := collect(rows, err, scanLink(t.company))
	if err != nil {
		return h, fmt.Errorf("load links: %w", err)
	}
	for _, l := range links {
		h.Links[l.User] = append(h.Links[l.User], l)
	}
	for _, q := range []struct {
		query string
		add   func(*sql.Rows) error
	}{
		{`SELECT user_id, id, group_id, origin_id, created_at FROM memberships WHERE ` + t.s.byKey("user_id") + ` ORDER BY id`, func(rows *sql.Rows) error {
			var id registry.UserID
			var m registry.KeptMember
			err := rows.Scan(&id, &m.ID, &m.Group, &m.Origin, &m.CreatedAt)
			h.Members[id] = append(h.Members[id], m)
			return err
		}},
		{`SELECT manager_id, id FROM users WHERE deleted_at = 0 AND ` + t.s.byKey("manager_id") + ` ORDER BY id`, func(rows *sql.Rows) error {
			var id, report registry.UserID
			err := rows.Scan(&id, &report)
			h.Reports[id] = append(h.Reports[id], report)
			return err
		}},
		{`SELECT user_id, address_key FROM emails WHERE verified_at <> 0 AND ` + t.s.byKey("user_id") + ` ORDER BY id`, func(rows *sql.Rows) error {
			var id registry.UserID
			var key string
			err := rows.Scan(&id, &key)
			h.Proven[id] = append(h.Proven[id], key)
			return err
		}},
	} {
		rows, err := t.query(ctx, q.query, t.company, keys(t.s, users))
		if err := each(rows, err, q.add); err != nil {
			return h, fmt.Errorf("load holdings: %w", err)
		}
	}
	return h, nil
}

// mergeCols are the columns of a merge in the order that scanMerge follows.
const mergeCols = "id, public_id, survivor_id, loser_id, actor, evidence, snapshot, at, undo_until, undone_at, undone_by"

// scanMerge reads a row of mergeCols and what is more.
func scanMerge(rows *sql.Rows, more ...any) (*registry.Merge, error) {
	m := &registry.Merge{}
	var snapshot []byte
	var at, until, undone int64
	if err := rows.Scan(append([]any{
		&m.ID, &m.PublicID, &m.Survivor, &m.Loser, &m.Actor, &m.Evidence, &snapshot, &at, &until, &undone, &m.UndoneBy,
	}, more...)...); err != nil {
		return nil, fmt.Errorf("scan merge: %w", err)
	}
	m.At, m.UndoUntil, m.UndoneAt = fromMicros(at), fromMicros(until), fromMicros(undone)
	if len(snapshot) > 0 && string(snapshot) != "null" {
		if err := json.Unmarshal(snapshot, &m.Kept); err != nil {
			return nil, fmt.Errorf("decode merge %d: %w", m.ID, err)
		}
	}
	return m, nil
}

// Merge implements registry.Tx.
func (t *tenantTx) Merge(ctx context.Context, publicID string) (*registry.Merge, error) {
	if notText(publicID) {
		return nil, nil
	}
	rows, err := t.query(ctx, `SELECT `+mergeCols+` FROM merges WHERE company_id = ? AND public_id = ?`+t.forUpdate(), t.company, publicID)
	m, err := one(rows, err, func(rows *sql.Rows) (*registry.Merge, error) { return scanMerge(rows) })
	if errors.Is(err, registry.ErrNotFound) {
		return nil, nil
	}
	return m, err
}

// MergedInto implements registry.Tx.
func (t *tenantTx) MergedInto(ctx context.Context, user registry.UserID) ([]registry.UserID, error) {
	rows, err := t.query(ctx, `WITH RECURSIVE gone(id) AS (
			SELECT loser_id FROM merges WHERE company_id = ? AND survivor_id = ? AND undone_at = 0
			UNION SELECT m.loser_id FROM merges m JOIN gone g ON m.survivor_id = g.id WHERE m.company_id = ? AND m.undone_at = 0)
		SELECT id FROM gone ORDER BY id`, t.company, int64(user), t.company)
	ids, err := collect(rows, err, scanInt)
	if err != nil {
		return nil, fmt.Errorf("look for merged people: %w", err)
	}
	return asUserIDs(ids), nil
}

const hasKeptKeys = `SELECT EXISTS (SELECT 1 FROM erased_keys WHERE company_id = ?), EXISTS (SELECT 1 FROM login_names)`

// HasKeptKeys implements registry.Tx.
func (t *tenantTx) HasKeptKeys(ctx context.Context) (kept, chosen bool, err error) {
	rows, err := t.query(ctx, hasKeptKeys, t.company)
	_, err = one(rows, err, func(rows *sql.Rows) (struct{}, error) { return struct{}{}, rows.Scan(&kept, &chosen) })
	return kept, chosen, err
}

// KeptKeys implements registry.Tx.
func (t *tenantTx) KeptKeys(ctx context.Context, hashes [][]byte) ([]registry.KeptKey, error) {
	which, arg := "key_hash = ANY(?)", any(hashes)
	if !t.s.Postgres() {
		texts := make([]string, len(hashes))
		for i, h := range hashes {
			texts[i] = hex.EncodeToString(h)
		}
		which, arg = "key_hash IN (SELECT unhex(value) FROM json_each(?))", list(t.s, texts)
	}
	rows, err := t.query(ctx, `SELECT k.key_hash, k.user_id, u.erased_at <> 0, coalesce(u.merged_into, 0)
		FROM erased_keys k JOIN users u ON u.id = k.user_id AND u.company_id = k.company_id WHERE k.company_id = ? AND k.`+which, t.company, arg)
	return t.keptFor(ctx, rows, err)
}

// ChosenNames implements registry.Tx.
func (t *tenantTx) ChosenNames(ctx context.Context, hashes [][]byte) ([]registry.KeptKey, error) {
	which, arg := "name_hash = ANY(?)", any(hashes)
	if !t.s.Postgres() {
		texts := make([]string, len(hashes))
		for i, h := range hashes {
			texts[i] = hex.EncodeToString(h)
		}
		which, arg = "name_hash IN (SELECT unhex(value) FROM json_each(?))", list(t.s, texts)
	}
	rows, err := t.query(ctx, `SELECT n.name_hash, n.holder, u.erased_at <> 0, coalesce(u.merged_into, 0)
		FROM login_names n JOIN users u ON u.id = n.holder WHERE u.company_id = ? AND n.holder_company = u.company_id AND n.`+which, t.company, arg)
	return t.keptFor(ctx, rows, err)
}

// keptFor reads hashes with whom they are kept for: who took the place of somebody
// merged.
func (t *tenantTx) keptFor(ctx context.Context, rows *sql.Rows, err error) ([]registry.KeptKey, error) {
	var into []registry.UserID
	out, err := collect(rows, err, func(rows *sql.Rows) (k registry.KeptKey, err error) {
		var id registry.UserID
		err = rows.Scan(&k.Hash, &k.User, &k.Erased, &id)
		into = append(into, id)
		return k, err
	})
	if err != nil {
		return nil, fmt.Errorf("look for kept keys: %w", err)
	}
	for i, id := range into {
		for id != 0 && !out[i].Erased { // whoever took the place of who took the place
			out[i].User = id
			rows, err := t.query(ctx, `SELECT coalesce(merged_into, 0) FROM users WHERE company_id = ? AND id = ?`, t.company, int64(id))
			next, err := one(rows, err, scanInt)
			if err != nil {
				return nil, err
			}
			id = registry.UserID(next)
		}
	}
	return out, nil
}

// saveMerges writes merges and what they undo. Whose place somebody took says so.
func (t *tenantTx) saveMerges(ctx context.Context, w *registry.Writes) error {
	for _, m := range w.Merges {
		doc, err := json.Marshal(m.Kept)
		if err != nil {
			return fmt.Errorf("encode merge: %w", err)
		}
		ids, err := t.insert(ctx, newMerges, [][]any{{
			int64(t.company), m.PublicID, int64(m.Survivor), int64(m.Loser), m.Actor, m.Evidence, string(doc), micros(m.At), micros(m.UndoUntil),
		}})
		if err != nil {
			return err
		}
		m.ID = ids[0]
		if err := t.mergedInto(ctx, m.Loser, int64(m.Survivor)); err != nil {
			return err
		}
	}
	for _, m := range w.Unmerged {
		var left any
		if m.Kept != nil {
			doc, err := json.Marshal(m.Kept)
			if err != nil {
				return fmt.Errorf("encode what stays of a merge: %w", err)
			}
			left = string(doc)
		}
		if _, err := t.exec(ctx, `UPDATE merges SET snapshot = ?, undone_at = ?, undone_by = ? WHERE company_id = ? AND id = ?`,
			left, micros(m.UndoneAt), m.UndoneBy, t.company, m.ID); err != nil {
			return fmt.Errorf("undo merge: %w", err)
		}
		if err := t.mergedInto(ctx, m.Loser, nil); err != nil {
			return err
		}
	}
	return nil
}

func (t *tenantTx) mergedInto(ctx context.Context, loser registry.UserID, survivor any) error {
	if _, err := t.exec(ctx, `UPDATE users SET merged_into = ? WHERE company_id = ? AND id = ?`, survivor, t.company, int64(loser)); err != nil {
		return fmt.Errorf("note merge: %w", err)
	}
	return nil
}

// saveMoves gives memberships to others, ends them, and brings them back.
func (t *tenantTx) saveMoves(ctx context.Context, w *registry.Writes) error {
	for _, m := range w.Members {
		var err error
		switch k := m.Member; {
		case m.To == 0:
			_, err = t.exec(ctx, `DELETE FROM memberships WHERE company_id = ? AND id = ?`, t.company, k.ID)
		case k.ID == 0:
			_, err = t.exec(ctx, `INSERT INTO memberships (company_id, group_id, user_id, origin_id, created_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				t.company, int64(k.Group), int64(m.To), int64(k.Origin), k.CreatedAt)
		default:
			_, err = t.exec(ctx, `UPDATE memberships SET user_id = ? WHERE company_id = ? AND id = ?`, int64(m.To), t.company, k.ID)
		}
		if err != nil {
			return fmt.Errorf("move membership: %w", err)
		}
	}
	return nil
}

// saveKeys keeps keys from others, and frees them.
func (t *tenantTx) saveKeys(ctx context.Context, w *registry.Writes) error {
	for _, k := range w.FreeKeys {
		if k.Hashes == nil {
			if _, err := t.exec(ctx, `DELETE FROM erased_keys WHERE company_id = ? AND user_id = ?`, t.company, int64(k.User.ID)); err != nil {
				return fmt.Errorf("free keys: %w", err)
			}
		}
		for _, hash := range k.Hashes {
			if _, err := t.exec(ctx, `DELETE FROM erased_keys WHERE company_id = ? AND key_hash = ?`, t.company, hash); err != nil {
				return fmt.Errorf("free key: %w", err)
			}
		}
	}
	for _, k := range w.KeepKeys {
		for _, hash := range k.Hashes {
			if _, err := t.exec(ctx, newErasedKeys.insertSQL()+` ON CONFLICT DO NOTHING`, int64(t.company), hash, int64(k.User.ID), micros(t.s.now())); err != nil {
				return fmt.Errorf("keep key: %w", err)
			}
		}
	}
	return t.ofUsers(ctx, "end factors", `DELETE FROM factors WHERE`, "user_id", w.EndFactors)
}
