package scimserver

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/usherd/usher/internal/auth"
	"github.com/usherd/usher/scim"
)

// wellKnown is where clients look for the metadata of an issuer (RFC 8414
// section 3).
const wellKnown = "/.well-known/oauth-authorization-server"

// TokenEndpoint is the address where an issuer's tokens are asked for.
func TokenEndpoint(issuer *url.URL) string { return issuer.JoinPath(tokenPath).String() }

// MountOAuth serves the token endpoint and its metadata. A public address with a
// path has it behind the well-known one, where RFC 8414 puts it, and is served
// without it, as everything is.
func (s *Server) MountOAuth(mux *http.ServeMux) {
	mux.Handle("/"+tokenPath, s.oauth)
	mux.Handle(wellKnown, s.metadata())
	if path := strings.TrimRight(s.cfg.Issuer.Path, "/"); path != "" {
		mux.Handle(wellKnown+path, s.metadata())
	}
}

// metadata tells clients what the token endpoint takes (RFC 8414 section 2).
func (s *Server) metadata() http.Handler {
	body := encode(map[string]any{
		"issuer":                                strings.TrimRight(s.cfg.Issuer.String(), "/"),
		"token_endpoint":                        s.oauth.endpoint,
		"grant_types_supported":                 []string{"client_credentials"},
		"response_types_supported":              []string{},
		"scopes_supported":                      []string{oauthScope},
		"token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "private_key_jwt"},
		"token_endpoint_auth_signing_alg_values_supported": auth.AssertionAlgorithms(),
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "this address is for reading", http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body)
	})
}

// schemes are the ways to sign in, as ServiceProviderConfig shows them.
func schemes() []scim.AuthenticationScheme {
	return []scim.AuthenticationScheme{
		{
			Type: "oauthbearertoken", Name: "Bearer token", Description: "A token of the connection, from `usher token create`", Primary: true,
			SpecURI: "https://www.rfc-editor.org/info/rfc6750",
		},
		{
			Type: "oauth2", Name: "OAuth 2.0 client credentials", Description: "A token that a client of the connection, from `usher client create`, is given by POST /" + tokenPath,
			SpecURI: "https://www.rfc-editor.org/info/rfc6749",
		},
	}
}
