package graphfake

import (
	"crypto"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// App is an application, or a managed identity, with what it may do.
type App struct {
	// ClientID is the application id.
	ClientID string
	// Secrets are its client secrets, ExpiredSecrets those that once were.
	Secrets, ExpiredSecrets []string
	// Certificates may sign its assertions.
	Certificates []*x509.Certificate
	// Federated are issuers whose assertions stand for it.
	Federated []Federated
	// Roles are the application permissions that were granted, as
	// "User.Read.All".
	Roles []string
	// ManagedIdentity makes it one of the machine: the metadata endpoints give
	// it out, the first of them when no client_id is asked for.
	ManagedIdentity bool
}

// Federated is a federated identity credential
// (resources/federatedidentitycredential.md).
type Federated struct {
	// Issuer, Subject and Audience must be those of the assertion; the audience
	// "" means api://AzureADTokenExchange.
	Issuer, Subject, Audience string
	// Key verifies the assertion: *rsa.PublicKey or *ecdsa.PublicKey.
	Key crypto.PublicKey
}

// grant is what an access token stands for.
type grant struct {
	app   string
	roles []string
	until time.Time
}

// may reports whether one of the permissions was granted.
func (g *grant) may(roles ...string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(g.roles, r) })
}

// everything is what an anonymous caller may.
func everything() *grant {
	return &grant{roles: slices.Concat(readUsers, readGroups, readOrganization, restoreUsers, []string{readHidden})}
}

// Grant sets the permissions of an application. As at Microsoft, they count in
// tokens issued from now on.
func (s *Server) Grant(clientID string, roles ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.opt.Apps = slices.Clone(s.opt.Apps)
	for i, a := range s.opt.Apps {
		if a.ClientID == clientID {
			s.opt.Apps[i].Roles = roles
		}
	}
}

// app finds an application.
func (s *Server) app(clientID string) (App, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.opt.Apps, func(a App) bool { return strings.EqualFold(a.ClientID, clientID) })
	if i < 0 {
		return App{}, false
	}
	return s.opt.Apps[i], true
}

func bearer(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

// admit finds out who asks, or answers why not.
func (s *Server) admit(r *http.Request) (*grant, *Reply) {
	token := bearer(r)
	if token == "" && s.opt.Anonymous {
		return everything(), nil
	}
	s.mu.Lock()
	g := s.grants[token]
	s.mu.Unlock()
	message := "Access token is empty."
	switch {
	case g != nil && s.now().Before(g.until):
		return g, nil
	case g != nil:
		message = "Lifetime validation failed, the token is expired."
	case token != "":
		message = "Access token validation failure. Invalid audience."
	}
	reply := failed(&odataError{http.StatusUnauthorized, "InvalidAuthenticationToken", message})
	reply.set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", client_id="00000003-0000-0000-c000-000000000000"`)
	return nil, reply
}

// refusal is an error of the token endpoint
// (entra/identity-platform/reference-error-codes).
type refusal struct {
	status int
	err    string
	code   int // AADSTS
	text   string
}

func (s *Server) refuse(c *call, f *refusal) *Reply {
	at := s.now().UTC().Format("2006-01-02 15:04:05Z")
	trace := s.requestID()
	correlation := c.r.Header.Get("client-request-id")
	if correlation == "" {
		correlation = trace
	}
	r := answer(f.status, map[string]any{
		"error":             f.err,
		"error_description": fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s", f.code, f.text, trace, correlation, at),
		"error_codes":       []int{f.code}, "timestamp": at, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("https://login.microsoftonline.com/error?code=%d", f.code),
	})
	r.set("Content-Type", "application/json; charset=utf-8")
	return r
}

// token answers POST /{tenant}/oauth2/v2.0/token for client credentials
// (entra/identity-platform/v2-oauth2-client-creds-grant-flow).
func (s *Server) token(c *call) *Reply {
	c.r.Body = http.MaxBytesReader(nil, c.r.Body, 1<<16)
	if err := c.r.ParseForm(); err != nil {
		return s.refuse(c, &refusal{400, "invalid_request", 900144, "The request body is not a form."})
	}
	form := c.r.Form // of the body: the address has no options that count
	if f := s.knownTenant(c); f != nil {
		return s.refuse(c, f)
	}
	if kind := form.Get("grant_type"); kind != "client_credentials" {
		return s.refuse(c, &refusal{400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '" + kind + "'."})
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, ok := c.r.BasicAuth(); ok { // RFC 6749 section 2.3.1
		id, secret = user, password
	}
	app, ok := s.app(id)
	if !ok {
		return s.refuse(c, &refusal{400, "unauthorized_client", 700016, "Application with identifier '" + id + "' was not found in the directory '" + s.tenant.pop.Name +
			"'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."})
	}
	graph, f := resource(c, form.Get("scope"))
	if f == nil {
		f = s.checkCredential(c, app, secret)
	}
	if f != nil {
		return s.refuse(c, f)
	}
	word, err := s.issue(c, app, graph)
	if err != nil {
		return s.refuse(c, &refusal{500, "server_error", 90033, "A transient error has occurred. Please try again. " + err.Error()})
	}
	life := int(s.opt.TokenLife / time.Second)
	r := answer(http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": life, "ext_expires_in": life, "access_token": word})
	r.set("Content-Type", "application/json; charset=utf-8")
	r.set("Cache-Control", "no-store, no-cache")
	return r
}

// knownTenant checks the tenant of the path, which is an id or a domain.
func (s *Server) knownTenant(c *call) *refusal {
	named := c.r.PathValue("tenant")
	if strings.EqualFold(named, s.tenant.ID()) || strings.EqualFold(named, s.tenant.Domain()) {
		return nil
	}
	return &refusal{400, "invalid_request", 90002, "Tenant '" + named + "' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. " +
		"Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."}
}

// resource is what a token is for: Graph by its name in a cloud
// (concepts/deployments.md) or by the server's. The scopes of OpenID Connect,
// which Microsoft's libraries add to every request, mean nothing here.
func resource(c *call, scope string) (string, *refusal) {
	graphs := []string{"https://graph.microsoft.com", "https://graph.microsoft.us", "https://dod-graph.microsoft.us", "https://microsoftgraph.chinacloudapi.cn", c.base}
	asked := slices.DeleteFunc(strings.Fields(scope), func(s string) bool {
		return slices.Contains([]string{"openid", "profile", "email", "offline_access"}, s)
	})
	if len(asked) == 1 {
		name, ok := strings.CutSuffix(asked[0], "/.default")
		if name = strings.TrimSuffix(name, "/"); ok && slices.Contains(graphs, name) {
			return name, nil
		}
	}
	return "", &refusal{400, "invalid_scope", 70011, "The provided value for the input parameter 'scope' isn't valid. The scope " + scope + " isn't valid."}
}

// checkCredential checks the secret or the assertion.
func (s *Server) checkCredential(c *call, app App, secret string) *refusal {
	assertion := c.r.Form.Get("client_assertion")
	switch {
	case secret != "":
		return checkSecret(app, secret)
	case assertion == "":
		return &refusal{401, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}
	case c.r.Form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer": // RFC 7523 section 2.2
		return &refusal{400, "invalid_request", 700025, "The client assertion type is not supported."}
	}
	return s.checkAssertion(c, app, assertion)
}

func checkSecret(app App, secret string) *refusal {
	same := func(other string) bool { return subtle.ConstantTimeCompare([]byte(secret), []byte(other)) == 1 }
	switch {
	case slices.ContainsFunc(app.Secrets, same):
		return nil
	case slices.ContainsFunc(app.ExpiredSecrets, same):
		return &refusal{401, "invalid_client", 7000222, "The provided client secret keys for app '" + app.ClientID + "' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."}
	default:
		return &refusal{401, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '" + app.ClientID + "'."}
	}
}

// checkAssertion checks a JWT that a certificate of the application signed
// (entra/identity-platform/certificate-credentials) or a federated issuer
// (entra/workload-id/workload-identity-federation).
func (s *Server) checkAssertion(c *call, app App, text string) *refusal {
	j, err := readJWT(text)
	if err != nil {
		return &refusal{400, "invalid_request", 50027, "JWT token is invalid or malformed."}
	}
	if at := s.now(); !j.expires().After(at) || j.notBefore().After(at.Add(5*time.Minute)) {
		return &refusal{401, "invalid_client", 700024, "Client assertion is not within its valid time range."}
	}
	if j.claims.Issuer != j.claims.Subject || !strings.EqualFold(j.claims.Issuer, app.ClientID) {
		return checkFederated(app, j)
	}
	here := c.base + "/" + c.r.PathValue("tenant")
	if !slices.ContainsFunc(j.claims.Audience, func(a string) bool { return a == here+"/oauth2/v2.0/token" || a == here+"/v2.0" }) {
		return &refusal{401, "invalid_client", 700023, "Client assertion audience claim does not match Realm issuer."}
	}
	for _, cert := range app.Certificates {
		if j.verify(cert.PublicKey) != nil {
			continue
		}
		if at := s.now(); at.Before(cert.NotBefore) || at.After(cert.NotAfter) {
			return &refusal{401, "invalid_client", 1000502, "The provided certificate is not within its specified validity window."}
		}
		return nil
	}
	return &refusal{401, "invalid_client", 700027, "Client assertion contains an invalid signature. [Reason - The key was not found.]"}
}

func checkFederated(app App, j *jwt) *refusal {
	for _, f := range app.Federated {
		audience := f.Audience
		if audience == "" {
			audience = "api://AzureADTokenExchange"
		}
		if f.Issuer == j.claims.Issuer && f.Subject == j.claims.Subject && slices.Contains(j.claims.Audience, audience) && j.verify(f.Key) == nil {
			return nil
		}
	}
	return &refusal{401, "invalid_client", 70021, "No matching federated identity record found for presented assertion. Assertion Issuer: '" + j.claims.Issuer +
		"'. Assertion Subject: '" + j.claims.Subject + "'. Assertion Audience: '" + strings.Join(j.claims.Audience, "', '") + "'."}
}

// errNoIdentity says that the machine has no such managed identity.
var errNoIdentity = errors.New("identity not found")

// identity finds a managed identity.
func (s *Server) identity(clientID string) (App, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.opt.Apps {
		if a.ManagedIdentity && (clientID == "" || strings.EqualFold(a.ClientID, clientID)) {
			return a, nil
		}
	}
	return App{}, errNoIdentity
}
