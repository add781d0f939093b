package filter

import "fmt"

// Error tells what is wrong with a filter or path. Its text is meant for the
// engineer who wrote it and holds nothing of ours.
type Error struct {
	// Offset is the byte where the fault was noticed, counted from 0; -1 when
	// the text is well-formed but does not fit the schemas.
	Offset  int
	Message string
	// Unknown is the name that no schema defines, when that is the fault: a
	// lenient server passes over such attributes in a PATCH.
	Unknown string
}

func (e *Error) Error() string {
	if e.Offset < 0 {
		return e.Message
	}
	return fmt.Sprintf("%s at character %d", e.Message, e.Offset+1)
}

func at(offset int, format string, args ...any) error {
	return &Error{Offset: offset, Message: fmt.Sprintf(format, args...)}
}

func misfit(format string, args ...any) error { return at(-1, format, args...) }
