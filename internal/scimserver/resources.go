package scimserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/scim"
	"github.com/usherd/usher/scim/attr"
	"github.com/usherd/usher/scim/patch"
)

// typeOf is a resource type as the records know it.
func typeOf(t *scim.ResourceType) registry.ScimType {
	return registry.ScimType{Name: t.Name, Schema: t.Schema.ID, Endpoint: t.Endpoint}
}

// resource is a record of a declared type as a resource.
func resource(t *scim.ResourceType, rec registry.Resource) (*scim.Resource, error) {
	doc, err := decode(rec.Document)
	if err != nil {
		return nil, fmt.Errorf("decode document of resource %d: %w", rec.ID, err)
	}
	return &scim.Resource{
		Type: t, ID: rec.PublicID, ExternalID: rec.ExternalID, Attributes: doc,
		Meta: scim.Meta{Created: rec.CreatedAt, LastModified: rec.UpdatedAt, Version: strconv.FormatInt(rec.Version, 10)},
	}, nil
}

// decode reads a stored document.
func decode(raw []byte) (map[string]any, error) {
	doc := map[string]any{}
	if len(raw) == 0 {
		return doc, nil
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	return doc, d.Decode(&doc)
}

// saying is what a document says of a resource, 0 for a new one.
func saying(t *scim.ResourceType, id registry.ResourceID, external string, doc map[string]any) (registry.PutResource, error) {
	stored, err := kept(t, doc, "id", "externalId", "meta", "schemas")
	if err != nil {
		return registry.PutResource{}, err
	}
	return registry.PutResource{
		Resource: id, Type: t.Name, Name: t.Name + " " + external, ExternalID: external, Document: stored, Unique: uniqueValues(t, doc),
	}, nil
}

func (b *backend) createResource(ctx context.Context, t *scim.ResourceType, r *scim.Resource) (*scim.Resource, error) {
	c := b.caller(ctx)
	op, err := saying(t, 0, r.ExternalID, r.Attributes)
	if err != nil {
		return nil, err
	}
	res, err := b.apply(ctx, c, op)
	if err != nil {
		return nil, refused(err)
	}
	return b.rereadResource(ctx, c, t, res[0].PublicID)
}

// rereadResource answers with what is there now.
func (b *backend) rereadResource(ctx context.Context, c caller, t *scim.ResourceType, id string) (*scim.Resource, error) {
	rec, err := c.ScimResourceByID(ctx, c.view, typeOf(t), id)
	if err != nil {
		return nil, refused(err)
	}
	return resource(t, rec)
}

// resourceForWriting finds a resource that the connection may change.
func (b *backend) resourceForWriting(ctx context.Context, c caller, t *scim.ResourceType, id string, pre scim.Precondition) (registry.Resource, error) {
	rec, err := c.ScimResourceByID(ctx, c.view, typeOf(t), id)
	if err != nil {
		return rec, refused(err)
	}
	return rec, errors.Join(holds(pre, rec.Version), owned(c, rec.Owner, "the "+t.Name))
}

// replaceResource makes a resource what the document says, and nothing else.
func (b *backend) replaceResource(ctx context.Context, t *scim.ResourceType, id string, r *scim.Resource, pre scim.Precondition) (*scim.Resource, error) {
	c := b.caller(ctx)
	rec, err := b.resourceForWriting(ctx, c, t, id, pre)
	if err != nil {
		return nil, err
	}
	old, err := resource(t, rec)
	if err != nil {
		return nil, err
	}
	if err := t.KeepImmutable(old.Attributes, r.Attributes); err != nil {
		return nil, err
	}
	if err := b.putResource(ctx, c, t, rec, r.ExternalID, r.Attributes); err != nil {
		return nil, err
	}
	return b.rereadResource(ctx, c, t, id)
}

// putResource writes a resource as the document says, if nobody was faster.
func (b *backend) putResource(ctx context.Context, c caller, t *scim.ResourceType, rec registry.Resource, external string, doc map[string]any) error {
	op, err := saying(t, rec.ID, external, doc)
	if err != nil {
		return err
	}
	op.IfVersion = rec.Version
	_, err = b.apply(ctx, c, op)
	return refused(err)
}

// patchResource applies operations to a resource's document.
func (b *backend) patchResource(ctx context.Context, t *scim.ResourceType, id string, ops []patch.Operation, pre scim.Precondition) (*scim.Resource, bool, error) {
	c := b.caller(ctx)
	rec, err := b.resourceForWriting(ctx, c, t, id, pre)
	if err != nil {
		return nil, false, err
	}
	r, err := resource(t, rec)
	if err != nil {
		return nil, false, err
	}
	doc := r.Attributes
	if r.ExternalID != "" {
		doc["externalId"] = r.ExternalID
	}
	changed, err := patch.Apply(doc, ops, t.Attributes())
	if err != nil {
		return nil, false, err
	}
	if changed {
		if err := b.putResource(ctx, c, t, rec, text(doc["externalId"]), doc); err != nil {
			return nil, false, err
		}
	}
	r, err = b.rereadResource(ctx, c, t, id)
	return r, changed, err
}

func (b *backend) deleteResource(ctx context.Context, t *scim.ResourceType, id string, pre scim.Precondition) error {
	c := b.caller(ctx)
	rec, err := b.resourceForWriting(ctx, c, t, id, pre)
	if err != nil {
		return err
	}
	_, err = b.apply(ctx, c, registry.DeleteResource{Resource: rec.ID, IfVersion: rec.Version})
	return refused(err)
}

// kept is a document as it is stored: without what has a place of its own
// elsewhere, and what is nobody's to read.
func kept(t *scim.ResourceType, doc map[string]any, without ...string) ([]byte, error) {
	return encodeDocument(keeping(t, doc, without...))
}

// keeping is what kept keeps, which shares its values with doc.
func keeping(t *scim.ResourceType, doc map[string]any, without ...string) map[string]any {
	out := maps.Clone(doc)
	for _, name := range without {
		delete(out, name)
	}
	forget(t.Schema.Attributes, out)
	for _, e := range t.Extensions {
		if inner, ok := out[e.Schema.ID].(map[string]any); ok {
			forget(e.Schema.Attributes, inner)
		}
	}
	return out
}

// encodeDocument is a document as it is stored.
func encodeDocument(out map[string]any) ([]byte, error) {
	if hasNUL(out) {
		return nil, scim.Errorf(scim.InvalidValue, "a value holds the character U+0000, which cannot be kept")
	}
	b, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	if len(b) > maxDocument {
		return nil, scim.Errorf(scim.InvalidValue, "the resource is larger than %d bytes", maxDocument)
	}
	return b, nil
}

// maxDocument is how many bytes a document may take: a page lists hundreds of
// them.
const maxDocument = 256 << 10

// forget takes out of a document what is never shown: usher has no use for it,
// and what is not kept cannot leak.
func forget(defs []attr.Definition, doc map[string]any) {
	for i := range defs {
		d := &defs[i]
		if d.Returned == attr.Never {
			delete(doc, d.Name)
			continue
		}
		if len(d.Sub) == 0 {
			continue
		}
		switch v := doc[d.Name].(type) {
		case map[string]any:
			forget(d.Sub, v)
		case []any:
			for _, e := range elements(v) {
				forget(d.Sub, e)
			}
		}
	}
}

// uniqueValues are the values of a document that no other resource of its type
// may have, each once.
func uniqueValues(t *scim.ResourceType, doc map[string]any) []registry.UniqueValue {
	u := unique{seen: map[registry.UniqueValue]bool{}}
	u.collect(t.Schema.Attributes, "", doc)
	for _, e := range t.Extensions {
		if inner, ok := doc[e.Schema.ID].(map[string]any); ok {
			u.collect(e.Schema.Attributes, e.Schema.ID+":", inner)
		}
	}
	return u.values
}

type unique struct {
	values []registry.UniqueValue
	seen   map[registry.UniqueValue]bool
}

func (u *unique) collect(defs []attr.Definition, prefix string, doc map[string]any) {
	for i := range defs {
		d := &defs[i]
		values, several := doc[d.Name].([]any)
		if !several {
			values = []any{doc[d.Name]}
		}
		for _, v := range values {
			if inner, ok := v.(map[string]any); ok {
				u.collect(d.Sub, prefix+d.Name+".", inner)
			} else if d.Uniqueness == attr.Server || d.Uniqueness == attr.Global {
				u.add(strings.ToLower(prefix+d.Name), comparison(d, v))
			}
		}
	}
}

func (u *unique) add(attribute, key string) {
	v := registry.UniqueValue{Attribute: attribute, Key: key}
	if key != "" && !u.seen[v] {
		u.seen[v] = true
		u.values = append(u.values, v)
	}
}

// comparison is a value in the form in which uniqueness compares it, which is
// that of filters; "" for no value.
func comparison(d *attr.Definition, v any) string {
	switch v := v.(type) {
	case string:
		if at, ok := attr.ParseTime(v); d.Type == attr.DateTime && ok {
			return strconv.FormatInt(at.UnixMicro(), 10)
		}
		if d.CaseExact {
			return v
		}
		return registry.Key(v)
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return strconv.FormatInt(n, 10)
		}
		f, err := v.Float64()
		if err != nil {
			return v.String()
		}
		return strconv.FormatFloat(f, 'g', -1, 64)
	}
	return ""
}
