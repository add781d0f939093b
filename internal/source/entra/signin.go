package entra

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// credential makes the credential that the settings name. Retrying is left to
// the carrier, so that there is one mechanism with one deadline. Instances are
// not asked for: the settings say which cloud it is, and a cloud of one's own is
// not among Microsoft's.
func (s *Source) credential(rt http.RoundTripper) (azcore.TokenCredential, error) {
	options := policy.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: s.authority},
		Transport: &http.Client{Transport: rt, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		Retry:     policy.RetryOptions{MaxRetries: -1},
		Telemetry: policy.TelemetryOptions{Disabled: true},
	}
	c := s.cfg
	switch {
	case c.ManagedIdentity:
		o := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
		if c.ClientID != "" {
			o.ID = azidentity.ClientID(c.ClientID)
		}
		return azidentity.NewManagedIdentityCredential(o)
	case c.WorkloadIdentity:
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, ClientID: c.ClientID, TenantID: c.TenantID, TokenFilePath: c.TokenFile, DisableInstanceDiscovery: true,
		})
	case c.CertificateFile != "":
		certs, key, err := s.certificate()
		if err != nil {
			return nil, err
		}
		return azidentity.NewClientCertificateCredential(c.TenantID, c.ClientID, certs, key,
			&azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	default:
		secret, err := c.ClientSecret()
		if err != nil {
			return nil, fmt.Errorf("read client secret: %w", err)
		}
		return azidentity.NewClientSecretCredential(c.TenantID, c.ClientID, secret,
			&azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
	}
}

// certificate reads the certificate and its key.
func (s *Source) certificate() ([]*x509.Certificate, crypto.PrivateKey, error) {
	data, err := os.ReadFile(s.cfg.CertificateFile)
	if err != nil {
		return nil, nil, fmt.Errorf("read certificate: %w", err)
	}
	var password []byte
	if s.cfg.CertificatePassword != nil {
		p, err := s.cfg.CertificatePassword()
		if err != nil {
			return nil, nil, fmt.Errorf("read certificate password: %w", err)
		}
		password = []byte(p)
	}
	certs, key, err := azidentity.ParseCertificates(data, password)
	if err != nil {
		return nil, nil, fmt.Errorf("read certificate %s: %w: it must hold the certificate and its private key, as PEM or PKCS #12", s.cfg.CertificateFile, err)
	}
	return certs, key, nil
}

// tokens keeps the access token of one session.
type tokens struct {
	make    func() (azcore.TokenCredential, error)
	witness *witness
	scope   string
	now     func() time.Time

	mu   sync.Mutex
	cred azcore.TokenCredential // nil before the first token
	held azcore.AccessToken
}

// tokenMargin is how long before its end a token is no longer used.
const tokenMargin = time.Minute

// get gives a token that is good for a while.
func (t *tokens) get(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cred != nil && t.now().Add(tokenMargin).Before(t.held.ExpiresOn) {
		return t.held.Token, nil
	}
	if t.cred == nil {
		cred, err := t.make()
		if err != nil {
			return "", explainSignIn(ctx, err, nil)
		}
		t.cred = cred
	}
	t.witness.seen = nil
	token, err := t.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{t.scope}, EnableCAE: false})
	if err != nil {
		return "", explainSignIn(ctx, err, t.witness.seen)
	}
	t.held = token
	return token.Token, nil
}

// drop forgets the token, and with it the library's memory of it.
func (t *tokens) drop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cred = nil
}

// witness remembers what ended the last request of a sign-in: the library keeps
// of it no more than words.
type witness struct {
	base http.RoundTripper
	now  func() time.Time
	seen *fault
}

// RoundTrip implements http.RoundTripper.
func (w *witness) RoundTrip(r *http.Request) (*http.Response, error) {
	w.seen = nil
	res, err := w.base.RoundTrip(r)
	if err != nil {
		w.seen = broken(r, err)
		return nil, err
	}
	defer res.Body.Close() // it was read to its end, or is of no use
	body, err := whole(res)
	if err != nil {
		w.seen = broken(r, err)
		return nil, err
	}
	if f := refused(res, body, w.now()); f.again {
		w.seen = f
	}
	res.Body = io.NopCloser(bytes.NewReader(body))
	return res, nil
}

// claims is what an access token says of the application. Microsoft calls the
// token opaque, so nothing is decided by it but what to tell people.
type claims struct {
	App   string   `json:"appid"`
	Roles []string `json:"roles"`
	read  bool
}

// may reports whether any of the permissions was granted; known is false when
// the token does not tell.
func (c *claims) may(roles ...string) (granted, known bool) {
	for _, r := range c.Roles {
		for _, want := range roles {
			if strings.EqualFold(r, want) {
				return true, true
			}
		}
	}
	return false, c.read
}

// claimsOf reads the claims of a token.
func claimsOf(token string) claims {
	var c claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c
	}
	if doc, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil && json.Unmarshal(doc, &c) == nil {
		c.read = true
	}
	return c
}

// refusals say what an error code of the sign-in means and what to do about it
// (learn.microsoft.com/entra/identity-platform/reference-error-codes).
var refusals = map[string]registry.Format{
	"7000215": "the client secret is wrong: use the secret's value, not its id",
	"7000222": "the client secret has expired: make a new one under App registrations, Certificates & secrets",
	"7000218": "the app is not set up for this kind of sign-in: give it a client secret or a certificate",
	"700016":  "the tenant does not know the application: check client_id and tenant_id, and that an administrator of the tenant consented to it",
	"90002":   "there is no such tenant in this cloud: check tenant_id and cloud",
	"900023":  "tenant_id is neither an id nor a domain",
	"900021":  "tenant_id is not the tenant's",
	"500011":  "the tenant knows no Microsoft Graph at this address: check cloud",
	"65001":   "an administrator of the tenant has not consented: API permissions, Grant admin consent",
	"7000112": "the application is disabled in the tenant",
	"53003":   "a Conditional Access policy forbids the sign-in of this workload identity",
	"50194":   "the application is not for several tenants: use the tenant that it is registered in",
	"700027":  "the certificate is not known to the app registration: upload it under Certificates & secrets",
	"1000502": "the certificate has expired or is not valid yet: make a new one and upload it",
	"700023":  "the sign-in was made for another place: check cloud",
	"700024":  "the token of the workload identity has expired, or this machine's clock is wrong",
	"70021":   "no federated credential of the app fits: its issuer, subject and audience must be those of the token",
	"700211":  "no federated credential of the app has this issuer",
	"700212":  "no federated credential of the app has this audience: it is api://AzureADTokenExchange",
	"700213":  "no federated credential of the app has this subject",
}

var (
	aadsts      = regexp.MustCompile(`AADSTS(\d+)`)
	description = regexp.MustCompile(`AADSTS\d+: ([^"\\\r\n]*)`)
)

// explainSignIn turns an error of signing in into a fault; seen is what the
// witness saw.
func explainSignIn(ctx context.Context, err error, seen *fault) error {
	doing := registry.Say("sign in")
	if ctx.Err() != nil {
		return registry.Errorf("%s: %s", doing, context.Cause(ctx))
	}
	if seen != nil {
		f := *seen
		f.doing = doing
		return &f
	}
	f := &fault{doing: doing, class: source.ErrAuth}
	var failed *azidentity.AuthenticationFailedError
	if errors.As(err, &failed) && failed.RawResponse != nil {
		f.status = failed.RawResponse.StatusCode
	}
	text := err.Error()
	if m := aadsts.FindStringSubmatch(text); m != nil {
		f.code = "AADSTS" + m[1]
		if advice, ok := refusals[m[1]]; ok {
			f.advice = registry.Say(advice)
		}
		if d := description.FindStringSubmatch(text); d != nil {
			f.text = registry.Verbatim(d[1])
		}
		return f
	}
	f.text = registry.Verbatim(firstLine(text))
	switch {
	case strings.HasPrefix(text, "ManagedIdentityCredential"):
		f.advice = registry.Say("this machine has no such managed identity: assign one, or name the user-assigned one by client_id")
	case strings.HasPrefix(text, "WorkloadIdentityCredential"), strings.Contains(text, "no token file"):
		f.advice = registry.Say("AZURE_FEDERATED_TOKEN_FILE must name the workload's token")
	}
	return f
}

// firstLine keeps the first line of a library's words.
func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return strings.TrimRight(s, "\r -")
}
