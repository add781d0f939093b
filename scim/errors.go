package scim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	scimerrors "github.com/elimity-com/scim/errors"

	"github.com/usherd/usher/scim/patch"
)

// Kind is what went wrong, in one word. It decides the status and the scimType
// that the client sees; the table is errorTable.
type Kind string

// The kinds. The first group are the scimTypes of RFC 7644 table 9 and of
// RFC 9865 section 4 under their own names.
const (
	InvalidFilter      = Kind(scimerrors.ScimTypeInvalidFilter)
	TooMany            = Kind(scimerrors.ScimTypeTooMany)
	Uniqueness         = Kind(scimerrors.ScimTypeUniqueness)
	Mutability         = Kind(scimerrors.ScimTypeMutability)
	InvalidSyntax      = Kind(scimerrors.ScimTypeInvalidSyntax)
	InvalidPath        = Kind(scimerrors.ScimTypeInvalidPath)
	NoTarget           = Kind(scimerrors.ScimTypeNoTarget)
	InvalidValue       = Kind(scimerrors.ScimTypeInvalidValue)
	InvalidVers        = Kind(scimerrors.ScimTypeInvalidVersion)
	Sensitive          = Kind(scimerrors.ScimTypeSensitive)
	InvalidCursor Kind = "invalidCursor"
	ExpiredCursor Kind = "expiredCursor"
	InvalidCount  Kind = "invalidCount"

	Unauthorized         Kind = "unauthorized"         // the token is missing, unknown or expired
	Forbidden            Kind = "forbidden"            // this client may not do this
	NotFound             Kind = "notFound"             // no such resource, or none that the client may see
	MethodNotAllowed     Kind = "methodNotAllowed"     // the address has no such method
	NotAcceptable        Kind = "notAcceptable"        // the client accepts no JSON
	Conflict             Kind = "conflict"             // the resource's state, or its owner, forbids it
	PreconditionFailed   Kind = "preconditionFailed"   // If-Match or If-None-Match
	PayloadTooLarge      Kind = "payloadTooLarge"      // body, or the number of Bulk operations
	UnsupportedMediaType Kind = "unsupportedMediaType" // the body is not JSON
	TooManyRequests      Kind = "tooManyRequests"      // rate limit; RetryAfter says how long
	NotImplemented       Kind = "notImplemented"       // in the RFC, not here
	Unavailable          Kind = "unavailable"          // try again; RetryAfter says when
	Internal             Kind = "internal"             // ours; the client sees no text
)

// errorTable is the one place where a kind becomes a status. A kind of the
// first group goes out as the scimType; RFC 7644 section 3.12 wants none on the
// others.
var errorTable = map[Kind]struct {
	status   int
	scimType bool
}{
	InvalidFilter: {scimerrors.ScimErrorInvalidFilter.Status, true},
	TooMany:       {scimerrors.ScimErrorTooMany.Status, true},
	Uniqueness:    {scimerrors.ScimErrorUniqueness.Status, true},
	Mutability:    {scimerrors.ScimErrorMutability.Status, true},
	InvalidSyntax: {scimerrors.ScimErrorInvalidSyntax.Status, true},
	InvalidPath:   {scimerrors.ScimErrorInvalidPath.Status, true},
	NoTarget:      {scimerrors.ScimErrorNoTarget.Status, true},
	InvalidValue:  {scimerrors.ScimErrorInvalidValue.Status, true},
	InvalidVers:   {scimerrors.ScimErrorInvalidVersion.Status, true},
	Sensitive:     {scimerrors.ScimErrorSensitive.Status, true},
	InvalidCursor: {http.StatusBadRequest, true},
	ExpiredCursor: {http.StatusBadRequest, true},
	InvalidCount:  {http.StatusBadRequest, true},

	Unauthorized:         {http.StatusUnauthorized, false},
	Forbidden:            {http.StatusForbidden, false},
	NotFound:             {http.StatusNotFound, false},
	MethodNotAllowed:     {http.StatusMethodNotAllowed, false},
	NotAcceptable:        {http.StatusNotAcceptable, false},
	Conflict:             {http.StatusConflict, false},
	PreconditionFailed:   {http.StatusPreconditionFailed, false},
	PayloadTooLarge:      {http.StatusRequestEntityTooLarge, false},
	UnsupportedMediaType: {http.StatusUnsupportedMediaType, false},
	TooManyRequests:      {http.StatusTooManyRequests, false},
	NotImplemented:       {http.StatusNotImplemented, false},
	Unavailable:          {http.StatusServiceUnavailable, false},
	Internal:             {http.StatusInternalServerError, false},
}

// Error is a refusal that the client may read. Detail is shown to whoever sent
// the request: it names nothing that the client may not see.
type Error struct {
	Kind   Kind
	Detail string
	// RetryAfter goes out as Retry-After, in whole seconds, when positive.
	RetryAfter time.Duration
	// allow is the Allow header of a MethodNotAllowed.
	allow string
}

// Errorf makes an Error.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// Error gives kind and detail, for logs.
func (e *Error) Error() string { return string(e.Kind) + ": " + e.Detail }

// Status is the HTTP status of the error.
func (e *Error) Status() int {
	if row, ok := errorTable[e.Kind]; ok {
		return row.status
	}
	return http.StatusInternalServerError
}

// AsError finds what the client may be told of err: the Error in its chain, a
// PATCH that cannot be applied, a body over its limit, a deadline, or Internal
// without any text.
func AsError(err error) *Error {
	var (
		own    *Error
		change *patch.Error
		tooBig *http.MaxBytesError
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &change):
		return &Error{Kind: Kind(change.Reason), Detail: change.Error()}
	case errors.As(err, &tooBig):
		return Errorf(PayloadTooLarge, "the body is larger than %d bytes", tooBig.Limit)
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: Unavailable, Detail: "the answer took too long", RetryAfter: time.Second}
	}
	return &Error{Kind: Internal, Detail: "the server could not answer; its operator finds the reason in the log"}
}

// body is the error as RFC 7644 section 3.12 writes it.
func (e *Error) body() scimerrors.ScimError {
	b := scimerrors.ScimError{Status: e.Status(), Detail: e.Detail}
	if errorTable[e.Kind].scimType {
		b.ScimType = scimerrors.ScimType(e.Kind)
	}
	return b
}

// WriteError answers with err in SCIM form. Whoever stands in front of the
// handler (tokens, rate limits) uses it, so that every error of the service
// reads alike; Okta cannot read any other. A 401 says WWW-Authenticate: Bearer
// unless that header is set already.
func WriteError(w http.ResponseWriter, err error) {
	e := AsError(err)
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-store")
	if e.Kind == Unauthorized && h.Get("WWW-Authenticate") == "" {
		h.Set("WWW-Authenticate", `Bearer realm="SCIM"`)
	}
	if e.allow != "" {
		h.Set("Allow", e.allow)
	}
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
	b := appendJSON(nil, e.body())
	h.Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(e.Status())
	_, _ = w.Write(b)
}
