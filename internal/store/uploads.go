package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"

	"github.com/usherd/usher/ent/db"
	"github.com/usherd/usher/ent/db/origin"
	"github.com/usherd/usher/ent/db/source"
	"github.com/usherd/usher/ent/db/upload"
	"github.com/usherd/usher/ent/db/uploadpart"
	"github.com/usherd/usher/internal/registry"
)

// EnsureSource finds or makes a source that no configuration file names, and
// that is never scheduled: a company's uploads.
func (t *Tenant) EnsureSource(ctx context.Context, kind registry.OriginKind, key string) (registry.Source, error) {
	o, err := t.EnsureOrigin(ctx, kind, key)
	if err != nil {
		return registry.Source{}, err
	}
	err = t.s.inTx(ctx, func(x *session) error {
		_, err := x.exec(ctx, `INSERT INTO sources (company_id, origin_id, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`, int64(t.id), int64(o.ID), key)
		return err
	})
	if err != nil {
		return registry.Source{}, fmt.Errorf("ensure source %s: %w", key, err)
	}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT `+sourceCols+`
		FROM sources s JOIN origins o ON o.id = s.origin_id AND o.company_id = s.company_id WHERE s.company_id = ? AND s.key = ?`), int64(t.id), key)
	return one(rows, err, scanSource)
}

// notOfFile are the sources that no configuration file names, and that no file
// therefore retires.
func (s *Store) notOfFile(ctx context.Context, tx *db.Client) ([]int64, error) {
	ids, err := tx.Origin.Query().Where(origin.Kind(string(registry.OriginUpload))).IDs(ctx)
	if err != nil {
		return nil, fmt.Errorf("find uploads' origins: %w", err)
	}
	return tx.Source.Query().Where(source.OriginIDIn(ids...)).IDs(ctx)
}

// CreateUpload enters an upload and fills in its key. Its content follows by
// AddUploadPart.
func (t *Tenant) CreateUpload(ctx context.Context, u *registry.Upload) error {
	return t.s.inTx(ctx, func(x *session) error {
		row, err := t.s.entTx(x.tx).Upload.Create().SetCompanyID(int64(t.id)).SetPublicID(u.PublicID).SetActor(asText(u.Actor)).
			SetFileName(asText(u.FileName)).SetFormat(u.Format).SetContentHash(u.Hash).SetSize(u.Size).SetSettings(u.Settings).SetInspection(u.Inspection).
			SetState(string(u.State)).SetCreatedAt(micros(u.CreatedAt)).SetExpiresAt(micros(u.ExpiresAt)).Save(ctx)
		if err != nil {
			return fmt.Errorf("create upload: %w", err)
		}
		u.ID, u.Company = row.ID, t.id
		return nil
	})
}

// AddUploadPart keeps a piece of an upload's content, counted from 0.
func (t *Tenant) AddUploadPart(ctx context.Context, id int64, position int, content []byte) error {
	return t.s.inTx(ctx, func(x *session) error {
		if err := t.mustHave(ctx, x, upload.Table, id); err != nil {
			return fmt.Errorf("add upload part: %w", err)
		}
		err := t.s.entTx(x.tx).UploadPart.Create().SetCompanyID(int64(t.id)).SetUploadID(id).SetPosition(position).SetContent(content).Exec(ctx)
		if err != nil {
			return fmt.Errorf("add upload part: %w", err)
		}
		return nil
	})
}

// UploadPart reads a piece of an upload's content; registry.ErrNotFound behind
// the last.
func (t *Tenant) UploadPart(ctx context.Context, id int64, position int) ([]byte, error) {
	row, err := t.s.ent().UploadPart.Query().
		Where(uploadpart.CompanyID(int64(t.id)), uploadpart.UploadID(id), uploadpart.Position(position)).Only(ctx)
	if db.IsNotFound(err) {
		return nil, registry.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read upload: %w", err)
	}
	return row.Content, nil
}

// UpdateUpload writes how an upload stands, if it still stands as the caller
// thinks, and reports whether it did.
func (t *Tenant) UpdateUpload(ctx context.Context, u *registry.Upload, was registry.UploadState) (bool, error) {
	counts, err := json.Marshal(u.Counts)
	if err != nil {
		return false, fmt.Errorf("encode counts: %w", err)
	}
	var n int
	err = t.s.inTx(ctx, func(x *session) (err error) {
		n, err = t.s.entTx(x.tx).Upload.Update().Where(upload.CompanyID(int64(t.id)), upload.ID(u.ID), upload.State(string(was))).
			SetState(string(u.State)).SetCounts(counts).SetPreviewRun(int64(u.Preview)).SetRunID(int64(u.Run)).
			SetMessage(asText(u.Message)).SetExpiresAt(micros(u.ExpiresAt)).Save(ctx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("update upload: %w", err)
	}
	return n > 0, nil
}

// Upload finds an upload by its public id.
func (t *Tenant) Upload(ctx context.Context, publicID string) (*registry.Upload, error) {
	if notText(publicID) {
		return nil, registry.ErrNotFound
	}
	return t.oneUpload(ctx, t.uploads().Where(upload.PublicID(publicID)))
}

// UploadOfRun finds the upload that a run previewed or carried out.
func (t *Tenant) UploadOfRun(ctx context.Context, run registry.RunID) (*registry.Upload, error) {
	if run == 0 {
		return nil, registry.ErrNotFound
	}
	return t.oneUpload(ctx, t.uploads().Where(upload.Or(upload.RunID(int64(run)), upload.PreviewRun(int64(run)))))
}

// Uploads lists uploads, the newest first.
func (t *Tenant) Uploads(ctx context.Context, limit int) ([]*registry.Upload, error) {
	rows, err := t.uploads().Order(upload.ByID(entDesc())).Limit(limit).All(ctx)
	if err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	out := make([]*registry.Upload, len(rows))
	for i, row := range rows {
		if out[i], err = toUpload(row); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (t *Tenant) uploads() *db.UploadQuery {
	return t.s.ent().Upload.Query().Where(upload.CompanyID(int64(t.id)))
}

func (t *Tenant) oneUpload(ctx context.Context, q *db.UploadQuery) (*registry.Upload, error) {
	row, err := q.Only(ctx)
	if db.IsNotFound(err) {
		return nil, registry.ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find upload: %w", err)
	}
	return toUpload(row)
}

func toUpload(r *db.Upload) (*registry.Upload, error) {
	u := &registry.Upload{
		ID: r.ID, PublicID: r.PublicID, Company: registry.CompanyID(r.CompanyID), Actor: r.Actor, FileName: r.FileName, Format: r.Format,
		Hash: r.ContentHash, Size: r.Size, Settings: r.Settings, Inspection: r.Inspection, State: registry.UploadState(r.State),
		Preview: registry.RunID(r.PreviewRun), Run: registry.RunID(r.RunID), Message: registry.Said(r.Message),
		CreatedAt: fromMicros(r.CreatedAt), ExpiresAt: fromMicros(r.ExpiresAt),
	}
	if len(r.Counts) == 0 {
		return u, nil
	}
	if err := json.Unmarshal(r.Counts, &u.Counts); err != nil {
		return nil, fmt.Errorf("decode counts of upload: %w", err)
	}
	return u, nil
}

// ItemKeys streams the keys of a run's report rows with what tells them apart,
// in the order they were written: a tenth of what the rows are.
func (t *Tenant) ItemKeys(ctx context.Context, run registry.RunID, fn func(registry.RunItem) error) error {
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id, outcome, action, anchor, group_id FROM run_items
		WHERE company_id = ? AND run_id = ? ORDER BY id`), int64(t.id), int64(run))
	return each(rows, err, func(rows *sql.Rows) error {
		var it registry.RunItem
		if err := rows.Scan(&it.ID, &it.Outcome, &it.Action, &it.Anchor, &it.Group); err != nil {
			return fmt.Errorf("scan report row: %w", err)
		}
		return fn(it)
	})
}

// ItemsByID reads some report rows.
func (t *Tenant) ItemsByID(ctx context.Context, ids []int64) (map[int64]registry.RunItem, error) {
	out := make(map[int64]registry.RunItem, len(ids))
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id, outcome, action, code, anchor, name, user_id, group_id, message, detail, at
		FROM run_items WHERE `+t.s.byKey("id")), int64(t.id), keys(t.s, ids))
	err = each(rows, err, func(rows *sql.Rows) error {
		var it registry.RunItem
		var detail sql.RawBytes
		var at int64
		if err := rows.Scan(&it.ID, &it.Outcome, &it.Action, &it.Code, &it.Anchor, &it.Name, &it.User, &it.Group, &it.Message, &detail, &at); err != nil {
			return err
		}
		if it.At = fromMicros(at); len(detail) > 0 {
			if err := json.Unmarshal(detail, &it.Detail); err != nil {
				return err
			}
		}
		out[it.ID] = it
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read report rows: %w", err)
	}
	return out, nil
}

// GroupsNamed finds living groups by their names in comparison form: all that
// are called so, in the order of their keys.
func (t *Tenant) GroupsNamed(ctx context.Context, names []string) (map[string][]registry.GroupID, error) {
	out := map[string][]registry.GroupID{}
	rows, err := t.s.read.QueryContext(ctx, t.s.rebind(`SELECT id, name_key FROM "groups"
		WHERE company_id = ? AND deleted_at = 0 AND `+t.s.anyOf("name_key")+` ORDER BY id`), int64(t.id), list(t.s, names))
	err = each(rows, err, func(rows *sql.Rows) error {
		var id registry.GroupID
		var key string
		err := rows.Scan(&id, &key)
		out[key] = append(out[key], id)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find groups by name: %w", err)
	}
	return out, nil
}
