package scim

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/usherd/usher/scim/attr"
)

// The schemas of discovery and of lists.
const (
	configSchema       = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
	schemaSchema       = "urn:ietf:params:scim:schemas:core:2.0:Schema"
	resourceTypeSchema = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
	listSchema         = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
)

// passwordConfig is where the configuration lies of connections whose passwords
// count. No address holds that character.
const passwordConfig = "ServiceProviderConfig\x00"

// describe writes everything that discovery answers, by address: the first
// segment, and the second in lower case.
func (h *handler) describe() map[string][]byte {
	d := map[string][]byte{
		"ServiceProviderConfig": appendJSON(nil, h.serviceProviderConfig(false)), passwordConfig: appendJSON(nil, h.serviceProviderConfig(true)),
	}
	var types, schemas []any
	seen := map[string]bool{}
	for _, t := range h.ResourceTypes {
		r := h.resourceType(t)
		types = append(types, r)
		d["ResourceTypes"+strings.ToLower(t.ID)] = appendJSON(nil, r)
		for _, s := range append(t.Attributes().Cores(), t.Attributes().Extensions()...) {
			if id := strings.ToLower(s.ID); !seen[id] {
				seen[id] = true
				r := h.schema(discovered(s, t.Attributes()))
				schemas = append(schemas, r)
				d["Schemas"+id] = appendJSON(nil, r)
			}
		}
	}
	d["ResourceTypes"] = appendJSON(nil, wholeList(types))
	d["Schemas"] = appendJSON(nil, wholeList(schemas))
	return d
}

// wholeList is a list of everything there is.
func wholeList(resources []any) map[string]any {
	return map[string]any{
		"schemas":      []any{listSchema},
		"totalResults": len(resources), "itemsPerPage": len(resources), "startIndex": 1,
		"Resources": resources,
	}
}

// describing answers with a discovery document. RFC 7644 section 4 wants a
// filter refused there.
func (h *handler) describing(body []byte) action {
	return func(c *call) (*answer, error) {
		if c.query.Has("filter") {
			return nil, Errorf(Forbidden, "discovery cannot be filtered")
		}
		return &answer{status: http.StatusOK, write: func(s *stream) error {
			s.buf = append(s.buf, body...)
			return nil
		}}, nil
	}
}

func (h *handler) discoveryMeta(resourceType, path string) map[string]any {
	return map[string]any{"resourceType": resourceType, "location": h.base + path}
}

// serviceProviderConfig is what the service can do (RFC 7643 section 5, RFC 9865
// section 2).
func (h *handler) serviceProviderConfig(changePassword bool) map[string]any {
	supported := func(yes bool) map[string]any { return map[string]any{"supported": yes} }
	schemes := []any{}
	for _, a := range h.AuthenticationSchemes {
		scheme := map[string]any{"type": a.Type, "name": a.Name, "description": a.Description, "primary": a.Primary}
		if a.SpecURI != "" {
			scheme["specUri"] = a.SpecURI
		}
		if a.DocumentationURI != "" {
			scheme["documentationUri"] = a.DocumentationURI
		}
		schemes = append(schemes, scheme)
	}
	c := map[string]any{
		"schemas": []any{configSchema},
		"patch":   supported(true),
		"bulk": map[string]any{
			"supported": true, "maxOperations": h.Limits.BulkOperations, "maxPayloadSize": int(h.Limits.BulkBody),
		},
		"filter":         map[string]any{"supported": true, "maxResults": h.Limits.MaxPage},
		"changePassword": supported(changePassword),
		"sort":           supported(true),
		"etag":           supported(true),
		"pagination": map[string]any{
			"cursor": true, "index": true, "defaultPaginationMethod": "index",
			"defaultPageSize": h.Limits.DefaultPage, "maxPageSize": h.Limits.MaxPage,
			"cursorTimeout": int(h.Limits.CursorTimeout.Seconds()),
		},
		"authenticationSchemes": schemes,
		"meta":                  h.discoveryMeta("ServiceProviderConfig", "/ServiceProviderConfig"),
	}
	if h.DocumentationURI != "" {
		c["documentationUri"] = h.DocumentationURI
	}
	return c
}

// resourceType is a resource type as RFC 7643 section 6 shows it.
func (h *handler) resourceType(t *ResourceType) map[string]any {
	r := map[string]any{
		"schemas": []any{resourceTypeSchema},
		"id":      t.ID, "name": t.Name, "description": t.Description,
		"endpoint": t.Endpoint, "schema": t.Schema.ID,
		"meta": h.discoveryMeta("ResourceType", "/ResourceTypes/"+escapeSegment(t.ID)),
	}
	if len(t.Extensions) > 0 {
		extensions := []any{}
		for _, e := range t.Extensions {
			extensions = append(extensions, map[string]any{"schema": e.Schema.ID, "required": e.Required})
		}
		r["schemaExtensions"] = extensions
	}
	return r
}

// discovered is a schema as it is shown. A core schema lists externalId with its
// own attributes, which RFC 7643 section 3.1 defines outside of schemas: what
// /Schemas does not list, Microsoft's gallery test of it
// (Schema_Discoverability_Test) has as not served.
func discovered(s attr.Schema, set *attr.Set) attr.Schema {
	d, _ := set.Lookup("", "externalId")
	listed := slices.ContainsFunc(s.Attributes, func(own attr.Definition) bool { return own.Name == d.Name })
	if set.IsCore(s.ID) && !listed {
		s.Attributes = append([]attr.Definition{*d}, s.Attributes...)
	}
	return s
}

// schema is a schema as RFC 7643 section 7 shows it.
func (h *handler) schema(s attr.Schema) any {
	if s.Attributes == nil {
		s.Attributes = []attr.Definition{}
	}
	type body struct {
		Schemas []string `json:"schemas"`
		attr.Schema
		Meta map[string]any `json:"meta"`
	}
	b, err := json.Marshal(body{
		Schemas: []string{schemaSchema}, Schema: s,
		Meta: h.discoveryMeta("Schema", "/Schemas/"+s.ID),
	})
	if err != nil {
		return nil // strings and booleans always marshal
	}
	return json.RawMessage(b)
}
