package ldap

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Defaults for fields of Config left zero.
const (
	// DefaultPageSize stays below the 1000 entries Active Directory allows.
	DefaultPageSize = 500
	// DefaultConnectTimeout bounds connecting and the TLS handshake, per URL.
	DefaultConnectTimeout = 10 * time.Second
	// DefaultTimeout is the longest silence of the server while it owes an answer.
	DefaultTimeout = time.Minute
)

// Search says where a kind of entry is found.
type Search struct {
	// Base is the DN below which to look, subtree included.
	Base string
	// Filter is an RFC 4515 filter; "" means the usual one for the recognised
	// server.
	Filter string
	// Attributes are the directory attributes wanted in Entry.Values, in any
	// case.
	Attributes []string
	// Anchor overrides the attribute taken as the immutable id, e.g.
	// ms-DS-ConsistencyGuid, which stays the same when a person moves to another
	// forest.
	Anchor string
	// Manager is the attribute that names a person's manager by DN, "" for not
	// reading it.
	Manager string
}

// Config describes one directory.
type Config struct {
	// Name is the source's name in the configuration, for error texts.
	Name string
	// URLs are ldap://, ldaps:// or ldapi:// addresses, tried in order; one
	// read stays with the first that answers.
	URLs []string
	// StartTLS encrypts ldap:// connections before anything is said.
	StartTLS bool
	// CAFile holds the PEM certificates to trust instead of the system's.
	CAFile string
	// ServerName is the name to expect in the certificate instead of the URL's.
	ServerName string
	// BindDN is who to sign in as: a DN, or for Active Directory a
	// user@domain; "" is anonymous, or EXTERNAL on ldapi://.
	BindDN string
	// BindPassword gives the password; it is asked at each connection, so that
	// a changed file counts at once.
	BindPassword func() (string, error)
	// Users and Groups say where to look; Groups.Base "" means no groups.
	Users, Groups Search
	// PageSize is the number of entries asked for at a time.
	PageSize uint32
	// ConnectTimeout and Timeout are as the defaults of the same name say.
	ConnectTimeout, Timeout time.Duration
	// Now is the clock that tells whether an account has expired and whether a
	// time stamp is old enough to be trusted; nil is the machine's.
	Now func() time.Time
}

// Password makes a BindPassword of a fixed string.
func Password(p string) func() (string, error) {
	return func() (string, error) { return p, nil }
}

// endpoint is one address to try.
type endpoint struct {
	shown   string // for people
	network string // tcp or unix
	address string
	host    string // for the certificate
	tls     bool   // from the first byte
	start   bool   // by StartTLS
}

// Source reads one directory. It holds no connection between calls and may be
// used by several goroutines.
type Source struct {
	cfg       Config
	endpoints []endpoint
	roots     *x509.CertPool
}

// New checks the configuration and returns the source. All faults are returned
// together, each naming the setting; the server is not asked yet.
func New(cfg Config) (*Source, error) {
	s := &Source{cfg: cfg}
	var errs []error
	fault := func(setting, format string, args ...any) {
		errs = append(errs, fmt.Errorf("sources.%s.%s: %w", cfg.Name, setting, fmt.Errorf(format, args...)))
	}
	if len(cfg.URLs) == 0 {
		fault("url", "missing")
	}
	for _, raw := range cfg.URLs {
		e, err := parseURL(raw, cfg.StartTLS)
		if err != nil {
			fault("url", "%w", err)
		}
		s.endpoints = append(s.endpoints, e)
	}
	if cfg.CAFile != "" {
		pool, err := loadCAs(cfg.CAFile)
		if err != nil {
			fault("ca_file", "%w", err)
		}
		s.roots = pool
	}
	if cfg.BindDN != "" && cfg.BindPassword == nil {
		fault("bind_password", "missing: a server takes a name without a password for an anonymous visitor")
	}
	checkSearch(fault, "users", cfg.Users)
	if cfg.Users.Base == "" {
		fault("users.base", "missing")
	}
	checkSearch(fault, "groups", cfg.Groups)
	s.setDefaults()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Source) setDefaults() {
	if s.cfg.PageSize == 0 {
		s.cfg.PageSize = DefaultPageSize
	}
	if s.cfg.ConnectTimeout <= 0 {
		s.cfg.ConnectTimeout = DefaultConnectTimeout
	}
	if s.cfg.Timeout <= 0 {
		s.cfg.Timeout = DefaultTimeout
	}
	if s.cfg.Now == nil {
		s.cfg.Now = time.Now //nolint:forbidigo // the default of an injected clock
	}
}

// checkSearch finds faults in a base and a filter.
func checkSearch(fault func(setting, format string, args ...any), name string, search Search) {
	if _, err := ldap.ParseDN(search.Base); err != nil {
		fault(name+".base", "%q is no distinguished name: %w", search.Base, err)
	}
	if search.Filter == "" {
		return
	}
	if _, err := ldap.CompileFilter(search.Filter); err != nil {
		fault(name+".filter", "%s", filterFault(search.Filter, err))
	}
}

// parseURL reads one address.
func parseURL(raw string, startTLS bool) (endpoint, error) {
	if path, ok := strings.CutPrefix(raw, "ldapi://"); ok {
		return parseSocketURL(raw, path, startTLS)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return endpoint{}, fmt.Errorf("cannot be read: %w", errors.Unwrap(err)) // the outer text repeats a password
	}
	port := map[string]string{"ldap": ldap.DefaultLdapPort, "ldaps": ldap.DefaultLdapsPort}[u.Scheme]
	switch {
	case port == "":
		return endpoint{}, fmt.Errorf("%q does not start with ldap://, ldaps:// or ldapi://", u.Redacted())
	case u.Hostname() == "":
		return endpoint{}, fmt.Errorf("%q names no host", u.Redacted())
	case u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "":
		return endpoint{}, fmt.Errorf("%q holds more than a host and a port; use bind_dn and users.base", u.Redacted())
	case u.Scheme == "ldaps" && startTLS:
		return endpoint{}, fmt.Errorf("%q is encrypted from the start; starttls goes with ldap://", raw)
	}
	if u.Port() != "" {
		port = u.Port()
	}
	return endpoint{
		shown: u.Scheme + "://" + u.Host, network: "tcp", address: net.JoinHostPort(u.Hostname(), port),
		host: u.Hostname(), tls: u.Scheme == "ldaps", start: startTLS,
	}, nil
}

// parseSocketURL reads ldapi://%2Frun%2Fslapd%2Fldapi.
func parseSocketURL(raw, path string, startTLS bool) (endpoint, error) {
	path, err := url.PathUnescape(strings.TrimSuffix(path, "/"))
	if err != nil {
		return endpoint{}, fmt.Errorf("%q: %w", raw, err)
	}
	if startTLS {
		return endpoint{}, fmt.Errorf("%q is a local socket; starttls goes with ldap://", raw)
	}
	if path == "" {
		path = "/var/run/slapd/ldapi"
	}
	return endpoint{shown: raw, network: "unix", address: path}, nil
}

// loadCAs reads the certificates to trust. Each is parsed here because
// AppendCertsFromPEM passes over those it cannot read, such as the ones with
// negative serial numbers that Samba makes for itself.
func loadCAs(file string) (*x509.CertPool, error) {
	rest, err := os.ReadFile(file) //nolint:gosec // the administrator names the file
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}
	pool := x509.NewCertPool()
	for n := 0; ; n++ {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			if n == 0 {
				return nil, fmt.Errorf("%s holds no PEM certificate", file)
			}
			return pool, nil
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("%s: certificate %d: %w", file, n+1, err)
		}
		pool.AddCert(cert)
	}
}

// tlsConfig is the TLS configuration for an endpoint. go-ldap would not infer
// the server's name for StartTLS, so it is always set here.
func (s *Source) tlsConfig(e endpoint) *tls.Config {
	name := s.cfg.ServerName
	if name == "" {
		name = e.host
	}
	return &tls.Config{ServerName: name, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}
