package store

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/usherd/usher/ent/db/change"
	"github.com/usherd/usher/ent/db/group"
	"github.com/usherd/usher/internal/registry"
)

var newChanges = newTable(change.Table,
	"company_id", change.FieldAt, change.FieldActor, change.FieldOriginID, change.FieldRunID, change.FieldUserID,
	change.FieldGroupID, change.FieldResourceID, change.FieldAction, change.FieldReason, change.FieldVersion, change.FieldPayload,
)

// changeRow is the row of a change, with the keys that its record has by now.
func (t *tenantTx) changeRow(p registry.PendingChange) ([]any, error) {
	c := p.Change
	if p.User != nil {
		c.User = p.User.ID
	}
	if p.Group != nil {
		c.Group = p.Group.ID
	}
	if p.Resource != nil {
		c.Resource = p.Resource.ID
	}
	doc, err := json.Marshal(c.Payload)
	if err != nil {
		return nil, fmt.Errorf("encode change: %w", err)
	}
	return []any{
		int64(t.company), micros(c.At), c.Actor, int64(c.Origin), nullable(int64(c.Run)), nullable(int64(c.User)),
		nullable(int64(c.Group)), nullable(int64(c.Resource)), string(c.Action), c.Reason, c.Version, string(doc),
	}, nil
}

// saveChanges comes last: a group whose members alone changed is held against
// others from here to the end of the transaction. The keys of changes are waited for
// only where somebody is told of them.
func (t *tenantTx) saveChanges(ctx context.Context, w *registry.Writes) error {
	var changes []*registry.Change
	var rows [][]any
	for _, p := range w.Changes {
		row, err := t.changeRow(p)
		if err != nil {
			return err
		}
		if w.Touched != nil && w.Touched == p.Group && t.s.Postgres() {
			if err := t.touch(ctx, p, row); err != nil {
				return err
			}
			continue
		}
		changes, rows = append(changes, p.Change), append(rows, row)
	}
	if g := w.Touched; g != nil && !t.s.Postgres() {
		if err := t.update(ctx, touchedGroups, int64(t.company), [][]any{{int64(g.ID), g.Version, micros(g.UpdatedAt)}}); err != nil {
			return err
		}
	}
	err := t.place(ctx, newChanges, rows, func(ids []int64) {
		for i, id := range ids {
			changes[i].ID = id
		}
	})
	if err != nil {
		return err
	}
	return t.tellChanges(ctx, w.Changes)
}

// touchedGroups is what SQLite writes of a group whose members changed. It has one
// writer, which knows the version.
var touchedGroups = newTable(group.Table, "id", group.FieldVersion, group.FieldUpdatedAt)

// touchSQL moves a group's version by one, from wherever it is, and writes the
// change with it.
var touchSQL = newChanges.touchSQL()

func (t table) touchSQL() string {
	values := make([]string, len(t.cols))
	for i, c := range t.cols {
		if values[i] = "?::" + t.kinds[i].element; c == change.FieldVersion {
			values[i] = "moved.version"
		}
	}
	return `WITH moved AS (UPDATE "groups" SET version = version + 1, updated_at = greatest(updated_at, ?) WHERE company_id = ? AND id = ? RETURNING version)
		INSERT INTO "` + t.name + `" (` + columns(t.cols) + `) SELECT ` + strings.Join(values, ", ") + ` FROM moved RETURNING id, version`
}

// touch writes the change of a group of which only members changed, on PostgreSQL,
// where others may be changing them, too. The version is known with the commit.
func (t *tenantTx) touch(ctx context.Context, p registry.PendingChange, row []any) error {
	version := slices.Index(newChanges.cols, change.FieldVersion)
	args := slices.Concat([]any{micros(p.Group.UpdatedAt), int64(t.company), int64(p.Group.ID)}, row[:version], row[version+1:])
	ctx = context.WithValue(ctx, keptKey{}, kept{what: "touch group", then: func(rows [][]driver.Value) {
		for _, r := range rows {
			p.Change.ID, _ = r[0].(int64)
			p.Change.Version, _ = r[1].(int64)
			p.Group.Version = p.Change.Version
		}
	}})
	_, err := t.exec(ctx, touchSQL, args...)
	return err
}
