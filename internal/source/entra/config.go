package entra

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Defaults for fields of Config left zero.
const (
	// DefaultTimeout bounds one answer of Graph, from asking to its last byte.
	DefaultTimeout = 3 * time.Minute
	// DefaultRetryFor is how long one request is repeated, waits included.
	DefaultRetryFor = 10 * time.Minute
	// DefaultRetryAll is how long the requests of one read are repeated, all
	// together.
	DefaultRetryAll = time.Hour
)

// Cloud says where Microsoft is: by a name, or by addresses of one's own.
type Cloud struct {
	// Name is global, usgov, dod or china; "" is global. It counts where
	// Authority and Graph are empty.
	Name string
	// Authority is where to sign in and Graph what to read, both https:// and a
	// host; Graph may have a path, and without one it gets /v1.0.
	Authority, Graph string
	// CAFile holds the PEM certificates to trust instead of the system's.
	CAFile string
}

// clouds are the national clouds
// (microsoft-graph-docs-contrib, concepts/deployments.md). GCC uses global.
var clouds = map[string]Cloud{
	"global": {Authority: "https://login.microsoftonline.com", Graph: "https://graph.microsoft.com"},
	"usgov":  {Authority: "https://login.microsoftonline.us", Graph: "https://graph.microsoft.us"},
	"dod":    {Authority: "https://login.microsoftonline.us", Graph: "https://dod-graph.microsoft.us"},
	"china":  {Authority: "https://login.chinacloudapi.cn", Graph: "https://microsoftgraph.chinacloudapi.cn"},
}

// Config describes one tenant.
type Config struct {
	// Name is the source's name in the configuration, for error texts.
	Name string
	// Cloud is where the tenant lives.
	Cloud Cloud
	// TenantID and ClientID are those of the app registration. A managed identity
	// needs no ClientID, a workload identity takes from the environment what is
	// not said.
	TenantID, ClientID string
	// One of the next four says how to sign in. ClientSecret is asked at each
	// sign-in, so that a changed file counts at once; CertificateFile is PEM with
	// the key, or PKCS #12, read at each sign-in too.
	ClientSecret     func() (string, error)
	CertificateFile  string
	ManagedIdentity  bool
	WorkloadIdentity bool
	// CertificatePassword opens CertificateFile; nil for none.
	CertificatePassword func() (string, error)
	// TokenFile is the workload identity's token; "" takes the environment's.
	TokenFile string

	// Groups limits the source to the members of these groups, by object id;
	// none takes everybody and every group. Nested counts members of groups
	// inside them too.
	Groups []string
	Nested bool
	// UserTypes are the user types to take, in any case; none takes all.
	UserTypes []string
	// Properties and GroupProperties are the properties wanted in Entry.Values, in
	// any case; extension_… as they are spelled. extensionAttribute1 to 15 and
	// objectGUID may be named as they are.
	Properties, GroupProperties []string

	// Timeout, RetryFor and RetryAll are as the defaults of the same name say.
	Timeout, RetryFor, RetryAll time.Duration
	// Transport carries the requests; nil is one of its own, over TLS.
	Transport http.RoundTripper
	// Now, Sleep and Rand are the clock, the waiting between tries and what
	// spreads it (0 to 1); nil are the machine's.
	Now   func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	Rand  func() float64
}

// Secret makes a ClientSecret of a fixed string.
func Secret(s string) func() (string, error) {
	return func() (string, error) { return s, nil }
}

// Source reads one tenant. It holds no connection between calls and may be used
// by several goroutines.
type Source struct {
	cfg       Config
	authority string
	graph     *url.URL
	roots     *x509.CertPool
	users     shape
	groups    shape
}

// New checks the configuration and returns the source. All faults are returned
// together, each naming the setting; Microsoft is not asked yet.
func New(cfg Config) (*Source, error) {
	s := &Source{cfg: cfg}
	var errs []error
	fault := func(setting, format string, args ...any) {
		errs = append(errs, fmt.Errorf("sources.%s.%s: %w", cfg.Name, setting, fmt.Errorf(format, args...)))
	}
	s.place(fault)
	if cfg.Cloud.CAFile != "" {
		pool, err := loadCAs(cfg.Cloud.CAFile)
		if err != nil {
			fault("cloud.ca_file", "%w", err)
		}
		s.roots = pool
	}
	s.checkSignIn(fault)
	for i, id := range cfg.Groups {
		if _, err := uuid.Parse(id); err != nil {
			fault(fmt.Sprintf("groups.ids[%d]", i), "%q is no object id, which is a UUID: copy it from the group's overview", id)
		}
	}
	s.setDefaults()
	var unknown []string
	if s.users, unknown = userShape(cfg.Properties); len(unknown) > 0 {
		fault("users.attributes", "users of Entra ID have no property %s", strings.Join(unknown, ", "))
	}
	if s.groups, unknown = groupShape(cfg.GroupProperties); len(unknown) > 0 {
		fault("groups.attributes", "groups of Entra ID have no property %s", strings.Join(unknown, ", "))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

// place finds the addresses.
func (s *Source) place(fault func(setting, format string, args ...any)) {
	c := s.cfg.Cloud
	if c.Authority == "" && c.Graph == "" {
		name := c.Name
		if name == "" {
			name = "global"
		}
		known, ok := clouds[name]
		if !ok {
			fault("cloud", "%q is none of global, usgov, dod, china", name)
			return
		}
		c = known
	}
	s.authority = strings.TrimSuffix(c.Authority, "/")
	if u, err := url.Parse(s.authority); err != nil || u.Scheme != "https" || u.Host == "" {
		fault("cloud.authority", "write it as https://host")
	}
	u, err := url.Parse(strings.TrimSuffix(c.Graph, "/"))
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		fault("cloud.graph", "write it as https://host")
		return
	}
	if u.Path == "" {
		u.Path = "/v1.0"
	}
	s.graph = u
}

// scope is what a token is asked for.
func (s *Source) tokenScope() string { return s.graph.Scheme + "://" + s.graph.Host + "/.default" }

func (s *Source) checkSignIn(fault func(setting, format string, args ...any)) {
	c := s.cfg
	ways := []bool{c.ClientSecret != nil, c.CertificateFile != "", c.ManagedIdentity, c.WorkloadIdentity}
	if n := len(slices.DeleteFunc(ways, func(used bool) bool { return !used })); n != 1 {
		fault("client_secret", "set one of client_secret, certificate_file, managed_identity, workload_identity; %d are set", n)
	}
	if c.ClientSecret != nil || c.CertificateFile != "" {
		if c.TenantID == "" {
			fault("tenant_id", "missing")
		}
		if c.ClientID == "" {
			fault("client_id", "missing")
		}
	}
	if c.CertificateFile != "" {
		if _, _, err := s.certificate(); err != nil {
			fault("certificate_file", "%w", err)
		}
	}
}

func (s *Source) setDefaults() {
	c := &s.cfg
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if c.RetryFor <= 0 {
		c.RetryFor = DefaultRetryFor
	}
	if c.RetryAll <= 0 {
		c.RetryAll = DefaultRetryAll
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the default of an injected clock
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	if c.Rand == nil {
		c.Rand = rand.Float64
	}
	c.Groups = slices.Clone(c.Groups)
	for i, id := range c.Groups {
		c.Groups[i] = lower(id)
	}
}

// sleep waits in real time.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// loadCAs reads the certificates to trust.
func loadCAs(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the administrator names the file
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no PEM certificate that can be read", file)
	}
	return pool, nil
}
