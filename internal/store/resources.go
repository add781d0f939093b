package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/usherd/usher/ent/db/resource"
	"github.com/usherd/usher/ent/db/resourcekey"
	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim/filter"
)

// The tables of resources whose types the configuration declares.
var (
	newResources     = newTable(resource.Table, slices.Concat([]string{"company_id"}, resourceCols)...)
	changedResources = newTable(resource.Table, slices.Concat([]string{"id"}, resourceCols)...)
	newResourceKeys  = newTable(resourcekey.Table,
		"company_id", resourcekey.FieldResourceID, resourcekey.FieldType, resourcekey.FieldAttribute, resourcekey.FieldValueKey)
)

// resourceCols are the columns of a resource in the order that scanResource and
// resourceRow follow.
var resourceCols = []string{
	resource.FieldPublicID, resource.FieldType, resource.FieldExternalID, resource.FieldDocument, resource.FieldOwnerID,
	resource.FieldVersion, resource.FieldCreatedAt, resource.FieldUpdatedAt, resource.FieldDeletedAt,
}

func resourceRow(r *registry.Resource) []any {
	return []any{
		r.PublicID, r.Type, r.ExternalID, string(r.Document), int64(r.Owner),
		r.Version, micros(r.CreatedAt), micros(r.UpdatedAt), micros(r.DeletedAt),
	}
}

// scanResource reads a row of id and resourceCols.
func scanResource(company registry.CompanyID) func(*sql.Rows) (*registry.Resource, error) {
	return func(rows *sql.Rows) (*registry.Resource, error) {
		r := &registry.Resource{Company: company}
		var created, updated, deleted int64
		if err := rows.Scan(&r.ID, &r.PublicID, &r.Type, &r.ExternalID, &r.Document, &r.Owner,
			&r.Version, &created, &updated, &deleted); err != nil {
			return nil, fmt.Errorf("scan resource: %w", err)
		}
		r.CreatedAt, r.UpdatedAt, r.DeletedAt = fromMicros(created), fromMicros(updated), fromMicros(deleted)
		return r, nil
	}
}

// Resources implements registry.Tx.
func (t *tenantTx) Resources(ctx context.Context, ids []registry.ResourceID) ([]*registry.Resource, error) {
	rows, err := t.query(ctx, `SELECT id, `+columns(resourceCols)+` FROM resources WHERE `+t.s.byKey("id")+` ORDER BY id`+t.forUpdate(),
		int64(t.company), keys(t.s, ids))
	list, err := collect(rows, err, scanResource(t.company))
	if err != nil {
		return nil, fmt.Errorf("load resources: %w", err)
	}
	return list, nil
}

// HeldValues implements registry.Tx.
func (t *tenantTx) HeldValues(ctx context.Context, kind string, values []registry.UniqueValue) ([]registry.HeldValue, error) {
	byAttribute := map[string][]string{}
	var order []string
	for _, v := range values {
		if byAttribute[v.Attribute] == nil {
			order = append(order, v.Attribute)
		}
		byAttribute[v.Attribute] = append(byAttribute[v.Attribute], v.Key)
	}
	var out []registry.HeldValue
	for _, attribute := range order {
		rows, err := t.query(ctx, `SELECT value_key, resource_id FROM resource_keys WHERE type = ? AND attribute = ? AND `+t.in("value_key"),
			kind, attribute, int64(t.company), list(t.s, byAttribute[attribute]))
		held, err := collect(rows, err, func(rows *sql.Rows) (h registry.HeldValue, err error) {
			h.Attribute = attribute
			return h, rows.Scan(&h.Key, &h.Resource)
		})
		if err != nil {
			return nil, fmt.Errorf("look for unique values: %w", err)
		}
		out = append(out, held...)
	}
	return out, nil
}

// saveResources writes resources and the unique values they hold from now on.
func (t *tenantTx) saveResources(ctx context.Context, w *registry.Writes) error {
	var fresh, changed, held [][]any
	var made []*registry.Resource
	var ended []registry.ResourceID
	for _, r := range w.Resources {
		if r.Resource.ID == 0 {
			made, fresh = append(made, r.Resource), append(fresh, append([]any{int64(t.company)}, resourceRow(r.Resource)...))
		} else {
			ended, changed = append(ended, r.Resource.ID), append(changed, append([]any{int64(r.Resource.ID)}, resourceRow(r.Resource)...))
		}
	}
	ids, err := t.insert(ctx, newResources, fresh)
	if err != nil {
		return err
	}
	for i, id := range ids {
		made[i].ID = registry.ResourceID(id)
	}
	if err := t.update(ctx, changedResources, int64(t.company), changed); err != nil {
		return err
	}
	if len(ended) > 0 {
		if _, err := t.exec(ctx, `DELETE FROM resource_keys WHERE `+t.s.byKey("resource_id"), int64(t.company), keys(t.s, ended)); err != nil {
			return fmt.Errorf("free unique values: %w", err)
		}
	}
	for _, r := range w.Resources {
		for _, v := range r.Unique {
			held = append(held, []any{int64(t.company), int64(r.Resource.ID), r.Resource.Type, v.Attribute, v.Key})
		}
	}
	_, err = t.insert(ctx, newResourceKeys, held)
	return err
}

// kindOf is a declared resource type as a table: everything but the common
// attributes lies in the document.
func kindOf(k registry.ScimType) *scimKind {
	return &scimKind{table: `resources`, alias: "r", urn: k.Schema, name: k.Name, endpoint: k.Endpoint}
}

// externalIDOfResource is the name that the connection which looks gave to its
// own.
func (c *scimCompiler) externalIDOfResource() place {
	return place{
		own:   true,
		value: splice("(CASE WHEN r.owner_id = ? THEN NULLIF(r.external_id, '') END)", int64(c.view.Origin)),
		find: func(v string) fragment {
			return c.in("r.id", splice("SELECT x.id FROM resources x WHERE +x.company_id = ? AND x.owner_id = ? AND x.type = ? AND x.external_id = ? AND x.external_id <> '' AND x.deleted_at = 0",
				c.company, int64(c.view.Origin), c.kind.name, v))
		},
	}
}

// ScimResources is ScimUsers for resources of a declared type.
func (t *Tenant) ScimResources(ctx context.Context, v registry.ScimView, k registry.ScimType, q filter.Selection, p registry.ScimPage) ([]registry.ResourceID, int, error) {
	return scimIDs[registry.ResourceID](ctx, t, kindOf(k), v, q, p)
}

// ScimResourceRecords is ScimUserRecords for resources. Of those that another
// connection owns the externalId is left out.
func (t *Tenant) ScimResourceRecords(ctx context.Context, v registry.ScimView, k registry.ScimType, ids []registry.ResourceID) ([]registry.Resource, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := t.resourcesWhere(ctx, v, k, splice(t.s.anyOf("r.id"), keys(t.s, ids)))
	found := make(map[registry.ResourceID]*registry.Resource, len(list))
	for _, r := range list {
		found[r.ID] = r
	}
	return inOrder(ids, found), err
}

// ScimResourceByID is ScimUserByID for resources.
func (t *Tenant) ScimResourceByID(ctx context.Context, v registry.ScimView, k registry.ScimType, publicID string) (registry.Resource, error) {
	list, err := t.resourcesWhere(ctx, v, k, splice("r.public_id = ?", asText(publicID)))
	if err == nil && len(list) == 0 {
		err = registry.ErrNotFound
	}
	if err != nil {
		return registry.Resource{}, err
	}
	return *list[0], nil
}

func (t *Tenant) resourcesWhere(ctx context.Context, v registry.ScimView, k registry.ScimType, which fragment) ([]*registry.Resource, error) {
	c := t.scimCompiler(kindOf(k), v, nil)
	q := splice(`SELECT r.id, `+columns(resourceCols)+` FROM resources r WHERE +r.company_id = ? AND r.deleted_at = 0 AND r.type = ? AND ? AND ?`,
		c.company, k.Name, which, c.visible("", "r"))
	rows, err := t.s.ask(ctx, q)
	list, err := collect(rows, err, scanResource(t.id))
	if err != nil {
		return nil, fmt.Errorf("load resources: %w", err)
	}
	for _, r := range list {
		if r.Owner != v.Origin {
			r.ExternalID = ""
		}
	}
	return list, nil
}
