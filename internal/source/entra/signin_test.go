package entra_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/usherd/usher/internal/source"
	"github.com/usherd/usher/internal/source/entra"
	"github.com/usherd/usher/internal/testkit/graphfake"
)

// redirect sends what is meant for a fixed address to the simulator.
type redirect struct {
	host string
	to   *url.URL
	base http.RoundTripper
}

func (r redirect) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == r.host {
		req = req.Clone(req.Context())
		req.URL.Scheme, req.URL.Host = r.to.Scheme, r.to.Host
	}
	return r.base.RoundTrip(req)
}

// certificate makes a self-signed certificate with its key in a PEM file. Entra
// ID takes RSA keys only, and so does the library.
func certificate(t *testing.T) (*x509.Certificate, string) {
	t.Helper()
	key, err := rsaKey()
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "usher"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "app.pem")
	text := append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return cert, file
}

// assertion makes a workload's token.
func assertion(t *testing.T, key *ecdsa.PrivateKey, issuer, subject string) string {
	t.Helper()
	doc := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	text := doc(map[string]string{"alg": "ES256", "typ": "JWT"}) + "." + doc(map[string]any{
		"iss": issuer, "sub": subject, "aud": "api://AzureADTokenExchange", "nbf": time.Now().Add(-time.Minute).Unix(), "exp": time.Now().Add(time.Hour).Unix()})
	sum := sha256.Sum256([]byte(text))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	var sig [64]byte
	r.FillBytes(sig[:32])
	s.FillBytes(sig[32:])
	return text + "." + base64.RawURLEncoding.EncodeToString(sig[:])
}

// TestSignIn: each way to sign in reads people.
func TestSignIn(t *testing.T) {
	cert, certFile := certificate(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(assertion(t, key, "https://issuer.example", "system:serviceaccount:usher")), 0o600); err != nil {
		t.Fatal(err)
	}
	app := graphfake.App{ClientID: clientID, Secrets: []string{secret}, Certificates: []*x509.Certificate{cert}, Roles: allRoles, ManagedIdentity: true,
		Federated: []graphfake.Federated{{Issuer: "https://issuer.example", Subject: "system:serviceaccount:usher", Key: &key.PublicKey}}}
	for _, name := range []string{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET", "IDENTITY_SERVER_THUMBPRINT"} {
		t.Setenv(name, "")
		_ = os.Unsetenv(name)
	}
	for name, set := range map[string]func(*entra.Config){
		"secret":      func(c *entra.Config) { c.ClientSecret = entra.Secret(secret) },
		"certificate": func(c *entra.Config) { c.CertificateFile = certFile },
		"workload":    func(c *entra.Config) { c.WorkloadIdentity, c.TokenFile = true, tokenFile },
		"managed":     func(c *entra.Config) { c.ManagedIdentity = true },
		"managed, any": func(c *entra.Config) {
			c.ManagedIdentity, c.ClientID, c.TenantID = true, "", ""
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, graphfake.Population{People: 3}, graphfake.Options{Apps: []graphfake.App{app}})
			w.cfg.ClientSecret = nil
			set(&w.cfg)
			if w.cfg.ManagedIdentity {
				to, err := url.Parse(w.URL)
				if err != nil {
					t.Fatal(err)
				}
				w.cfg.Transport = redirect{"169.254.169.254", to, w.Client().Transport}
			}
			c := newClient()
			c.mustRead(w, w.source())
			same(t, "picture", w.truth(), c.picture())
			info, err := w.source().Probe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if text := facts(info); !strings.Contains(text, "signed in as: "+clientID) || !strings.Contains(text, "users: 3") {
				t.Errorf("facts:\n%s", text)
			}
		})
	}
}

func facts(info source.Info) string {
	var b strings.Builder
	for _, f := range info.Facts {
		b.WriteString(f.Name.String() + ": " + f.Value.String() + "\n")
	}
	return b.String()
}

// TestAppService: a managed identity by the environment of App Service.
func TestAppService(t *testing.T) {
	w := newWorld(t, graphfake.Population{People: 3}, graphfake.Options{Apps: []graphfake.App{{ClientID: clientID, ManagedIdentity: true, Roles: allRoles}}})
	t.Setenv("IDENTITY_ENDPOINT", w.IdentityEndpoint())
	t.Setenv("IDENTITY_HEADER", "identity-header")
	w.cfg.ClientSecret, w.cfg.ManagedIdentity = nil, true
	newClient().mustRead(w, w.source())
}

// TestRefusals: a sign-in that was refused says what to do, and no secret.
func TestRefusals(t *testing.T) {
	_, certFile := certificate(t)
	for name, c := range map[string]struct {
		set  func(*entra.Config)
		want string
	}{
		"wrong secret":   {func(c *entra.Config) { c.ClientSecret = entra.Secret("wrong-secret") }, "AADSTS7000215"},
		"expired secret": {func(c *entra.Config) { c.ClientSecret = entra.Secret("old") }, "has expired: make a new one"},
		"unknown client": {func(c *entra.Config) { c.ClientID = "99999999-2222-3333-4444-555555555555" }, "check client_id"},
		"wrong tenant":   {func(c *entra.Config) { c.TenantID = "99999999-2222-3333-4444-555555555555" }, "check tenant_id"},
		"unknown certificate": {func(c *entra.Config) { c.ClientSecret, c.CertificateFile = nil, certFile },
			"upload it"},
		"no token file": {func(c *entra.Config) { c.ClientSecret, c.WorkloadIdentity, c.TokenFile = nil, true, "/nonexistent" }, "AZURE_FEDERATED_TOKEN_FILE"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, graphfake.Population{People: 3}, graphfake.Options{}, c.set)
			_, err := newClient().read(t.Context(), w.source())
			if !errors.Is(err, source.ErrAuth) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "wrong-secret") {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if len(w.clock.waits) > 0 {
				t.Errorf("tried again after %v", w.clock.waits)
			}
		})
	}
}

// TestSignInRetried: the sign-in is as patient as reading is.
func TestSignInRetried(t *testing.T) {
	w := newWorld(t, graphfake.Population{People: 3}, graphfake.Options{})
	token := graphfake.Match{Path: "/" + w.tenant.ID() + "/oauth2/v2.0/token", Times: 2}
	w.Fault(token, graphfake.Status(503), graphfake.Cut(0.3))
	newClient().mustRead(w, w.source())
	if len(w.clock.waits) == 0 {
		t.Error("no try failed")
	}
}

// TestPermissions: the probe names each permission that is missing.
func TestPermissions(t *testing.T) {
	w := newWorld(t, graphfake.Population{People: 3, Groups: 1, Members: 2}, graphfake.Options{})
	w.Grant(clientID)
	_, err := w.source().Probe(t.Context())
	for _, want := range []string{"User.Read.All", "GroupMember.Read.All", "Grant admin consent"} {
		if !errors.Is(err, source.ErrAuth) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	w.Grant(clientID, "User.Read.All")
	if _, err = w.source().Probe(t.Context()); err == nil || strings.Contains(err.Error(), "User.Read.All") || !strings.Contains(err.Error(), "GroupMember.Read.All") {
		t.Errorf("error %v", err)
	}
	w.Grant(clientID, "User.Read.All", "GroupMember.Read.All")
	info, err := w.source().Probe(t.Context())
	if err != nil || !strings.Contains(facts(info), "Member.Read.Hidden") {
		t.Errorf("%v\n%s", err, facts(info))
	}
}

// TestUntrusted: a certificate nobody vouches for says where to put its
// authority, at once.
func TestUntrusted(t *testing.T) {
	w := newWorld(t, graphfake.Population{People: 3}, graphfake.Options{}, func(c *entra.Config) { c.Cloud.CAFile = "" })
	_, err := newClient().read(t.Context(), w.source())
	if !errors.Is(err, source.ErrUnreachable) || !strings.Contains(err.Error(), "cloud.ca_file") || len(w.clock.waits) > 0 {
		t.Errorf("error %v after %v", err, w.clock.waits)
	}
}

// recorder answers nothing and notes where requests go.
type recorder struct{ hosts map[string]bool }

func (r recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	r.hosts[req.URL.Host] = true
	return nil, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}
}

// TestClouds: each cloud has its own addresses, and asks nobody else.
func TestClouds(t *testing.T) {
	for name, want := range map[string][2]string{
		"":       {"login.microsoftonline.com", "https://graph.microsoft.com/v1.0"},
		"global": {"login.microsoftonline.com", "https://graph.microsoft.com/v1.0"},
		"usgov":  {"login.microsoftonline.us", "https://graph.microsoft.us/v1.0"},
		"dod":    {"login.microsoftonline.us", "https://dod-graph.microsoft.us/v1.0"},
		"china":  {"login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn/v1.0"},
	} {
		rec := recorder{map[string]bool{}}
		s, err := entra.New(entra.Config{Name: "corp", TenantID: "t", ClientID: clientID, ClientSecret: entra.Secret("s"), Cloud: entra.Cloud{Name: name}, Transport: rec})
		if err != nil {
			t.Fatal(err)
		}
		info, err := s.Probe(t.Context())
		if err == nil || !rec.hosts[want[0]] || len(rec.hosts) != 1 || !strings.Contains(facts(info), "address: "+want[1]+"\n") {
			t.Errorf("%s: %v, asked %v\n%s", name, err, rec.hosts, facts(info))
		}
	}
}

// TestConfig: every fault is named with its setting, all at once.
func TestConfig(t *testing.T) {
	_, err := entra.New(entra.Config{Name: "corp", Cloud: entra.Cloud{Authority: "http://x", Graph: "ftp://y"}, Groups: []string{"Staff"},
		ClientSecret: entra.Secret("s"), ManagedIdentity: true, Properties: []string{"sn", "displayName", "objectGUID", "extensionAttribute15", "extensionAttribute16"}})
	for _, want := range []string{"sources.corp.cloud.authority: ", "sources.corp.cloud.graph: ", "sources.corp.groups.ids[0]: ", "sources.corp.tenant_id: ",
		"sources.corp.client_id: ", "; 2 are set"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	_, err = entra.New(entra.Config{Name: "corp", ManagedIdentity: true, Properties: []string{"sn", "displayName", "objectGUID", "extensionAttribute15", "extensionAttribute16"}})
	if err == nil || err.Error() != "sources.corp.users.attributes: users of Entra ID have no property sn, extensionAttribute16" {
		t.Errorf("error %v", err)
	}
	for _, name := range []string{"customSecurityAttributes", "customSecurityAttributes.Engineering"} {
		_, err = entra.New(entra.Config{Name: "corp", ManagedIdentity: true, Properties: []string{name}})
		if err == nil || !strings.Contains(err.Error(), "no property "+name+" that usher reads: custom security attributes are told by no delta query") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
