package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"

	"github.com/go-ldap/ldap/v3"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// standing is what a session is to its server when it asks for something.
type standing uint8

const (
	member  standing = iota // signed in
	visitor                 // anonymous
	signing                 // asking to be let in
)

// verdict says what a result code means for a read and what to do about it.
type verdict struct {
	class  error
	advice registry.Format
}

// special are the codes that mean something else to who is no member.
var special = map[standing]map[uint16]verdict{
	visitor: {
		ldap.LDAPResultOperationsError: {source.ErrAuth, "Active Directory says so to visitors who did not sign in: set bind_dn and bind_password"},
	},
	signing: {
		ldap.LDAPResultTimeLimitExceeded:        {source.ErrUnreachable, "the server has no time: it is tried again at the next run"},
		ldap.LDAPResultAdminLimitExceeded:       {source.ErrUnreachable, "the server is at a limit of its own: it is tried again at the next run"},
		ldap.LDAPResultConstraintViolation:      {source.ErrAuth, "so servers refuse an account that is locked after wrong passwords: unlock it, and check bind_password"},
		ldap.LDAPResultReferral:                 {source.ErrProtocol, "the account is kept by another server: name that one in url"},
		ldap.LDAPResultNoSuchObject:             {source.ErrAuth, "there is no such account: check bind_dn"},
		ldap.LDAPResultInsufficientAccessRights: {source.ErrAuth, "this account may not sign in here: give it the right to, or use another bind_dn"},
		ldap.LDAPResultUnwillingToPerform:       {source.ErrAuth, "the account is inactive or this kind of sign-in forbidden: ask whoever runs the server"},
	},
}

// verdicts are what a result code means otherwise. Codes that are not listed are
// ErrProtocol with the server's own words.
var verdicts = map[uint16]verdict{
	ldap.LDAPResultOperationsError:              {source.ErrProtocol, "the server failed inside: the server's own log says why"},
	ldap.LDAPResultOther:                        {source.ErrProtocol, "the server failed inside: the server's own log says why"},
	ldap.LDAPResultProtocolError:                {source.ErrProtocol, "the server does not understand our requests: it is no LDAP version 3, or something changes them on the way"},
	ldap.LDAPResultUnwillingToPerform:           {source.ErrProtocol, "the server's rules forbid this request: ask whoever runs the server"},
	ldap.LDAPResultInvalidCredentials:           {source.ErrAuth, "check bind_dn and bind_password"},
	ldap.LDAPResultInappropriateAuthentication:  {source.ErrAuth, "the server does not take this kind of sign-in: set bind_dn and bind_password"},
	ldap.LDAPResultInsufficientAccessRights:     {source.ErrAuth, "this account may not read there: give it read rights, or use another bind_dn"},
	ldap.LDAPResultStrongAuthRequired:           {source.ErrAuth, "the server wants an encrypted connection: use ldaps:// or starttls: true"},
	ldap.LDAPResultConfidentialityRequired:      {source.ErrAuth, "the server wants an encrypted connection: use ldaps:// or starttls: true"},
	ldap.LDAPResultNoSuchObject:                 {source.ErrProtocol, "the base does not exist, or this account may not see it"},
	ldap.LDAPResultReferral:                     {source.ErrProtocol, "the base is kept by another server: name that one in url"},
	ldap.LDAPResultUnavailableCriticalExtension: {source.ErrProtocol, "the server cannot page its answers (RFC 2696), so no listing could be proved complete"},
	ldap.LDAPResultBusy:                         {source.ErrUnreachable, "the server is busy: it is tried again at the next run"},
	ldap.LDAPResultUnavailable:                  {source.ErrUnreachable, "the server is shutting down or starting: it is tried again at the next run"},
}

// limits are the result codes with which a server cuts a listing short.
var limits = map[uint16]registry.Format{
	ldap.LDAPResultTimeLimitExceeded:  "the server's time limit ended the listing",
	ldap.LDAPResultSizeLimitExceeded:  "the server's size limit ended the listing",
	ldap.LDAPResultAdminLimitExceeded: "the server's administrative limit ended the listing",
}

// adReasons are the "data" codes in Active Directory's refusals of a sign-in
// (Win32 error codes in hexadecimal).
var adReasons = map[string]registry.Format{
	"525": "there is no such user", "52e": "the password is wrong", "530": "not at this hour", "531": "not from this machine",
	"532": "the password has expired", "533": "the account is disabled", "701": "the account has expired",
	"773": "the password must be changed first", "775": "the account is locked",
}

var adReason = regexp.MustCompile(`, data ([0-9a-f]+),`)

// answered gives the result code of an answer from the server, as opposed to
// the library's own codes, which start at 200.
func answered(err error) (*ldap.Error, bool) {
	var le *ldap.Error
	if errors.As(err, &le) && le.ResultCode > 0 && le.ResultCode < ldap.ErrorNetwork {
		return le, true
	}
	return nil, false
}

// explain turns an error of a request into one of package source's kinds.
// wire is what ended the connection, if it ended: it is nearer to the cause
// than what go-ldap makes of it.
func (s *session) explain(ctx context.Context, doing registry.Said, err, wire error) error {
	if err == nil && wire == nil {
		return nil
	}
	if ctx.Err() != nil {
		return registry.Errorf("%s: %s", doing, context.Cause(ctx))
	}
	if le, ok := answered(err); ok {
		return explainResult(doing, le, s.standing)
	}
	cause := err
	if wire != nil {
		cause = wire
	}
	switch {
	case errors.Is(cause, errMalformed), errors.Is(cause, errTooLarge):
		return registry.Errorf("%s: %s: %s", doing, source.ErrProtocol, cause)
	case errors.Is(cause, os.ErrDeadlineExceeded):
		return registry.Errorf("%s: %s: it fell silent while it owed an answer", doing, source.ErrUnreachable)
	case errors.Is(cause, io.EOF), errors.Is(cause, io.ErrUnexpectedEOF):
		return registry.Errorf("%s: %s: it closed the connection in the middle", doing, source.ErrUnreachable)
	case wire == nil && !ldap.IsErrorWithCode(err, ldap.ErrorNetwork):
		return registry.Errorf("%s: %s: %s", doing, source.ErrProtocol, err)
	}
	return registry.Errorf("%s: %s: %s", doing, source.ErrUnreachable, cause)
}

// explainResult words a result code other than success.
func explainResult(doing registry.Said, le *ldap.Error, as standing) error {
	class, advice := source.ErrProtocol, registry.Format("")
	v, ok := special[as][le.ResultCode]
	if !ok {
		v, ok = verdicts[le.ResultCode]
	}
	if ok {
		class, advice = v.class, v.advice
	}
	text := ldap.LDAPResultCodeMap[le.ResultCode]
	var why registry.Format
	if le.Err != nil && le.Err.Error() != "" {
		text += " (" + firstLine(le.Err.Error()) + ")"
		if m := adReason.FindStringSubmatch(le.Err.Error()); m != nil {
			why = adReasons[m[1]]
		}
	}
	said := registry.Verbatim(text)
	if why != "" {
		said = registry.Say("%s: %s", said, registry.Say(why))
	}
	if le.MatchedDN != "" {
		said = registry.Say("%s, only %q exists", said, le.MatchedDN)
	}
	return advised(registry.Errorf("%s: %s: %s", doing, class, said), advice)
}

// advised adds to an error what to do about it, "" for nothing.
func advised(err error, advice registry.Format) error {
	if advice == "" {
		return err
	}
	return registry.Errorf("%s; %s", err, registry.Say(advice))
}

// explainDial words why no connection came about.
func explainDial(ctx context.Context, e endpoint, err error) error {
	doing := registry.Say("connect to %s", e.shown)
	if ctx.Err() != nil {
		return registry.Errorf("%s: %s", doing, context.Cause(ctx))
	}
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		dns      *net.DNSError
	)
	var advice registry.Format
	switch {
	case errors.As(err, &unknown):
		advice = "put the certificate of its authority into ca_file"
	case errors.As(err, &hostname) && len(hostname.Certificate.DNSNames)+len(hostname.Certificate.IPAddresses) == 0:
		advice = "the certificate has no subjectAltName, without which no name can be checked (RFC 9525): give the server a new one"
	case errors.As(err, &hostname):
		advice = "use the name in the certificate as url or server_name"
	case errors.As(err, &invalid):
		advice = "the server needs a new certificate, or this machine's clock is wrong"
	case errors.As(err, &record):
		advice = "this port does not speak TLS: use ldap://, with starttls: true if the server can"
	case errors.As(err, &dns):
		advice = "check the host's name in url"
	case errors.Is(err, syscall.ECONNREFUSED):
		advice = "nothing listens there: check host and port in url, and that the server is up"
	case e.tls && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		advice = "it hung up when greeted in TLS: this port may not speak it. Use the port for ldaps://, or ldap:// with starttls: true"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		advice = "no answer came: check host and port in url, and the firewalls between here and there"
	}
	return advised(registry.Errorf("%s: %s: %s", doing, source.ErrUnreachable, err), advice)
}

// firstLine keeps the first line of a server's words; Active Directory adds a
// NUL at the end.
func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.Trim(s, "\x00 \n"), "\n")
	return s
}
