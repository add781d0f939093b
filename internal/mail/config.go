package mail

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"os"
	"slices"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// StartTLS says whether a plain connection must be upgraded.
type StartTLS string

// The choices of ?starttls=.
const (
	// StartTLSRequired gives up when the server does not offer STARTTLS.
	StartTLSRequired StartTLS = "required"
	// StartTLSOpportunistic takes it where it is offered.
	StartTLSOpportunistic StartTLS = "opportunistic"
	// StartTLSNone never asks.
	StartTLSNone StartTLS = "none"
)

// policies is the one table between our words and the library's.
func policies() map[StartTLS]gomail.TLSPolicy {
	return map[StartTLS]gomail.TLSPolicy{
		StartTLSRequired:      gomail.TLSMandatory,
		StartTLSOpportunistic: gomail.TLSOpportunistic,
		StartTLSNone:          gomail.NoTLS,
	}
}

// Server says how to reach a mail server.
type Server struct {
	Host string
	Port int
	// ImplicitTLS speaks TLS from the first byte (RFC 8314 section 3.3).
	ImplicitTLS bool
	StartTLS    StartTLS
	// TLS holds the trusted roots; nil trusts the system's.
	TLS *tls.Config
	// User and Password authenticate; an empty User sends without.
	User, Password string
	// Hello is the name we greet with; "" means the machine's own.
	Hello string
}

// ParseServer reads a mail server's address:
//
//	smtp://user:password@mail.example.com:587?starttls=required&ca_file=/etc/ssl/mail.pem
//	smtps://mail.example.com
//
// Ports default to 587 and 465 (RFC 8314). STARTTLS is taken where it is
// offered, and required as soon as a user is given, unless the address says
// otherwise. A password may be given separately; the address's own then must
// not be there. Errors never repeat the password.
func ParseServer(address, password string) (Server, error) {
	u, err := url.Parse(address)
	if err != nil {
		// The parser's own error quotes the address, and with it the password.
		return Server{}, errors.New("parse mail server address: not a URL; special characters in a password must be percent-encoded")
	}
	s := Server{Host: u.Hostname(), User: u.User.Username(), Password: password, StartTLS: StartTLSOpportunistic}
	switch u.Scheme {
	case "smtp":
		s.Port = 587
	case "smtps":
		s.Port, s.ImplicitTLS = 465, true
	default:
		return Server{}, fmt.Errorf("parse mail server address: scheme %q is neither smtp nor smtps", u.Scheme)
	}
	if s.Host == "" || (u.Path != "" && u.Path != "/") {
		return Server{}, errors.New("parse mail server address: want smtp://host:port without a path")
	}
	if p := u.Port(); p != "" {
		if s.Port, err = strconv.Atoi(p); err != nil || s.Port < 1 || s.Port > 65535 {
			return Server{}, fmt.Errorf("parse mail server address: port %q is not between 1 and 65535", p)
		}
	}
	if s.User != "" {
		s.StartTLS = StartTLSRequired
	}
	if own, ok := u.User.Password(); ok {
		if password != "" {
			return Server{}, errors.New("parse mail server address: the password is given twice, in the address and beside it")
		}
		s.Password = own
	}
	if err := s.options(u.Query()); err != nil {
		return Server{}, fmt.Errorf("parse mail server address: %w", err)
	}
	return s, nil
}

// options reads the part after the question mark.
func (s *Server) options(q url.Values) error {
	for name, values := range q {
		switch name {
		case "starttls":
			s.StartTLS = StartTLS(values[0])
			if _, ok := policies()[s.StartTLS]; !ok || s.ImplicitTLS {
				return fmt.Errorf("starttls=%s: want required, opportunistic or none, and only with smtp://", values[0])
			}
		case "ca_file":
			pem, err := os.ReadFile(values[0])
			if err != nil {
				return fmt.Errorf("read ca_file: %w", err)
			}
			roots := x509.NewCertPool()
			if !roots.AppendCertsFromPEM(pem) {
				return fmt.Errorf("ca_file %s holds no certificate in PEM", values[0])
			}
			s.TLS = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
		case "hello":
			s.Hello = values[0]
		default:
			return fmt.Errorf("unknown option %q; known are ca_file, hello and starttls", name)
		}
	}
	return nil
}

// addr is the host and port to dial.
func (s *Server) addr() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// tlsConfig is what to trust and whom to expect.
func (s *Server) tlsConfig() *tls.Config {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.TLS != nil {
		cfg = s.TLS.Clone()
	}
	if cfg.ServerName == "" {
		cfg.ServerName = s.Host
	}
	return cfg
}

// clientOptions are ours in the library's terms. TLS from the first byte is dialled by us,
// because the library, given a dialer of ours, would not notice that the
// connection is encrypted and refuse to authenticate; with the opportunistic
// policy it looks.
func (s *Server) clientOptions(timeout time.Duration, dial gomail.DialContextFunc) []gomail.Option {
	policy := policies()[s.StartTLS]
	if s.ImplicitTLS {
		policy = gomail.TLSOpportunistic
	}
	opts := []gomail.Option{
		gomail.WithPort(s.Port), gomail.WithTimeout(timeout), gomail.WithTLSPolicy(policy),
		gomail.WithTLSConfig(s.tlsConfig()), gomail.WithDialContextFunc(dial),
	}
	if s.Hello != "" {
		opts = append(opts, gomail.WithHELO(s.Hello))
	}
	if s.User != "" {
		opts = append(opts, gomail.WithUsername(s.User), gomail.WithPassword(s.Password), gomail.WithSMTPAuth(s.auth()))
	}
	return opts
}

// auth chooses the mechanism: the best the server offers, which over a plain
// connection excludes those that send the password. Only to a server on this
// very machine, and with starttls=none said in so many words, it is sent plain.
func (s *Server) auth() gomail.SMTPAuthType {
	local := slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, s.Host)
	if !s.ImplicitTLS && s.StartTLS == StartTLSNone && local {
		return gomail.SMTPAuthPlainNoEnc
	}
	return gomail.SMTPAuthAutoDiscover
}

// ParseFrom reads the sender's address, with or without a name. Its domain is
// given back in ASCII (RFC 5891).
func ParseFrom(s string) (*mail.Address, error) {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return nil, fmt.Errorf("parse sender address %q: %w", s, err)
	}
	to, err := parseRecipient(a.Address)
	if err != nil {
		return nil, fmt.Errorf("parse sender address %q: %w", s, err)
	}
	a.Address = to.address
	return a, nil
}
