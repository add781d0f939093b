package registry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// Format is a sentence of the program's own in English, with the verbs of package
// fmt where its arguments go. It is also what the sentence is known by: the
// catalogues of internal/registry/said hold each one in the other languages, and a
// test there finds every constant of this type.
type Format string

// Said is a sentence that is kept: its Format with the arguments, so that each
// reader gets it in their own language. It is the text that is stored, a JSON
// array of the format and what goes into it, or plain text, which is shown as it
// is: what somebody outside said, and rows from before sentences were kept apart
// from their words.
//
// Printed, it is English, which is what logs, the API and commands give.
type Said string

// Say makes a Said. Arguments are text, whole numbers, sentences
// themselves, or errors, by what they say; anything else is taken by what it prints.
func Say(f Format, args ...any) Said {
	parts := make([]any, 0, 1+len(args))
	parts = append(parts, string(f))
	for _, a := range args {
		parts = append(parts, kept(a))
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false) // people look into tables
	_ = enc.Encode(parts)    // text and finite numbers are always JSON
	return Said(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

// kept is an argument as it is kept.
func kept(a any) any {
	switch a := a.(type) {
	case Said:
		return a.raw()
	case error:
		return SaidOf(a).raw()
	case fmt.Stringer:
		return a.String()
	}
	if v := reflect.ValueOf(a); v.CanInt() || v.CanUint() {
		return a
	}
	return fmt.Sprint(a)
}

// Count is Say with one of two formats: that for one, or that for any other
// number. The number is the first argument, of both.
func Count[N int | int64](n N, one, many Format, args ...any) Said {
	f := many
	if n == 1 {
		f = one
	}
	return Say(f, append([]any{int64(n)}, args...)...)
}

// Join puts sentences in a row.
func Join(parts []Said, between string) Said {
	if len(parts) < 2 {
		return Said(strings.Join(texts(parts), ""))
	}
	args := make([]any, len(parts))
	for i, p := range parts {
		args[i] = p
	}
	return Say(Format(strings.TrimSuffix(strings.Repeat("%s"+between, len(parts)), between)), args...)
}

// List names things, in a row with commas.
func List(names []string) Said {
	parts := make([]Said, len(names))
	for i, n := range names {
		parts[i] = Verbatim(n)
	}
	return Join(parts, ", ")
}

// Verbatim is text that nobody translates.
func Verbatim(text string) Said {
	if Said(text).Kept() {
		return Say("%s", text) // looks like one of ours and is not
	}
	return Said(text)
}

// SaidOf is what an error says: the words of the first in its chain that has such,
// else its text.
func SaidOf(err error) Said {
	var e interface{ Said() Said }
	if errors.As(err, &e) {
		return e.Said()
	}
	return Verbatim(err.Error())
}

// Kept reports whether s is more than plain text.
func (s Said) Kept() bool { return strings.HasPrefix(string(s), `["`) }

// raw is s as an argument of another.
func (s Said) raw() any {
	if s.Kept() && json.Valid([]byte(s)) {
		return json.RawMessage(s)
	}
	return string(s)
}

// Parts takes a sentence apart. Arguments are strings, int64 or Said.
// Plain text is the one argument of the format "%s".
func (s Said) Parts() (Format, []any) {
	var raw []json.RawMessage
	var f Format
	if !s.Kept() || json.Unmarshal([]byte(s), &raw) != nil || json.Unmarshal(raw[0], &f) != nil {
		return "%s", []any{string(s)}
	}
	args := make([]any, len(raw)-1)
	for i, r := range raw[1:] {
		args[i] = argument(r)
	}
	return f, args
}

func argument(raw json.RawMessage) any {
	var (
		text  string
		whole int64
	)
	switch {
	case raw[0] == '[':
		return Said(raw)
	case json.Unmarshal(raw, &text) == nil:
		return text
	case json.Unmarshal(raw, &whole) == nil:
		return whole
	}
	return string(raw)
}

// In puts a sentence into the language that a catalogue holds.
func (s Said) In(catalogue func(f Format, args []any) Format) string {
	if !s.Kept() {
		return string(s)
	}
	f, args := s.Parts()
	spoken := catalogue(f, args)
	for i, a := range args {
		if part, ok := a.(Said); ok {
			args[i] = part.In(catalogue)
		}
	}
	return fmt.Sprintf(string(spoken), args...)
}

// String is the sentence in English.
func (s Said) String() string { return s.In(func(f Format, _ []any) Format { return f }) }

func texts(all []Said) []string {
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = string(s)
	}
	return out
}

// English are the sentences as text.
func English(all []Said) []string {
	var out []string
	for _, s := range all {
		out = append(out, s.String())
	}
	return out
}

// saidError is an error whose words are kept apart from what goes into them.
type saidError struct {
	said   Said
	causes []error
}

func (e *saidError) Error() string   { return e.said.String() }
func (e *saidError) Said() Said      { return e.said }
func (e *saidError) Unwrap() []error { return e.causes }

// Errorf makes an error that a person is to read in their own language: SaidOf
// gives its words. It wraps the errors among its arguments, whatever their verb.
func Errorf(f Format, args ...any) error {
	e := &saidError{said: Say(f, args...)}
	for _, a := range args {
		if err, ok := a.(error); ok {
			e.causes = append(e.causes, err)
		}
	}
	return e
}
