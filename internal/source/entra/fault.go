package entra

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/usherd/usher/internal/registry"
	"github.com/usherd/usher/internal/source"
)

// fault is why a request gave nothing: what package source calls it, what
// Microsoft said, and whether asking again may help.
type fault struct {
	doing  registry.Said
	class  error
	status int           // HTTP, 0 for none
	code   string        // Graph's, or AADSTS…
	text   registry.Said // Microsoft's words
	advice registry.Said
	cause  error
	again  bool
	after  time.Duration // Retry-After
}

// Error implements error.
func (f *fault) Error() string { return f.Said().String() }

// Said is what went wrong, and what to do about it.
func (f *fault) Said() registry.Said {
	parts := []registry.Said{f.doing, registry.SaidOf(f.class)}
	if f.cause != nil {
		parts = append(parts, registry.SaidOf(f.cause))
	}
	if f.status != 0 && f.code == "" {
		parts = append(parts, registry.Verbatim(strings.TrimSpace(fmt.Sprint(f.status, " ", http.StatusText(f.status)))))
	}
	for _, part := range []registry.Said{registry.Verbatim(f.code), f.text} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	said := registry.Join(parts, ": ")
	if f.advice != "" {
		said = registry.Join([]registry.Said{said, f.advice}, "; ")
	}
	return said
}

// Unwrap gives the class and the cause.
func (f *fault) Unwrap() []error {
	if f.cause == nil {
		return []error{f.class}
	}
	return []error{f.class, f.cause}
}

// expired reports whether Graph no longer knows the place a link stands for
// (microsoft-graph-docs-contrib, concepts/delta-query-overview.md, "Token
// duration" and "Synchronization reset").
func (f *fault) expired() bool {
	switch strings.ToLower(f.code) {
	case "syncstatenotfound", "syncstateinvalid", "resyncrequired", "directory_expiredpagetoken":
		return f.status >= 400 && f.status < 500
	}
	return f.status == http.StatusGone
}

// isExpired reports whether an error is of an expired link.
func isExpired(err error) bool {
	var f *fault
	return errors.As(err, &f) && f.expired()
}

// hasStatus reports whether Graph answered with a status.
func hasStatus(err error, status int) bool {
	var f *fault
	return errors.As(err, &f) && f.status == status
}

// maxErrorText keeps an answer that is no answer of Graph short.
const maxErrorText = 300

// refused makes a fault of an answer other than success
// (concepts/errors.md, concepts/throttling.md).
func refused(res *http.Response, body []byte, now time.Time) *fault {
	f := &fault{doing: doing(res.Request), class: source.ErrProtocol, status: res.StatusCode, after: retryAfter(res.Header, now)}
	var doc struct {
		Error struct{ Code, Message string } `json:"error"`
	}
	if json.Unmarshal(body, &doc) == nil {
		text := doc.Error.Message
		if len(text) > maxErrorText {
			text = text[:maxErrorText] + "…"
		}
		f.code, f.text = doc.Error.Code, registry.Verbatim(text)
	}
	switch status := res.StatusCode; {
	case status == http.StatusUnauthorized:
		f.class, f.advice = source.ErrAuth, registry.Say("Graph does not take the token: check cloud")
	case status == http.StatusForbidden:
		f.class, f.advice = source.ErrAuth, permissionFor(res.Request.URL.Path).grant()
	case status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		f.class, f.again = source.ErrUnreachable, true
	case status >= http.StatusInternalServerError && status != http.StatusNotImplemented:
		f.class, f.again = source.ErrUnreachable, true
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		f.advice = registry.Say("Graph led elsewhere (%s), which is not followed: check cloud", hostOf(res.Header.Get("Location")))
	}
	return f
}

// hostOf is an address's host, for people.
func hostOf(address string) string {
	_, rest, ok := strings.Cut(address, "://")
	if !ok {
		return "nowhere"
	}
	host, _, _ := strings.Cut(rest, "/")
	return host
}

// doing names a request without its query, which is long and says little.
func doing(r *http.Request) registry.Said {
	return registry.Say("read %s", r.URL.Scheme+"://"+r.URL.Host+r.URL.Path)
}

// retryAfter reads the header, seconds or a date (RFC 9110 section 10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil && n > 0 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && !now.IsZero() && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// broken makes a fault of a connection that could not be made or broke.
func broken(r *http.Request, err error) *fault {
	f := &fault{doing: doing(r), class: source.ErrUnreachable, cause: err, again: true}
	var (
		unknown  x509.UnknownAuthorityError
		hostname x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		dns      *net.DNSError
	)
	switch {
	case errors.As(err, &unknown):
		f.advice, f.again = registry.Say("put the certificate of its authority into cloud.ca_file"), false
	case errors.As(err, &hostname):
		f.advice, f.again = registry.Say("the certificate is for another name: check cloud"), false
	case errors.As(err, &invalid):
		f.advice, f.again = registry.Say("the server needs a new certificate, or this machine's clock is wrong"), false
	case errors.As(err, &record):
		f.advice, f.again = registry.Say("this port does not speak TLS"), false
	case errors.As(err, &dns) && dns.IsNotFound:
		f.advice, f.again = registry.Say("check cloud, and this machine's name service"), false
	}
	return f
}

// permission is an application permission of Microsoft Graph.
type permission struct {
	name string
	why  registry.Format // what it is for
}

// The permissions (microsoft-graph-docs-contrib, api-reference/v1.0/api/
// user-delta.md, group-delta.md, group-list-members.md).
var (
	readUsers  = permission{"User.Read.All", "to read people"}
	readGroups = permission{"GroupMember.Read.All", "to read groups and their members"}
	readHidden = permission{"Member.Read.Hidden", "to read the members of groups with hidden membership"}
)

// grant says how to give the permission.
func (p permission) grant() registry.Said {
	return registry.Say("the application permission %s is missing, %s: in the Entra admin centre open App registrations, the app, API permissions, "+
		"add Microsoft Graph, Application permissions, %s, and press Grant admin consent; to a managed identity it is given with "+
		"New-MgServicePrincipalAppRoleAssignment", p.name, registry.Say(p.why), p.name)
}

// permissionFor is the permission that a path needs.
func permissionFor(path string) permission {
	if strings.Contains(path, "/groups") || strings.HasSuffix(path, "/memberOf") {
		return readGroups
	}
	return readUsers
}
