package scim

import (
	"net/url"
	"time"

	"github.com/usherd/usher/scim/attr"
)

// location is a resource's absolute address.
func (h *handler) location(t *ResourceType, id string) string {
	return h.base + t.Endpoint + "/" + escapeSegment(id)
}

// escapeSegment escapes an id for use as one segment of a path.
func escapeSegment(s string) string { return url.PathEscape(s) }

// timestamp is how times are written: UTC, to the millisecond.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// resource writes one resource: its common attributes, those of the core schema
// in the schema's order, the extensions, meta.
func (h *handler) resource(s *stream, t *ResourceType, r *Resource, p *projection) error {
	if r.Later != nil {
		whole := *r
		var err error
		if whole.Attributes, err = r.Later(); err != nil {
			return err
		}
		r = &whole
	}
	s.text(`{"schemas":`)
	s.value(schemasOf(t, r))
	s.member("id", r.ID)
	set := t.Attributes()
	if d, _ := set.Lookup("", "externalId"); r.ExternalID != "" && p.shows("", d) {
		s.member(d.Name, r.ExternalID)
	}
	for i := range t.Schema.Attributes {
		d := &t.Schema.Attributes[i]
		if d.Name == "externalId" || !p.shows("", d) {
			continue
		}
		if d.Name == "members" && r.Members != nil {
			if err := h.members(s, d, r, p); err != nil {
				return err
			}
		} else if v := h.visible(d, "", r.Attributes[d.Name], p); v != nil {
			s.member(d.Name, v)
		} else if d.Name == "members" && d.MultiValued {
			s.member(d.Name, []any{})
		}
	}
	h.extensions(s, t, r, p)
	if d, _ := set.Lookup("", "meta"); p.shows("", d) {
		s.member(d.Name, h.shown(d, "", h.meta(t, r), p))
	}
	s.text("}")
	return s.flush()
}

// schemasOf lists the schemas that a resource has values of.
func schemasOf(t *ResourceType, r *Resource) []any {
	list := []any{t.Schema.ID}
	for _, e := range t.Extensions {
		if v, ok := r.Attributes[e.Schema.ID].(map[string]any); ok && len(v) > 0 {
			list = append(list, e.Schema.ID)
		}
	}
	return list
}

// meta is what RFC 7643 section 3.1 calls meta.
func (h *handler) meta(t *ResourceType, r *Resource) map[string]any {
	m := map[string]any{"resourceType": t.Name, "location": h.location(t, r.ID)}
	if !r.Meta.Created.IsZero() {
		m["created"] = timestamp(r.Meta.Created)
	}
	if !r.Meta.LastModified.IsZero() {
		m["lastModified"] = timestamp(r.Meta.LastModified)
	}
	if r.Meta.Version != "" {
		m["version"] = entityTag(r.Meta.tag())
	}
	return m
}

// extensions writes what a resource has of its extensions.
func (h *handler) extensions(s *stream, t *ResourceType, r *Resource, p *projection) {
	for _, e := range t.Extensions {
		values, ok := r.Attributes[e.Schema.ID].(map[string]any)
		if !ok {
			continue
		}
		out := map[string]any{}
		for i := range e.Schema.Attributes {
			d := &e.Schema.Attributes[i]
			if !p.shows(e.Schema.ID, d) {
				continue
			}
			if v := h.visible(d, e.Schema.ID, values[d.Name], p); v != nil {
				out[d.Name] = v
			}
		}
		if len(out) > 0 {
			s.member(e.Schema.ID, out)
		}
	}
}

// visible is the part of a value that is shown; nil for nothing.
func (h *handler) visible(d *attr.Definition, uri string, v any, p *projection) any {
	switch v := v.(type) {
	case map[string]any:
		if out := h.shown(d, uri, v, p); len(out) > 0 {
			return out
		}
		return nil
	case []any:
		out := make([]any, 0, len(v))
		for _, e := range v {
			if o, ok := e.(map[string]any); ok {
				e = h.shown(d, uri, o, p)
			}
			out = append(out, e)
		}
		if len(out) == 0 {
			return nil
		}
		return out
	}
	return v
}

// shown is a complex value less the sub-attributes that are not shown, with the
// address of what it refers to.
func (h *handler) shown(d *attr.Definition, uri string, v map[string]any, p *projection) map[string]any {
	out := make(map[string]any, len(v)+1)
	for i := range d.Sub {
		sub := &d.Sub[i]
		if !p.showsSub(uri, d, sub) {
			continue
		}
		if sub.Name == "$ref" {
			if ref := h.reference(sub, v); ref != "" {
				out[sub.Name] = ref
			}
		} else if value := v[sub.Name]; value != nil {
			out[sub.Name] = value
		}
	}
	return out
}

// reference is the address of the resource that a complex value's value names:
// of the type it says, or of the first that the definition allows. What refers
// to none of ours keeps the address it has.
func (h *handler) reference(ref *attr.Definition, v map[string]any) string {
	id, _ := v["value"].(string)
	kept, _ := v[ref.Name].(string)
	if id == "" {
		return kept
	}
	kind, _ := v["type"].(string)
	for _, name := range append([]string{kind}, ref.ReferenceTypes...) {
		for _, t := range h.ResourceTypes {
			if t.Name == name {
				return h.location(t, id)
			}
		}
	}
	return kept
}

// members writes a group's members as they come. One without any says so by an
// empty list, which RFC 7643 section 2.5 leaves open: authentik takes a group that
// does not speak of members for one whose members it need not compare, and never
// gives it any.
func (h *handler) members(s *stream, d *attr.Definition, r *Resource, p *projection) error {
	s.text(`,"members":[`)
	first := true
	for m, err := range r.Members {
		if err != nil {
			return err
		}
		if !first {
			s.text(",")
		}
		first = false
		v := map[string]any{"value": m.Value}
		if m.Type != "" {
			v["type"] = m.Type
		}
		if m.Display != "" {
			v["display"] = m.Display
		}
		s.value(h.shown(d, "", v, p))
		if err := s.flush(); err != nil {
			return err
		}
	}
	s.text("]")
	return nil
}
