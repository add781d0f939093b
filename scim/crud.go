package scim

import (
	"net/http"
)

// creating answers a POST to a resource type's endpoint.
func (h *handler) creating(t *ResourceType) action {
	return func(c *call) (*answer, error) {
		r, err := h.document(c, t)
		if err != nil {
			return nil, err
		}
		p := projectionOf(t.Attributes(), c)
		p.sent = r.Attributes
		made, err := h.Backend.Create(c.ctx, t, r, c.wants(p))
		if err != nil {
			return nil, err
		}
		return h.one(http.StatusCreated, t, made, p), nil
	}
}

// getting answers a GET of one resource.
func (h *handler) getting(t *ResourceType, id string) action {
	return func(c *call) (*answer, error) {
		p := projectionOf(t.Attributes(), c)
		r, err := h.Backend.Get(c.ctx, t, id, p)
		if err != nil {
			return nil, err
		}
		if c.pre.match != "" && !tagged(c.pre.match, ofVersion(r.Meta.Version)) {
			return nil, Errorf(PreconditionFailed, "the resource is of another version than If-Match names")
		}
		present := r.Meta.tag()
		if c.pre.noneMatch != "" && tagged(c.pre.noneMatch, func(tag string) bool { return tag == present }) {
			return &answer{status: http.StatusNotModified, tag: present}, nil
		}
		return h.one(http.StatusOK, t, r, p), nil
	}
}

// replacing answers a PUT.
func (h *handler) replacing(t *ResourceType, id string) action {
	return func(c *call) (*answer, error) {
		r, err := h.document(c, t)
		if err != nil {
			return nil, err
		}
		r.ID = id
		p := projectionOf(t.Attributes(), c)
		p.sent = r.Attributes
		put, err := h.Backend.Replace(c.ctx, t, id, r, c.pre.forWrite(), c.wants(p))
		if err != nil {
			return nil, err
		}
		return h.one(http.StatusOK, t, put, p), nil
	}
}

// patching answers a PATCH: 200 with the resource where the profile says so or
// the client chose what to see, 204 otherwise.
func (h *handler) patching(t *ResourceType, id string) action {
	return func(c *call) (*answer, error) {
		v := validator{t: t, profile: c.profile}
		ops, err := h.operations(v, c.body)
		if err != nil {
			return nil, err
		}
		p := projectionOf(t.Attributes(), c)
		p.sent = sentBy(ops)
		body := p.asked() || c.profile.PatchReturnsBody(t.Name)
		wanted := c.wants(p)
		if !body {
			wanted = nothingWanted{}
		}
		r, _, err := h.Backend.Patch(c.ctx, t, id, ops, c.pre.forWrite(), wanted)
		if err != nil {
			return nil, err
		}
		a := h.one(http.StatusOK, t, r, p)
		if !body {
			a.status, a.write = http.StatusNoContent, nil
		}
		return a, nil
	}
}

// deleting answers a DELETE.
func (h *handler) deleting(t *ResourceType, id string) action {
	return func(c *call) (*answer, error) {
		if err := h.Backend.Delete(c.ctx, t, id, c.pre.forWrite()); err != nil {
			return nil, err
		}
		return &answer{status: http.StatusNoContent}, nil
	}
}

// document is the resource that a call carries, checked.
func (h *handler) document(c *call, t *ResourceType) (*Resource, error) {
	c.profile.Document(t.Attributes(), c.body)
	r, err := validator{t: t, profile: c.profile}.document(c.body)
	if err != nil {
		return nil, err
	}
	r.Type = t
	return r, nil
}

// one is the answer that shows one resource.
func (h *handler) one(status int, t *ResourceType, r *Resource, p *projection) *answer {
	return &answer{
		status: status, id: r.ID,
		location: h.location(t, r.ID), tag: r.Meta.tag(),
		write: func(s *stream) error { return h.resource(s, t, r, p) },
	}
}
