package scimserver

import (
	"strings"

	"github.com/usherd/usher/scim"
)

// endpoints are the first segments of SCIM's addresses: those of the protocol
// and those of the resource types.
func endpoints(types []*scim.ResourceType) map[string]bool {
	out := map[string]bool{"Me": true, "Bulk": true, ".search": true, "Schemas": true, "ResourceTypes": true, "ServiceProviderConfig": true}
	for _, t := range types {
		out[strings.TrimPrefix(t.Endpoint, "/")] = true
	}
	return out
}

// resourceOf is the endpoint of a path, in a word of a fixed list.
func (s *Server) resourceOf(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if s.endpoints[first] {
		return first
	}
	return "other"
}
