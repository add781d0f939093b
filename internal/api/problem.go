package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/usherd/usher/internal/registry"
)

// Problem is a refusal as programs see it (RFC 9457).
type Problem struct {
	Type   string `json:"type" doc:"Address of the code's entry in the catalogue of reasons"`
	Title  string `json:"title" doc:"What the code means"`
	Status int    `json:"status" doc:"The HTTP status"`
	Code   string `json:"code" doc:"Why, in one stable word of the catalogue of reasons"`
	Detail string `json:"detail,omitempty" doc:"What is wrong with this request"`
	// Pointer is a JSON pointer (RFC 6901) into the body, or a parameter's name.
	Pointer   string `json:"pointer,omitempty" doc:"JSON pointer to the member of the body, or name of the parameter, that it is about"`
	RequestID string `json:"request_id" doc:"Names the request in the log and in the audit"`
}

// refusal is a problem on its way out.
type refusal struct {
	code    registry.Code
	detail  string
	pointer string
	retry   time.Duration
	allow   string
}

func (e *refusal) Error() string { return string(e.code) + ": " + e.detail }

func refuse(code registry.Code, format string, args ...any) *refusal {
	return &refusal{code: code, detail: fmt.Sprintf(format, args...)}
}

// at says which member or parameter a refusal is about.
func (e *refusal) at(pointer string) *refusal {
	e.pointer = pointer
	return e
}

// statuses is the one table between a code and its HTTP status. A rule of the
// registry that is not in it stands against the record as it is: 409.
var statuses = map[registry.Code]int{
	registry.CodeUnauthorized:  http.StatusUnauthorized,
	registry.CodeForbidden:     http.StatusForbidden,
	registry.CodeNotFound:      http.StatusNotFound,
	registry.CodeMethod:        http.StatusMethodNotAllowed,
	registry.CodeNotAcceptable: http.StatusNotAcceptable,
	registry.CodeStale:         http.StatusPreconditionFailed,
	registry.CodeTooLarge:      http.StatusRequestEntityTooLarge,
	registry.CodeMediaType:     http.StatusUnsupportedMediaType,
	registry.CodeBadRequest:    http.StatusBadRequest,
	registry.CodeUnknownMember: http.StatusBadRequest,
	registry.CodeBadCursor:     http.StatusBadRequest,
	registry.CodeInvalidValue:  http.StatusUnprocessableEntity,
	registry.CodeKeyReused:     http.StatusUnprocessableEntity,
	registry.CodeRateLimited:   http.StatusTooManyRequests,
	registry.CodeInternal:      http.StatusInternalServerError,
	"source_auth":              http.StatusBadGateway,
	"source_unreachable":       http.StatusBadGateway,
	"source_answer":            http.StatusBadGateway,
	"source_failed":            http.StatusBadGateway,
}

// statusOf is the HTTP status of a code.
func statusOf(code registry.Code) int {
	if s, ok := statuses[code]; ok {
		return s
	}
	return http.StatusConflict
}

// refusalOf turns what an operation returned into what a program is told. What
// has no code is internal, and only logged.
func refusalOf(err error) *refusal {
	var own *refusal
	var rule *registry.Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &rule):
		return refuse(rule.Code, "%s", rule.Message)
	case errors.Is(err, registry.ErrNotFound):
		return refuse(registry.CodeNotFound, "there is no such record")
	case errors.Is(err, registry.ErrLeased):
		return refuse(registry.CodeAlreadyRunning, "another run of this source is at work")
	}
	return refuse(registry.CodeInternal, "something failed here; the log has the details under this request's id")
}

// write answers with a refusal.
func (e *refusal) write(w http.ResponseWriter, requestID string) {
	reason, _ := registry.ReasonOf(string(e.code))
	p := Problem{
		Type: Base + "/reasons/" + string(e.code), Title: reason.Meaning, Status: statusOf(e.code), Code: string(e.code),
		Detail: e.detail, Pointer: e.pointer, RequestID: requestID,
	}
	h := w.Header()
	for _, name := range []string{"ETag", "Location", "Link"} {
		h.Del(name)
	}
	h.Set("Content-Type", problemType)
	if e.code == registry.CodeUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="usher"`)
	}
	if e.allow != "" {
		h.Set("Allow", e.allow)
	}
	if e.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.retry.Seconds()))))
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // whoever left does not read it
}

// problemType is the media type of problems (RFC 9457 section 6.1).
const problemType = "application/problem+json"
