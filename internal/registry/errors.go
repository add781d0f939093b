package registry

import (
	"errors"
	"fmt"
)

// Code says why an operation was refused, in one word with one meaning. Codes
// are stable: reports, the API and the command line show them.
type Code string

// The reasons an operation can be refused.
const (
	CodeNotFound         Code = "not_found"
	CodeUserNameTaken    Code = "user_name_taken"
	CodeUserNameMissing  Code = "user_name_missing"
	CodeForeignOwner     Code = "foreign_owner"
	CodeProtectedAdmin   Code = "protected_admin"
	CodeOwnPassword      Code = "own_password"
	CodeAmbiguous        Code = "ambiguous_match"
	CodeAlreadyLinked    Code = "already_linked"
	CodeAnchorTaken      Code = "anchor_taken"
	CodeInvalidValue     Code = "invalid_value"
	CodeGroupNameMissing Code = "group_name_missing"
	CodeGroupNameTaken   Code = "group_name_taken"
	CodeUnknownContract  Code = "unknown_contract"
	CodeNotInvitable     Code = "not_invitable"
	CodeStale            Code = "stale"
	CodeProtected        Code = "protected"
	CodeRecreated        Code = "recreated"
	CodeAdopted          Code = "adopted"
	CodeUnknownManager   Code = "unknown_manager"
	CodeValueTaken       Code = "value_taken"
	CodeLastAdmin        Code = "last_admin"
	CodeTwoDirectories   Code = "two_directories"
	CodeMergeDirection   Code = "merge_direction"
	CodeKindsDiffer      Code = "kinds_differ"
	CodeMergeOver        Code = "merge_over"
	CodeMergeChanged     Code = "merge_changed"
	CodeErased           Code = "erased"
)

// Error is a refusal by a rule of the registry. Message is safe to show to the
// person who asked; it names no other company's data and no internals.
type Error struct {
	Code    Code
	Message Said
	// User is the person who stands in the way, where there is one.
	User UserID
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Code, e.Message) }

// Said is what the error says to the person who asked.
func (e *Error) Said() Said { return e.Message }

// Refuse makes an Error.
func Refuse(code Code, format Format, args ...any) *Error {
	return &Error{Code: code, Message: Say(format, args...)}
}

// CodeOf returns the code of the first registry error in err's chain, or "".
func CodeOf(err error) Code {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

var (
	// ErrNotFound: a looked-up record does not exist in this company.
	ErrNotFound = errors.New("not found")
	// ErrSpent: what may be used once was used before.
	ErrSpent = errors.New("used before")
	// ErrFenced: the caller's lease was taken over by another holder; it must
	// stop and write nothing more.
	ErrFenced = errors.New("lease lost to another process")
	// ErrLeased: another process holds the lease of the source.
	ErrLeased = errors.New("another process is running this source")
	// ErrPagesLost: the pages of a read that were kept before are not there any more,
	// and no more of it are kept.
	ErrPagesLost = errors.New("the pages kept of this read are gone")
)
