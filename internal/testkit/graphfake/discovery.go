package graphfake

import (
	"net/http"
	"strconv"
	"strings"
)

const (
	imdsPath       = "/metadata/identity/oauth2/token"
	appServicePath = "/msi/token"
)

// signInRoutes are what a client asks before it has a token. A client that is
// given an authority of its own, with instance discovery off, asks for the
// OpenID configuration and then the token; otherwise it asks a known host for
// the instances first (AzureAD/microsoft-authentication-library-for-go,
// apps/internal/oauth/resolvers.go).
func (s *Server) signInRoutes() {
	s.handle("POST /{tenant}/oauth2/v2.0/token", s.token)
	s.handle("GET /{tenant}/v2.0/.well-known/openid-configuration", s.openID)
	s.handle("GET /{tenant}/discovery/v2.0/keys", func(*call) *Reply {
		keys, err := s.signer.keys()
		if err != nil {
			return failed(&odataError{http.StatusInternalServerError, "generalException", err.Error()})
		}
		return answer(http.StatusOK, keys)
	})
	s.handle("GET /common/discovery/instance", s.instance)
	s.handle("GET "+imdsPath, s.imds)
	s.handle("GET "+appServicePath, s.appService)
}

// openID answers with the OpenID provider's metadata (OpenID Connect Discovery
// 1.0 section 3; entra/identity-platform/v2-protocols-oidc).
func (s *Server) openID(c *call) *Reply {
	if f := s.knownTenant(c); f != nil {
		f.err = "invalid_tenant"
		return s.refuse(c, f)
	}
	at := c.base + "/" + c.r.PathValue("tenant")
	return answer(http.StatusOK, map[string]any{
		"issuer": c.base + "/" + s.tenant.ID() + "/v2.0", "token_endpoint": at + "/oauth2/v2.0/token",
		"authorization_endpoint": at + "/oauth2/v2.0/authorize", "jwks_uri": at + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"subject_types_supported":               []string{"pairwise"}, "id_token_signing_alg_values_supported": []string{"ES256"},
		"scopes_supported":    []string{"openid", "profile", "email", "offline_access"},
		"tenant_region_scope": nil, "cloud_instance_name": hostOf(c.base), "msgraph_host": hostOf(c.base),
	})
}

func hostOf(base string) string { _, host, _ := strings.Cut(base, "://"); return host }

// instance answers with the instances of the cloud: this server, under its own
// name only.
func (s *Server) instance(c *call) *Reply {
	host := hostOf(c.base)
	return answer(http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": c.base + "/" + s.tenant.ID() + "/v2.0/.well-known/openid-configuration", "api-version": "1.1",
		"metadata": []any{map[string]any{"preferred_network": host, "preferred_cache": host, "aliases": []string{host}}},
	})
}

// imds answers as the metadata service of a virtual machine does
// (entra/identity/managed-identities-azure-resources/how-to-use-vm-token).
func (s *Server) imds(c *call) *Reply {
	if c.r.Header.Get("Metadata") != "true" {
		return managedError("Required metadata header not specified")
	}
	return s.managed(c)
}

// appService answers as IDENTITY_ENDPOINT does
// (azure/app-service/overview-managed-identity, "REST endpoint reference").
func (s *Server) appService(c *call) *Reply {
	if c.r.Header.Get("X-Identity-Header") != s.opt.IdentityHeader {
		r := managedError("The header X-IDENTITY-HEADER is missing or wrong.")
		r.Status = http.StatusUnauthorized
		return r
	}
	return s.managed(c)
}

func (s *Server) managed(c *call) *Reply {
	values := c.r.URL.Query()
	resource := values.Get("resource")
	if values.Get("api-version") == "" || resource == "" {
		return managedError("Required query variable 'api-version' or 'resource' is missing")
	}
	app, err := s.identity(values.Get("client_id"))
	if err != nil {
		return managedError("Identity not found")
	}
	word, err := s.issue(c, app, resource)
	if err != nil {
		return failed(&odataError{http.StatusInternalServerError, "unknown", err.Error()})
	}
	life, until := int(s.opt.TokenLife.Seconds()), s.now().Add(s.opt.TokenLife).Unix()
	return answer(http.StatusOK, map[string]string{
		"access_token": word, "client_id": app.ClientID, "resource": resource, "token_type": "Bearer",
		"expires_in": strconv.Itoa(life), "ext_expires_in": strconv.Itoa(life),
		"expires_on": strconv.FormatInt(until, 10), "not_before": strconv.FormatInt(s.now().Unix(), 10),
	})
}

func managedError(text string) *Reply {
	return answer(http.StatusBadRequest, map[string]string{"error": "invalid_request", "error_description": text})
}
