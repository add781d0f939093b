package patch

import "fmt"

// Reason is the scimType of an error (RFC 7644 table 9).
type Reason string

// The reasons that operations fail for.
const (
	InvalidSyntax Reason = "invalidSyntax"
	InvalidPath   Reason = "invalidPath"
	InvalidValue  Reason = "invalidValue"
	Mutability    Reason = "mutability"
	NoTarget      Reason = "noTarget"
	TooMany       Reason = "tooMany"
)

// Error tells why operations cannot be applied. Its text is meant for whoever
// sent them and holds no values of the resource.
type Error struct {
	Reason Reason
	// Operation is the index of the operation that failed; -1 when it is the
	// outcome of all of them that may not be.
	Operation int
	Detail    string
}

func (e *Error) Error() string {
	if e.Operation < 0 {
		return e.Detail
	}
	return fmt.Sprintf("operation %d: %s", e.Operation+1, e.Detail)
}

func fail(reason Reason, format string, args ...any) *Error {
	return &Error{Reason: reason, Operation: -1, Detail: fmt.Sprintf(format, args...)}
}
