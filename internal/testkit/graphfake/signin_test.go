package graphfake_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/testkit/graphfake"
)

const graphScope = host + "/.default"

// post sends a form to the token endpoint.
func (w *world) post(form url.Values, headers ...string) *http.Response {
	return w.do(http.MethodPost, "/"+w.tenant.ID()+"/oauth2/v2.0/token", strings.NewReader(form.Encode()),
		append(headers, "Content-Type", "application/x-www-form-urlencoded")...)
}

// signIn gets a token by a secret, as the Authorization header has it.
func (w *world) signIn(client, secret string) string {
	w.t.Helper()
	v := w.decode(w.post(url.Values{"grant_type": {"client_credentials"}, "client_id": {client}, "client_secret": {secret}, "scope": {graphScope}}), http.StatusOK)
	return "Bearer " + v["access_token"].(string)
}

// TestTokenErrors pins the form of entra/identity-platform/reference-error-codes
// and the codes.
func TestTokenErrors(t *testing.T) {
	w := newWorld(t, graphfake.Population{Domain: "contoso.example"}, graphfake.Options{
		Apps: []graphfake.App{{ClientID: "app", Secrets: []string{"right"}, ExpiredSecrets: []string{"old"}}},
	})
	form := func(change ...string) url.Values {
		f := url.Values{"grant_type": {"client_credentials"}, "client_id": {"app"}, "client_secret": {"right"}, "scope": {graphScope}}
		for i := 0; i+1 < len(change); i += 2 {
			f.Set(change[i], change[i+1])
		}
		return f
	}
	v := w.decode(w.post(form("scope", "https://example.contoso.com/activity.read"), "client-request-id", "fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7"), http.StatusBadRequest)
	trace, _ := v["trace_id"].(string)
	same(t, v, `{
  "error": "invalid_scope",
  "error_description": "AADSTS70011: The provided value for the input parameter 'scope' isn't valid. The scope https://example.contoso.com/activity.read isn't valid.\r\nTrace ID: `+trace+`\r\nCorrelation ID: fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7\r\nTimestamp: 2026-03-02 09:00:00Z",
  "error_codes": [70011], "timestamp": "2026-03-02 09:00:00Z", "trace_id": "`+trace+`",
  "correlation_id": "fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7", "error_uri":"https://login.microsoftonline.com/error?code=70011"}`)

	for _, tt := range []struct {
		name   string
		form   url.Values
		status int
		err    string
		code   float64
	}{
		{"bad secret", form("client_secret", "wrong"), 401, "invalid_client", 7000215},
		{"expired secret", form("client_secret", "old"), 401, "invalid_client", 7000222},
		{"no secret", form("client_secret", ""), 401, "invalid_client", 7000218},
		{"unknown client", form("client_id", "nobody"), 400, "unauthorized_client", 700016},
		{"not a default scope", form("scope", host+"/User.Read.All"), 400, "invalid_scope", 70011},
		{"another grant", form("grant_type", "password"), 400, "unsupported_grant_type", 70003},
	} {
		v := w.decode(w.post(tt.form), tt.status)
		if v["error"] != tt.err || v["error_codes"].([]any)[0] != tt.code {
			t.Errorf("%s: %v", tt.name, v)
		}
	}
	v = w.decode(w.do(http.MethodPost, "/00000000-0000-0000-0000-000000000000/oauth2/v2.0/token", nil), http.StatusBadRequest)
	if v["error_codes"].([]any)[0] != 90002.0 {
		t.Errorf("unknown tenant: %v", v)
	}
	v = w.get(http.StatusBadRequest, "/elsewhere.example/v2.0/.well-known/openid-configuration")
	if v["error"] != "invalid_tenant" {
		t.Errorf("unknown tenant: %v", v)
	}
}

// TestSignIn: by each credential there is, to a token that Graph takes until it
// ends.
func TestSignIn(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ecKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, graphfake.Population{People: 1}, graphfake.Options{})
	w.Server, err = graphfake.New(w.tenant, graphfake.Options{Now: w.clock.now, Apps: []graphfake.App{{
		ClientID: "app", Secrets: []string{"s3cret"}, Roles: []string{"User.Read.All"},
		Certificates: []*x509.Certificate{w.certificate(rsaKey)},
		Federated:    []graphfake.Federated{{Issuer: "https://issuer.example", Subject: "pod", Key: &ecKey.PublicKey}},
	}}})
	w.must(err)
	aud := host + "/" + w.tenant.ID() + "/oauth2/v2.0/token"
	good := object{"iss": "app", "sub": "app", "aud": aud, "exp": w.clock.at.Add(time.Minute).Unix(), "nbf": w.clock.at.Unix()}
	pod := object{"iss": "https://issuer.example", "sub": "pod", "aud": []string{"api://AzureADTokenExchange"}, "exp": good["exp"]}
	with := func(of object, name string, value any) object {
		changed := object{name: value}
		for k, v := range of {
			if k != name {
				changed[k] = v
			}
		}
		return changed
	}
	assert := func(word string) url.Values {
		return url.Values{"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "client_assertion": {word}}
	}
	for _, tt := range []struct {
		name   string
		form   url.Values
		header []string
		code   float64 // 0 for success
	}{
		{"secret in the body", url.Values{"client_secret": {"s3cret"}}, nil, 0},
		{"secret by basic", url.Values{}, []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("app:s3cret"))}, 0},
		{"the scopes that libraries add", url.Values{"client_secret": {"s3cret"}, "scope": {graphScope + " openid offline_access profile"}}, nil, 0},
		{"two resources", url.Values{"client_secret": {"s3cret"}, "scope": {graphScope + " https://other.example/.default"}}, nil, 70011},
		{"certificate, RS256", assert(w.jwt("RS256", rsaKey, good)), nil, 0},
		{"certificate, PS256", assert(w.jwt("PS256", rsaKey, good)), nil, 0},
		{"federated, ES256", assert(w.jwt("ES256", ecKey, pod)), nil, 0},
		{"signed by another", assert(w.jwt("ES256", ecKey, good)), nil, 700027},
		{"for another", assert(w.jwt("RS256", rsaKey, with(good, "aud", "https://elsewhere.example"))), nil, 700023},
		{"too late", assert(w.jwt("RS256", rsaKey, with(good, "exp", w.clock.at.Unix()))), nil, 700024},
		{"another subject", assert(w.jwt("ES256", ecKey, with(pod, "sub", "other"))), nil, 70021},
		{"another audience", assert(w.jwt("ES256", ecKey, with(pod, "aud", aud))), nil, 70021},
		{"no token at all", assert("a.b.c"), nil, 50027},
	} {
		tt.form.Set("grant_type", "client_credentials")
		tt.form.Set("client_id", "app")
		if !tt.form.Has("scope") {
			tt.form.Set("scope", graphScope)
		}
		resp := w.post(tt.form, tt.header...)
		if tt.code != 0 {
			if v := w.decode(resp, resp.StatusCode); resp.StatusCode < 400 || v["error_codes"].([]any)[0] != tt.code {
				t.Errorf("%s: %d %v", tt.name, resp.StatusCode, v)
			}
			continue
		}
		v := w.decode(resp, http.StatusOK)
		if v["token_type"] != "Bearer" || v["expires_in"] != 3600.0 {
			t.Errorf("%s: %v", tt.name, v)
		}
		w.get(http.StatusOK, "/v1.0/users", "Authorization", "Bearer "+v["access_token"].(string))
	}
	token := w.signIn("app", "s3cret")
	w.clock.at = w.clock.at.Add(time.Hour)
	for _, header := range []string{token, "Bearer nonsense", ""} {
		resp := w.do(http.MethodGet, "/v1.0/users", nil, "Authorization", header)
		if resp.Header.Get("WWW-Authenticate") == "" || errorCode(w.decode(resp, http.StatusUnauthorized)) != "InvalidAuthenticationToken" {
			t.Errorf("%.20q is not refused as Graph does", header)
		}
	}
}

// certificate makes one for the key.
func (w *world) certificate(key *rsa.PrivateKey) *x509.Certificate {
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "app"}, NotBefore: w.clock.at.Add(-time.Hour), NotAfter: w.clock.at.Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	w.must(err)
	cert, err := x509.ParseCertificate(der)
	w.must(err)
	return cert
}

// jwt signs claims.
func (w *world) jwt(algorithm string, key crypto.Signer, claims object) string {
	w.t.Helper()
	encode := func(v any) string {
		data, err := json.Marshal(v)
		w.must(err)
		return base64.RawURLEncoding.EncodeToString(data)
	}
	text := encode(object{"alg": algorithm, "typ": "JWT"}) + "." + encode(claims)
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	var err error
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		r, s, signErr := ecdsa.Sign(rand.Reader, k, sum[:])
		signature, err = make([]byte, 64), signErr
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
	default:
		opts := crypto.SignerOpts(crypto.SHA256)
		if algorithm == "PS256" {
			opts = &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		}
		signature, err = key.Sign(rand.Reader, sum[:], opts)
	}
	w.must(err)
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// TestDiscovery: what leads to the token endpoint.
func TestDiscovery(t *testing.T) {
	w := newWorld(t, graphfake.Population{}, graphfake.Options{})
	at := host + "/" + w.tenant.ID()
	v := w.get(http.StatusOK, "/common/discovery/instance?api-version=1.1&authorization_endpoint="+url.QueryEscape(at+"/oauth2/v2.0/authorize"))
	v = w.get(http.StatusOK, v["tenant_discovery_endpoint"].(string))
	if v["token_endpoint"] != at+"/oauth2/v2.0/token" || v["issuer"] != at+"/v2.0" || v["authorization_endpoint"] == nil {
		t.Errorf("%v", v)
	}
	keys := w.get(http.StatusOK, v["jwks_uri"].(string))["keys"].([]any)
	if key := keys[0].(object); key["kty"] != "EC" || len(key["x"].(string)) != 43 {
		t.Errorf("%v", key)
	}
}

// TestManagedIdentity: the metadata service of a virtual machine and the
// endpoint of App Service.
func TestManagedIdentity(t *testing.T) {
	w := newWorld(t, graphfake.Population{People: 1}, graphfake.Options{
		Apps: []graphfake.App{{ClientID: "app"}, {ClientID: "vm", ManagedIdentity: true, Roles: []string{"User.Read.All"}}, {ClientID: "other", ManagedIdentity: true}},
	})
	const imds, appService = "/metadata/identity/oauth2/token?api-version=2018-02-01", "/msi/token?api-version=2019-08-01"
	resource := "&resource=" + url.QueryEscape(host)
	for _, tt := range []struct {
		path   string
		header [2]string
		client any // nil for a refusal
	}{
		{imds + resource, [2]string{"Metadata", "true"}, "vm"},
		{imds + resource + "&client_id=other", [2]string{"Metadata", "true"}, "other"},
		{imds + resource + "&client_id=app", [2]string{"Metadata", "true"}, nil},
		{imds + resource, [2]string{"Metadata", ""}, nil}, // how a client finds out that the service is there
		{imds, [2]string{"Metadata", "true"}, nil},
		{appService + resource, [2]string{"X-IDENTITY-HEADER", "identity-header"}, "vm"},
		{appService + resource, [2]string{"X-IDENTITY-HEADER", "guessed"}, nil},
	} {
		resp := w.do(http.MethodGet, tt.path, nil, tt.header[:]...)
		v := w.decode(resp, resp.StatusCode)
		if v["client_id"] != tt.client || (resp.StatusCode == http.StatusOK) != (tt.client != nil) {
			t.Errorf("%s: %d %v", tt.path, resp.StatusCode, v)
		}
		if tt.client == "vm" {
			w.get(http.StatusOK, "/v1.0/users", "Authorization", "Bearer "+v["access_token"].(string))
			if _, text := v["expires_on"].(string); !text {
				t.Errorf("expires_on is %T", v["expires_on"])
			}
		}
	}
}

// TestPermissions: which permission opens what, and how the rest is refused.
func TestPermissions(t *testing.T) {
	w := newWorld(t, graphfake.Population{People: 12, Groups: 2, Members: 3, Nested: 1}, graphfake.Options{Apps: []graphfake.App{{ClientID: "app", Secrets: []string{"s"}}}})
	paths := []string{"/v1.0/users", "/v1.0/users/delta", "/v1.0/users/" + w.tenant.UserID(3) + "/manager", "/v1.0/groups/delta",
		"/v1.0/groups/" + w.tenant.GroupID(0) + "/members", "/v1.0/organization", "/v1.0/directory/deletedItems/microsoft.graph.user"}
	for role, open := range map[string]string{
		"User.Read.All": "1110001", "GroupMember.Read.All": "0001100", "Organization.Read.All": "0000010", "Directory.Read.All": "1111111", "Mail.Read": "0000000",
	} {
		w.Grant("app", role)
		token := w.signIn("app", "s")
		for i, path := range paths {
			want := http.StatusForbidden
			if open[i] == '1' {
				want = http.StatusOK
			}
			if v := w.get(want, path, "Authorization", token); want != http.StatusOK && errorCode(v) != "Authorization_RequestDenied" {
				t.Errorf("%s %s: %v", role, path, v)
			}
		}
	}
	// Members of a kind that may not be read come with type and id only
	// (includes/limited-info.md).
	w.Grant("app", "GroupMember.Read.All")
	page := w.get(http.StatusOK, "/v1.0/groups/"+w.tenant.GroupID(0)+"/members?$select=id,displayName", "Authorization", w.signIn("app", "s"))
	for _, m := range page["value"].([]any) {
		m := m.(object)
		if user := m["@odata.type"] == "#microsoft.graph.user"; user != (m["displayName"] == nil) || m["id"] == nil {
			t.Errorf("%v", m)
		}
	}
}
