package mail

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/mail"
	"slices"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// StartTLS says whether a plain connection must be upgraded.
type StartTLS string

// The choices, in the words of the configuration. Anything else is taken for
// StartTLSRequired.
const (
	// StartTLSRequired gives up when the server does not offer STARTTLS.
	StartTLSRequired StartTLS = "required"
	// StartTLSOptional takes it where it is offered.
	StartTLSOptional StartTLS = "optional"
	// StartTLSNever never asks.
	StartTLSNever StartTLS = "never"
)

// policies is the one table between our words and the library's.
func policies() map[StartTLS]gomail.TLSPolicy {
	return map[StartTLS]gomail.TLSPolicy{
		StartTLSRequired: gomail.TLSMandatory,
		StartTLSOptional: gomail.TLSOpportunistic,
		StartTLSNever:    gomail.NoTLS,
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
	policy, known := policies()[s.StartTLS]
	if !known {
		policy = gomail.TLSMandatory
	}
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
// very machine, and with starttls=never said in so many words, it is sent plain.
func (s *Server) auth() gomail.SMTPAuthType {
	local := slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, s.Host)
	if !s.ImplicitTLS && s.StartTLS == StartTLSNever && local {
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
