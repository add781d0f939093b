package scimserver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/scimserver"
	"github.com/usherd/usher/internal/testkit/issuer"
)

// TestEntraFederation plays what Entra sends when it is set up with workload
// identity federation (github.com/AzureAD/SCIMReferenceCode, the document of
// that name, June 2026): an assertion in the form, without a jti, until it
// expires; then SCIM with the token.
func TestEntraFederation(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		entra := issuer.New(t)
		const tenant = "https://login.microsoftonline.com/ce5f061f-abe6-4e40-9615-301f87bcb7f0/v2.0"
		c := w.connect("acme", "entra", registry.ConnectionSettings{Visible: registry.VisibleOwn, Profile: "entra"}).oauth(func(k *registry.OAuthClient) {
			k.SecretHash, k.JWKSURI, k.Issuer, k.Subject, k.Audience = nil, entra.JWKSURI(), tenant, "sync-fabric", "api://b5ba7a93"
		})
		now := w.config.Now()
		assertion := entra.Sign("RS256", map[string]any{
			"aud": "api://b5ba7a93", "iss": tenant, "sub": "sync-fabric", "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(65 * time.Minute).Unix(),
			"appid": "b5ba7a93", "appidacr": "2", "idp": tenant, "oid": "d2f8ee76", "tid": "ce5f061f", "ver": "2.0",
		})
		ask := func() tokenAnswer {
			return c.request("grant_type=client_credentials&client_id="+c.name+"&client_assertion_type="+url.QueryEscape(assertionType)+
				"&client_assertion="+assertion+"&scope=scim", nil)
		}
		token := ask()
		if token.status != 200 || token.Life != 3600 || token.Scope != "scim" {
			t.Fatalf("%+v", token)
		}
		sync := &client{w: w, secret: token.Token}
		if got := sync.want(200, "GET", "/Users?filter="+url.QueryEscape(`userName eq "john.doe@contoso.com"`), ""); got["totalResults"] != 0.0 {
			t.Errorf("%v", got)
		}
		if id := sync.user("john.doe", "1"); id == "" {
			t.Error("no user")
		}
		if again := ask(); again.status != 200 || again.Token == token.Token {
			t.Errorf("the same assertion, which Entra sends until it expires: %+v", again)
		}
		w.later(70 * time.Minute)
		if a := ask(); a.status != 401 || a.Error != "invalid_client" {
			t.Errorf("an expired assertion: %+v", a)
		}
	})
}

// TestAssertions: a client that signs as OpenID Connect words private_key_jwt.
func TestAssertions(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		idp := issuer.New(t)
		const endpoint = "https://people.example.com/oauth/token"
		signing := func(company string) *oauthClient {
			return w.connect(company, "ping", registry.ConnectionSettings{Visible: registry.VisibleOwn}).oauth(func(k *registry.OAuthClient) {
				k.SecretHash, k.JWKSURI, k.Issuer, k.Subject, k.Audience = nil, idp.JWKSURI(), k.Name, k.Name, endpoint
			})
		}
		c, rival := signing("acme"), signing("rival")
		sign := func(algorithm, jti string, changes map[string]any) string {
			now := w.config.Now()
			claims := map[string]any{"iss": c.name, "sub": c.name, "aud": endpoint, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(), "jti": jti}
			maps.Copy(claims, changes)
			return idp.Sign(algorithm, claims)
		}
		ask := func(o *oauthClient, name, assertion string) tokenAnswer {
			form := url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertionType}, "client_assertion": {assertion}}
			if name != "" {
				form.Set("client_id", name)
			}
			return o.request(form.Encode(), nil)
		}
		for _, algorithm := range []string{"RS256", "PS256", "ES256"} {
			if a := ask(c, c.name, sign(algorithm, "by "+algorithm, nil)); a.status != 200 || c.opens(a.Token) != 200 {
				t.Errorf("%s: %+v", algorithm, a)
			}
		}
		if a := ask(c, "", sign("RS256", "unnamed", nil)); a.status != 200 {
			t.Errorf("a client named by its assertion alone: %+v", a)
		}
		once := sign("RS256", "once", nil)
		if a := ask(c, c.name, once); a.status != 200 {
			t.Errorf("%+v", a)
		}
		if a := ask(c, c.name, once); a.status != 401 || a.Error != "invalid_client" {
			t.Errorf("replayed: %+v", a)
		}
		for what, a := range map[string]tokenAnswer{
			"another audience":     ask(c, c.name, sign("RS256", "a", map[string]any{"aud": "https://elsewhere.example"})),
			"another subject":      ask(c, c.name, sign("RS256", "b", map[string]any{"sub": rival.name})),
			"expired":              ask(c, c.name, sign("RS256", "c", map[string]any{"exp": w.config.Now().Add(-time.Hour).Unix()})),
			"another company's":    ask(c, rival.name, sign("RS256", "d", nil)),
			"nobody's":             ask(c, "ushc_nobody", sign("RS256", "e", nil)),
			"not signed":           ask(c, c.name, "x.y.z"),
			"a secret, guessed":    c.post(url.Values{"client_secret": {"x"}}),
			"a secret of no bytes": c.post(url.Values{"client_secret": {strings.Repeat("\x00", 32)}}),
		} {
			if a.status != 401 || a.Error != "invalid_client" {
				t.Errorf("%s: %+v", what, a)
			}
		}
		w.server.Run(done(t))
		rows, err := c.tenant.ScimRequests(t.Context(), c.origin.ID, true, 100)
		if err != nil {
			t.Fatal(err)
		}
		var log []string
		for _, r := range rows {
			if r.Method != "POST" || r.Path != "/oauth/token" || r.Status != 401 || r.ScimType != "invalid_client" || r.Body != "" || r.Micros == 0 {
				t.Errorf("log row: %+v", r)
			}
			log = append(log, r.Detail)
		}
		for _, want := range []string{"used before", "elsewhere.example", rival.name, "expired", "signature"} {
			if !slices.ContainsFunc(log, func(s string) bool { return strings.Contains(s, want) }) {
				t.Errorf("the log does not say %q: %q", want, log)
			}
		}
	})
}

// done is a context that has ended.
func done(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

func TestMetadata(t *testing.T) {
	onBoth(t, func(t *testing.T, w *world) {
		c := w.connect("acme", "okta", registry.ConnectionSettings{Visible: registry.VisibleOwn})
		for issuer, path := range map[string]string{
			"https://people.example.com":        "/.well-known/oauth-authorization-server",
			"https://example.com/people":        "/.well-known/oauth-authorization-server/people",
			"https://example.com/people/deeper": "/.well-known/oauth-authorization-server",
		} {
			config := w.config
			var err error
			if config.Issuer, err = url.Parse(issuer); err != nil {
				t.Fatal(err)
			}
			server, err := scimserver.New(config)
			if err != nil {
				t.Fatal(err)
			}
			mux := http.NewServeMux()
			server.MountOAuth(mux)
			rec := httptest.NewRecorder()
			mux.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
			var got map[string]any
			if err := json.Unmarshal(rec.Body.Bytes(), &got); err != nil || rec.Code != 200 {
				t.Fatalf("%s: %d %v", path, rec.Code, err)
			}
			want := map[string]string{
				"issuer": issuer, "token_endpoint": issuer + "/oauth/token", "grant_types_supported": "[client_credentials]", "response_types_supported": "[]",
				"scopes_supported": "[scim]", "token_endpoint_auth_methods_supported": "[client_secret_basic client_secret_post private_key_jwt]",
				"token_endpoint_auth_signing_alg_values_supported": "[RS256 PS256 ES256]",
			}
			for name, v := range got {
				if fmt.Sprint(v) != want[name] {
					t.Errorf("%s: %s is %v", issuer, name, v)
				}
			}
			if len(got) != len(want) {
				t.Errorf("%s: %v", issuer, got)
			}
			rec = httptest.NewRecorder()
			mux.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, nil))
			if rec.Code != 405 || rec.Header().Get("Allow") == "" {
				t.Errorf("POST: %d", rec.Code)
			}
		}
		var schemes []string
		for _, s := range c.want(200, "GET", "/ServiceProviderConfig", "")["authenticationSchemes"].([]any) {
			schemes = append(schemes, s.(map[string]any)["type"].(string))
		}
		if !slices.Equal(schemes, []string{"oauthbearertoken", "oauth2"}) {
			t.Errorf("schemes: %v", schemes)
		}
	})
}
